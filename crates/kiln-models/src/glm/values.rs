//! The numbers of all rows: in memory, in a file, or mostly zero.

mod columns;
mod file;
mod sparse;

use std::{borrow::Cow, ops::Range, sync::Arc};

use rayon::prelude::*;

pub(super) use self::columns::Scaled;
pub use self::{
    file::{NumberFile, NumberFileWriter},
    sparse::{SparseRows, SparseRowsError},
};

/// Numbers of all rows of a generalised linear model, in row-major order. They are read in blocks, and summed in f64.
///
/// Vectors of f64 and f32 convert into it, and so do a [`NumberFile`], for data larger than memory, and [`SparseRows`], for features
/// that are mostly zero. A copy shares the numbers.
///
/// # Example
/// ```
/// use kiln_models::glm::{Family, GlmData, GlmLoss, Values};
///
/// // f32 takes half the memory.
/// let inputs: Values = vec![1.0f32, 2.0, 3.0].into();
/// assert_eq!(inputs.len(), 3);
/// let loss = GlmLoss::new(GlmData::new(Family::Poisson, inputs, 1, vec![1.0, 3.0, 4.0]))?;
/// assert_eq!(loss.parameter_count(), 2);
/// # Ok::<(), kiln_models::glm::GlmDataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Values(Store);

#[derive(Clone, Debug)]
enum Store {
    Double(Arc<Vec<f64>>),
    Single(Arc<Vec<f32>>),
    File(Arc<NumberFile>),
    Sparse(Arc<SparseRows>),
}

/// The numbers of a block when all rows are read one after the other.
const BLOCK: usize = 1 << 14;

impl Values {
    /// Returns how many numbers there are. Zeros count.
    pub fn len(&self) -> usize {
        match &self.0 {
            Store::Double(values) => values.len(),
            Store::Single(values) => values.len(),
            Store::File(file) => file.len(),
            Store::Sparse(rows) => rows.len().saturating_mul(rows.features()),
        }
    }

    /// Returns whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the numbers if they are f64 in memory.
    pub fn as_slice(&self) -> Option<&[f64]> {
        match &self.0 {
            Store::Double(values) => Some(values),
            _ => None,
        }
    }

    /// Returns all numbers in memory, without a copy if they are f64 in memory.
    pub fn to_cow(&self) -> Cow<'_, [f64]> {
        match self.as_slice() {
            Some(values) => Cow::Borrowed(values),
            None => Cow::Owned(self.to_vec()),
        }
    }

    /// Returns all numbers in memory.
    pub fn to_vec(&self) -> Vec<f64> {
        self.get(0..self.len(), &mut Vec::new()).to_vec()
    }

    /// Returns a copy of some rows of `width` numbers. Rows of a file are then in memory.
    ///
    /// # Panics
    ///
    /// If there are fewer rows.
    ///
    /// # Example
    /// ```
    /// use kiln_models::glm::Values;
    ///
    /// let values = Values::from(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// assert_eq!(values.rows(1..3, 2).to_vec(), [3.0, 4.0, 5.0, 6.0]);
    /// ```
    #[must_use]
    pub fn rows(&self, rows: Range<usize>, width: usize) -> Self {
        let range = rows.start * width..rows.end * width;
        match &self.0 {
            Store::Double(values) => values[range].to_vec().into(),
            Store::Single(values) => values[range].to_vec().into(),
            Store::File(_) => self.get(range, &mut Vec::new()).to_vec().into(),
            Store::Sparse(all) => {
                let mut some = SparseRows::new(all.features());
                for row in rows {
                    let (places, values) = all.row(row);
                    some.push(places, values).expect("a row that was valid");
                }
                some.into()
            }
        }
    }

    /// Returns whether the numbers are in a file.
    pub fn is_in_file(&self) -> bool {
        matches!(self.0, Store::File(_))
    }

    /// Returns some numbers. What is not f64 in memory is written into the buffer. Of sparse rows, whole rows must be taken.
    pub(super) fn get<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<f64>) -> &'a [f64] {
        match &self.0 {
            Store::Double(values) => &values[range],
            Store::Single(values) => {
                buffer.clear();
                buffer.extend(values[range].iter().map(|value| f64::from(*value)));
                buffer
            }
            Store::File(file) => {
                buffer.resize(range.len(), 0.0);
                file.read(range.start, buffer);
                buffer
            }
            Store::Sparse(rows) => {
                buffer.clear();
                buffer.resize(range.len(), 0.0);
                if let Some(row) = range.start.checked_div(rows.features()) {
                    rows.write(row, buffer);
                }
                buffer
            }
        }
    }

    pub(super) fn sparse(&self) -> Option<&Arc<SparseRows>> {
        match &self.0 {
            Store::Sparse(rows) => Some(rows),
            _ => None,
        }
    }

    /// Returns why the numbers could not be read from their file, if that happened. They are NaN then.
    pub(super) fn failure(&self) -> Option<String> {
        match &self.0 {
            Store::File(file) => file.failure(),
            _ => None,
        }
    }

    /// Calls `each` with blocks of numbers, in order. `width` numbers are never divided.
    pub(super) fn each_block(&self, width: usize, mut each: impl FnMut(&[f64])) {
        let mut buffer = Vec::new();
        for block in self.blocks(width) {
            each(self.get(block, &mut buffer));
        }
    }

    fn blocks(&self, width: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (width, len) = (width.max(1), self.len());
        let size = (BLOCK / width).max(1) * width;
        (0..len.div_ceil(size)).map(move |block| block * size..((block + 1) * size).min(len))
    }

    /// Returns the place and the value of the first number that is not finite.
    pub(super) fn first_not_finite(&self) -> Option<(usize, f64)> {
        fn of<T: Copy + Into<f64> + Sync>(values: &[T]) -> Option<(usize, f64)> {
            let is_bad = |value: &T| !(*value).into().is_finite();
            let of_block = |(block, values): (usize, &[T])| Some(block * BLOCK + values.iter().position(is_bad)?);
            let at = values.par_chunks(BLOCK).enumerate().find_map_first(of_block)?;
            Some((at, values[at].into()))
        }
        match &self.0 {
            Store::Double(values) => of(values),
            Store::Single(values) => of(values),
            // They were checked when they were made.
            Store::File(_) | Store::Sparse(_) => None,
        }
    }
}

