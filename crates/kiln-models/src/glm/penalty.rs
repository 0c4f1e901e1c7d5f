//! Penalties on the coefficients of features, in their own units.

use super::{GlmLoss, predictors::Predictor};

impl GlmLoss {
    /// The entries of the vector that are penalised, and the factors λ of their squares.
    pub(super) fn penalties(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let l2 = self.l2 / self.unit;
        self.feature_places().map(move |(place, scale)| (place, l2 / (scale * scale))).filter(|(_, l2)| *l2 > 0.0)
    }

    /// The entries of the vector that are coefficients of features, not of the inflation, and the scales of these.
    fn feature_places(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let columns = self.design.columns(0);
        let of = move |predictor: &'_ Predictor| {
            let own = columns.clone().filter(|j| predictor.columns.contains(j)).collect::<Vec<_>>();
            let start = predictor.start - predictor.columns.start.min(predictor.start);
            let scales = self.design.groups()[0].scales();
            own.into_iter().map(move |j| (start + j, scales[j])).collect::<Vec<_>>()
        };
        self.predictors.iter().flat_map(of)
    }

    /// Returns the penalty λ·‖b‖₁ on the coefficients of features, in their own units, as a penalty per entry of the vector.
    pub fn l1_weights(&self, lambda: f64) -> Vec<f64> {
        let mut weights = vec![0.0; self.parameter_count()];
        self.feature_places().for_each(|(place, scale)| weights[place] = lambda / (scale * self.unit));
        weights
    }
}
