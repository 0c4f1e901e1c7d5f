//! The covariance of the parameters: by the information, or robust.

use std::collections::BTreeMap;

use kiln_tensor::linalg::{Matrix, Symmetric};
use serde::{Deserialize, Serialize};

use super::{
    GlmLoss,
    measures::count,
    predictors::Predictor,
    row::{Evaluated, Second, Want},
};
use crate::regression::InferenceError;

/// The estimator of the parameters' covariance.
///
/// # Example
/// ```
/// use kiln_models::glm::CovarianceEstimator;
///
/// let by_school = CovarianceEstimator::Clustered(vec![0, 0, 1, 1, 2]);
/// assert_ne!(by_school, CovarianceEstimator::default());
/// ```
///
/// # References
/// MacKinnon and White (1985) for HC1 to HC3; Zeileis (2006) for generalised linear models; Liang and Zeger (1986) for clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CovarianceEstimator {
    /// The inverse information, times the dispersion. The default.
    #[default]
    Nonrobust,
    /// The sandwich estimator, valid where the variance is not that of the family.
    Hc0,
    /// HC0 times n/(n − p).
    Hc1,
    /// Squared residuals divided by 1 − h, with the leverage h of their row. For families with one linear predictor.
    Hc2,
    /// Squared residuals divided by (1 − h)². For families with one linear predictor.
    Hc3,
    /// The sandwich estimator for rows in clusters, given by an index per row that is the same on all ranks, with the correction G/(G − 1)·(n − 1)/(n − p).
    Clustered(Vec<usize>),
}

/// The information matrix whose inverse is the covariance.
///
/// They are equal for a family with its default link.
///
/// # Example
/// ```
/// use kiln_models::glm::{Information, InferenceOptions};
///
/// // As statsmodels' `Probit`, and as R's `glm` with `binomial(link = "probit")`.
/// let [observed, expected] = [Information::Observed, Information::Expected];
/// let options = InferenceOptions { information: Some(observed), ..InferenceOptions::default() };
/// assert_ne!(options.information, Some(expected));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Information {
    /// The expected (Fisher) information, as R's `glm` has it. The default for families with one linear predictor.
    Expected,
    /// The observed information, the Hessian. The default for the other families.
    Observed,
}

/// How the covariance of the parameters is estimated, and the level of the intervals. The default has the family's information, no
/// robustness, and 95% intervals.
///
/// # Example
/// ```
/// use kiln_models::glm::{CovarianceEstimator, InferenceOptions};
///
/// let robust = InferenceOptions { covariance: CovarianceEstimator::Hc3, level: 0.9, ..InferenceOptions::default() };
/// assert!(robust.information.is_none());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct InferenceOptions {
    /// The estimator of the covariance.
    pub covariance: CovarianceEstimator,
    /// The information. Default: that of the family.
    pub information: Option<Information>,
    /// The level of confidence intervals, in (0, 1). Default 0.95.
    pub level: f64,
}

impl Default for InferenceOptions {
    fn default() -> Self {
        Self { covariance: CovarianceEstimator::default(), information: None, level: 0.95 }
    }
}

impl GlmLoss {
    /// Returns the covariance matrix of the solver's vector at the maximum `x`, for a dispersion of 1, and its inverse.
    pub(super) fn bread(&self, x: &[f64], information: Option<Information>) -> Result<Symmetric, InferenceError> {
        if information == Some(Information::Expected) && !self.family.has_expected_information() {
            let (what, instead) = ("the expected information", "the observed information");
            return Err(InferenceError::Unsupported { what, instead });
        }
        let default = if self.family.is_one_predictor() { Information::Expected } else { Information::Observed };
        let second = match information.unwrap_or(default) {
            Information::Expected if self.family.is_one_predictor() => Second::Expected,
            _ => Second::Observed,
        };
        let information = self.information(x, second);
        let inverse = information.cholesky().ok_or(InferenceError::Singular)?.inverse();
        // Rounding can give a singular matrix a Cholesky factor.
        let scale = |i: usize| (information.at(i, i) * inverse.at(i, i)).sqrt();
        if (0..information.rows()).any(|i| scale(i).is_nan() || scale(i) > 1e7) {
            return Err(InferenceError::Singular);
        }
        Ok(inverse)
    }

    /// Returns the largest standard error of a scaled coefficient at `x`, for families without a dispersion; infinite for a singular
    /// information matrix. A large one means that the likelihood is flat in a direction: an estimate grows without limit.
    pub fn largest_scaled_error(&self, x: &[f64]) -> Option<f64> {
        if self.family.has_dispersion() || x.is_empty() {
            return None;
        }
        let second = if self.family.is_one_predictor() { Second::Expected } else { Second::Observed };
        let information = self.information(x, second);
        let largest = information.cholesky().map_or(f64::INFINITY, |factor| {
            let inverse = factor.inverse();
            (0..x.len()).map(|i| inverse.at(i, i).sqrt()).fold(0.0, f64::max)
        });
        Some(largest)
    }

