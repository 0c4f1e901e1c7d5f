//! `kiln devices`, `kiln datasets` and `kiln schedules`.

use std::path::PathBuf;

use clap::Args;
use kiln::{
    data::{Locate, Presence, catalogue},
    tensor::device,
};

use crate::base::{Console, Exit, Result, table};

#[derive(Args, Debug)]
pub(crate) struct DatasetsFlags {
    /// Folder with the datasets [default: $KILN_DATA_DIR, then the cache]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// `kiln devices`.
pub(crate) fn devices(console: Console) -> Result<Exit> {
    let devices = device::available();
    for device::UnusableDevice { name, reason } in device::unusable() {
        console.warn(format_args!("device '{name}' cannot be used: {reason}"));
    }
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
    })?;
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
        table(["NAME", "ROWS", "FEATURES", "CLASSES", "LICENCE", "LOCATION", "CONTENT"], rows.collect())
    })?;
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
        let table = table(["SCHEDULE", "KEYS AND DEFAULTS", "VALUE AT STEP k", "DESCRIPTION"], rows);
        format!("{table}\n\n{SCHEDULE_NOTES}")
    })?;
    Ok(Exit::Done)
}

/// Name, keys with their defaults, value at step k for a base value c, and a description.
const SCHEDULES: [[&str; 4]; 14] = [
    ["constant", "", "c", "the default"],
    ["linear", "last=0.01 steps", "c·((1 − k/τ) + last·k/τ), then c·last", "linear decay to 0.01·c"],
    ["polynomial", "power=2 last=0.01 steps", "c·(last + (1 − last)(1 − k/τ)^power)", "linear with power=1"],
    ["inverse-time", "kappa power=1 unchecked=false", "c/(1 + k/kappa)^power", "Robbins–Monro for power in (1/2, 1]"],
    ["inverse-sqrt", "kappa=1", "c/√(1 + k/kappa)", "convex objectives, averaged iterates"],
    ["exponential", "factor every", "c·factor^(k/every)", "a factor above 1 grows"],
    ["step", "factor every", "c·factor^⌊k/every⌋", "stepwise; factor=2 grows batches"],
    ["multi-step", "at=K/K/… factor=0.1", "c·factor^(milestones ≤ k)", "stepwise, at chosen steps"],
    ["cosine", "last=0 steps", "c·(last + (1 − last)(1 + cos πk/τ)/2)", "cosine decay, then c·last"],
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
τ is steps=…, by default the rest of the run; last, start and least are fractions of c.
Every schedule except plateau also takes warm-up=N steps, starting at from=0.01 of c; its own steps count from there.";
