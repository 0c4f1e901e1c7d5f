//! Training on several ranks equals training on one, to the rounding of sums. Here the ranks are threads, which exchange the same bytes that
//! processes do.

use kiln::{
    data::Images,
    prelude::*,
    tensor::{
        World,
        params::named,
        world::{WorldError, threads},
    },
    train::Checkpoints,
};
use kiln_testkit::f64_device;

/// 65 rows in minibatches of 16: the last one has a single row, so that with several ranks some have none.
fn images() -> Images {
    kiln::data::digits().subset(&(0..65).collect::<Vec<_>>())
}

fn config() -> TrainConfig {
    let schedule = Schedule::constant(0.01).unwrap();
    TrainConfig { epochs: 5, batch_size: 16, schedule, seed: 3, evaluation_batch: 20, ..TrainConfig::default() }
}

fn vae(seed: u64) -> Vae {
    VaeConfig::new(64).hidden_dim(12).latent_dim(3).init(seed, &f64_device()).unwrap()
}

/// An optimiser by name.
type Named = (&'static str, fn() -> FirstOrder);

type Bound = dyn Fn(Trainer<'_, Vae>) -> Result<TrainOutcome<Vae>, TrainError> + Sync;

/// All parameters, one after the other.
fn parameters<M: Module>(model: &M) -> Vec<f64> {
    named(model).into_iter().flat_map(|parameter| parameter.data.try_into_vec_as::<f64>().unwrap()).collect()
}

/// The largest difference in terms of the largest number.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    a.iter().zip(b).fold(0.0f64, |max, (x, y)| max.max((x - y).abs())) / largest
}

fn bounds() -> [(&'static str, Box<Bound>); 3] {
    let fit =
        |objective: Elbo| move |trainer: Trainer<'_, Vae>| trainer.fit(vae(1), &objective, &images(), Some(&images()));
    let iwae = |trainer: Trainer<'_, Vae>| trainer.fit(vae(1), &Iwae::new(4), &images(), Some(&images()));
    [
        ("the ELBO", Box::new(fit(Elbo::new()))),
        ("the ELBO of 3 particles", Box::new(fit(Elbo::new().particles(3)))),
        ("IWAE", Box::new(iwae)),
    ]
}

fn optimizers() -> [Named; 6] {
    [
        ("SGD", || Sgd.into()),
        ("momentum", || MomentumConfig::new().build().unwrap().into()),
        ("Nesterov", || NesterovConfig::new().build().unwrap().into()),
        ("Adam", || AdamConfig::new().build().unwrap().into()),
        ("an average", || NesterovConfig::new().build().unwrap().averaged(Average::ema(0.9).unwrap()).into()),
        ("accumulation", || FirstOrder::from(AdamConfig::new().build().unwrap()).accumulate(2).unwrap()),
    ]
}

#[test]
fn several_ranks_take_the_steps_of_one() {
    f64_device();
    for (bound, fit) in &bounds() {
        for (name, optimizer) in optimizers() {
            let train = |world: World| {
                let outcome = fit(Trainer::new(config(), optimizer()).distributed(world)).unwrap();
                let mut numbers = vec![outcome.train.loss, outcome.test.as_ref().unwrap().loss];
                numbers.extend(outcome.train.terms.values());
                (parameters(&outcome.model), numbers, outcome.steps)
            };
            let alone = train(World::alone());
            assert!(alone.2 >= 20 || name == "accumulation", "{} steps", alone.2);
            // To the bit.
            assert_eq!(threads(1, train), std::slice::from_ref(&alone));
            for size in [2, 4] {
                let ranks = threads(size, train);
                for rank in &ranks {
                    assert_eq!(rank, &ranks[0], "all ranks have the same bits");
                }
                let differences = [apart(&ranks[0].0, &alone.0), apart(&ranks[0].1, &alone.1)];
                // Sums of the same numbers in another order.
                assert!(differences.iter().all(|d| *d <= 1e-12), "{bound}, {name}, {size} ranks: {differences:?}");
                assert_eq!(ranks, threads(size, train), "the same number of ranks twice");
            }
        }
    }
}

#[test]
fn a_run_is_resumed_with_another_number_of_ranks() {
    f64_device();
    let folder = tempfile::tempdir().unwrap();
    let trainer = |epochs: u64, name: &str, world: World| {
        let checkpoints = Checkpoints::new(folder.path().join(name), 1);
        let optimizer = AdamConfig::new().build().unwrap();
        Trainer::new(TrainConfig { epochs, ..config() }, optimizer).distributed(world).checkpoint_to(checkpoints)
    };
    let whole = |world: World| {
        let outcome = trainer(5, "whole", world).fit(vae(1), &Elbo::new(), &images(), Some(&images())).unwrap();
        parameters(&outcome.model)
    };
    let resumed = |epochs: u64| {
        move |world: World| {
            let loaded = trainer(epochs, "parts", world).load(vae(1)).unwrap();
            parameters(&loaded.fit(&Elbo::new(), &images(), Some(&images())).unwrap().model)
        }
    };
    let expected = threads(2, whole);
    threads(2, |world| {
        trainer(2, "parts", world).fit(vae(1), &Elbo::new(), &images(), Some(&images())).map(drop).unwrap()
    });
    threads(4, resumed(3));
    let one = resumed(4)(World::alone());
    let two = threads(2, resumed(5));
    assert!(apart(&two[1], &expected[1]) <= 1e-12 && one != two[0], "{}", apart(&two[1], &expected[1]));
}

/// Stops the run after a number of steps, on one rank.
struct StopAt(u64);

impl<M> Observer<M> for StopAt {
    fn on_step(&mut self, report: &StepReport, _: &Watched<'_, M>) -> Result<std::ops::ControlFlow<()>, TrainError> {
        use std::ops::ControlFlow::{Break, Continue};
        Ok(if report.step == self.0 { Break(()) } else { Continue(()) })
    }
}

#[test]
fn what_one_rank_asks_for_all_ranks_do() {
    f64_device();
    let ends = threads(3, |world| {
        let mut trainer = Trainer::new(config(), Sgd).distributed(world.clone());
        if world.rank() == 2 {
            trainer = trainer.observe(StopAt(2));
        }
        let outcome = trainer.fit(vae(1), &Elbo::new(), &images(), None).unwrap();
        (outcome.status, outcome.steps)
    });
    // The others hear of it with the next gradient.
    assert_eq!(ends, vec![(TrainStatus::StoppedByObserver, 3); 3]);
}

#[test]
fn a_rank_that_cannot_write_ends_all_of_them() {
    f64_device();
    let file = tempfile::NamedTempFile::new().unwrap();
    let errors = threads(2, |world| {
        let checkpoints = Checkpoints::new(file.path().join("no folder"), 1);
        let trainer = Trainer::new(config(), Sgd).distributed(world).checkpoint_to(checkpoints);
        trainer.fit(vae(1), &Elbo::new(), &images(), None).unwrap_err()
    });
    assert!(matches!(errors[0], TrainError::Checkpoint(_)), "{:?}", errors[0]);
    let expected = errors[0].to_string();
    assert!(
        matches!(&errors[1], TrainError::World(WorldError::Failed { rank: 0, message }) if *message == expected),
        "{:?}",
        errors[1]
    );
}

#[test]
fn ranks_that_do_not_fit_together_are_told() {
    f64_device();
    let with = |rows: [usize; 2], seeds: [u64; 2]| {
        let errors = threads(2, |world| {
            let images = kiln::data::digits().subset(&(0..rows[world.rank()]).collect::<Vec<_>>());
            let trainer = Trainer::new(config(), Sgd).distributed(world.clone());
            trainer.fit(vae(seeds[world.rank()]), &Elbo::new(), &images, None).unwrap_err().to_string()
        });
        assert_eq!(errors[0], errors[1]);
        errors[0].clone()
    };
    assert!(with([20, 21], [1, 1]).starts_with("the number of rows: rank 1 has another than rank 0"));
    assert!(with([20, 20], [1, 2]).starts_with("the initial parameters: rank 1 has another than rank 0"));
}

/// Not a mean over rows: the largest error.
struct Largest;

impl Objective<Vae, Tensor<2>> for Largest {
    fn loss(&self, model: &Vae, x: Tensor<2>, stream: &mut Stream) -> Loss {
        let Loss { value, terms } = Elbo::new().loss(model, x, stream);
        Loss { value: value.max(), terms }
    }
}

#[test]
fn a_loss_that_is_no_mean_is_refused() {
    f64_device();
    let errors = threads(2, |world| {
        let trainer = Trainer::new(config(), Sgd).distributed(world);
        trainer.fit(vae(1), &Largest, &images(), None).unwrap_err().to_string()
    });
    assert!(errors[0].contains("Objective::is_mean_over_rows") && errors[0] == errors[1], "{errors:?}");
}
