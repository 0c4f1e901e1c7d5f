//! A run that is stopped and resumed equals one that never stopped, bit for bit.

use std::{fs, ops::ControlFlow, path::Path};

use burn::{
    module::Param,
    nn::Linear,
    tensor::{Device, Tensor},
};
use kiln_data::RegressionExamples;
use kiln_optim::{AdamConfig, Average, FirstOrder, Method, NesterovConfig, Schedule, Sgd};
use kiln_tensor::{Stream, init, weights};
use kiln_train::{
    Checkpoints, EarlyStopping, Loss, MetricsLog, Objective, Observer, StepReport, TrainConfig, TrainError,
    TrainOutcome, TrainStatus, Trainer, Watched,
};

type Batch = (Tensor<2>, Tensor<2>);

/// The mean squared error with some noise. In the first batches of an epoch it reports a term that is −∞.
struct SquaredError;

impl Objective<Linear, Batch> for SquaredError {
    fn loss(&self, model: &Linear, (x, y): Batch, stream: &mut Stream) -> Loss {
        let noise = stream.normal::<2>(y.dims(), &y.device()) * 0.01;
        let value = (model.forward(x) - y + noise).square().mean();
        let infinite = value.clone().without_autodiff() - f64::INFINITY;
        Loss { terms: vec![("elbo", infinite), ("mse", value.clone())], value }
    }
}

fn data(n: usize, offset: f64) -> RegressionExamples {
    let inputs: Vec<f64> = (0..2 * n).map(|i| ((i * i) as f64 * 0.37 + offset).sin()).collect();
    let targets = inputs.chunks(2).map(|x| 2.0 * x[0] - x[1] + 0.5).collect();
    RegressionExamples::new(inputs, 2, targets).unwrap()
}

fn model() -> Linear {
    init::linear(2, 1, &mut Stream::new(5, "init", 0, 0), &Device::default())
}

fn config(epochs: u64) -> TrainConfig {
    let schedule = Schedule::linear(0.1, 50).unwrap();
    TrainConfig { epochs, batch_size: 4, schedule, seed: 3, log_every: 1, ..TrainConfig::default() }
}

/// Everything but times.
fn summary<M: burn::module::Module>(outcome: &TrainOutcome<M>) -> String {
    let TrainOutcome { model, status, epochs, steps, train, test, max_abs_grad, skipped, gradients, .. } = outcome;
    let weights = weights::to_bytes(model).unwrap().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{weights:?} {status:?} {epochs} {steps} {train:?} {test:?} {max_abs_grad:?} {skipped} {gradients}")
}

/// Stops the run after a number of steps.
struct StopAt(u64);

