//! Roots and fixed points beside SciPy's, and every way in which a search ends.

use kiln_optim::{
    least_squares::SliceResiduals,
    root::{FixedPoint, RootFinder, RootMethod, fixed_point, root},
    solver::{SolverError, Status},
};
use kiln_tensor::{derivative::Function, linalg::Matrix};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor};

type System = fn(&[f64], &mut [f64]);

fn system(name: &str) -> System {
    match name {
        "rosenbrock" => |x, f| (f[0], f[1]) = (10.0 * (x[1] - x[0] * x[0]), 1.0 - x[0]),
        "helical" => |x, f| {
            let theta = x[1].atan2(x[0]) / std::f64::consts::TAU;
            (f[0], f[1], f[2]) = (10.0 * (x[2] - 10.0 * theta), 10.0 * (x[0].hypot(x[1]) - 1.0), x[2]);
        },
        "powell_badly_scaled" => |x, f| {
            (f[0], f[1]) = (1e4 * x[0] * x[1] - 1.0, (-x[0]).exp() + (-x[1]).exp() - 1.0001);
        },
        "broyden_tridiagonal" => |x, f| {
            for i in 0..x.len() {
                let before = if i == 0 { 0.0 } else { x[i - 1] };
                let after = x.get(i + 1).copied().unwrap_or(0.0);
                f[i] = (3.0 - 2.0 * x[i]) * x[i] - before - 2.0 * after + 1.0;
            }
        },
        "discrete_boundary_value" => |x, f| {
            let h = 1.0 / (x.len() + 1) as f64;
            for i in 0..x.len() {
                let before = if i == 0 { 0.0 } else { x[i - 1] };
                let after = x.get(i + 1).copied().unwrap_or(0.0);
                f[i] = 2.0 * x[i] - before - after + 0.5 * h * h * (x[i] + h * (i + 1) as f64 + 1.0).powi(3);
            }
        },
        "chandrasekhar" => |x, f| {
            (0..x.len()).for_each(|i| f[i] = x[i] - chandrasekhar(x, i));
        },
        "helmholtz_like" => |x, f| (f[0], f[1]) = (x[0] * x[1].cos() - 4.0, x[0] * x[1] - x[1] - 5.0),
        _ => panic!("no system {name}"),
    }
}

/// The right side of Chandrasekhar's equation with c = 0.9, a fixed point.
fn chandrasekhar(x: &[f64], i: usize) -> f64 {
    let n = x.len() as f64;
    let mu = |i: usize| (i as f64 + 0.5) / n;
    let sum: f64 = x.iter().enumerate().map(|(j, x)| mu(i) / (mu(i) + mu(j)) * x).sum();
    1.0 / (1.0 - 0.9 / (2.0 * n) * sum)
}

#[test]
fn roots_are_those_of_scipy() {
    f64_device();
    for row in reference("roots")["rows"].as_array().unwrap() {
        let (name, start, expected) = (row["name"].as_str().unwrap(), numbers(&row["start"]), numbers(&row["x"]));
        for method in [RootMethod::Hybrid, RootMethod::Newton, RootMethod::Broyden] {
            let equations = SliceResiduals::new(start.len(), system(name));
            let found = root(&equations, start.clone(), &RootFinder { method, ..RootFinder::default() }).unwrap();
            let what = format!("{name} by {method:?}");
            assert_eq!(found.outcome.status, Status::EquationsHold, "{what}: {:e}", found.outcome.grad_norm);
            // Residuals of 1e-10 are multiplied by the inverse of the Jacobian, whose entries are below 100 here; that of the badly scaled
            // system has 1e5.
            let tolerance = if name == "powell_badly_scaled" { 1e-5 } else { 1e-8 };
            assert_close(&found.x, &expected, tolerance, tolerance, &what);
        }
    }
}

#[test]
fn broyden_computes_few_jacobians() {
    f64_device();
    let start = vec![-1.0; 30];
    let equations = || SliceResiduals::new(30, system("broyden_tridiagonal"));
    let of =
        |method| root(&equations(), start.clone(), &RootFinder { method, ..RootFinder::default() }).unwrap().outcome;
    let (newton, broyden) = (of(RootMethod::Newton), of(RootMethod::Broyden));
    // The last one belongs to the result.
    assert!(newton.evaluations.gradients >= 5 && broyden.evaluations.gradients <= 3, "{:?}", broyden.evaluations);
}

