//! A problem on tensors as one with derivatives on the host.

use std::cell::{Cell, RefCell};

use burn::module::Module;
use kiln_tensor::derivative::{EvaluationError, Inputs};

use crate::constrained::{
    SparseProblem,
    evaluated::{Slopes, Values},
    host::Host,
    kkt::Multipliers,
};

/// All entries of the derivatives, row by row.
pub(super) struct Dense<'h, 'p, 'a, M, I> {
    host: &'h Host<'p, 'a, M, I>,
    sizes: (usize, usize),
    /// The last values and derivatives, each with its point, because the trait asks for parts of them.
    values: RefCell<Option<(Vec<f64>, Values)>>,
    slopes: RefCell<Option<(Vec<f64>, Slopes)>>,
    error: Cell<Option<EvaluationError>>,
    failed: Cell<bool>,
}

impl<'h, 'p, 'a, M: Module + 'a, I: Inputs + 'a> Dense<'h, 'p, 'a, M, I> {
    /// `sizes` are the numbers of equalities and inequalities.
    pub(super) fn new(host: &'h Host<'p, 'a, M, I>, sizes: (usize, usize)) -> Self {
        Self {
            host,
            sizes,
            values: RefCell::new(None),
            slopes: RefCell::new(None),
            error: Cell::new(None),
            failed: Cell::new(false),
        }
    }

    pub(super) fn failed(&self) -> bool {
        self.failed.get()
    }

    /// The error of a function, if there was one.
    pub(super) fn result(&self) -> Result<(), EvaluationError> {
        self.error.take().map_or(Ok(()), Err)
    }

    fn keep<T>(&self, result: Result<T, EvaluationError>) -> Option<T> {
        result
            .map_err(|error| {
                self.failed.set(true);
                self.error.set(Some(error));
            })
            .ok()
    }

    fn values_at<T>(&self, x: &[f64], take: impl FnOnce(&Values) -> T) -> Option<T> {
        let mut last = self.values.borrow_mut();
        if last.as_ref().is_none_or(|(at, _)| at != x) {
            *last = self.keep(self.host.values(x)).map(|values| (x.to_vec(), values));
        }
        last.as_ref().map(|(_, values)| take(values))
    }

    fn slopes_at(&self, x: &[f64], take: impl FnOnce(&Slopes)) {
        let mut last = self.slopes.borrow_mut();
        if last.as_ref().is_none_or(|(at, _)| at != x) {
            *last = self.keep(self.host.slopes(x)).map(|slopes| (x.to_vec(), slopes));
        }
        if let Some((_, slopes)) = last.as_ref() {
            take(slopes);
        }
    }
}

impl<'a, M: Module + 'a, I: Inputs + 'a> SparseProblem for Dense<'_, '_, 'a, M, I> {
    fn unknowns(&self) -> usize {
        self.host.problem.unknowns()
    }

    fn equalities(&self) -> usize {
        self.sizes.0
    }

    fn inequalities(&self) -> usize {
        self.sizes.1
    }

    fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        (self.host.problem.lower().to_vec(), self.host.problem.upper().to_vec())
    }

    fn objective(&self, x: &[f64]) -> f64 {
        self.values_at(x, |values| values.objective).unwrap_or(f64::NAN)
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) {
        gradient.fill(f64::NAN);
        self.slopes_at(x, |slopes| gradient.copy_from_slice(&slopes.gradient));
    }

    fn constraints(&self, x: &[f64], out: &mut [f64]) {
        out.fill(f64::NAN);
        self.values_at(x, |values| {
            let (h, g) = out.split_at_mut(self.sizes.0);
            h.copy_from_slice(&values.equality);
            g.copy_from_slice(&values.inequality);
        });
    }

    fn jacobian_places(&self) -> Vec<(usize, usize)> {
        let n = self.unknowns();
        (0..self.sizes.0 + self.sizes.1).flat_map(|i| (0..n).map(move |j| (i, j))).collect()
    }

    fn jacobian(&self, x: &[f64], out: &mut [f64]) {
        out.fill(f64::NAN);
        self.slopes_at(x, |slopes| {
            let rows = |matrix: &kiln_tensor::linalg::Matrix| -> Vec<f64> {
                (0..matrix.rows()).flat_map(|i| matrix.row(i)).collect()
            };
            let (h, g) = out.split_at_mut(self.sizes.0 * self.unknowns());
            h.copy_from_slice(&rows(&slopes.equality));
            g.copy_from_slice(&rows(&slopes.inequality));
        });
    }

    fn hessian_places(&self) -> Vec<(usize, usize)> {
        (0..self.unknowns()).flat_map(|i| (0..=i).map(move |j| (i, j))).collect()
    }

    fn hessian(&self, x: &[f64], factor: f64, multipliers: &[f64], out: &mut [f64]) {
        let (h, g) = multipliers.split_at(self.sizes.0);
        // The functions have the factor 1 for the objective.
        let over = |values: &[f64], by: f64| values.iter().map(|value| value / by).collect::<Vec<_>>();
        let by = if factor == 0.0 { 1.0 } else { factor };
        let weights = Multipliers { equality: over(h, by), inequality: over(g, by), ..Multipliers::default() };
        let of = |weights: &Multipliers| self.keep(self.host.hessian(x, weights));
        let Some(mut hessian) = of(&weights) else { return out.fill(f64::NAN) };
        if factor == 0.0 {
            // Without the objective: the difference to its own Hessian.
            let none =
                Multipliers { equality: vec![0.0; h.len()], inequality: vec![0.0; g.len()], ..Multipliers::default() };
            let Some(objective) = of(&none) else { return out.fill(f64::NAN) };
            hessian =
                kiln_tensor::linalg::Symmetric::from_fn(hessian.rows(), |i, j| hessian.at(i, j) - objective.at(i, j));
        }
        let entries = (0..hessian.rows()).flat_map(|i| (0..=i).map(move |j| (i, j)));
        out.iter_mut().zip(entries).for_each(|(out, (i, j))| *out = by * hessian.at(i, j));
    }
}
