//! Laws that every optimiser and every schedule must satisfy. A new one is a row in the table of `tests/laws.rs`.

use burn::{
    module::{Module, Param, ParamGroup},
    optim::{GradientsParams, ModuleOptimizer, OptimizerRecord},
    tensor::{DType, Tensor},
};
use kiln_optim::{FirstOrder, Method, Schedule, ScheduleSpec, schedule::ScheduledLr};

use crate::{assert_close, f64_device, tensor, values};

/// A module with two parameters.
#[derive(Module, Debug)]
struct Two {
    head: Param<Tensor<1>>,
    tail: Param<Tensor<2>>,
}

impl Two {
    fn at(head: &[f64], tail: &[f64]) -> Self {
        let device = f64_device().autodiff();
        Self {
            head: Param::from_tensor(tensor(head, [head.len()], &device)),
            tail: Param::from_tensor(tensor(tail, [1, tail.len()], &device)),
        }
    }

    fn values(&self) -> Vec<f64> {
        [values(self.head.val()), values(self.tail.val())].concat()
    }

    fn bits(&self) -> Vec<u64> {
        self.values().into_iter().map(f64::to_bits).collect()
    }
}

/// ½ Σ aᵢ(xᵢ − bᵢ)² with curvatures from 1 to 10; the minimum is at (1, −2, 3).
fn quadratic(two: &Two) -> Tensor<1> {
    let x = Tensor::cat(vec![two.head.val(), two.tail.val().flatten(0, 1)], 0);
    let (a, b) = (tensor(&[1.0, 4.0, 10.0], [3], &x.device()), tensor(&[1.0, -2.0, 3.0], [3], &x.device()));
    ((x - b).square() * a).sum() * 0.5
}

/// Rosenbrock's function of (head, tail); the minimum is at (1, 1).
fn rosenbrock(two: &Two) -> Tensor<1> {
    let (x, y) = (two.head.val(), two.tail.val().flatten(0, 1));
    (y - x.clone().square()).square() * 100.0 + (x - 1.0).square()
}

fn step(optimizer: &mut FirstOrder, lr: f64, two: Two, function: fn(&Two) -> Tensor<1>) -> Two {
    let gradients = GradientsParams::from_grads(function(&two).backward(), &two);
    optimizer.step(lr, two, gradients).expect("both parameters have a gradient")
}

fn quadratic_start() -> Two {
    Two::at(&[0.0], &[0.0, 0.0])
}

/// Checks that the method finds the minimum of a quadratic of condition 10, to `tolerance`, in `steps` steps of size `lr`.
pub fn finds_the_minimum_of_a_quadratic<O: Method>(method: &O, lr: &Schedule, steps: u64, tolerance: f64) {
    let mut optimizer = FirstOrder::from(method.clone());
    let two = (0..steps).fold(quadratic_start(), |two, k| step(&mut optimizer, lr.at(k), two, quadratic));
    let found = optimizer.average(&two).values();
    assert_close(&found, &[1.0, -2.0, 3.0], 0.0, tolerance, &format!("{} on a quadratic", O::NAME));
}

/// Returns the parameters after `steps` steps of size `lr` on the quadratic.
pub fn descend_quadratic(optimizer: &mut FirstOrder, lr: f64, steps: u64) -> Vec<f64> {
    (0..steps).fold(quadratic_start(), |two, _| step(optimizer, lr, two, quadratic)).values()
}

/// Checks that the method decreases Rosenbrock's function from 24.2 to less than `value` in `steps` steps of size `lr`.
pub fn goes_down_rosenbrock_s_valley<O: Method>(method: &O, lr: f64, steps: u64, value: f64) {
    let mut optimizer = FirstOrder::from(method.clone());
    let two = (0..steps).fold(Two::at(&[-1.2], &[1.0]), |two, _| step(&mut optimizer, lr, two, rosenbrock));
    let found = values(rosenbrock(&optimizer.iterate(&two)))[0];
    assert!(found < value, "{}: Rosenbrock's function is {found} after {steps} steps, not below {value}", O::NAME);
}

/// Checks that a run that is saved after any of its steps and loaded continues with the same bits, including the average.
pub fn resumes_to_the_bit<O: Method>(method: &O) {
    let new = || FirstOrder::from(method.clone());
    for at in [1, 2, 7] {
        let (mut optimizer, mut two) = (new(), quadratic_start());
        for k in 0..12 {
            if k == at {
                let bytes = optimizer.to_record().into_bytes().expect("a record has bytes");
                optimizer = new().load_record(OptimizerRecord::from_bytes(bytes).expect("they are a record"));
            }
            two = step(&mut optimizer, 0.01, two, quadratic);
        }
        let (mut whole, mut other) = (new(), quadratic_start());
        for _ in 0..12 {
            other = step(&mut whole, 0.01, other, quadratic);
        }
        assert_eq!(two.bits(), other.bits(), "{}: saved at step {at}", O::NAME);
        assert_eq!(optimizer.iterate(&two).bits(), whole.iterate(&other).bits(), "{}: iterate", O::NAME);
        assert_eq!(optimizer.average(&two).bits(), whole.average(&other).bits(), "{}: average", O::NAME);
    }
}