#[test]
fn what_has_no_root_is_told() {
    f64_device();
    // x² + 1 = 0: the sum of squares is at its minimum at 0.
    for method in [RootMethod::Hybrid, RootMethod::Newton, RootMethod::Broyden] {
        let equation = SliceResiduals::new(1, |x: &[f64], f: &mut [f64]| f[0] = x[0] * x[0] + 1.0);
        let found = root(&equation, [0.7], &RootFinder { method, ..RootFinder::default() }).unwrap();
        assert!(!found.outcome.success, "{method:?}");
        assert!(
            matches!(found.outcome.status, Status::NotARoot | Status::Budget),
            "{method:?}: {:?}",
            found.outcome.status
        );
        assert!(found.outcome.grad_norm >= 1.0);
    }
    let too_few = SliceResiduals::new(1, |x: &[f64], f: &mut [f64]| f[0] = x[0] + x[1]);
    assert!(matches!(
        root(&too_few, [0.0, 0.0], &RootFinder::default()),
        Err(SolverError::Length { expected: 2, got: 1, .. })
    ));
    let undefined = SliceResiduals::new(1, |x: &[f64], f: &mut [f64]| f[0] = x[0].ln());
    let finder = RootFinder { method: RootMethod::Newton, ..RootFinder::default() };
    assert_eq!(root(&undefined, [-1.0], &finder).unwrap().outcome.status, Status::NotFinite);
    assert!(root(&undefined, [1.0], &RootFinder { tol: f64::NAN, ..finder }).is_err());
}

/// Kepler's equation E − e·sin E = M, as a function of tensors, with ∂E/∂M = 1/(1 − e·cos E) and ∂E/∂e = sin E/(1 − e·cos E).
#[test]
fn a_root_is_differentiated_by_its_parameters() {
    let device = f64_device();
    let (eccentricity, anomaly) = (0.6, 1.1);
    let start = tensor::<1>(&[anomaly], [1], &device);
    let kepler =
        Function::of_vector(start, move |x: burn::tensor::Tensor<1>| x.clone() - x.sin() * eccentricity - anomaly);
    let found = root(&kepler, [anomaly], &RootFinder { tol: 1e-14, ..RootFinder::default() }).unwrap();
    assert!(found.outcome.success, "{}", found.outcome.message);
    let e = found.x[0];
    assert_close(&[e - eccentricity * e.sin()], &[anomaly], 1e-14, 0.0, "the equation");
    // ∂F/∂M = −1 and ∂F/∂e = −sin E.
    let slopes = found.sensitivity(&Matrix::from_fn(1, 2, |_, k| [-1.0, -e.sin()][k])).unwrap();
    let by = 1.0 - eccentricity * e.cos();
    assert_close(&[slopes.at(0, 0), slopes.at(0, 1)], &[1.0 / by, e.sin() / by], 1e-12, 0.0, "the derivatives");
    // The second equation is twice the first.
    let dependent = SliceResiduals::new(2, |x: &[f64], f: &mut [f64]| {
        f[0] = x[0] + x[1];
        f[1] = 2.0 * f[0];
    });
    let line = root(&dependent, [1.0, 0.0], &RootFinder::default()).unwrap();
    assert!(line.outcome.success && line.sensitivity(&Matrix::from_fn(2, 1, |_, _| 1.0)).is_none());
}

#[test]
fn fixed_points_need_fewer_evaluations_with_memory() {
    let rows = reference("roots")["rows"].as_array().unwrap().clone();
    let row = rows.iter().find(|row| row["name"] == "chandrasekhar").unwrap();
    let g = |x: &[f64], out: &mut [f64]| (0..x.len()).for_each(|i| out[i] = chandrasekhar(x, i));
    let with = |memory| {
        fixed_point(g, numbers(&row["start"]), &FixedPoint { memory, tol: 1e-12, ..FixedPoint::default() }).unwrap()
    };
    let (plain, accelerated) = (with(0), with(5));
    for found in [&plain, &accelerated] {
        assert_eq!(found.status, Status::EquationsHold);
        assert_close(&found.x, &numbers(&row["x"]), 1e-10, 0.0, "the fixed point");
    }
    assert!(2 * accelerated.evaluations <= plain.evaluations, "{} and {}", accelerated.evaluations, plain.evaluations);
    // x ← 2x − 1 moves away from its fixed point 1; with memory it is found at once.
    let away = |x: &[f64], out: &mut [f64]| out[0] = 2.0 * x[0] - 1.0;
    assert!(!fixed_point(away, [3.0], &FixedPoint { memory: 0, ..FixedPoint::default() }).unwrap().success);
    let found = fixed_point(away, [3.0], &FixedPoint::default()).unwrap();
    assert!(found.success && (found.x[0] - 1.0).abs() < 1e-12 && found.evaluations <= 4);
    let undefined = fixed_point(|_: &[f64], out: &mut [f64]| out[0] = f64::NAN, [3.0], &FixedPoint::default()).unwrap();
    assert_eq!(undefined.status, Status::NotFinite);
}
