//! What Kiln's tests share: reference values, comparisons with a tolerance, gradients by differences, [`laws`] of every optimiser
//! and schedule, and a check for [import cycles](import_cycles).
//!
//! This is a development dependency. The reference values were computed in float64 by PyTorch, SciPy, scikit-learn and statsmodels
//! with `tests/reference/gen/make_reference.py`.

pub mod curvature;
mod imports;
pub mod laws;

use std::{path::PathBuf, sync::OnceLock};

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use serde_json::Value;

pub use self::imports::import_cycles;

/// Returns the content of `tests/reference/<name>.json`.
///
/// # Panics
/// If the file is missing or is not JSON.
pub fn reference(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/reference/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    // Python writes moments that do not exist (Cauchy's mean) as NaN or Infinity, which JSON lacks.
    let text = text.replace("NaN", "null").replace("-Infinity", "null").replace("Infinity", "null");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Returns all numbers of a JSON value, depth first: a scalar, a vector or a matrix in row-major order.
///
/// # Panics
/// If the value holds anything but arrays and numbers.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap_or_else(|| panic!("expected a number, got {other}"))],
    }
}

/// Returns the CPU in f64. Burn fixes a device's float type once per process, so a test binary that calls this computes in f64
/// throughout.
pub fn f64_device() -> Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    let device = DEVICE.get_or_init(|| {
        let mut device = Device::flex();
        device.configure(FloatDType::F64).expect("f64_device() comes before the first tensor of a test binary");
        device
    });
    device.clone()
}

/// Returns a tensor of `values` on `device`.
pub fn tensor<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// Returns the values of a tensor, in row-major order.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.without_autodiff().try_into_vec_as::<f64>().expect("a float tensor converts to f64")
}

/// Panics unless |actual − expected| ≤ `rtol`·|expected| + `atol` for every element. NaN is never close. An expected infinity is an
/// error, because every finite number would be within `rtol`·∞ of it.
#[track_caller]
pub fn assert_close(actual: &[f64], expected: &[f64], rtol: f64, atol: f64, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}: lengths differ");
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!(e.is_finite(), "{what}[{i}]: the expected value {e} is not finite; compare it with assert_eq!");
        let (error, tolerance) = ((a - e).abs(), rtol * e.abs() + atol);
        assert!(error <= tolerance, "{what}[{i}]: got {a:e}, expected {e:e}; off by {error:e}, allowed {tolerance:e}");
    }
}

/// Compares the gradient of a scalar function with central differences, in f64.
///
/// The step h = ε^⅓·max(1, |x|) balances the truncation error h²·f‴/6 with the rounding error ε·f/h. Both are about ε^⅔ ≈ 4e-11
/// times the function's scale, so a `tolerance` of 1e-8 allows a scale of some hundreds.
///
/// # Panics
/// If an entry differs by more than `tolerance`·max(1, |difference|), or `f` is not one number.
#[track_caller]
pub fn check_gradient(f: impl Fn(Tensor<1>) -> Tensor<1>, at: &[f64], tolerance: f64, what: &str) {
    let device = f64_device().autodiff();
    let x = tensor(at, [at.len()], &device).require_grad();
    let gradient = x.grad(&f(x.clone()).backward()).unwrap_or_else(|| panic!("{what}: the value does not depend on x"));
    let gradient = values(gradient);
    for i in 0..at.len() {
        let h = f64::EPSILON.cbrt() * at[i].abs().max(1.0);
        let shifted = |h: f64| {
            let mut x = at.to_vec();
            x[i] += h;
            f(tensor(&x, [x.len()], &f64_device())).into_scalar::<f64>()
        };
        let difference = (shifted(h) - shifted(-h)) / (2.0 * h);
        let error = (gradient[i] - difference).abs();
        let allowed = tolerance * difference.abs().max(1.0);
        assert!(error <= allowed, "{what}: ∂/∂x{i} is {:e}, by differences {difference:e}", gradient[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_within_the_tolerance_are_close() {
        assert_close(&[1.0 + 1e-13, 1e-17], &[1.0, 0.0], 1e-12, 1e-16, "near");
        assert_eq!(numbers(&serde_json::json!([[1, 2.5], [3]])), [1.0, 2.5, 3.0]);
    }

    #[test]
    #[should_panic(expected = "x[1]: got 2e0, expected 1e0")]
    fn a_difference_is_named() {
        assert_close(&[1.0, 2.0], &[1.0, 1.0], 1e-12, 0.0, "x");
    }

    #[test]
    #[should_panic(expected = "x[0]")]
    fn nan_is_not_close() {
        assert_close(&[f64::NAN], &[1.0], 1.0, 1.0, "x");
    }

    #[test]
    #[should_panic(expected = "not finite")]
    fn infinity_is_not_expected() {
        assert_close(&[1.0], &[f64::INFINITY], 1e-12, 0.0, "x");
    }

    #[test]
    #[should_panic(expected = "lengths differ")]
    fn lengths_must_agree() {
        assert_close(&[1.0], &[1.0, 2.0], 1e-12, 0.0, "x");
    }

    #[test]
    fn a_right_gradient_passes() {
        check_gradient(|x| (x.clone().exp() * x.sin()).sum(), &[0.4, -2.0, 3.0], 1e-8, "eˣ sin x");
    }

    #[test]
    #[should_panic(expected = "∂/∂x0")]
    fn a_wrong_gradient_fails() {
        // The factor is a constant for autodiff, but a function of x for the differences.
        check_gradient(|x| (x.clone().detach() * x).sum(), &[0.4], 1e-8, "x²");
    }
}
