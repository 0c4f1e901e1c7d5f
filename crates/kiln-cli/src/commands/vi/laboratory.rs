//! Bias and variance of each gradient estimator, on posteriors whose bound has an exact gradient.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    dist::{Factors, LogJoint},
    train::vi::{Estimator, MeanField, gradient_moments},
};
use serde::Serialize;

use super::flags::ViFlags;
use crate::{
    base::{
        Console, Exit, OutputFolder, Result,
        plot::{Axis, Curve, Legend, Marks, Panel},
        require, table,
    },
    context::{Compute, Memory},
};

const JSON: &str = "estimators.json";
const PICTURE: &str = "estimators.png";

const PARTICLES: [usize; 3] = [10, 100, 1000];

/// A posterior, a guide that differs from it, and the exact gradient of the negative bound with respect to the guide's means and log deviations.
struct Bench {
    name: &'static str,
    problem: &'static str,
    posterior: Known,
    loc: Vec<f64>,
    scale: Vec<f64>,
}

#[derive(Clone, Debug)]
enum Known {
    /// N(·): ln p = bᵀz − ½·zᵀΛz.
    Normal { precision: Vec<f64>, pull: Vec<f64> },
    /// A Poisson rate e^z with a gamma prior: ln p = a·z − b·e^z.
    LogRate { a: f64, b: f64 },
}

impl Bench {
    fn all() -> [Self; 2] {
        [
            Self {
                name: "normal",
                problem: "three correlated normal numbers",
                posterior: Known::Normal {
                    precision: vec![62.0, 38.0, -4.0, 38.0, 45.0, 3.0, -4.0, 3.0, 70.0],
                    pull: vec![55.0, 20.0, 12.0],
                },
                loc: vec![0.9, -0.2, 0.1],
                scale: vec![0.2, 0.3, 0.15],
            },
            Self {
                name: "log-rate",
                problem: "the logarithm of a Poisson rate, with a gamma prior",
                posterior: Known::LogRate { a: 71.0, b: 10.5 },
                loc: vec![1.8],
                scale: vec![0.2],
            },
        ]
    }

    fn exact(&self) -> Vec<f64> {
        let d = self.loc.len();
        match &self.posterior {
            Known::Normal { precision, pull } => {
                let slope = |i: usize| (0..d).map(|j| precision[i * d + j] * self.loc[j]).sum::<f64>() - pull[i];
                let width = |i: usize| precision[i * d + i] * self.scale[i].powi(2) - 1.0;
                (0..d).map(slope).chain((0..d).map(width)).collect()
            }
            // E e^z = exp(μ + ½σ²).
            Known::LogRate { a, b } => {
                let rate = b * (self.loc[0] + 0.5 * self.scale[0].powi(2)).exp();
                vec![rate - a, rate * self.scale[0].powi(2) - 1.0]
            }
        }
    }
}

impl LogJoint for Known {
    fn dims(&self) -> usize {
        match self {
            Self::Normal { pull, .. } => pull.len(),
            Self::LogRate { .. } => 1,
        }
    }

    fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
        let like = (&z.device(), z.dtype());
        match self {
            Self::Normal { precision, pull } => {
                let d = pull.len();
                let precision = Tensor::<2>::from_data(TensorData::new(precision.clone(), [d, d]), like);
                let pull = Tensor::<2>::from_data(TensorData::new(pull.clone(), [1, d]), like);
                let bent = z.clone().matmul(precision) * -0.5 + pull;
                (bent * z).sum_dim(1).squeeze_dim(1)
            }
            Self::LogRate { a, b } => (z.clone() * *a - z.exp() * *b).squeeze_dim(1),
        }
    }

    /// The normal has one term per pair of numbers, and one per number.
    fn factors(&self, z: Tensor<2>) -> Factors {
        let Self::Normal { precision, pull } = self else {
            return Factors::one(self.log_joint(z), self.dims());
        };
        let (d, [s, _], like) = (pull.len(), z.dims(), (&z.device(), z.dtype()));
        let column = |i: usize| z.clone().slice([0..s, i..i + 1]);
        let (mut terms, mut involved) = (Vec::new(), Vec::new());
        for i in 0..d {
            for j in 0..=i {
                let (product, own) = (column(i) * column(j), precision[i * d + j]);
                terms.push(if i == j { product * (-0.5 * own) + column(i) * pull[i] } else { product * -own });
                involved.extend((0..d).map(|k| f64::from(u8::from(k == i || k == j))));
            }
        }
        let involved = Tensor::from_data(TensorData::new(involved, [terms.len(), d]), like);
        Factors { terms: Tensor::cat(terms, 1), involved }
    }
}

