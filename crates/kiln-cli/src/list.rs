//! `kiln devices` and `kiln datasets`.

use kiln::{
    data::{Locate, Presence, catalogue},
    tensor::device,
};

use crate::{
    console::Console,
    failure::{Exit, Result},
    flags::DatasetsFlags,
};

/// `kiln devices`.
pub(crate) fn devices(console: Console) -> Result<Exit> {
    let devices = device::available();
    let json: Vec<_> = devices
        .iter()
        .map(|d| {
            serde_json::json!({
                "name": d.name, "kind": d.kind, "backend": d.backend.name(), "description": d.description, "dtypes": d.dtypes,
            })
        })
        .collect();
    console.result(&json, || {
        let rows = devices.iter().map(|d| {
            [d.name.clone(), d.kind.into(), d.backend.name().into(), d.dtypes.join(" "), d.description.clone()]
        });
        table(["NAME", "KIND", "BACKEND", "FLOAT TYPES", "DEVICE"], rows.collect())
    });
    Ok(Exit::Done)
}

/// `kiln datasets`.
pub(crate) fn datasets(flags: DatasetsFlags, console: Console) -> Result<Exit> {
    let datasets = catalogue(&Locate { data_dir: flags.data_dir, offline: true });
    let place = |presence: &Presence| match presence {
        Presence::Embedded => "built in".to_owned(),
        Presence::Found(path) => path.display().to_string(),
        Presence::Absent => "downloaded at first use".to_owned(),
    };
    let json: Vec<_> = datasets
        .iter()
        .map(|d| {
            serde_json::json!({
                "name": d.name, "description": d.description, "rows": d.rows, "features": d.features, "classes": d.classes,
                "licence": d.licence, "source": d.source, "where": place(&d.presence),
            })
        })
        .collect();
    console.result(&json, || {
        let rows = datasets.iter().map(|d| {
            [
                d.name.into(),
                d.rows.to_string(),
                d.features.to_string(),
                d.classes.to_string(),
                d.licence.into(),
                place(&d.presence),
                d.description.into(),
            ]
        });
        table(["NAME", "ROWS", "FEATURES", "CLASSES", "LICENCE", "WHERE", "CONTENT"], rows.collect())
    });
    Ok(Exit::Done)
}

/// Columns as wide as their widest cell, two spaces apart.
fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(header.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
