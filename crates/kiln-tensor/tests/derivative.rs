//! Second derivatives against PyTorch's in float64, and every forward-mode rule against differences of gradients.

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
        // Some hundred roundings of numbers of the order of 1; entries that cancel are small beside them.
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

/// For what Burn computes through f32 itself.
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
        // Fixed weights that are all different, so that no term cancels another.
        let weights = Tensor::arange(1..i64::try_from(y.shape().num_elements()).unwrap() + 1, &y.device()).float();
        (y.clone() * (weights * 0.7).sin().reshape(y.shape())).sum()
    });
    let w = loss.parameters();
    agree(name, &loss, &w, &normals(n * m, &device), rounding);
}

/// `rounding` is relative. H·v by differences is off by about (1e-16)^(4/5) times third and fifth derivatives.
#[track_caller]
fn agree<M: Module, I: Inputs>(name: &str, loss: &Function<'_, M, I, 1>, w: &Tensor<1>, v: &Tensor<1>, rounding: f64) {
    let (value, gradient) = loss.value_and_grad(w).unwrap();
    let (dual_value, derivative) = loss.jvp(w, v).unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected = (gradient * v.clone()).sum();
    assert_close(&values(dual_value), &values(value), rounding, rounding, &format!("{name}: value"));
    let rounding = 100.0 * rounding;
    assert_close(&values(derivative), &values(expected), rounding, rounding, &format!("{name}: derivative"));
    let exact = values(loss.hvp(w, v).unwrap());
    let differences = values(loss.hvp_by_differences(w, v).unwrap().value);
    let scale = differences.iter().fold(1.0, |scale: f64, x| scale.max(x.abs()));
    assert_close(&exact, &differences, 0.0, f64::max(1e-6, 10.0 * rounding) * scale, &format!("{name}: H·v"));
}

fn normals(n: usize, device: &Device) -> Tensor<1> {
    kiln_tensor::Stream::new(7, "test", 0, 0).normal([n], device)
}

/// Parameters of a network that do not depend on the other tests.
fn weights<M: Module>(net: &M, device: &Device) -> Tensor<1> {
    let n = kiln_tensor::flat::Layout::of(net).len();
    kiln_tensor::Stream::new(8, "test", 0, 0).normal::<1>([n], device) * 0.5
}

/// Twelve numbers between −2 and 2, none near a whole number or to another but for its sign.
fn both_signs() -> Tensor<2> {
    let x = [0.31, -1.27, 1.73, -0.44, 0.58, -1.86, 1.12, -0.17, 0.83, -0.69, 1.41, -1.55];
    tensor(&x, [3, 4], &f64_device())
}

/// The same within (0, 1).
fn fractions() -> Tensor<2> {
    both_signs() * 0.24 + 0.49
}

