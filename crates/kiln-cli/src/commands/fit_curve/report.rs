//! What a fitted curve says.

use std::path::Path;

use kiln::{
    burn::tensor::Tensor,
    optim::{
        least_squares::{CurveFit, CurvePoint},
        solver::SolverError,
    },
    tensor::special::tails,
};
use serde::Serialize;

use super::data::{Rows, Task};
use crate::base::{
    Failure, Result, digits,
    plot::{Axis, Curve, Legend, Marks, Panel},
    table,
};

/// The fitted curve at values of its column.
type Predicted<'p> = &'p dyn Fn(&[f64]) -> std::result::Result<Vec<CurvePoint>, SolverError>;

/// The JSON.
#[derive(Serialize)]
pub(super) struct Report<'f> {
    status: &'static str,
    message: &'f str,
    formula: String,
    parameters: Vec<Estimate>,
    level: f64,
    n: usize,
    df: usize,
    /// The square root of Σ r²/df; none without degrees of freedom.
    residual_std_error: Option<f64>,
    r_squared: f64,
    /// Row by row; null where a parameter has none.
    covariance: Vec<Vec<Option<f64>>>,
    /// ½·Σ ρ(r²).
    fun: f64,
    nit: usize,
    nfev: usize,
    njev: usize,
}

#[derive(Serialize)]
struct Estimate {
    name: String,
    start: f64,
    estimate: f64,
    std_err: Option<f64>,
    t: Option<f64>,
    p: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    /// Whether the parameter is held at a bound.
    at_bound: bool,
}

impl<'f> Report<'f> {
    pub(super) fn new(
        task: &Task,
        rows: &Rows,
        fit: &'f CurveFit<'_, Vec<Tensor<1>>>,
        status: &'static str,
        level: f64,
    ) -> Self {
        let (errors, intervals) = (fit.standard_errors(), fit.intervals(level));
        let (outcome, df) = (&fit.fit.outcome, fit.fit.degrees_of_freedom());
        let finite = |number: f64| number.is_finite().then_some(number);
        let parameters = (0..task.parameters.len())
            .map(|j| {
                let (estimate, std_err) = (fit.parameters[j], finite(errors[j]));
                let t = std_err.filter(|error| *error > 0.0).map(|error| estimate / error);
                Estimate {
                    name: task.parameters[j].clone(),
                    start: task.start[j],
                    estimate,
                    std_err,
                    t,
                    p: t.filter(|_| df > 0).map(|t| tails::student_t_two_sided(t, df as f64)),
                    low: finite(intervals[j][0]),
                    high: finite(intervals[j][1]),
                    at_bound: fit.fit.held.contains(&j),
                }
            })
            .collect();
        let n = task.parameters.len();
        Self {
            status,
            message: &outcome.message,
            formula: format!("{} ~ {}", task.response, task.curve),
            parameters,
            level,
            n: rows.n,
            df,
            residual_std_error: fit.fit.residual_variance().map(f64::sqrt),
            r_squared: fit.r_squared,
            covariance: (0..n).map(|i| (0..n).map(|j| finite(fit.covariance.at(i, j))).collect()).collect(),
            fun: outcome.value,
            nit: outcome.iterations,
            nfev: outcome.evaluations.values,
            njev: outcome.evaluations.gradients,
        }
    }

    /// `coef.csv`.
    pub(super) fn coefficients(&self) -> Vec<u8> {
        let shown = |number: Option<f64>| number.map_or_else(String::new, digits);
        let mut text = "name,estimate,std_err,t,p,low,high\n".to_owned();
        for Estimate { name, estimate, std_err, t, p, low, high, .. } in &self.parameters {
            let rest = [*std_err, *t, *p, *low, *high].map(shown).join(",");
            text += &format!("{name},{},{rest}\n", digits(*estimate));
        }
        text.into_bytes()
    }

