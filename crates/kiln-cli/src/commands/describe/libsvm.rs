//! What a file of LIBSVM rows holds.

use std::path::Path;

use kiln::data::{SparseExamples, SparseOptions};

use crate::base::{Console, Exit, Result};

/// Classes whose rows are counted.
const SHOWN: usize = 10;

/// Describes the rows of a file.
pub(super) fn describe(file: &Path, console: Console) -> Result<Exit> {
    let rows = SparseExamples::read(file, &SparseOptions::default())?;
    let (low, high) =
        rows.targets().iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(*y), high.max(*y)));
    let mut counts = vec![0_usize; rows.class_names().len()];
    rows.class_targets().iter().for_each(|class| counts[*class] += 1);
    let first = usize::from(!rows.is_zero_based());
    let result = serde_json::json!({
        "file": rows.file(), "sha256": rows.sha256(), "rows": rows.len(), "features": rows.features(), "first_feature": first,
        "stored": rows.stored(), "density": rows.density(), "label": { "lowest": low, "highest": high },
        "classes": rows.class_names().iter().zip(&counts).collect::<std::collections::BTreeMap<_, _>>(),
    });
    console.result(&result, || {
        let labels = if counts.is_empty() {
            format!("numbers from {low} to {high}")
        } else {
            let of = |(name, count): (&String, &usize)| format!("{name} ({count})");
            let more =
                if counts.len() > SHOWN { format!(", and {} more", counts.len() - SHOWN) } else { String::new() };
            rows.class_names().iter().zip(&counts).take(SHOWN).map(of).collect::<Vec<_>>().join(", ") + &more
        };
        format!(
            "{}: {} LIBSVM rows of {} features, numbered from {first}\n\
             values  {} are not 0, {:.3}% of all\n\
             labels  {labels}\n\
             `kiln train glm` keeps the rows sparse",
            rows.file(),
            rows.len(),
            rows.features(),
            rows.stored(),
            100.0 * rows.density()
        )
    })?;
    Ok(Exit::Done)
}
