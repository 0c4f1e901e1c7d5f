//! The curve and the rows that it is fitted to.

use kiln::{
    burn::tensor::Tensor,
    data::{Shown, Table},
    optim::expression::{Expression, ExpressionError, Value},
};

use super::flags::FitCurveFlags;
use crate::{
    base::{Failure, Result, to_vec},
    context::read_file,
    settings::TableSettings,
};

/// The curve, its response and its parameters.
pub(super) struct Task {
    pub(super) response: Expression,
    pub(super) curve: Expression,
    pub(super) parameters: Vec<String>,
    pub(super) start: Vec<f64>,
    /// Columns of the curve and of the response, in the order of their tensors: those of the curve first.
    pub(super) columns: Vec<String>,
    /// Number of columns of the curve.
    pub(super) predictors: usize,
}

/// The rows of the table that have all values.
pub(super) struct Rows {
    pub(super) columns: Vec<Vec<f64>>,
    pub(super) sigma: Option<Vec<f64>>,
    pub(super) n: usize,
    pub(super) notes: Vec<String>,
}

impl Task {
    pub(super) fn new(flags: &FitCurveFlags) -> Result<Self> {
        let (left, right) = flags.formula.split_once('~').ok_or_else(|| {
            Failure::usage(format!("--formula '{}' has no '~': write it as 'y ~ a*x + b'", Shown(&flags.formula)))
        })?;
        let before = left.chars().count() + 1;
        let response: Expression = left.parse().map_err(|error| Failure::usage(format!("--formula, {error}")))?;
        // Positions in the whole formula.
        let curve: Expression = format!("{}{right}", " ".repeat(before))
            .parse()
            .map_err(|error| Failure::usage(format!("--formula, {error}")))?;
        let (parameters, start): (Vec<String>, Vec<f64>) = pairs(&flags.start, "start")?.into_iter().unzip();
        let is_parameter = |name: &&str| parameters.iter().any(|parameter| parameter == name);
        if let Some(name) = response.names().into_iter().find(is_parameter) {
            return Err(Failure::usage(format!(
                "--formula: parameter '{name}' is left of '~', where columns are needed"
            )));
        }
        for parameter in &parameters {
            if !curve.names().contains(&parameter.as_str()) {
                return Err(Failure::usage(format!("--start {parameter}: the curve {curve} has no such parameter")));
            }
        }
        let mut columns: Vec<String> =
            curve.names().into_iter().filter(|name| !is_parameter(name)).map(str::to_owned).collect();
        let predictors = columns.len();
        for name in response.names() {
            if !columns.iter().any(|known| known == name) {
                columns.push(name.to_owned());
            }
        }
        Ok(Self { response, curve, parameters, start, columns, predictors })
    }

    /// Bounds of the parameters; none if none is given.
    pub(super) fn side(&self, given: &[String], flag: &str, none: f64) -> Result<Option<Vec<f64>>> {
        if given.is_empty() {
            return Ok(None);
        }
        let mut side = vec![none; self.parameters.len()];
        for (name, number) in pairs_of_any(given, flag)? {
            let place = self.parameters.iter().position(|parameter| *parameter == name).ok_or_else(|| {
                Failure::usage(format!(
                    "--{flag} {name}: there is no such parameter; --start has {}",
                    self.parameters.join(", ")
                ))
            })?;
            side[place] = number;
        }
        Ok(Some(side))
    }

    /// The curve's values for parameters `[k]`.
    pub(super) fn curve(
        &self,
        p: &Tensor<1>,
        columns: &[Tensor<1>],
    ) -> std::result::Result<Tensor<1>, ExpressionError> {
        let lookup = |name: &str| self.lookup(name, Some(p), columns);
        let rows = columns.first().map_or(1, |column| column.dims()[0]);
        per_row(self.curve.evaluate(&lookup, p)?, rows)
    }

    /// The numbers of the response.
    pub(super) fn response(&self, rows: &Rows, columns: &[Tensor<1>], like: &Tensor<1>) -> Result<Vec<f64>> {
        let lookup = |name: &str| self.lookup(name, None, columns);
        let wrong = |error| Failure::usage(format!("--formula, {error}"));
        if let Some(error) = self.response.domain_error(&lookup, like).map_err(wrong)? {
            return Err(wrong(error));
        }
        Ok(to_vec(per_row(self.response.evaluate(&lookup, like).map_err(wrong)?, rows.n).map_err(wrong)?))
    }

    /// Checks that the curve has finite values at the start.
    pub(super) fn check(&self, start: &Tensor<1>, columns: &[Tensor<1>]) -> Result<()> {
        let wrong = |error| Failure::usage(format!("--formula, {error}"));
        self.curve(start, columns).map_err(wrong)?;
        let lookup = |name: &str| self.lookup(name, Some(start), columns);
        match self.curve.domain_error(&lookup, start).map_err(wrong)? {
            Some(error) => Err(Failure::usage(format!("--formula, {error}: change --start"))),
            None => Ok(()),
        }
    }

    fn lookup(&self, name: &str, p: Option<&Tensor<1>>, columns: &[Tensor<1>]) -> Option<Value> {
        if let (Some(p), Some(j)) = (p, self.parameters.iter().position(|parameter| parameter == name)) {
            return Some(Value::Vector(p.clone().slice(j..=j)));
        }
        let place = self.columns.iter().position(|column| column == name)?;
        columns.get(place).cloned().map(Value::Vector)
    }
}

