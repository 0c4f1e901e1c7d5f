//! The evolution strategy with covariance matrix adaptation.

use kiln_tensor::linalg::Symmetric;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use super::{
    limits::{Evaluated, Within, record},
    population::Constants,
    values::Values,
};
use crate::{
    norms::{distance, norm},
    solver::{IntoVector, Iteration, Outcome, SolverError, Status, at_least_one, tolerance, within},
};

/// The options of [`cma_es`].
///
/// # Example
/// ```
/// use kiln_optim::derivative_free::CmaEs;
///
/// // Three runs, each with twice as many points as the one before, for a function with many local minima.
/// let options = CmaEs { sigma: 2.0, restarts: 2, seed: 7, ..CmaEs::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CmaEs {
    /// The standard deviation of the first points in each variable: about a third of the range in which the minimum is expected.
    /// Default 0.5.
    pub sigma: f64,
    /// The number of points per generation, at least 4. More make the search more global. Default: 4 + ⌊3·ln n⌋.
    pub population: Option<usize>,
    /// Converged if the standard deviation of every variable is below `xtol`·`sigma`. Default 1e-11.
    pub xtol: f64,
    /// Converged if the best values of the last generations, and all of the last one, are within `ftol`. Default 1e-11.
    pub ftol: f64,
    /// Lower bounds `[n]`. Default: none. Points beyond are mirrored at the bound.
    pub lower: Option<Vec<f64>>,
    /// Upper bounds `[n]`. Default: none.
    pub upper: Option<Vec<f64>>,
    /// Number of further runs, each from the start with twice as many points (IPOP). The best point of all counts. Default 0.
    pub restarts: usize,
    /// Maximum number of generations of a run. Default: 100 + 150·(n + 3)²/√λ.
    pub max_iter: Option<usize>,
    /// Maximum number of values of all runs; a generation is not cut short. Default: no limit.
    pub max_evaluations: usize,
    /// The seed of the random numbers. Default 0.
    pub seed: u64,
}

impl Default for CmaEs {
    fn default() -> Self {
        Self {
            sigma: 0.5,
            population: None,
            xtol: 1e-11,
            ftol: 1e-11,
            lower: None,
            upper: None,
            restarts: 0,
            max_iter: None,
            max_evaluations: usize::MAX,
            seed: 0,
        }
    }
}

/// Minimises a function without gradients, by points from a normal distribution whose mean, scale and covariance are learnt.
///
/// Only the order of the values matters, so the function may be noisy or discontinuous. The same seed gives the same run.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range or the function cannot be evaluated. Everything else is a [`Status`] of the
/// outcome.
///
/// # Example
/// Rastrigin's function has a local minimum near every point of whole numbers:
///
/// ```
/// use kiln_optim::derivative_free::{CmaEs, SliceValues, cma_es};
///
/// let rastrigin =
///     SliceValues::new(|x: &[f64]| x.iter().map(|x| x * x + 10.0 * (1.0 - (std::f64::consts::TAU * x).cos())).sum());
/// let outcome = cma_es(&rastrigin, [3.0, -2.0], &CmaEs { sigma: 2.0, restarts: 3, ..CmaEs::default() })?;
/// assert!(outcome.success && outcome.value < 1e-9, "{outcome:?}");
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Hansen, *The CMA evolution strategy: a tutorial* (2016), with negative weights. Auger and Hansen, *A restart CMA evolution strategy
/// with increasing population size* (2005).
pub fn cma_es<P: Values + ?Sized>(problem: &P, from: impl IntoVector, options: &CmaEs) -> Result<Outcome, SolverError> {
    tolerance("xtol", options.xtol)?;
    tolerance("ftol", options.ftol)?;
    within("sigma", options.sigma, 0.0, f64::INFINITY, "above 0")?;
    at_least_one("max_iter", options.max_iter.unwrap_or(1))?;
    at_least_one("max_evaluations", options.max_evaluations)?;
    if let Some(population) = options.population.filter(|population| *population < 4) {
        #[allow(clippy::cast_precision_loss, reason = "below 4")]
        return Err(SolverError::Option { name: "population", expected: "at least 4", got: population as f64 });
    }
    let from = from.into_vector();
    let n = from.len();
    let mut f = Within::new(problem, &from, (&options.lower, &options.upper), options.max_evaluations)?;
    kiln_tensor::memory::check(&format!("the covariance matrix for {n} variables"), 48 * (n as u64).pow(2))?;
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let first = f.at(f.nearest(&from))?;
    let mut history = vec![record(0, first.value, 0.0, f.evaluations)];
    let mut best = first;
    let mut lambda = options.population.unwrap_or_else(|| Constants::usual_lambda(n));
    let mut status = None;
    for _ in 0..=options.restarts {
        let mut run = Run::new(&best, f.nearest(&from), options, lambda);
        let ended = run.run(&mut f, &mut random, &mut history)?;
        // The status is that of the run which found the best point.
        let is_better = run.best.value < best.value;
        if is_better || status.is_none() {
            status = Some(ended);
        }
        best = run.best;
        lambda *= 2;
        if f.is_spent() {
            break;
        }
    }
    f.outcome(&best, status.unwrap_or(Status::Budget), history)
}

