//! Methods on sums of many terms, beside scikit-learn.

use burn::tensor::{Int, Tensor};
use kiln_optim::{
    finite_sum::{FiniteSum, Saga, SgdLineSearch, SliceSum, Svrg, TensorSum, saga, sgd_line_search, svrg},
    solver::{Outcome, SolverError, Status, Stop},
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor};
use serde_json::Value;

const STOP: Stop = Stop { gtol: 1e-8, max_iter: 2000, ..Stop::DEFAULT };

/// The logistic regression of the reference: ln(1 + e^(−zᵢ)) + l2/2·‖w‖² with zᵢ = ±xᵢ·w.
struct Logistic {
    rows: Vec<Vec<f64>>,
    l2: f64,
}

impl Logistic {
    fn new(reference: &Value) -> Self {
        let signs = numbers(&reference["y"]).into_iter().map(|y| 2.0 * y - 1.0);
        let rows = reference["x"].as_array().unwrap().iter().map(numbers).zip(signs);
        let rows = rows.map(|(row, sign)| row.into_iter().map(|x| sign * x).collect()).collect();
        Self { rows, l2: reference["l2"].as_f64().unwrap() }
    }

    #[allow(clippy::cast_precision_loss, reason = "a count")]
    fn sum(&self) -> impl FiniteSum + '_ {
        SliceSum::new(self.rows.len(), |terms: &[usize], w: &[f64], gradient: &mut [f64]| {
            let share = 1.0 / terms.len() as f64;
            let mut value = 0.5 * self.l2 * w.iter().map(|w| w * w).sum::<f64>();
            gradient.iter_mut().zip(w).for_each(|(g, w)| *g = self.l2 * w);
            for &term in terms {
                let row = &self.rows[term];
                let z: f64 = row.iter().zip(w).map(|(x, w)| x * w).sum();
                value += share * ((-z.abs()).exp().ln_1p() + (-z).max(0.0));
                let slope = -share / (1.0 + z.exp());
                gradient.iter_mut().zip(row).for_each(|(g, x)| *g += slope * x);
            }
            value
        })
    }
}

#[test]
fn both_find_the_coefficients_of_scikit_learn() {
    let reference = reference("finite_sum");
    let logistic = Logistic::new(&reference);
    let start = [0.0; 6];
    let theirs = reference["passes"]["saga"].as_u64().unwrap() as usize;
    let mut passes = Vec::new();
    for batch_size in [1, 10, 300] {
        let run = |outcome: Result<Outcome, SolverError>, what: &str| {
            let outcome = outcome.unwrap();
            assert_eq!(outcome.status, Status::GradientSmall, "{what}, {batch_size}: {:?}", outcome.grad_norm);
            // The smallest eigenvalue of the Hessian is above l2 = 0.01.
            assert_close(&outcome.to_vec(), &numbers(&reference["w"]), 0.0, 1e-6, what);
            (what.to_owned(), batch_size, outcome.iterations, outcome.evaluations.gradients)
        };
        passes.push(run(saga(&logistic.sum(), start, &Saga { batch_size, ..Saga::default() }, &STOP), "saga"));
        passes.push(run(svrg(&logistic.sum(), start, &Svrg { batch_size, ..Svrg::default() }, &STOP), "svrg"));
    }
    println!("epochs and passes {passes:?}, scikit-learn's saga {theirs} epochs");
    // The order of the terms differs.
    assert!(5 * passes[0].2 <= 6 * theirs, "{:?}, scikit-learn's saga {theirs} epochs", passes[0]);
}

#[test]
fn a_line_search_interpolates() {
    let reference = reference("finite_sum");
    let rows: Vec<Vec<f64>> = reference["wide"].as_array().unwrap().iter().map(numbers).collect();
    let right = numbers(&reference["wide_y"]);
    #[allow(clippy::cast_precision_loss, reason = "a count")]
    let sum = SliceSum::new(40, |terms: &[usize], w: &[f64], gradient: &mut [f64]| {
        let share = 1.0 / terms.len() as f64;
        let term = |&term: &usize| {
            let r = rows[term].iter().zip(w).map(|(x, w)| x * w).sum::<f64>() - right[term];
            gradient.iter_mut().zip(&rows[term]).for_each(|(g, x)| *g += share * r * x);
            0.5 * share * r * r
        };
        terms.iter().map(term).sum()
    });
    for batch_size in [1, 8] {
        let options = SgdLineSearch { batch_size, ..SgdLineSearch::default() };
        let outcome = sgd_line_search(&sum, vec![0.0; 60], &options, &STOP).unwrap();
        assert_eq!(outcome.status, Status::GradientSmall, "{}", outcome.grad_norm);
        let w = outcome.to_vec();
        let fitted: Vec<f64> = rows.iter().map(|row| row.iter().zip(&w).map(|(x, w)| x * w).sum()).collect();
        assert_close(&fitted, &right, 0.0, 1e-6, "every row");
    }
}

