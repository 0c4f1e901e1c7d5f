//! The loss of a generalised linear model over all its rows, for solvers.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use kiln_tensor::linalg::Symmetric;

use super::{
    Family, GlmData, GlmDataError, Link,
    design::Design,
    exact::{LeastSquares, least_squares},
    family::Fitted,
    group::Scaling,
    latest::{Latest, LatestPredictors},
    predictors::{Predictor, predictors},
    ranks::Ranks,
    row::{
        BinomialRow, Evaluated, ExponentialRow, MultinomialRow, NegativeBinomialRow, OrdinalRow, Replace, Row, Second,
        Want, ZeroInflatedPoissonRow,
    },
    rows::{Predicted, Rows},
    sums::Sums,
    values::Values,
};
use crate::regression::Dependence;

/// The mean negative log-likelihood of a generalised linear model over all rows, in nats, as a function of its coefficients.
///
/// For a family with a dispersion it is half the deviance in units of that of a constant mean, because the best coefficients do not
/// depend on the dispersion. It is computed on the host in f64. It is an [`Objective`](kiln_tensor::derivative::Objective) for any
/// solver, with its Hessian.
///
/// The vector holds the coefficients of scaled features, and solvers converge fast in these units. [`coefficients`](Self::coefficients)
/// has them in the units of the data. Features that depend linearly on others are left out: [`dropped`](Self::dropped).
/// `kiln::models::GlmConfig` does all of this in one call.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_models::glm::{Family, GlmData, GlmLoss};
/// use kiln_tensor::derivative::Objective;
///
/// let loss = GlmLoss::new(GlmData::new(Family::Poisson, vec![0.0, 1.0, 2.0], 1, vec![1.0, 3.0, 5.0]))?;
/// // The start is the best constant mean, 3.
/// let (_, gradient) = loss.value_and_grad(&loss.start(&Device::default()))?;
/// let gradient: Vec<f64> = gradient.into_data().try_into_vec_as().unwrap();
/// assert!(gradient[0] < -1.0 && gradient[1].abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
///
/// # References
/// McCullagh and Nelder, *Generalized Linear Models* (1989), chapter 2.
#[derive(Debug)]
pub struct GlmLoss {
    pub(super) family: Family,
    pub(super) link: Link,
    pub(super) classes: usize,
    pub(super) design: Arc<Design>,
    pub(super) predictors: Vec<Predictor>,
    pub(super) response: Values,
    pub(super) weights: Option<Values>,
    pub(super) offset: Option<Values>,
    /// The penalty λ/2·‖b‖² on the coefficients of features.
    pub(super) l2: f64,
    /// Σ w.
    pub(super) total: f64,
    /// Σ w times the constant terms of the log-density.
    pub(super) constant: f64,
    /// What the loss is divided by, beside Σ w.
    pub(super) unit: f64,
    /// The solution of a small linear regression, with all its digits.
    pub(super) exact: Option<LeastSquares>,
    /// Which blocks of rows are used: one in so many.
    pub(super) every: usize,
    pub(super) latest: Latest,
    /// The ranks, each with its rows.
    pub(super) ranks: Ranks,
    /// The number of rows of all ranks.
    pub(super) all_rows: usize,
    /// The linear predictors at the last vector where the rows were described, because that takes several passes.
    pub(super) predictors_at: LatestPredictors,
}

