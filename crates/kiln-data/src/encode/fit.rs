//! Fitting an encoder to a table.

use rayon::prelude::*;

use super::{
    Coding, EncodedColumn, Encoder, EncoderConfig, Missing, Reference, Target, Unseen, check_missing, numbers,
    text_in_numeric,
};
use crate::{
    Column, ColumnKind, DataError, Table,
    shown::list,
    table::truth,
    vocabulary::{Lookup, distinct},
};

/// The largest number of categories of a column.
const MAX_CATEGORIES: usize = 1000;
/// The number of different texts from which a column that has a different one in every row is one of names.
const NAMES: usize = 20;
/// The category of missing values.
const MISSING_CATEGORY: &str = "(missing)";

impl Encoder {
    /// Fits an encoder with one-hot coding to all columns of `table` except `target`. [`EncoderConfig`] has other choices.
    ///
    /// # Errors
    ///
    /// Those of [`EncoderConfig::fit`].
    ///
    /// # Panics
    ///
    /// If a row is not below the length of the table.
    pub fn fit(table: &Table, target: Option<&str>, rows: &[usize], standardize: bool) -> Result<Self, DataError> {
        EncoderConfig::new().standardize(standardize).fit(table, target, rows, None)
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
        EncoderConfig::new().standardize(standardize).fit_all(table, target)
    }
}

impl EncoderConfig {
    /// Fits an encoder to all rows. See [`fit`](Self::fit).
    ///
    /// # Errors
    ///
    /// Those of [`fit`](Self::fit).
    pub fn fit_all(&self, table: &Table, target: Option<&str>) -> Result<Encoder, DataError> {
        let rows: Vec<usize> = (0..table.len()).collect();
        self.fit(table, target, &rows, None)
    }

