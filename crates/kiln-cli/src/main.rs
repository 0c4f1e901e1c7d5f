//! The command line of Kiln.
//!
//! Flags (text) become settings, settings and data become a plan (complete and checked), and a command carries the plan
//! out. The modules are layers; each uses only those below it:
//!
//! ```text
//! command_line   all commands, as typed
//! commands       commands that are not about training one model
//! models         a folder per model, the list of models, what they share
//! context        device, data, run, record
//! flags          flags that several commands share
//! settings       config.toml
//! names          algorithms by name
//! base           errors, output, files, run folders, pictures
//! ```

mod base;
mod command_line;
mod commands;
mod context;
mod flags;
mod models;
mod names;
mod settings;

use std::{io::Write, process::ExitCode};

use clap::{CommandFactory, Parser};

use crate::{
    base::{
        Console, Exit, Failure, Ranks, Result, RunDir,
        ranks::{opened, world},
    },
    command_line::{Command, CommandLine},
    models::Config,
};

/// A step frees as many megabytes as it allocates, and the system's allocator would give them back to the system each
/// time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A panic is a bug: one line says so. A developer gets the backtrace too.
    let usual = std::panic::take_hook();
    let backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    std::panic::set_hook(Box::new(move |info| {
        // CubeCL tries kernels that a GPU may not have, in a thread of this name, and catches their panics. One that matters is an error
        // in the thread that waits for the result.
        if !backtrace && std::thread::current().name().is_some_and(|name| name.starts_with("DSD-")) {
            return;
        }
        let text = info.to_string().replace('\n', " ");
        let _ = writeln!(std::io::stderr(), "kiln: internal error, please report it: {text}");
        if backtrace {
            usual(info);
        }
    }));
    let line = CommandLine::parse();
    let print = |line: &str| {
        let _ = writeln!(std::io::stderr(), "kiln: {line}");
    };
    let exit = match Ranks::start() {
        Ok(ranks) => {
            let end = std::panic::catch_unwind(|| run(line)).unwrap_or(Ok(Exit::Internal));
            ranks.end(end, print)
        }
        Err(failure) => {
            if world().is_root() {
                print(&failure.line());
            }
            failure.exit
        }
    };
    ExitCode::from(exit as u8)
}

fn run(line: CommandLine) -> Result<Exit> {
    let console = Console::new(line.output.json, line.output.quiet);
    let (console, world) = (if world().is_root() { console } else { Console::silent() }, world());
    let shares = matches!(line.command, Command::Train(_) | Command::Resume(_) | Command::BenchCollectives(_));
    if !world.is_alone() && !shares {
        return Err(Failure::usage(
            "only `kiln train` and `kiln resume` run in several processes: start this command without mpirun",
        ));
    }
    match line.command {
        Command::Train(train) => train.run(console),
        Command::WarmUp(model) => model.run(console),
        Command::Resume(flags) => {
            let (dir, _scratch) = opened(|| RunDir::open(&flags.run))?;
            Config::of(&dir)?.resume(&dir, &flags, console)
        }
        Command::Eval(flags) => {
            let dir = RunDir::open(&flags.access.run)?;
            Config::of(&dir)?.eval(dir, &flags, console)
        }
        Command::FitCurve(flags) => commands::fit_curve(&flags, console),
        Command::Describe(flags) => commands::describe(&flags, console),
        Command::Predict(flags) => {
            let dir = RunDir::open(&flags.access.run)?;
            Config::of(&dir)?.predict(dir, &flags, console)
        }
        Command::Export(flags) => {
            let dir = RunDir::open(&flags.access.run)?;
            Config::of(&dir)?.export(dir, &flags, console)
        }
        Command::Sample(flags) => commands::sample(&flags, console),
        Command::Reconstruct(flags) => commands::reconstruct(&flags, console),
        Command::Embed(flags) => commands::embed(&flags, console),
        Command::Report(flags) => commands::report(&flags, console),
        Command::Compare(flags) => commands::compare(&flags, console),
        Command::Score(flags) => commands::score(&flags, console),
        Command::Latent(command) => commands::latent(&command, console),
        Command::Cv(command) => commands::cv(command, console),
        Command::LrFind(command) => commands::lr_find(command, console),
        Command::Verify(flags) => commands::verify(&flags, console),
        Command::Solve(flags) => commands::solve(flags, console),
        Command::Vi(flags) => commands::vi(*flags, console),
        Command::Rates(flags) => commands::rates(flags, console),
        Command::BenchCollectives(flags) => commands::bench_collectives(&flags, console),
        Command::Devices => commands::devices(console),
        Command::Datasets(flags) => commands::datasets(flags, console),
        Command::Schedules => commands::schedules(console),
        Command::Completions(flags) => commands::completions(&flags, CommandLine::command()),
        Command::Man(flags) => commands::man(&flags, CommandLine::command()),
    }
}
