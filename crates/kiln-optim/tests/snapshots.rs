//! Minimisations that are saved and continued.

use std::ops::ControlFlow::{Break, Continue};

use burn::tensor::{Device, Tensor};
use kiln_optim::{
    problems,
    solver::{
        Bounds, HagerZhang, Hessian, L1, L2Ball, LineSearch, Minimization, NonlinearCg, Outcome, ProjectedGradient,
        Snapshot, SnapshotError, Solver, SolverError, Status, Stop, bfgs, gradient_descent, lbfgs, lbfgs_b, minimize,
        newton, newton_cg, nonlinear_cg, owlqn, tron, trust_exact, trust_krylov, trust_ncg,
    },
};
use kiln_tensor::derivative::HessianProduct;
use kiln_testkit::{f64_device, values};

const STOP: Stop = Stop { gtol: 1e-8, max_iter: 60, ..Stop::DEFAULT };

/// The outcomes of a whole run, and of one that stops after `after` steps and continues from the bytes of its snapshot.
fn whole_and_in_parts<P: Hessian + HessianProduct, S: Solver<P>>(
    f: &P,
    start: &Tensor<1>,
    solver: &S,
    after: usize,
    device: &Device,
) -> [Outcome; 2] {
    let whole = minimize(f, start.clone(), solver, &STOP).unwrap();
    let mut first = Minimization::new(f, start.clone(), solver, STOP).unwrap();
    let stopped = first.run(|m| if m.iterations() == after { Break(()) } else { Continue(()) }).unwrap();
    assert_eq!((stopped.status, stopped.iterations), (Status::Stopped, after));
    let bytes = first.save().to_bytes();
    assert_eq!(bytes, first.save().to_bytes());
    let snapshot = Snapshot::from_bytes(&bytes).unwrap();
    assert_eq!(snapshot.history().unwrap(), stopped.history);
    let mut second = Minimization::resume(f, &snapshot, solver, STOP, device).unwrap();
    assert_eq!((second.status(), second.iterations()), (None, after));
    [whole, second.run(|_| Continue(())).unwrap()]
}

#[test]
fn parts_make_the_whole_to_the_bit() {
    let device = f64_device();
    let problem = problems::rosenbrock(vec![-1.2, 1.0, -1.2, 1.0]);
    let (f, x) = (problem.function(&device), problem.start(&device));
    let full = |value: f64| Tensor::<1>::full([4], value, (&device, burn::tensor::DType::F64));
    for after in [1, 7, 12] {
        let run = |which: &str| match which {
            "gd" => whole_and_in_parts(&f, &x, &gradient_descent(), after, &device),
            "nonlinear-cg" => whole_and_in_parts(&f, &x, &nonlinear_cg(), after, &device),
            "cg by hz" => {
                let solver = LineSearch::new(NonlinearCg::default(), HagerZhang::default());
                whole_and_in_parts(&f, &x, &solver, after, &device)
            }
            "bfgs" => whole_and_in_parts(&f, &x, &bfgs(), after, &device),
            "l-bfgs" => whole_and_in_parts(&f, &x, &lbfgs(), after, &device),
            "l-bfgs-b" => {
                let solver = lbfgs_b(Bounds::new(full(-2.0), full(0.9)).unwrap());
                whole_and_in_parts(&f, &x, &solver, after, &device)
            }
            "owl-qn" => whole_and_in_parts(&f, &x, &owlqn(L1::new(full(0.1)).unwrap()), after, &device),
            "projected gradient" => {
                let solver = ProjectedGradient::new(L2Ball { radius: 1.5 });
                whole_and_in_parts(&f, &x, &solver, after, &device)
            }
            "newton" => whole_and_in_parts(&f, &x, &newton(), after, &device),
            "newton-cg" => whole_and_in_parts(&f, &x, &newton_cg(), after, &device),
            "trust-krylov" => whole_and_in_parts(&f, &x, &trust_krylov(), after, &device),
            "trust-exact" => whole_and_in_parts(&f, &x, &trust_exact(), after, &device),
            "tron" => whole_and_in_parts(&f, &x, &tron(Bounds::new(full(-2.0), full(1.5)).unwrap()), after, &device),
            _ => whole_and_in_parts(&f, &x, &trust_ncg(), after, &device),
        };
        for what in [
            "gd",
            "nonlinear-cg",
            "cg by hz",
            "bfgs",
            "l-bfgs",
            "l-bfgs-b",
            "owl-qn",
            "projected gradient",
            "newton",
            "newton-cg",
            "trust-ncg",
            "trust-krylov",
            "trust-exact",
            "tron",
        ] {
            let [whole, parts] = run(what);
            assert!(whole.iterations > after, "{what}: the run is over before it is parted");
            assert_eq!(values(whole.x.clone()), values(parts.x.clone()), "{what} after {after}");
            assert_eq!(whole.history, parts.history, "{what} after {after}");
            assert_eq!(whole.evaluations, parts.evaluations, "{what} after {after}");
            assert_eq!((whole.status, whole.value), (parts.status, parts.value), "{what} after {after}");
        }
    }
}