    /// The covariance of the solver's vector.
    pub(super) fn variance(
        &self,
        x: &[f64],
        bread: &Symmetric,
        dispersion: f64,
        options: &InferenceOptions,
    ) -> Result<Symmetric, InferenceError> {
        let (n, p) = (self.total, count(x.len()));
        let leveraged = |power: i32| -> Result<Symmetric, InferenceError> {
            let leverages = self
                .leverages(x, bread, options.information)
                .ok_or(InferenceError::Unsupported { what: "HC2 and HC3", instead: "hc1" })?;
            Ok(sandwich(bread, &self.meat(x, |row| (1.0 - leverages[row]).powi(power).recip()), 1.0))
        };
        Ok(match &options.covariance {
            CovarianceEstimator::Nonrobust => Symmetric::from_fn(x.len(), |i, j| bread.at(i, j) * dispersion),
            CovarianceEstimator::Hc0 => sandwich(bread, &self.meat(x, |_| 1.0), 1.0),
            CovarianceEstimator::Hc1 => sandwich(bread, &self.meat(x, |_| 1.0), n / (n - p)),
            CovarianceEstimator::Hc2 => leveraged(1)?,
            CovarianceEstimator::Hc3 => leveraged(2)?,
            CovarianceEstimator::Clustered(clusters) => {
                let (meat, groups) = self.clustered_meat(x, clusters)?;
                sandwich(bread, &meat, groups / (groups - 1.0) * (n - 1.0) / (n - p))
            }
        })
    }

    /// Σ w·c·s·sᵀ with the score s of each row.
    fn meat(&self, x: &[f64], factor: impl Fn(usize) -> f64 + Sync) -> Symmetric {
        let sums = self.sum_with(x, Want::Matrix(Second::Observed), &|row, weights| {
            let c = factor(row.row);
            let mut packed = weights.iter_mut();
            for (a, first) in row.gradient.iter().enumerate() {
                for second in &row.gradient[..=a] {
                    *packed.next().expect("it has m(m + 1)/2 entries") = c * first * second;
                }
            }
        });
        sums.matrix.expect("asked for")
    }

    /// Σ s·sᵀ with the sum s of the scores of each cluster, and the number of clusters.
    fn clustered_meat(&self, x: &[f64], clusters: &[usize]) -> Result<(Symmetric, f64), InferenceError> {
        let rows = self.response.len();
        if clusters.len() != rows {
            return Err(InferenceError::Clusters { rows, got: clusters.len() });
        }
        let scores = self.map(x, Second::Observed, |row: &Evaluated<'_>, columns: &[f64]| {
            let weight = row.weight;
            let of = |(predictor, gradient): (&Predictor, &f64)| {
                let factor = if weight > 0.0 { weight * gradient } else { 0.0 };
                columns[predictor.columns.clone()].iter().map(move |x| factor * x).collect::<Vec<_>>()
            };
            self.predictors.iter().zip(row.gradient).flat_map(of).collect::<Vec<f64>>()
        });
        let mut sums: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        let add = |sum: &mut Vec<f64>, score: &[f64]| sum.iter_mut().zip(score).for_each(|(sum, s)| *sum += s);
        for (cluster, score) in clusters.iter().zip(&scores) {
            add(sums.entry(*cluster).or_insert_with(|| vec![0.0; x.len()]), score);
        }
        if !self.ranks.is_alone() {
            // A cluster may have rows on several ranks. Each is its index, in the bits of a number, before its sums.
            let numbers = |(cluster, sum): (usize, Vec<f64>)| [vec![f64::from_bits(cluster as u64)], sum].concat();
            let own: Vec<f64> = sums.into_iter().flat_map(numbers).collect();
            sums = BTreeMap::new();
            for (cluster, score) in self
                .ranks
                .gather(own)
                .iter()
                .flat_map(|all| all.chunks_exact(1 + x.len()))
                .map(|one| (one[0], &one[1..]))
            {
                #[allow(clippy::cast_possible_truncation, reason = "it was an index")]
                add(sums.entry(cluster.to_bits() as usize).or_insert_with(|| vec![0.0; x.len()]), score);
            }
        }
        if sums.len() < 2 {
            return Err(InferenceError::Unsupported {
                what: "clustered errors with fewer than 2 clusters",
                instead: "hc1",
            });
        }
        let meat = Symmetric::from_fn(x.len(), |i, j| sums.values().map(|sum| sum[i] * sum[j]).sum());
        Ok((meat, count(sums.len())))
    }

    /// The leverage of one copy of each row: its weight in the information times xᵀ·V·x.
    pub(super) fn leverages(&self, x: &[f64], bread: &Symmetric, information: Option<Information>) -> Option<Vec<f64>> {
        if !self.family.is_one_predictor() {
            return None;
        }
        let second = if information == Some(Information::Observed) { Second::Observed } else { Second::Expected };
        let (range, p) = (self.predictors[0].columns.clone(), bread.rows());
        let entries: Vec<f64> = (0..p * p).map(|k| bread.at(k / p, k % p)).collect();
        Some(self.map(x, second, |row: &Evaluated<'_>, columns: &[f64]| {
            let own = &columns[range.clone()];
            let row_of = |i: usize| own.iter().zip(&entries[i * own.len()..]).map(|(x, v)| x * v).sum::<f64>();
            let product: f64 = own.iter().enumerate().map(|(i, x)| x * row_of(i)).sum();
            -row.hessian[0] * product
        }))
    }

    /// The covariance of the solver's vector at dispersion 1, and the leverages, for [`influence`](Self::influence).
    pub(super) fn bread_and_leverages(&self, x: &[f64]) -> Result<(Symmetric, Option<Vec<f64>>), InferenceError> {
        let bread = self.bread(x, None)?;
        let leverages = self.leverages(x, &bread, None);
        Ok((bread, leverages))
    }
}

/// B·M·B times a factor.
fn sandwich(bread: &Symmetric, meat: &Symmetric, factor: f64) -> Symmetric {
    let n = bread.rows();
    let as_matrix = Matrix::from_fn(n, n, |i, j| bread.at(i, j));
    let product = meat.restricted(&as_matrix);
    Symmetric::from_fn(n, |i, j| product.at(i, j) * factor)
}
