//! `kiln bench-collectives`: how long this cluster takes to add up numbers, and what that means for training.

use std::time::Instant;

use clap::Args;
use kiln::tensor::World;
use serde::Serialize;

use crate::base::{Console, Exit, Failure, Result, ranks::world, table};

#[derive(Args, Debug)]
pub(crate) struct CollectivesFlags {
    /// Parameters of the model whose steps are predicted [default: those of the default VAE on MNIST]
    #[arg(long, value_name = "N", default_value_t = 652_824)]
    parameters: usize,
    /// Milliseconds that one process takes for a step at the global minibatch size; gives the predicted speed-up
    #[arg(long, value_name = "MS")]
    step_ms: Option<f64>,
    /// Calls that are timed for each size
    #[arg(long, value_name = "N", default_value_t = 50)]
    repeats: usize,
}

/// What was measured, and what follows.
#[derive(Debug, Serialize)]
struct Report {
    ranks: usize,
    /// Seconds of one message: α.
    latency_s: f64,
    /// Bytes a second between two ranks: 1/β.
    bandwidth: f64,
    measured: Vec<Measured>,
    parameters: usize,
    step_s: Option<f64>,
    predicted: Vec<Predicted>,
}

/// The time of an all-reduce of f32 among these ranks.
#[derive(Debug, Serialize)]
struct Measured {
    bytes: usize,
    median_s: f64,
    slowest_s: f64,
}

/// What the model expects of more ranks.
#[derive(Debug, Serialize)]
struct Predicted {
    ranks: usize,
    all_reduce_s: f64,
    step_s: Option<f64>,
    speed_up: Option<f64>,
}

/// Numbers in an all-reduce, from a latency to a bandwidth.
const SIZES: [usize; 8] = [1, 64, 1024, 16_384, 131_072, 655_360, 2_097_152, 8_388_608];

/// `kiln bench-collectives`.
pub(crate) fn bench_collectives(flags: &CollectivesFlags, console: Console) -> Result<Exit> {
    let world = world();
    if world.is_alone() {
        return Err(Failure::usage(
            "there is nothing to measure in one process: mpirun -n 2 kiln bench-collectives, in a build with --features mpi",
        ));
    }
    if let Some(ms) = flags.step_ms.filter(|ms| !(*ms > 0.0 && ms.is_finite())) {
        return Err(Failure::usage(format!("--step-ms must be above 0, got {ms}")));
    }
    let measured = SIZES.iter().map(|size| measure(&world, *size, flags.repeats.max(1))).collect::<Result<Vec<_>>>()?;
    let report = report(world.size(), measured, flags.parameters, flags.step_ms.map(|ms| ms / 1e3));
    console.result(&report, || text(&report))?;
    Ok(Exit::Done)
}

fn measure(world: &World, size: usize, repeats: usize) -> Result<Measured> {
    let mut values = vec![0.0f32; size];
    // The first calls open connections. Large ones are repeated less.
    let repeats = repeats.min(1 + 400_000_000 / size.max(1)).max(3);
    let mut seconds = Vec::with_capacity(repeats);
    for repeat in 0..repeats + 2 {
        // All ranks begin together.
        world.sum(&mut [0.0])?;
        let tick = Instant::now();
        world.sum_f32(&mut values)?;
        if repeat >= 2 {
            seconds.push(tick.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let slowest_s = *seconds.last().expect("some calls were timed");
    Ok(Measured { bytes: size * size_of::<f32>(), median_s: seconds[seconds.len() / 2], slowest_s })
}

/// Rounds of messages: each rank sends to a partner, then to one twice as far away, and back.
fn rounds(ranks: usize) -> f64 {
    2.0 * f64::from(ranks.max(2).next_power_of_two().trailing_zeros())
}

/// Bytes that each rank sends, for each byte of the vector: to add up its parts, and to spread the sums.
fn share(ranks: usize) -> f64 {
    2.0 * (ranks as f64 - 1.0) / ranks as f64
}

fn report(ranks: usize, measured: Vec<Measured>, parameters: usize, step_s: Option<f64>) -> Report {
    let smallest = measured[0].median_s;
    let latency_s = smallest / rounds(ranks);
    // Of the largest vectors, where the latency counts least.
    let largest = &measured[measured.len() - 1];
    let bandwidth = share(ranks) * largest.bytes as f64 / (largest.median_s - smallest).max(f64::MIN_POSITIVE);
    let bytes = (parameters * size_of::<f32>()) as f64;
    let predict = |ranks: usize| {
        let all_reduce_s = rounds(ranks) * latency_s + share(ranks) * bytes / bandwidth;
        let step = step_s.map(|step| step / ranks as f64 + all_reduce_s);
        Predicted { ranks, all_reduce_s, step_s: step, speed_up: step_s.zip(step).map(|(one, step)| one / step) }
    };
    let predicted = (1..10).map(|power| predict(1 << power)).collect();
    Report { ranks, latency_s, bandwidth, measured, parameters, step_s, predicted }
}

fn text(report: &Report) -> String {
    let ms = |seconds: f64| format!("{:.3}", seconds * 1e3);
    let size = |bytes: usize| match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    };
    let measured = report.measured.iter().map(|m| [size(m.bytes), ms(m.median_s), ms(m.slowest_s)]).collect();
    let optional = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    let predicted = report.predicted.iter().map(|p| {
        [
            p.ranks.to_string(),
            ms(p.all_reduce_s),
            optional(p.step_s.map(ms)),
            optional(p.speed_up.map(|speed_up| format!("{speed_up:.1}"))),
        ]
    });
    format!(
        "measured on {} ranks: the sum of f32 vectors\n{}\n\nlatency {:.1} µs, bandwidth {:.2} GB/s\n\npredicted for {} parameters, if more \
         hosts are as near as these (not measured)\n{}",
        report.ranks,
        table(["SIZE", "MEDIAN MS", "SLOWEST MS"], measured),
        report.latency_s * 1e6,
        report.bandwidth / 1e9,
        report.parameters,
        table(["RANKS", "SUM MS", "STEP MS", "SPEED-UP"], predicted.collect())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster that follows the model exactly: its constants are found, and so are its times.
    #[test]
    fn constants_of_the_model_are_found() {
        let (latency, bandwidth) = (2e-6, 1e9);
        let time = |ranks: usize, bytes: f64| rounds(ranks) * latency + share(ranks) * bytes / bandwidth;
        let measured = |size: &usize| {
            let bytes = size * 4;
            // The one number of the smallest message takes no time.
            let median_s = time(4, if *size == 1 { 0.0 } else { bytes as f64 });
            Measured { bytes, median_s, slowest_s: median_s }
        };
        let report = report(4, SIZES.iter().map(measured).collect(), 250_000, Some(0.1));
        assert!((report.latency_s / latency - 1.0).abs() < 1e-12);
        assert!((report.bandwidth / bandwidth - 1.0).abs() < 1e-12);
        let eight = &report.predicted[2];
        assert_eq!(eight.ranks, 8);
        // 6 messages and 1.75 MB.
        assert!((eight.all_reduce_s - (6.0 * 2e-6 + 1.75e-3)).abs() < 1e-12);
        assert!((eight.speed_up.unwrap() - 0.1 / (0.0125 + 6.0 * 2e-6 + 1.75e-3)).abs() < 1e-9);
        assert_eq!(report.predicted.last().unwrap().ranks, 512);
    }
}
