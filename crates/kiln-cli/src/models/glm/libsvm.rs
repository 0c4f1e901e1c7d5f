//! Rows in the sparse format of LIBSVM and SVMlight.

use std::path::Path;

use kiln::{
    data::{Shown, SparseExamples, SparseOptions, Target, ZeroBased, stratified_split},
    models::glm::{Family, GlmRows as Scored, Prediction, SparseRows, Values},
};

use super::{
    encoder::{Features, GlmEncoder, Response},
    fitted::FittedGlm,
    rows::{GlmData, GlmRows, Keep},
    settings::{GlmSettings, Storage},
};
use crate::{
    base::{Exit, Failure, Result, Sink},
    context::{DataRecord, Opened, is_libsvm, prediction::RowPredictor, tabular::check_predictions},
    flags::PredictFlags,
};

/// The name of the numbers before the features.
const LABEL: &str = "label";

/// Reads and splits the rows of a run.
pub(super) fn load(settings: &GlmSettings, encoder: Option<GlmEncoder>) -> Result<GlmData> {
    check(settings)?;
    let name = &settings.data.name;
    let found = read(name, encoder.as_ref())?;
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => {
            let first = usize::from(!found.is_zero_based());
            GlmEncoder::of_libsvm(found.features(), first, response(settings, &found)?)
        }
    };
    let fraction = settings.data.test_fraction.unwrap_or(0.0);
    let (train, test) = if fraction > 0.0 {
        let split = stratified_split(&vec![0; found.len()], fraction, settings.run.seed)?;
        (rows(settings, &encoder, &found, &split.train)?, Some(rows(settings, &encoder, &found, &split.test)?))
    } else {
        (rows(settings, &encoder, &found, &(0..found.len()).collect::<Vec<_>>())?, None)
    };
    let record = DataRecord {
        name: name.clone(),
        sha256: found.sha256().to_owned(),
        n_train: train.len(),
        n_test: test.as_ref().map_or(0, GlmRows::len),
        ..DataRecord::default()
    };
    Ok(GlmData { encoder, train, test, file: found.file().to_owned(), record, notes: Vec::new() })
}

/// All rows of a file, for a run that exists.
pub(super) fn whole(settings: &GlmSettings, encoder: &GlmEncoder) -> Result<(GlmRows, DataRecord)> {
    let name = &settings.data.name;
    if !is_libsvm(name) || !encoder.is_libsvm() {
        return Err(Failure::usage(format!(
            "'{}' does not fit the model: one is a table, the other has LIBSVM rows (.svm, .libsvm or .svmlight)",
            Shown(name)
        )));
    }
    let found = read(name, Some(encoder))?;
    let rows = rows(settings, encoder, &found, &(0..found.len()).collect::<Vec<_>>())?;
    let (sha256, n_test) = (found.sha256().to_owned(), rows.len());
    Ok((rows, DataRecord { name: name.clone(), sha256, n_test, ..DataRecord::default() }))
}

/// Predicts the rows of a file.
pub(super) fn predict(run: &Opened<GlmSettings>, flags: &PredictFlags) -> Result<Exit> {
    flags.format.refuse("is for tables, and the model was trained on LIBSVM rows")?;
    let fitted = FittedGlm::open(run)?;
    let sink = Sink::new(&flags.output, flags.force, &flags.data, run.console)?;
    let name = flags.data.display().to_string();
    if !is_libsvm(&name) {
        return Err(Failure::usage(format!(
            "the model was trained on LIBSVM rows, so '{}' must be such a file, with a name that ends in .svm or .libsvm",
            Shown(&name)
        )));
    }
    let found = read(&name, Some(&fitted.encoder))?;
    let inputs: Values = sparse(&found, &(0..found.len()).collect::<Vec<_>>())?.into();
    let response: Values = vec![0.0; found.len()].into();
    let (means, _) =
        fitted.model.means_and_losses(&Scored { inputs: &inputs, inflation: &[], offset: None, response: &response });
    let per_row = means.len() / found.len().max(1);
    check_predictions(&means, per_row, 0)?;
    let of_row = |mean: &[f64]| Prediction { mean: mean.to_vec(), interval: None, response_interval: None };
    let predictions: Vec<Prediction> = means.chunks_exact(per_row.max(1)).map(of_row).collect();
    let shown = sink.shown();
    let mut writer = csv::Writer::from_writer(sink);
    let written = |error: csv::Error| Failure::internal(format!("cannot write the predictions: {error}"));
    writer.write_record(fitted.header()?).map_err(written)?;
    fitted.write_predictions(&predictions, &mut writer)?;
    let sink = writer
        .into_inner()
        .map_err(|error| Failure::internal(format!("cannot write the predictions: {}", error.error())))?;
    let rows = predictions.len();
    if !sink.commit()? {
        run.console.note(format_args!("{rows} predictions"));
        return Ok(Exit::Done);
    }
    let result = serde_json::json!({ "rows": rows, "missing": 0, "output": shown });
    run.console.result(&result, || format!("{rows} predictions in {shown}"))?;
    Ok(Exit::Done)
}

