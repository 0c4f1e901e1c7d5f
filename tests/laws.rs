//! Every optimiser and every schedule, through the laws of `kiln_testkit::laws`.

use kiln::{
    optim::{AdamWConfig, TorchSgd, WeightDecay, schedule::Piece},
    prelude::*,
};
use kiln_testkit::laws;

/// One module of tests an optimiser: its step sizes and steps on the quadratic (with the tolerance) and in Rosenbrock's
/// valley (with the value to reach).
macro_rules! optimizers {
    ($($name:ident: $method:expr, quadratic: $lr:expr, $steps:expr, $tolerance:expr, valley: $valley_lr:expr, $valley_steps:expr, $value:expr;)*) => { $(
        mod $name {
            use super::*;

            #[test]
            fn finds_the_minimum_of_a_quadratic() {
                laws::finds_the_minimum_of_a_quadratic(&$method, &$lr, $steps, $tolerance);
            }

            #[test]
            fn goes_down_rosenbrock_s_valley() {
                laws::goes_down_rosenbrock_s_valley(&$method, $valley_lr, $valley_steps, $value);
            }

            #[test]
            fn resumes_to_the_bit() {
                laws::resumes_to_the_bit(&$method);
            }

            #[test]
            fn keeps_f64() {
                laws::keeps_f64(&$method);
            }

            #[test]
            fn leaves_frozen_parameters() {
                laws::leaves_frozen_parameters(&$method);
            }

            #[test]
            fn works_in_parameter_groups() {
                laws::works_in_parameter_groups(&$method);
            }
        }
    )* };
}

fn constant(lr: f64) -> Schedule {
    Schedule::constant(lr).unwrap()
}

fn torch(config: TorchSgdConfig) -> TorchSgd {
    config.build().unwrap()
}

// Gradient descent contracts by 1 − 1/10 in a step of 1/10, so 300 steps leave 2e-14 of the distance; the accelerated
// methods need fewer. Adam's last steps are as long as ε: a step size that goes to zero brings it home.
optimizers! {
    sgd: Sgd, quadratic: constant(0.1), 400, 1e-12, valley: 1e-3, 4000, 0.05;
    momentum: MomentumConfig::new().build().unwrap(), quadratic: constant(0.05), 600, 1e-10, valley: 5e-4, 2000, 0.01;
    nesterov: NesterovConfig::new().build().unwrap(), quadratic: constant(0.05), 400, 1e-10, valley: 5e-4, 2000, 0.01;
    nesterov_on_a_schedule:
        NesterovConfig::new().with_schedule(Some(Schedule::sutskever(0.9).unwrap())).build().unwrap(),
        quadratic: constant(0.1), 300, 1e-10, valley: 1e-3, 3000, 0.05;
    torch_momentum: torch(TorchSgdConfig::new().with_momentum(0.9).with_dampening(0.1)),
        quadratic: constant(0.05), 600, 1e-10, valley: 5e-4, 2000, 0.01;
    torch_nesterov: torch(TorchSgdConfig::new().with_momentum(0.9).with_nesterov(true)),
        quadratic: constant(0.05), 400, 1e-10, valley: 5e-4, 2000, 0.01;
    torch_plain: torch(TorchSgdConfig::new()), quadratic: constant(0.1), 400, 1e-12, valley: 1e-3, 4000, 0.05;
    sgd_with_uniform_average: Sgd.averaged(Average::uniform_from(300)),
        quadratic: constant(0.1), 600, 1e-12, valley: 1e-3, 4000, 0.05;
    nesterov_with_ema: NesterovConfig::new().build().unwrap().averaged(Average::ema(0.5).unwrap()),
        quadratic: constant(0.05), 400, 1e-10, valley: 5e-4, 2000, 0.01;
    adam_with_polynomial_average:
        AdamConfig::new().build().unwrap().averaged(Average::polynomial(8.0).unwrap()),
        quadratic: Schedule::linear_to(0.3, 0.0, 2000).unwrap(), 2000, 1e-5, valley: 0.02, 4000, 0.05;
    adam: AdamConfig::new().build().unwrap(),
        quadratic: Schedule::cosine(0.3, 0.0, 2000).unwrap(), 2000, 1e-6, valley: 0.02, 4000, 0.05;
    adamw: AdamWConfig::new().with_weight_decay(0.0).build().unwrap(),
        quadratic: Schedule::cosine(0.3, 0.0, 2000).unwrap(), 2000, 1e-6, valley: 0.02, 4000, 0.05;
}

