//! Whether a run's data are still those that it was trained on.

use super::record::{DataRecord, RunRecord};
use crate::base::{Console, Exit, Failure, Result};

/// Compares the data that were read with those of the run. Changed data are an error, or with `allowed` a warning, which
/// is put into `record` too.
pub(crate) fn check_data(record: &mut RunRecord, found: &DataRecord, allowed: bool, console: Console) -> Result<()> {
    if record.data.sha256 == found.sha256 {
        return Ok(());
    }
    let name = &found.name;
    if !allowed {
        return Err(Failure::usage(format!(
            "{name} is not the data that the run was trained on (another SHA-256): name those with --data, start a new run, \
             or add --allow-changed-data to go on with these"
        )));
    }
    let warning = format!(
        "the data changed: {name} has the SHA-256 {} and the run was trained on {}; rows of the training part may be in the \
         test part",
        found.sha256, record.data.sha256
    );
    console.warn(&warning);
    record.warn(&warning);
    Ok(())
}

/// The same for a certificate, which is of the data that the run was trained on.
pub(crate) fn check_certified(record: &RunRecord, found: &DataRecord) -> Result<()> {
    match record.data.sha256 == found.sha256 {
        true => Ok(()),
        false => Err(Failure {
            message: format!(
                "the certificate does not hold for {}, which is not the data that the run was trained on (another SHA-256)",
                found.name
            ),
            exit: Exit::NotConverged,
        }),
    }
}
