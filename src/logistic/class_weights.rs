//! Weights of classes.

use super::error::LogisticError;

/// How much the examples of each class count.
///
/// # Example
/// ```
/// use kiln::models::{ClassWeights, LogisticConfig};
///
/// let (x, y) = ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 0, 0, 1]);
/// let balanced = LogisticConfig::new(1).class_weights(ClassWeights::Balanced).fit(&x, &y)?;
/// let equal = LogisticConfig::new(1).fit(&x, &y)?;
/// assert!(balanced.predict_proba(&[2.5])?[1] > equal.predict_proba(&[2.5])?[1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClassWeights {
    /// All examples count the same. The default.
    #[default]
    Equal,
    /// Each class counts the same in total: a class's weight is n / (classes · its number of examples).
    Balanced,
    /// One weight per class, each finite and not negative.
    PerClass(Vec<f64>),
}

impl ClassWeights {
    /// Returns the product of each row's sample weight and class weight, or `None` if all rows count the same.
    pub(super) fn of_rows(
        &self,
        sample_weights: Option<&[f64]>,
        y: &[usize],
        classes: usize,
    ) -> Result<Option<Vec<f64>>, LogisticError> {
        if let Some(weights) = sample_weights.filter(|weights| weights.len() != y.len()) {
            return Err(LogisticError::Weights { what: "sample weights", expected: y.len(), got: weights.len() });
        }
        let of_row = |row: usize| sample_weights.map_or(1.0, |weights| weights[row]);
        let of_class: Vec<f64> = match self {
            Self::Equal => return Ok(sample_weights.map(<[f64]>::to_vec)),
            Self::PerClass(weights) if weights.len() != classes => {
                return Err(LogisticError::Weights { what: "class weights", expected: classes, got: weights.len() });
            }
            Self::PerClass(weights) => weights.clone(),
            Self::Balanced => {
                let mut totals = vec![0.0; classes];
                for (row, &class) in y.iter().enumerate().filter(|(_, class)| **class < classes) {
                    totals[class] += of_row(row);
                }
                #[allow(clippy::cast_precision_loss, reason = "a number of classes")]
                let share = totals.iter().sum::<f64>() / classes as f64;
                // A class without examples has no weight to balance.
                totals.iter().map(|total| if *total > 0.0 { share / total } else { 0.0 }).collect()
            }
        };
        let weight = |(row, class): (usize, &usize)| of_row(row) * of_class.get(*class).copied().unwrap_or(0.0);
        Ok(Some(y.iter().enumerate().map(weight).collect()))
    }
}
