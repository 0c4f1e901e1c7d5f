//! Projections and projected gradient descent, in f64.

use burn::tensor::{DType, Device, Tensor};
use kiln_optim::{
    constrained::{Certifiable, Certificate, ConstrainedProblem},
    solver::{
        Bounds, Halfspace, Hyperplane, L1Ball, L2Ball, Outcome, ProjectedGradient, Projection, Simplex, SolverError,
        Status, Stop, minimize,
    },
};
use kiln_tensor::{derivative::Function, random::Stream};
use kiln_testkit::{assert_close, f64_device, tensor, values};

fn normal(device: &Device) -> Tensor<1> {
    tensor(&[1.0, -2.0, 0.5, 0.0, 3.0], [5], device)
}

/// Every set in five dimensions, with a way to draw points of it without projecting.
#[allow(clippy::type_complexity, reason = "a table")]
fn sets() -> Vec<(&'static str, Box<dyn Projection>, Box<dyn Fn(Vec<f64>) -> Vec<f64>>)> {
    let device = f64_device();
    let bounds = Bounds::new(
        tensor(&[-1.0, 0.0, f64::NEG_INFINITY, -2.0, 0.5], [5], &device),
        tensor(&[1.0, 0.0, 3.0, f64::INFINITY, 0.6], [5], &device),
    );
    let along = |x: &[f64]| x[0] - 2.0 * x[1] + 0.5 * x[2] + 3.0 * x[4];
    vec![
        (
            "simplex",
            Box::new(Simplex { radius: 2.0 }),
            Box::new(|x| {
                let e: Vec<f64> = x.iter().map(|x| x.exp()).collect();
                let sum: f64 = e.iter().sum();
                e.iter().map(|e| 2.0 * e / sum).collect()
            }),
        ),
        (
            "l1 ball",
            Box::new(L1Ball { radius: 1.5 }),
            Box::new(|x| {
                let sum: f64 = x.iter().map(|x| x.abs()).sum();
                x.iter().map(|x| 1.5 * x / sum.max(1.5)).collect()
            }),
        ),
        (
            "l2 ball",
            Box::new(L2Ball { radius: 0.7 }),
            Box::new(|x| {
                let length = x.iter().map(|x| x * x).sum::<f64>().sqrt();
                x.iter().map(|x| 0.7 * x / length.max(0.7)).collect()
            }),
        ),
        (
            "hyperplane",
            Box::new(Hyperplane { normal: normal(&device), offset: 2.0 }),
            Box::new(move |mut x| {
                x[0] += 2.0 - along(&x);
                x
            }),
        ),
        (
            "halfspace",
            Box::new(Halfspace { normal: normal(&device), offset: -1.0 }),
            Box::new(move |mut x| {
                x[0] -= (along(&x) + 1.0).max(0.0);
                x
            }),
        ),
        (
            "box",
            Box::new(bounds.unwrap()),
            Box::new(|x| vec![x[0].sin(), 0.0, 3.0 - x[2].abs(), -2.0 + x[3].abs(), 0.55 + 0.05 * x[4].cos()]),
        ),
    ]
}

/// P(x) is the nearest point of a convex set if and only if it is in the set and (x − P(x))·(z − P(x)) ≤ 0 for every z in the set.
#[test]
fn the_nearest_point_has_the_set_behind_it() {
    let device = f64_device();
    let mut stream = Stream::new(0, "points", 0, 0);
    for (name, set, draw) in sets() {
        set.validate(5).unwrap();
        for scale in [0.1f64, 1.0, 10.0, 1e6] {
            let x = values(stream.normal::<1>([5], &device) * scale);
            let p = values(set.project(tensor(&x, [5], &device)));
            // P is idempotent, so P(x) is in the set.
            let again = values(set.project(tensor(&p, [5], &device)));
            assert_close(&again, &p, 0.0, 1e-12 * scale.max(1.0), &format!("{name}: P(P(x))"));
            for _ in 0..200 {
                let z = draw(values(stream.normal::<1>([5], &device) * 3.0));
                let product: f64 = (0..5).map(|i| (x[i] - p[i]) * (z[i] - p[i])).sum();
                assert!(product <= 1e-9 * scale.max(1.0), "{name} at scale {scale}: {product:e} towards {z:?}");
                // A point of the set is its own projection.
                let own = values(set.project(tensor(&z, [5], &device)));
                assert_close(&own, &z, 0.0, 1e-12, &format!("{name}: a point of the set"));
            }
        }
    }
}

