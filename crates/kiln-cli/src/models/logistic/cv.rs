//! `kiln cv logistic`.

use kiln::{
    data::{Dataset, Examples, Split, Target},
    models::{ClassWeights, LogisticConfig, LogisticError, LogisticFit},
};
use rayon::prelude::*;

use super::settings::{ClassWeight, LogisticModel, LogisticSettings};
use crate::{
    base::{Console, Exit, Failure, Result},
    context::{Candidate, CrossValidation, FoldScore, GridFlags, Source, grid, with_target, without_fold},
    names::PenaltyName,
};

/// The user's `max_iter` and `gtol`.
type Limits = (Option<usize>, Option<f64>);

/// A fold, encoded.
struct Fold {
    train: Examples,
    test: Examples,
}

/// Fits the model on all folds but one, for each fold and penalty, and scores it on that one.
pub(crate) fn cv(
    validation: &CrossValidation,
    grid_flags: &GridFlags,
    settings: &LogisticSettings,
    console: Console,
) -> Result<Exit> {
    if settings.data.sample_weight.is_some() {
        return Err(Failure::usage("kiln cv does not use --sample-weight: omit it"));
    }
    let source = Source::of_table(&settings.data, &settings.table, settings.run.seed);
    let mut notes = Vec::new();
    let others: Vec<&String> = validation.columns().collect();
    let (all, table, target) = with_target(&source, &others, &mut notes)?;
    let classes = Target::fit(&table, &target)?;
    let targets = classes.encode(&table)?;
    let folds = validation.folds(&all, &table, Some(&targets), settings.run.seed)?;
    let encode = |Split { train, test }: Split| -> Result<Fold> {
        let encoder = source.encoder(&table, &target, &train)?;
        Ok(Fold { train: encoder.encode(&table.subset(&train))?, test: encoder.encode(&table.subset(&test))? })
    };
    let folds: Vec<Fold> = folds.iter().map(encode).collect::<Result<_>>()?;
    let penalties = grid(grid_flags, || largest(&folds[0], grid_flags.penalty))?;
    let candidates: Vec<Option<f64>> =
        if penalties.is_empty() { vec![None] } else { penalties.into_iter().map(Some).collect() };
    notes.iter().for_each(|note| console.note(note));
    let models: Vec<LogisticModel> =
        candidates.iter().map(|penalty| model(settings.model, grid_flags.penalty, *penalty)).collect();
    let limits = (settings.solver.max_iter, settings.train.gtol);
    let of_fold = |(index, fold)| scores(fold, index, &models, limits);
    let scores: Vec<Vec<FoldScore>> = folds.par_iter().enumerate().map(of_fold).collect::<Result<_>>()?;
    let of_candidate = |(index, penalty)| Candidate::new(penalty, scores.iter().map(|fold| fold[index]).collect());
    let candidates = candidates.into_iter().enumerate().map(of_candidate).collect();
    validation.report(folds.len(), grid_flags.penalty, candidates, console)
}

/// The settings with a penalty of the grid.
fn model(model: LogisticModel, name: PenaltyName, penalty: Option<f64>) -> LogisticModel {
    match (name, penalty) {
        (PenaltyName::L1, Some(l1)) => LogisticModel { l1, ..model },
        (PenaltyName::L2, Some(l2)) => LogisticModel { l2, ..model },
        _ => model,
    }
}

/// The scores of a fold with each of the penalties. A fit starts at the one before it, whose penalty is next to its own.
fn scores(fold: &Fold, index: usize, models: &[LogisticModel], limits: Limits) -> Result<Vec<FoldScore>> {
    let mut order: Vec<usize> = (0..models.len()).collect();
    order.sort_by(|a, b| (models[*b].l1 + models[*b].l2).total_cmp(&(models[*a].l1 + models[*a].l2)));
    let (mut scores, mut last) = (vec![None; models.len()], None);
    for place in order {
        let (score, fit) = score(fold, index, (&models[place], limits), last.as_ref())?;
        scores[place] = Some(score);
        last = Some(fit);
    }
    Ok(scores.into_iter().flatten().collect())
}

fn score(
    fold: &Fold,
    index: usize,
    (model, (max_iter, gtol)): (&LogisticModel, Limits),
    start: Option<&LogisticFit>,
) -> Result<(FoldScore, LogisticFit)> {
    let (train, test) = (&fold.train, &fold.test);
    let infinite = f64::INFINITY;
    let mut config = LogisticConfig::new(train.features())
        .classes(train.classes())
        .l1(model.l1)
        .l2(model.l2)
        .bounds(model.lower.unwrap_or(-infinite), model.upper.unwrap_or(infinite))
        .class_weights(match model.class_weight {
            ClassWeight::None => ClassWeights::Equal,
            ClassWeight::Balanced => ClassWeights::Balanced,
        });
    if let Some(fit) = start {
        config = config.start_from(fit);
    }
    if let Some(max_iter) = max_iter {
        config = config.max_iter(max_iter);
    }
    if let Some(gtol) = gtol {
        config = config.gtol(gtol);
    }
    let fit = config.fit(train.inputs(), train.targets()).map_err(|error| match error {
        LogisticError::Separable { .. } => without_fold(
            index,
            &format!("{error}: give --penalty l2, or --l2").replace("; add a penalty, for example `.l2(0.01)`", ""),
            Exit::NotConverged,
        ),
        LogisticError::NotConverged { .. } => without_fold(index, &error.to_string(), Exit::NotConverged),
        other => Failure::usage(other),
    })?;
    let classes = fit.classes();
    let probabilities = fit.predict_proba(test.inputs()).map_err(Failure::usage)?;
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let n = test.len() as f64;
    let rows = probabilities.chunks_exact(classes).zip(test.targets());
    let nll = rows.map(|(row, target)| -row[*target].ln()).sum::<f64>() / n;
    let predicted = fit.predict(test.inputs()).map_err(Failure::usage)?;
    let right = predicted.iter().zip(test.targets()).filter(|(predicted, target)| predicted == target).count();
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let accuracy = right as f64 / n;
    Ok((FoldScore { n: test.len(), nll, accuracy: Some(accuracy), rmse: None }, fit))
}

/// A penalty that leaves little or nothing but intercepts: for l1 the largest gradient at zero weights, for l2 ten times the mean
/// square of the features.
fn largest(fold: &Fold, penalty: PenaltyName) -> f64 {
    let (train, d) = (&fold.train, fold.train.features());
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let n = train.len() as f64;
    if penalty == PenaltyName::L2 {
        let square: f64 = train.inputs().iter().map(|x| x * x).sum::<f64>() / n;
        return 10.0 * (square / d as f64).max(f64::MIN_POSITIVE);
    }
    let mut shares = vec![0.0; train.classes()];
    train.targets().iter().for_each(|class| shares[*class] += 1.0 / n);
    let mut gradient = vec![0.0; d * train.classes()];
    for (row, target) in train.inputs().chunks_exact(d).zip(train.targets()) {
        for (class, share) in shares.iter().enumerate() {
            let residual = (share - f64::from(u8::from(class == *target))) / n;
            row.iter().zip(&mut gradient[class * d..(class + 1) * d]).for_each(|(x, g)| *g += residual * x);
        }
    }
    gradient.iter().fold(f64::MIN_POSITIVE, |largest, g| largest.max(g.abs()))
}
