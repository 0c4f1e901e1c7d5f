//! Nelder and Mead's simplex and CMA-ES, beside SciPy and pycma.

use std::cell::Cell;

use burn::tensor::{DType, Tensor};
use kiln_optim::{
    derivative_free::{CmaEs, NelderMead, SliceValues, cma_es, nelder_mead},
    problems,
    solver::{SolverError, Status},
};
use kiln_tensor::derivative::Function;
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor};
use serde_json::Value;

fn value(name: &str, x: &[f64]) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a number of variables")]
    let last = (x.len() - 1) as f64;
    match name {
        "rosenbrock" => x.windows(2).map(|x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2)).sum(),
        "beale" => {
            [1.5, 2.25, 2.625].iter().zip(1..).map(|(c, power)| (c - x[0] + x[0] * x[1].powi(power)).powi(2)).sum()
        }
        "wood" => {
            100.0 * (x[1] - x[0] * x[0]).powi(2)
                + (1.0 - x[0]).powi(2)
                + 90.0 * (x[3] - x[2] * x[2]).powi(2)
                + (1.0 - x[2]).powi(2)
                + 10.1 * ((x[1] - 1.0).powi(2) + (x[3] - 1.0).powi(2))
                + 19.8 * (x[1] - 1.0) * (x[3] - 1.0)
        }
        "absolute" => (x[0] - 1.0).abs() + 2.0 * (x[1] + 3.0).abs() + 0.5 * x[2].abs(),
        "ellipsoid" => x.iter().zip(0..).map(|(x, i)| 1e6_f64.powf(f64::from(i) / last) * x * x).sum(),
        "rastrigin" => x.iter().map(|x| x * x + 10.0 * (1.0 - (std::f64::consts::TAU * x).cos())).sum(),
        other => panic!("no function {other}"),
    }
}

/// The method has SciPy's rules but for the first simplex near 0 and at bounds, so that the counts hardly differ.
#[test]
fn the_simplex_takes_the_steps_of_scipy() {
    f64_device();
    for row in reference("derivative_free")["simplex"].as_array().unwrap() {
        let name = row["function"].as_str().unwrap();
        let x0 = numbers(&row["x0"]);
        let side = |side: usize| {
            row["bounds"].as_array().map(|bounds| bounds.iter().map(|bound| bound[side].as_f64().unwrap()).collect())
        };
        let options = NelderMead {
            xtol: 1e-6,
            ftol: 1e-6,
            adaptive: row["adaptive"] == Value::Bool(true),
            lower: side(0),
            upper: side(1),
            max_iter: Some(5000),
            max_evaluations: Some(5000),
            ..NelderMead::default()
        };
        let f = SliceValues::new(|x: &[f64]| value(name, x));
        let outcome = nelder_mead(&f, &x0, &options).unwrap();
        let what = format!("{name} from {x0:?}");
        assert_eq!(outcome.status, Status::SpreadSmall, "{what}");
        assert_close(&outcome.to_vec(), &numbers(&row["x"]), 0.0, 2e-6, &what);
        let count = |name: &str| row[name].as_f64().unwrap();
        #[allow(clippy::cast_precision_loss, reason = "counts")]
        let ours = [outcome.iterations as f64, outcome.evaluations.values as f64];
        assert_close(&ours, &[count("nit"), count("nfev")], 0.02, 1.0, &what);
    }
}

