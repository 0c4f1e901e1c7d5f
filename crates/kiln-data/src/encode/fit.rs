//! Fitting an encoder to a table.

use super::{EncodedColumn, Encoder, Target, check_missing, text_in_numeric};
use crate::{Column, ColumnKind, DataError, Table, table::number, vocabulary::distinct};

/// The largest number of categories of a column, and of classes of a target.
const MAX_CATEGORIES: usize = 100;

impl Encoder {
    /// Fits an encoder to all columns of `table` except `target`.
    ///
    /// The kinds of columns, the categories and the classes come from the whole table, so that all of it can be encoded.
    /// Means and scales come from the training rows `rows` only. Without a target the encoder makes inputs only.
    ///
    /// # Errors
    ///
    /// - [`DataError::UnknownColumn`], [`DataError::NoFeatures`], [`DataError::NoTrainingRows`];
    /// - [`DataError::MissingValues`] in any column;
    /// - [`DataError::TextInNumeric`] if at least 90% of a column's cells, but not all, are numbers: such a column is taken
    ///   for a numeric one with errors;
    /// - [`DataError::TooManyCategories`] if a text column has more than 100 categories;
    /// - [`DataError::AllDistinct`] if a text column has as many categories as rows;
    /// - [`DataError::OneClass`], and [`DataError::NotClasses`] if there are more than 100 classes, or as many as rows;
    /// - [`DataError::Spread`] if the standard deviation of a column overflows or underflows.
    ///
    /// # Panics
    ///
    /// If a row is not below the length of the table.
    pub fn fit(table: &Table, target: Option<&str>, rows: &[usize], standardize: bool) -> Result<Self, DataError> {
        let target = target.map(|name| table.required(name)).transpose()?;
        let features = || table.columns().iter().filter(|column| target.is_none_or(|t| t.name() != column.name()));
        if features().next().is_none() {
            return Err(DataError::NoFeatures { file: table.file().into() });
        }
        if rows.is_empty() {
            return Err(DataError::NoTrainingRows { file: table.file().into() });
        }
        check_missing(table, &table.columns().iter().collect::<Vec<_>>())?;
        Ok(Self {
            columns: features().map(|column| fit_column(table, column, rows, standardize)).collect::<Result<_, _>>()?,
            target: target.map(|column| fit_target(table, column)).transpose()?,
        })
    }

    /// Fits an encoder as [`fit`](Self::fit) does, with means and scales of all rows.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit).
    ///
    /// # Example
    ///
    /// ```
    /// use kiln_data::{Encoder, breast_cancer};
    ///
    /// let table = breast_cancer();
    /// let data = Encoder::fit_all(&table, Some("benign"), true)?.encode(&table)?;
    /// assert_eq!((data.features(), data.classes()), (30, 2));
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn fit_all(table: &Table, target: Option<&str>, standardize: bool) -> Result<Self, DataError> {
        let rows: Vec<usize> = (0..table.len()).collect();
        Self::fit(table, target, &rows, standardize)
    }
}

fn fit_column(table: &Table, column: &Column, rows: &[usize], standardize: bool) -> Result<EncodedColumn, DataError> {
    let name = column.name().to_string();
    if column.kind() == ColumnKind::Categorical {
        return Ok(EncodedColumn::Categorical { name, categories: fit_categories(table, column)? });
    }
    if !standardize {
        return Ok(EncodedColumn::Numeric { name, mean: 0.0, scale: 1.0 });
    }
    let values =
        rows.iter().map(|row| number(&column.cells()[*row]).ok_or_else(|| text_in_numeric(table, column, *row)));
    let (mean, scale) = moments(&values.collect::<Result<Vec<_>, _>>()?);
    if mean.is_finite() && scale.is_finite() && scale > 0.0 {
        Ok(EncodedColumn::Numeric { name, mean, scale })
    } else {
        Err(DataError::Spread { file: table.file().into(), column: name })
    }
}

