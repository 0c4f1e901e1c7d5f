//! Bases of splines.

use super::{
    cubic,
    factor::{Extrapolation, Spline, SplineKind},
    sums::inner_quantiles,
};

/// Learns the knots of a spline, with the bounds, and the means of the features if it is centred. The reason why there are none is a part of a sentence.
pub(super) fn learn(spline: &Spline, x: &[f64]) -> Result<(Vec<f64>, Vec<f64>), String> {
    let knots = learn_knots(spline, x)?;
    let means =
        if spline.center { cubic::means(&free(spline, &knots, x), free_width(spline, &knots)) } else { Vec::new() };
    Ok((knots, means))
}

/// Returns the number of knots between the bounds.
fn inner(spline: &Spline) -> usize {
    match (&spline.knots, spline.df, spline.kind) {
        (Some(knots), ..) => knots.len(),
        (None, None, _) => 0,
        (None, Some(df), SplineKind::Basis { degree, include_intercept }) => {
            df - degree - usize::from(include_intercept)
        }
        (None, Some(df), kind) => df + usize::from(spline.center) + usize::from(kind == SplineKind::Cyclic) - 2,
    }
}

fn learn_knots(spline: &Spline, x: &[f64]) -> Result<Vec<f64>, String> {
    let lower = spline.lower.unwrap_or_else(|| x.iter().copied().fold(f64::INFINITY, f64::min));
    let upper = spline.upper.unwrap_or_else(|| x.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    if lower >= upper {
        return Err(format!("its bounds are {lower} and {upper}: it needs at least two different values"));
    }
    let mut inside: Vec<f64> = x.to_vec();
    if spline.extrapolation != Extrapolation::Extend || !matches!(spline.kind, SplineKind::Basis { .. }) {
        inside.retain(|x| (lower..=upper).contains(x));
    }
    inside.sort_by(f64::total_cmp);
    let count = inner(spline);
    match (spline.kind, &spline.knots) {
        (_, None) if count > 0 && inside.is_empty() => Err("no value is within its bounds".into()),
        (SplineKind::Basis { degree, .. }, given) => {
            let between = match given {
                Some(knots) => knots.clone(),
                None if count == 0 => Vec::new(),
                None => inner_quantiles(&inside, count, 1.0),
            };
            let knots = [vec![lower; degree + 1], between, vec![upper; degree + 1]].concat();
            match knots.windows(2).find(|pair| pair[0] > pair[1]) {
                Some(pair) => Err(format!("its knots {} and {} are not in order within its bounds", pair[0], pair[1])),
                None => Ok(knots),
            }
        }
        (_, given) => {
            inside.dedup_by(|a, b| *a <= *b);
            let between = match given {
                Some(knots) => knots.clone(),
                None if count == 0 => Vec::new(),
                None => inner_quantiles(&inside, count, 100.0),
            };
            if let Some(knot) = between.iter().find(|knot| !(lower..=upper).contains(*knot)) {
                return Err(format!("its knot {knot} is not within its bounds, {lower} and {upper}"));
            }
            let mut knots = [vec![lower, upper], between].concat();
            knots.sort_by(f64::total_cmp);
            knots.dedup_by(|a, b| *a <= *b);
            let why = || format!("it needs {} different knots, and {} values differ", count + 2, inside.len());
            if knots.len() == count + 2 { Ok(knots) } else { Err(why()) }
        }
    }
}

/// Returns whether knots and means that were read from a file can be those of a spline.
pub(super) fn are_good(spline: &Spline, knots: &[f64], means: &[f64]) -> bool {
    let finite = knots.iter().chain(means).all(|value| value.is_finite());
    let inner = inner(spline);
    let ascending = match spline.kind {
        SplineKind::Basis { degree, .. } => {
            knots.len() == inner + 2 * (degree + 1)
                && knots.windows(2).all(|pair| pair[0] <= pair[1])
                && knots[degree] < knots[degree + 1 + inner]
        }
        _ => knots.len() == inner + 2 && knots.windows(2).all(|pair| pair[0] < pair[1]),
    };
    finite && ascending && means.len() == if spline.center { free_width(spline, knots) } else { 0 }
}

/// Returns the smallest and the largest value of a spline.
pub(super) fn bounds(knots: &[f64]) -> (f64, f64) {
    (knots[0], knots[knots.len() - 1])
}

/// Returns the number of features before one is left out.
pub(super) fn width(spline: &Spline, knots: &[f64]) -> usize {
    free_width(spline, knots) - usize::from(spline.center)
}

/// Returns the number of features without the constraint.
fn free_width(spline: &Spline, knots: &[f64]) -> usize {
    match spline.kind {
        SplineKind::Basis { degree, .. } => knots.len() - degree - 1,
        SplineKind::Natural { .. } => knots.len(),
        SplineKind::Cyclic => knots.len() - 1,
    }
}

/// Returns all features of a spline at `x` in row-major order. Every `x` is within the bounds unless the spline extrapolates.
pub(super) fn evaluate(spline: &Spline, knots: &[f64], means: &[f64], x: &[f64]) -> Vec<f64> {
    let (lower, upper) = bounds(knots);
    let mut values = free(spline, knots, x);
    if spline.center {
        values = cubic::centred(&values, means);
    }
    if spline.extrapolation == Extrapolation::Zero {
        let rows = values.chunks_exact_mut(width(spline, knots).max(1)).zip(x);
        rows.filter(|(_, x)| !(lower..=upper).contains(*x)).for_each(|(row, _)| row.fill(0.0));
    }
    values
}

/// Returns all features without the constraint.
fn free(spline: &Spline, knots: &[f64], x: &[f64]) -> Vec<f64> {
    let (lower, upper) = bounds(knots);
    let clip = |x: f64| if spline.extrapolation == Extrapolation::Clip { x.clamp(lower, upper) } else { x };
    let x: Vec<f64> = x.iter().map(|x| clip(*x)).collect();
    match spline.kind {
        SplineKind::Basis { degree, .. } => {
            let extends = spline.extrapolation == Extrapolation::Extend;
            x.iter().flat_map(|x| basis(*x, knots, degree, extends)).collect()
        }
        SplineKind::Natural { .. } => cubic::natural(knots, &x),
        SplineKind::Cyclic => cubic::cyclic(knots, &x),
    }
}

/// Returns the B-splines at `x` by the recurrence of Cox and de Boor, in the order of formulaic's operations.
fn basis(x: f64, knots: &[f64], degree: usize, extends: bool) -> Vec<f64> {
    let last = knots.len() - degree - 1;
    let indicator = |i: usize| {
        let after = x >= knots[i] || (extends && i == degree);
        let before = match i + 1 == last {
            true => extends || x <= knots[i + 1],
            false => x < knots[i + 1],
        };
        f64::from(u8::from(after && before))
    };
    let mut values: Vec<f64> = (0..knots.len() - 1).map(indicator).collect();
    let alpha = |i: usize, d: usize| {
        let distance = knots[i + d] - knots[i];
        if distance > 0.0 { (x - knots[i]) / distance } else { 0.0 }
    };
    for d in 1..=degree {
        for i in 0..knots.len() - d - 1 {
            values[i] = alpha(i, d) * values[i] + (1.0 - alpha(i + 1, d)) * values[i + 1];
        }
    }
    values.truncate(last);
    values
}
