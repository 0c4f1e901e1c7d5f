//! What a reader left out without being asked.

use std::fmt;

/// What a reader left out without being asked. Its text says so.
///
/// # Example
/// ```
/// use kiln_data::{Note, Table};
///
/// let table = Table::parse("t.csv", ",x\n1,5\n2,6\n")?;
/// assert_eq!(table.notes(), [Note::Index]);
/// assert_eq!(Note::Index.to_string(), "the first column has no name, so it is an index and is left out");
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The first column has no name, so it is an index of the rows.
    Index,
    /// A column of a binary file has values that Kiln does not read, such as lists.
    Unreadable {
        /// The column.
        column: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index => write!(f, "the first column has no name, so it is an index and is left out"),
            Self::Unreadable { column } => {
                write!(f, "column '{}' is left out: its values are not numbers, texts or times", crate::Shown(column))
            }
        }
    }
}
