//! `kiln report`: one HTML file about a run, or about several.

use std::path::PathBuf;

use clap::Args;

use super::{
    compare::{Comparison, Difference},
    posterior_report::{self, is_posterior},
    recorded::{Recorded, facts_of, panels_of},
};
use crate::{
    base::{Block, CONFIG, Console, Exit, Failure, Output, Page, REPORT, Result, Section},
    flags::{RunAccess, RunsAccess, WriteFlags},
    models::Config,
};

#[derive(Args, Debug)]
pub(crate) struct ReportFlags {
    /// Run folder, or folder of `kiln vi`; several runs make a comparison
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    write: WriteFlags,
    #[command(flatten)]
    access: RunsAccess,
}

/// `kiln report`.
pub(crate) fn report(flags: &ReportFlags, console: Console) -> Result<Exit> {
    let (asked, force) = (flags.write.output.as_deref(), flags.write.force);
    let (output, page) = match &flags.runs[..] {
        [folder] if is_posterior(folder) => {
            let output = Output::or_in(asked, force, folder, REPORT)?;
            (output, posterior_report::page(folder)?)
        }
        [run] => {
            let run = Recorded::read(run)?;
            let output = Output::or_in(asked, force, run.dir.path(), REPORT)?;
            (output, of_run(&run, &flags.access.of(run.dir.path()), console)?)
        }
        runs => {
            let path = asked.ok_or_else(|| Failure::usage("a report of several runs needs --output FILE.html"))?;
            let output = Output::new(path, force)?;
            (output, of_comparison(&Comparison::of(runs, &flags.access, true, console)?))
        }
    };
    let html = page.html()?;
    output.write(html.as_bytes())?;
    let json = serde_json::json!({ "output": output.shown(), "bytes": html.len(), "warnings": page.warnings });
    console.result(&json, || {
        let warnings = page.warnings.iter().map(|warning| format!("\n{warning}")).collect::<String>();
        format!("report in {}{warnings}", output.shown())
    })?;
    Ok(Exit::Done)
}

fn of_run(run: &Recorded, access: &RunAccess, console: Console) -> Result<Page> {
    let record = &run.record;
    let mut warnings = record.warnings.clone();
    let status = run.result.as_ref().and_then(|result| result["status"].as_str());
    match (status, &run.result) {
        (_, None) => warnings.push("The run has not ended, or was killed: it has no result.json.".to_owned()),
        (Some("diverged"), Some(result)) => {
            warnings
                .push(format!("Training diverged: {}", result["message"].as_str().unwrap_or("a value is not finite")));
        }
        (Some("interrupted"), _) => {
            warnings.push(format!("The run was interrupted: `kiln resume {}` goes on with it.", run.name));
        }
        _ => {}
    }
    let mut sections = Vec::new();
    if let Some(charts) = Block::charts(&panels_of(&[(&run.name, &run.metrics)])) {
        sections.push(Section::new("Training", vec![charts]));
    }
    match Config::of(&run.dir)?.report(run.dir.clone(), access, console) {
        Ok(of_model) => sections.extend(of_model),
        Err(failure) => warnings.push(format!("The report shows nothing of the model: {}.", failure.message)),
    }
    if let Some(result) = &run.result {
        sections.push(Section::new("All results", vec![Block::Facts { rows: facts_of(result) }]));
    }
    sections.push(Section::new("Data", vec![Block::Facts { rows: data_of(run) }]));
    sections.push(Section::new("Settings", vec![Block::Facts { rows: run.settings.clone() }]));
    sections.push(Section::new("Environment", vec![Block::Facts { rows: environment_of(run) }]));
    sections.push(repeat(run));
    Ok(Page {
        title: run.name.clone(),
        about: format!("{} on {}, started {}", run.kind, record.data.name, record.started),
        highlights: run.highlights.clone(),
        warnings,
        sections,
    })
}