fn fit_target(table: &Table, column: &Column) -> Result<Target, DataError> {
    let classes = vocabulary(table, column)?;
    let (file, target, count, rows) = (table.file().to_string(), column.name().to_string(), classes.len(), table.len());
    match classes.as_slice() {
        [class] => Err(DataError::OneClass { file, target, class: class.clone() }),
        _ if count == rows || count > MAX_CATEGORIES => {
            Err(DataError::NotClasses { file, target, count, rows, limit: MAX_CATEGORIES })
        }
        _ => Ok(Target { name: target, classes }),
    }
}

fn fit_categories(table: &Table, column: &Column) -> Result<Vec<String>, DataError> {
    let categories = vocabulary(table, column)?;
    let (file, name, count) = (table.file().to_string(), column.name().to_string(), categories.len());
    // A single row is always distinct.
    if count == table.len() && count > 1 {
        return Err(DataError::AllDistinct { file, column: name, count });
    }
    if count > MAX_CATEGORIES {
        return Err(DataError::TooManyCategories { file, column: name, count, limit: MAX_CATEGORIES });
    }
    Ok(categories)
}

/// Returns the distinct texts of a column, or an error if it is a numeric column with errors.
fn vocabulary(table: &Table, column: &Column) -> Result<Vec<String>, DataError> {
    match column.stray_text() {
        Some(row) => Err(text_in_numeric(table, column, row)),
        None => Ok(distinct(column.cells())),
    }
}

