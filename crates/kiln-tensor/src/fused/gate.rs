//! Activations that multiply a number by a distribution function of it.

use burn::tensor::Tensor;

use super::epilogue::Gate;
use crate::special::{normal_cdf, sigmoid};

/// Returns the Gaussian error linear unit x·Φ(x) of each number, where Φ is the distribution function of N(0, 1).
///
/// It is the exact function, not its approximation by tanh, and so is its gradient.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::fused::gelu;
///
/// let y = gelu(Tensor::<1>::from_data([0.0, 1.0], &Device::default())).try_into_vec_as::<f64>().unwrap();
/// assert!(y[0] == 0.0 && (y[1] - 0.841345).abs() < 1e-6);
/// ```
///
/// # References
/// Hendrycks and Gimpel, *Gaussian Error Linear Units* (2016).
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    gated(x, Gate::Normal)
}

/// Returns the sigmoid linear unit x·σ(x) of each number, also called swish.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::fused::silu;
///
/// let y = silu(Tensor::<1>::from_data([0.0, 1.0], &Device::default())).try_into_vec_as::<f64>().unwrap();
/// assert!(y[0] == 0.0 && (y[1] - 0.731059).abs() < 1e-6);
/// ```
///
/// # References
/// Elfwing, Uchibe and Doya, *Sigmoid-Weighted Linear Units* (2018).
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    gated(x, Gate::Logistic)
}

fn gated<const D: usize>(x: Tensor<D>, gate: Gate) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if super::by_kernel(&x) {
        use super::flex::Fused;
        use burn::backend::Dispatch;
        return Tensor::from_dispatch(Dispatch::fused_gate(x.into_dispatch(), gate));
    }
    plain(x, gate)
}

fn plain<const D: usize>(x: Tensor<D>, gate: Gate) -> Tensor<D> {
    match gate {
        Gate::Normal => x.clone() * normal_cdf(x),
        Gate::Logistic => x.clone() * sigmoid(x),
    }
}

impl Gate {
    pub(super) fn of<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        gated(x, self)
    }
}

#[cfg(test)]
mod tests {
    use kiln_testkit::{assert_close, check_gradient, f64_device, tensor, values};

    use super::*;
    use crate::fused::tests::{SIZES, agree, normals};

    #[test]
    fn the_kernel_agrees_with_tensor_operations_forward_and_back() {
        for gate in [Gate::Normal, Gate::Logistic] {
            for (n, d) in SIZES {
                let with = |f: fn(Tensor<2>, Gate) -> Tensor<2>| move |[x]: [Tensor<2>; 1]| f(x * 3.0, gate);
                agree([normals([n, d], "x")], with(gated), with(plain), &format!("{gate:?} {n}×{d}"));
            }
        }
    }

    /// The values are mpmath's, in 30 digits.
    #[test]
    fn the_values_are_exact_also_in_the_tails() {
        let device = f64_device();
        let x = [-40.0, -10.0, -3.0, -0.5, -1e-9, 0.0, 1e-9, 0.5, 3.0, 10.0, 40.0];
        let of_normal = [
            0.0,
            -7.619_853_024_160_526e-23,
            -0.004_049_694_094_890_283_5,
            -0.154_268_769_362_993_44,
            -4.999_999_996_010_577e-10,
            0.0,
            5.000_000_003_989_423e-10,
            0.345_731_230_637_006_56,
            2.995_950_305_905_11,
            10.0,
            40.0,
        ];
        let of_logistic = [
            -1.699_341_702_116_635_5e-16,
            -0.000_453_978_687_024_343_95,
            -0.142_277_619_532_700_35,
            -0.188_770_334_399_072_73,
            -4.999_999_997_5e-10,
            0.0,
            5.000_000_002_500_001e-10,
            0.311_229_665_600_927_3,
            2.857_722_380_467_299_8,
            9.999_546_021_312_976,
            40.0,
        ];
        for (f, expected) in [(gelu::<1> as fn(Tensor<1>) -> Tensor<1>, of_normal), (silu, of_logistic)] {
            let got = values(f(tensor::<1>(&x, [x.len()], &device)));
            // Φ is exact to a few roundings times x² in its tail. The first value of gelu is below the smallest number.
            for (at, (got, expected)) in x.iter().zip(got.iter().zip(&expected)) {
                assert_close(&[*got], &[*expected], 4e-16 * (1.0 + at * at), 1e-320, &format!("at {at}"));
            }
            let nan = values(f(tensor::<1>(&[f64::NAN], [1], &device)));
            assert!(nan[0].is_nan());
        }
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let at = [-4.0, -0.7, 0.0, 0.3, 5.0];
        check_gradient(|x| gelu(x).sum(), &at, 1e-8, "gelu");
        check_gradient(|x| silu(x).sum(), &at, 1e-8, "silu");
    }
}
