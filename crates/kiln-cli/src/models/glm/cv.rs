//! `kiln cv glm`.

use std::ops::ControlFlow;

use kiln::{data::Split, models::GlmFit};
use rayon::prelude::*;

use super::{data::Chosen, encoder::GlmEncoder, fitted::FittedGlm, plan, rows::GlmRows, settings::GlmSettings};
use crate::{
    base::{Console, Exit, Failure, Result},
    context::{Candidate, CrossValidation, FoldScore, GridFlags, grid, without_fold},
    names::PenaltyName,
};

/// Fits the model on all folds but one, for each fold and penalty, and scores it on that one.
pub(crate) fn cv(
    validation: &CrossValidation,
    grid_flags: &GridFlags,
    settings: &GlmSettings,
    console: Console,
) -> Result<Exit> {
    let mut notes = Vec::new();
    let others: Vec<&String> = validation.columns().collect();
    let (all, chosen) = Chosen::read(settings, &others, &mut notes)?;
    let encoder = chosen.encoder(settings, &chosen.table)?;
    let classes = match encoder.class_names().is_empty() {
        true => None,
        false => Some(encoder.encode_response(&chosen.table)?),
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "indices of classes")]
    let classes: Option<Vec<usize>> = classes.map(|classes| classes.into_iter().map(|class| class as usize).collect());
    let folds = validation.folds(&all, &chosen.table, classes.as_deref(), settings.run.seed)?;
    let folds: Vec<Split> = folds.iter().collect();
    let folds = folds.iter().map(|split| Fold::new(settings, &chosen, &encoder, split)).collect::<Result<Vec<_>>>()?;
    let penalties = grid(grid_flags, || folds[0].largest(grid_flags.penalty))?;
    let candidates: Vec<Option<f64>> =
        if penalties.is_empty() { vec![None] } else { penalties.into_iter().map(Some).collect() };
    let with = |penalty: &Option<f64>| {
        let mut settings = settings.clone();
        match (grid_flags.penalty, penalty) {
            (PenaltyName::L1, Some(l1)) => settings.model.l1 = *l1,
            (PenaltyName::L2, Some(l2)) => settings.model.l2 = *l2,
            _ => {}
        }
        settings.check().map(|()| settings)
    };
    let all: Vec<GlmSettings> = candidates.iter().map(with).collect::<Result<_>>()?;
    notes.iter().for_each(|note| console.note(note));
    let of_fold = |(index, fold): (usize, &Fold)| {
        fold.scores(&all).map_err(|failure| without_fold(index, &failure.message, failure.exit))
    };
    let scores: Vec<Vec<FoldScore>> = folds.par_iter().enumerate().map(of_fold).collect::<Result<_>>()?;
    let of_candidate = |(index, penalty)| Candidate::new(penalty, scores.iter().map(|fold| fold[index]).collect());
    let candidates = candidates.into_iter().enumerate().map(of_candidate).collect();
    validation.report(folds.len(), grid_flags.penalty, candidates, console)
}

/// A fold, encoded.
struct Fold {
    encoder: GlmEncoder,
    train: GlmRows,
    test: GlmRows,
}

impl Fold {
    fn new(settings: &GlmSettings, chosen: &Chosen, whole: &GlmEncoder, split: &Split) -> Result<Self> {
        let (train, test) = (chosen.table.subset(&split.train), chosen.table.subset(&split.test));
        // What a feature learns, it learns from the training rows. The classes are those of all rows.
        let encoder = chosen.encoder(settings, &train)?.with_response_of(whole);
        let (train, test) = (chosen.encode(settings, &encoder, &train)?, chosen.encode(settings, &encoder, &test)?);
        Ok(Self { encoder, train, test })
    }

    /// The scores with each of the penalties. A fit starts at the one before it, whose penalty is next to its own.
    fn scores(&self, all: &[GlmSettings]) -> Result<Vec<FoldScore>> {
        let penalty = |place: &usize| all[*place].model.l1 + all[*place].model.l2;
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by(|a, b| penalty(b).total_cmp(&penalty(a)));
        let (mut scores, mut last): (_, Option<GlmFit>) = (vec![None; all.len()], None);
        for place in order {
            let config = plan::config(&all[place], (&self.encoder, &self.train), &self.encoder.feature_names())?;
            let config = match &last {
                Some(fit) => config.start_from(fit),
                None => config,
            };
            let (inputs, response) = (self.train.inputs.clone(), self.train.response.clone());
            let fit = config
                .fit_with(inputs, response, |_| ControlFlow::Continue(()))
                .map_err(|error| Failure { message: error.to_string(), exit: Exit::NotConverged })?;
            let fitted = FittedGlm { model: fit.model.clone(), encoder: self.encoder.clone() };
            scores[place] = Some(fitted.score(&self.test).0.of_fold());
            last = Some(fit);
        }
        Ok(scores.into_iter().flatten().collect())
    }

    /// A penalty that leaves little or nothing but intercepts: for l1 the largest slope of the loss of a constant mean, for l2 ten times
    /// the mean square of the features.
    fn largest(&self, penalty: PenaltyName) -> f64 {
        let (inputs, response) = (self.train.inputs.to_cow(), self.train.response.to_cow());
        let d = self.encoder.feature_names().len().max(1);
        #[allow(clippy::cast_precision_loss, reason = "numbers of rows and features")]
        let (n, width) = (response.len() as f64, d as f64);
        if penalty == PenaltyName::L2 {
            let square = inputs.iter().map(|x| x * x).sum::<f64>() / (n * width);
            return 10.0 * square.max(f64::MIN_POSITIVE);
        }
        let mean = response.iter().sum::<f64>() / n;
        let mut slopes = vec![0.0; d];
        for (row, y) in inputs.chunks_exact(d).zip(&*response) {
            row.iter().zip(&mut slopes).for_each(|(x, slope)| *slope += (mean - y) * x / n);
        }
        slopes.iter().fold(f64::MIN_POSITIVE, |largest, slope| largest.max(slope.abs()))
    }
}