impl GlmLoss {
    /// Takes the data, and scales the features. Of several ranks, all call it.
    ///
    /// # Errors
    /// Returns [`GlmDataError`] if lengths do not fit, a number is not finite, or a response is not one of the family's.
    pub fn new(data: GlmData) -> Result<Self, GlmDataError> {
        let data = data.of_all_ranks()?;
        let all_rows = data.check()?;
        let GlmData {
            family,
            link,
            intercept,
            inputs,
            features,
            response,
            classes,
            weights,
            offset,
            inflation,
            world,
            ..
        } = data;
        let (rows, l2, ranks) = (response.len(), data.l2, Ranks::new(world));
        // Thresholds take the place of an intercept.
        let intercept = intercept || family == Family::Ordinal;
        let mut groups = vec![(inputs, features)];
        if family == Family::ZeroInflatedPoisson {
            groups.push(inflation);
        }
        let scaling = Scaling { intercept, l2, is_penalised: data.is_penalised || l2 > 0.0 };
        let design = Design::new((rows, all_rows), groups, scaling, &ranks);
        let predictors = predictors(family, classes, intercept, &design);
        let (mut total, mut constant, mut sum) = (0.0, 0.0, 0.0);
        each_row(&response, weights.as_ref(), |y, weight| {
            total += weight;
            sum += weight * y;
            if weight > 0.0 {
                constant += weight * family.constant(y);
            }
        });
        let mut sums = [total, constant, sum];
        ranks.sum(&mut sums);
        let [total, constant, sum] = sums;
        let mut unit = 1.0;
        if family.has_dispersion() {
            let (mean, mut spread) = (Fitted::of(sum / total), 0.0);
            each_row(&response, weights.as_ref(), |y, weight| spread += weight * family.deviance(y, mean));
            spread = ranks.total(spread);
            // A constant response is fitted exactly.
            unit = Some(spread / total).filter(|unit| *unit > 0.0 && unit.is_finite()).unwrap_or(1.0);
        }
        let mut loss = Self {
            family,
            link,
            classes,
            design: design.into(),
            predictors,
            response,
            weights,
            offset,
            l2,
            total,
            constant,
            unit,
            exact: None,
            every: 1,
            latest: Latest::default(),
            ranks,
            all_rows,
            predictors_at: LatestPredictors::default(),
        };
        loss.exact = if data.is_penalised || l2 > 0.0 { None } else { loss.solve_exactly(intercept) };
        loss.ranks.failure().map_or(Ok(()), |failure| Err(failure.clone()))?;
        Ok(loss)
    }

    /// Solves a linear regression in double-double arithmetic, if it is small.
    fn solve_exactly(&self, intercept: bool) -> Option<LeastSquares> {
        const LARGEST: usize = 4_000_000;
        let is_linear = self.family == Family::Gaussian && self.link == Link::Identity;
        let (rows, width) = (self.all_rows, self.design.width());
        let work = width.saturating_mul(width).saturating_mul(rows);
        if !is_linear || work > LARGEST || rows < self.parameter_count() || self.parameter_count() == 0 {
            return None;
        }
        let mut response = self.response.to_vec();
        if let Some(offset) = &self.offset {
            response.iter_mut().zip(offset.to_vec()).for_each(|(y, offset)| *y -= offset);
        }
        // So few rows that every rank can have all of them.
        let of_all = |own: Vec<f64>| self.ranks.gather(own).concat();
        let mut columns: Vec<Vec<f64>> = self.design.groups()[0].kept_columns().into_iter().map(of_all).collect();
        if intercept {
            columns.push(vec![1.0; rows]);
        }
        let (response, weights) = (of_all(response), self.weights.as_ref().map(|weights| of_all(weights.to_vec())));
        if self.ranks.failure().is_some() {
            return None;
        }
        let solution = least_squares(&columns, &response, |row| weights.as_ref().map_or(1.0, |weights| weights[row]));
        // Rows of weight 0 can leave columns that depend on others.
        solution.coefficients.iter().all(|b| b.is_finite()).then_some(solution)
    }

    /// Returns the number of rows, those of all ranks.
    pub fn row_count(&self) -> usize {
        self.all_rows
    }

    /// Returns the number of coefficients, with all that the family has beside those of the features.
    pub fn parameter_count(&self) -> usize {
        self.rows().parameters()
    }

    /// Returns the features that depend linearly on others. They have no coefficient.
    pub fn dropped(&self) -> &[Dependence] {
        &self.design.groups()[0].dropped
    }

