//! Log-likelihoods of rows, from their logits.

#[cfg(feature = "cube")]
use burn::tensor::DType;
use burn::tensor::{Int, Tensor, activation::log_softmax};

/// Returns ln Bernoulli(x; σ(l)) = x·l − ln(1 + e^l) in nats, elementwise. Shapes broadcast.
///
/// It is computed by tensor operations as (l·x − max(l, 0)) − ln(1 + e^−|l|), which keeps small tails accurate.
pub fn bernoulli_log_prob<const D: usize>(logits: Tensor<D>, values: Tensor<D>) -> Tensor<D> {
    let magnitude = logits.clone().abs();
    // max(l, 0), exactly, with the derivative ½ at 0: a model that starts at zero has all its logits there.
    let positive = (logits.clone() + magnitude.clone()) * 0.5;
    logits * values - positive - (-magnitude).exp().log1p()
}

/// Returns Σ_j ln Bernoulli(x_ij; σ(l_ij)) = Σ_j [x_ij·l_ij − ln(1 + e^l_ij)] in nats, `[n]`, for logits and x of shape `[n, d]`.
///
/// x may be any number in [0, 1]. The result is accurate to rounding for finite logits of any size.
///
/// # Panics
/// If the shapes or float types differ.
pub fn bernoulli_log_likelihood(logits: Tensor<2>, values: Tensor<2>) -> Tensor<1> {
    assert_eq!(logits.dims(), values.dims(), "a value for every logit");
    #[cfg(feature = "flex")]
    if super::by_kernel(&logits) && !super::is_tracked(&values) {
        use super::flex::Fused;
        use burn::backend::Dispatch;
        return Tensor::from_dispatch(Dispatch::fused_bernoulli(logits.into_dispatch(), values.into_dispatch()));
    }
    #[cfg(feature = "cube")]
    if super::on_cube(&logits) && !super::is_tracked(&values) {
        use super::cube::OnCube;
        use burn::backend::Dispatch;
        return Tensor::from_dispatch(Dispatch::on_cube_bernoulli(logits.into_dispatch(), values.into_dispatch()));
    }
    plain_bernoulli(logits, values)
}

fn plain_bernoulli(logits: Tensor<2>, values: Tensor<2>) -> Tensor<1> {
    let n = logits.dims()[0];
    bernoulli_log_prob(logits, values).sum_dim(1).reshape([n])
}

/// Returns ln softmax(l_i) at the class y_i in nats, `[n]`, for logits `[n, k]` and classes `[n, 1]`, counted from 0.
///
/// A logit of −∞ excludes its class.
///
/// # Panics
/// If the numbers of classes and rows differ; on the CPU also if a class is not below k. On a GPU the result for such a class is NaN.
pub fn categorical_log_likelihood(logits: Tensor<2>, classes: Tensor<2, Int>) -> Tensor<1> {
    assert_eq!(classes.dims(), [logits.dims()[0], 1], "a class for every row");
    #[cfg(feature = "flex")]
    if super::by_kernel(&logits) {
        use super::flex::Fused;
        use burn::backend::Dispatch;
        return Tensor::from_dispatch(Dispatch::fused_categorical(logits.into_dispatch(), classes.into_dispatch()));
    }
    #[cfg(feature = "cube")]
    if super::on_cube(&logits)
        && logits.dims()[1] > 0
        && matches!(classes.dtype(), DType::I32 | DType::I64 | DType::U32)
    {
        use super::cube::OnCube;
        use burn::backend::Dispatch;
        return Tensor::from_dispatch(Dispatch::on_cube_categorical(logits.into_dispatch(), classes.into_dispatch()));
    }
    plain_categorical(logits, classes)
}

