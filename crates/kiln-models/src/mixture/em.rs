//! Expectation maximisation.

use burn::tensor::{DType, Tensor};
use kiln_tensor::{World, special::log_sum_exp, world::WorldError};
use serde::Serialize;
use std::ops::ControlFlow;

use super::{CovarianceType, GaussianMixture, GmmConfig, GmmError, kmeans::nearest_shares, moments::WeightedMoments};

/// A degenerate component of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Degenerate {
    /// The component, from 0.
    pub component: usize,
    /// Why it is degenerate.
    pub reason: &'static str,
}

/// A fitted mixture. Made by [`GmmConfig::fit`].
#[derive(Clone, Debug)]
pub struct GmmFit {
    /// The fitted mixture.
    pub mixture: GaussianMixture,
    /// The mean log-likelihood per row at the fitted parameters, in nats.
    pub log_likelihood: f64,
    /// The mean log-likelihood at the start and after each iteration. It never decreases, except by rounding and by the effect of
    /// `reg_covar`.
    pub history: Vec<f64>,
    /// Number of iterations.
    pub iterations: usize,
    /// Whether the last iteration gained no more than `tol`.
    pub converged: bool,
    /// Whether the callback of [`GmmConfig::fit_with`] stopped the fit.
    pub stopped: bool,
    /// Components with less than one row, or without extent in some direction.
    pub degenerate: Vec<Degenerate>,
    /// Bayesian information criterion (Schwarz, 1978) of all rows. Lower is better.
    pub bic: f64,
    /// Akaike's information criterion (1974) of all rows. Lower is better.
    pub aic: f64,
}

/// The state of a fit after an iteration, from which [`GmmConfig::fit_with`] can continue.
#[derive(Clone, Debug)]
pub struct GmmState {
    /// The mixture.
    pub mixture: GaussianMixture,
    /// The mean log-likelihood at the start and after each iteration, at least one number.
    pub history: Vec<f64>,
}

impl GmmConfig {
    /// Iterations after which starts are compared.
    const TRIAL: usize = 10;

    /// Fits the mixture to rows `[n, d]`.
    ///
    /// # Errors
    /// Returns [`GmmError`] if a setting is out of its range, if there are too few rows, if a value is not finite, or if a
    /// covariance becomes singular.
    pub fn fit(&self, x: Tensor<2>) -> Result<GmmFit, GmmError> {
        self.fit_with(x, None, |_| ControlFlow::Continue(()))
    }

    /// Fits rows `[n, d]` from the state of an earlier fit, if one is given. Calls `callback` after each iteration, which can
    /// stop the fit. A fit that is stopped and continued gives the same bits as an uninterrupted one.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`GmmError::Start`] if the state does not match the data.
    pub fn fit_with(
        &self,
        x: Tensor<2>,
        from: Option<GmmState>,
        mut callback: impl FnMut(&GmmState) -> ControlFlow<()>,
    ) -> Result<GmmFit, GmmError> {
        let x = x.without_autodiff();
        let numbers: Vec<f64> = x.to_data().try_into_vec_as().expect("a float tensor converts to f64");
        let n = self.validate(&x, &numbers)?;
        let d = x.dims()[1];
        let mut state = match (from, &self.start) {
            (Some(state), _) if state.mixture.means.dims() != [self.components, d] || state.history.is_empty() => {
                return Err(GmmError::Start { components: self.components, columns: d });
            }
            (Some(state), _) => state,
            (None, Some(start)) => GmmState { mixture: start.clone(), history: Vec::new() },
            (None, None) => GmmState { mixture: self.best_start(&x, n)?, history: Vec::new() },
        };
        let mut expected = expect(&state.mixture, &x, &self.world)?;
        if state.history.is_empty() {
            state.history.push(expected.0);
        }
        let gained_little = |history: &[f64]| match history {
            [.., before, after] => (after - before).abs() <= self.tol,
            _ => false,
        };
        let mut converged = gained_little(&state.history);
        let mut stopped = false;
        while !converged && !stopped && state.history.len() <= self.max_iter {
            let last = std::mem::replace(&mut state.mixture, self.maximise(&x, &expected.1)?);
            expected = expect(&state.mixture, &x, &self.world)?;
            let (before, after) = (state.history[state.history.len() - 1], expected.0);
            let rounding = if x.dtype() == DType::F64 { 1e-9 } else { 1e-3 };
            let allowed = rounding * before.abs().max(1.0) + self.given_up(&last, &state.mixture);
            // A given start may have covariances outside the chosen type, and a higher likelihood.
            let must_rise = state.history.len() > 1 || self.start.is_none();
            if must_rise && (after.is_nan() || after < before - allowed) {
                return Err(GmmError::Decreased { sweep: state.history.len(), before, after });
            }
            state.history.push(after);
            converged = gained_little(&state.history);
            let mut stops = [f64::from(u8::from(callback(&state).is_break()))];
            self.world.sum(&mut stops)?;
            stopped = stops[0] > 0.0 && !converged;
        }
        let GmmState { mixture, history } = state;
        #[allow(clippy::cast_precision_loss, reason = "numbers of rows and parameters")]
        let (rows, parameters) = (n as f64, mixture.parameters(self.covariance) as f64);
        let log_likelihood = expected.0;
        Ok(GmmFit {
            degenerate: self.degenerate(&mixture, rows),
            mixture,
            log_likelihood,
            iterations: history.len() - 1,
            history,
            converged,
            stopped,
            bic: parameters * rows.ln() - 2.0 * rows * log_likelihood,
            aic: 2.0 * parameters - 2.0 * rows * log_likelihood,
        })
    }