    pub(super) fn text(&self, out: Option<&Path>) -> String {
        let shown = |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |number| format!("{number:.6}"));
        let precise = |number: f64| format!("{number:.9}");
        let rows = self.parameters.iter().map(|e| {
            let error =
                if e.at_bound { "at its bound".to_owned() } else { e.std_err.map_or_else(|| "–".into(), precise) };
            let interval = [e.low, e.high].map(|end| end.map_or_else(|| "–".into(), precise));
            let p =
                e.p.map_or_else(|| "–".to_owned(), |p| if p < 1e-4 { format!("{p:.1e}") } else { format!("{p:.4}") });
            let t = e.t.map_or_else(|| "–".to_owned(), |t| format!("{t:.3}"));
            let [low, high] = interval;
            [e.name.clone(), precise(e.estimate), error, t, p, low, high]
        });
        let percent = 100.0 * self.level;
        let (low, high) = (format!("low {percent}%"), format!("high {percent}%"));
        let coefficients =
            table(["PARAMETER", "ESTIMATE", "STD ERR", "T", "P", low.as_str(), high.as_str()], rows.collect());
        let mut text = format!(
            "{}: {}\n{}\n{coefficients}\nresidual standard error {} on {} degrees of freedom, {} rows, R² {:.6}\n\
             {} iterations, {} evaluations",
            self.formula,
            self.status,
            self.message,
            shown(self.residual_std_error),
            self.df,
            self.n,
            self.r_squared,
            self.nit,
            self.nfev
        );
        let unknown = self.parameters.iter().filter(|e| e.std_err.is_none() && !e.at_bound && self.df > 0);
        let unknown: Vec<&str> = unknown.map(|e| e.name.as_str()).collect();
        if !unknown.is_empty() {
            text += &format!("\nnot determined by the data: {}; give up a parameter, or bound it", unknown.join(", "));
        }
        if let Some(out) = out {
            text += &format!("\nwritten to {}", out.display());
        }
        text
    }
}

/// `fitted.csv`: the response, the curve with its standard error, and the residual of each row.
pub(super) fn fitted(fit: &CurveFit<'_, Vec<Tensor<1>>>, columns: Vec<Tensor<1>>, y: &[f64]) -> Result<Vec<u8>> {
    let points = fit.predict(columns).map_err(Failure::usage)?;
    let mut text = "response,fitted,std_err,residual\n".to_owned();
    for (y, point) in y.iter().zip(&points) {
        text += &format!("{y},{},{},{}\n", point.value, point.standard_error, y - point.value);
    }
    Ok(text.into_bytes())
}

/// The curve over one column, with its interval; the response beside the fitted values for several columns.
pub(super) fn panel(
    task: &Task,
    rows: &Rows,
    fit: &CurveFit<'_, Vec<Tensor<1>>>,
    y: &[f64],
    level: f64,
    at: Predicted<'_>,
) -> Result<Panel> {
    const POINTS: usize = 200;
    let title = format!("{} ~ {}", task.response, task.curve);
    let points = |x: &[f64], y: &[f64]| x.iter().copied().zip(y.iter().copied()).collect::<Vec<_>>();
    // The response may be computed from the same column; then the curve cannot be evaluated without it.
    if task.predictors != 1 || task.columns.len() < 2 {
        let residuals = &fit.fit.residuals;
        let sigma = |i: usize| rows.sigma.as_ref().map_or(1.0, |sigma| sigma[i]);
        let values: Vec<f64> = y.iter().enumerate().map(|(i, y)| y + residuals[i] * sigma(i)).collect();
        return Ok(Panel {
            title,
            x: Axis::linear("fitted"),
            y: Axis::linear(&task.response.to_string()),
            curves: vec![Curve { name: "rows".to_owned(), points: points(&values, y) }],
            legend: Legend::UpperLeft,
            marks: Marks::Points,
        });
    }
    let x = &rows.columns[0];
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    let grid: Vec<f64> = (0..=POINTS).map(|i| low + (high - low) * i as f64 / POINTS as f64).collect();
    let values = at(&grid).map_err(Failure::usage)?;
    let (least, most) = y.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(*y), high.max(*y)));
    let is_high = values.last().is_some_and(|last| last.value > 0.5 * (least + most));
    let quantile = fit.quantile(level);
    let shifted = |factor: f64| -> Vec<f64> {
        values.iter().map(|point| point.value + factor * quantile * point.standard_error).collect()
    };
    let band = |name: String, values: Vec<f64>| Curve { name, points: points(&grid, &values) };
    let percent = 100.0 * level;
    Ok(Panel {
        title,
        x: Axis::linear(&task.columns[0]),
        y: Axis::linear(&task.response.to_string()),
        curves: vec![
            band("curve".to_owned(), shifted(0.0)),
            band(format!("{percent}% interval, low"), shifted(-1.0)),
            band(format!("{percent}% interval, high"), shifted(1.0)),
            Curve { name: "rows".to_owned(), points: points(x, y) },
        ],
        // Where the curve is not, at its right end.
        legend: if is_high { Legend::LowerRight } else { Legend::UpperRight },
        marks: Marks::Fit,
    })
}
