//! Encoders: they turn tables into numbers, the same way for training data and for new files.

use std::borrow::Cow;

use crate::{
    Column, DataError, Examples, Table,
    shown::{self, Shown},
    table::number,
    vocabulary::Lookup,
};
use serde::{Deserialize, Serialize};

mod config;
mod fit;
mod pixels;
mod rows;
mod validate;

pub use config::{Coding, EncoderConfig, Missing, Reference};

/// The encoding of one column.
///
/// # Example
/// ```
/// use kiln_data::{EncodedColumn, Encoder, Table};
///
/// let table = Table::parse("pets.csv", "colour,kind\nred,cat\ngrey,cat\nred,dog\n")?;
/// let encoder = Encoder::fit(&table, Some("kind"), &[0, 1, 2], true)?;
/// let EncodedColumn::Categorical { categories, .. } = &encoder.columns()[0] else { unreachable!() };
/// assert_eq!(categories, &["grey", "red"]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EncodedColumn {
    /// One feature: (value − `mean`) / `scale`.
    Numeric {
        /// The column.
        name: String,
        /// The mean over the training rows, or 0 without standardisation.
        mean: f64,
        /// The population standard deviation over the training rows. It is 1 for a constant column, and without
        /// standardisation.
        scale: f64,
        /// The value that stands for a missing one, in the units of the column. `None`: a missing value is an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fill: Option<f64>,
        /// Whether a second feature, `column=missing`, is 1 where the value is missing and 0 elsewhere.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        indicator: bool,
    },
    /// One feature per category but the reference: 1 if the cell is that category, and 0 otherwise.
    Categorical {
        /// The column.
        name: String,
        /// The categories in order.
        categories: Vec<String>,
        /// The index of the category that has no feature (reference coding). `None`: every category has one (one-hot coding).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<usize>,
        /// The index of the category that stands for a missing value. `None`: a missing value is an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fill: Option<usize>,
    },
}

/// What is done with a category that the training rows did not have.
///
/// # Example
/// ```
/// use kiln_data::{Encoder, Table, Unseen};
///
/// let encoder = Encoder::fit_all(&Table::parse("t.csv", "x,colour\n1,red\n2,grey\n3,red\n")?, None, false)?;
/// let new = Table::parse("new.csv", "x,colour\n4,blue\n")?;
/// assert!(encoder.encode_inputs(&new).is_err());
/// assert_eq!(encoder.with_unseen(Unseen::Reference).encode_inputs(&new)?, [4.0, 0.0, 0.0]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unseen {
    /// It is an error. The default.
    #[default]
    Error,
    /// All features of the column are 0, as for the reference category.
    Reference,
}

/// The column to predict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The column.
    pub name: String,
    /// The texts of the classes in the order of their indices: sorted by value if all are numbers, and as text otherwise.
    pub classes: Vec<String>,
}

impl Target {
    /// Encodes the classes of all rows of `table`.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`], [`DataError::MissingValues`], and [`DataError::UnknownCategory`] for an unknown class.
    ///
    /// # Example
    /// ```
    /// use kiln_data::{Table, Target};
    ///
    /// let table = Table::parse("t.csv", "kind\ndog\ncat\ndog\n")?;
    /// let target = Target::fit(&table, "kind")?;
    /// assert_eq!((&target.classes[..], target.encode(&table)?), (&["cat".to_owned(), "dog".into()][..], vec![1, 0, 1]));
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn encode(&self, table: &Table) -> Result<Vec<usize>, DataError> {
        let column = table.required(&self.name)?;
        check_missing(table, &[column])?;
        let (levels, codes) = column.levels();
        let lookup = Lookup::new(&self.classes);
        let known: Vec<Option<usize>> = levels.iter().map(|level| lookup.find(level)).collect();
        let class = |(row, code): (usize, &u32)| {
            known[*code as usize]
                .ok_or_else(|| unknown(table, column, row, &self.classes, "correct it, or leave the row out"))
        };
        codes.iter().enumerate().map(class).collect()
    }
}

