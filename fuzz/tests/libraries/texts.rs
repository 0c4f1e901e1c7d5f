//! Settings that are written as text.

use kiln::{
    optim::{Average, PlateauConfig, ReduceOnPlateau, ScheduleSpec},
    prelude::*,
};
use kiln_fuzz::Session;

use crate::{ensure, variant};

/// The texts of schedules, of the plateau rule and of averages.
#[test]
fn schedule() {
    const WORDS: &[&str] = &[
        "constant",
        "linear",
        "polynomial:",
        "inverse-time:",
        "inverse-sqrt",
        "exponential:",
        "step:",
        "multi-step:",
        "cosine",
        "cosine-restarts:",
        "one-cycle",
        "sutskever",
        "nesterov",
        "plateau:",
        "uniform",
        "ema:",
        "decay=",
        "eta=",
        "last=",
        "steps=",
        "power=",
        "kappa=",
        "factor=",
        "every=",
        "at=",
        "period=",
        "growth=",
        "start=",
        "rise=",
        "warm-up=",
        "from=",
        "patience=",
        "least=",
        "cooldown=",
        "threshold=",
        "unchecked=true",
        ",",
        "/",
        ":",
    ];
    let steps = [0, 1, 2, 7, 100, 12_345, 1 << 32, 1 << 53, (1 << 53) + 1, u64::MAX - 1, u64::MAX];
    Session::new("schedule").words(WORDS).run(|input| {
        let Ok(text) = std::str::from_utf8(input) else { return Ok("not UTF-8".into()) };
        let mut outcome = String::new();
        match text.parse::<ScheduleSpec>() {
            Ok(spec) => {
                let again = spec.to_string();
                ensure(again.parse() == Ok(spec.clone()), || {
                    format!("the schedule is written as '{again}', which differs")
                })?;
                for (base, total) in [(1.0, 1000), (0.9, 1), (1e-300, u64::MAX), (1e300, 0), (0.5, 1 << 53)] {
                    let _ = spec.clone().with_steps(total);
                    let Ok(schedule) = spec.build(base, total) else { continue };
                    let (lowest, highest) = schedule.bounds();
                    for step in steps {
                        let value = schedule.at(step);
                        let slack = 1e-9 * highest.abs();
                        let within = (lowest - slack..=highest + slack).contains(&value);
                        ensure(within, || {
                            format!("at step {step} of {total}: {value} is not in [{lowest}, {highest}]")
                        })?;
                    }
                }
                outcome += text.split(':').next().unwrap_or_default();
            }
            Err(error) => outcome += &variant(&error),
        }
        match text.parse::<PlateauConfig>() {
            Ok(config) => {
                ensure(config.to_string().parse() == Ok(config), || "the plateau rule is written as another".into())?;
                let mut plateau = ReduceOnPlateau::new(config).map_err(|e| format!("parsed, but not accepted: {e}"))?;
                for loss in [3.0, f64::NAN, -1e308, 1e308, f64::INFINITY, 0.0, 1.0, 1.0, 1.0] {
                    let multiple = plateau.observe(loss);
                    ensure((0.0..=1.0).contains(&multiple), || format!("a multiple of {multiple}"))?;
                }
                outcome += "plateau";
            }
            Err(error) => outcome += &variant(&error),
        }
        match text.parse::<Average>() {
            Ok(average) => {
                let again = average.to_string();
                ensure(again.parse() == Ok(average), || format!("the average is written as '{again}', which differs"))?;
                outcome += "average";
            }
            Err(error) => outcome += &variant(&error),
        }
        Ok(outcome)
    });
}

#[test]
fn device_name() {
    const WORDS: &[&str] = &["auto", "cpu", "gpu", "flex", "ndarray", "wgpu", "vulkan", "cuda", ":", "0"];
    Session::new("device_name")
        .seed("auto")
        .seed("wgpu:1")
        .seed("flex")
        .seed("cuda:18446744073709551615")
        .words(WORDS)
        .run(|input| {
            let Ok(text) = std::str::from_utf8(input) else { return Ok("not UTF-8".into()) };
            let choice = match text.parse::<DeviceChoice>() {
                Ok(choice) => choice,
                Err(error) => return Ok(variant(&error)),
            };
            ensure(choice.to_string().parse::<DeviceChoice>().is_ok_and(|again| again == choice), || {
                format!("the device is written as '{choice}', which differs")
            })?;
            match choice.resolve() {
                Ok(info) => Ok(info.name),
                Err(error) => Ok(variant(&error)),
            }
        });
}
