//! How many kernels a GPU runs for a step of a VAE, and how often the host waits for it.
//!
//! CubeCL's own log of the kernels is counted, and with a debugger the calls of the one function by which it reads from a device. Each is
//! counted in a process of its own. The numbers do not depend on the device, so a software driver will do.
#![cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]

use std::{fs, path::Path, process::Command, thread, time::Duration};

use kiln::{
    data::Images,
    models::RegressionLoss,
    optim::solver::lbfgs,
    prelude::*,
    tensor::{DeviceInfo, device::available},
};

/// Kernels of a step of a VAE with two layers on each side, trained by Adam. Not counted are copies of a matrix into another layout, which
/// some of the products need that the tuner chooses from, by their times.
const AT_MOST: f64 = 40.0;

/// The kernels in the log, and how many of them are copies.
fn count(log: &Path) -> [usize; 2] {
    // The log is written by a thread of its own.
    let mut before = [usize::MAX; 2];
    loop {
        thread::sleep(Duration::from_millis(500));
        let text = fs::read_to_string(log).unwrap_or_default();
        let now =
            ["Executing", "Executing CopyKernel"].map(|name| text.lines().filter(|line| line.contains(name)).count());
        if now == before {
            return now;
        }
        before = now;
    }
}

fn gpu() -> Option<DeviceInfo> {
    let found = available().into_iter().find(|info| !matches!(info.name.as_str(), "flex" | "ndarray"));
    assert!(found.is_some() || std::env::var_os("KILN_EXPECT_ADAPTER").is_none(), "no adapter on this machine");
    found
}

/// Images whose minibatches come from the host, as those of a dataset that does not fit the device.
struct FromHost(Images);

impl Dataset for FromHost {
    type Batch = Tensor<2>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Tensor<2> {
        self.0.batch(rows, device)
    }
}

/// Trains a VAE for a number of steps, with the next line of the log far away.
fn train(info: &DeviceInfo, steps: usize, optimizer: FirstOrder) {
    train_on(info, steps, optimizer, &digits(steps));
}

fn digits(steps: usize) -> Images {
    kiln::data::digits().subset(&(0..steps * 32).collect::<Vec<_>>())
}

fn train_on(info: &DeviceInfo, steps: usize, optimizer: FirstOrder, data: &impl Dataset<Batch = Tensor<2>>) {
    let model = VaeConfig::new(64).hidden_dim(64).latent_dim(4).init(3, &info.device().autodiff()).unwrap();
    let schedule = Schedule::constant(1e-3).unwrap();
    let config = TrainConfig { epochs: 1, batch_size: 32, log_every: 1000, schedule, ..TrainConfig::default() };
    let outcome = Trainer::new(config, optimizer).fit(model, &Elbo::new(), data, None);
    assert_eq!(outcome.unwrap().steps, steps as u64);
}

fn by_passes() -> FirstOrder {
    AdamConfig::new().build().unwrap().into()
}

/// Burn's type of optimiser does not say what it does, so that the host waits for every step.
fn opaque() -> FirstOrder {
    AdamConfig::new().init().unwrap().into()
}

/// The variable with the file of the log, in the process that writes it.
const LOG: &str = "KILN_KERNELS_LOG";
/// The file beside it with the number of copies.
const COPIES: &str = "copies";

/// Runs the test below in a process of its own. Returns the copies of a step.
fn copies_of_a_process() -> f64 {
    // CubeCL reads its settings from the folder in which a process starts.
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("kernels.log");
    let config = format!("[profiling.logger]\nlevel = \"minimal\"\nfile = \"{}\"\n", log.display());
    fs::write(folder.path().join("cubecl.toml"), config).unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "a_step_of_a_vae_takes_few_launches", "--nocapture"]);
    let status = process.current_dir(folder.path()).env(LOG, &log).status().unwrap();
    assert!(status.success(), "see above");
    // There is none without an adapter.
    fs::read_to_string(folder.path().join(COPIES)).map_or(0.0, |text| text.parse().unwrap())
}

#[test]
fn a_step_of_a_vae_takes_few_launches() {
    let Some(log) = std::env::var_os(LOG) else {
        // The tuner picks products by their times, so that one process in some needs more copies than usual.
        let found = (0..3).any(|_| copies_of_a_process() <= 4.0);
        assert!(found, "more than 4 copies for products in three processes");
        return;
    };
    let log = Path::new(&log);
    let Some(info) = gpu() else { return };
    let per_step = |optimizer: fn() -> FirstOrder| {
        let mut counts = Vec::new();
        // The first run also tunes.
        for steps in [10, 10, 40] {
            let before = count(log);
            train(&info, steps, optimizer());
            let after = count(log);
            counts.push([after[0] - before[0], after[1] - before[1]]);
        }
        assert!(counts[1][0] > 10, "the log is empty");
        [0, 1].map(|k| (counts[2][k] - counts[1][k]) as f64 / 30.0)
    };
    let ([ahead, copies], [waiting, _]) = (per_step(by_passes), per_step(opaque));
    if let Some(path) = std::env::var_os("KILN_KERNELS") {
        fs::copy(log, path).unwrap();
    }
    eprintln!(
        "{ahead:.1} launches a step, {copies:.1} of them copies for products; {waiting:.1} if the host waits for each"
    );
    assert!(ahead - copies <= AT_MOST, "{ahead} launches a step");
    fs::write(log.with_file_name(COPIES), copies.to_string()).unwrap();
}