#[test]
#[allow(clippy::too_many_lines, reason = "one line a rule")]
fn each_rule_agrees_with_burns_gradient_and_its_differences() {
    check("exp", both_signs(), Tensor::exp);
    check("log", fractions(), Tensor::log);
    check("log1p", fractions(), Tensor::log1p);
    check("erf", both_signs(), Tensor::erf);
    check("sqrt", fractions(), Tensor::sqrt);
    check("recip", both_signs(), Tensor::recip);
    check("sin", both_signs(), Tensor::sin);
    check("cos", both_signs(), Tensor::cos);
    check("tan", fractions(), Tensor::tan);
    check("sinh", both_signs(), Tensor::sinh);
    check("cosh", both_signs(), Tensor::cosh);
    check("tanh", both_signs(), Tensor::tanh);
    check("asin", fractions() * 0.8, Tensor::asin);
    check("acos", fractions() * 0.8, Tensor::acos);
    check("atan", both_signs(), Tensor::atan);
    check("asinh", both_signs(), Tensor::asinh);
    check("acosh", fractions() + 1.2, Tensor::acosh);
    check("atanh", fractions() * 0.8, Tensor::atanh);
    check("abs", both_signs(), Tensor::abs);
    check("sign times x²", both_signs(), |x| x.clone().sign() * x.square());
    check("floor plus x²", both_signs(), |x| x.clone().floor() + x.square());
    check("powf_scalar", fractions(), |x| x.powf_scalar(2.5));
    check("powi_scalar", both_signs(), |x| x.powi_scalar(3));
    check("powi_scalar, negative", both_signs(), |x| x.powi_scalar(-2));
    check("powf", fractions(), |x| x.clone().powf(x * 2.0 + 1.0));
    check("atan2", both_signs(), |x| x.clone().atan2(x.square() + 1.0));
    check("hypot", both_signs(), |x| x.clone().hypot(x.sin()));
    check("products and quotients", both_signs(), |x| (x.clone() * 2.0 - 1.0) * x.clone() / (x.square() + 3.0));
    check("broadcast sum", both_signs(), |x| {
        x.clone().narrow(0, 0, 1) + x.clone().narrow(1, 1, 1) - x.clone().narrow(0, 2, 1).square()
    });
    check("broadcast product", both_signs(), |x| x.clone().narrow(0, 0, 1) * x.narrow(1, 1, 1).exp());
    check("broadcast quotient", both_signs(), |x| x.clone().narrow(0, 0, 1) / x.narrow(1, 1, 1));
    check("remainder", both_signs(), |x| x.clone().remainder_scalar(0.7) * x);
    check("matmul", both_signs(), |x| x.clone().matmul(x.clone().transpose()).matmul(x.tanh()));
    check("sum and mean", both_signs(), |x| (x.clone().square().sum() * x.exp().mean()).unsqueeze());
    check("sum_dim", both_signs(), |x| x.clone().sum_dim(0).square());
    check("mean_dim", both_signs(), |x| x.clone().mean_dim(1).square());
    check_in_single("var", both_signs(), |x| x.var(1));
    check("cumsum", both_signs(), |x| x.cumsum(1).square());
    check("max", both_signs(), |x| (x.clone().max() * x.min()).unsqueeze());
    check("max_dim", both_signs(), |x| x.max_dim(1).square());
    check("max_dim with places", both_signs(), |x| {
        let (y, places) = (x.clone() * x.clone()).max_dim_with_indices(1);
        y * x.gather(1, places)
    });
    check("min_dim", both_signs(), |x| x.min_dim(0).exp());
    check("sort", both_signs(), |x| {
        let factors = Tensor::<1>::from_data([1.0, 2.0, 3.0, 4.0], &x.device());
        x.sort(1).square() * factors.unsqueeze()
    });
    check("clamp", both_signs(), |x| x.clamp(-1.0, 1.5).exp());
    check("clamp_min", both_signs(), |x| x.clamp_min(-0.3).exp());
    check("clamp_max", both_signs(), |x| x.clamp_max(0.3).exp());
    check("mask_where", both_signs(), |x| {
        let mask = x.clone().greater_elem(0.5);
        x.clone().exp().mask_where(mask, x.square())
    });
    check("mask_fill", both_signs(), |x| {
        let mask = x.clone().lower_elem(-0.5).bool_or(x.clone().greater_elem(1.6));
        x.square().mask_fill(mask, 0.5)
    });
}