#[test]
fn known_nearest_points() {
    let device = f64_device();
    let project = |set: &dyn Projection, x: &[f64]| values(set.project(tensor(x, [x.len()], &device)));
    let simplex = Simplex { radius: 1.0 };
    assert_close(&project(&simplex, &[0.0; 4]), &[0.25; 4], 0.0, 1e-15, "the middle");
    assert_close(&project(&simplex, &[9.0, 0.0, 0.0]), &[1.0, 0.0, 0.0], 0.0, 1e-15, "a corner");
    assert_close(&project(&simplex, &[1e12, 1e12, 0.0]), &[0.5, 0.5, 0.0], 0.0, 1e-15, "large numbers");
    assert_close(&project(&L1Ball { radius: 1.0 }, &[3.0, -1.0]), &[1.0, 0.0], 0.0, 1e-15, "soft threshold");
    assert_close(&project(&L1Ball { radius: 1.0 }, &[0.0, 0.0]), &[0.0, 0.0], 0.0, 0.0, "nought");
    assert_close(&project(&L2Ball { radius: 1.0 }, &[3.0, 4.0]), &[0.6, 0.8], 0.0, 1e-15, "a direction");
    assert_close(&project(&L2Ball { radius: 1.0 }, &[3e200, 4e200]), &[0.6, 0.8], 0.0, 1e-15, "no overflow");
    assert_close(&project(&L2Ball { radius: 1.0 }, &[0.0, 0.0]), &[0.0, 0.0], 0.0, 0.0, "nought");
}

/// ½·(x − c)ᵀ·D·(x − c), D being 1, 10, 100, 1000 and 10 000.
fn bowl(device: &Device) -> impl Fn(Tensor<1>) -> Tensor<1> + Send + Sync + Clone + use<> {
    let (d, c) = (tensor(&[1.0, 10.0, 100.0, 1e3, 1e4], [5], device), tensor(&[2.0, -1.0, 0.7, 3.0, 0.1], [5], device));
    move |x: Tensor<1>| {
        let (d, c) = (d.clone().to_device(&x.device()), c.clone().to_device(&x.device()));
        ((x - c).square() * d).sum() * 0.5
    }
}

const TIGHT: Stop = Stop { gtol: 1e-9, max_iter: 100_000, ..Stop::DEFAULT };

fn run<S: Projection>(set: S, accelerated: bool) -> Outcome {
    let device = f64_device();
    let f = Function::of_vector(tensor(&[0.3; 5], [5], &device), bowl(&device));
    let solver = ProjectedGradient { accelerated, ..ProjectedGradient::new(set) };
    let outcome = minimize(&f, f.parameters(), &solver, &TIGHT).unwrap();
    assert_eq!(outcome.status, Status::GradientSmall);
    outcome
}

/// The certificate uses the same set as constraints, independently of projections.
#[track_caller]
fn certify(outcome: &Outcome, problem: &ConstrainedProblem<'_, burn::module::Param<Tensor<1>>, ()>, what: &str) {
    let multipliers = problem.multipliers(&outcome.x, 1e-7).unwrap().unwrap();
    // A projected gradient of 1e-9 leaves residuals up to 1e4 times as large in directions of large curvature.
    let certificate = Certificate::with_tolerance(problem, &outcome.x, &multipliers, 1e-8).unwrap();
    certificate.verify(problem, &f64_device()).unwrap_or_else(|error| panic!("{what}: {error}"));
}

