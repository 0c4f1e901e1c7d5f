//! A fit on several ranks: which rows each of them has, and what all of them know at the end.

use kiln::models::{
    GlmError, GlmFit,
    glm::{GlmDataError, Influence, Values},
};

use super::rows::GlmRows;
use crate::base::{
    Exit, Failure, Result,
    ranks::{agree, world},
};

/// This rank's part of rows that every rank has read. There is none in one process, and where each rank has read its share.
pub(super) fn own_part(rows: &GlmRows) -> Option<GlmRows> {
    let world = world();
    (!world.is_alone() && !rows.is_share).then(|| rows.part(world.share_of(rows.len())))
}

/// Gives a fit the means and the influence of the rows of all ranks.
pub(super) fn gather(fit: &mut GlmFit) -> Result<()> {
    let world = world();
    if world.is_alone() {
        return Ok(());
    }
    fit.fitted = world.gather_numbers(&fit.fitted)?.concat();
    let numbers = |row: &Influence| {
        let Influence { fitted, linear_predictor, leverage, residual, pearson, deviance, standardized, cooks_distance } =
            *row;
        [fitted, linear_predictor, leverage, residual, pearson, deviance, standardized, cooks_distance]
    };
    let own: Vec<f64> = fit.influence.iter().flat_map(numbers).collect();
    let all = world.gather_numbers(&own)?.concat();
    let row = |numbers: &[f64]| {
        let &[fitted, linear_predictor, leverage, residual, pearson, deviance, standardized, cooks_distance] = numbers
        else {
            return None;
        };
        Some(Influence {
            fitted,
            linear_predictor,
            leverage,
            residual,
            pearson,
            deviance,
            standardized,
            cooks_distance,
        })
    };
    fit.influence = all.chunks_exact(8).filter_map(row).collect();
    Ok(())
}

/// The responses and weights of all ranks, without features. Those in a file stay there.
pub(super) fn responses(rows: &GlmRows) -> Result<GlmRows> {
    let world = world();
    let of_all = |own: &Values| -> Result<Values> {
        match own.is_in_file() {
            true => Ok(own.clone()),
            false => Ok(world.gather_numbers(&own.to_cow())?.concat().into()),
        }
    };
    Ok(GlmRows {
        inputs: Values::default(),
        inflation: Vec::new(),
        offset: None,
        response: of_all(&rows.response)?,
        weights: rows.weights.as_ref().map(of_all).transpose()?,
        clusters: None,
        lines: Vec::new(),
        is_share: rows.is_share,
    })
}

/// The failure of the rank whose rows were refused. All ranks have an error then, and those of the others only repeat it.
pub(super) fn of_first(error: GlmError, failure: impl FnOnce(GlmError) -> Failure) -> Failure {
    if !matches!(error, GlmError::Data(_)) {
        return failure(error);
    }
    let repeats = matches!(error, GlmError::Data(GlmDataError::World(_)));
    let own = failure(error);
    let told = if repeats { Ok(()) } else { Err(Failure { message: own.message.clone(), exit: own.exit }) };
    agree(told).err().filter(|told| told.exit != Exit::Internal).unwrap_or(own)
}
