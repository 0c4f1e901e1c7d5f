//! Schedules, averages of iterates and transforms of the gradient against PyTorch and optax
//! (`reference/first_order.json`).

use kiln::{
    burn::{module::Param, optim::GradientsParams},
    optim::{AdamWConfig, PlateauConfig, ReduceOnPlateau, Schedule, ScheduleSpec, TorchSgd, WeightDecay},
    prelude::*,
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

/// Two parameters of different ranks.
#[derive(Module, Debug)]
struct Pair {
    a: Param<Tensor<2>>,
    b: Param<Tensor<1>>,
}

impl Pair {
    fn new() -> Self {
        let device = f64_device().autodiff();
        Self {
            a: Param::from_tensor(Tensor::zeros([2, 3], &device)),
            b: Param::from_tensor(Tensor::zeros([4], &device)),
        }
    }

    /// The gradient with these entries, of the function that is linear in them.
    fn gradient(&self, entries: &[f64]) -> GradientsParams {
        let device = f64_device();
        let (a, b) = (tensor(&entries[..6], [2, 3], &device), tensor(&entries[6..], [4], &device));
        let loss = (self.a.val() * a).sum() + (self.b.val() * b).sum();
        GradientsParams::from_grads(loss.backward(), self)
    }

    /// What `optimizer` sees of these gradients, one after the other: by steps of gradient descent of size 1 from zero.
    fn seen(mut optimizer: FirstOrder, gradients: &[&[f64]]) -> Vec<f64> {
        let pair = gradients.iter().fold(Self::new(), |pair, entries| {
            let gradient = pair.gradient(entries);
            optimizer.step(1.0, pair, gradient).unwrap()
        });
        let mut all = values(-pair.a.val());
        all.extend(values(-pair.b.val()));
        all
    }
}

#[test]
fn schedules_match_pytorch_and_optax() {
    let json = reference("first_order");
    let rows = json["schedules"].as_array().unwrap();
    assert_eq!(rows.len(), 16);
    for row in rows {
        let spec = row["spec"].as_str().unwrap();
        let schedule = spec.parse::<ScheduleSpec>().unwrap();
        let schedule = schedule.build(row["base"].as_f64().unwrap(), row["total"].as_u64().unwrap()).unwrap();
        let expected = numbers(&row["values"]);
        let ours: Vec<f64> = (0..expected.len() as u64).map(|k| schedule.at(k)).collect();
        // PyTorch's schedulers multiply from step to step, and so gather some roundings.
        assert_close(&ours, &expected, 1e-12, 1e-16, &format!("{spec} ({})", row["witness"]));
    }
}

#[test]
fn plateaus_match_pytorch() {
    let json = reference("first_order");
    for row in json["plateau"].as_array().unwrap() {
        let number = |key: &str| row[key].as_f64().unwrap();
        let mut plateau = ReduceOnPlateau::new(PlateauConfig {
            factor: number("factor"),
            patience: number("patience") as u64,
            threshold: number("threshold"),
            cooldown: number("cooldown") as u64,
            least: number("least"),
        })
        .unwrap();
        let expected = numbers(&row["multiples"]);
        // Saved and loaded in the middle: its state is all that it is.
        let ours: Vec<f64> = numbers(&row["losses"])
            .into_iter()
            .map(|loss| {
                let text = serde_json::to_string(&plateau).unwrap();
                plateau = serde_json::from_str(&text).unwrap();
                plateau.observe(loss)
            })
            .collect();
        // PyTorch leaves a reduction of less than 1e-8 out: none of these comes that low but through `least`.
        assert_close(&ours, &expected, 1e-12, 1e-8, &format!("{row}"));
        assert!(ours.last().unwrap() < &1.0 || row["patience"] == 10, "the losses of this row have plateaus");
    }
}

/// A module of one parameter under gradient descent with an average.
fn averages(average: Average, row: &Value) -> Vec<Vec<f64>> {
    #[derive(Module, Debug)]
    struct Point {
        x: Param<Tensor<1>>,
    }
    let (curvature, start) = (numbers(&row["curvature"]), numbers(&row["start"]));
    let mut optimizer = FirstOrder::from(Sgd.averaged(average));
    let mut point = Point { x: Param::from_tensor(tensor(&start, [2], &f64_device().autodiff())) };
    let iterates = row["iterates"].as_array().unwrap();
    iterates
        .iter()
        .map(|iterate| {
            let x = point.x.val();
            let loss = (x.square() * tensor(&curvature, [2], &f64_device())).sum() * 0.5;
            let gradient = GradientsParams::from_grads(loss.backward(), &point);
            point = optimizer.step(row["lr"].as_f64().unwrap(), point.clone(), gradient).unwrap();
            assert_close(&values(optimizer.iterate(&point).x.val()), &numbers(iterate), 1e-12, 1e-14, "iterate");
            values(optimizer.average(&point).x.val())
        })
        .collect()
}

#[test]
fn averages_match_pytorch_and_optax() {
    let json = reference("first_order");
    let row = &json["averages"];
    for (average, key) in [(Average::uniform(), "uniform"), (Average::ema(0.8).unwrap(), "ema")] {
        let expected: Vec<f64> = numbers(&row[key]);
        assert_close(&averages(average, row).concat(), &expected, 1e-12, 1e-14, key);
    }
}

#[test]
fn clipping_matches_optax() {
    let json = reference("first_order");
    let row = &json["clipping"];
    let gradient = numbers(&row["gradient"]);
    for (max, expected) in row["by_norm"].as_object().unwrap() {
        let optimizer = FirstOrder::from(Sgd).clip_norm(max.parse().unwrap()).unwrap();
        assert_close(&Pair::seen(optimizer, &[&gradient]), &numbers(expected), 1e-14, 0.0, max);
    }
    for (max, expected) in row["by_value"].as_object().unwrap() {
        let optimizer = FirstOrder::from(Sgd).clip_value(max.parse().unwrap()).unwrap();
        assert_close(&Pair::seen(optimizer, &[&gradient]), &numbers(expected), 0.0, 0.0, max);
    }
}

#[test]
fn a_norm_that_the_caller_has_read_is_used_and_one_that_overflows_is_made_good() {
    let pair = Pair::new();
    let huge = [1e200, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1e200, 0.0];
    for (entries, norm) in [([3.0; 10].map(|x: f64| x), Some(90f64.sqrt())), (huge, Some(f64::INFINITY))] {
        let mut optimizer = FirstOrder::from(Sgd).clip_norm(2.0).unwrap();
        let gradient = optimizer.prepare(&pair, pair.gradient(&entries), norm).unwrap().unwrap();
        let clipped = optimizer.apply(1.0, pair.clone(), gradient);
        let (a, b) = (values(clipped.a.val()), values(clipped.b.val()));
        let length = a.iter().chain(&b).map(|x| x * x).sum::<f64>().sqrt();
        assert!((length - 2.0).abs() < 1e-14, "{length}");
    }
}

#[test]
fn accumulated_gradients_make_one_step_along_their_mean() {
    let (first, second, third) = ([1.0; 10], [3.0; 10], [8.0; 10]);
    let sgd = || FirstOrder::from(Sgd).accumulate(3).unwrap();
    assert_eq!(Pair::seen(sgd(), &[&first, &second]), [0.0; 10], "two of three: no step yet");
    assert_close(&Pair::seen(sgd(), &[&first, &second, &third]), &[4.0; 10], 1e-15, 0.0, "mean");

    let (mut optimizer, pair) = (sgd(), Pair::new());
    let gradient = pair.gradient(&first);
    let pair = optimizer.step(1.0, pair, gradient).unwrap();
    assert!(optimizer.is_pending() && optimizer.updates() == 0);
    let gradient = pair.gradient(&second);
    let pair = optimizer.step(1.0, pair, gradient).unwrap();
    let rest = optimizer.flush(&pair).unwrap().unwrap();
    let pair = optimizer.apply(1.0, pair, rest);
    assert_close(&values(-pair.b.val()), &[2.0; 4], 1e-15, 0.0, "the mean of the two that there were");
    assert!(!optimizer.is_pending() && optimizer.updates() == 1);
    assert!(optimizer.flush(&pair).unwrap().is_none(), "nothing is left");
}

/// Clipping each gradient and then averaging is not averaging and then clipping.
#[test]
fn transforms_act_in_the_order_in_which_they_are_written() {
    let (small, large) = ([0.1; 10], [10.0; 10]);
    let clip_first = FirstOrder::from(Sgd).clip_value(1.0).unwrap().accumulate(2).unwrap();
    let mean_first = FirstOrder::from(Sgd).accumulate(2).unwrap().clip_value(1.0).unwrap();
    assert_close(&Pair::seen(clip_first, &[&small, &large]), &[0.55; 10], 1e-15, 0.0, "clip, then mean");
    assert_close(&Pair::seen(mean_first, &[&small, &large]), &[1.0; 10], 1e-15, 0.0, "mean, then clip");
}

#[test]
fn gradients_that_are_not_finite_are_skipped_until_there_are_too_many() {
    let (good, mut bad) = ([1.0; 10], [1.0; 10]);
    bad[7] = f64::NAN;
    let optimizer = || FirstOrder::from(Sgd).skip_non_finite(2).unwrap();
    assert_close(&Pair::seen(optimizer(), &[&bad, &good, &bad, &bad, &good]), &[2.0; 10], 0.0, 0.0, "the good ones");

    let (mut optimizer, pair) = (optimizer(), Pair::new());
    for _ in 0..2 {
        assert!(optimizer.prepare(&pair, pair.gradient(&bad), None).unwrap().is_none());
    }
    let error = optimizer.prepare(&pair, pair.gradient(&bad), None).unwrap_err();
    assert_eq!(optimizer.skipped(), 2);
    assert!(error.to_string().contains("the gradient of b is not finite, 3 times in a row"), "{error}");
}

/// The literal look-ahead and the reformulated method are one, seen at two points, while ε and α are constant.
#[test]
fn nesterov_s_two_forms_agree_after_the_change_of_variables() {
    let (lr, momentum, curvature) = (0.03, 0.9, [1.0, 4.0, 9.0, 16.0]);
    let run = |mut optimizer: FirstOrder| -> Vec<Vec<f64>> {
        let mut pair = Pair::new();
        pair.b = Param::from_tensor(tensor(&[1.0, -2.0, 0.5, 3.0], [4], &f64_device().autodiff()));
        (0..80)
            .map(|_| {
                let loss = (pair.b.val().square() * tensor(&curvature, [4], &f64_device())).sum() * 0.5;
                let gradient = GradientsParams::from_grads(loss.backward(), &pair);
                pair = optimizer.step(lr, pair.clone(), gradient).unwrap();
                values(pair.b.val())
            })
            .collect()
    };
    let literal = run(NesterovConfig::new().with_momentum(momentum).build().unwrap().into());
    let torch = TorchSgdConfig::new().with_momentum(momentum).with_nesterov(true).build().unwrap();
    // The module of the literal form holds θ + αv: what the reformulated one calls its parameter.
    assert_close(&literal.concat(), &run(torch.into()).concat(), 1e-12, 1e-12, "look-ahead points");
}

/// SGDW: the decay is beside the step, whatever the momentum is.
#[test]
fn decoupled_weight_decay_does_not_go_through_the_momentum() {
    let config = TorchSgdConfig::new().with_momentum(0.9).with_weight_decay(0.1);
    let built = |config: &TorchSgdConfig| -> TorchSgd { config.build().unwrap() };
    let (lr, gradient, start) = (0.5, 2.0, 1.0);
    let run = |method: TorchSgd| {
        let mut optimizer = FirstOrder::from(method);
        let mut pair = Pair::new();
        pair.b = Param::from_tensor(Tensor::full([4], start, &f64_device().autodiff()));
        for _ in 0..2 {
            let g = GradientsParams::from_grads((pair.b.val() * gradient).sum().backward(), &pair);
            pair = optimizer.step(lr, pair, g).unwrap();
        }
        values(pair.b.val())[0]
    };
    // By hand: u₁ = g, u₂ = 0.9g + g.
    let decoupled = (start * 0.95 - lr * gradient) * 0.95 - lr * (1.9 * gradient);
    let (u1, theta1) = (gradient + 0.1 * start, start - lr * (gradient + 0.1 * start));
    let coupled = theta1 - lr * (0.9 * u1 + gradient + 0.1 * theta1);
    assert!((run(built(&config)) - coupled).abs() < 1e-15);
    assert!((run(built(&config.with_weight_decay_form(WeightDecay::Decoupled))) - decoupled).abs() < 1e-15);
}

/// θ₀ = 0, and v gains one gradient of −1 at ε = 1 in each step: v_k = 1 + α_k·v_{k−1}.
#[test]
fn the_momentum_follows_its_schedule_and_goes_on_after_a_resume() {
    let schedule = Schedule::linear_to(0.5, 0.9, 4).unwrap();
    for method in [
        FirstOrder::from(MomentumConfig::new().with_schedule(Some(schedule.clone())).build().unwrap()),
        FirstOrder::from(NesterovConfig::new().with_schedule(Some(schedule.clone())).build().unwrap()),
    ] {
        let (mut optimizer, mut pair, mut velocity, mut theta) = (method, Pair::new(), 0.0, 0.0);
        for k in 0..8 {
            velocity = 1.0 + schedule.at(k) * velocity;
            theta += velocity;
            let gradient = pair.gradient(&[-1.0; 10]);
            pair = optimizer.step(1.0, pair, gradient).unwrap();
            let iterate = values(optimizer.iterate(&pair).b.val());
            assert_close(&iterate, &[theta; 4], 1e-14, 0.0, &format!("{}, step {k}", optimizer.name()));
            if optimizer.name() == "nesterov" {
                // The point of the next gradient: ahead by the next α.
                let ahead = theta + schedule.at(k + 1) * velocity;
                assert_close(&values(pair.b.val()), &[ahead; 4], 1e-14, 0.0, "look-ahead");
            }
            let bytes = optimizer.to_record().into_bytes().unwrap();
            optimizer = optimizer.load_record(kiln::burn::optim::OptimizerRecord::from_bytes(bytes).unwrap());
        }
        assert_eq!(optimizer.momentum_at(4), Some(0.9));
    }
}

#[test]
fn settings_that_make_no_method_are_refused_with_the_remedy() {
    let message = |result: Result<(), String>| result.unwrap_err();
    let text = |e: kiln::optim::ConfigError| e.to_string();
    for (got, part) in [
        (MomentumConfig::new().with_momentum(1.0).build().map(drop).map_err(text), "momentum must be in [0, 1), got 1"),
        (
            MomentumConfig::new().with_schedule(Some(Schedule::constant(1.5).unwrap())).build().map(drop).map_err(text),
            "got 1.5",
        ),
        (
            TorchSgdConfig::new()
                .with_momentum(0.9)
                .with_dampening(0.1)
                .with_nesterov(true)
                .build()
                .map(drop)
                .map_err(text),
            "dampening must be 0 for Nesterov's form",
        ),
        (
            TorchSgdConfig::new().with_nesterov(true).build().map(drop).map_err(text),
            "momentum must be above 0 for Nesterov's form",
        ),
        (TorchSgdConfig::new().with_weight_decay(-1.0).build().map(drop).map_err(text), "weight_decay"),
        (TorchSgdConfig::new().with_dampening(1.0).build().map(drop).map_err(text), "dampening must be in [0, 1)"),
        (FirstOrder::from(Sgd).clip_norm(0.0).map(drop).map_err(text), "clip_norm must be positive"),
        (FirstOrder::from(Sgd).clip_value(f64::NAN).map(drop).map_err(text), "clip_value must be positive"),
        (FirstOrder::from(Sgd).accumulate(0).map(drop).map_err(text), "accumulate must be at least 1"),
        (FirstOrder::from(Sgd).skip_non_finite(0).map(drop).map_err(text), "skip_non_finite must be at least 1"),
        (Average::ema(1.0).map(drop).map_err(text), "decay must be in [0, 1)"),
    ] {
        let message = message(got);
        assert!(message.contains(part), "{message}");
    }
    for (result, part) in [
        (Schedule::constant(0.0), "value must be positive"),
        (Schedule::linear(0.1, 0), "horizon must be at least 1 step"),
        (Schedule::inverse_time(0.1, 10.0, 0.5), "use an exponent in (1/2, 1], or the unchecked schedule"),
        (Schedule::inverse_time(0.1, 10.0, 1.1), "Robbins–Monro"),
        (Schedule::inverse_time(0.1, 0.0, 1.0), "κ must be positive"),
        (Schedule::exponential(0.1, -1.0, 1.0), "factor must be positive"),
        (Schedule::step(0.1, 0.5, 0), "interval must be at least 1 step"),
        (Schedule::multi_step(0.1, 0.5, vec![3, 3]), "milestones must increase"),
        (Schedule::cosine(0.1, -0.1, 10), "last value must be finite and not negative"),
        (Schedule::cosine_restarts(0.1, 0.0, 0, 1), "period must be at least 1"),
        (Schedule::one_cycle(0.1, 1.0, 0.1, 10, 10), "rise must be shorter than the horizon"),
        (Schedule::sutskever(1.0), "maximum must be in [1/2, 1)"),
        (Schedule::constant(1.0).unwrap().warm_up(10, 1.5), "warm-up's start must be a fraction"),
        (Schedule::constant(1.0).unwrap().scaled(f64::INFINITY), "factor must be positive"),
    ] {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    assert!(FirstOrder::from(Sgd).accumulate(2).unwrap().accumulate(2).is_err(), "half a mean inside another");
    let dampened = TorchSgdConfig::new().with_dampening(0.5).build().unwrap_err().to_string();
    assert!(dampened.contains("momentum must be above 0 for dampening"), "{dampened}");
    assert!(Schedule::inverse_time_unchecked(0.1, 10.0, 0.5).is_ok() && Schedule::constant(10.0).is_ok());
}

#[test]
fn adam_refuses_what_no_run_can_use() {
    let of = |config: AdamConfig| config.build().unwrap_err().to_string();
    assert_eq!(of(AdamConfig::new().with_beta_1(1.0)), "beta_1 must be in [0, 1), got 1");
    assert_eq!(of(AdamConfig::new().with_beta_2(-0.1)), "beta_2 must be in [0, 1), got -0.1");
    assert_eq!(of(AdamConfig::new().with_epsilon(0.0)), "epsilon must be positive and finite, got 0");
    let error = AdamWConfig::new().with_weight_decay(f64::NAN).build().unwrap_err().to_string();
    assert_eq!(error, "weight_decay must be finite and not negative, got NaN");
}
