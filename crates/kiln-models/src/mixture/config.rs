//! The settings of a mixture's fit.

use burn::tensor::Tensor;
use kiln_tensor::World;

use super::{CovarianceType, GaussianMixture, GmmError};

/// Settings of a fit of a [`GaussianMixture`] by expectation maximisation (EM), starting from k-means.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::GmmConfig;
///
/// let x = Tensor::<2>::from_data([[0.0], [0.2], [0.1], [5.0], [5.3], [4.9]], &Device::default());
/// let fit = GmmConfig::new(2).fit(x)?;
/// assert!(fit.converged && fit.degenerate.is_empty());
/// assert!((fit.mixture.weights()[0] - 0.5).abs() < 1e-3);
/// # Ok::<(), kiln_models::GmmError>(())
/// ```
///
/// # References
/// Dempster, Laird and Rubin (1977); Arthur and Vassilvitskii (2007) for the start by k-means++.
#[derive(Clone, Debug)]
pub struct GmmConfig {
    pub(super) components: usize,
    pub(super) covariance: CovarianceType,
    pub(super) reg_covar: f64,
    pub(super) tol: f64,
    pub(super) max_iter: usize,
    pub(super) seed: u64,
    pub(super) n_init: usize,
    pub(super) start: Option<GaussianMixture>,
    pub(super) world: World,
}

impl GmmConfig {
    /// The default number that is added to the diagonals of the covariances.
    pub const REG_COVAR: f64 = 1e-6;
    /// The default tolerance, in nats per row.
    pub const TOL: f64 = 1e-6;
    /// The default maximum number of iterations.
    pub const MAX_ITER: usize = 1000;
    /// The default number of starts.
    pub const N_INIT: usize = 10;
    /// Returns the default settings for a mixture of `components` components.
    pub fn new(components: usize) -> Self {
        Self {
            components,
            covariance: CovarianceType::default(),
            reg_covar: Self::REG_COVAR,
            tol: Self::TOL,
            max_iter: Self::MAX_ITER,
            seed: 0,
            n_init: Self::N_INIT,
            start: None,
            world: World::alone(),
        }
    }

    /// Sets the covariance type. Default full.
    #[must_use]
    pub fn covariance(self, covariance: CovarianceType) -> Self {
        Self { covariance, ..self }
    }

    /// Sets the number ≥ 0 that is added to the diagonals, so that a component cannot collapse onto one row. Default 1e-6.
    #[must_use]
    pub fn reg_covar(self, reg_covar: f64) -> Self {
        Self { reg_covar, ..self }
    }

    /// Sets the tolerance ≥ 0 of the gain per iteration, in nats per row. Default 1e-6.
    #[must_use]
    pub fn tol(self, tol: f64) -> Self {
        Self { tol, ..self }
    }

    /// Sets the maximum number of iterations, at least 1. Default 1000.
    #[must_use]
    pub fn max_iter(self, max_iter: usize) -> Self {
        Self { max_iter, ..self }
    }

    /// Sets the seed of k-means. Default 0.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets the number of starts by k-means, at least 1. Each is followed for 10 iterations, and the most likely one goes on. Default 10.
    ///
    /// # References
    /// Biernacki, Celeux and Govaert (2003), *Choosing starting values for the EM algorithm*.
    #[must_use]
    pub fn n_init(self, n_init: usize) -> Self {
        Self { n_init, ..self }
    }

    /// Sets a mixture to start from, instead of k-means.
    #[must_use]
    pub fn start(self, start: GaussianMixture) -> Self {
        Self { start: Some(start), ..self }
    }

    /// Fits together with the other ranks of `world`: each calls [`fit`](Self::fit) with its own rows, at least one, and all get the mixture
    /// of all rows. It is that of one process with the rows of all ranks in their order, up to the rounding of sums.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_models::GmmConfig;
    /// use kiln_tensor::world::threads;
    ///
    /// let rows: [f64; 6] = [0.0, 0.2, 0.1, 5.0, 5.3, 4.9];
    /// let weights = threads(2, |world| {
    ///     let own = Tensor::<1>::from_data(&rows[world.share_of(6)], &Device::default()).unsqueeze_dim::<2>(1);
    ///     GmmConfig::new(2).distributed(world).fit(own).unwrap().mixture.weights()[0]
    /// });
    /// assert!((weights[0] - 0.5).abs() < 1e-3 && weights[0] == weights[1]);
    /// ```
    #[must_use]
    pub fn distributed(self, world: World) -> Self {
        Self { world, ..self }
    }

    /// Checks the settings and the rows. Returns the number of rows of all ranks.
    pub(super) fn validate(&self, x: &Tensor<2>, numbers: &[f64]) -> Result<usize, GmmError> {
        let [own, columns] = x.dims();
        self.world.compare(&[
            ("the number of columns", columns as u64),
            ("the number of components", self.components as u64),
        ])?;
        let mut total = [own as f64];
        self.world.sum(&mut total)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
        let rows = total[0] as usize;
        self.world.agree(self.check(rows, columns, x, numbers))?;
        Ok(rows)
    }

    fn check(&self, rows: usize, columns: usize, x: &Tensor<2>, numbers: &[f64]) -> Result<(), GmmError> {
        let components = self.components;
        if x.dims()[0] == 0 && rows > 0 {
            return Err(GmmError::TooFew { components, rows: 0, columns });
        }
        if components == 0 || rows < components || columns == 0 {
            return Err(GmmError::TooFew { components, rows, columns });
        }
        for (name, value) in [("reg_covar", self.reg_covar), ("tol", self.tol)] {
            if !value.is_finite() || value < 0.0 {
                return Err(GmmError::Setting { name, expected: "finite and not negative" });
            }
        }
        for (name, value) in [("max_iter", self.max_iter), ("n_init", self.n_init)] {
            if value == 0 {
                return Err(GmmError::Setting { name, expected: "at least 1" });
            }
        }
        match &self.start {
            Some(start) if start.means.dims() != [components, columns] => {
                return Err(GmmError::Start { components, columns });
            }
            _ => {}
        }
        match numbers.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(GmmError::NotFinite(at / columns)),
            None => Ok(()),
        }
    }
}