#[test]
fn each_rule_of_shapes_agrees() {
    check("reshape", both_signs(), |x| x.exp().reshape([4, 3]));
    check("swap_dims", both_signs(), |x| x.exp().transpose());
    check("permute", both_signs(), |x| x.exp().reshape([3, 2, 2]).permute([2, 0, 1]).reshape([2, 6]));
    check("flip", both_signs(), |x| x.exp().flip([0, 1]));
    check("expand", both_signs(), |x| x.exp().narrow(0, 1, 1).expand([3, 4]));
    check("repeat", both_signs(), |x| x.exp().repeat_dim(1, 2));
    check("slice", both_signs(), |x| x.exp().slice([0..2, 1..4]));
    check("slice by steps", both_signs(), |x| x.exp().slice(burn::tensor::s![.., 0..4;2]));
    check("slice_assign", both_signs(), |x| {
        let part = x.clone().slice([1..3, 0..2]).sin();
        x.exp().slice_assign([0..2, 1..3], part)
    });
    check("cat", both_signs(), |x| Tensor::cat(vec![x.clone().exp(), x.zeros_like(), x.sin()], 0));
    check("select", both_signs(), |x| {
        let places = Tensor::<1, Int>::from_data([2, 0, 2], &x.device());
        x.exp().select(0, places)
    });
    check("select_assign", both_signs(), |x| {
        let places = Tensor::<1, Int>::from_data([2, 0, 2], &x.device());
        x.clone().exp().select_assign(0, places, x.sin(), IndexingUpdateOp::Add)
    });
    check("gather and scatter", both_signs(), |x| {
        let places = Tensor::<2, Int>::from_data([[3, 0], [1, 1], [2, 3]], &x.device());
        let some = x.clone().exp().gather(1, places.clone());
        x.square().scatter(1, places, some, IndexingUpdateOp::Add)
    });
    check("pad", both_signs(), |x| x.exp().pad((1, 2, 0, 1), PadMode::Constant(3.0)));
    check("unfold", both_signs(), |x| x.exp().unfold::<3, _>(1, 2, 1).reshape([3, 6]));
    check("one_hot", both_signs(), |x| {
        let classes = Tensor::<2, Int>::from_data([[1, 1, 1, 1], [0, 0, 0, 0], [3, 3, 3, 3]], &x.device());
        x.clone().exp()
            * Tensor::<1, Int>::arange(0..4, &x.device()).unsqueeze::<2>().expand([3, 4]).equal(classes).float()
    });
}

#[test]
fn each_rule_of_activations_agrees() {
    check("relu", both_signs(), |x| activation::relu(x).square());
    check("leaky_relu", both_signs(), |x| activation::leaky_relu(x, 0.1).square());
    check("prelu", both_signs(), |x| {
        let slopes = x.clone().narrow(0, 0, 1).reshape([4]).square();
        activation::prelu(x, slopes)
    });
    check("gelu", both_signs(), activation::gelu);
    check("sigmoid", both_signs(), activation::sigmoid);
    check_in_single("hard_sigmoid", both_signs() * 2.0, |x| activation::hard_sigmoid(x, 0.2, 0.5).square());
    check("log_sigmoid", both_signs(), activation::log_sigmoid);
    check("softplus", both_signs(), |x| activation::softplus(x, 1.0));
    check("softmax", both_signs(), |x| activation::softmax(x, 1));
    check("log_softmax", both_signs(), |x| activation::log_softmax(x, 0));
    check("softmin", both_signs(), |x| activation::softmin(x, 1));
    check("silu", both_signs(), activation::silu);
    check("mish", both_signs(), activation::mish);
}

/// A network of all layers that classify images, and a loss that is smooth but for the pooling's choices.
#[derive(Module, Debug)]
struct Cnn {
    first: nn::conv::Conv2d,
    batch_norm: nn::BatchNorm,
    second: nn::conv::Conv2d,
    up: nn::conv::ConvTranspose2d,
    max_pool: nn::pool::MaxPool2d,
    mean_pool: nn::pool::AvgPool2d,
    adaptive: nn::pool::AdaptiveAvgPool2d,
    layer_norm: nn::LayerNorm,
    head: nn::Linear,
}