#[test]
fn minima_on_every_set_are_certified() {
    let device = f64_device();
    let problem = || ConstrainedProblem::of_vector(tensor(&[0.0; 5], [5], &device), bowl(&device)).convex();
    let (none, free) = (vec![0.0; 5], vec![f64::INFINITY; 5]);
    for accelerated in [true, false] {
        let simplex =
            problem().equality("sum", |x: Tensor<1>| x.sum() - 2.0).bounded(none.clone(), free.clone()).unwrap();
        certify(&run(Simplex { radius: 2.0 }, accelerated), &simplex, "simplex");
        let ball = problem().inequality("ball", |x: Tensor<1>| x.square().sum() - 0.49);
        certify(&run(L2Ball { radius: 0.7 }, accelerated), &ball, "l2 ball");
        let plane =
            problem().equality("plane", |x: Tensor<1>| (normal(&f64_device()).to_device(&x.device()) * x).sum() - 2.0);
        certify(&run(Hyperplane { normal: normal(&device), offset: 2.0 }, accelerated), &plane, "hyperplane");
        let half =
            problem().inequality("half", |x: Tensor<1>| (normal(&f64_device()).to_device(&x.device()) * x).sum() + 1.0);
        certify(&run(Halfspace { normal: normal(&device), offset: -1.0 }, accelerated), &half, "halfspace");
        let (low, high) = (vec![-1.0; 5], vec![0.5; 5]);
        let bounds = Bounds::new(tensor(&low, [5], &device), tensor(&high, [5], &device)).unwrap();
        certify(&run(bounds, accelerated), &problem().bounded(low, high).unwrap(), "box");
    }
    // The ℓ1 ball in the split vector, x = u − v.
    let outcome = run(L1Ball { radius: 1.5 }, true);
    let f = bowl(&device);
    let split = ConstrainedProblem::of_vector(tensor(&[0.0; 10], [10], &device), move |x: Tensor<1>| {
        f(x.clone().slice(0..5) - x.slice(5..10))
    })
    .inequality("ball", |x: Tensor<1>| x.sum() - 1.5)
    .bounded(vec![0.0; 10], vec![f64::INFINITY; 10])
    .unwrap()
    .convex();
    let x = outcome.x.clone();
    let parts = Tensor::cat(vec![x.clone().clamp_min(0.0), x.neg().clamp_min(0.0)], 0);
    certify(&Outcome { x: parts, ..outcome }, &split, "l1 ball");
}

/// The bounds of theory with the constant L' ≤ 2·L of halving: f(x_k) − f* ≤ 2·L'·‖x₀ − x*‖²/(k + 1)² (Beck and Teboulle, 2009,
/// theorem 4.4).
#[test]
fn acceleration_is_as_the_theory_says() {
    let set = || Hyperplane { normal: normal(&f64_device()), offset: 2.0 };
    let (fast, slow) = (run(set(), true), run(set(), false));
    let best = fast.value.min(slow.value);
    // The start (0.3, …) is outside of the set; its projection is nearer.
    let distance: f64 = values(fast.x.clone()).iter().map(|x| (x - 0.3).powi(2)).sum();
    for iteration in &fast.history[1..] {
        #[allow(clippy::cast_precision_loss, reason = "a count")]
        let k = iteration.iteration as f64;
        assert!(iteration.value - best <= 4e4 * distance / ((k + 1.0) * (k + 1.0)) + 1e-12, "{iteration:?}");
    }
    for iteration in &slow.history[1..] {
        #[allow(clippy::cast_precision_loss, reason = "a count")]
        let k = iteration.iteration as f64;
        assert!(iteration.value - best <= 2e4 * distance / (2.0 * k) + 1e-12, "{iteration:?}");
    }
    // √κ instead of κ steps, with κ = 1e4.
    assert!(10 * fast.iterations < slow.iterations, "{} and {}", fast.iterations, slow.iterations);
}