/// Turns the columns of a table into rows of features. A saved model needs it to read new files.
///
/// A numeric column becomes one feature, which can be standardised. A column of true and false becomes one feature, 1 for true.
/// A text column becomes one feature per category, without standardisation: of all categories (one-hot), so that they add up to
/// 1 as an intercept does, or of all but a reference category. [`EncoderConfig`] has the choices, also for missing values.
///
/// An encoder that is read from JSON is checked: a damaged one is an error and never makes another method panic.
///
/// # Example
///
/// ```
/// use kiln_data::{Encoder, Table};
///
/// let table = Table::parse("pets.csv", "weight,colour,kind\n4,red,cat\n6,grey,cat\n20,red,dog\n")?;
/// let encoder = Encoder::fit(&table, Some("kind"), &[0, 1, 2], true)?;
/// assert_eq!(encoder.feature_names(), ["weight", "colour=grey", "colour=red"]);
///
/// let new = Table::parse("new.csv", "colour,weight\ngrey,10\n")?;
/// assert_eq!(encoder.encode_inputs(&new)?, [0.0, 1.0, 0.0]);
///
/// let json = serde_json::to_string(&encoder)?;
/// assert_eq!(serde_json::from_str::<Encoder>(&json)?, encoder);
/// assert!(serde_json::from_str::<Encoder>(&json.replace("grey", "red")).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "validate::Unchecked")]
pub struct Encoder {
    columns: Vec<EncodedColumn>,
    target: Option<Target>,
    #[serde(skip_serializing_if = "is_default")]
    unseen: Unseen,
}

fn is_default(unseen: &Unseen) -> bool {
    *unseen == Unseen::default()
}

impl EncodedColumn {
    /// Returns the name of the column.
    pub fn name(&self) -> &str {
        match self {
            Self::Numeric { name, .. } | Self::Categorical { name, .. } => name,
        }
    }

    /// Returns the number of features of the column.
    pub fn width(&self) -> usize {
        match self {
            Self::Numeric { indicator, .. } => 1 + usize::from(*indicator),
            Self::Categorical { categories, reference, .. } => categories.len() - usize::from(reference.is_some()),
        }
    }

    /// Returns whether a missing value has a stand-in.
    fn takes_missing(&self) -> bool {
        match self {
            Self::Numeric { fill, .. } => fill.is_some(),
            Self::Categorical { fill, .. } => fill.is_some(),
        }
    }

    fn feature_names(&self) -> Vec<String> {
        match self {
            Self::Numeric { name, indicator: false, .. } => vec![name.clone()],
            Self::Numeric { name, .. } => vec![name.clone(), format!("{name}=missing")],
            Self::Categorical { name, categories, reference, .. } => {
                let kept = categories.iter().enumerate().filter(|(index, _)| Some(*index) != *reference);
                kept.map(|(_, category)| format!("{name}={category}")).collect()
            }
        }
    }
}

impl Encoder {
    /// Returns the encoding of each column, in the order of the features.
    pub fn columns(&self) -> &[EncodedColumn] {
        &self.columns
    }

    /// Returns the column to predict, or `None` if the encoder makes inputs only.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Returns the names of the classes; they are empty without a target.
    pub fn class_names(&self) -> &[String] {
        self.target.as_ref().map_or(&[], |target| &target.classes)
    }

    /// Returns the number of features.
    pub fn features(&self) -> usize {
        self.columns.iter().map(EncodedColumn::width).sum()
    }

    /// Returns the names of the features: that of the column, or `column=category`.
    pub fn feature_names(&self) -> Vec<String> {
        self.columns.iter().flat_map(EncodedColumn::feature_names).collect()
    }

    /// Returns the mean and scale of each feature: (0, 1) if it is not standardised.
    pub fn scaling(&self) -> Vec<(f64, f64)> {
        let scaling = |column: &EncodedColumn| match column {
            EncodedColumn::Numeric { mean, scale, indicator, .. } => {
                let mut scaling = vec![(*mean, *scale)];
                scaling.extend(indicator.then_some((0.0, 1.0)));
                scaling
            }
            EncodedColumn::Categorical { .. } => vec![(0.0, 1.0); column.width()],
        };
        self.columns.iter().flat_map(scaling).collect()
    }

    /// Sets what is done with a category that the encoder does not know. Default: [`Unseen::Error`].
    #[must_use]
    pub fn with_unseen(self, unseen: Unseen) -> Self {
        Self { unseen, ..self }
    }

