//! Rows of numbers with classes.

use crate::{DataError, Dataset, Images, Supervised};
use burn::tensor::{Device, Tensor, TensorData};

/// Rows of real-valued features, each with a class.
///
/// # Example
///
/// ```
/// use kiln_data::{Dataset, Examples};
///
/// // Three rows of two features, in two classes.
/// let examples = Examples::from_slices(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.5], 2, &[0, 1, 1])?;
/// assert_eq!((examples.len(), examples.features(), examples.classes()), (3, 2, 2));
/// assert_eq!(examples.row(2), [5.0, 6.5]);
/// assert_eq!((&examples.feature_names()[1], &examples.class_names()[0]), (&"x1".to_string(), &"0".to_string()));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    inputs: Vec<f64>,
    targets: Vec<usize>,
    feature_names: Vec<String>,
    class_names: Vec<String>,
}

impl Examples {
    /// Examples with names for the features and classes.
    ///
    /// `inputs` has shape `[n, feature_names.len()]` in row-major order and must be finite. `targets` has one class index
    /// below `class_names.len()` per row. [`from_slices`](Self::from_slices) needs no names.
    ///
    /// # Errors
    ///
    /// [`DataError::NoFeatures`], [`DataError::Length`] if the numbers of inputs and targets do not fit,
    /// [`DataError::TargetRange`] and [`DataError::NonFinite`].
    pub fn new(
        inputs: Vec<f64>,
        targets: Vec<usize>,
        feature_names: Vec<String>,
        class_names: Vec<String>,
    ) -> Result<Self, DataError> {
        let (features, classes) = (feature_names.len(), class_names.len());
        if features == 0 {
            return Err(DataError::NoFeatures { file: "the set of examples".into() });
        }
        if inputs.len() != targets.len() * features {
            return Err(DataError::Length { what: "inputs", expected: targets.len() * features, found: inputs.len() });
        }
        if let Some(row) = targets.iter().position(|target| *target >= classes) {
            return Err(DataError::TargetRange { row, target: targets[row], classes });
        }
        check_finite(&inputs, &feature_names)?;
        Ok(Self { inputs, targets, feature_names, class_names })
    }

    /// Examples without names: the features are called `x0`, `x1`, …, and the classes `0`, `1`, ….
    ///
    /// `inputs` has shape `[n, features]` in row-major order and must be finite. `targets` has one class index per row, and
    /// the number of classes is the largest index plus 1.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn from_slices(inputs: &[f64], features: usize, targets: &[usize]) -> Result<Self, DataError> {
        if inputs.len() != targets.len().saturating_mul(features) {
            let expected = targets.len().saturating_mul(features);
            return Err(DataError::Length { what: "inputs", expected, found: inputs.len() });
        }
        // An index as large as this is no class, and its names would fill the memory.
        const MOST: usize = 1 << 20;
        if let Some(row) = targets.iter().position(|target| *target >= MOST) {
            return Err(DataError::TargetRange { row, target: targets[row], classes: MOST });
        }
        let classes = targets.iter().max().map_or(0, |largest| largest + 1);
        let feature_names = (0..features).map(|i| format!("x{i}")).collect();
        let class_names = (0..classes).map(|class| class.to_string()).collect();
        Self::new(inputs.to_vec(), targets.to_vec(), feature_names, class_names)
    }

    /// Returns all inputs in row-major order.
    pub fn inputs(&self) -> &[f64] {
        &self.inputs
    }

    /// Returns the features of one row.
    ///
    /// # Panics
    ///
    /// If `row` is not below [`len`](Dataset::len).
    pub fn row(&self, row: usize) -> &[f64] {
        &self.inputs[row * self.features()..][..self.features()]
    }

    /// Returns the class index of every row.
    pub fn targets(&self) -> &[usize] {
        &self.targets
    }

    /// Returns the name of every feature.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// Returns the name of every class.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Returns the number of features, at least 1.
    pub fn features(&self) -> usize {
        self.feature_names.len()
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// Returns the given rows, in the given order, with the same features and classes.
    ///
    /// # Panics
    ///
    /// If a row is not below [`len`](Dataset::len).
    pub fn subset(&self, rows: &[usize]) -> Self {
        Self {
            inputs: self.gather(rows),
            targets: rows.iter().map(|row| self.targets[*row]).collect(),
            feature_names: self.feature_names.clone(),
            class_names: self.class_names.clone(),
        }
    }

    fn gather(&self, rows: &[usize]) -> Vec<f64> {
        rows.iter().flat_map(|row| self.row(*row)).copied().collect()
    }
}