/// Checks that f64 stays f64, in the parameters and in the state.
pub fn keeps_f64<O: Method>(method: &O) {
    let mut optimizer = FirstOrder::from(method.clone());
    let two = (0..3).fold(quadratic_start(), |two, _| step(&mut optimizer, 0.01, two, quadratic));
    assert_eq!((two.head.val().dtype(), two.tail.val().dtype()), (DType::F64, DType::F64), "{}", O::NAME);
    let average = optimizer.average(&optimizer.iterate(&two));
    assert_eq!(average.head.val().dtype(), DType::F64, "{}: average", O::NAME);
}

/// Checks that a frozen parameter does not change by a bit, even if it had a velocity.
pub fn leaves_frozen_parameters<O: Method>(method: &O) {
    let mut optimizer = FirstOrder::from(method.clone());
    let two = (0..3).fold(quadratic_start(), |two, _| step(&mut optimizer, 0.01, two, quadratic));
    let Two { head, tail } = two;
    let frozen = Two { head: head.set_require_grad(false), tail };
    let before = frozen.bits();
    let after = step(&mut optimizer, 0.01, frozen, quadratic).bits();
    assert_eq!(after[0], before[0], "{}: the frozen parameter moved", O::NAME);
    assert_ne!(after[1..], before[1..], "{}: the other did not", O::NAME);
}

/// Checks that in a parameter group the method moves its parameters as it does alone, while the other parameters follow their own
/// method.
pub fn works_in_parameter_groups<O: Method>(method: &O) {
    let start = quadratic_start();
    let group = ParamGroup::from_ids(vec![start.tail.id]);
    let groups = ModuleOptimizer::from(kiln_optim::Sgd).with_group(group, method.clone(), None);
    let run = |mut optimizer: FirstOrder, start: Two| {
        (0..5).fold(start, |two, _| step(&mut optimizer, 0.01, two, quadratic)).bits()
    };
    // The quadratic is separable: each parameter's path is independent of the other's.
    let alone = run(method.clone().into(), start.clone());
    let plain = run(kiln_optim::Sgd.into(), start.clone());
    let both = run(groups.into(), start);
    assert_eq!(both[0], plain[0], "{}: the parameter outside the group", O::NAME);
    assert_eq!(both[1..], alone[1..], "{}: the parameters of the group", O::NAME);
}

/// Returns the schedule of `spec` with base value `base` in a run of `total` steps.
///
/// # Panics
/// If the text is not a schedule.
pub fn schedule(spec: &str, base: f64, total: u64) -> Schedule {
    let spec: ScheduleSpec = spec.parse().unwrap_or_else(|e| panic!("{spec}: {e}"));
    spec.build(base, total).unwrap_or_else(|e| panic!("{spec}: {e}"))
}

/// Checks that every value is finite, not negative, and within the bounds that the schedule states, and that these are tight.
pub fn stays_within_its_bounds(what: &str, schedule: &Schedule, steps: u64) {
    let (low, high) = schedule.bounds();
    let values: Vec<f64> = (0..steps).map(|k| schedule.at(k)).collect();
    let slack = 4.0 * f64::EPSILON * high.min(f64::MAX);
    for (k, value) in values.iter().enumerate() {
        let within = value.is_finite() && *value >= low - slack && *value <= high + slack;
        assert!(within, "{what}: {value} at step {k} is outside [{low}, {high}]");
    }
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert!(high.is_infinite() || largest >= 0.99 * high, "{what}: {largest} never comes near the bound {high}");
}

/// Checks that nothing changes from `horizon` on.
pub fn stays_from_its_horizon_on(what: &str, schedule: &Schedule, horizon: u64) {
    let last = schedule.at(horizon).to_bits();
    for k in [horizon + 1, 2 * horizon, 1_000_000_000, u64::MAX] {
        assert_eq!(schedule.at(k).to_bits(), last, "{what}: step {k} is after the horizon {horizon}");
    }
}

/// Checks that no step changes the value by more than `jump`.
pub fn has_no_jump(what: &str, schedule: &Schedule, steps: u64, jump: f64) {
    for k in 1..steps {
        let (before, after) = (schedule.at(k - 1), schedule.at(k));
        assert!((after - before).abs() <= jump, "{what}: from {before} to {after} at step {k}");
    }
}

/// Checks that a schedule saved as JSON, or as the state of a Burn scheduler, continues with the same bits.
///
/// # Panics
/// If it does not, or cannot be saved.
pub fn schedule_resumes_to_the_bit(what: &str, schedule: &Schedule, steps: u64) {
    use burn::optim::lr_scheduler::LrScheduler;

    let text = serde_json::to_string(schedule).expect("a schedule has a text");
    let loaded: Schedule = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{what}: {text}: {e}"));
    let mut scheduler = ScheduledLr::from(schedule.clone());
    for k in 0..steps {
        assert_eq!(loaded.at(k).to_bits(), schedule.at(k).to_bits(), "{what}: step {k} after {text}");
        let mut resumed = ScheduledLr::from(loaded.clone());
        resumed.load_record(scheduler.to_record());
        let (whole, parts) = (scheduler.step(), resumed.step());
        assert_eq!((whole.to_bits(), parts.to_bits()), (schedule.at(k).to_bits(), whole.to_bits()), "{what}: step {k}");
    }
}
