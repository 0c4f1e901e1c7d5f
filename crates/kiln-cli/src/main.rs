//! The command line of Kiln.
//!
//! A command goes through three layers: [`flags`] (the text), [`config`] (what it means, with files and defaults), and
//! the model's own module, [`vae`] or [`logistic`], which loads data, trains, and writes the run's folder ([`rundir`]).

mod config;
mod console;
mod failure;
mod flags;
mod gmm;
mod interrupt;
mod list;
mod logistic;
mod lr_find;
mod machine;
mod method;
mod model_file;
mod picture;
mod plot;
mod rates;
mod record;
mod rundir;
mod session;
mod snapshots;
mod solve;
mod solver;
mod svm;
mod tables;
mod vae;
mod verify;
mod vi;

use std::{io::Write, path::Path, process::ExitCode};

use clap::Parser;
use kiln::burn::tensor::Tensor;

use crate::{
    config::Config,
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{Command, Flags, LrFind, Train},
    rundir::RunDir,
};

/// A step frees as much as it allocates, megabytes at a time, and the system's allocator gives large blocks back to the
/// system, page by page, each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A panic is a fault of ours: one line that says so, not a backtrace.
    std::panic::set_hook(Box::new(|info| {
        let _ = writeln!(
            std::io::stderr(),
            "kiln: internal error, please report it: {}",
            info.to_string().replace('\n', " ")
        );
    }));
    let flags = Flags::parse();
    let exit = std::panic::catch_unwind(|| run(flags)).unwrap_or(Ok(Exit::Internal));
    let exit = exit.unwrap_or_else(|Failure { message, exit }| {
        let _ = writeln!(std::io::stderr(), "kiln: {message}");
        exit
    });
    ExitCode::from(exit as u8)
}

fn run(flags: Flags) -> Result<Exit> {
    let console = Console::new(&flags.output);
    match flags.command {
        Command::Train(Train::Vae(flags)) => vae::train(*flags, console),
        Command::Train(Train::Logistic(flags)) => logistic::train(*flags, console),
        Command::Train(Train::Gmm(flags)) => gmm::train(*flags, console),
        Command::Train(Train::Svm(flags)) => svm::train(*flags, console),
        Command::Eval(flags) => match RunDir::open(&flags.run)? {
            (dir, Config::Vae(settings)) => vae::eval(&dir, settings, flags, console),
            (dir, Config::Logistic(settings)) => logistic::eval(&dir, settings, flags, console),
            (dir, Config::Gmm(settings)) => gmm::eval(&dir, settings, flags, console),
            (dir, Config::Svm(settings)) => svm::eval(&dir, settings, flags, console),
        },
        Command::Resume(flags) => match RunDir::open(&flags.run)? {
            (dir, Config::Vae(settings)) => vae::resume(&dir, settings, &flags, console),
            (dir, Config::Logistic(settings)) => logistic::resume(&dir, settings, &flags, console),
            (_, other) => Err(wrong_model("resume", "vae or logistic", &other, &flags.run)),
        },
        Command::Predict(flags) => match RunDir::open(&flags.run)? {
            (dir, Config::Logistic(settings)) => logistic::predict(&dir, settings, flags, console),
            (dir, Config::Gmm(settings)) => gmm::predict(&dir, settings, flags, console),
            (dir, Config::Svm(settings)) => svm::predict(&dir, settings, flags, console),
            (_, other) => Err(wrong_model("predict", "logistic, gmm or svm", &other, &flags.run)),
        },
        Command::Sample(flags) => match RunDir::open(&flags.run)? {
            (dir, Config::Vae(settings)) => vae::sample(&dir, settings, flags, console),
            (_, other) => Err(wrong_model("sample", "vae", &other, &flags.run)),
        },
        Command::Reconstruct(flags) => match RunDir::open(&flags.run)? {
            (dir, Config::Vae(settings)) => vae::reconstruct(&dir, settings, flags, console),
            (_, other) => Err(wrong_model("reconstruct", "vae", &other, &flags.run)),
        },
        Command::Latent(latent) => match RunDir::open(latent.run())? {
            (dir, Config::Vae(settings)) => vae::latent(&dir, settings, latent, console),
            (_, other) => Err(wrong_model("latent", "vae", &other, latent.run())),
        },
        Command::Devices => list::devices(console),
        Command::Datasets(flags) => list::datasets(flags, console),
        Command::Schedules => list::schedules(console),
        Command::LrFind(LrFind::Vae(flags)) => vae::lr_find(*flags, console),
        Command::LrFind(LrFind::Logistic(flags)) => logistic::lr_find(*flags, console),
        Command::Verify(flags) => verify::verify(&flags, console),
        Command::Solve(flags) => solve::solve(flags, console),
        Command::Vi(flags) => vi::vi(*flags, console),
        Command::Rates(flags) => rates::rates(flags, console),
    }
}

fn wrong_model(command: &str, needed: &str, config: &Config, run: &Path) -> Failure {
    let kind = config.kind();
    Failure::usage(format!("{} is a run of the model {kind}: `kiln {command}` needs one of {needed}", run.display()))
}

/// The last part of a dataset's name or path, without an extension.
fn file_stem(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| "data".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// The tensor's values in row-major order.
fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as::<f64>().expect("a float tensor converts to f64")
}