impl Rows {
    pub(super) fn read(flags: &FitCurveFlags, task: &Task) -> Result<Self> {
        let table = read_file(&flags.file, &flags.format.over(&TableSettings::default())?)?;
        if let Some(parameter) = task.parameters.iter().find(|name| table.column(name).is_some()) {
            return Err(Failure::usage(format!(
                "--start {parameter}: {} has a column of that name; rename the parameter",
                table.file()
            )));
        }
        let names = task.columns.iter().chain(&flags.sigma);
        let mut columns = Vec::new();
        for name in names.clone() {
            let column = table.column(name).ok_or_else(|| unknown(&table, name, flags))?;
            let is_text = |row: &usize| column.number(*row).is_none() && !column.is_missing(*row);
            let looks_wrong = |row: &usize| {
                let text = column.text(*row).unwrap_or_default().replace(',', ".");
                is_text(row) && text.trim().parse::<f64>().is_err()
            };
            let first = (0..table.len()).find(looks_wrong).or_else(|| (0..table.len()).find(is_text));
            if let Some(row) = first {
                let (file, line) = table.place(row);
                let cell = column.text(row).unwrap_or_default();
                return Err(Failure::usage(format!(
                    "{file}, line {line}: the curve takes column '{}' for numbers, but this cell is '{}'",
                    Shown(name),
                    Shown(&cell)
                )));
            }
            columns.push(column);
        }
        let complete: Vec<usize> =
            (0..table.len()).filter(|row| columns.iter().all(|column| column.number(*row).is_some())).collect();
        let mut notes = Vec::new();
        let dropped = table.len() - complete.len();
        if complete.is_empty() {
            return Err(Failure::usage(format!(
                "{}: every row has a missing value in a column of the curve",
                table.file()
            )));
        }
        if dropped > 0 {
            notes.push(format!("dropped {dropped} of {} rows with missing values", table.len()));
        }
        let mut numbers: Vec<Vec<f64>> = columns
            .iter()
            .map(|column| complete.iter().map(|row| column.number(*row).expect("it is complete")).collect())
            .collect();
        let sigma = flags.sigma.as_ref().and_then(|_| numbers.pop());
        if let (Some(name), Some(sigma)) = (&flags.sigma, &sigma)
            && let Some(place) = sigma.iter().position(|sigma| !(*sigma > 0.0 && sigma.is_finite()))
        {
            let (file, line) = table.place(complete[place]);
            return Err(Failure::usage(format!(
                "{file}, line {line}: column '{}' of --sigma has {}; standard deviations must be finite and above 0",
                Shown(name),
                sigma[place]
            )));
        }
        Ok(Self { columns: numbers, sigma, n: complete.len(), notes })
    }
}

/// The value as one number per row.
fn per_row(value: Value, rows: usize) -> std::result::Result<Tensor<1>, ExpressionError> {
    let Value::Vector(value) = value else {
        return Err(ExpressionError::Shape { position: 1, what: "the curve is a matrix".to_owned() });
    };
    match value.dims() {
        [n] if n == rows => Ok(value),
        [1] => Ok(value.expand([rows])),
        [n] => Err(ExpressionError::Shape { position: 1, what: format!("the curve has {n} values for {rows} rows") }),
    }
}

/// A name that is neither a column nor a parameter.
fn unknown(table: &Table, name: &str, flags: &FitCurveFlags) -> Failure {
    let all: Vec<String> = table.columns().iter().take(20).map(|column| Shown(column.name()).to_string()).collect();
    let columns = all.join(", ");
    if flags.sigma.as_deref() == Some(name) {
        return Failure::usage(format!(
            "--sigma: {} has no column '{}'; its columns: {columns}",
            table.file(),
            Shown(name)
        ));
    }
    Failure::usage(format!(
        "--formula: '{}' is neither a column of {} nor a parameter; give a start for a parameter (--start {name}=1); columns: {columns}",
        Shown(name),
        table.file()
    ))
}

/// Numbers with names: finite ones.
fn pairs(given: &[String], flag: &str) -> Result<Vec<(String, f64)>> {
    let all = pairs_of_any(given, flag)?;
    for (index, (name, number)) in all.iter().enumerate() {
        if !number.is_finite() {
            return Err(Failure::usage(format!("--{flag} {name}={number}: the number must be finite")));
        }
        if all[..index].iter().any(|(other, _)| other == name) {
            return Err(Failure::usage(format!("--{flag}: '{name}' is given twice")));
        }
    }
    Ok(all)
}

fn pairs_of_any(given: &[String], flag: &str) -> Result<Vec<(String, f64)>> {
    let pair = |text: &String| {
        let (name, number) = text.split_once('=')?;
        let number: f64 = number.trim().parse().ok()?;
        (!number.is_nan()).then(|| (name.trim().to_owned(), number))
    };
    let wrong =
        |text: &String| Failure::usage(format!("--{flag} '{}' must be a name and a number, as in a=1", Shown(text)));
    given.iter().map(|text| pair(text).ok_or_else(|| wrong(text))).collect()
}