/// A decay towards zero moves the minimum: Σ ½aᵢ(x − bᵢ)² + ½λx² has it at aᵢbᵢ/(aᵢ + λ), for the coupled form.
#[test]
fn weight_decay_moves_the_minimum_where_it_should() {
    let coupled = torch(TorchSgdConfig::new().with_momentum(0.9).with_weight_decay(0.5));
    let mut optimizer = FirstOrder::from(coupled);
    let found = laws::descend_quadratic(&mut optimizer, 0.02, 1500);
    let expected = [(1.0, 1.0), (4.0, -2.0), (10.0, 3.0)].map(|(a, b)| a * b / (a + 0.5));
    kiln_testkit::assert_close(&found, &expected, 1e-10, 0.0, "coupled");
    // Beside a plain step the two forms are one.
    let plain = |form| torch(TorchSgdConfig::new().with_weight_decay(0.5).with_weight_decay_form(form));
    let [one, other] = [WeightDecay::Coupled, WeightDecay::Decoupled]
        .map(|form| laws::descend_quadratic(&mut FirstOrder::from(plain(form)), 0.02, 30));
    kiln_testkit::assert_close(&one, &other, 1e-13, 0.0, "without momentum");
}

/// Text, base value, total steps, the step from which nothing changes (if there is one), and the largest change of a step
/// (if there is one).
#[allow(clippy::type_complexity, reason = "it is a table")]
const SCHEDULES: [(&str, f64, u64, Option<u64>, Option<f64>); 19] = [
    ("constant", 0.1, 50, Some(0), Some(0.0)),
    ("constant", 1000.0, 50, Some(0), Some(0.0)),
    ("linear", 0.1, 50, Some(50), Some(0.002)),
    ("linear:last=3,steps=10", 0.1, 50, Some(10), Some(0.0201)),
    ("polynomial:power=0.5", 0.1, 50, Some(50), Some(0.015)),
    ("inverse-time:kappa=5", 0.1, 50, None, Some(0.017)),
    ("inverse-time:kappa=5,power=0.51", 0.1, 50, None, Some(0.01)),
    ("inverse-time:kappa=5,power=2,unchecked=true", 0.1, 50, None, Some(0.031)),
    ("inverse-sqrt", 0.1, 50, None, Some(0.03)),
    ("exponential:factor=0.5,every=10", 0.1, 50, None, Some(0.0068)),
    ("exponential:factor=2,every=10", 8.0, 50, None, None),
    ("step:factor=0.1,every=10", 0.1, 50, None, Some(0.0901)),
    ("multi-step:at=10/30,factor=0.5", 0.1, 50, Some(30), Some(0.0501)),
    ("cosine:last=0.1", 0.1, 50, Some(50), Some(0.003)),
    ("cosine-restarts:period=5,growth=3", 0.1, 200, None, Some(0.1)),
    ("one-cycle", 0.1, 50, Some(50), Some(0.011)),
    ("sutskever", 0.99, 20_000, Some(12_250), Some(0.26)),
    ("nesterov", 0.9, 50, Some(27), Some(0.26)),
    ("cosine:warm-up=20,from=0.1", 0.1, 100, Some(100), Some(0.0046)),
];

#[test]
fn schedules_stay_within_their_bounds() {
    for (spec, base, total, ..) in SCHEDULES {
        laws::stays_within_its_bounds(spec, &laws::schedule(spec, base, total), 3 * total);
    }
}

