//! Functions of numbers that are applied to tensors elementwise on the host, with their derivatives.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::host;

/// Returns P(a, x) = γ(a, x)/Γ(a) for a > 0, x ≥ 0, the regularised lower incomplete gamma function. Shapes broadcast.
pub fn gamma_p<const D: usize>(a: Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    with_partials([a, x], |[a, x]| host::gamma_p(a, x))
}

/// Returns Q(a, x) = 1 − P(a, x), with a small relative error where it is small.
pub fn gamma_q<const D: usize>(a: Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    with_partials([a, x], |[a, x]| host::gamma_q(a, x))
}

/// Returns Iₓ(a, b) for a, b > 0 and x in [0, 1], the regularised incomplete beta function. Shapes broadcast.
pub fn beta_i<const D: usize>(a: Tensor<D>, b: Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    with_partials([a, b, x], |[a, b, x]| host::beta_i(a, b, x))
}

/// Applies f elementwise, on the host in f64 and on all threads. f returns its value and its derivative in each argument. Shapes
/// broadcast.
///
/// Gradients flow to every tracked argument. The function waits for the device, cannot be recorded, and has no second derivatives.
pub fn with_partials<const D: usize, const N: usize>(
    inputs: [Tensor<D>; N],
    f: impl Fn([f64; N]) -> (f64, [f64; N]) + Sync,
) -> Tensor<D> {
    let shape: [usize; D] =
        std::array::from_fn(|i| inputs.iter().map(|input| input.dims()[i]).find(|size| *size != 1).unwrap_or(1));
    let inputs = inputs.map(|input| if input.dims() == shape { input } else { input.expand(shape) });
    let like = (&inputs[0].device(), inputs[0].dtype());
    let host = |tensor: &Tensor<D>| -> Vec<f64> {
        tensor.clone().without_autodiff().into_data().try_into_vec_as().expect("floats")
    };
    let numbers = inputs.each_ref().map(host);
    let entries: Vec<(f64, [f64; N])> =
        (0..shape.iter().product()).into_par_iter().map(|i| f(std::array::from_fn(|n| numbers[n][i]))).collect();
    let tensor = |numbers: Vec<f64>| Tensor::<D>::from_data(TensorData::new(numbers, shape), like);
    let value = tensor(entries.iter().map(|(value, _)| *value).collect());
    inputs.into_iter().enumerate().filter(|(_, input)| input.is_tracked()).fold(value, |value, (n, input)| {
        // If either is infinite the product would not be 0.
        let known = |(partial, input): (f64, f64)| if input.is_finite() && partial.is_finite() { partial } else { 0.0 };
        let partials = entries.iter().map(|(_, partials)| partials[n]).zip(numbers[n].iter().copied());
        let partial = tensor(partials.map(known).collect());
        let fixed = input.clone().without_autodiff();
        let endless = fixed.clone().is_finite().bool_not();
        // Zero, with the derivative.
        value + (input.mask_fill(endless.clone(), 0.0) - fixed.mask_fill(endless, 0.0)) * partial
    })
}

#[cfg(test)]
mod tests {
    use kiln_testkit::check_gradient;

    use super::*;

    #[test]
    fn gradients_flow_to_every_argument() {
        let at = [0.3, 1.0, 2.5, 12.0, 40.0];
        check_gradient(|a| gamma_p(a.clone(), a * 0.9 + 0.2).sum(), &at, 1e-8, "P(a, 0.9a + 0.2)");
        check_gradient(|a| gamma_q(a.clone(), a * 2.0).sum(), &at, 1e-8, "Q(a, 2a)");
        check_gradient(
            |a| beta_i(a.clone(), a.clone().square() + 0.1, (-a * 0.1).exp()).sum(),
            &[0.3, 1.0, 2.5, 6.0],
            1e-8,
            "I",
        );
    }
}