/// Without interpolation it does not converge, and says so.
#[test]
fn a_line_search_on_noise_says_that_it_did_not_converge() {
    let reference = reference("finite_sum");
    let logistic = Logistic::new(&reference);
    let stop = Stop { max_iter: 60, ..STOP };
    let outcome = sgd_line_search(&logistic.sum(), [0.0; 6], &SgdLineSearch::default(), &stop).unwrap();
    assert!(!outcome.success && matches!(outcome.status, Status::Budget | Status::Stalled), "{:?}", outcome.status);
}

#[test]
fn a_function_of_tensors_gives_the_same_steps() {
    let device = f64_device();
    let (x, y) = ([0.5, -1.0, 2.0, 0.1], [1.0, 0.3, -2.0, 0.7]);
    let slices = SliceSum::new(4, |terms: &[usize], w: &[f64], gradient: &mut [f64]| {
        #[allow(clippy::cast_precision_loss, reason = "a count")]
        let share = 1.0 / terms.len() as f64;
        let term = |&i: &usize| {
            let r = w[0] + w[1] * x[i] - y[i];
            gradient[0] += 2.0 * share * r;
            gradient[1] += 2.0 * share * r * x[i];
            share * r * r
        };
        terms.iter().map(term).sum()
    });
    let (tx, ty) = (tensor::<1>(&x, [4], &device), tensor::<1>(&y, [4], &device));
    let tensors = TensorSum::new(4, tx.clone(), move |w: Tensor<1>, rows: Tensor<1, Int>| {
        let (x, y) = (tx.clone().select(0, rows.clone()), ty.clone().select(0, rows));
        (x * w.clone().slice(1..2) + w.slice(0..1) - y).square().mean()
    });
    let options = Saga { seed: 3, ..Saga::default() };
    let (a, b) =
        (saga(&slices, [0.0, 0.0], &options, &STOP).unwrap(), saga(&tensors, [0.0, 0.0], &options, &STOP).unwrap());
    assert!(a.success && b.success);
    assert_close(&a.to_vec(), &b.to_vec(), 1e-9, 1e-12, "both ways");
    assert_eq!(a.iterations, b.iterations);
}

#[test]
fn options_and_endings() {
    let sum = SliceSum::new(2, |_: &[usize], x: &[f64], g: &mut [f64]| {
        g[0] = 1.0;
        x[0]
    });
    let stop = Stop { max_iter: 20, lower_bound: -1.0, ..STOP };
    assert_eq!(
        svrg(&sum, [0.0], &Svrg { step_size: Some(1.0), ..Svrg::default() }, &stop).unwrap().status,
        Status::Unbounded
    );
    // A step that is too long: the outcome is the last finite point, with its own gradient.
    let bowl = SliceSum::new(2, |_: &[usize], x: &[f64], g: &mut [f64]| {
        g[0] = 2.0 * x[0];
        x[0] * x[0]
    });
    let diverged = svrg(&bowl, [1.0], &Svrg { step_size: Some(1e3), ..Svrg::default() }, &STOP).unwrap();
    assert_eq!(diverged.status, Status::NoProgress);
    let x = diverged.to_vec()[0];
    assert!(x.is_finite() && diverged.value.is_finite(), "{x}");
    assert_close(&[diverged.grad_norm], &[2.0 * x.abs()], 1e-15, 0.0, "the gradient at that point");
    let nan = SliceSum::new(2, |_: &[usize], _: &[f64], _: &mut [f64]| f64::NAN);
    assert_eq!(saga(&nan, [0.0], &Saga::default(), &STOP).unwrap().status, Status::NotFinite);
    assert!(matches!(saga(&sum, [], &Saga::default(), &STOP), Err(SolverError::Option { name: "start", .. })));
    let none = Svrg { batch_size: 0, ..Svrg::default() };
    assert!(matches!(svrg(&sum, [0.0], &none, &STOP), Err(SolverError::Option { name: "batch_size", .. })));
    let wrong = SgdLineSearch { c: 1.5, ..SgdLineSearch::default() };
    assert!(matches!(sgd_line_search(&sum, [0.0], &wrong, &STOP), Err(SolverError::Option { name: "c", .. })));
}
