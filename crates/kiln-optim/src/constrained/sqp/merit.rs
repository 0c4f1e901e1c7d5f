//! The merit function, which judges steps.

use super::super::{evaluated::Values, kkt::Multipliers};

/// The penalty of each entry of h and g.
pub(super) struct Merit {
    equality: Vec<f64>,
    inequality: Vec<f64>,
}

impl Merit {
    /// All penalties zero.
    pub(super) fn new(multipliers: &Multipliers) -> Self {
        Self { equality: vec![0.0; multipliers.equality.len()], inequality: vec![0.0; multipliers.inequality.len()] }
    }

    /// Raises the penalties to the multipliers; larger ones decrease by halves (Powell, 1978).
    pub(super) fn cover(&mut self, multipliers: &Multipliers) {
        let pairs = (self.equality.iter_mut().zip(&multipliers.equality))
            .chain(self.inequality.iter_mut().zip(&multipliers.inequality));
        pairs.for_each(|(cost, multiplier)| *cost = multiplier.abs().max(0.5 * (*cost + multiplier.abs())));
    }

    pub(super) fn at_least(&mut self, floor: f64) {
        self.equality.iter_mut().chain(&mut self.inequality).for_each(|cost| *cost = cost.max(floor));
    }

    /// The cost of the violations, in units of f.
    pub(super) fn cost(&self, values: &Values) -> f64 {
        let equality = self.equality.iter().zip(&values.equality).map(|(cost, h)| cost * h.abs());
        let inequality = self.inequality.iter().zip(&values.inequality).map(|(cost, g)| cost * g.max(0.0));
        equality.chain(inequality).sum()
    }

    pub(super) fn value(&self, values: &Values) -> f64 {
        values.objective + self.cost(values)
    }
}
