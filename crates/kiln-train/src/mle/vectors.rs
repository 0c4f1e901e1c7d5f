//! Families of vectors.

use burn::{
    module::Param,
    tensor::{Tensor, TensorData},
};
use kiln_dist::{Dirichlet, Distribution, MultivariateNormal};
use kiln_tensor::derivative::Function;

use super::{
    FitMle, MleError,
    draws::{Draws, most_likely},
};

impl FitMle for MultivariateNormal {
    type Data = Tensor<2>;

    /// The mean and the covariance of the rows.
    fn fit_mle(data: Tensor<2>) -> Result<Self, MleError> {
        let data = data.without_autodiff();
        let [n, k] = data.dims();
        if n == 0 {
            return Err(MleError::Empty);
        }
        Draws::real("MultivariateNormal", data.clone().flatten(0, 1))?;
        let mean = data.clone().mean_dim(0);
        let apart = data - mean.clone();
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let covariance = apart.clone().transpose().matmul(apart) / n as f64;
        let fitted = Self::from_covariance(mean, covariance.reshape([1, k, k]))?;
        fitted.validated().map_err(|_| MleError::NoMaximum {
            family: "MultivariateNormal",
            reason: "the rows lie in a subspace: there are too few of them, or columns depend on one another",
        })
    }
}

impl FitMle for Dirichlet<2> {
    type Data = Tensor<2>;

    /// From the moments (Minka, Estimating a Dirichlet distribution, 2000).
    fn fit_mle(data: Tensor<2>) -> Result<Self, MleError> {
        let data = data.without_autodiff();
        let [n, k] = data.dims();
        if n == 0 || k == 0 {
            return Err(MleError::Empty);
        }
        let d = Draws::new("Dirichlet", data.clone().flatten(0, 1), "inside (0, 1)", |x| x > 0.0 && x < 1.0)?;
        let off = |row: &[f64]| (row.iter().sum::<f64>() - 1.0).abs();
        if let Some(row) = d.numbers.chunks_exact(k).find(|row| off(row) > 1e-4) {
            let value = row.iter().sum();
            return Err(MleError::Support { family: "Dirichlet", value, support: "1, the sum of a row" });
        }
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let moment =
            |j: usize, power: i32| d.numbers.iter().skip(j).step_by(k).map(|x| x.powi(power)).sum::<f64>() / n as f64;
        let first = &d.numbers[..k];
        if d.numbers.chunks_exact(k).all(|row| row == first) {
            return Err(d.none("all rows are equal"));
        }
        let mean: Vec<f64> = (0..k).map(|j| moment(j, 1)).collect();
        let of_one_draw: f64 = mean.iter().map(|m| m * (1.0 - m)).sum();
        let variance: f64 = mean.iter().enumerate().map(|(j, m)| moment(j, 2) - m * m).sum();
        // Rounding can leave rows that hardly differ without a variance: a large size, then, and not a negative one.
        let size = (of_one_draw / variance.max(1e-12 * of_one_draw) - 1.0).max(0.1);
        let start: Vec<f64> = mean.iter().map(|m| (m * size).ln()).collect();
        let start = Tensor::<1>::from_data(TensorData::new(start, [k]), (&data.device(), data.dtype()));
        let loss = Function::new(&Param::from_tensor(start), data, |theta: &Param<Tensor<1>>, data: Tensor<2>| {
            -Self::new(theta.val().exp().unsqueeze()).log_prob(data).mean()
        });
        Ok(Self::new(most_likely("Dirichlet", loss)?.exp().unsqueeze()))
    }
}
