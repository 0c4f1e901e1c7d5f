//! Rows from tables, images or built-in data: read, split and encoded.

use kiln::data::{
    Column, DataError, Dataset, Encoder, Examples, HoldOut, Locate, Reason, Role, Split, Table, Target, load_images,
    stratified_split,
};

use super::{
    record::DataRecord,
    source::{Source, read},
};
use crate::{
    base::{Console, Failure, Result},
    settings::MissingValues,
};

/// Encoded rows.
pub(crate) struct Loaded {
    pub(crate) encoder: Encoder,
    pub(crate) train: Examples,
    pub(crate) test: Examples,
    pub(crate) record: DataRecord,
    /// The weights of the training rows, all above 0. Absent if each row counts once.
    pub(crate) weights: Option<Vec<f64>>,
    /// The weights of the test rows, likewise.
    pub(crate) test_weights: Option<Vec<f64>>,
    /// What was left out without being asked, a line each.
    pub(crate) notes: Vec<String>,
}

/// Whether the rows have classes to predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// They have classes.
    Classes,
    /// They have none. A target is a column that is left out.
    Rows,
}

/// Which rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All, split into a training part and a test part.
    Split,
    /// All, as a test part: data that the run was not trained on.
    Whole,
}

/// Reads the rows. The encoder is fitted to the training part unless one is given.
pub(crate) fn load(
    source: &Source,
    (purpose, part): (Purpose, Part),
    encoder: Option<Encoder>,
    console: Console,
) -> Result<Loaded> {
    match read(source)? {
        Some((table, default_target)) => of_table(source, (purpose, part), table, default_target, encoder),
        None => of_images(source, encoder, console),
    }
}

/// Reads the table of a source and the rows without missing values, with the name of the target. `others` are columns that are no
/// features. What is left out unasked is noted.
pub(crate) fn with_target(
    source: &Source,
    others: &[&String],
    notes: &mut Vec<String>,
) -> Result<(Table, Table, String)> {
    let Some((table, default_target)) = read(source)? else {
        return Err(Failure::usage(format!("{} is not a table", kiln::data::Shown(&source.name))));
    };
    let Some(target) = source.target.as_deref().or(default_target).map(str::to_owned) else {
        return Err(Failure::usage("--target is required: the column to predict"));
    };
    let mut source = source.clone();
    source.drop.extend(others.iter().map(|name| (*name).clone()));
    let chosen = chosen(&source, Purpose::Classes, Some(&target), table.clone(), notes)?;
    Ok((table, chosen, target))
}

fn of_images(source: &Source, encoder: Option<Encoder>, console: Console) -> Result<Loaded> {
    let name = source.name.as_str();
    let locate = Locate { data_dir: source.data_dir.clone(), offline: false };
    let hold_out = HoldOut { test_fraction: source.test_fraction, seed: source.seed };
    let images = load_images(name, &locate, hold_out, &mut console.download()).map_err(|error| match error {
        DataError::UnknownDataset { .. } => Failure::usage(format!(
            "there is no dataset and no file named '{}': give breast-cancer, digits, mnist, fashion-mnist, a table, or a \
             folder with four IDX files",
            kiln::data::Shown(name)
        )),
        other => other.into(),
    })?;
    let rows: Vec<usize> = (0..images.train.len()).collect();
    let encoder = encoder.unwrap_or_else(|| Encoder::fit_pixels(&images.train, &rows, source.standardize));
    let (train, test) = (encoder.encode_images(&images.train)?, encoder.encode_images(&images.test)?);
    Ok(Loaded {
        record: record(source, images.sha256(), &train, &test),
        train,
        test,
        encoder,
        weights: None,
        test_weights: None,
        notes: Vec::new(),
    })
}

fn record(source: &Source, sha256: &str, train: &Examples, test: &Examples) -> DataRecord {
    DataRecord {
        name: source.name.clone(),
        sha256: sha256.to_owned(),
        n_train: train.len(),
        n_test: test.len(),
        ..DataRecord::default()
    }
}