    /// The start by k-means that is the most likely after a few iterations. Starts with a degenerate component come last.
    fn best_start(&self, x: &Tensor<2>, rows: usize) -> Result<GaussianMixture, GmmError> {
        let start =
            |index: usize| self.maximise(x, &nearest_shares(x, self.components, self.seed, index as u64, &self.world)?);
        if self.n_init == 1 || self.components == 1 {
            return start(0);
        }
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let rows = rows as f64;
        let mut best: Option<(bool, f64, GaussianMixture)> = None;
        let mut failed = None;
        for index in 0..self.n_init {
            let trial = start(index).and_then(|first| self.tried(x, &first).map(|(value, last)| (value, last, first)));
            match trial {
                Ok((value, last, first)) => {
                    let is_sound = self.degenerate(&last, rows).is_empty();
                    // Of starts that lead to the same place, the first: by how much they differ is rounding.
                    let is_better = best.as_ref().is_none_or(|(sound, highest, _)| {
                        let equal = 1e-9 * highest.abs().max(1.0);
                        if is_sound == *sound { value > highest + equal } else { is_sound }
                    });
                    if is_better && value.is_finite() {
                        best = Some((is_sound, value, first));
                    }
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match (best, failed) {
            (Some((_, _, first)), _) => Ok(first),
            (None, Some(error)) => Err(error),
            // No likelihood is finite: the fit says so.
            (None, None) => start(0),
        }
    }

    /// The mean log-likelihood after a few iterations from a start, and where they lead.
    fn tried(&self, x: &Tensor<2>, first: &GaussianMixture) -> Result<(f64, GaussianMixture), GmmError> {
        let mut mixture = first.clone();
        let mut expected = expect(&mixture, x, &self.world)?;
        for _ in 0..Self::TRIAL {
            mixture = self.maximise(x, &expected.1)?;
            let next = expect(&mixture, x, &self.world)?;
            let has_converged = (next.0 - expected.0).abs() <= self.tol;
            expected = next;
            if has_converged {
                break;
            }
        }
        Ok((expected.0, mixture))
    }

    /// The M step: the most likely mixture if row i belongs to component k with weight `shares[i, k]`.
    fn maximise(&self, x: &Tensor<2>, shares: &Tensor<2>) -> Result<GaussianMixture, GmmError> {
        let d = x.dims()[1];
        let WeightedMoments { counts, means, mut scatters } = WeightedMoments::of(x, shares, &self.world)?;
        let total: f64 = counts.iter().sum();
        let diagonal = |i: usize| i / d == i % d;
        match self.covariance {
            CovarianceType::Tied => {
                let sum: Vec<f64> = (0..d * d).map(|i| scatters.iter().map(|s| s[i]).sum::<f64>() / total).collect();
                scatters = vec![sum; self.components];
            }
            other => {
                for (scatter, count) in scatters.iter_mut().zip(&counts) {
                    scatter.iter_mut().for_each(|entry| *entry /= count);
                    #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
                    let mean = (0..d).map(|i| scatter[i * d + i]).sum::<f64>() / d as f64;
                    for (i, entry) in scatter.iter_mut().enumerate() {
                        *entry = match other {
                            CovarianceType::Diag if !diagonal(i) => 0.0,
                            CovarianceType::Spherical => {
                                if diagonal(i) {
                                    mean
                                } else {
                                    0.0
                                }
                            }
                            _ => *entry,
                        };
                    }
                }
            }
        }
        for scatter in &mut scatters {
            (0..d).for_each(|i| scatter[i * d + i] += self.reg_covar);
        }
        let weights = counts.iter().map(|count| count / total).collect();
        GaussianMixture::of(weights, means, scatters)
    }

    /// Returns by how much an iteration may lower the log-likelihood because of `reg_covar`.
    ///
    /// Adding r to the diagonals maximises the expected log-likelihood minus the penalty ½·r·Σ πₖ·tr Σₖ⁻¹. The likelihood may
    /// decrease by as much as the penalty does.
    fn given_up(&self, before: &GaussianMixture, after: &GaussianMixture) -> f64 {
        let penalty = |mixture: &GaussianMixture| {
            let each = mixture.precisions.iter().zip(&after.weights);
            0.5 * self.reg_covar * each.map(|(precision, weight)| weight * precision.trace()).sum::<f64>()
        };
        (penalty(before) - penalty(after)).max(0.0)
    }

    fn degenerate(&self, mixture: &GaussianMixture, rows: f64) -> Vec<Degenerate> {
        let reason = |component: usize| {
            if mixture.weights[component] * rows < 1.0 {
                return Some("it has less than one row");
            }
            let flat = mixture.precisions[component].smallest() <= 10.0 * self.reg_covar;
            flat.then_some("it has no extent in some direction beyond `reg_covar`")
        };
        (0..self.components).filter_map(|c| reason(c).map(|reason| Degenerate { component: c, reason })).collect()
    }
}

/// The E step: the mean log-likelihood of the rows of all ranks, and the responsibilities `[n, k]` of those of this one.
fn expect(mixture: &GaussianMixture, x: &Tensor<2>, world: &World) -> Result<(f64, Tensor<2>), WorldError> {
    let log_probs = mixture.joint(x);
    let all = log_sum_exp(log_probs.clone(), 1);
    let shares = (log_probs - all.clone()).exp();
    if world.is_alone() {
        return Ok((all.mean().into_scalar::<f64>(), shares));
    }
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let mut sums = [all.sum().into_scalar::<f64>(), x.dims()[0] as f64];
    world.sum(&mut sums)?;
    Ok((sums[0] / sums[1], shares))
}