#[test]
fn schedules_stay_from_their_horizons_on() {
    for (spec, base, total, horizon, _) in SCHEDULES {
        if let Some(horizon) = horizon {
            laws::stays_from_its_horizon_on(spec, &laws::schedule(spec, base, total), horizon);
        }
    }
}

#[test]
fn schedules_are_as_smooth_as_they_say() {
    for (spec, base, total, _, jump) in SCHEDULES {
        if let Some(jump) = jump {
            laws::has_no_jump(spec, &laws::schedule(spec, base, total), 3 * total, jump);
        }
    }
}

#[test]
fn schedules_resume_to_the_bit() {
    for (spec, base, total, ..) in SCHEDULES {
        laws::schedule_resumes_to_the_bit(spec, &laws::schedule(spec, base, total), total.min(300));
    }
}

#[test]
fn text_comes_back_with_its_horizon_filled_in() {
    for (spec, base, total, ..) in SCHEDULES {
        let parsed: kiln::optim::ScheduleSpec = spec.parse().unwrap();
        let again: kiln::optim::ScheduleSpec = parsed.to_string().parse().unwrap();
        assert_eq!(again, parsed, "{spec}");
        let closed = parsed.clone().with_steps(total);
        assert!(!closed.is_open(), "{closed}");
        let (open, closed) = (parsed.build(base, total).unwrap(), closed.build(base, 7).unwrap());
        assert!((0..2 * total).all(|k| open.at(k).to_bits() == closed.at(k).to_bits()), "{spec}");
    }
}

#[test]
fn text_that_is_no_schedule_says_what_is() {
    for (spec, part) in [
        ("cosin", "expected one of constant, linear"),
        ("linear:stpes=3", "'linear' has no key 'stpes': it has last, steps, warm-up, from"),
        ("linear:steps=many", "steps=many"),
        ("linear:steps", "'steps' is not key=value"),
        ("linear:steps=0", "horizon must be at least 1 step"),
        ("inverse-time", "'inverse-time' needs kappa=…, as in 'inverse-time:kappa=1000'"),
        ("inverse-time:kappa=10,power=0.5", "unchecked"),
        ("step:factor=0.5", "needs every=…"),
        ("multi-step", "at=1000/2000"),
        ("multi-step:at=3/x", "whole numbers between '/'"),
        ("one-cycle:rise=1", "shorter than the horizon"),
        ("constant:warm-up=5,from=2", "a fraction in [0, 1]"),
        ("constant:from=0.5", "warm-up=N beside it"),
    ] {
        let message = spec.parse::<kiln::optim::ScheduleSpec>().unwrap_err().to_string();
        assert!(message.contains(part), "{spec}: {message}");
    }
}

#[test]
fn pieces_are_joined_where_they_end() {
    let piece = |schedule, steps| Piece { schedule, steps };
    let down = Schedule::linear_to(1.0, 0.5, 10).unwrap();
    let joined = Schedule::join(
        vec![piece(down.clone(), 10), piece(Schedule::constant(0.5).unwrap(), 5)],
        Schedule::cosine(0.5, 0.0, 20).unwrap(),
    )
    .unwrap();
    laws::has_no_jump("joined", &joined, 60, 0.051);
    laws::stays_within_its_bounds("joined", &joined, 60);
    laws::stays_from_its_horizon_on("joined", &joined, 35);
    laws::schedule_resumes_to_the_bit("joined", &joined, 60);
    assert!(Schedule::join(vec![piece(down.clone(), 0)], down.clone()).is_err());
    let scaled = down.scaled(3.0).unwrap();
    assert_eq!((scaled.at(0), scaled.at(10), scaled.bounds()), (3.0, 1.5, (1.5, 3.0)));
}

/// A file that was edited by hand is held to the same ranges.
#[test]
fn a_schedule_in_a_file_is_checked() {
    let text = serde_json::to_string(&Schedule::linear(0.1, 10).unwrap()).unwrap();
    assert!(serde_json::from_str::<Schedule>(&text.replace("10", "0")).is_err());
    assert!(serde_json::from_str::<Schedule>(&text.replace("0.1", "-0.1")).is_err());
}
