//! Sparse rows of numbers: only the values that are not 0 are kept.

mod options;
mod svmlight;

use std::{collections::HashSet, path::Path};

pub use self::options::{SparseOptions, ZeroBased};
use self::svmlight::Parsed;
use crate::{DataError, Dataset, Examples};

/// The most values, zeros included, that [`SparseExamples::to_dense`] makes: 2 GiB of them.
const MOST_DENSE: usize = 1 << 28;
/// Up to this many different targets are classes, however many rows there are.
const FEW_CLASSES: usize = 20;

/// Rows of real-valued features, most of which are 0, each with a target.
///
/// The values are in compressed rows, as in SciPy's `csr_matrix`: [`indices`](Self::indices) and [`values`](Self::values) of all rows
/// one after another, and [`indptr`](Self::indptr) with the place where each row begins.
///
/// [`read`](Self::read) takes the text files of LIBSVM and SVMlight: a line `label index:value index:value …` for each row, with
/// ascending indices. After the label there can be `qid:` with the number of a query, and after a `#` a comment. The file can be
/// compressed by gzip or zstd.
///
/// # Example
///
/// ```
/// use kiln_data::{SparseExamples, SparseOptions};
///
/// let text = "+1 1:0.5 4:2 # a comment\n-1 3:1.25\n+1\n";
/// let rows = SparseExamples::parse("t.svm", text, &SparseOptions::default())?;
/// assert_eq!((rows.len(), rows.features(), rows.stored()), (3, 4, 3));
/// assert_eq!(rows.row(0), (&[0, 3][..], &[0.5, 2.0][..]));
/// assert_eq!(rows.targets(), [1.0, -1.0, 1.0]);
/// assert_eq!((rows.class_names(), rows.class_targets()), (&["-1".to_owned(), "1".into()][..], &[1, 0, 1][..]));
/// assert_eq!(rows.to_dense()?.row(0), [0.5, 0.0, 0.0, 2.0]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SparseExamples {
    file: String,
    sha256: String,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
    targets: Vec<f64>,
    queries: Option<Vec<u64>>,
    features: usize,
    is_zero_based: bool,
    classes: Classes,
}

/// The targets as classes. Both are empty if the targets are measurements.
#[derive(Clone, Debug, Default, PartialEq)]
struct Classes {
    targets: Vec<usize>,
    names: Vec<String>,
}

impl SparseExamples {
    /// Reads a file of LIBSVM or SVMlight.
    ///
    /// # Errors
    ///
    /// Those of the file system and of decompression; [`DataError::SparseText`] names the line, the place and the text that is not
    /// what it should be; [`DataError::NoRows`], [`DataError::NoFeatures`], and [`DataError::FewerFeatures`] if the file has more
    /// features than [`SparseOptions::features`].
    pub fn read(path: &Path, options: &SparseOptions) -> Result<Self, DataError> {
        Self::of(&path.display().to_string(), svmlight::read(path, options)?, options)
    }

    /// Parses the bytes of such a file, which may be compressed. Messages call it `file`.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), without those of the file system.
    pub fn parse(file: &str, bytes: impl AsRef<[u8]>, options: &SparseOptions) -> Result<Self, DataError> {
        Self::of(file, svmlight::parse(file, bytes.as_ref(), options)?, options)
    }

    fn of(file: &str, parsed: Parsed, options: &SparseOptions) -> Result<Self, DataError> {
        let Parsed { sha256, indptr, mut indices, values, targets, queries, highest } = parsed;
        if targets.is_empty() {
            return Err(DataError::NoRows { file: file.into() });
        }
        let is_zero_based = match options.zero_based {
            ZeroBased::Yes => true,
            ZeroBased::No => false,
            ZeroBased::Auto => indices.contains(&0),
        };
        if !is_zero_based {
            indices.iter_mut().for_each(|index| *index -= 1);
        }
        let found = highest.map_or(0, |highest| highest as usize + usize::from(is_zero_based));
        let features = options.features.unwrap_or(found);
        if features < found {
            return Err(DataError::FewerFeatures { file: file.into(), found, expected: features });
        }
        if features == 0 {
            return Err(DataError::NoFeatures { file: file.into() });
        }
        let classes = Classes::of(&targets);
        let file = file.to_owned();
        Ok(Self { file, sha256, indptr, indices, values, targets, queries, features, is_zero_based, classes })
    }