/// Refuses settings that name columns, which such files do not have.
fn check(settings: &GlmSettings) -> Result<()> {
    let (data, table, model) = (&settings.data, &settings.table, &settings.model);
    let others = [
        (data.target.is_some(), "--target"),
        (data.sample_weight.is_some(), "--sample-weight"),
        (!data.drop.is_empty(), "--drop"),
        (data.standardize, "--standardize"),
        (!table.features.is_empty(), "--features"),
        (!table.id.is_empty(), "--id"),
        (!table.categorical.is_empty(), "--categorical"),
        (model.formula.is_some(), "--formula"),
        (model.offset.is_some(), "--offset"),
        (model.exposure.is_some(), "--exposure"),
        (model.inflation.is_some(), "--inflation"),
        (settings.inference.cluster.is_some(), "--cluster"),
        (settings.inference.lr_tests, "--lr-tests"),
        (settings.rows.stream, "--stream"),
    ];
    match others.iter().find(|(given, _)| *given) {
        Some((_, flag)) => Err(Failure::usage(format!(
            "{flag} is not for LIBSVM files, whose rows are a label and numbered features, and are kept sparse in memory"
        ))),
        None => Ok(()),
    }
}

fn read(name: &str, encoder: Option<&GlmEncoder>) -> Result<SparseExamples> {
    let options = match encoder.map(|encoder| &encoder.features) {
        Some(Features::Libsvm { count, first }) => {
            let zero_based = if *first == 0 { ZeroBased::Yes } else { ZeroBased::No };
            SparseOptions { zero_based, features: Some(*count) }
        }
        _ => SparseOptions::default(),
    };
    Ok(SparseExamples::read(Path::new(name), &options)?)
}

/// What the labels are: numbers or classes.
fn response(settings: &GlmSettings, found: &SparseExamples) -> Result<Response> {
    let family = settings.family()?;
    let has_shares = found.targets().iter().all(|y| (0.0..=1.0).contains(y));
    let is_class = match family {
        Family::Binomial => !settings.model.levels.is_empty() || !has_shares,
        other => other.has_classes(),
    };
    if !is_class {
        return Ok(Response::Column(LABEL.to_owned()));
    }
    let classes = match settings.model.levels.as_slice() {
        [] => found.class_names().to_vec(),
        levels => levels.to_vec(),
    };
    let enough = if family == Family::Binomial { classes.len() == 2 } else { classes.len() >= 2 };
    if !enough {
        let needs = if family == Family::Binomial { "two, or numbers between 0 and 1" } else { "at least two" };
        return Err(Failure::usage(format!(
            "{} has {} different labels; --family {family} needs {needs}",
            found.file(),
            classes.len()
        )));
    }
    Ok(Response::Classes(Target { name: LABEL.to_owned(), classes }))
}

fn sparse(found: &SparseExamples, rows: &[usize]) -> Result<SparseRows> {
    let mut kept = SparseRows::new(found.features());
    for row in rows {
        let (places, values) = found.row(*row);
        kept.push(places, values).map_err(Failure::usage)?;
    }
    Ok(kept)
}

fn rows(settings: &GlmSettings, encoder: &GlmEncoder, found: &SparseExamples, rows: &[usize]) -> Result<GlmRows> {
    let kept = sparse(found, rows)?;
    let inputs = match settings.rows.storage {
        Storage::Auto | Storage::Sparse => kept.into(),
        storage => {
            let (mut dense, mut row) = (Keep::in_memory(storage, kept.features()), vec![0.0; kept.features()]);
            for index in 0..kept.len() {
                let (places, values) = kept.row(index);
                row.fill(0.0);
                places.iter().zip(values).for_each(|(place, value)| row[*place as usize] = *value);
                dense.push(&row)?;
            }
            dense.finish()?
        }
    };
    let response = match &encoder.response {
        Response::Classes(target) => {
            let known: Vec<Option<f64>> = found
                .class_names()
                .iter()
                .map(|name| target.classes.iter().position(|class| class == name).map(|class| class as f64))
                .collect();
            let of = |row: &usize| {
                found.class_targets().get(*row).and_then(|class| known[*class]).ok_or_else(|| {
                    Failure::usage(format!(
                        "{}: the label {} is not one of the classes {}",
                        found.file(),
                        found.targets()[*row],
                        target.classes.join(", ")
                    ))
                })
            };
            rows.iter().map(of).collect::<Result<Vec<f64>>>()?
        }
        _ => rows.iter().map(|row| found.targets()[*row]).collect(),
    };
    Ok(GlmRows {
        inputs,
        inflation: Vec::new(),
        offset: None,
        response: response.into(),
        weights: None,
        clusters: None,
        lines: rows.iter().map(|row| *row as u64 + 1).collect(),
        is_share: false,
    })
}
