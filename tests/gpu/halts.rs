//! What a GPU decides by itself: a step that is not finite is not taken, a gradient within the tolerance ends the run.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use kiln::{data::Dataset, prelude::*, tensor::params::named};

use super::{
    gpu,
    steps::{assert_close, assert_same_loss},
};

/// Acts on steps that are due only, unless it has the loop wait for each step. It keeps the parameters that it is shown.
struct Keeper {
    waits: bool,
    kept: Arc<Mutex<Vec<Kept>>>,
}

/// A module, its weight transposed, and the numbers of the weight at that time.
type Kept = (SoftmaxRegression, Tensor<2>, Vec<f32>);

impl Keeper {
    fn new(waits: bool) -> Self {
        Self { waits, kept: Arc::default() }
    }
}

impl Observer<SoftmaxRegression> for Keeper {
    fn wants_every_step(&self) -> bool {
        self.waits
    }

    fn on_step(
        &mut self,
        report: &StepReport,
        model: &Watched<'_, SoftmaxRegression>,
    ) -> Result<ControlFlow<()>, TrainError> {
        if report.due {
            let module = model.module().clone();
            let weight = weight(&module);
            let values = weight.clone().try_into_vec_as().unwrap();
            self.kept.lock().unwrap().push((module, weight.transpose(), values));
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn weight(model: &SoftmaxRegression) -> Tensor<2> {
    model.coefficients().0.without_autodiff()
}

/// Labelled digits in which some rows have a NaN.
struct Spoiled {
    data: Labelled,
    rows: Vec<usize>,
}

impl Dataset for Spoiled {
    type Batch = kiln::data::Supervised;

    fn len(&self) -> usize {
        self.data.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Self::Batch {
        let mut batch = self.data.batch(rows, device);
        if rows.iter().any(|row| self.rows.contains(row)) {
            batch.inputs = batch.inputs * f32::NAN;
        }
        batch
    }
}

fn digits() -> Labelled {
    Labelled::new(kiln::data::digits()).unwrap()
}

fn config(lr: f64) -> TrainConfig {
    let schedule = Schedule::constant(lr).unwrap();
    TrainConfig { epochs: 2, batch_size: 200, seed: 3, log_every: 100, schedule, ..TrainConfig::default() }
}

fn fit<D: Dataset<Batch = kiln::data::Supervised>>(
    waits: bool,
    optimizer: FirstOrder,
    config: TrainConfig,
    device: &Device,
    data: &D,
) -> TrainOutcome<SoftmaxRegression> {
    let model = SoftmaxRegression::new(64, 10, &device.clone().autodiff());
    let trainer = Trainer::new(config, optimizer).observe(Keeper::new(waits));
    trainer.fit(model, &MaximumLikelihood::new().l2(0.01), data, None).unwrap()
}

fn values(outcome: &TrainOutcome<SoftmaxRegression>) -> Vec<f64> {
    named(&outcome.model).into_iter().flat_map(|p| p.data.iter::<f64>().collect::<Vec<_>>()).collect()
}

#[test]
fn what_is_not_finite_is_not_applied() {
    let Some(info) = gpu() else { return };
    let adam = || FirstOrder::from(AdamConfig::new().build().unwrap());
    // The order of the rows says in which minibatch this one is.
    let spoiled = Spoiled { data: digits(), rows: vec![1000] };
    let [waiting, ahead] = [true, false].map(|waits| fit(waits, adam(), config(0.01), &info.device(), &spoiled));
    let TrainStatus::Diverged { step, .. } = &ahead.status else { panic!("{:?}", ahead.status) };
    assert!(*step > 1, "some steps were taken before");
    assert_eq!(ahead.status, waiting.status);
    assert_eq!((ahead.steps, ahead.gradients), (waiting.steps, waiting.gradients));
    assert!(values(&ahead).iter().all(|x| x.is_finite()));
    assert_close(&values(&ahead), &values(&waiting), "the last parameters that were finite");

    // With skipping, the other minibatches are used, and their count is what the bias corrections of Adam see.
    let skipping = || adam().skip_non_finite(3).unwrap();
    let [waiting, ahead] = [true, false].map(|waits| fit(waits, skipping(), config(0.01), &info.device(), &spoiled));
    assert_eq!((ahead.status.clone(), ahead.skipped), (TrainStatus::Completed, 2));
    assert_eq!((ahead.steps, ahead.gradients, ahead.skipped), (waiting.steps, waiting.gradients, waiting.skipped));
    assert_close(&values(&ahead), &values(&waiting), "with skipped gradients");
    assert_same_loss(ahead.train.loss, waiting.train.loss, "with skipped gradients");
}

#[test]
fn a_gradient_within_the_tolerance_ends_the_run() {
    let Some(info) = gpu() else { return };
    let data = digits();
    let config = TrainConfig { epochs: 200, batch_size: data.len(), gtol: Some(0.02), ..config(0.5) };
    let [waiting, ahead] = [true, false].map(|waits| fit(waits, Sgd.into(), config.clone(), &info.device(), &data));
    assert_eq!(ahead.status, TrainStatus::Converged);
    assert_eq!((ahead.steps, ahead.gradients), (waiting.steps, waiting.gradients));
    assert!(ahead.max_abs_grad <= 0.02 && ahead.steps > 3);
    assert_close(&values(&ahead), &values(&waiting), "the point whose gradient was measured");
}

/// The squares of the gradient overflow in f32, its entries do not: the host scales by the largest entry first.
#[test]
fn a_gradient_whose_norm_overflows_is_clipped() {
    struct Huge;
    impl Objective<SoftmaxRegression, kiln::data::Supervised> for Huge {
        fn loss(
            &self,
            model: &SoftmaxRegression,
            batch: kiln::data::Supervised,
            stream: &mut Stream,
        ) -> kiln::train::Loss {
            let inner: &dyn Objective<SoftmaxRegression, kiln::data::Supervised> = &MaximumLikelihood::new();
            let loss = inner.loss(model, batch, stream);
            kiln::train::Loss { value: loss.value * 1e24, terms: Vec::new() }
        }
    }
    let Some(info) = gpu() else { return };
    let data = digits();
    let run = |waits| {
        let model = SoftmaxRegression::new(64, 10, &info.device().autodiff());
        let optimizer = FirstOrder::from(MomentumConfig::new().build().unwrap()).clip_norm(1.0).unwrap();
        let config = TrainConfig { epochs: 1, ..config(0.1) };
        Trainer::new(config, optimizer).observe(Keeper::new(waits)).fit(model, &Huge, &data, None).unwrap()
    };
    let (waiting, ahead) = (run(true), run(false));
    assert_eq!((ahead.status.clone(), ahead.steps), (TrainStatus::Completed, 9));
    assert_close(&values(&ahead), &values(&waiting), "clipped");
    assert!(values(&ahead).iter().any(|x| *x != 0.0));
}

/// An objective may report other terms for other minibatches: then the host looks at each of these steps.
#[test]
fn terms_may_come_and_go() {
    struct Odd;
    impl Objective<SoftmaxRegression, kiln::data::Supervised> for Odd {
        fn loss(
            &self,
            model: &SoftmaxRegression,
            batch: kiln::data::Supervised,
            stream: &mut Stream,
        ) -> kiln::train::Loss {
            let last = batch.inputs.dims()[0] < 200;
            let mut loss = MaximumLikelihood::new().loss(model, batch, stream);
            if last {
                loss.terms.push(("last", loss.value.clone()));
            }
            loss
        }
    }
    let Some(info) = gpu() else { return };
    let data = digits();
    let run = |waits| {
        let model = SoftmaxRegression::new(64, 10, &info.device().autodiff());
        let optimizer = AdamConfig::new().build().unwrap();
        Trainer::new(config(0.01), optimizer).observe(Keeper::new(waits)).fit(model, &Odd, &data, None).unwrap()
    };
    let (waiting, ahead) = (run(true), run(false));
    assert_eq!((ahead.status.clone(), ahead.steps), (TrainStatus::Completed, 18));
    assert_close(&values(&ahead), &values(&waiting), "other terms");
    let last = |outcome: &TrainOutcome<SoftmaxRegression>| outcome.train.term("last").unwrap();
    assert_same_loss(last(&ahead), last(&waiting), "a term that comes and goes");
}

#[test]
fn parameters_that_an_observer_keeps_do_not_change() {
    let Some(info) = gpu() else { return };
    let keeper = Keeper::new(false);
    let kept = keeper.kept.clone();
    let model = SoftmaxRegression::new(64, 10, &info.device().autodiff());
    let config = TrainConfig { log_every: 3, epochs: 1, ..config(0.01) };
    let data = digits();
    let trainer = Trainer::new(config, AdamConfig::new().build().unwrap()).observe(keeper);
    trainer.fit(model, &MaximumLikelihood::new(), &data, None).unwrap();
    let kept = kept.lock().unwrap();
    assert_eq!(kept.len(), 3);
    for (model, transposed, before) in kept.iter() {
        assert_eq!(&weight(model).try_into_vec_as::<f32>().unwrap(), before, "a clone of the module");
        let view = transposed.clone().transpose().try_into_vec_as::<f32>().unwrap();
        assert_eq!(&view, before, "a view of a parameter");
    }
    assert_ne!(kept[0].2, kept[2].2);
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one() {
    let Some(info) = gpu() else { return };
    let data = digits();
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path().join("checkpoints"), 3);
    let trainer = |epochs| {
        let config = TrainConfig { epochs, ..config(0.01) };
        let optimizer = NesterovConfig::new().build().unwrap();
        Trainer::<SoftmaxRegression>::new(config, optimizer).observe(Keeper::new(false))
    };
    let model = || SoftmaxRegression::new(64, 10, &info.device().autodiff());
    let objective = MaximumLikelihood::new();
    let whole = trainer(4).fit(model(), &objective, &data, None).unwrap();
    trainer(2).checkpoint_to(checkpoints.clone()).fit(model(), &objective, &data, None).unwrap();
    let resumed = trainer(4).checkpoint_to(checkpoints).load(model()).unwrap().fit(&objective, &data, None).unwrap();
    assert_eq!((resumed.steps, resumed.epochs), (whole.steps, whole.epochs));
    assert_close(&values(&resumed), &values(&whole), "resumed");
}
