//! Second derivatives against PyTorch's in float64, and every forward-mode rule against differences of gradients.

mod functions;
mod networks;
mod peers;
mod rules;

use burn::{
    module::{Module, Param},
    nn,
    tensor::{Device, IndexingUpdateOp, Int, Tensor, activation, ops::PadMode},
};
use kiln_tensor::{
    derivative::{DerivativeError, Function, GaussNewton, HvpMethod, Inputs},
    flat::Layout,
};
use kiln_testkit::{assert_close, curvature, f64_device, numbers, tensor, values};

#[test]
fn first_and_second_derivatives_are_those_of_pytorch() {
    for case in curvature::cases(&f64_device()) {
        let name = case.name.clone();
        let loss = Function::new(&case.network, case.data, |net: &curvature::Network, (x, targets)| {
            net.loss(x, targets, &name)
        });
        let (w, v) = (loss.parameters(), case.direction);
        let (value, gradient) = loss.value_and_grad(&w).unwrap();
        let (_, jvp) = loss.jvp(&w, &v).unwrap();
        // Some hundred roundings of numbers of size 1; entries that cancel are smaller.
        let close = |got: Vec<f64>, key: &str| {
            assert_close(&got, &numbers(&case.expected[key]), 1e-10, 1e-14, &format!("{name}: {key}"));
        };
        close(values(value), "loss");
        close(values(gradient), "grad");
        close(values(jvp), "jvp");
        close(values(loss.hvp(&w, &v).unwrap()), "hvp");
        close(values(loss.hessian(&w).unwrap()), "hessian");
    }
}

/// Σ c·f(x) for one function f, at points where its derivatives exist: the directional derivative against the gradient,
/// H·v against differences of gradients.
#[track_caller]
fn check(name: &str, x: Tensor<2>, f: impl Fn(Tensor<2>) -> Tensor<2> + Send + Sync) {
    // Some tens of roundings.
    check_within(1e-13, name, x, f);
}

/// For operations that Burn computes in f32.
#[track_caller]
fn check_in_single(name: &str, x: Tensor<2>, f: impl Fn(Tensor<2>) -> Tensor<2> + Send + Sync) {
    check_within(1e-7, name, x, f);
}

#[track_caller]
fn check_within(rounding: f64, name: &str, x: Tensor<2>, f: impl Fn(Tensor<2>) -> Tensor<2> + Send + Sync) {
    let device = f64_device();
    let [n, m] = x.dims();
    let loss = Function::new(&Param::from_tensor(x), (), move |x: &Param<Tensor<2>>, ()| {
        let y = f(x.val());
        // Fixed, different weights, so that no terms cancel.
        let weights = Tensor::arange(1..i64::try_from(y.shape().num_elements()).unwrap() + 1, &y.device()).float();
        (y.clone() * (weights * 0.7).sin().reshape(y.shape())).sum()
    });
    let w = loss.parameters();
    agree(name, &loss, &w, &normals(n * m, &device), rounding);
}

/// `rounding` is relative. H·v by differences has an error of about (1e-16)^(4/5) times third and fifth derivatives.
#[track_caller]
fn agree<M: Module, I: Inputs>(name: &str, loss: &Function<'_, M, I, 1>, w: &Tensor<1>, v: &Tensor<1>, rounding: f64) {
    let (value, gradient) = loss.value_and_grad(w).unwrap();
    let (dual_value, derivative) = loss.jvp(w, v).unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected = (gradient * v.clone()).sum();
    assert_close(&values(dual_value.clone()), &values(value), rounding, rounding, &format!("{name}: value"));
    let rounding = 100.0 * rounding;
    assert_close(&values(derivative.clone()), &values(expected), rounding, rounding, &format!("{name}: derivative"));
    let exact = values(loss.hvp(w, v).unwrap());
    let differences = values(loss.hvp_by_differences(w, v).unwrap().value);
    let scale = differences.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
    assert_close(&exact, &differences, 0.0, f64::max(1e-6, 10.0 * rounding) * scale, &format!("{name}: H·v"));
    // In segments, the same numbers are added in another order.
    for segments in [2, 7] {
        let name = format!("{name} in {segments} segments");
        let frugal = loss.clone().with_segments(segments);
        let product = values(frugal.hvp(w, v).unwrap());
        assert_close(&product, &exact, 0.0, rounding * scale, &format!("{name}: H·v"));
        let (value, gradient) = frugal.value_and_grad(w).unwrap();
        assert_close(&values(value), &values(dual_value.clone()), rounding, rounding, &format!("{name}: value"));
        let along = values((gradient * v.clone()).sum());
        assert_close(&along, &values(derivative.clone()), rounding, rounding, &format!("{name}: derivative"));
    }
}

fn normals(n: usize, device: &Device) -> Tensor<1> {
    drawn(7, n, device)
}

fn drawn(seed: u64, n: usize, device: &Device) -> Tensor<1> {
    let numbers = kiln_tensor::Stream::new(seed, "test", 0, 0).normal_vec(n);
    Tensor::from_data(burn::tensor::TensorData::new(numbers, [n]), device)
}

/// Parameters of a network, independent of the other tests.
fn weights<M: Module>(net: &M, device: &Device) -> Tensor<1> {
    let n = kiln_tensor::flat::Layout::of(net).len();
    drawn(8, n, device) * 0.5
}

/// Twelve numbers between −2 and 2. None is near a whole number, or near another one except in absolute value.
fn both_signs() -> Tensor<2> {
    let x = [0.31, -1.27, 1.73, -0.44, 0.58, -1.86, 1.12, -0.17, 0.83, -0.69, 1.41, -1.55];
    tensor(&x, [3, 4], &f64_device())
}

/// Twelve such numbers in (0, 1).
fn fractions() -> Tensor<2> {
    both_signs() * 0.24 + 0.49
}