#[test]
fn a_run_that_ended_ends_again_and_goes_on_when_it_is_allowed_more() {
    let device = f64_device();
    let problem = problems::rosenbrock(vec![-1.2, 1.0]);
    let (f, x) = (problem.function(&device), problem.start(&device));
    let solver = lbfgs();
    let short = Stop { max_iter: 5, ..STOP };
    let mut first = Minimization::new(&f, x, &solver, short).unwrap();
    assert_eq!(first.run(|_| Continue(())).unwrap().status, Status::Budget);
    let snapshot = first.save();
    let go_on =
        |stop| Minimization::resume(&f, &snapshot, &solver, stop, &device).unwrap().run(|_| Continue(())).unwrap();
    let again = go_on(short);
    assert_eq!((again.status, again.iterations), (Status::Budget, 5));
    assert_eq!(go_on(STOP).status, Status::GradientSmall);
    assert_eq!(go_on(Stop { gtol: 1e3, ..STOP }).iterations, 5, "a looser test is passed already");
}

#[test]
fn what_is_no_snapshot_or_another_solvers_is_refused() {
    let device = f64_device();
    let problem = problems::rosenbrock(vec![-1.2, 1.0]);
    let (f, x) = (problem.function(&device), problem.start(&device));
    let (solver, lbfgs_of_two) = (trust_ncg(), lbfgs());
    let mut run = Minimization::new(&f, x, &solver, STOP).unwrap();
    run.step().unwrap();
    let snapshot = run.save();
    let bytes = snapshot.to_bytes();
    assert!(matches!(Snapshot::from_bytes(&bytes[..bytes.len() - 1]), Err(SnapshotError::Damaged(_))));
    assert!(matches!(Snapshot::from_bytes(b"not a file"), Err(SnapshotError::Damaged(_))));
    let refused = Minimization::resume(&f, &snapshot, &lbfgs(), STOP, &device).err();
    assert!(matches!(refused, Some(SolverError::Snapshot(SnapshotError::Missing(_)))), "{refused:?}");
    // A snapshot of L-BFGS does not serve a solver with bounds, and the function must be the same.
    let mut run = Minimization::new(&f, problem.start(&device), &lbfgs_of_two, STOP).unwrap();
    run.step().unwrap();
    let plain = run.save();
    let anywhere = |bound: f64| Tensor::<1>::full([2], bound, (&device, burn::tensor::DType::F64));
    let wide = lbfgs_b(Bounds::new(anywhere(-9.0), anywhere(9.0)).unwrap());
    let refused = Minimization::resume(&f, &plain, &wide, STOP, &device).err();
    assert!(matches!(refused, Some(SolverError::Snapshot(SnapshotError::Missing(_)))), "{refused:?}");
    let other = problems::all().into_iter().find(|problem| problem.name == "beale").unwrap();
    let g = other.function(&device);
    let refused = Minimization::resume(&g, &plain, &lbfgs_of_two, STOP, &device).err();
    assert!(matches!(refused, Some(SolverError::Snapshot(SnapshotError::Changed(_)))), "{refused:?}");
    let mut run = Minimization::new(&f, problem.start(&device), &wide, STOP).unwrap();
    run.step().unwrap();
    let tight = lbfgs_b(Bounds::new(anywhere(3.0), anywhere(9.0)).unwrap());
    let refused = Minimization::resume(&f, &run.save(), &tight, STOP, &device).err();
    assert!(matches!(refused, Some(SolverError::Snapshot(SnapshotError::Changed(_)))), "outside: {refused:?}");
    // An entry of another shape.
    let mut damaged = plain.clone();
    damaged.put("gradient", &Tensor::<1>::zeros([3], &device));
    let refused = Minimization::resume(&f, &damaged, &lbfgs_of_two, STOP, &device).err();
    assert!(matches!(refused, Some(SolverError::Snapshot(SnapshotError::Damaged(_)))), "{refused:?}");
    // Bounds of another length.
    let one = Tensor::<1>::full([1], 0.5, (&device, burn::tensor::DType::F64));
    let bounded = lbfgs_b(Bounds::new(one.clone(), one).unwrap());
    let refused = Minimization::resume(&f, &snapshot, &bounded, STOP, &device).err();
    assert!(matches!(refused, Some(SolverError::Length { name: "lower", .. })), "{refused:?}");
}
