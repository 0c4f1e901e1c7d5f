//! `kiln cv glm`.

use std::ops::ControlFlow;

use kiln::data::Split;
use rayon::prelude::*;

use super::{data::Chosen, encoder::GlmEncoder, fitted::FittedGlm, plan, settings::GlmSettings};
use crate::{
    base::{Console, Exit, Failure, Result},
    context::{Candidate, CrossValidation, FoldScore},
    names::PenaltyName,
};

/// Fits the model on all folds but one, for each fold, and scores it on that one.
pub(crate) fn cv(validation: &CrossValidation, settings: &GlmSettings, console: Console) -> Result<Exit> {
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
    notes.iter().for_each(|note| console.note(note));
    let splits: Vec<Split> = folds.iter().collect();
    let scores: Vec<FoldScore> = splits
        .par_iter()
        .enumerate()
        .map(|(index, split)| score(settings, &chosen, &encoder, index, split))
        .collect::<Result<_>>()?;
    validation.report(splits.len(), PenaltyName::None, vec![Candidate::new(None, scores)], console)
}

fn score(
    settings: &GlmSettings,
    chosen: &Chosen,
    whole: &GlmEncoder,
    index: usize,
    split: &Split,
) -> Result<FoldScore> {
    let (train, test) = (chosen.table.subset(&split.train), chosen.table.subset(&split.test));
    // What a feature learns, it learns from the training rows. The classes are those of all rows.
    let encoder = chosen.encoder(settings, &train)?.with_response_of(whole);
    let (train, test) = (chosen.encode(settings, &encoder, &train)?, chosen.encode(settings, &encoder, &test)?);
    let config = plan::config(settings, (&encoder, &train), &encoder.feature_names())?;
    let fit = config.fit_with(train.inputs, train.response, |_| ControlFlow::Continue(())).map_err(|error| {
        Failure { message: format!("without fold {}, {error}", index + 1), exit: Exit::NotConverged }
    })?;
    let (score, _) = FittedGlm { model: fit.model, encoder }.score(&test);
    Ok(score.of_fold())
}
