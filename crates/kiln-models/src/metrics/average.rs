//! Averages over classes.

/// How the scores of several classes become one.
///
/// # Example
/// ```
/// use kiln_models::metrics::{Average, ConfusionMatrix};
///
/// // Class 0 has three rows and is always right. Class 1 has one row and is always wrong.
/// let matrix = ConfusionMatrix::new(&[0, 0, 0, 1], &[0, 0, 0, 0], 2, None)?;
/// assert_eq!(matrix.average(Average::Macro).recall, 0.5);
/// assert_eq!(matrix.average(Average::Weighted).recall, 0.75);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// Every class counts alike.
    #[default]
    Macro,
    /// A class counts as much as its observed rows weigh.
    Weighted,
}
