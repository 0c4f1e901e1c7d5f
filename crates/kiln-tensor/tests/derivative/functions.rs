//! Functions: vectors of parameters, Jacobians, spectra, recordings.

use super::*;

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
    assert_eq!(error.to_string(), "the vector has 9 entries, but the module has 8 trainable parameters");
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
    let product = Function::new(&x, (), |x: &Param<Tensor<1>>, ()| {
        // Random numbers that change nothing.
        (x.val().random_like(burn::tensor::Distribution::Default) * 0.0 + 1.0).mean() * x.val().prod()
    });
    let w = product.parameters();
    let error = product.hvp(&w, &w).unwrap_err();
    assert!(matches!(&error, DerivativeError::NoRule { operation } if operation == "Random"), "{error}");
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

/// ½·xᵀAx, where A has the eigenvalues 1, 2, … 20 in a rotated basis.
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

/// Data of another shape is recorded again, data of the same shape is not. A later value of the module does not matter.
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

/// Data of one shape that a function treats in two ways is recorded twice.
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
    // Later recordings still work.
    let plain = Function::of_vector(w.clone(), |y: Tensor<1>| y.square().sum());
    assert_close(&values(plain.hvp(&w, &w).unwrap()), &values(w.clone() * 2.0), 1e-15, 0.0, "H·w");

    let root = Function::of_vector(w.zeros_like(), |y: Tensor<1>| y.square().sqrt().sum());
    assert!(root.grad_check(&root.parameters(), 3, 0).unwrap().relative_error.is_infinite());
}

/// A recording sees the parameters and the data only.
#[test]
fn a_captured_tensor_is_an_error_that_says_what_to_do() {
    let device = f64_device();
    let (w, target) = (normals(3, &device), normals(3, &device));
    let captured = target.clone();
    let f = Function::of_vector(w.clone(), move |x: Tensor<1>| (x - captured.clone()).square().sum());
    // Values and gradients need no recording.
    assert!(f.value_and_grad(&w).is_ok());
    for error in [f.hvp(&w, &w).unwrap_err(), f.hessian(&w).unwrap_err(), f.jvp(&w, &w).unwrap_err()] {
        assert!(matches!(error, DerivativeError::CapturedTensor), "{error}");
        assert!(error.to_string().contains("of_vector_with(start, data"), "{error}");
    }
    let constant = target.clone();
    let nothing = Function::of_vector(w.clone(), move |_: Tensor<1>| constant.clone().sum());
    assert!(matches!(nothing.hvp(&w, &w), Err(DerivativeError::CapturedTensor)));

    let with = Function::of_vector_with(w.clone(), target.clone(), |x, target: Tensor<1>| (x - target).square().sum());
    assert_close(&values(with.hvp(&w, &w).unwrap()), &values(w.clone() * 2.0), 1e-15, 0.0, "with data");
    // Differences of gradients need no recording either.
    let auto = f.with_hvp_method(HvpMethod::Auto);
    assert_close(&values(auto.hvp(&w, &w).unwrap()), &values(w * 2.0), 0.0, 1e-9, "by differences");
}

#[test]
fn a_panic_in_a_recorded_function_is_an_error_with_its_place() {
    let w = normals(2, &f64_device());
    let f = Function::of_vector(w.clone(), |x: Tensor<1>| {
        let none: Vec<Tensor<1>> = Vec::new();
        x.sum() + none.first().cloned().expect("a tensor that is not there")
    });
    let message = f.hvp(&w, &w).unwrap_err().to_string();
    assert!(message.contains("a tensor that is not there") && message.contains("functions.rs:"), "{message}");
}

/// Runs the two tests above again, and reads what they write to standard error.
#[test]
fn a_recording_that_fails_writes_nothing_to_standard_error() {
    let tests = ["captured_tensor", "a_panic_in_a_recorded"];
    let output =
        std::process::Command::new(std::env::current_exe().unwrap()).args(tests).arg("--nocapture").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("2 passed"), "{out}{err}");
    assert!(!out.contains("panicked") && !err.contains("panicked"), "{out}{err}");
}
