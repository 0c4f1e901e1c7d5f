//! Why no lower point was found.

use kiln_tensor::derivative::{EvaluationError, Objective};

use super::{
    outcome::Status,
    problem::{Counted, Point, dots, epsilon},
};

/// Compares the gradient with differences of values along it, by central differences of two lengths. If they agree, and the function bends as a
/// smooth one does, what is left is below the rounding error of the value.
pub(super) fn why<P: Objective>(problem: &Counted<'_, P>, at: &Point) -> Result<Status, EvaluationError> {
    let [square, size] = dots([[&at.gradient, &at.gradient], [&at.x, &at.x]]);
    let norm = square.sqrt();
    if !norm.is_normal() {
        return Ok(Status::AtRounding);
    }
    let unit = at.gradient.clone() / norm;
    let h = epsilon(&at.x).cbrt() * (1.0 + size.sqrt());
    let noise = problem.rounding(at);
    // The slope at a distance, and the bend: the second difference.
    let differences = |h: f64| {
        let [up, down] = [h, -h].map(|t| problem.plain_value(&(at.x.clone() + unit.clone() * t)));
        let (up, down) = (up?, down?);
        Ok::<_, EvaluationError>(((up - down) / (2.0 * h), (up + down - 2.0 * at.value) / (h * h)))
    };
    let ((far, far_bend), (near, near_bend)) = (differences(h)?, differences(0.5 * h)?);
    // The error of the extrapolated slope: of the third derivative, and of rounding.
    let error = (far - near).abs() + 8.0 * noise / h;
    let agrees = ((4.0 * near - far) / 3.0 - norm).abs() <= 0.1 * norm + error;
    // A kink bends twice as much at half the distance.
    let is_kink = near_bend > 1.5 * far_bend.abs() + 32.0 * noise / (h * h);
    Ok(if agrees && !is_kink { Status::AtRounding } else { Status::NoProgress })
}
