//! Fits of families of vectors.

use burn::{
    module::Param,
    tensor::{Tensor, TensorData},
};
use kiln_dist::{Dirichlet, DistError, Distribution, LkjCholesky, LowRankMultivariateNormal, MultivariateNormal};
use kiln_optim::solver::{lbfgs, minimize};
use kiln_tensor::{derivative::Function, linalg::Symmetric};

use super::{
    FitMle, MleError,
    draws::{Draws, most_likely, reached, stop},
};

impl FitMle for MultivariateNormal {
    type Data = Tensor<2>;

    /// Returns the mean and the covariance of the rows, divided by n.
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
            reason: "the rows lie in a subspace: there are too few rows, or columns are linearly dependent",
        })
    }
}

impl FitMle for Dirichlet<2> {
    type Data = Tensor<2>;

    /// Starts from the moments (Minka, 2000, *Estimating a Dirichlet distribution*).
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
            return Err(MleError::Support {
                family: "Dirichlet",
                value,
                support: "rows with sum 1, but this is the sum of a row",
            });
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
        // If the rows hardly differ, rounding can make their variance zero or negative. The size is then large.
        let size = (of_one_draw / variance.max(1e-12 * of_one_draw) - 1.0).max(0.1);
        let start: Vec<f64> = mean.iter().map(|m| (m * size).ln()).collect();
        let start = Tensor::<1>::from_data(TensorData::new(start, [k]), (&data.device(), data.dtype()));
        let loss = Function::new(&Param::from_tensor(start), data, |theta: &Param<Tensor<1>>, data: Tensor<2>| {
            -Self::new(theta.val().exp().unsqueeze()).expect("k is at least 1").log_prob(data).mean()
        });
        Ok(Self::new(most_likely("Dirichlet", loss)?.exp().unsqueeze())?)
    }
}

impl FitMle for LowRankMultivariateNormal {
    /// The rows and the number of factors of the covariance.
    type Data = (Tensor<2>, usize);

    /// Factor analysis by L-BFGS, starting from the principal components (Tipping and Bishop, 1999).
    ///
    /// The factors are identified up to a rotation, which does not change the distribution.
    fn fit_mle((data, rank): (Tensor<2>, usize)) -> Result<Self, MleError> {
        const FAMILY: &str = "LowRankMultivariateNormal";
        /// The smallest share of an entry's variance outside the factors. Below it the covariance is lost to cancellation.
        const LEAST: f64 = 1e-6;
        let data = data.without_autodiff();
        let [n, k] = data.dims();
        if n == 0 || k == 0 {
            return Err(MleError::Empty);
        }
        let none = |reason| MleError::NoMaximum { family: FAMILY, reason };
        if rank == 0 || rank >= k {
            return Err(none("the number of factors must be at least 1 and below the number of columns"));
        }
        let d = Draws::real(FAMILY, data.clone().flatten(0, 1))?;
        let mean = data.clone().mean_dim(0);
        let centre: Vec<f64> = (0..k).map(|j| d.numbers.iter().skip(j).step_by(k).sum::<f64>()).collect();
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let n = n as f64;
        let product = |i: usize, j: usize| {
            d.numbers.chunks_exact(k).map(|row| (row[i] - centre[i] / n) * (row[j] - centre[j] / n)).sum::<f64>() / n
        };
        let covariance = Symmetric::from_fn(k, product);
        let eigen = covariance.eigen().filter(|eigen| eigen.values[0] > 1e-12 * eigen.values[k - 1]);
        let eigen = eigen.ok_or_else(|| none("the rows lie in a subspace"))?;
        #[allow(clippy::cast_precision_loss, reason = "a number of dimensions")]
        let rest = eigen.values[..k - rank].iter().sum::<f64>() / (k - rank) as f64;
        let factors: Vec<Vec<f64>> = (k - rank..k)
            .map(|i| eigen.vector(i).iter().map(|v| v * (eigen.values[i] - rest).max(0.1 * rest).sqrt()).collect())
            .collect();
        let explained = |i: usize| factors.iter().map(|f| f[i] * f[i]).sum::<f64>();
        let beside = |i: usize| (1.0 - explained(i) / covariance.at(i, i)).max(0.1).ln();
        let start = (0..k).flat_map(|i| factors.iter().map(move |f| f[i])).chain((0..k).map(beside)).collect();
        let start =
            Tensor::<1>::from_data(TensorData::new::<f64, _>(start, [k * rank + k]), (&data.device(), data.dtype()));
        let scale: Vec<f64> = (0..k).map(|i| covariance.at(i, i)).collect();
        let scale = Tensor::<1>::from_data(TensorData::new(scale, [k]), (&data.device(), data.dtype()));
        let family = move |theta: Tensor<1>, mean: Tensor<2>| {
            let factor = theta.clone().narrow(0, 0, k * rank).reshape([1, k, rank]);
            let diagonal = (theta.narrow(0, k * rank, k).exp() + LEAST) * scale.clone().to_device(&mean.device());
            Self::new(mean, factor, diagonal.unsqueeze())
        };
        let parameter = Param::from_tensor(start);
        let loss = Function::new(&parameter, (data, mean.clone()), |theta: &Param<Tensor<1>>, (data, mean)| {
            -family(theta.val(), mean).expect("the fit keeps the shapes").log_prob(data).mean()
        });
        let outcome = minimize(&loss, loss.parameters(), &lbfgs(), &stop(&loss.parameters()))?;
        let theta = reached(FAMILY, outcome)?;
        if theta.clone().narrow(0, k * rank, k).min().into_scalar::<f64>() < LEAST.ln() {
            return Err(none("the factors explain a column completely, so its diagonal entry tends to 0"));
        }
        Ok(family(theta, mean)?)
    }
}

impl FitMle for LkjCholesky {
    /// The Cholesky factors of k×k correlation matrices, `[n, k·k]`.
    type Data = Tensor<2>;

    fn fit_mle(data: Tensor<2>) -> Result<Self, MleError> {
        let data = data.without_autodiff();
        let [n, width] = data.dims();
        let k = width.isqrt();
        if n == 0 || k == 0 {
            return Err(MleError::Empty);
        }
        if k * k != width {
            let (first_shape, second_shape) = (vec![n, width], vec![k, k]);
            return Err(DistError::Shape { first: "data", first_shape, second: "matrix", second_shape }.into());
        }
        let family = move |eta: Tensor<1>| Self::new(k, eta.exp().unsqueeze());
        let start = Tensor::<1>::zeros([1], (&data.device(), data.dtype()));
        let support = family(start.clone())?.log_prob(data.clone());
        Draws::new("LkjCholesky", support.flatten(0, 1), "Cholesky factors of correlation matrices", |_| true)?;
        if k == 1 || data.clone().reshape([n, k, k]).tril(-1).abs().max().into_scalar::<f64>() == 0.0 {
            let reason = "there are no correlations, so the concentration tends to infinity";
            return Err(MleError::NoMaximum { family: "LkjCholesky", reason });
        }
        let loss = Function::new(&Param::from_tensor(start), data, |eta: &Param<Tensor<1>>, data: Tensor<2>| {
            -family(eta.val()).expect("the fit keeps the shapes").log_prob(data).mean()
        });
        Ok(family(most_likely("LkjCholesky", loss)?)?)
    }
}