fn data_of(run: &Recorded) -> Vec<(String, String)> {
    let data = &run.record.data;
    let mut rows =
        vec![("data".to_owned(), data.name.clone()), ("training examples".to_owned(), data.n_train.to_string())];
    rows.extend(data.n_validation.map(|n| ("validation examples".to_owned(), n.to_string())));
    rows.push(("test examples".to_owned(), data.n_test.to_string()));
    if let Some([height, width]) = data.image_size {
        let channels = data.image_channels.map_or_else(String::new, |channels| format!("×{channels}"));
        rows.push(("image size".to_owned(), format!("{height}×{width}{channels}")));
    }
    if !data.classes.is_empty() {
        rows.push(("classes".to_owned(), data.classes.join(", ")));
    }
    rows.push(("SHA-256".to_owned(), data.sha256.clone()));
    rows
}

fn environment_of(run: &Recorded) -> Vec<(String, String)> {
    let record = &run.record;
    let mut rows = vec![
        ("Kiln".to_owned(), record.kiln.clone()),
        ("Burn".to_owned(), record.burn.clone()),
        ("device".to_owned(), record.device.clone()),
        ("floating-point type".to_owned(), record.dtype.clone()),
        ("threads".to_owned(), record.threads.to_string()),
        ("seed".to_owned(), record.seed.to_string()),
        ("started".to_owned(), record.started.clone()),
    ];
    rows.extend(record.ended.iter().map(|ended| ("ended".to_owned(), ended.clone())));
    rows.extend(record.wall_s.iter().map(|seconds| ("seconds of training".to_owned(), format!("{seconds:.1}"))));
    rows
}

/// How the run is repeated.
fn repeat(run: &Recorded) -> Section {
    let record = &run.record;
    let config = run.dir.file(CONFIG);
    let mut commands = vec![record.command.clone()];
    commands.extend(record.resumed.iter().map(|resumed| resumed.command.clone()));
    let again = format!("kiln train {} --config {} --out NEW", run.kind, config.display());
    Section::new(
        "How to repeat it",
        vec![
            Block::text("The commands of this run:"),
            Block::Verbatim { text: commands.join("\n") },
            Block::text("The same run from its complete settings, in a new folder:"),
            Block::Verbatim { text: again },
        ],
    )
}

fn of_comparison(comparison: &Comparison) -> Page {
    let mut sections = Vec::new();
    let (header, rows) = comparison.results();
    sections.push(Section::new("Results", vec![Block::table("One row per run", header, rows)]));
    if !comparison.differences.is_empty() {
        let about = "The mean difference of the losses on the same test examples, with its standard error over the examples. \
                     A negative difference means that the run has the smaller loss.";
        let row = |of: &Difference| {
            let Difference { run, baseline, loss, examples, mean, standard_error } = of;
            let number = |value: &f64| format!("{value:+.4}");
            let error = format!("{standard_error:.4}");
            vec![run.clone(), baseline.clone(), (*loss).to_owned(), examples.to_string(), number(mean), error]
        };
        let header = ["run", "compared with", "loss", "test examples", "mean difference", "standard error"];
        let rows = comparison.differences.iter().map(row).collect();
        let table = Block::table("In nats per example", header.map(str::to_owned).to_vec(), rows);
        sections.push(Section::new("Differences", vec![Block::text(about), table]));
    }
    if let Some(charts) = Block::charts(&comparison.panels()) {
        sections.push(Section::new("Training", vec![charts]));
    }
    let (header, rows) = comparison.settings();
    let differing = match rows.is_empty() {
        true => Block::text("The runs have the same settings."),
        false => Block::table("Settings in which the runs differ", header, rows),
    };
    sections.push(Section::new("Settings", vec![differing]));
    let commands: Vec<String> = comparison.runs.iter().map(|run| run.record.command.clone()).collect();
    sections.push(Section::new("Commands", vec![Block::Verbatim { text: commands.join("\n") }]));
    Page {
        title: format!("Comparison of {} runs", comparison.runs.len()),
        about: comparison.runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(", "),
        highlights: Vec::new(),
        warnings: comparison.notes.clone(),
        sections,
    }
}