    /// Fits an encoder to all columns of `table` except `target`, or to the chosen [`features`](Self::features).
    ///
    /// The kinds of columns, the categories and the classes come from the whole table, so that all of it can be encoded.
    /// Means, scales and what stands for missing values come from the training rows `rows` only. `weights` has a weight per
    /// row of the table: a training row of weight 2 counts twice in means and scales. Without a target the encoder makes
    /// inputs only.
    ///
    /// # Errors
    ///
    /// - [`DataError::UnknownColumn`], [`DataError::NoFeatures`], [`DataError::NoTrainingRows`], [`DataError::Length`];
    /// - [`DataError::MissingValues`] in the target, and in any other column unless [`missing`](Self::missing) is set;
    /// - [`DataError::TextInNumeric`] if a column has a few texts among many numbers ([`Column::stray_text`]);
    /// - [`DataError::DateFeature`] if a column has dates;
    /// - [`DataError::TooManyCategories`] if a text column has more than 1000 categories;
    /// - [`DataError::AllDistinct`] if a text column has as many categories as rows, and more than 20;
    /// - [`DataError::UnknownReference`] if a reference is not a category of its column;
    /// - [`DataError::OneClass`], and [`DataError::NotClasses`] if a target has more than 20 different values, and as many as
    ///   half of the rows;
    /// - [`DataError::Spread`] if the standard deviation of a column overflows or underflows.
    ///
    /// # Panics
    ///
    /// If a row is not below the length of the table.
    pub fn fit(
        &self,
        table: &Table,
        target: Option<&str>,
        rows: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<Encoder, DataError> {
        let target = target.map(|name| table.required(name)).transpose()?;
        self.features.iter().try_for_each(|name| table.required(name).map(drop))?;
        let is_chosen =
            |column: &&Column| self.features.is_empty() || self.features.iter().any(|name| name == column.name());
        let features = || {
            let others = table.columns().iter().filter(|column| target.is_none_or(|t| t.name() != column.name()));
            others.filter(is_chosen)
        };
        if features().next().is_none() {
            return Err(DataError::NoFeatures { file: table.file().into() });
        }
        if rows.is_empty() {
            return Err(DataError::NoTrainingRows { file: table.file().into() });
        }
        if let Some(found) = weights.map(<[f64]>::len).filter(|found| *found != table.len()) {
            return Err(DataError::Length { what: "weights", expected: table.len(), found });
        }
        for (column, category) in &self.references {
            self.check_reference(table, table.required(column)?, category)?;
        }
        let used = || features().chain(target);
        if let Some((column, row)) = used().find_map(|column| Some((column, column.stray_text()?))) {
            return Err(text_in_numeric(table, column, row));
        }
        let strict =
            |column: &&Column| self.missing == Missing::Error || target.is_some_and(|t| t.name() == column.name());
        check_missing(table, &used().filter(strict).collect::<Vec<_>>())?;
        let column = |column: &Column| match column.kind() {
            ColumnKind::Numeric => self.numeric(table, column, rows, weights),
            ColumnKind::Boolean | ColumnKind::Categorical => self.categorical(table, column, rows),
            ColumnKind::Date => {
                let (file, name) = (table.file().to_string(), column.name().to_string());
                Err(DataError::DateFeature { file, column: name })
            }
        };
        let fitted: Vec<_> = features().collect::<Vec<_>>().into_par_iter().map(column).collect();
        Ok(Encoder {
            columns: fitted.into_iter().collect::<Result<_, _>>()?,
            target: target.map(|column| fit_target(table, column)).transpose()?,
            unseen: Unseen::default(),
        })
    }

    fn check_reference(&self, table: &Table, column: &Column, category: &str) -> Result<(), DataError> {
        let categories = distinct(&column.levels().0);
        if column.kind() != ColumnKind::Numeric && Lookup::new(&categories).find(category).is_some() {
            return Ok(());
        }
        let known = match column.kind() {
            ColumnKind::Numeric => "none, because it holds numbers".to_owned(),
            _ => list(categories.iter().map(String::as_str)),
        };
        let (file, column, category) = (table.file().into(), column.name().into(), category.into());
        Err(DataError::UnknownReference { file, column, category, known })
    }

    fn numeric(
        &self,
        table: &Table,
        column: &Column,
        rows: &[usize],
        weights: Option<&[f64]>,
    ) -> Result<EncodedColumn, DataError> {
        let name = column.name().to_string();
        let all = numbers(table, column)?;
        if !self.standardize && self.missing == Missing::Error {
            return Ok(EncodedColumn::Numeric { name, mean: 0.0, scale: 1.0, fill: None, indicator: false });
        }
        let present: Vec<usize> = rows.iter().copied().filter(|row| !all[*row].is_nan()).collect();
        let values: Vec<f64> = present.iter().map(|row| all[*row]).collect();
        let weights = weights.map(|weights| present.iter().map(|row| weights[*row]).collect::<Vec<f64>>());
        let is_filled = match self.missing {
            Missing::Error => false,
            Missing::Mean | Missing::Median => true,
            Missing::Indicator => present.len() < rows.len(),
        };
        let (mean, scale) = moments(&values, weights.as_deref());
        let fill = match self.missing {
            _ if !is_filled => None,
            _ if values.is_empty() => Some(0.0),
            Missing::Median => Some(median(values)),
            _ => Some(mean),
        };
        let spread = || DataError::Spread { file: table.file().into(), column: name.clone() };
        if fill.is_some_and(|fill| !fill.is_finite()) {
            return Err(spread());
        }
        let indicator = is_filled && self.missing == Missing::Indicator;
        if !self.standardize {
            return Ok(EncodedColumn::Numeric { name, mean: 0.0, scale: 1.0, fill, indicator });
        }
        if mean.is_finite() && scale.is_finite() && scale > 0.0 {
            Ok(EncodedColumn::Numeric { name, mean, scale, fill, indicator })
        } else {
            Err(spread())
        }
    }

    fn categorical(&self, table: &Table, column: &Column, rows: &[usize]) -> Result<EncodedColumn, DataError> {
        let name = column.name().to_string();
        let is_truth = column.kind() == ColumnKind::Boolean;
        let mut categories = if is_truth { truths(column) } else { fit_categories(table, column)? };
        let (levels, codes) = column.levels();
        let lookup = Lookup::new(&categories);
        let known: Vec<Option<usize>> = levels.iter().map(|level| lookup.find(level)).collect();
        let mut counts = vec![0_usize; categories.len()];
        let mut is_missing = false;
        for row in rows {
            match known.get(codes[*row] as usize) {
                Some(category) => counts[category.expect("the categories are those of the column")] += 1,
                None => is_missing = true,
            }
        }
        let most = counts.iter().max().and_then(|most| counts.iter().position(|count| count == most)).unwrap_or(0);
        let own = self.references.iter().rev().find(|(column, _)| *column == name);
        let reference = match (own, self.coding) {
            (Some((_, category)), _) => lookup.find(category),
            (None, Coding::Reference(Reference::MostFrequent)) if !is_truth => Some(most),
            (None, Coding::Reference(_)) => Some(0),
            (None, Coding::OneHot) => is_truth.then_some(0),
        };
        let fill = match self.missing {
            Missing::Error => None,
            Missing::Mean | Missing::Median => Some(most),
            Missing::Indicator => is_missing.then(|| {
                categories.push(MISSING_CATEGORY.to_owned());
                categories.len() - 1
            }),
        };
        Ok(EncodedColumn::Categorical { name, categories, reference, fill })
    }
}

/// Returns the texts of false and true in a column, which may have only one of them.
fn truths(column: &Column) -> Vec<String> {
    let levels = column.levels().0;
    let of = |value: bool| levels.iter().find(|level| truth(level) == Some(value)).cloned();
    let otherwise = |value: bool| if value { "TRUE" } else { "FALSE" }.to_owned();
    [false, true].map(|value| of(value).unwrap_or_else(|| otherwise(value))).to_vec()
}

impl Target {
    /// Finds the classes of a column: its different texts, sorted by value if all are numbers, and as text otherwise.
    ///
    /// # Errors
    ///
    /// [`DataError::UnknownColumn`], [`DataError::TextInNumeric`] if it has a few texts among many numbers,
    /// [`DataError::OneClass`], and [`DataError::NotClasses`] if it has more than 20 different values, and more than half as
    /// many as rows.
    pub fn fit(table: &Table, name: &str) -> Result<Self, DataError> {
        let column = table.required(name)?;
        match column.stray_text() {
            Some(row) => Err(text_in_numeric(table, column, row)),
            None => fit_target(table, column),
        }
    }
}

fn fit_target(table: &Table, column: &Column) -> Result<Target, DataError> {
    let classes = distinct(&column.levels().0);
    let (file, target, count, rows) = (table.file().to_string(), column.name().to_string(), classes.len(), table.len());
    match classes.as_slice() {
        [class] => Err(DataError::OneClass { file, target, class: class.clone() }),
        _ if count > NAMES && count * 2 > rows => Err(DataError::NotClasses { file, target, count, rows }),
        _ => Ok(Target { name: target, classes }),
    }
}

fn fit_categories(table: &Table, column: &Column) -> Result<Vec<String>, DataError> {
    let categories = distinct(&column.levels().0);
    let (file, name, count) = (table.file().to_string(), column.name().to_string(), categories.len());
    if count == table.len() && count > NAMES {
        return Err(DataError::AllDistinct { file, column: name, count });
    }
    if count > MAX_CATEGORIES {
        return Err(DataError::TooManyCategories { file, column: name, count, limit: MAX_CATEGORIES });
    }
    Ok(categories)
}

/// Returns the weighted mean and population standard deviation; (value, 1) for a constant column, (0, 1) without values.
fn moments(values: &[f64], weights: Option<&[f64]>) -> (f64, f64) {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    // The deviation of a constant column may be above 0 by rounding.
    if low >= high {
        return if values.is_empty() { (0.0, 1.0) } else { (low, 1.0) };
    }
    let average = |f: &dyn Fn(f64) -> f64| match weights {
        None => values.iter().map(|x| f(*x)).sum::<f64>() / values.len() as f64,
        Some(weights) => {
            let sum: f64 = values.iter().zip(weights).map(|(x, w)| w * f(*x)).sum();
            sum / weights.iter().sum::<f64>()
        }
    };
    let mean = average(&|x| x);
    // In units of the largest deviation, so that no square overflows or underflows.
    let unit = (high - mean).max(mean - low);
    let variance = average(&|x| ((x - mean) / unit).powi(2));
    (mean, unit * variance.sqrt())
}

fn median(mut values: Vec<f64>) -> f64 {
    let (n, middle) = (values.len(), values.len() / 2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if n % 2 == 0 { f64::midpoint(lower, *upper) } else { *upper }
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
        assert_eq!(moments(&[0.1; 7], None), (0.1, 1.0));
        assert_eq!(moments(&[1.0, 3.0], None), (2.0, 1.0));
        close(moments(&[1e-200, 3e-200], None).1, 1e-200);
        close(moments(&[-1e200, 1e200], None).1, 1e200);
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
        let distinct: String = (0..21).map(|i| format!("{i},0.{i:02}\n")).collect();
        assert!(matches!(fit(&format!("x,y\n{distinct}")), Err(DataError::NotClasses { count: 21, rows: 21, .. })));
        let many: String = (0..240).map(|i| format!("{i},c{}\n", i / 2)).collect();
        assert_eq!(fit(&format!("x,y\n{many}")).unwrap().class_names().len(), 120, "each of 120 classes twice");
        assert_eq!(fit("x,y\n1,0\n2,1\n").unwrap().class_names(), ["0", "1"], "a row of each class");
        let message = fit("x,Y\n1,a\n").unwrap_err().to_string();
        assert!(message.contains("no column 'y' (did you mean 'Y'?); its columns: x, Y"), "{message}");
    }

    #[test]
    fn columns_that_are_no_categories_are_refused() {
        let names: String = (0..21).map(|i| format!("n{i},{}\n", i % 2)).collect();
        assert!(matches!(fit(&format!("x,y\n{names}")), Err(DataError::AllDistinct { count: 21, .. })));
        let many: String = (0..2002).map(|i| format!("c{},{}\n", i / 2, i % 2)).collect();
        assert!(matches!(fit(&format!("x,y\n{many}")), Err(DataError::TooManyCategories { count: 1001, .. })));
        let dates = fit("x,y\n2020-01-01,0\n2020-01-02,1\n");
        assert!(matches!(dates, Err(DataError::DateFeature { column, .. }) if column == "x"));
    }

    #[test]
    fn a_column_of_true_and_false_is_one_feature() {
        for text in ["x,y\nTRUE,0\nFALSE,1\nTRUE,1\n", "x,y\nTrue,0\nFalse,1\nTrue,1\n"] {
            let encoder = fit(text).unwrap();
            assert_eq!(encoder.features(), 1);
            let table = Table::parse("new", "x\nfalse\ntrue\n").unwrap();
            assert_eq!(encoder.encode_inputs(&table).unwrap(), [0.0, 1.0]);
        }
        let encoder = fit("x,y\ntrue,0\ntrue,1\n").unwrap();
        assert_eq!(encoder.feature_names(), ["x=true"]);
    }

    #[test]
    fn a_reference_is_a_category_of_its_column() {
        let table = Table::parse("t", "x,size\nb,1\na,2\nb,3\n").unwrap();
        let features = |config: EncoderConfig| config.fit_all(&table, None).map(|encoder| encoder.feature_names());
        let first = EncoderConfig::new().coding(Coding::Reference(Reference::First));
        assert_eq!(features(first.clone()).unwrap(), ["x=b", "size"]);
        assert_eq!(features(first.clone().reference("x", "b")).unwrap(), ["x=a", "size"]);
        assert_eq!(features(EncoderConfig::new().reference("x", "b")).unwrap(), ["x=a", "size"]);
        for (column, category) in [("x", "c"), ("size", "1")] {
            let error = features(first.clone().reference(column, category)).unwrap_err();
            assert!(matches!(error, DataError::UnknownReference { .. }), "{error}");
        }
        assert!(matches!(features(first.reference("z", "a")), Err(DataError::UnknownColumn { .. })));
    }

    #[test]
    fn missing_values_have_stand_ins_of_the_training_rows() {
        let table = Table::parse("t", "x,c,y\n1,a,0\nNA,b,1\n3,b,0\n8,NA,1\n100,c,1\n").unwrap();
        let encode = |missing| {
            let encoder = EncoderConfig::new().missing(missing).fit(&table, Some("y"), &[0, 1, 2, 3], None).unwrap();
            (encoder.encode_inputs(&table).unwrap(), encoder)
        };
        let (mean, encoder) = encode(Missing::Mean);
        assert_eq!(encoder.feature_names(), ["x", "c=a", "c=b", "c=c"]);
        assert_eq!((&mean[4..8], &mean[12..16]), (&[4.0, 0.0, 1.0, 0.0][..], &[8.0, 0.0, 1.0, 0.0][..]));
        assert!((encode(Missing::Median).0[4] - 3.0).abs() < f64::EPSILON);
        let (own, encoder) = encode(Missing::Indicator);
        assert_eq!(encoder.feature_names(), ["x", "x=missing", "c=a", "c=b", "c=c", "c=(missing)"]);
        assert_eq!(
            (&own[6..12], &own[18..24]),
            (&[4.0, 1.0, 0.0, 1.0, 0.0, 0.0][..], &[8.0, 0.0, 0.0, 0.0, 0.0, 1.0][..])
        );
        let error = EncoderConfig::new().fit_all(&table, Some("y")).unwrap_err();
        assert!(matches!(error, DataError::MissingValues { count: 2, .. }));
    }

    /// A row of weight 2 counts as two rows.
    #[test]
    fn weights_count_in_means_and_scales() {
        let table = Table::parse("t", "x\n1\n2\n4\n9\n").unwrap();
        let twice = Table::parse("t", "x\n1\n2\n2\n4\n4\n4\n").unwrap();
        let config = EncoderConfig::new().standardize(true);
        let weighted = config.fit(&table, None, &[0, 1, 2, 3], Some(&[1.0, 2.0, 3.0, 0.0])).unwrap().scaling()[0];
        let repeated = config.fit_all(&twice, None).unwrap().scaling()[0];
        close(weighted.0, repeated.0);
        close(weighted.1, repeated.1);
        assert!(matches!(config.fit(&table, None, &[0], Some(&[1.0])), Err(DataError::Length { .. })));
    }

    #[test]
    fn a_text_among_numbers_is_a_slip_not_a_category() {
        let rows: String = (0..18).map(|i| format!("{i},{}\n", i % 2)).collect();
        let error = fit(&format!("x,y\n{rows}abc,1\n")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "test.csv, line 20: column 'x' holds numbers, but this cell is 'abc'; correct it, take it for missing (--na), take the \
             column for text (--categorical) or leave it out (--drop)"
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
             line 5 column 'z', …; fill them in, or choose what is done with them (--missing drop, for example)"
        );
    }

    #[test]
    fn there_must_be_something_to_learn_from() {
        assert!(matches!(fit("y\na\nb\n"), Err(DataError::NoFeatures { .. })));
        let table = Table::parse("t", "x,y\n1,a\n2,b\n3,b\n").unwrap();
        assert!(matches!(Encoder::fit(&table, Some("y"), &[], true), Err(DataError::NoTrainingRows { .. })));
    }
}