impl Default for Values {
    fn default() -> Self {
        Vec::<f64>::new().into()
    }
}

/// Numbers in memory are equal by value, and files if they are the same.
impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Store::Double(a), Store::Double(b)) => a == b,
            (Store::Single(a), Store::Single(b)) => a == b,
            (Store::File(a), Store::File(b)) => Arc::ptr_eq(a, b),
            (Store::Sparse(a), Store::Sparse(b)) => a == b,
            _ => false,
        }
    }
}

impl From<Vec<f64>> for Values {
    fn from(values: Vec<f64>) -> Self {
        Self(Store::Double(values.into()))
    }
}

impl From<&[f64]> for Values {
    fn from(values: &[f64]) -> Self {
        values.to_vec().into()
    }
}

impl From<&Vec<f64>> for Values {
    fn from(values: &Vec<f64>) -> Self {
        values.clone().into()
    }
}

impl<const N: usize> From<&[f64; N]> for Values {
    fn from(values: &[f64; N]) -> Self {
        values.to_vec().into()
    }
}

impl From<Arc<Vec<f64>>> for Values {
    fn from(values: Arc<Vec<f64>>) -> Self {
        Self(Store::Double(values))
    }
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Self {
        Self(Store::Single(values.into()))
    }
}

impl From<Arc<Vec<f32>>> for Values {
    fn from(values: Arc<Vec<f32>>) -> Self {
        Self(Store::Single(values))
    }
}

impl From<NumberFile> for Values {
    fn from(file: NumberFile) -> Self {
        Self(Store::File(file.into()))
    }
}

impl From<SparseRows> for Values {
    fn from(rows: SparseRows) -> Self {
        Self(Store::Sparse(rows.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All kinds hold the same numbers.
    #[test]
    fn kinds_agree() {
        let numbers: Vec<f64> = (0..60).map(|i| if i % 4 == 0 { f64::from(i) } else { 0.0 }).collect();
        let folder = std::env::temp_dir();
        let file = |single: bool| {
            let mut writer = NumberFile::create(&folder, single).unwrap();
            numbers.chunks(7).for_each(|chunk| writer.write(chunk).unwrap());
            writer.finish().unwrap()
        };
        let mut sparse = SparseRows::new(6);
        for row in numbers.chunks(6) {
            let (places, values): (Vec<u32>, Vec<f64>) =
                (0..).zip(row).filter(|(_, value)| **value > 0.0).map(|(place, value)| (place, *value)).unzip();
            sparse.push(&places, &values).unwrap();
        }
        let single: Vec<f32> = numbers.iter().map(|value| *value as f32).collect();
        for values in
            [numbers.clone().into(), single.into(), file(false).into(), file(true).into(), Values::from(sparse)]
        {
            assert_eq!(values.to_vec(), numbers);
            assert_eq!(values.get(12..30, &mut vec![5.0; 99]), &numbers[12..30]);
            let mut all = Vec::new();
            values.each_block(6, |block| all.extend_from_slice(block));
            assert_eq!((all, values.failure()), (numbers.clone(), None));
        }
        let damaged: Values = vec![1.0, 2.0, f64::NAN].into();
        assert_eq!(damaged.first_not_finite().map(|(at, _)| at), Some(2));
    }
}
