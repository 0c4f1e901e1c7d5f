//! Training on several ranks equals training on one, to the rounding of sums. Here the ranks are threads, which exchange the same bytes that
//! processes do.

use kiln::{
    data::{BREAST_CANCER_TARGET, breast_cancer},
    models::{GmmFit, RegressionLoss},
    optim::solver::{L1, Outcome, SolverError, owlqn, trust_ncg},
    prelude::*,
    tensor::{
        World,
        derivative::{Distributed, TwiceDifferentiable},
        params::named,
        world::{WorldError, threads},
    },
};
use kiln_testkit::{f64_device, tensor};

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

/// The breast cancer data with two classes, `rows` of them, penalised so that the minimum is well conditioned.
fn regression(rows: std::ops::Range<usize>) -> RegressionLoss {
    let table = breast_cancer();
    let all: Vec<usize> = (0..table.len()).collect();
    let data = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &all, true).unwrap().encode(&table).unwrap();
    let width = data.inputs().len() / data.targets().len();
    let inputs = data.inputs()[rows.start * width..rows.end * width].to_vec();
    let inputs = tensor(&inputs, [rows.len(), width], &f64_device());
    RegressionLoss::new(inputs, &data.targets()[rows], 2).unwrap().l2(0.01).unwrap()
}

/// A fit: its parameters, the standard errors of a maximum likelihood fit, and the number of iterations.
type Fit = (Vec<f64>, Vec<f64>, usize);

fn fits<P: TwiceDifferentiable>(problem: &P, start: &Tensor<1>, l1: &Tensor<1>) -> Vec<(&'static str, Fit)> {
    let stop = Stop { gtol: 1e-10, ..Stop::default() };
    let fit = |outcome: Result<Outcome, SolverError>| -> Fit {
        let outcome = outcome.unwrap();
        assert!(outcome.success, "{}", outcome.message);
        let covariance = problem.hessian(&outcome.x).unwrap().cholesky().unwrap().inverse();
        let errors = (0..covariance.rows()).map(|i| covariance.at(i, i).sqrt()).collect();
        (outcome.x.try_into_vec_as().unwrap(), errors, outcome.iterations)
    };
    let owlqn = owlqn(L1::new(l1.clone()).unwrap());
    vec![
        ("L-BFGS", fit(minimize(problem, start.clone(), &lbfgs(), &stop))),
        ("Newton", fit(minimize(problem, start.clone(), &newton(), &stop))),
        ("trust-ncg", fit(minimize(problem, start.clone(), &trust_ncg(), &stop))),
        ("OWL-QN", fit(minimize(problem, start.clone(), &owlqn, &Stop { gtol: 1e-8, ..stop }))),
    ]
}

#[test]
fn solvers_on_several_ranks_end_where_one_does() {
    f64_device();
    let n = breast_cancer().len();
    let all = regression(0..n);
    let (start, l1) = (all.start(), all.l1_weights(0.01));
    let alone = fits(&all, &start, &l1);
    for size in [2, 4] {
        let ranks = threads(size, |world| {
            let own = world.share_of(n);
            let local = regression(own.clone());
            fits(&Distributed::mean(&local, own.len(), &world).unwrap(), &start, &l1)
        });
        for rank in &ranks {
            assert_eq!(rank, &ranks[0], "all ranks have the same bits");
        }
        for ((name, found), (_, expected)) in ranks[0].iter().zip(&alone) {
            assert_eq!(found.2, expected.2, "{name}: iterations on {size} ranks");
            // Sums in another order, which the curvature magnifies.
            let differences = [apart(&found.0, &expected.0), apart(&found.1, &expected.1)];
            assert!(differences.iter().all(|d| *d <= 1e-9), "{name}, {size} ranks: {differences:?}");
        }
    }
}

#[test]
fn a_mixture_on_several_ranks_is_that_of_one() {
    f64_device();
    let table = breast_cancer();
    let n = table.len();
    let all: Vec<usize> = (0..n).collect();
    let data = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &all, true).unwrap().encode(&table).unwrap();
    let width = data.inputs().len() / n;
    // Five columns, so that a full covariance has enough rows.
    let rows: Vec<f64> = data.inputs().chunks(width).flat_map(|row| row[..5].to_vec()).collect();
    for covariance in [CovarianceType::Full, CovarianceType::Tied] {
        let fit = |world: World| {
            let own = world.share_of(n);
            let x = tensor(&rows[own.start * 5..own.end * 5], [own.len(), 5], &f64_device());
            let config = GmmConfig::new(3).covariance(covariance).n_init(3).tol(1e-9).seed(2).distributed(world);
            let fit = config.fit(x).unwrap();
            let numbers = |tensor: Tensor<1>| -> Vec<f64> { tensor.try_into_vec_as().unwrap() };
            let GmmFit { mixture, iterations, log_likelihood, bic, .. } = fit;
            let [means, covariances] =
                [mixture.means().flatten(0, 1), mixture.covariances().flatten(0, 2)].map(numbers);
            (means, covariances, vec![log_likelihood, bic], iterations)
        };
        let alone = fit(World::alone());
        for size in [2, 4] {
            let ranks = threads(size, fit);
            for rank in &ranks {
                assert_eq!(rank, &ranks[0], "all ranks have the same bits");
            }
            let found = &ranks[0];
            assert_eq!(found.3, alone.3, "iterations on {size} ranks");
            let differences = [(&found.0, &alone.0), (&found.1, &alone.1), (&found.2, &alone.2)];
            let differences = differences.map(|(a, b)| apart(a, b));
            assert!(differences.iter().all(|d| *d <= 1e-9), "{covariance:?}, {size} ranks: {differences:?}");
        }
    }
    // An error of one rank is an error of all.
    let errors = threads(2, |world| {
        let x = if world.rank() == 1 { vec![1.0, f64::NAN] } else { vec![1.0, 2.0] };
        let x = tensor(&x, [2, 1], &f64_device());
        GmmConfig::new(2).distributed(world).fit(x).unwrap_err().to_string()
    });
    assert_eq!(errors, ["rank 1 failed: row 1 has a value that is not finite", "row 1 has a value that is not finite"]);
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