/// Medians of 31 seeds. The random numbers differ from pycma's.
#[test]
fn an_evolution_takes_as_many_values_as_pycma() {
    f64_device();
    for row in reference("derivative_free")["evolution"].as_array().unwrap() {
        let name = row["function"].as_str().unwrap();
        let x0 = numbers(&row["x0"]);
        let mut counts: Vec<usize> = Vec::new();
        for seed in 1..=31 {
            let f = SliceValues::new(|x: &[f64]| value(name, x));
            let population = row["population"].as_u64().map(|population| population as usize);
            let options = CmaEs { sigma: row["sigma"].as_f64().unwrap(), population, seed, ..CmaEs::default() };
            let outcome = cma_es(&f, &x0, &options).unwrap();
            if outcome.value < 1e-9 {
                assert!(outcome.success, "{name}, seed {seed}: {}", outcome.message);
                counts.push(outcome.evaluations.values);
            }
        }
        let solved = row["solved"].as_u64().unwrap() as usize;
        // The number of 31 that succeed has a standard deviation of at most √31/2 = 2.8, in both.
        assert!(counts.len() + 8 >= solved, "{name}: {} runs of 31 find the minimum, pycma {solved}", counts.len());
        if let Some(theirs) = row["median"].as_f64().filter(|_| counts.len() > 10) {
            counts.sort_unstable();
            #[allow(clippy::cast_precision_loss, reason = "a count")]
            let ours = counts[counts.len() / 2] as f64;
            println!("{name} {x0:?}: {ours} of {theirs}");
            assert!(ours <= 1.15 * theirs, "{name} from {x0:?}: {ours} values, pycma {theirs}");
        }
    }
}

#[test]
fn a_function_of_tensors_is_minimised_in_its_float_type() {
    let device = f64_device();
    let problem = problems::rosenbrock(vec![-1.2, 1.0]);
    let f = problem.function(&device);
    let outcome = nelder_mead(&f, problem.start.clone(), &NelderMead::default()).unwrap();
    assert!(outcome.success);
    assert_close(&outcome.to_vec(), &[1.0, 1.0], 0.0, 1e-3, "in f64");
    let start = tensor::<1>(&[3.0], [1], &device).cast(DType::F32);
    let f = Function::of_vector(start, |x: Tensor<1>| (x - 0.5).abs().sum());
    let outcome = cma_es(&f, [3.0], &CmaEs { ftol: 1e-6, ..CmaEs::default() }).unwrap();
    assert_eq!(outcome.x.dtype(), DType::F32);
    assert!(outcome.success, "{}", outcome.message);
    assert_close(&outcome.to_vec(), &[0.5], 0.0, 1e-5, "in f32");
    assert!(outcome.gradient.try_into_vec_as::<f64>().unwrap()[0].is_nan(), "no gradient is computed");
}

#[test]
fn bounds_hold_at_every_value() {
    f64_device();
    let outside = Cell::new(0);
    let f = SliceValues::new(|x: &[f64]| {
        let is_inside = (1.5..=4.0).contains(&x[0]) && x[1] <= -1.0;
        outside.set(outside.get() + usize::from(!is_inside));
        (x[0] - 1.0).powi(2) + (x[1] - 1.0).powi(2)
    });
    let (lower, upper) = (Some(vec![1.5, f64::NEG_INFINITY]), Some(vec![4.0, -1.0]));
    let simplex = NelderMead { lower: lower.clone(), upper: upper.clone(), ..NelderMead::default() };
    let evolution = CmaEs { lower, upper, ..CmaEs::default() };
    for outcome in [nelder_mead(&f, [3.0, 5.0], &simplex).unwrap(), cma_es(&f, [3.0, 5.0], &evolution).unwrap()] {
        assert!(outcome.success, "{}", outcome.message);
        assert_close(&outcome.to_vec(), &[1.5, -1.0], 0.0, 1e-4, "at both bounds");
    }
    assert_eq!(outside.get(), 0);
}

#[test]
fn a_seed_gives_the_same_run() {
    f64_device();
    let f = SliceValues::new(|x: &[f64]| value("rastrigin", x));
    let run = |seed| cma_es(&f, [3.0, 1.0], &CmaEs { seed, restarts: 1, ..CmaEs::default() }).unwrap();
    assert_eq!(run(5).to_vec(), run(5).to_vec());
    assert_eq!(run(5).evaluations, run(5).evaluations);
    assert_ne!(run(5).evaluations, run(6).evaluations);
}