    /// The rows of dense examples, without their zeros. Targets that are numbers stay these numbers; otherwise the targets are the
    /// indices of the classes.
    ///
    /// # Errors
    ///
    /// [`DataError::TooDense`] if there are more than 4 billion features.
    ///
    /// # Example
    /// ```
    /// use kiln_data::{Examples, SparseExamples};
    ///
    /// let dense = Examples::from_slices(&[0.0, 2.0, 0.0, 0.0], 2, &[1, 0])?;
    /// let sparse = SparseExamples::from_dense(&dense)?;
    /// assert_eq!((sparse.stored(), sparse.row(0), sparse.to_dense()?), (1, (&[1][..], &[2.0][..]), dense));
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn from_dense(examples: &Examples) -> Result<Self, DataError> {
        let features = examples.features();
        if u32::try_from(features).is_err() {
            return Err(DataError::TooDense { rows: examples.len(), features, limit: u32::MAX as usize });
        }
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in 0..examples.len() {
            for (index, value) in (0..).zip(examples.row(row)).filter(|(_, value)| **value != 0.0) {
                indices.push(index);
                values.push(*value);
            }
            indptr.push(indices.len());
        }
        let classes = Classes { targets: examples.targets().to_vec(), names: examples.class_names().to_vec() };
        let numbers: Option<Vec<f64>> = classes.names.iter().map(|name| crate::table::number(name)).collect();
        let target = |class: &usize| numbers.as_ref().map_or(*class as f64, |numbers| numbers[*class]);
        Ok(Self {
            file: String::new(),
            sha256: String::new(),
            indptr,
            indices,
            values,
            targets: classes.targets.iter().map(target).collect(),
            queries: None,
            features,
            is_zero_based: true,
            classes,
        })
    }

    /// Returns the same rows with their zeros. The features are called `x0`, `x1`, ….
    ///
    /// # Errors
    ///
    /// [`DataError::NotClasses`] if the targets are not classes, and [`DataError::TooDense`] if there would be more than 2²⁸ values
    /// (2 GiB).
    pub fn to_dense(&self) -> Result<Examples, DataError> {
        let (rows, features) = (self.len(), self.features);
        if self.classes.names.is_empty() {
            let count = distinct(&self.targets, usize::MAX).map_or(0, |targets| targets.len());
            return Err(DataError::NotClasses { file: self.file.clone(), target: "label".into(), count, rows });
        }
        let count = rows.checked_mul(features).filter(|count| *count <= MOST_DENSE);
        let count = count.ok_or(DataError::TooDense { rows, features, limit: MOST_DENSE })?;
        let mut inputs = vec![0.0; count];
        for (row, dense) in inputs.chunks_exact_mut(features).enumerate() {
            let (indices, values) = self.row(row);
            indices.iter().zip(values).for_each(|(index, value)| dense[*index as usize] = *value);
        }
        let names = (0..features).map(|feature| format!("x{feature}")).collect();
        Examples::new(inputs, self.classes.targets.clone(), names, self.classes.names.clone())
    }

    /// Returns the name of the file, as in messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the SHA-256 of the file. Rows that are not from a file have none: the text is empty.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Returns the number of features, at least 1.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Returns whether the first feature had index 0 in the file. Read other files of the same data in the same way.
    pub fn is_zero_based(&self) -> bool {
        self.is_zero_based
    }

    /// Returns the features of a row that are stored, counted from 0 and in ascending order, and their values.
    ///
    /// # Panics
    ///
    /// If `row` is not below [`len`](Self::len).
    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let range = self.indptr[row]..self.indptr[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// Returns the places in [`indices`](Self::indices) where the rows begin, and the end: one number more than there are rows.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// Returns the features of all stored values.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Returns all stored values. Zeros that the file has are among them.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns the target of every row as a number.
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// Returns the class index of every row. There are none if the targets are measurements: if one is not a whole number, or if there
    /// are more than 20 different ones, and more than half as many as rows.
    pub fn class_targets(&self) -> &[usize] {
        &self.classes.targets
    }

    /// Returns the names of the classes, which are their numbers in ascending order. There are none if the targets are measurements.
    pub fn class_names(&self) -> &[String] {
        &self.classes.names
    }

    /// Returns the number of the query of every row, if the file has them. A row without one has 0.
    pub fn queries(&self) -> Option<&[u64]> {
        self.queries.as_deref()
    }

    /// Returns the number of values that are stored.
    pub fn stored(&self) -> usize {
        self.values.len()
    }

    /// Returns the share of all values that is stored, in [0, 1].
    pub fn density(&self) -> f64 {
        let all = self.len() as f64 * self.features as f64;
        if all > 0.0 { self.stored() as f64 / all } else { 0.0 }
    }

    /// Returns whether the rows need less memory in this form than with all their zeros.
    pub fn is_sparse(&self) -> bool {
        let sparse = self.stored() as f64 * 12.0 + self.indptr.len() as f64 * 8.0;
        sparse < self.len() as f64 * self.features as f64 * 8.0
    }
}

impl Classes {
    fn of(targets: &[f64]) -> Self {
        let most = FEW_CLASSES.max(targets.len() / 2);
        let is_whole = targets.iter().all(|target| target.fract() == 0.0);
        let Some(classes) = distinct(targets, most).filter(|_| is_whole) else { return Self::default() };
        let class = |target: &f64| classes.partition_point(|class| *class < *target);
        Self {
            targets: targets.iter().map(class).collect(),
            names: classes.iter().map(|class| class.to_string()).collect(),
        }
    }
}

/// Returns the different numbers in ascending order, if there are at most `most`.
fn distinct(numbers: &[f64], most: usize) -> Option<Vec<f64>> {
    // Negative zero is zero.
    let mut bits = HashSet::new();
    for number in numbers {
        if bits.insert((number + 0.0).to_bits()) && bits.len() > most {
            return None;
        }
    }
    let mut found: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
    found.sort_unstable_by(f64::total_cmp);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, options: &SparseOptions) -> Result<SparseExamples, DataError> {
        SparseExamples::parse("t.svm", text, options)
    }