fn of_table(
    source: &Source,
    (purpose, part): (Purpose, Part),
    table: Table,
    default_target: Option<&str>,
    encoder: Option<Encoder>,
) -> Result<Loaded> {
    let sha256 = table.sha256().to_owned();
    let target = source.target.as_deref().or(default_target);
    if (purpose, target) == (Purpose::Classes, None) {
        let columns: Vec<&str> = table.columns().iter().map(Column::name).collect();
        return Err(Failure::usage(format!(
            "--target is required: the column of {} to predict, one of {}",
            source.name,
            columns.join(", ")
        )));
    }
    let mut notes = Vec::new();
    let table = match part {
        Part::Split => chosen(source, purpose, target, table, &mut notes)?,
        Part::Whole => complete(source, encoder.as_ref(), table, &mut notes)?,
    };
    let (examples, split, encoder, weights) = match (purpose, target) {
        (Purpose::Classes, Some(target)) => with_classes(source, part, table, target, encoder)?,
        (_, target) => without_classes(source, part, table, target, encoder)?,
    };
    let of = |rows: &[usize]| weights.as_ref().map(|weights| rows.iter().map(|&row| weights[row]).collect());
    let (weights, test_weights) = (of(&split.train), of(&split.test));
    let test = examples.subset(&split.test);
    let train = if split.train.len() == examples.len() { examples } else { examples.subset(&split.train) };
    Ok(Loaded { record: record(source, &sha256, &train, &test), encoder, train, test, weights, test_weights, notes })
}

/// Returns the table with the columns and the rows that are used. What is left out unasked is noted.
fn chosen(
    source: &Source,
    purpose: Purpose,
    target: Option<&str>,
    table: Table,
    notes: &mut Vec<String>,
) -> Result<Table> {
    let settings = &source.table;
    settings.categorical.iter().try_for_each(|name| table.required(name).map(drop))?;
    notes.extend(table.notes().iter().map(ToString::to_string));
    let roles = settings.columns(target, source.sample_weight.as_deref(), &source.drop).roles(&table)?;
    let used = used_columns(&table, &roles, notes);
    let used: Vec<&str> = used.iter().map(String::as_str).collect();
    let table = table.with_only(&used)?;
    // With stand-ins for features, the column to predict still needs its values. Without classes it is not even looked at.
    let needed = |name: &&str| match (settings.missing, purpose) {
        (MissingValues::Error, _) => false,
        (_, Purpose::Rows) if target == Some(*name) => false,
        (MissingValues::Drop, _) => true,
        _ => target == Some(*name) || source.sample_weight.as_deref() == Some(*name),
    };
    let (table, found) = table.without_missing(&used.into_iter().filter(needed).collect::<Vec<_>>())?;
    if found.incomplete > 0 {
        notes.push(found.to_string());
    }
    Ok(table)
}

/// Returns the columns with a use: features, the target and the weights. What is left out unasked is noted.
pub(crate) fn used_columns(table: &Table, roles: &[Role], notes: &mut Vec<String>) -> Vec<String> {
    let mut used = Vec::new();
    for (column, role) in table.columns().iter().zip(roles) {
        match role {
            Role::LeftOut(reason @ (Reason::Empty | Reason::Names)) => {
                let name = kiln::data::Shown(column.name());
                notes.push(format!("column '{name}' is left out: {reason} (--features can choose it)"));
            }
            Role::LeftOut(_) | Role::Id => {}
            Role::Feature | Role::Target | Role::Weight => used.push(column.name().to_owned()),
        }
    }
    used
}

/// Returns the rows that the encoder of a run takes. What is left out is noted.
fn complete(source: &Source, encoder: Option<&Encoder>, table: Table, notes: &mut Vec<String>) -> Result<Table> {
    let Some(encoder) = encoder.filter(|_| source.table.missing != MissingValues::Error) else { return Ok(table) };
    let rows = encoder.complete_rows(&table);
    let left_out = table.len() - rows.len();
    if left_out == 0 {
        return Ok(table);
    }
    if rows.is_empty() {
        return Err(Failure::usage(format!("every row of {} has a missing value", source.name)));
    }
    notes.push(format!("dropped {left_out} of {} rows with missing values", table.len()));
    Ok(table.subset(&rows))
}