impl Cnn {
    fn new(device: &Device) -> Self {
        let padding = nn::PaddingConfig2d::Explicit(1, 1, 1, 1);
        Self {
            first: nn::conv::Conv2dConfig::new([2, 4], [3, 3]).with_padding(padding).init(device),
            batch_norm: nn::BatchNormConfig::new(4).init(device),
            second: nn::conv::Conv2dConfig::new([4, 4], [3, 3]).with_stride([2, 2]).with_groups(2).init(device),
            up: nn::conv::ConvTranspose2dConfig::new([4, 3], [2, 2]).with_stride([2, 2]).init(device),
            max_pool: nn::pool::MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(nn::PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            mean_pool: nn::pool::AvgPool2dConfig::new([2, 2]).with_strides([1, 1]).init(),
            adaptive: nn::pool::AdaptiveAvgPool2dConfig::new([2, 2]).init(),
            layer_norm: nn::LayerNormConfig::new(12).init(device),
            head: nn::LinearConfig::new(12, 3).init(device),
        }
    }

    fn loss(&self, images: Tensor<4>, targets: Tensor<2, Int>) -> Tensor<1> {
        let x = self.max_pool.forward(self.batch_norm.forward(self.first.forward(images)).tanh());
        let x = self.up.forward(activation::gelu(self.second.forward(x)));
        let x = self.adaptive.forward(self.mean_pool.forward(x));
        let logits = self.head.forward(self.layer_norm.forward(x.flatten::<2>(1, 3)));
        -activation::log_softmax(logits, 1).gather(1, targets).mean()
    }
}

#[test]
fn a_convolutional_network_agrees_with_differences() {
    let device = f64_device();
    let images = normals(3 * 2 * 12 * 12, &device).reshape([3, 2, 12, 12]);
    let targets = Tensor::<2, Int>::from_data([[2], [0], [1]], &device);
    let net = Cnn::new(&device);
    let w = weights(&net, &device);
    let loss = Function::new(&net, (images, targets), |net: &Cnn, (x, y)| net.loss(x, y));
    let v = normals(w.dims()[0], &device);
    agree("cnn", &loss, &w, &v, 1e-13);
}

#[derive(Module, Debug)]
struct Sequence {
    embedding: nn::Embedding,
    conv: nn::conv::Conv1d,
}

#[test]
fn an_embedding_and_a_convolution_of_sequences_agree() {
    let device = f64_device();
    let net = Sequence {
        embedding: nn::EmbeddingConfig::new(5, 6).init(&device),
        conv: nn::conv::Conv1dConfig::new(4, 3, 2).init(&device),
    };
    let words = Tensor::<2, Int>::from_data([[0, 2, 2, 4], [1, 0, 4, 3]], &device);
    let loss = Function::new(&net, words, |net: &Sequence, words| {
        let x = net.conv.forward(net.embedding.forward(words).sin());
        let x = nn::pool::MaxPool1dConfig::new(2).with_stride(1).init().forward(x);
        nn::pool::AvgPool1dConfig::new(2).with_stride(1).init().forward(x).exp().mean()
    });
    let w = weights(&net, &device);
    let v = normals(w.dims()[0], &device);
    agree("sequence", &loss, &w, &v, 1e-13);
}

#[derive(Module, Debug)]
struct TwoParts {
    fixed: nn::Linear,
    free: nn::Linear,
    scale: Param<Tensor<1>>,
}

fn two_parts(device: &Device) -> TwoParts {
    let layer = |d, m| nn::LinearConfig::new(d, m).init(device);
    TwoParts { fixed: layer(3, 2).freeze(), free: layer(2, 2), scale: Param::from_tensor(Tensor::ones([2], device)) }
}

#[test]
fn frozen_parameters_are_left_out_and_unused_ones_have_a_gradient_of_zero() {
    let device = f64_device();
    for device in [device.clone(), device.autodiff()] {
        let x = normals(6, &f64_device()).reshape([2, 3]);
        let loss = Function::new(&two_parts(&device), x, |net: &TwoParts, x: Tensor<2>| {
            net.free.forward(net.fixed.forward(x)).tanh().sum()
        });
        let names: Vec<&str> = loss.layout().slots().iter().map(|slot| slot.name.as_str()).collect();
        assert_eq!(names, ["free.weight", "free.bias", "scale"]);
        let w = loss.parameters();
        assert_eq!(w.dims(), [8]);
        let (_, gradient) = loss.value_and_grad(&w).unwrap();
        assert_eq!(values(gradient)[6..], [0.0, 0.0]);
        let v = normals(8, &f64_device());
        assert_eq!(values(loss.hvp(&w, &v).unwrap())[6..], [0.0, 0.0]);
        agree("frozen", &loss, &w, &v, 1e-13);
    }
}

#[test]
fn a_vector_goes_into_a_module_and_comes_back() {
    let device = f64_device();
    let net = two_parts(&device);
    let layout = Layout::of(&net);
    let w = normals(8, &device);
    let before = values(net.fixed.weight.val());
    let net = layout.unflatten(net, &w).unwrap();
    assert_eq!(values(layout.flatten(&net)), values(w.clone()));
    assert_eq!(values(net.free.weight.val()), values(w.slice(0..4)), "row by row");
    assert_eq!(values(net.fixed.weight.val()), before);
    let error = layout.unflatten(net, &normals(9, &device)).unwrap_err();
    assert_eq!(error.to_string(), "the vector has 9 entries, the module 8 trainable parameters");
}

/// J of y = (x₀·x₁, x₁², sin x₀), by hand.
#[test]
fn jacobians_are_those_by_hand() {
    let device = f64_device();
    let x = Param::from_tensor(tensor(&[0.5, -2.0], [2], &device));
    let f = Function::new(&x, (), |x: &Param<Tensor<1>>, ()| {
        let (a, b) = (x.val().slice(0..1), x.val().slice(1..2));
        Tensor::cat(vec![a.clone() * b.clone(), b.square(), a.sin()], 0)
    });
    let w = f.parameters();
    let expected = [-2.0, 0.5, 0.0, -4.0, 0.5f64.cos(), 0.0];
    assert_close(&values(f.jacobian(&w).unwrap()), &expected, 1e-15, 0.0, "J");
    let (_, column) = f.jvp(&w, &tensor(&[0.0, 1.0], [2], &device)).unwrap();
    assert_close(&values(column), &[0.5, -4.0, 0.0], 1e-15, 0.0, "J·e₂");
    let row = f.vjp(&w, &tensor(&[1.0, 1.0, 0.0], [3], &device)).unwrap();
    assert_close(&values(row), &[-2.0, -3.5], 1e-15, 0.0, "Jᵀ·u");
    assert!(matches!(f.hvp(&w, &w), Err(DerivativeError::NotScalar { got }) if got == [3]));
    assert!(matches!(f.value_and_grad(&w), Err(DerivativeError::NotScalar { .. })));
    assert!(matches!(f.vjp(&w, &w), Err(DerivativeError::OutputShape { .. })));
    assert!(matches!(f.value(&tensor(&[1.0], [1], &device)), Err(DerivativeError::Length(_))));
}

/// For a linear model the Gauss–Newton matrix is the Hessian; for a network it is not, but it is positive semidefinite.
#[test]
fn the_gauss_newton_matrix_of_a_linear_model_is_its_hessian() {
    let device = f64_device();
    let x = normals(12, &device).reshape([4, 3]);
    let targets = Tensor::<2, Int>::from_data([[0], [1], [1], [0]], &device);
    let cross_entropy = |z: Tensor<2>, y| -activation::log_softmax(z, 1).gather(1, y).mean();
    let layer = nn::LinearConfig::new(3, 2).init(&device);
    let loss = Function::new(&layer, (x.clone(), targets.clone()), move |layer: &nn::Linear, (x, y)| {
        cross_entropy(layer.forward(x), y)
    });
    let outputs = Function::new(&layer, x, |layer: &nn::Linear, x| layer.forward(x));
    let gauss_newton = GaussNewton::new(outputs, targets, cross_entropy).unwrap();
    let (w, v) = (weights(&layer, &device), normals(8, &device));
    let (hessian, gn) = (loss.hvp(&w, &v).unwrap(), gauss_newton.gauss_newton_vp(&w, &v).unwrap());
    assert_close(&values(gn), &values(hessian), 1e-12, 1e-15, "G·v");
}

#[test]
fn what_cannot_be_differentiated_is_named() {
    let device = f64_device();
    let x = Param::from_tensor(normals(4, &device));
    let product = Function::new(&x, (), |x: &Param<Tensor<1>>, ()| x.val().prod());
    let w = product.parameters();
    let error = product.hvp(&w, &w).unwrap_err();
    assert!(matches!(&error, DerivativeError::NoRule { operation } if operation == "Prod"), "{error}");
    // Differences need no rule: H·v of x₀x₁x₂x₃ in the direction of x is 3 times the gradient.
    let auto = product.with_hvp_method(HvpMethod::Auto);
    let expected = values(auto.value_and_grad(&w).unwrap().1 * 3.0);
    assert_close(&values(auto.hvp(&w, &w).unwrap()), &expected, 0.0, 1e-9, "H·x");
    let reader = Function::new(&x, (), |x: &Param<Tensor<1>>, ()| {
        let size = x.val().square().sum().into_scalar::<f64>();
        x.val().square().sum() * size
    });
    assert!(matches!(reader.hvp(&w, &w), Err(DerivativeError::Capture { .. })));
    let noisy = Function::new(&x, (), |x: &Param<Tensor<1>>, ()| {
        (x.val().random_like(burn::tensor::Distribution::Default) * x.val()).sum()
    });
    assert!(matches!(noisy.hvp(&w, &w), Err(DerivativeError::NoRule { operation }) if operation == "Random"));
}

/// ½·xᵀAx with A of the eigenvalues 1, 2, … 20, in a rotated basis.
#[test]
fn the_trace_and_the_ends_of_a_spectrum() {
    let device = f64_device();
    let n = 20;
    let u = normals(n, &device).reshape([n, 1]);
    // A Householder reflection.
    let length = u.clone().square().sum().into_scalar::<f64>();
    let q = Tensor::<2>::eye(n, &device) - u.clone().matmul(u.transpose()) * (2.0 / length);
    let d = Tensor::<1, Int>::arange(1..21, &device).float().reshape([n, 1]);
    let a = q.clone().transpose().matmul(q * d);
    let x = Param::from_tensor(normals(n, &device));
    let f = Function::new(&x, a, |x: &Param<Tensor<1>>, a: Tensor<2>| {
        let x = x.val().reshape([20, 1]);
        (x.clone().transpose().matmul(a).matmul(x) * 0.5).reshape([1])
    });
    let w = f.parameters();
    let ends = f.hessian_extremes(&w, 100, 0).unwrap();
    assert_close(&[ends.smallest, ends.largest], &[1.0, 20.0], 1e-12, 0.0, "20 steps find all eigenvalues");
    assert!(ends.products <= n && ends.residual < 1e-9, "{ends:?}");
    let trace = f.hessian_trace(&w, 200, 0).unwrap();
    assert!((trace.value - 210.0).abs() < 4.0 * trace.standard_error, "{trace:?}");
    assert!(trace.standard_error < 3.0, "{trace:?}");
}

#[test]
fn a_gradient_is_checked_and_a_wrong_one_is_found() {
    let device = f64_device();
    let x = Param::from_tensor(normals(5, &device));
    let right = Function::new(&x, (), |x: &Param<Tensor<1>>, ()| x.val().sin().exp().sum());
    assert!(right.grad_check(&right.parameters(), 5, 0).unwrap().relative_error < 1e-9);
    let wrong = Function::new(&x, (), |x: &Param<Tensor<1>>, ()| (x.val().sin() + x.val().detach() * 1e-3).sum());
    let error = wrong.grad_check(&wrong.parameters(), 5, 0).unwrap().relative_error;
    assert!((1e-4..1e-2).contains(&error), "{error}");
}

/// Data of another shape is recorded anew, data of the same shape is not; a module's later value does not matter.
#[test]
fn a_function_of_other_data() {
    let device = f64_device();
    let layer = nn::LinearConfig::new(3, 2).init(&device);
    let recordings = std::sync::atomic::AtomicUsize::new(0);
    let loss = Function::new(&layer, normals(6, &device).reshape([2, 3]), |layer: &nn::Linear, x: Tensor<2>| {
        if format!("{:?}", x.device()).contains("Capture") {
            recordings.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        layer.forward(x).tanh().square().mean()
    });
    let (w, v) = (weights(&layer, &device), normals(8, &device));
    for (rows, expected) in [(2, 1), (2, 1), (5, 2), (2, 2)] {
        let x = normals(rows * 3, &device).reshape([rows, 3]) * 0.3;
        let loss = loss.clone().with_inputs(x);
        agree("other data", &loss, &w, &v, 1e-13);
        assert_eq!(recordings.load(std::sync::atomic::Ordering::Relaxed), expected);
    }
}

/// Data of one shape that a function treats in two ways are recorded twice.
#[test]
fn what_the_data_are_made_of_decides_the_recording() {
    type Choice = (Option<Tensor<1>>, Option<Tensor<1>>, Vec<Tensor<1>>);
    let device = f64_device();
    let vector = |x: f64| tensor::<1>(&[x, 2.0 * x], [2], &device);
    let parameter = Param::from_tensor(vector(0.7));
    let power = |w: &Param<Tensor<1>>, (square, cube, rest): Choice| {
        let own = match (square, cube) {
            (Some(a), _) => (w.val().square() * a).sum(),
            (None, Some(b)) => (w.val().square() * w.val() * b).sum(),
            (None, None) => w.val().sum() * 0.0,
        };
        rest.into_iter().enumerate().fold(own, |sum, (i, c)| sum + (w.val().square() * c).sum() * (i + 1) as f64)
    };
    let a = || vector(1.5);
    let first = Function::new(&parameter, (Some(a()), None, vec![]), power);
    let (w, v) = (first.parameters(), vector(1.0));
    let hvp = |f: &Function<'_, Param<Tensor<1>>, Choice, 1>| values(f.hvp(&w, &v).unwrap());
    // 2·a·v, and 6·w·a·v.
    assert_close(&hvp(&first), &[3.0, 12.0], 1e-14, 0.0, "square");
    let second = first.with_inputs((None, Some(a()), vec![]));
    assert_close(&hvp(&second), &[6.0 * 0.7 * 1.5, 6.0 * 1.4 * 3.0 * 2.0], 1e-14, 0.0, "cube");
    let third = second.with_inputs((None, None, vec![a()]));
    assert_close(&hvp(&third), &[3.0, 12.0], 1e-14, 0.0, "a list of one");
}

#[test]
fn a_function_that_differentiates_another_is_refused_and_a_gradient_that_is_none_is_noticed() {
    let device = f64_device();
    let x = Param::from_tensor(normals(2, &device));
    let nested = Function::new(&x, (), |x: &Param<Tensor<1>>, ()| {
        let inner = Function::of_vector(x.val(), |y: Tensor<1>| y.square().sum());
        (inner.hvp(&x.val(), &x.val()).unwrap() * x.val()).sum()
    });
    let w = nested.parameters();
    assert!(matches!(nested.hvp(&w, &w), Err(DerivativeError::Capture { .. })));
    // And afterwards all is as before.
    let plain = Function::of_vector(w.clone(), |y: Tensor<1>| y.square().sum());
    assert_close(&values(plain.hvp(&w, &w).unwrap()), &values(w.clone() * 2.0), 1e-15, 0.0, "H·w");

    let root = Function::of_vector(w.zeros_like(), |y: Tensor<1>| y.square().sqrt().sum());
    assert!(root.grad_check(&root.parameters(), 3, 0).unwrap().relative_error.is_infinite());
}
