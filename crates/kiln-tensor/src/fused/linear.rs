//! act(x·W + b).

use burn::{nn, tensor::Tensor};

use super::Activation;

/// Returns act(x·W + b), `[n, m]`, for x `[n, d]`, W `[d, m]` and b `[m]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::fused::{Activation, linear};
///
/// let device = Device::default();
/// let (x, weight) = (Tensor::from_data([[1.0, -3.0]], &device), Tensor::from_data([[1.0, 2.0], [0.0, 1.0]], &device));
/// let y = linear(x, weight, Some(Tensor::from_data([0.5, 0.5], &device)), Activation::Relu);
/// assert_eq!(y.try_into_vec_as::<f32>().unwrap(), [1.5, 0.0]);
/// ```
///
/// # Panics
/// If the shapes or float types do not fit together.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Tensor<2> {
    let [d, m] = weight.dims();
    assert_eq!(x.dims()[1], d, "x has as many columns as the weight has rows");
    assert!(bias.as_ref().is_none_or(|bias| bias.dims() == [m]), "the bias has as many entries as the weight columns");
    #[cfg(feature = "flex")]
    if let Some(bias) = bias.as_ref().filter(|_| super::by_kernel(&x)) {
        use super::flex::Fused;
        use burn::backend::Dispatch;
        let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.clone().into_dispatch());
        let (epilogue, gate) = activation.parts();
        let y = Tensor::from_dispatch(Dispatch::fused_linear(x, weight, bias, epilogue));
        return gate.into_iter().fold(y, |y, gate| gate.of(y));
    }
    #[cfg(feature = "cube")]
    if let Some(bias) = bias.as_ref().filter(|_| super::on_cube(&x)) {
        use super::cube::OnCube;
        use burn::backend::Dispatch;
        let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.clone().into_dispatch());
        let (epilogue, gate) = activation.parts();
        let y = Dispatch::on_cube_linear(x, weight, bias, epilogue, super::matmul_precision());
        return gate.into_iter().fold(Tensor::from_dispatch(y), |y, gate| gate.of(y));
    }
    #[cfg(feature = "cube")]
    if super::on_cube(&x) {
        return activation.of(super::matmul(x, weight));
    }
    plain(x, weight, bias, activation)
}

fn plain(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>, activation: Activation) -> Tensor<2> {
    activation.of(burn::tensor::module::linear(x, weight, bias))
}

/// Returns [`linear`] with the parameters of `layer`.
pub fn dense(layer: &nn::Linear, x: Tensor<2>, activation: Activation) -> Tensor<2> {
    linear(x, layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val()), activation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fused::tests::{ALL, SIZES, agree, normals};

    #[test]
    fn the_kernel_agrees_with_tensor_operations_forward_and_back() {
        for activation in ALL {
            for (n, m) in SIZES {
                let inputs = [normals([n, 37], "x"), normals([37, m], "weight"), normals([1, m], "bias")];
                let with = |f: fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>, Activation) -> Tensor<2>| {
                    move |[x, weight, bias]: [Tensor<2>; 3]| f(x, weight, Some(bias.reshape([m])), activation)
                };
                agree(inputs, with(linear), with(plain), &format!("{activation:?} {n}×{m}"));
            }
        }
    }

    /// Transposed matrices, parts of a larger matrix, and one repeated row.
    #[test]
    fn any_layout_will_do() {
        let odd = |f: fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>, Activation) -> Tensor<2>| {
            move |[x, weight, bias]: [Tensor<2>; 3]| {
                let x = Tensor::cat(vec![x.clone().transpose().narrow(0, 1, 5), x.transpose().narrow(0, 0, 1)], 0);
                let weight = weight.flip([0]).narrow(1, 2, 4).transpose().transpose();
                let y = f(x.clone(), weight, Some(bias.narrow(1, 3, 4).reshape([4])), Activation::Relu);
                y.clone().narrow(0, 2, 1).expand([3, 4]) * y.narrow(0, 0, 3)
            }
        };
        agree(
            [normals([9, 7], "x"), normals([9, 8], "weight"), normals([1, 8], "bias")],
            odd(linear),
            odd(plain),
            "odd",
        );
    }

    /// Inputs without a gradient are not kept: a frozen weight, or data.
    #[test]
    fn each_input_may_be_a_constant() {
        for constant in [0, 1] {
            let with = |f: fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>, Activation) -> Tensor<2>| {
                move |[tracked, bias]: [Tensor<2>; 2]| {
                    let fixed = tracked.clone().detach().sin();
                    let (x, weight) = if constant == 0 { (fixed, tracked) } else { (tracked, fixed) };
                    f(x, weight, Some(bias.reshape([5])), Activation::Relu)
                }
            };
            agree([normals([5, 5], "tracked"), normals([1, 5], "bias")], with(linear), with(plain), "a constant");
        }
    }

    /// Against the standard library, across the join of the two formulas at 0.55 and for large arguments.
    #[test]
    fn tanh_is_that_of_the_standard_library() {
        let xs: Vec<f64> = (-4000..=4000).map(|i| f64::from(i) / 400.0).chain([1e-9, 30.0, -1e4]).collect();
        let device = kiln_testkit::f64_device();
        let x = kiln_testkit::tensor::<2>(&xs, [xs.len(), 1], &device);
        let (one, zero) = (Tensor::ones([1, 1], &device), Tensor::zeros([1], &device));
        let got = kiln_testkit::values(linear(x, one, Some(zero), Activation::Tanh));
        let expected: Vec<f64> = xs.iter().map(|x| x.tanh()).collect();
        // Five roundings.
        kiln_testkit::assert_close(&got, &expected, 1.2e-15, 0.0, "tanh");
        let nan = linear(
            Tensor::full([1, 1], f64::NAN, &device),
            Tensor::ones([1, 1], &device),
            Some(Tensor::zeros([1], &device)),
            Activation::Tanh,
        );
        assert!(kiln_testkit::values(nan)[0].is_nan());
    }

    #[test]
    fn without_inner_length_the_bias_is_left() {
        let device = burn::tensor::Device::default();
        let y = linear(
            Tensor::zeros([2, 0], &device),
            Tensor::zeros([0, 3], &device),
            Some(Tensor::from_data([1.0, -2.0, 3.0], &device)),
            Activation::Relu,
        );
        assert_eq!(y.try_into_vec_as::<f32>().unwrap(), [1.0, 0.0, 3.0, 1.0, 0.0, 3.0]);
    }
}
