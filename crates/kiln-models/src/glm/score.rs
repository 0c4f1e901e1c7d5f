//! Means and losses of many rows.

use serde::Serialize;

use super::{
    Family, GlmLoss, GlmModel, Part, Term, Values, classes::class_probabilities, link::sigmoid, rows::Predicted,
};
use crate::blocks::map;

/// Rows to predict, with their responses.
///
/// # Example
/// ```
/// use kiln_models::glm::{Family, GlmModel, GlmRows, Link, Part, Place, Term, Values};
///
/// let place = |term| Place { part: Part::Mean, term };
/// let model = GlmModel {
///     family: Family::Poisson,
///     link: Link::Log,
///     features: 1,
///     inflation: 0,
///     classes: 0,
///     places: vec![place(Term::Feature(0)), place(Term::Intercept)],
///     parameters: vec![2f64.ln(), 0.0],
///     dispersion: 1.0,
///     uncertainty: None,
/// };
/// let (inputs, response) = (Values::from(vec![0.0, 3.0]), Values::from(vec![1.0, 8.0]));
/// let rows = GlmRows { inputs: &inputs, inflation: &[], offset: None, response: &response };
/// let (means, losses) = model.means_and_losses(&rows);
/// assert!((means[1] - 8.0).abs() < 1e-14);
/// // −ln p = μ − y·ln μ + ln y!
/// assert!((losses[0] - 1.0).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GlmRows<'a> {
    /// The features, in row-major order.
    pub inputs: &'a Values,
    /// The features of the inflation, in row-major order; empty if the model has none.
    pub inflation: &'a [f64],
    /// A number per row that is added to the linear predictor.
    pub offset: Option<&'a Values>,
    /// The responses. A class is given by its index.
    pub response: &'a Values,
}

/// How well a fit describes its own rows, each as often as its weight says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TrainingScore {
    /// For families with classes and binomial: the share of rows whose most probable class is right. A share counts as the class that it
    /// is nearer to.
    pub accuracy: Option<f64>,
    /// The mean squared difference of the response and its mean. For families with classes 0.
    pub mean_squared_error: f64,
    /// 1 − squared differences / squared differences from the mean response. For families with classes NaN.
    pub r2: f64,
}

/// Rows that are predicted at a time.
const BLOCK: usize = 256;

/// The coefficients of a part, with a place for each feature, and its constant.
struct Linear {
    part: Part,
    factors: Vec<f64>,
    constant: f64,
}

impl GlmModel {
    /// Returns the mean of each row (for families with classes the probability of each class, `[n, classes]` in row-major order) and −ln p
    /// of its response.
    ///
    /// # Panics
    /// If the numbers of rows differ, or the features are not those of the model.
    pub fn means_and_losses(&self, rows: &GlmRows<'_>) -> (Vec<f64>, Vec<f64>) {
        let (n, d, e) = (rows.response.len(), self.features, self.inflation);
        assert!(rows.inputs.len() == n * d && rows.inflation.len() == n * e, "the features are those of the model");
        let linear = self.by_part();
        let blocks: Vec<usize> = (0..n).step_by(BLOCK).collect();
        let of_block = |start: &usize| {
            let own = *start..(start + BLOCK).min(n);
            let (mut inputs, mut offset, mut response) = (Vec::new(), Vec::new(), Vec::new());
            let sums = linear.iter().map(|part| self.sums(part, rows, own.clone(), &mut inputs)).collect::<Vec<_>>();
            let offset = rows.offset.map(|offsets| offsets.get(own.clone(), &mut offset));
            let response = rows.response.get(own, &mut response);
            let (mut means, mut losses) = (Vec::new(), Vec::with_capacity(response.len()));
            for (row, y) in response.iter().enumerate() {
                let sum = |part: Part| {
                    linear.iter().zip(&sums).find(|(own, _)| own.part == part).map_or(0.0, |(_, sums)| sums[row])
                };
                let offset = offset.map_or(0.0, |offset| offset[row]);
                let mean = self.means_of(sum, offset);
                losses.push(self.loss_of(*y, &mean, sum, offset));
                means.extend(mean);
            }
            (means, losses)
        };
        let (means, losses): (Vec<_>, Vec<_>) = map(&blocks, of_block).into_iter().unzip();
        (means.concat(), losses.concat())
    }

    fn by_part(&self) -> Vec<Linear> {
        let mut all: Vec<Linear> = Vec::new();
        for (place, value) in self.places.iter().zip(&self.parameters) {
            if all.last().is_none_or(|last| last.part != place.part) {
                let size = if place.part == Part::Inflation { self.inflation } else { self.features };
                all.push(Linear { part: place.part, factors: vec![0.0; size], constant: 0.0 });
            }
            let own = all.last_mut().expect("it was added");
            match place.term {
                Term::Feature(index) => own.factors[index] = *value,
                _ => own.constant += value,
            }
        }
        all
    }

    /// The linear predictor of a part for some rows.
    fn sums(&self, part: &Linear, rows: &GlmRows<'_>, own: std::ops::Range<usize>, buffer: &mut Vec<f64>) -> Vec<f64> {
        let mut sums = vec![part.constant; own.len()];
        let d = part.factors.len();
        if d == 0 {
            return sums;
        }
        if let (Some(sparse), true) = (rows.inputs.sparse(), part.part != Part::Inflation) {
            sparse.add_products(own, &part.factors, &mut sums);
            return sums;
        }
        let range = own.start * d..own.end * d;
        let values = match part.part {
            Part::Inflation => &rows.inflation[range],
            _ => rows.inputs.get(range, buffer),
        };
        for (sum, row) in sums.iter_mut().zip(values.chunks_exact(d)) {
            *sum += row.iter().zip(&part.factors).map(|(x, b)| x * b).sum::<f64>();
        }
        sums
    }
}

impl GlmLoss {
    /// Returns how well the parameters `x` describe the rows.
    pub fn training_score(&self, x: &[f64]) -> TrainingScore {
        let (family, link, classes) = (self.family, self.link, self.classes);
        let mean = self.mean_response();
        // Correct rows, squared differences, and those from the mean response.
        let add = |sums: &mut [f64; 3], row: &Predicted<'_>| {
            if row.weight <= 0.0 {
                return;
            }
            if family.has_classes() {
                let p = class_probabilities(family, link, classes, row.eta);
                let best = (0..p.len()).fold(0, |best, class| if p[class] > p[best] { class } else { best });
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index of a class")]
                let is_right = best == row.response as usize;
                sums[0] += row.weight * f64::from(u8::from(is_right));
                return;
            }
            let own = match family {
                Family::ZeroInflatedPoisson => row.eta[0].exp() * sigmoid(-row.eta[1]),
                _ => link.mean(row.eta[0]),
            };
            sums[0] += row.weight * f64::from(u8::from((own > 0.5) == (row.response > 0.5)));
            sums[1] += row.weight * (row.response - own).powi(2);
            sums[2] += row.weight * (row.response - mean).powi(2);
        };
        let sums = self.map_blocks(x, add, |sums| sums);
        let mut totals = [0, 1, 2].map(|i| sums.iter().map(|sums| sums[i]).sum::<f64>());
        self.ranks.sum(&mut totals);
        let [right, squares, all] = totals;
        let is_class = family.has_classes() || family == Family::Binomial;
        TrainingScore {
            accuracy: is_class.then(|| right / self.total),
            mean_squared_error: squares / self.total,
            r2: if family.has_classes() { f64::NAN } else { 1.0 - squares / all },
        }
    }
}
