//! A model in other units: those of its posterior.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    dist::{Factors, LogJoint},
    tensor::linalg::Symmetric,
    train::vi::{Importance, LaplaceApproximation},
};

use super::model::Model;
use crate::base::to_vec;

/// A model of u, where z = shift + A·u. So the steps of an optimiser do not depend on the units of the data.
#[derive(Clone, Debug)]
pub(super) struct Rescaled<'a> {
    model: &'a Model,
    map: Option<Map>,
}

#[derive(Clone, Debug)]
struct Map {
    shift: Vec<f64>,
    scale: Scale,
    ln_determinant: f64,
}

#[derive(Clone, Debug)]
enum Scale {
    /// The diagonal of A.
    Diagonal(Vec<f64>),
    /// Aᵀ, by rows.
    Full(Vec<f64>),
}

impl<'a> Rescaled<'a> {
    /// The model in its own units.
    pub(super) fn none(model: &'a Model) -> Self {
        Self { model, map: None }
    }

    /// Around the mode, in units of each variable's standard deviation given the others.
    pub(super) fn each(model: &'a Model, mode: &LaplaceApproximation) -> Self {
        let shift = to_vec(mode.posterior.loc());
        let covariance = Symmetric::from_tensor(mode.posterior.covariance().squeeze_dim(0));
        let Some(precision) = covariance.cholesky().map(|factor| factor.inverse()) else { return Self::none(model) };
        let scale: Vec<f64> = (0..shift.len()).map(|j| precision.at(j, j).sqrt().recip()).collect();
        let ln_determinant = scale.iter().map(|scale| scale.ln()).sum();
        Self { model, map: Some(Map { shift, scale: Scale::Diagonal(scale), ln_determinant }) }
    }

    /// Around the mode, with the covariance of Laplace's approximation as unit.
    pub(super) fn all(model: &'a Model, mode: &LaplaceApproximation) -> Self {
        let shift = to_vec(mode.posterior.loc());
        let factor: Tensor<2> = mode.posterior.scale_tril().squeeze_dim(0);
        let transposed = to_vec(factor.transpose());
        let ln_determinant = (0..shift.len()).map(|j| transposed[j * (shift.len() + 1)].ln()).sum();
        Self { model, map: Some(Map { shift, scale: Scale::Full(transposed), ln_determinant }) }
    }

    /// The same map for a guide without a density: ln p(data, z) at a point does not depend on units.
    pub(super) fn of_points(mut self) -> Self {
        self.map.iter_mut().for_each(|map| map.ln_determinant = 0.0);
        self
    }

    /// Returns z of each row of u `[s, d]`.
    pub(super) fn place(&self, u: Tensor<2>) -> Tensor<2> {
        let Some(Map { shift, scale, .. }) = &self.map else { return u };
        let (d, like) = (shift.len(), (&u.device(), u.dtype()));
        let matrix =
            |values: &[f64], rows: usize| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, d]), like);
        let shift = matrix(shift, 1);
        shift
            + match scale {
                Scale::Diagonal(scale) => u * matrix(scale, 1),
                Scale::Full(transposed) => u.matmul(matrix(transposed, d)),
            }
    }

    /// The draws in the model's own units.
    pub(super) fn placed(&self, importance: Importance) -> Importance {
        Importance { draws: self.place(importance.draws), ..importance }
    }

    /// Whether u has other units than z.
    pub(super) fn is_rescaled(&self) -> bool {
        self.map.is_some()
    }

    /// The model of z.
    pub(super) fn model(&self) -> &'a Model {
        self.model
    }

    fn ln_determinant(&self) -> f64 {
        self.map.as_ref().map_or(0.0, |map| map.ln_determinant)
    }
}

impl LogJoint for Rescaled<'_> {
    fn dims(&self) -> usize {
        self.model.dims()
    }

    fn log_joint(&self, u: Tensor<2>) -> Tensor<1> {
        self.model.log_joint(self.place(u)) + self.ln_determinant()
    }

    /// An entry of z is one of u, unless all are mixed.
    fn factors(&self, u: Tensor<2>) -> Factors {
        match &self.map {
            None => self.model.factors(u),
            Some(Map { scale: Scale::Full(_), .. }) => Factors::one(self.log_joint(u), self.dims()),
            Some(Map { scale: Scale::Diagonal(_), ln_determinant, .. }) => {
                let Factors { terms, involved } = self.model.factors(self.place(u));
                let [_, f] = terms.dims();
                // The sum of the terms is the density of u.
                Factors { terms: terms + ln_determinant / f as f64, involved }
            }
        }
    }
}