    /// Returns the features of the inflation that depend linearly on others.
    pub fn dropped_from_inflation(&self) -> &[Dependence] {
        self.design.groups().get(1).map_or(&[], |group| &group.dropped)
    }

    /// Returns whether the features or the responses are in a file.
    pub fn is_in_file(&self) -> bool {
        self.rows().is_in_file()
    }

    /// Returns the vector where fits start: the best constant mean, in f64.
    pub fn start(&self, device: &Device) -> Tensor<1> {
        let start = self.constants();
        let size = start.len();
        Tensor::from_data(TensorData::new(start, [size]), (device, DType::F64))
    }

    /// Calls `each` with the response and the weight of each row of this rank.
    pub(super) fn each_row(&self, each: impl FnMut(f64, f64)) {
        each_row(&self.response, self.weights.as_ref(), each);
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        Rows {
            design: &self.design,
            every: self.every,
            predictors: &self.predictors,
            response: &self.response,
            weights: self.weights.as_ref(),
            offset: self.offset.as_ref(),
            ranks: &self.ranks,
        }
    }

    /// The log-density of a response.
    fn density(&self) -> Box<dyn Row> {
        let (link, classes) = (self.link, self.classes);
        if let Some(variance) = self.family.variance() {
            return Box::new(ExponentialRow { variance, link });
        }
        match self.family {
            Family::NegativeBinomial { theta } => Box::new(NegativeBinomialRow { theta }),
            Family::Multinomial => Box::new(MultinomialRow),
            Family::Ordinal => Box::new(OrdinalRow { classes, link }),
            Family::ZeroInflatedPoisson => Box::new(ZeroInflatedPoissonRow),
            _ => Box::new(BinomialRow(link)),
        }
    }

    /// Sums over the rows; see [`Rows::sum_with`].
    pub(super) fn sum(&self, x: &[f64], want: Want) -> Sums {
        self.rows().sum_with(&*self.density(), x, want, None)
    }

    /// The same, with other second derivatives.
    pub(super) fn sum_with(&self, x: &[f64], want: Want, replace: Replace<'_>) -> Sums {
        self.rows().sum_with(&*self.density(), x, want, Some(replace))
    }