#[test]
fn endings_without_a_minimum() {
    f64_device();
    let nowhere = SliceValues::new(|_: &[f64]| f64::NAN);
    assert_eq!(nelder_mead(&nowhere, [1.0], &NelderMead::default()).unwrap().status, Status::NotFinite);
    assert_eq!(cma_es(&nowhere, [1.0, 2.0], &CmaEs::default()).unwrap().status, Status::NotFinite);
    let slope = SliceValues::new(|x: &[f64]| x[0]);
    let outcome = nelder_mead(&slope, [1.0], &NelderMead { max_iter: Some(30), ..NelderMead::default() }).unwrap();
    assert_eq!((outcome.status, outcome.iterations), (Status::Budget, 30));
    let outcome = cma_es(&slope, [1.0, 2.0], &CmaEs { max_evaluations: 100, ..CmaEs::default() }).unwrap();
    assert_eq!(outcome.status, Status::Budget);
    assert!(outcome.evaluations.values < 110, "{:?}", outcome.evaluations);
    assert!(matches!(nelder_mead(&slope, [], &NelderMead::default()), Err(SolverError::Option { name: "start", .. })));
    let short = NelderMead { lower: Some(vec![0.0, 0.0]), ..NelderMead::default() };
    assert!(matches!(nelder_mead(&slope, [1.0], &short), Err(SolverError::Length { name: "lower", .. })));
    let few = CmaEs { population: Some(2), ..CmaEs::default() };
    assert!(matches!(cma_es(&slope, [1.0], &few), Err(SolverError::Option { name: "population", .. })));
}

/// A first simplex that is flat, or within the tolerance, would be called converged.
#[test]
fn the_first_simplex_has_an_extent() {
    f64_device();
    let far = SliceValues::new(|x: &[f64]| (x[0] - 101.0).powi(2));
    let bounds = NelderMead { lower: Some(vec![99.0]), upper: Some(vec![101.0]), ..NelderMead::default() };
    assert_close(&nelder_mead(&far, [99.0], &bounds).unwrap().to_vec(), &[101.0], 0.0, 1e-3, "to the other bound");
    let near = SliceValues::new(|x: &[f64]| (x[0] - 1.0).powi(2));
    for start in [1e-9, -1e-9, 0.0] {
        let outcome = nelder_mead(&near, [start], &NelderMead::default()).unwrap();
        assert_close(&outcome.to_vec(), &[1.0], 0.0, 1e-3, "from a start near 0");
    }
    let coarse = NelderMead { xtol: 0.5, ..NelderMead::default() };
    assert!(nelder_mead(&near, [0.0], &coarse).unwrap().iterations > 0);
}

#[test]
fn a_start_or_bounds_that_are_not_finite_are_refused() {
    f64_device();
    let f = SliceValues::new(|x: &[f64]| x[0]);
    let start = cma_es(&f, [f64::NAN], &CmaEs::default());
    assert!(matches!(start, Err(SolverError::Option { name: "start", .. })));
    let bounds = NelderMead { lower: Some(vec![f64::INFINITY]), ..NelderMead::default() };
    assert!(matches!(nelder_mead(&f, [1.0], &bounds), Err(SolverError::Option { name: "lower", .. })));
}

/// All points of the first generations are outside of the domain.
#[test]
fn an_evolution_comes_back_into_the_domain() {
    f64_device();
    let f = SliceValues::new(|x: &[f64]| if x[0].abs() < 0.01 { x[0] * x[0] } else { f64::INFINITY });
    for seed in 0..10 {
        let outcome = cma_es(&f, [0.005], &CmaEs { seed, ..CmaEs::default() }).unwrap();
        assert!(outcome.success && outcome.value < 1e-9, "seed {seed}: {:?} {}", outcome.status, outcome.value);
    }
}