    /// Returns the rows of `table` that can be encoded: those without a missing value that has no stand-in, also in the target
    /// if the table has it.
    ///
    /// # Example
    /// ```
    /// use kiln_data::{Encoder, Table};
    ///
    /// let encoder = Encoder::fit_all(&Table::parse("t.csv", "x,z\n1,1\n2,5\n")?, None, false)?;
    /// assert_eq!(encoder.complete_rows(&Table::parse("new.csv", "x,z\n1,NA\n2,2\n")?), [1]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn complete_rows(&self, table: &Table) -> Vec<usize> {
        self.complete(table, self.target.as_ref())
    }

    /// Returns the rows of `table` whose features can be encoded, whether or not their class is known. See
    /// [`complete_rows`](Self::complete_rows).
    pub fn features_complete(&self, table: &Table) -> Vec<usize> {
        self.complete(table, None)
    }

    fn complete(&self, table: &Table, target: Option<&Target>) -> Vec<usize> {
        let strict = self.columns.iter().filter(|column| !column.takes_missing()).map(EncodedColumn::name);
        let names = strict.chain(target.map(|target| target.name.as_str()));
        let columns: Vec<&Column> = names.filter_map(|name| table.column(name)).filter(|c| c.missing() > 0).collect();
        (0..table.len()).filter(|row| !columns.iter().any(|column| column.is_missing(*row))).collect()
    }

    /// Encodes all rows of `table` with their classes.
    ///
    /// # Errors
    ///
    /// Those of [`encode_inputs`](Self::encode_inputs), [`DataError::NoTarget`], [`DataError::UnknownColumn`], and
    /// [`DataError::UnknownCategory`] for an unknown class.
    pub fn encode(&self, table: &Table) -> Result<Examples, DataError> {
        let target = self.target.as_ref().ok_or(DataError::NoTarget)?;
        let targets = target.encode(table)?;
        Examples::new(self.encode_inputs(table)?, targets, self.feature_names(), target.classes.clone())
    }
}

/// Returns the values of a column that the encoder takes for numbers, NaN where one is missing. True is 1, and false is 0.
fn numbers<'a>(table: &Table, column: &'a Column) -> Result<Cow<'a, [f64]>, DataError> {
    if let Some(values) = column.numbers() {
        return Ok(Cow::Borrowed(values));
    }
    let is_text = |row: &usize| column.text(*row).is_some_and(|text| number(&text).is_none());
    let present = |row: &usize| !column.is_missing(*row);
    match (0..column.len()).find(is_text).or_else(|| (0..column.len()).find(present)) {
        Some(row) => Err(text_in_numeric(table, column, row)),
        None => Ok(Cow::Owned(vec![f64::NAN; column.len()])),
    }
}

/// Returns an error if a cell of `columns` is missing. It names the first ones in the order of the lines.
pub(crate) fn check_missing(table: &Table, columns: &[&Column]) -> Result<(), DataError> {
    const SHOWN: usize = 5;
    let columns: Vec<&&Column> = columns.iter().filter(|column| column.missing() > 0).collect();
    let count: usize = columns.iter().map(|column| column.missing()).sum();
    if count == 0 {
        return Ok(());
    }
    let places = (0..table.len()).flat_map(|row| {
        let columns = columns.iter().filter(move |column| column.is_missing(row));
        columns.map(move |column| format!("{} column '{}'", table.place_in_words(row), Shown(column.name())))
    });
    let mut first = places.take(SHOWN).collect::<Vec<_>>().join(", ");
    if count > SHOWN {
        first += ", …";
    }
    Err(DataError::MissingValues { file: table.file().into(), count, first })
}

pub(crate) fn text_in_numeric(table: &Table, column: &Column, row: usize) -> DataError {
    DataError::TextInNumeric {
        file: table.place(row).0.into(),
        line: table.line(row),
        column: column.name().into(),
        cell: column.text(row).unwrap_or_default().into_owned(),
    }
}

/// What to do about a category that the training data did not have.
pub(crate) const UNSEEN: &str =
    "correct it, or train the model with --unseen reference, which takes new categories for the reference";