/// The variable that makes [`runs_whose_reads_are_counted`] train.
const COUNTED: &str = "KILN_COUNTED";

/// The debugger stops here and tells how often the device was read until now.
#[inline(never)]
fn tell_reads() {
    std::hint::black_box(());
}

/// Does nothing unless the test below has started it in a debugger.
#[test]
fn runs_whose_reads_are_counted() {
    if std::env::var_os(COUNTED).is_none() {
        return;
    }
    let info = gpu().unwrap();
    for optimizer in [by_passes, opaque] {
        // The first run also tunes.
        for steps in [3, 3, 13] {
            train(&info, steps, optimizer());
            tell_reads();
        }
    }
    for steps in [3, 3, 13] {
        train_on(&info, steps, by_passes(), &FromHost(digits(steps)));
        tell_reads();
    }
    for iterations in [4, 4, 12] {
        solve(&info, iterations);
        tell_reads();
    }
}

/// Minimises a softmax regression by L-BFGS, and prints how many values were computed.
fn solve(info: &DeviceInfo, iterations: usize) {
    let data = kiln::data::digits();
    let rows: Vec<usize> = (0..200).collect();
    let loss = RegressionLoss::new(data.pixels(&rows, &info.device()), &data.targets()[..200], 10).unwrap();
    let stop = Stop { max_iter: iterations, gtol: 1e-9, ..Stop::default() };
    let outcome = minimize(&loss, loss.start(), &lbfgs(), &stop).unwrap();
    assert_eq!(outcome.iterations, iterations, "{}", outcome.message);
    println!("{VALUES}{}", outcome.evaluations.values);
}

/// What precedes the number of values of [`solve`].
const VALUES: &str = "values computed: ";

/// The number of reads until each run of [`runs_whose_reads_are_counted`] had ended, and the values of each solver's run, or none without a
/// debugger.
fn reads() -> Option<[Vec<i64>; 2]> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    // The names of Rust's functions end in a hash.
    let text = "set confirm off\nset breakpoint pending off\n\
        rbreak ^cubecl_runtime::client::Client::do_read::h[0-9a-f]*$\nignore 1 1000000\n\
        break tell_reads\ncommands\nsilent\ninfo breakpoints 1\ncontinue\nend\nrun\n";
    fs::write(&script, text).unwrap();
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-x"]).arg(&script).arg("--args").arg(std::env::current_exe().unwrap());
    gdb.args(["--exact", "runs_whose_reads_are_counted", "--test-threads", "1", "--nocapture"]).env(COUNTED, "");
    let output = String::from_utf8_lossy(&gdb.output().ok()?.stdout).into_owned();
    assert!(output.contains("1 passed"), "{output}");
    let after = |text: &str| {
        output.split(text).skip(1).map(|rest| rest.split_whitespace().next().unwrap().parse().unwrap()).collect()
    };
    Some(["already hit ", VALUES].map(after))
}

#[test]
fn between_two_lines_of_the_log_nothing_is_read() {
    if gpu().is_none() {
        return;
    }
    let Some([counts, values]) = reads() else {
        assert!(std::env::var_os("KILN_EXPECT_ADAPTER").is_none(), "gdb is not installed");
        eprintln!("skipped: gdb is not installed");
        return;
    };
    let of_runs: Vec<i64> = counts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let [few, many, _, few_waiting, many_waiting, _, few_from_host, many_from_host, _, few_iterations, many_iterations] =
        of_runs[..]
    else {
        panic!("twelve runs: {counts:?}")
    };
    eprintln!("{few} reads in 3 steps, {many} in 13; {few_waiting} and {many_waiting} if the host waits");
    assert_eq!(few, many, "10 more steps without a line of the log");
    assert_eq!(many_waiting - few_waiting, 10, "the debugger counts the reads");
    eprintln!("{few_from_host} and {many_from_host} with minibatches from the host");
    assert_eq!(few_from_host, many_from_host, "minibatches from the host are queued");
    // Each value is read with its gradient's size, and each iteration reads the products of its pair, those of the gradient with the
    // pairs, the slope, and the length of the step.
    eprintln!("{few_iterations} reads in 4 iterations of L-BFGS, {many_iterations} in 12; values {values:?}");
    let more = values[2] - values[1];
    assert_eq!(many_iterations - few_iterations, more + 4 * 8, "{more} more values");
}