    /// Calls `each` for every row; see [`Rows::map`].
    pub(super) fn map<T: Send + Sync>(
        &self,
        x: &[f64],
        second: Second,
        each: impl Fn(&Evaluated<'_>, &[f64]) -> T + Sync,
    ) -> Vec<T> {
        self.rows().map(&*self.density(), x, second, each)
    }

    /// Calls `each` for the rows of each block; see [`Rows::map_blocks`].
    pub(super) fn map_blocks<T: Default, U: Send + Sync>(
        &self,
        x: &[f64],
        each: impl Fn(&mut T, &Predicted<'_>) + Sync,
        finish: impl Fn(T) -> U + Sync,
    ) -> Vec<U> {
        let rows = self.rows();
        let known = self.latest.at(x, |sums| sums.eta.clone()).flatten();
        let known = match known {
            None if !self.is_in_file() => Some(self.predictors_at.get(x, || rows.linear_predictors(x))),
            known => known,
        };
        rows.map_blocks(x, known.as_ref().map(|known| &known[..]), each, finish)
    }

    /// Returns −Σ w·∂² ln p, at dispersion 1.
    pub(super) fn information(&self, x: &[f64], second: Second) -> Symmetric {
        let negative = |matrix: &Symmetric| Symmetric::from_fn(matrix.rows(), |i, j| -matrix.at(i, j));
        // With its default link, a family's derivatives do not depend on the response.
        let is_canonical = match self.family {
            Family::InverseGaussian | Family::Gamma | Family::Gaussian | Family::Binomial | Family::Poisson => {
                self.link == self.family.links()[0]
            }
            _ => false,
        };
        if second == Second::Observed || is_canonical {
            return self.with_all(x, |sums| negative(sums.matrix.as_ref().expect("asked for")));
        }
        negative(&self.sum(x, Want::Matrix(second)).matrix.expect("asked for"))
    }
}

/// Calls `each` with the response and the weight of each row.
fn each_row(response: &Values, weights: Option<&Values>, mut each: impl FnMut(f64, f64)) {
    let (mut row, mut buffer) = (0, Vec::new());
    response.each_block(1, |block| {
        let weights = weights.map(|weights| weights.get(row..row + block.len(), &mut buffer));
        block.iter().enumerate().for_each(|(i, y)| each(*y, weights.map_or(1.0, |weights| weights[i])));
        row += block.len();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glm::NumberFile;
    use kiln_tensor::derivative::{Hessian, Objective};
    use kiln_testkit::assert_close;

    fn numbers(tensor: Tensor<1>) -> Vec<f64> {
        tensor.into_data().try_into_vec_as().unwrap()
    }

    fn data(family: Family) -> GlmData {
        let n = 60;
        let inputs: Vec<f64> = (0..n).flat_map(|i| [f64::from(i * 7 % 11), 1e3 + f64::from(i * i % 13)]).collect();
        let response = (0..n).map(|i| match family {
            Family::Binomial => f64::from(i * 3 % 2),
            Family::Multinomial | Family::Ordinal => f64::from(i * 5 % 4),
            Family::Gaussian => f64::from(i * i % 17) - 4.0,
            Family::Gamma | Family::InverseGaussian => f64::from(1 + i * i % 17),
            _ => f64::from((i * i % 7) * (i % 3)),
        });
        let weights: Vec<f64> = (0..n).map(|i| f64::from(i % 3)).collect();
        let offset: Vec<f64> = (0..n).map(|i| 0.01 * f64::from(i % 5)).collect();
        let response: Vec<f64> = response.collect();
        let offset = (family != Family::Multinomial).then(|| offset.into());
        let mut data = GlmData { weights: Some(weights.into()), offset, ..GlmData::new(family, inputs, 2, response) };
        if family == Family::ZeroInflatedPoisson {
            data.inflation = ((0..n).map(|i| f64::from(i % 4)).collect::<Vec<_>>().into(), 1);
        }
        data
    }

    /// By central differences: an error of h²/6 times the third derivative, and of ε/h.
    /// Otherwise the linear predictors of all rows would be kept in memory.
    #[test]
    fn a_model_without_features_is_in_a_file_if_its_responses_are() {
        let mut writer = NumberFile::create(&std::env::temp_dir(), false).unwrap();
        writer.write(&[0.0, 1.0, 1.0]).unwrap();
        let response: Values = writer.finish().unwrap().into();
        for (response, expected) in [(response, true), (vec![0.0, 1.0, 1.0].into(), false)] {
            let loss = GlmLoss::new(GlmData::new(Family::Binomial, Values::default(), 0, response)).unwrap();
            assert_eq!(loss.is_in_file(), expected);
        }
    }

    #[test]
    fn derivatives_agree_with_differences() {
        const H: f64 = 1e-6;
        for family in Family::ALL {
            for &link in family.links() {
                // Inverse links have a pole nearby, and a logarithm a bound.
                if matches!((family, link), (Family::Binomial, Link::Log)) {
                    continue;
                }
                let loss = GlmLoss::new(GlmData { link, ..data(family) }).unwrap();
                let start = loss.start(&Device::default());
                let at_point = |x: &[f64]| {
                    Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), (&start.device(), DType::F64))
                };
                let mut x = numbers(start.clone());
                x.iter_mut().enumerate().for_each(|(i, x)| *x += 0.002 * (i as f64 + 1.0));
                let at = |x: &[f64]| {
                    let (value, gradient) = loss.value_and_grad(&at_point(x)).unwrap();
                    (value.into_scalar::<f64>(), numbers(gradient))
                };
                let (gradient, hessian) = (at(&x).1, loss.hessian(&at_point(&x)).unwrap());
                for i in 0..x.len() {
                    let moved = |by: f64| {
                        let mut moved = x.clone();
                        moved[i] += by;
                        at(&moved)
                    };
                    let ((above, up), (below, down)) = (moved(H), moved(-H));
                    let what = format!("{family} {link}, parameter {i} of {}", x.len());
                    assert_close(&[gradient[i]], &[(above - below) / (2.0 * H)], 1e-6, 1e-8, &what);
                    for j in 0..x.len() {
                        assert_close(&[hessian.at(i, j)], &[(up[j] - down[j]) / (2.0 * H)], 1e-6, 1e-7, &what);
                    }
                }
            }
        }
    }

    #[test]
    fn a_vector_is_found_again_from_its_coefficients() {
        for family in Family::ALL {
            let loss = GlmLoss::new(data(family)).unwrap();
            let x: Vec<f64> = (0..loss.parameter_count()).map(|i| 0.3 + 0.1 * i as f64).collect();
            // Rounding of the shift by 1000 standard deviations.
            assert_close(&loss.vector_at(&loss.coefficients(&x)).unwrap(), &x, 1e-11, 0.0, family.name());
        }
    }

    /// Repeating a row is a weight of 2, and leaving it out a weight of 0.
    #[test]
    fn weights_repeat_rows() {
        for family in Family::ALL {
            let weighted = data(family);
            let weights = weighted.weights.as_ref().unwrap().to_vec();
            let repeat = |values: &Values, width: usize| -> Values {
                let values = values.to_vec();
                let of_row = |row: usize| values[row * width..(row + 1) * width].repeat(weights[row] as usize);
                (0..60).flat_map(of_row).collect::<Vec<f64>>().into()
            };
            let repeated = GlmData {
                inputs: repeat(&weighted.inputs, 2),
                response: repeat(&weighted.response, 1),
                offset: weighted.offset.as_ref().map(|offset| repeat(offset, 1)),
                inflation: (repeat(&weighted.inflation.0, weighted.inflation.1), weighted.inflation.1),
                weights: None,
                ..weighted.clone()
            };
            let values = [weighted, repeated].map(|data| {
                let loss = GlmLoss::new(data).unwrap();
                loss.value(&loss.start(&Device::default())).unwrap().into_scalar::<f64>()
            });
            assert_close(&values[..1], &values[1..], 1e-13, 0.0, family.name());
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let refused = |data: GlmData| GlmLoss::new(data).unwrap_err().to_string();
        let of = |family, y: Vec<f64>| GlmData::new(family, vec![1.0; y.len()], 1, y);
        assert!(
            refused(of(Family::Poisson, vec![1.0, 2.5])).starts_with("the response of row 1 is 2.5; for the family")
        );
        assert!(refused(of(Family::Gamma, vec![])).starts_with("there are no rows"));
        assert!(refused(of(Family::Multinomial, vec![0.0, 2.0])).starts_with("class 1 has no rows"));
        let link = GlmData { link: Link::Logit, ..of(Family::Gamma, vec![1.0]) };
        assert_eq!(
            refused(link),
            "the family gamma does not have the link logit; choose one of inverse, log, identity"
        );
        let offset = GlmData { offset: Some(Values::default()), ..of(Family::Gamma, vec![1.0]) };
        let of_classes = GlmData { offset: Some(vec![0.0; 2].into()), ..of(Family::Multinomial, vec![0.0, 1.0]) };
        assert!(refused(of_classes).ends_with("so it takes no offset"));
        assert_eq!(refused(offset), "there are 1 responses but 0 offsets; each row needs the same number");
        let inputs = GlmData { inputs: vec![f64::NAN].into(), ..of(Family::Gamma, vec![1.0]) };
        assert_eq!(refused(inputs), "the input of row 0 is NaN; it must be a finite number");
    }
}