pub(crate) fn unknown(table: &Table, column: &Column, row: usize, known: &[String], remedy: &'static str) -> DataError {
    DataError::UnknownCategory {
        file: table.place(row).0.into(),
        line: table.line(row),
        column: column.name().into(),
        cell: column.text(row).unwrap_or_default().into_owned(),
        known: shown::list(known.iter().map(String::as_str)),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BREAST_CANCER_TARGET, Dataset, breast_cancer};

    const PETS: &str = "weight,colour,kind\n4,red,cat\n6,grey,cat\n20,red,dog\n";

    fn table(text: &str) -> Table {
        Table::parse("test.csv", text).unwrap()
    }

    fn pets(standardize: bool) -> Encoder {
        Encoder::fit(&table(PETS), Some("kind"), &[0, 1], standardize).unwrap()
    }

    #[test]
    fn numbers_are_standardised_and_texts_are_not() {
        let examples = pets(true).encode(&table(PETS)).unwrap();
        assert_eq!(examples.feature_names(), ["weight", "colour=grey", "colour=red"]);
        // Mean 5 and deviation 1 of the training rows 0 and 1.
        assert_eq!(examples.inputs(), [-1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 15.0, 0.0, 1.0]);
        assert_eq!(examples.targets(), [0, 0, 1]);
        assert_eq!(examples.class_names(), ["cat", "dog"]);
        assert_eq!(pets(true).scaling(), [(5.0, 1.0), (0.0, 1.0), (0.0, 1.0)]);
        assert_eq!(pets(false).encode(&table(PETS)).unwrap().row(2), [20.0, 0.0, 1.0]);
    }

    #[test]
    fn values_agree_with_an_independent_computation() {
        let table = breast_cancer();
        let rows: Vec<usize> = (0..569).collect();
        let examples = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &rows, true).unwrap().encode(&table).unwrap();
        // The first row, computed with Python's csv and math.fsum.
        for (feature, expected) in
            [(0, 1.0970639814699839), (3, 0.9843749048031144), (9, 2.255746885296271), (29, 1.9370146123781766)]
        {
            assert!((examples.row(0)[feature] - expected).abs() < 1e-12, "feature {feature}");
        }
        assert_eq!(examples.len(), 569);
    }

    #[test]
    fn an_encoder_survives_json() {
        let table = breast_cancer();
        let rows: Vec<usize> = (0..569).step_by(3).collect();
        for encoder in [pets(true), Encoder::fit(&table, None, &rows, true).unwrap()] {
            let text = serde_json::to_string(&encoder).unwrap();
            assert_eq!(serde_json::from_str::<Encoder>(&text).unwrap(), encoder);
        }
        let json = serde_json::to_value(pets(true)).unwrap();
        assert_eq!(
            json["columns"][0],
            serde_json::json!({"kind": "numeric", "name": "weight", "mean": 5.0, "scale": 1.0})
        );
        assert_eq!(json["columns"][1]["categories"], serde_json::json!(["grey", "red"]));
        assert_eq!(json["target"], serde_json::json!({"name": "kind", "classes": ["cat", "dog"]}));
    }

    #[test]
    fn new_files_may_be_ordered_otherwise_and_hold_more() {
        let new = table("note,colour,weight\nfat,grey,10\n");
        assert_eq!(pets(true).encode_inputs(&new).unwrap(), [5.0, 1.0, 0.0]);
        // A missing value in a column that is not used does no harm.
        let new = table("note,colour,weight\n,red,5\n");
        assert_eq!(pets(true).encode_inputs(&new).unwrap(), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn new_files_must_fit() {
        let inputs = |text: &str| pets(true).encode_inputs(&table(text));
        assert!(
            matches!(inputs("weight,kind\n4,cat\n"), Err(DataError::MissingColumn { column, .. }) if column == "colour")
        );
        let message = inputs("weight,colour\n4,red\n5,blue\n").unwrap_err().to_string();
        assert_eq!(
            message,
            "test.csv, line 3: 'blue' in column 'colour' is not among the categories of the model: grey, red; correct it, or train the model with --unseen reference, which takes new categories for the reference"
        );
        let text = inputs("weight,colour\n4,red\nheavy,red\n");
        assert!(matches!(text, Err(DataError::TextInNumeric { line: 3, cell, .. }) if cell == "heavy"));
        assert!(matches!(inputs("weight,colour\n4,NA\n"), Err(DataError::MissingValues { count: 1, .. })));
    }

    #[test]
    fn labels_need_a_known_target() {
        let encode = |text: &str| pets(true).encode(&table(text));
        assert!(matches!(encode("weight,colour\n4,red\n"), Err(DataError::UnknownColumn { .. })));
        let bird = encode("weight,colour,kind\n4,red,bird\n");
        assert!(matches!(bird, Err(DataError::UnknownCategory { column, line: 2, .. }) if column == "kind"));
        let missing = encode("weight,colour,kind\n4,red,?\n");
        assert!(matches!(missing, Err(DataError::MissingValues { count: 1, .. })));
        let unlabelled = Encoder::fit(&table("x\n1\n2\n"), None, &[0, 1], false).unwrap();
        assert!(unlabelled.class_names().is_empty());
        assert!(matches!(unlabelled.encode(&table("x\n1\n")), Err(DataError::NoTarget)));
    }

    #[test]
    fn one_class_may_be_spelt_as_several_numbers() {
        let labels = table("x,y\n1,0\n2,1.0\n3,1\n");
        let encoder = Encoder::fit(&labels, Some("y"), &[0, 1, 2], false).unwrap();
        assert_eq!(encoder.encode(&labels).unwrap().targets(), [0, 1, 1]);
    }
}