    #[test]
    fn the_first_index_is_found_or_named() {
        let auto = SparseOptions::default();
        let (one, zero) = (parse("1 1:2 3:4\n", &auto).unwrap(), parse("1 1:2 3:4\n0 0:1\n", &auto).unwrap());
        assert_eq!((one.features(), one.row(0).0, one.is_zero_based()), (3, &[0, 2][..], false));
        assert_eq!((zero.features(), zero.row(0).0, zero.is_zero_based()), (4, &[1, 3][..], true));
        let yes = SparseOptions { zero_based: ZeroBased::Yes, ..auto.clone() };
        assert_eq!(parse("1 1:2 3:4\n", &yes).unwrap().features(), 4);
        let no = SparseOptions { zero_based: ZeroBased::No, ..auto.clone() };
        assert!(matches!(parse("1 2:1\n1 0:1\n", &no), Err(DataError::SparseText { line: 2, place: 3, .. })));
    }

    #[test]
    fn the_number_of_features_can_be_given() {
        let options = |features| SparseOptions { features: Some(features), ..SparseOptions::default() };
        assert_eq!(parse("1 2:5\n", &options(10)).unwrap().features(), 10);
        assert!(matches!(parse("1 2:5\n", &options(1)), Err(DataError::FewerFeatures { found: 2, expected: 1, .. })));
        assert_eq!(parse("1\n0\n", &options(3)).unwrap().to_dense().unwrap().inputs(), [0.0; 6]);
        assert!(matches!(parse("1\n0\n", &SparseOptions::default()), Err(DataError::NoFeatures { .. })));
    }

    #[test]
    fn measurements_are_no_classes() {
        let auto = SparseOptions::default();
        let numbers = parse("0.5 1:1\n1 1:1\n", &auto).unwrap();
        assert_eq!((numbers.class_names().len(), numbers.targets()), (0, &[0.5, 1.0][..]));
        assert!(matches!(numbers.to_dense(), Err(DataError::NotClasses { count: 2, .. })));
        let many: String = (0..50).map(|i| format!("{i} 1:1\n")).collect();
        assert!(parse(&many, &auto).unwrap().class_targets().is_empty());
        let zero = parse("-0 1:1\n0 1:1\n10 1:1\n9 1:1\n", &auto).unwrap();
        assert_eq!(
            (zero.class_names(), zero.class_targets()),
            (&["0".to_owned(), "9".into(), "10".into()][..], &[0, 0, 2, 1][..])
        );
    }

    #[test]
    fn zeros_are_not_made_without_end() {
        let wide = parse("1 4294967295:1\n0 1:1\n", &SparseOptions::default()).unwrap();
        assert_eq!(wide.features(), u32::MAX as usize);
        assert!(wide.is_sparse() && wide.density() < 1e-9);
        assert!(matches!(wide.to_dense(), Err(DataError::TooDense { rows: 2, .. })));
    }

    #[test]
    fn dense_examples_come_back() {
        let names = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let dense =
            Examples::new(vec![0.0, -1.5, 0.0, 0.0], vec![1, 0], names(&["x0", "x1"]), names(&["3", "7"])).unwrap();
        let sparse = SparseExamples::from_dense(&dense).unwrap();
        assert_eq!((sparse.targets(), sparse.to_dense().unwrap()), (&[7.0, 3.0][..], dense));
    }
}