/// One run.
struct Run<'a> {
    options: &'a CmaEs,
    constants: Constants,
    mean: Vec<f64>,
    sigma: f64,
    covariance: Symmetric,
    /// B and D of C = B·D²·Bᵀ.
    axes: Vec<Vec<f64>>,
    lengths: Vec<f64>,
    /// The evolution paths of the scale and of the covariance.
    path_sigma: Vec<f64>,
    path_c: Vec<f64>,
    best: Evaluated,
    /// The best values of the last generations.
    recent: Vec<f64>,
}

/// The largest condition number of the covariance.
const MAX_CONDITION: f64 = 1e14;

impl<'a> Run<'a> {
    fn new(best: &Evaluated, mean: Vec<f64>, options: &'a CmaEs, lambda: usize) -> Self {
        let n = mean.len();
        let axes = (0..n).map(|i| (0..n).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect();
        Self {
            options,
            constants: Constants::new(n, lambda),
            mean,
            sigma: options.sigma,
            covariance: Symmetric::identity(n),
            axes,
            lengths: vec![1.0; n],
            path_sigma: vec![0.0; n],
            path_c: vec![0.0; n],
            best: best.clone(),
            recent: Vec::new(),
        }
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
    fn run<P: Values + ?Sized>(
        &mut self,
        f: &mut Within<'_, P>,
        random: &mut ChaCha8Rng,
        history: &mut Vec<Iteration>,
    ) -> Result<Status, SolverError> {
        let (n, lambda) = (self.mean.len() as f64, self.constants.lambda as f64);
        let usual = 100.0 + 150.0 * (n + 3.0).powi(2) / lambda.sqrt();
        let max_iter = self.options.max_iter.unwrap_or(usual as usize);
        for generation in 0..max_iter {
            if f.is_spent() {
                return Ok(Status::Budget);
            }
            let points = self.generation(f, random)?;
            let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
            let before = self.mean.clone();
            if values[0] == f64::INFINITY && self.best.value < f64::INFINITY {
                // All points are outside of the domain, and say nothing: nearer to the best one.
                self.sigma *= 0.5;
                self.mean.clone_from(&self.best.x);
                history.push(record(history.len(), self.best.value, 0.0, f.evaluations));
                if !self.sigma.is_normal() {
                    return Ok(Status::Stalled);
                }
                continue;
            }
            self.update(generation, points.into_iter().map(|(y, _)| y).collect());
            let step = distance(&before, &self.mean);
            history.push(record(history.len(), self.best.value, step, f.evaluations));
            if let Some(status) = self.ended(&values) {
                // The mean is often better than the points around it.
                let mean = f.at(f.mirrored(&self.mean))?;
                if mean.value < self.best.value {
                    self.best = mean;
                }
                return Ok(status);
            }
        }
        Ok(Status::Budget)
    }

    /// Draws and evaluates points. Returns their steps y with x = m + σ·y and their values, best first.
    fn generation<P: Values + ?Sized>(
        &mut self,
        f: &mut Within<'_, P>,
        random: &mut ChaCha8Rng,
    ) -> Result<Vec<(Vec<f64>, f64)>, SolverError> {
        let n = self.mean.len();
        let mut points = Vec::with_capacity(self.constants.lambda);
        for _ in 0..self.constants.lambda {
            let mut y = vec![0.0; n];
            for (axis, length) in self.axes.iter().zip(&self.lengths) {
                let z: f64 = StandardNormal.sample(random);
                y.iter_mut().zip(axis).for_each(|(y, b)| *y += length * z * b);
            }
            let x: Vec<f64> = self.mean.iter().zip(&y).map(|(m, y)| m + self.sigma * y).collect();
            let point = f.at(f.mirrored(&x))?;
            points.push((y, point.value));
            if point.value < self.best.value {
                self.best = point;
            }
        }
        points.sort_by(|a, b| a.1.total_cmp(&b.1));
        Ok(points)
    }

    /// C^(−½)·v.
    fn whitened(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; v.len()];
        for (axis, length) in self.axes.iter().zip(&self.lengths) {
            let along: f64 = axis.iter().zip(v).map(|(b, v)| b * v).sum::<f64>() / length;
            out.iter_mut().zip(axis).for_each(|(out, b)| *out += along * b);
        }
        out
    }

    /// Moves the mean, and adapts the scale and the covariance.
    fn update(&mut self, generation: usize, steps: Vec<Vec<f64>>) {
        let c = self.constants.clone();
        let n = self.mean.len();
        let mut mean_step = vec![0.0; n];
        for (weight, y) in c.weights[..c.parents].iter().zip(&steps) {
            mean_step.iter_mut().zip(y).for_each(|(m, y)| *m += weight * y);
        }
        self.mean.iter_mut().zip(&mean_step).for_each(|(m, y)| *m += self.sigma * y);
        let grow = |path: &mut Vec<f64>, rate: f64, step: &[f64], factor: f64| {
            path.iter_mut().zip(step).for_each(|(p, y)| *p = (1.0 - rate) * *p + factor * y);
        };
        let white = self.whitened(&mean_step);
        grow(&mut self.path_sigma, c.c_sigma, &white, (c.c_sigma * (2.0 - c.c_sigma) * c.mu_eff).sqrt());
        let length = norm(&self.path_sigma);
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "counts"
        )]
        let (settled, dimension) = ((1.0 - (1.0 - c.c_sigma).powi(2 * (generation as i32 + 1))).sqrt(), n as f64);
        // The path of the covariance waits while the scale grows fast.
        let goes = length / settled < (1.4 + 2.0 / (dimension + 1.0)) * c.expected_length;
        let factor = if goes { (c.c_c * (2.0 - c.c_c) * c.mu_eff).sqrt() } else { 0.0 };
        grow(&mut self.path_c, c.c_c, &mean_step, factor);
        let weights: Vec<f64> = (c.weights.iter().zip(&steps))
            .map(|(w, y)| if *w >= 0.0 { *w } else { w * dimension / norm(&self.whitened(y)).powi(2).max(1e-300) })
            .collect();
        let lost = if goes { 0.0 } else { c.c_1 * c.c_c * (2.0 - c.c_c) };
        let kept = 1.0 + lost - c.c_1 - c.c_mu * c.weights.iter().sum::<f64>();
        let (old, path) = (&self.covariance, &self.path_c);
        self.covariance = Symmetric::from_fn(n, |i, j| {
            let rank_mu: f64 = weights.iter().zip(&steps).map(|(w, y)| w * y[i] * y[j]).sum();
            kept * old.at(i, j) + c.c_1 * path[i] * path[j] + c.c_mu * rank_mu
        });
        self.sigma *= ((c.c_sigma / c.d_sigma) * (length / c.expected_length - 1.0)).min(1.0).exp();
        if generation.is_multiple_of(c.lag)
            && let Some(eigen) = self.covariance.eigen()
            && eigen.values[0] > 0.0
        {
            self.axes = (0..n).map(|index| eigen.vector(index)).collect();
            self.lengths = eigen.values.iter().map(|value| value.sqrt()).collect();
        }
    }

    /// Why the run ends after a generation with these values, best first.
    fn ended(&mut self, values: &[f64]) -> Option<Status> {
        let CmaEs { xtol, ftol, sigma, .. } = self.options;
        if self.best.value == f64::INFINITY {
            return Some(Status::NotFinite);
        }
        let n = self.mean.len();
        let generations = 10 + (30 * n).div_ceil(self.constants.lambda);
        self.recent.push(values[0]);
        if self.recent.len() > generations {
            self.recent.remove(0);
        }
        let spread = |values: &[f64]| {
            let (low, high) =
                values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
            high - low
        };
        let is_narrow = (0..n).all(|j| {
            self.sigma * self.covariance.at(j, j).sqrt() < xtol * sigma
                && self.sigma * self.path_c[j].abs() < xtol * sigma
        });
        let is_flat = self.recent.len() == generations && spread(&self.recent) <= *ftol && spread(values) <= *ftol;
        if is_narrow || is_flat {
            return Some(Status::SpreadSmall);
        }
        let [shortest, longest] = [self.lengths[0], self.lengths[n - 1]];
        // A step is lost in rounding, or the values do not order the points any more.
        #[allow(clippy::float_cmp, reason = "a step that changes nothing")]
        let is_lost = (0..n).all(|j| self.mean[j] + 0.2 * self.sigma * self.covariance.at(j, j).sqrt() == self.mean[j]);
        let is_flat_now = self.recent.len() == generations && spread(&self.recent) == 0.0;
        let is_bad = longest * longest > MAX_CONDITION * shortest * shortest || !self.sigma.is_normal();
        (is_lost || is_flat_now || is_bad).then_some(Status::Stalled)
    }
}
