//! The choices of an encoder.

use serde::{Deserialize, Serialize};

/// The features of a text column.
///
/// # Example
/// ```
/// use kiln_data::{Coding, EncoderConfig, Reference, Table};
///
/// let table = Table::parse("t.csv", "colour\nred\ngrey\nred\n")?;
/// let features = |coding| EncoderConfig::new().coding(coding).fit_all(&table, None).map(|e| e.feature_names());
/// assert_eq!(features(Coding::OneHot)?, ["colour=grey", "colour=red"]);
/// assert_eq!(features(Coding::Reference(Reference::First))?, ["colour=red"]);
/// assert_eq!(features(Coding::Reference(Reference::MostFrequent))?, ["colour=grey"]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coding {
    /// One feature per category. With an intercept they are linearly dependent. The default.
    #[default]
    OneHot,
    /// One feature per category but one, the reference (treatment coding). A coefficient is the difference to the reference.
    Reference(Reference),
}

/// Which category is the reference.
///
/// # Example
/// ```
/// use kiln_data::{Coding, EncoderConfig, Reference, Table};
///
/// let table = Table::parse("t.csv", "size\nS\nL\nL\n")?;
/// let config = EncoderConfig::new().coding(Coding::Reference(Reference::MostFrequent));
/// assert_eq!(config.fit_all(&table, None)?.feature_names(), ["size=S"]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// The first: the smallest number, or the first text in the order of characters. The default.
    #[default]
    First,
    /// The most frequent one of the training rows; the first of several.
    MostFrequent,
}

/// What is done with missing values of features.
///
/// # Example
/// ```
/// use kiln_data::{EncoderConfig, Missing, Table};
///
/// let table = Table::parse("t.csv", "x,colour\n1,red\nNA,red\n5,NA\n")?;
/// let encode = |missing| EncoderConfig::new().missing(missing).fit_all(&table, None)?.encode_inputs(&table);
/// assert!(encode(Missing::Error).is_err());
/// assert_eq!(encode(Missing::Mean)?, [1.0, 1.0, 3.0, 1.0, 5.0, 1.0]);
/// // The features x, x=missing, colour=red and colour=(missing) of the second row.
/// assert_eq!(encode(Missing::Indicator)?[4..8], [3.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// They are an error. The default.
    #[default]
    Error,
    /// The mean of the training rows, or the most frequent category.
    Mean,
    /// The median of the training rows, or the most frequent category.
    Median,
    /// The mean of the training rows, and a further feature that is 1 where the value is missing. In a text column, a category
    /// of its own. A column without missing values in the training rows has neither, so a missing value is an error.
    Indicator,
}

/// The choices of an [`Encoder`](crate::Encoder), which is fitted to a table.
///
/// # Example
/// ```
/// use kiln_data::{Coding, EncoderConfig, Reference, Table};
///
/// let table = Table::parse("t.csv", "class,age\n2nd,NA\n1st,30\n3rd,20\n1st,10\n")?;
/// let encoder = EncoderConfig::new()
///     .coding(Coding::Reference(Reference::First))
///     .reference("class", "3rd")
///     .missing(kiln_data::Missing::Median)
///     .fit_all(&table, None)?;
/// assert_eq!(encoder.feature_names(), ["class=1st", "class=2nd", "age"]);
/// assert_eq!(encoder.encode_inputs(&table)?[..3], [0.0, 1.0, 20.0]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncoderConfig {
    pub(super) standardize: bool,
    pub(super) coding: Coding,
    pub(super) references: Vec<(String, String)>,
    pub(super) missing: Missing,
    /// Empty: all columns but the target.
    pub(super) features: Vec<String>,
}

impl EncoderConfig {
    /// The defaults: one-hot coding, no standardisation, and missing values are errors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether numeric columns are brought to mean 0 and standard deviation 1 over the training rows. Default: no.
    #[must_use]
    pub fn standardize(self, standardize: bool) -> Self {
        Self { standardize, ..self }
    }

    /// Sets the features of text columns. Default: [`Coding::OneHot`].
    #[must_use]
    pub fn coding(self, coding: Coding) -> Self {
        Self { coding, ..self }
    }

    /// Makes `category` the reference of `column`, whatever the coding is.
    #[must_use]
    pub fn reference(mut self, column: impl Into<String>, category: impl Into<String>) -> Self {
        self.references.push((column.into(), category.into()));
        self
    }

    /// Sets the columns that are features, in the order of the table. Default: all but the target.
    ///
    /// # Example
    /// ```
    /// use kiln_data::{EncoderConfig, Table};
    ///
    /// let table = Table::parse("t.csv", "id,x,z\n7,1,2\n8,3,4\n")?;
    /// let encoder = EncoderConfig::new().features(&["x", "z"]).fit_all(&table, None)?;
    /// assert_eq!(encoder.feature_names(), ["x", "z"]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    #[must_use]
    pub fn features(self, names: &[&str]) -> Self {
        Self { features: names.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    /// Sets what is done with missing values of features. Default: [`Missing::Error`].
    #[must_use]
    pub fn missing(self, missing: Missing) -> Self {
        Self { missing, ..self }
    }
}