/// Rows, their parts, the encoder, and the weights of all rows.
type Encoded = (Examples, Split, Encoder, Option<Vec<f64>>);

fn with_classes(source: &Source, part: Part, table: Table, target: &str, encoder: Option<Encoder>) -> Result<Encoded> {
    let (table, weights) = match source.sample_weight.as_deref().filter(|_| part == Part::Split) {
        Some(column) if column == target => {
            return Err(Failure::usage(format!("'{column}' cannot be both --target and --sample-weight")));
        }
        Some(column) => {
            let (table, weights) = table.split_weights(column)?;
            (table, Some(weights))
        }
        None => (table, None),
    };
    let table = &table;
    if part == Part::Whole
        && let Some(encoder) = encoder
    {
        // Each row of other data counts once.
        return Ok((encoder.encode(table)?, whole(table.len()), encoder, None));
    }
    let known = match &encoder {
        Some(encoder) => encoder.target().cloned(),
        None => Some(Target::fit(table, target)?),
    };
    let known = known.ok_or_else(|| Failure::usage("the run's encoder.json is damaged: it has no target"))?;
    let targets = known.encode(table)?;
    let mut split = stratified_split(&targets, source.test_fraction, source.seed)?;
    keep_positive(&mut split, weights.as_deref())?;
    let class_names = &known.classes;
    let mut trained = vec![false; class_names.len()];
    split.train.iter().for_each(|&row| trained[targets[row]] = true);
    if encoder.is_none()
        && let Some(missing) = trained.iter().position(|trained| !trained)
    {
        let why = if weights.is_some() { " with a weight above 0" } else { "" };
        return Err(Failure::usage(format!(
            "the class '{}' has no training row{why}: lower --test-fraction, or remove the class",
            kiln::data::Shown(&class_names[missing])
        )));
    }
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => {
            let config = source.table.encoder(source.standardize);
            let encoder = config.fit(table, Some(target), &split.train, weights.as_deref())?;
            encoder.with_unseen(source.table.unseen)
        }
    };
    Ok((encoder.encode(table)?, split, encoder, weights))
}

/// Leaves out rows of weight 0, which count for nothing, also not for the scale of a column.
fn keep_positive(split: &mut Split, weights: Option<&[f64]>) -> Result<()> {
    let Some(weights) = weights else { return Ok(()) };
    let has_test = !split.test.is_empty();
    split.train.retain(|&row| weights[row] > 0.0);
    split.test.retain(|&row| weights[row] > 0.0);
    match has_test && split.test.is_empty() {
        true => Err(Failure::usage("every test row has weight 0: change --test-fraction or --seed")),
        false => Ok(()),
    }
}

/// Rows with a dummy class that all of them share. If the target has classes, the split is stratified by them.
fn without_classes(
    source: &Source,
    part: Part,
    table: Table,
    target: Option<&str>,
    encoder: Option<Encoder>,
) -> Result<Encoded> {
    let strata = target.map(|target| Target::fit(&table, target)?.encode(&table));
    let split = match (part, strata) {
        (Part::Whole, _) => whole(table.len()),
        (Part::Split, Some(Ok(classes))) => stratified_split(&classes, source.test_fraction, source.seed)?,
        (Part::Split, Some(Err(error @ DataError::UnknownColumn { .. }))) => return Err(error.into()),
        // Measurements or identifiers are no classes, and no features either.
        (Part::Split, _) => stratified_split(&vec![0; table.len()], source.test_fraction, source.seed)?,
    };
    let table = match target.filter(|target| table.column(target).is_some()) {
        Some(target) => table.without(&[target])?,
        None => table,
    };
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => {
            let encoder = source.table.encoder(source.standardize).fit(&table, None, &split.train, None)?;
            encoder.with_unseen(source.table.unseen)
        }
    };
    let classes = vec!["all".to_owned()];
    let examples =
        Examples::new(encoder.encode_inputs(&table)?, vec![0; table.len()], encoder.feature_names(), classes)?;
    Ok((examples, split, encoder, None))
}

fn whole(rows: usize) -> Split {
    Split { train: Vec::new(), test: (0..rows).collect() }
}