/// Returns the mean and the population standard deviation; (value, 1) for a constant column.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    // The deviation of a constant column may be above 0 by rounding.
    if low >= high {
        return (low, 1.0);
    }
    let mean = values.iter().sum::<f64>() / n;
    // In units of the largest deviation, so that no square overflows or underflows.
    let unit = (high - mean).max(mean - low);
    let variance = values.iter().map(|x| ((x - mean) / unit).powi(2)).sum::<f64>() / n;
    (mean, unit * variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BREAST_CANCER_TARGET, breast_cancer};

    fn fit(text: &str) -> Result<Encoder, DataError> {
        let table = Table::parse("test.csv", text).unwrap();
        let rows: Vec<usize> = (0..table.len()).collect();
        Encoder::fit(&table, Some("y"), &rows, true)
    }

    fn close(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn means_and_scales_are_those_of_the_training_rows() {
        let table = breast_cancer();
        let features = [0, 3, 9, 29];
        // Computed with Python's csv and math.fsum; population standard deviations.
        let all = [
            (14.127291739894552, 3.520950760711062),
            (654.8891036906855, 351.60475406323),
            (0.06279760984182776, 0.007054155881537345),
            (0.08394581722319859, 0.01804538930859499),
        ];
        let even = [
            (14.089084210526316, 3.6053729135195107),
            (653.3536842105262, 364.1161210028277),
            (0.06322757894736843, 0.006791388672680752),
            (0.0844261403508772, 0.016117776821401645),
        ];
        for (step, expected) in [(1, all), (2, even)] {
            let rows: Vec<usize> = (0..569).step_by(step).collect();
            let encoder = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &rows, true).unwrap();
            for (feature, (mean, scale)) in features.into_iter().zip(expected) {
                close(encoder.scaling()[feature].0, mean);
                close(encoder.scaling()[feature].1, scale);
            }
        }
    }

    #[test]
    fn moments_survive_constants_and_extremes() {
        assert_eq!(moments(&[0.1; 7]), (0.1, 1.0));
        assert_eq!(moments(&[1.0, 3.0]), (2.0, 1.0));
        close(moments(&[1e-200, 3e-200]).1, 1e-200);
        close(moments(&[-1e200, 1e200]).1, 1e200);
        assert!(
            matches!(fit("x,y\n1e308,a\n1.7e308,a\n1e308,b\n"), Err(DataError::Spread { column, .. }) if column == "x")
        );
    }

    /// Finite numbers of any size give finite features, or an error.
    #[test]
    fn extreme_numbers_never_give_nan() {
        let extremes = [1.7e308, -1.7e308, 1e308, 5e-324, -5e-324, 1e-308, 1e16, 1.0, 0.0];
        let mut encoded = 0;
        for a in extremes {
            for b in extremes {
                for c in extremes {
                    let table = Table::parse("t", &format!("x,y\n{a:e},0\n{b:e},1\n{c:e},1\n0,0\n")).unwrap();
                    for (rows, standardize) in [(&[0, 1][..], true), (&[0, 1, 2, 3][..], true), (&[0][..], false)] {
                        match Encoder::fit(&table, Some("y"), rows, standardize).and_then(|e| e.encode(&table)) {
                            Ok(examples) => {
                                assert!(examples.inputs().iter().all(|x| x.is_finite()));
                                encoded += 1;
                            }
                            Err(error) => {
                                let known = matches!(error, DataError::Spread { .. } | DataError::NonFinite { .. });
                                assert!(known, "{a:e}, {b:e}, {c:e}: {error}");
                            }
                        }
                    }
                }
            }
        }
        assert!(encoded > 9 * 9 * 9, "{encoded}");
        let tiny: String = (0..20).map(|_| "0,0\n").chain(["5e-324,1\n"]).collect();
        assert!(matches!(fit(&format!("x,y\n{tiny}")), Err(DataError::Spread { .. })));
    }

    #[test]
    fn classes_are_sorted_by_value_or_by_letters() {
        assert_eq!(fit("x,y\n1,10\n2,9\n3,10\n").unwrap().class_names(), ["9", "10"]);
        assert_eq!(fit("x,y\n1,no\n2,Yes\n3,no\n").unwrap().class_names(), ["Yes", "no"]);
    }

    #[test]
    fn targets_that_are_no_classes_are_refused() {
        let one = fit("x,y\n1,a\n2,a\n");
        assert!(matches!(one, Err(DataError::OneClass { class, .. }) if class == "a"));
        let distinct = fit("x,y\n1,0.5\n2,0.7\n3,0.9\n");
        assert!(matches!(distinct, Err(DataError::NotClasses { count: 3, rows: 3, .. })));
        let many: String = (0..202).map(|i| format!("{i},{}\n", i / 2)).collect();
        assert!(matches!(fit(&format!("x,y\n{many}")), Err(DataError::NotClasses { count: 101, rows: 202, .. })));
        let message = fit("x,Y\n1,a\n").unwrap_err().to_string();
        assert!(message.contains("no column 'y' (did you mean 'Y'?); its columns: x, Y"), "{message}");
    }

    #[test]
    fn columns_that_are_no_categories_are_refused() {
        let names = fit("x,y\nann,0\nbob,1\ncid,0\n");
        assert!(matches!(names, Err(DataError::AllDistinct { count: 3, .. })));
        let many: String = (0..202).map(|i| format!("c{},{}\n", i / 2, i % 2)).collect();
        assert!(matches!(fit(&format!("x,y\n{many}")), Err(DataError::TooManyCategories { count: 101, .. })));
    }

    #[test]
    fn a_text_among_numbers_is_a_slip_not_a_category() {
        let rows: String = (0..18).map(|i| format!("{i},{}\n", i % 2)).collect();
        let error = fit(&format!("x,y\n{rows}abc,1\n")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "test.csv: text cell 'abc' in numeric column 'x' at line 20; correct the cell or drop the column"
        );
        let target = fit(&format!("y,x\n{rows}abc,1\n"));
        assert!(matches!(target, Err(DataError::TextInNumeric { column, line: 20, .. }) if column == "y"));
    }

    #[test]
    fn missing_values_are_counted_and_the_first_named() {
        let error = fit("x,z,y\n1,?,a\n2,5,NA\n,,b\n1,nan,b\nNA,1,a\n").unwrap_err();
        assert!(matches!(error, DataError::MissingValues { count: 6, .. }));
        assert_eq!(
            error.to_string(),
            "test.csv: 6 missing value(s): line 2 column 'z', line 3 column 'y', line 4 column 'x', line 4 column 'z', \
             line 5 column 'z', …; fill them in or drop these rows or columns"
        );
    }

    #[test]
    fn there_must_be_something_to_learn_from() {
        assert!(matches!(fit("y\na\nb\n"), Err(DataError::NoFeatures { .. })));
        let table = Table::parse("t", "x,y\n1,a\n2,b\n3,b\n").unwrap();
        assert!(matches!(Encoder::fit(&table, Some("y"), &[], true), Err(DataError::NoTrainingRows { .. })));
    }
}