fn plain_categorical(logits: Tensor<2>, classes: Tensor<2, Int>) -> Tensor<1> {
    let n = logits.dims()[0];
    log_softmax(logits, 1).gather(1, classes).reshape([n])
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use kiln_testkit::{f64_device, tensor, values};

    use super::*;
    use crate::{
        Stream,
        fused::tests::{SIZES, agree, normals},
    };

    #[test]
    fn the_kernels_agree_with_tensor_operations_forward_and_back() {
        for (n, d) in SIZES {
            let pixels = Stream::new(1, "pixels", 0, 0).uniform_vec(n * d);
            let with = |f: fn(Tensor<2>, Tensor<2>) -> Tensor<1>| {
                let pixels = pixels.clone();
                move |[logits]: [Tensor<2>; 1]| {
                    let pixels = TensorData::new(pixels.clone(), [n, d]);
                    let values = Tensor::from_data(pixels, (&logits.device(), logits.dtype()));
                    f(logits * 9.0, values)
                }
            };
            let what = format!("Bernoulli {n}×{d}");
            agree([normals([n, d], "logits")], with(bernoulli_log_likelihood), with(plain_bernoulli), &what);

            let with = |f: fn(Tensor<2>, Tensor<2, Int>) -> Tensor<1>| {
                move |[logits]: [Tensor<2>; 1]| {
                    let classes: Vec<i64> = (0..n).map(|i| ((7 * i) % d) as i64).collect();
                    let classes = Tensor::from_data(TensorData::new(classes, [n, 1]), &logits.device());
                    f(logits * 9.0, classes)
                }
            };
            let what = format!("categorical {n}×{d}");
            agree([normals([n, d], "logits")], with(categorical_log_likelihood), with(plain_categorical), &what);
        }
    }

    /// If the values are tracked too, tensor operations compute the right gradients.
    #[test]
    fn the_values_may_be_tracked() {
        let with = |f: fn(Tensor<2>, Tensor<2>) -> Tensor<1>| move |[l, x]: [Tensor<2>; 2]| f(l, x);
        let inputs = || [normals([3, 5], "logits"), normals([3, 5], "values")];
        agree(inputs(), with(bernoulli_log_likelihood), with(plain_bernoulli), "values");
    }

    #[test]
    fn logits_of_any_size_have_finite_likelihoods_and_gradients() {
        let logits = tensor::<2>(&[1e4, -1e4, 0.0, 1e4, -1e4, 0.0], [2, 3], &f64_device().autodiff()).require_grad();
        let x = tensor::<2>(&[1.0, 0.0, 0.5, 0.0, 1.0, 1.0], [2, 3], &f64_device().autodiff());
        let sums = bernoulli_log_likelihood(logits.clone(), x);
        let gradient = logits.grad(&sums.clone().sum().backward()).unwrap();
        let ln_2 = std::f64::consts::LN_2;
        kiln_testkit::assert_close(&values(sums), &[-ln_2, -2e4 - ln_2], 1e-15, 0.0, "log-likelihoods");
        kiln_testkit::assert_close(&values(gradient), &[0.0, 0.0, 0.0, -1.0, 1.0, 0.5], 1e-15, 0.0, "gradient");
    }

    #[test]
    fn an_excluded_class_has_no_part() {
        let logits = [f64::NEG_INFINITY, 0.0, 1.0, 0.0, f64::NEG_INFINITY, 1.0];
        let logits = tensor::<2>(&logits, [2, 3], &f64_device().autodiff()).require_grad();
        let classes = Tensor::from_data([[2], [1]], &f64_device().autodiff());
        let log_probs = categorical_log_likelihood(logits.clone(), classes);
        let gradient = logits.grad(&log_probs.clone().narrow(0, 0, 1).sum().backward()).unwrap();
        let p = 1.0 / (1.0 + (-1.0f64).exp());
        let log_probs = values(log_probs);
        kiln_testkit::assert_close(&log_probs[..1], &[p.ln()], 1e-15, 0.0, "log-probability");
        assert_eq!(log_probs[1..], [f64::NEG_INFINITY]);
        let expected = [0.0, p - 1.0, 1.0 - p];
        kiln_testkit::assert_close(&values(gradient)[..3], &expected, 1e-15, 0.0, "gradient");
    }

    #[test]
    fn classes_of_any_integer_type_will_do() {
        let classes = Tensor::<2, Int>::from_data([[1], [0]], &f64_device());
        let logits = tensor::<2>(&[0.1, 0.2, 0.3, 0.4], [2, 2], &f64_device());
        let expected = values(categorical_log_likelihood(logits.clone(), classes.clone()));
        for dtype in [burn::tensor::IntDType::I32, burn::tensor::IntDType::U8] {
            assert_eq!(values(categorical_log_likelihood(logits.clone(), classes.clone().cast(dtype))), expected);
        }
    }

    #[test]
    #[should_panic(expected = "a class below 3")]
    fn a_class_that_is_not_there_is_refused() {
        let logits = Tensor::zeros([1, 3], &f64_device());
        categorical_log_likelihood(logits, Tensor::from_data([[3]], &f64_device()));
    }
}
