//! `kiln devices`, `kiln datasets` and `kiln schedules`.

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

/// `kiln schedules`.
pub(crate) fn schedules(console: Console) -> Result<Exit> {
    let json: Vec<_> = SCHEDULES
        .iter()
        .map(
            |[name, keys, value, what]| serde_json::json!({ "name": name, "keys": keys, "value": value, "what": what }),
        )
        .collect();
    console.result(&json, || {
        let rows = SCHEDULES.iter().map(|row| row.map(str::to_owned)).collect();
        let table = table(["SCHEDULE", "KEYS AND DEFAULTS", "VALUE AT STEP k", "WHAT"], rows);
        format!("{table}\n\n{SCHEDULE_NOTES}")
    });
    Ok(Exit::Done)
}

/// Name, keys with their defaults, value at step k for a base value of c, and a word on it.
const SCHEDULES: [[&str; 4]; 14] = [
    ["constant", "", "c", "the default"],
    ["linear", "last=0.01 steps", "c·((1 − k/τ) + last·k/τ), then c·last", "straight to a hundredth"],
    ["polynomial", "power=2 last=0.01 steps", "c·(last + (1 − last)(1 − k/τ)^power)", "linear with power=1"],
    ["inverse-time", "kappa power=1 unchecked=false", "c/(1 + k/kappa)^power", "Robbins–Monro for power in (1/2, 1]"],
    ["inverse-sqrt", "kappa=1", "c/√(1 + k/kappa)", "convex objectives, averaged iterates"],
    ["exponential", "factor every", "c·factor^(k/every)", "smooth; factor above 1 grows"],
    ["step", "factor every", "c·factor^⌊k/every⌋", "at once; factor=2 for growing batches"],
    ["multi-step", "at=K/K/… factor=0.1", "c·factor^(milestones ≤ k)", "at once, at chosen steps"],
    ["cosine", "last=0 steps", "c·(last + (1 − last)(1 + cos πk/τ)/2)", "half a cosine, then c·last"],
    ["cosine-restarts", "period growth=1 last=0", "the same in each period", "warm restarts (SGDR)"],
    ["one-cycle", "start=0.04 rise=0.3 last=4e-6 steps", "c·start up to c, down to c·last", "peak at rise·τ"],
    ["sutskever", "", "min(1 − 1/(2⌊k/250⌋ + 2), c)", "for --momentum-schedule"],
    ["nesterov", "", "min(k/(k + 3), c)", "for --momentum-schedule"],
    [
        "plateau",
        "factor=0.1 patience=10 threshold=1e-4 cooldown=0 least=0",
        "c·factor^(plateaus)",
        "for --schedule only",
    ],
];

const SCHEDULE_NOTES: &str = "\
Write NAME or NAME:key=value,key=value, as in cosine:last=0.1,warm-up=500. c is --lr, --momentum or --batch-size.
τ is steps=…, the rest of the run where it is left away; last, start and least are fractions of c.
Every schedule but plateau also takes warm-up=N steps, from=0.01 of c; its own steps are counted from there.";

/// Columns as wide as their widest cell, two spaces apart.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(header.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