/// Returns an error if a value is infinite or NaN.
pub(crate) fn check_finite(inputs: &[f64], feature_names: &[String]) -> Result<(), DataError> {
    match inputs.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let (row, feature) = (at / feature_names.len(), at % feature_names.len());
            Err(DataError::NonFinite { row, feature: feature_names[feature].clone() })
        }
    }
}

impl Dataset for Examples {
    type Batch = Supervised;

    fn len(&self) -> usize {
        self.targets.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Supervised {
        let inputs = TensorData::new(self.gather(rows), [rows.len(), self.features()]);
        let targets: Vec<i64> = rows.iter().map(|row| self.targets[*row] as i64).collect();
        let targets = TensorData::new(targets, [rows.len(), 1]);
        Supervised { inputs: Tensor::from_data(inputs, device), targets: Tensor::from_data(targets, device) }
    }
}

impl TryFrom<&Images> for Examples {
    type Error = DataError;

    /// Makes features `p0`, `p1`, … of the pixels, scaled to [0, 1], and classes called `0`, `1`, ….
    ///
    /// # Errors
    ///
    /// [`DataError::NoLabels`] if the images have no labels.
    fn try_from(images: &Images) -> Result<Self, DataError> {
        if !images.has_labels() {
            return Err(DataError::NoLabels);
        }
        Ok(Self {
            inputs: images.bytes().iter().map(|pixel| f64::from(*pixel) / f64::from(images.max())).collect(),
            targets: images.targets(),
            feature_names: (0..images.dims()).map(|pixel| format!("p{pixel}")).collect(),
            class_names: images.class_names(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str, n: usize) -> Vec<String> {
        (0..n).map(|i| format!("{prefix}{i}")).collect()
    }

    #[test]
    fn batches_hold_the_rows_asked_for() {
        let inputs = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.5];
        let examples = Examples::new(inputs, vec![0, 1, 1], names("x", 2), names("c", 2)).unwrap();
        let batch = examples.batch(&[2, 0], &Device::flex());
        assert_eq!(batch.inputs.dims(), [2, 2]);
        assert_eq!(batch.inputs.into_data().try_to_vec::<f32>().unwrap(), [5.0, 6.5, 1.0, 2.0]);
        assert_eq!(batch.targets.into_data().convert::<i64>().try_to_vec::<i64>().unwrap(), [1, 0]);

        let subset = examples.subset(&[1]);
        assert_eq!((subset.inputs(), subset.targets(), subset.classes()), (&[3.0, 4.0][..], &[1][..], 2));
    }

    #[test]
    fn wrong_parts_are_refused() {
        let make = |inputs, targets, features| Examples::new(inputs, targets, names("x", features), names("c", 2));
        assert!(matches!(make(vec![], vec![], 0), Err(DataError::NoFeatures { .. })));
        assert!(matches!(make(vec![1.0; 3], vec![0, 1], 2), Err(DataError::Length { expected: 4, found: 3, .. })));
        assert!(matches!(
            make(vec![1.0; 4], vec![0, 2], 2),
            Err(DataError::TargetRange { row: 1, target: 2, classes: 2 })
        ));
        let refused = make(vec![1.0, 2.0, 3.0, f64::NAN], vec![0, 1], 2);
        assert!(matches!(refused, Err(DataError::NonFinite { row: 1, feature }) if feature == "x1"));
    }

    #[test]
    fn slices_become_examples() {
        let make = |inputs: &[f64], features, targets: &[usize]| Examples::from_slices(inputs, features, targets);
        assert_eq!(make(&[1.0, 2.0], 1, &[0, 2]).unwrap().classes(), 3);
        assert!(matches!(make(&[1.0], 0, &[]), Err(DataError::Length { expected: 0, found: 1, .. })));
        assert!(matches!(make(&[], 0, &[]), Err(DataError::NoFeatures { .. })));
        assert!(matches!(make(&[], usize::MAX, &[0, 0]), Err(DataError::Length { .. })));
        assert!(matches!(make(&[1.0, 2.0], 1, &[0, usize::MAX]), Err(DataError::TargetRange { row: 1, .. })));
    }

    #[test]
    fn images_become_examples() {
        let images = Images::new(vec![0, 4, 8, 16], vec![2, 0], 1, 2, 16).unwrap();
        let examples = Examples::try_from(&images).unwrap();
        assert_eq!(examples.inputs(), [0.0, 0.25, 0.5, 1.0]);
        assert_eq!(examples.targets(), [2, 0]);
        assert_eq!(examples.feature_names(), ["p0", "p1"]);
        assert_eq!(examples.class_names(), ["0", "1", "2"]);
    }
}