impl<M> Observer<M> for StopAt {
    fn on_step(&mut self, report: &StepReport, _: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        Ok(if report.step == self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

fn trainer<'a>(folder: &Path, config: TrainConfig, optimizer: impl Into<FirstOrder>) -> Trainer<'a, Linear> {
    Trainer::new(config, optimizer)
        .observe(MetricsLog::new(folder.join("metrics.jsonl")))
        .checkpoint_to(Checkpoints::new(folder.join("checkpoints"), 100))
}

fn log(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let parse = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("examples_per_s");
        line
    };
    text.lines().map(parse).collect()
}

/// A run that was killed between its last checkpoint and its outputs has nothing left to train. `fit` returns what the
/// killed process would have returned.
#[test]
fn a_finished_run_returns_the_same_outcome_again() {
    fn check(optimizer: impl Fn() -> FirstOrder, config: TrainConfig, test: bool, status: &TrainStatus) {
        let folder = tempfile::tempdir().unwrap();
        let (train, held_out) = (data(18, 0.0), data(6, 1.0));
        let test = test.then_some(&held_out);
        let whole = trainer(folder.path(), config.clone(), optimizer()).fit(model(), &SquaredError, &train, test);
        let whole = whole.unwrap();
        assert_eq!(whole.status, *status);
        assert_eq!(whole.train.term("elbo"), Some(f64::NEG_INFINITY));

        let files = || {
            let mut files: Vec<_> =
                fs::read_dir(folder.path().join("checkpoints")).unwrap().map(|f| f.unwrap().path()).collect();
            files.sort();
            (files.clone(), fs::read(files.last().unwrap().join("state.json")).unwrap(), log(folder.path()))
        };
        let before = files();
        for _ in 0..2 {
            let loaded = trainer(folder.path(), config.clone(), optimizer()).load(model()).unwrap();
            assert_eq!((loaded.ended().as_ref(), loaded.epochs()), (Some(status), whole.epochs));
            let again = loaded.fit(&SquaredError, &train, test).unwrap();
            assert_eq!(summary(&again), summary(&whole));
            assert_eq!(files(), before, "nothing is written");
        }
        // The model alone is that of the outcome too.
        let last = Checkpoints::new(folder.path().join("checkpoints"), 1).latest().unwrap();
        let alone = last.model(model(), optimizer()).unwrap();
        assert_eq!(weights::to_bytes(&alone).unwrap(), weights::to_bytes(&whole.model).unwrap());
        assert!(!alone.weight.val().device().is_autodiff());
    }
    let nesterov = || NesterovConfig::new().with_momentum(0.5).build().unwrap();
    let averaged = move || FirstOrder::from(nesterov().averaged(Average::ema(0.9).unwrap()));
    let adam = || FirstOrder::from(AdamConfig::new().build().unwrap());
    let completed = TrainStatus::Completed;
    for test in [true, false] {
        check(move || nesterov().into(), config(3), test, &completed);
        check(averaged, config(3), test, &completed);
        check(adam, config(3), test, &completed);
        check(move || averaged().accumulate(3).unwrap(), config(2), test, &completed);
        check(
            move || nesterov().into(),
            TrainConfig { gtol: Some(0.5), ..config(1000) },
            test,
            &TrainStatus::Converged,
        );
        let early_stopping = Some(EarlyStopping { patience: 2, min_delta: 0.05 });
        check(adam, TrainConfig { early_stopping, ..config(1000) }, test, &TrainStatus::StoppedEarly);
        let sparse = TrainConfig { evaluate_every: 2, checkpoint_every: 5, ..config(7) };
        check(averaged, sparse, test, &completed);
    }
}

/// 18 examples in batches of 4 make 5 steps per epoch: step 7 is within the second epoch, and step 10 at its end.
#[test]
fn a_run_that_an_observer_stopped_goes_on_as_if_it_had_not() {
    let (train, test) = (data(18, 0.0), data(6, 1.0));
    let optimizer = || NesterovConfig::new().with_momentum(0.5).build().unwrap().averaged(Average::uniform());
    let whole_folder = tempfile::tempdir().unwrap();
    let whole = trainer(whole_folder.path(), config(4), optimizer()).fit(model(), &SquaredError, &train, Some(&test));
    for stop in [1, 7, 10, 14] {
        let folder = tempfile::tempdir().unwrap();
        let stopped = trainer(folder.path(), config(4), optimizer()).observe(StopAt(stop));
        let stopped = stopped.fit(model(), &SquaredError, &train, Some(&test)).unwrap();
        assert_eq!((stopped.status, stopped.steps, stopped.epochs), (TrainStatus::StoppedByObserver, stop, stop / 5));
        let saved = Checkpoints::new(folder.path().join("checkpoints"), 1).latest().unwrap();
        assert_eq!(saved.step(), stop);
        assert_eq!(saved.position().unwrap().score.is_some(), stop == 10, "a score belongs to a measured model");
        let state = fs::read_to_string(saved.path().join("state.json")).unwrap();
        assert!(state.contains("\"-inf\""), "the average so far has an infinite term");

        let loaded = trainer(folder.path(), config(4), optimizer()).load(model()).unwrap();
        assert_eq!(loaded.ended(), None);
        let resumed = loaded.fit(&SquaredError, &train, Some(&test)).unwrap();
        assert_eq!(summary(&resumed), summary(whole.as_ref().unwrap()), "stopped at {stop}");
        assert_eq!(log(folder.path()), log(whole_folder.path()));
    }
    // A request to stop in the very last step stops nothing.
    let folder = tempfile::tempdir().unwrap();
    let last = trainer(folder.path(), config(4), optimizer()).observe(StopAt(20));
    let last = last.fit(model(), &SquaredError, &train, Some(&test)).unwrap();
    assert_eq!(summary(&last), summary(whole.as_ref().unwrap()));
}

/// Every checkpoint gives the model that a shorter run would have returned.
#[test]
fn a_checkpoint_gives_the_model_of_a_shorter_run() {
    let (train, test) = (data(18, 0.0), data(6, 1.0));
    let optimizer = || NesterovConfig::new().with_momentum(0.9).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    trainer(folder.path(), config(3), optimizer()).fit(model(), &SquaredError, &train, Some(&test)).unwrap();
    let checkpoints = Checkpoints::new(folder.path().join("checkpoints"), 100);
    let mut best: Option<(f64, u64)> = None;
    for epochs in 1..=3 {
        let short = Trainer::new(config(epochs), optimizer()).fit(model(), &SquaredError, &train, Some(&test)).unwrap();
        let checkpoint = checkpoints.at(5 * epochs).unwrap();
        let position = checkpoint.position().unwrap();
        let loss = short.test.as_ref().unwrap().loss;
        assert_eq!(
            (position.epoch, position.score, position.train, position.test),
            (epochs, Some(loss), Some(short.train), short.test)
        );
        let found = checkpoint.model(model(), optimizer()).unwrap();
        assert_eq!(weights::to_bytes(&found).unwrap(), weights::to_bytes(&short.model).unwrap());
        if best.is_none_or(|(least, _)| loss < least) {
            best = Some((loss, 5 * epochs));
        }
    }
    assert_eq!(checkpoints.best().unwrap().step(), best.unwrap().1);
    let other = AdamConfig::new().build().unwrap();
    assert!(checkpoints.latest().unwrap().model(model(), other).is_err());
}

/// With a smaller tolerance or more patience a run that had ended goes on, as if it had had these settings from the start.
#[test]
fn an_ended_run_goes_on_under_other_settings() {
    let (train, test) = (data(18, 0.0), data(6, 1.0));
    let optimizer = || NesterovConfig::new().with_momentum(0.5).build().unwrap();
    let run = |folder: &Path, config: TrainConfig, again: bool| {
        let trainer = trainer(folder, config, optimizer());
        match again {
            true => trainer.load(model()).unwrap().fit(&SquaredError, &train, Some(&test)).unwrap(),
            false => trainer.fit(model(), &SquaredError, &train, Some(&test)).unwrap(),
        }
    };
    let (folder, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let with = |gtol| TrainConfig { gtol: Some(gtol), ..config(6) };
    assert_eq!(run(folder.path(), with(0.5), false).status, TrainStatus::Converged);
    let expected = run(whole.path(), with(1e-9), false);
    assert_eq!(summary(&run(folder.path(), with(1e-9), true)), summary(&expected));
    // More epochs for a completed run.
    let (folder, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(run(folder.path(), config(2), false).status, TrainStatus::Completed);
    let expected = run(whole.path(), config(5), false);
    assert_eq!(summary(&run(folder.path(), config(5), true)), summary(&expected));
}

/// (w − y)², so that one step of size ε on all data is w ← w − 2ε(w − ȳ).
struct Distance;

impl Objective<Param<Tensor<1>>, Batch> for Distance {
    fn loss(&self, w: &Param<Tensor<1>>, (_, y): Batch, _: &mut Stream) -> Loss {
        let [n, _] = y.dims();
        Loss { value: (w.val().repeat_dim(0, n) - y.reshape([n])).square().mean(), terms: Vec::new() }
    }
}

/// w = 1 − 0.9ᵗ after epoch t. The held-out loss (w − 0.3)² is smallest at t = 3 and rises then.
#[test]
fn early_stopping_stops_where_it_should_also_after_a_resume() {
    let targets = |y: f64| RegressionExamples::new(vec![0.0; 4], 1, vec![y; 4]).unwrap();
    let (train, test) = (targets(1.0), targets(0.3));
    let start = || Param::from_tensor(Tensor::<1>::zeros([1], &Device::default().autodiff()).require_grad());
    let schedule = Schedule::constant(0.05).unwrap();
    let with = |epochs, patience, min_delta| TrainConfig {
        epochs,
        schedule: schedule.clone(),
        early_stopping: Some(EarlyStopping { patience, min_delta }),
        ..TrainConfig::default()
    };
    let fit = |config| Trainer::new(config, Sgd).fit(start(), &Distance, &train, Some(&test)).unwrap();
    for (patience, epochs) in [(1, 4), (2, 5), (4, 7)] {
        let outcome = fit(with(100, patience, 0.0));
        assert_eq!((outcome.status, outcome.epochs), (TrainStatus::StoppedEarly, epochs));
        let w = 1.0 - 0.9f64.powi(epochs as i32);
        assert!((outcome.test.unwrap().loss - (w - 0.3).powi(2)).abs() < 1e-6);
    }
    // The loss falls by 0.028 in epoch 2 and by 0.011 in epoch 3.
    assert_eq!(fit(with(100, 1, 0.02)).epochs, 3);
    // All epochs done: the run has completed.
    assert_eq!(fit(with(5, 2, 0.0)).status, TrainStatus::Completed);
    assert_eq!(fit(with(4, 2, 0.0)).status, TrainStatus::Completed);
    // Without test data the training loss counts, which only falls.
    let alone = Trainer::new(with(20, 1, 0.0), Sgd).fit(start(), &Distance, &train, None).unwrap();
    assert_eq!(alone.status, TrainStatus::Completed);

    let whole = fit(with(100, 3, 0.0));
    for first in 1..=whole.epochs {
        let folder = tempfile::tempdir().unwrap();
        let trainer =
            |epochs| Trainer::new(with(epochs, 3, 0.0), Sgd).checkpoint_to(Checkpoints::new(folder.path(), 100));
        trainer(first).fit(start(), &Distance, &train, Some(&test)).unwrap();
        let resumed = trainer(100).load(start()).unwrap().fit(&Distance, &train, Some(&test)).unwrap();
        assert_eq!(summary(&resumed), summary(&whole), "resumed after {first} epochs");
        let best = Checkpoints::new(folder.path(), 1).best().unwrap();
        assert_eq!(best.position().unwrap().epoch, 3);
    }
}

#[test]
fn settings_that_train_nothing_are_errors() {
    let train = data(4, 0.0);
    let fit = |config| Trainer::new(config, Sgd).fit(model(), &SquaredError, &train, None);
    for wrong in [
        TrainConfig { epochs: 0, ..config(1) },
        TrainConfig { batch_size: 0, ..config(1) },
        TrainConfig { gtol: Some(f64::NAN), ..config(1) },
    ] {
        assert!(matches!(fit(wrong), Err(TrainError::Config(_))));
    }
    let empty = RegressionExamples::new(vec![], 2, vec![]).unwrap();
    let none = Trainer::new(config(1), Sgd).fit(model(), &SquaredError, &empty, None);
    assert!(matches!(none, Err(TrainError::Empty)));
}