#[test]
fn what_is_out_of_range_is_refused() {
    let device = f64_device();
    let f = Function::of_vector(tensor(&[0.3; 5], [5], &device), bowl(&device));
    let refused = |solver: &ProjectedGradient<L2Ball>, option: &str| match minimize(&f, f.parameters(), solver, &TIGHT)
    {
        Err(SolverError::Option { name, .. }) => assert_eq!(name, option),
        other => panic!("{option}: {other:?}"),
    };
    let usual = || ProjectedGradient::new(L2Ball { radius: 1.0 });
    refused(&ProjectedGradient::new(L2Ball { radius: 0.0 }), "radius");
    refused(&ProjectedGradient { step: 0.0, ..usual() }, "step");
    refused(&ProjectedGradient { growth: 0.9, ..usual() }, "growth");
    refused(&ProjectedGradient { max_trials: 0, ..usual() }, "max_trials");
    let nowhere = Hyperplane { normal: Tensor::zeros([5], &device), offset: 0.0 };
    assert!(matches!(nowhere.validate(5), Err(SolverError::Option { name: "normal", .. })));
    let plane = |offset| Hyperplane { normal: normal(&device), offset };
    assert!(matches!(plane(0.0).validate(4), Err(SolverError::Length { name: "normal", .. })));
    assert!(matches!(plane(f64::NAN).validate(5), Err(SolverError::Option { name: "offset", .. })));
}

/// A point inside of the ball is its own projection, bit for bit.
#[test]
fn points_inside_a_ball_stay() {
    for dtype in [DType::F32, DType::F64] {
        for radius in [0.1, 3.0, 41.0, 49.0, 1e6 + 1.0] {
            let x = tensor::<1>(&[0.3 * radius, -0.1 * radius, 0.7 * radius], [3], &f64_device()).cast(dtype);
            let projected = L2Ball { radius }.project(x.clone());
            assert_eq!(values(projected), values(x), "radius {radius} in {dtype:?}");
        }
    }
}

/// min Σ (xᵢ − cᵢ)²·1e-4/s within sets of the size s, in f32, where x − ∇f rounds to x. The minimum is the projection of c.
#[test]
fn minima_of_large_vectors_are_found_in_f32() {
    for s in [1e2, 1e4, 1e6] {
        let device = f64_device();
        let vector = |values: &[f64]| tensor::<1>(values, [3], &device).cast(DType::F32);
        let c = [2.0 * s, 0.5 * s, -0.4 * s];
        let f = Function::of_vector(vector(&[0.1 * s, 0.2 * s, 0.3 * s]), |x: Tensor<1>| {
            let c = Tensor::<1>::from_data(c, (&x.device(), x.dtype()));
            ((x - c).square() * (1e-4 / s)).sum()
        });
        let (ones, exact) = (Tensor::ones([3], &device), tensor::<1>(&c, [3], &device));
        let sets: Vec<(&str, Box<dyn Projection>)> = vec![
            ("ball", Box::new(L2Ball { radius: s })),
            ("l1 ball", Box::new(L1Ball { radius: s })),
            ("simplex", Box::new(Simplex { radius: s })),
            ("halfspace", Box::new(Halfspace { normal: ones.clone(), offset: s })),
            ("plane", Box::new(Hyperplane { normal: ones, offset: s })),
        ];
        for (name, set) in sets {
            let minimum = values(set.project(exact.clone()));
            for accelerated in [false, true] {
                let solver = ProjectedGradient { accelerated, ..ProjectedGradient::new(Boxed(&*set)) };
                // The gradient is about 1e-4 large.
                let stop = Stop { gtol: 1e-9, max_iter: 500, ..Stop::DEFAULT };
                let outcome = minimize(&f, f.parameters(), &solver, &stop).unwrap();
                let what = format!("{name} of size {s}: {} {:e}", outcome.message, outcome.grad_norm);
                assert_close(&values(outcome.x), &minimum, 0.0, 1e-5 * s, &what);
            }
        }
    }
}

/// A set behind a reference.
struct Boxed<'a>(&'a dyn Projection);

impl Projection for Boxed<'_> {
    fn validate(&self, n: usize) -> Result<(), SolverError> {
        self.0.validate(n)
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        self.0.project(x)
    }
}