/// One line of `estimators.json`.
#[derive(Serialize)]
struct Finding {
    problem: &'static str,
    estimator: &'static str,
    particles: usize,
    gradients: u64,
    exact: Vec<f64>,
    mean: Vec<f64>,
    standard_error: Vec<f64>,
    /// The largest bias of a parameter, in standard errors.
    worst_bias: f64,
    /// The variance of one gradient, summed over the parameters, with its 95% interval.
    variance: f64,
    variance_95: [f64; 2],
}

pub(crate) fn compare(flags: &ViFlags, compute: &Compute, console: Console) -> Result<Exit> {
    let draws = flags.draws.unwrap_or(100_000);
    require(draws >= 2000, "draws", "at least 2000", draws)?;
    Memory::default().with("draws", &[draws, 3, 8], 8).check()?;
    let out = flags.out.as_ref().map(|out| OutputFolder::new(out, &[JSON, PICTURE], flags.force)).transpose()?;
    let mut findings = Vec::new();
    for bench in Bench::all() {
        let d = bench.loc.len();
        let vector = |v: &[f64]| Tensor::from_data(TensorData::new(v.to_vec(), [d]), &compute.device);
        let guide = MeanField::from_parts(vector(&bench.loc), vector(&bench.scale))?;
        let exact = bench.exact();
        for estimator in Estimator::ALL.into_iter().filter(|estimator| estimator.is_of_elbo()) {
            console.note(format_args!("{}: {}", bench.name, estimator.name()));
            for particles in PARTICLES {
                let gradients = (draws / particles).max(2) as u64;
                let moments = gradient_moments(&bench.posterior, &guide, estimator, particles, gradients, flags.seed)?;
                let half = 1.96 * moments.variance_standard_error;
                findings.push(Finding {
                    problem: bench.name,
                    estimator: estimator.name(),
                    particles,
                    gradients: moments.repeats,
                    worst_bias: moments.worst_bias(&exact),
                    variance: moments.variance,
                    variance_95: [(moments.variance - half).max(0.0), moments.variance + half],
                    exact: exact.clone(),
                    mean: moments.mean,
                    standard_error: moments.standard_error,
                });
            }
        }
    }
    let problems: Vec<_> =
        Bench::all().iter().map(|b| serde_json::json!({ "name": b.name, "problem": b.problem })).collect();
    let json = serde_json::json!({ "seed": flags.seed, "draws": draws, "problems": problems, "findings": findings });
    if let Some(out) = &out {
        out.write_report((JSON, &json), (PICTURE, &panels(&findings)))?;
    }
    console.result(&json, || report(&findings))?;
    Ok(Exit::Done)
}

fn report(findings: &[Finding]) -> String {
    let rows = findings.iter().map(|f| {
        let [low, high] = f.variance_95;
        [
            f.problem.to_owned(),
            f.estimator.to_owned(),
            f.particles.to_string(),
            f.gradients.to_string(),
            format!("{:.2}", f.worst_bias),
            format!("{:.3e}", f.variance),
            format!("[{low:.3e}, {high:.3e}]"),
        ]
    });
    let header = ["PROBLEM", "ESTIMATOR", "PARTICLES", "GRADIENTS", "BIAS/SE", "VARIANCE", "95%"];
    table(header, rows.collect())
}

fn panels(findings: &[Finding]) -> [Panel; 2] {
    ["normal", "log-rate"].map(|problem| {
        let curve = |estimator: Estimator| {
            let own = findings.iter().filter(|f| f.problem == problem && f.estimator == estimator.name());
            Curve { name: estimator.name().to_owned(), points: own.map(|f| (f.particles as f64, f.variance)).collect() }
        };
        Panel {
            title: format!("Variance of a gradient, {problem}"),
            x: Axis::logarithmic("particles"),
            y: Axis::logarithmic("summed variance"),
            curves: Estimator::ALL.into_iter().filter(|estimator| estimator.is_of_elbo()).map(curve).collect(),
            legend: Legend::UpperRight,
            marks: Marks::Lines,
        }
    })
}
