//! Rows on several ranks give the fit of one: sums over rows are the same to rounding, whatever the rank that adds them. The ranks are threads,
//! which exchange the bytes that processes do. The fits of one rank are compared with those of R and statsmodels in the other files.

use std::ops::Range;

use kiln::{
    models::{
        GlmConfig, GlmError, GlmFit,
        glm::{CovarianceEstimator, Family, Values},
    },
    tensor::world::threads,
};

use crate::storage::{ROWS, features, kinds, response};

/// The rows of a fit, which a rank takes a part of.
struct Problem {
    config: GlmConfig,
    features: usize,
    inputs: Vec<f64>,
    response: Vec<f64>,
    weights: Option<Vec<f64>>,
    offset: Option<Vec<f64>>,
    clusters: Option<Vec<usize>>,
}

impl Problem {
    fn new(config: GlmConfig, features: usize, inputs: Vec<f64>, response: Vec<f64>) -> Self {
        Self { config, features, inputs, response, weights: None, offset: None, clusters: None }
    }

    /// The settings, features and responses of some rows.
    fn part(&self, rows: Range<usize>) -> (GlmConfig, &[f64], &[f64]) {
        let mut config = self.config.clone();
        if let Some(weights) = &self.weights {
            config = config.weights(&weights[rows.clone()]);
        }
        if let Some(offset) = &self.offset {
            config = config.offset(&offset[rows.clone()]);
        }
        if let Some(clusters) = &self.clusters {
            config = config.covariance(CovarianceEstimator::Clustered(clusters[rows.clone()].to_vec()));
        }
        let d = self.features;
        (config, &self.inputs[rows.start * d..rows.end * d], &self.response[rows])
    }

    fn alone(&self, keep: &dyn Fn(&[f64]) -> Values) -> Result<GlmFit, GlmError> {
        let (config, x, y) = self.part(0..self.response.len());
        config.fit_with(keep(x), y, |_| std::ops::ControlFlow::Continue(()))
    }

    fn on(&self, ranks: usize, keep: &(dyn Fn(&[f64]) -> Values + Sync)) -> Vec<Result<GlmFit, GlmError>> {
        threads(ranks, |world| {
            let (config, x, y) = self.part(world.share_of(self.response.len()));
            config.distributed(world).fit_with(keep(x), y, |_| std::ops::ControlFlow::Continue(()))
        })
    }
}

/// All numbers of a fit's result, but those of single rows.
fn numbers(fit: &GlmFit) -> Vec<f64> {
    let mut all = fit.model.parameters.clone();
    all.extend([fit.mean_negative_log_likelihood(), fit.model.dispersion, fit.training.mean_squared_error]);
    all.extend(fit.training.accuracy);
    if let Ok(inference) = fit.inference() {
        all.extend(
            inference.estimates.iter().flat_map(|e| [e.standard_error, e.statistic, e.interval[0], e.interval[1]]),
        );
        all.extend([inference.fit.log_likelihood, inference.fit.aic, inference.fit.bic]);
    }
    all
}

/// The largest difference of two numbers in terms of their size, at least `floor`.
fn apart(a: &[f64], b: &[f64], floor: f64) -> f64 {
    assert_eq!(a.len(), b.len());
    let of = |(a, b): (&f64, &f64)| if a.is_nan() && b.is_nan() { 0.0 } else { (a - b).abs() / b.abs().max(floor) };
    a.iter().zip(b).map(of).fold(0.0, |max, x| if x.is_nan() { f64::NAN } else { f64::max(max, x) })
}

#[track_caller]
fn check_with(problem: &Problem, keep: &(dyn Fn(&[f64]) -> Values + Sync), what: &str) {
    let alone = problem.alone(keep).unwrap();
    for ranks in [1, 2, 4] {
        let fits: Vec<GlmFit> = problem.on(ranks, keep).into_iter().map(|fit| fit.unwrap()).collect();
        for fit in &fits {
            // Newton's method and the last steps end at the rounding of a sum over the rows.
            let difference = apart(&numbers(fit), &numbers(&alone), 1e-3);
            assert!(
                difference <= 1e-9,
                "{what}, {ranks} ranks: {difference:e}\n{:?}\n{:?}",
                numbers(fit),
                numbers(&alone)
            );
            assert_eq!(fit.outcome.iterations, alone.outcome.iterations, "{what}, {ranks} ranks");
            assert_eq!(fit.dropped.len(), alone.dropped.len(), "{what}, {ranks} ranks");
            assert_eq!(numbers(fit), numbers(&fits[0]), "{what}: all ranks have the same bits");
        }
        let fitted: Vec<f64> = fits.iter().flat_map(|fit| fit.fitted.clone()).collect();
        assert!(apart(&fitted, &alone.fitted, 1e-3) <= 1e-9, "{what}, {ranks} ranks: fitted means");
        let distances = |fit: &GlmFit| fit.influence.iter().map(|row| row.cooks_distance).collect::<Vec<f64>>();
        let own: Vec<f64> = fits.iter().flat_map(distances).collect();
        assert!(apart(&own, &distances(&alone), 1e-3) <= 1e-9, "{what}, {ranks} ranks: influence");
    }
}

#[track_caller]
fn check(problem: &Problem, what: &str) {
    check_with(problem, &|x| x.to_vec().into(), what);
}

fn plain(family: Family, d: u32) -> Problem {
    Problem::new(GlmConfig::new(family, d as usize), d as usize, features(d), response(family))
}

#[test]
fn every_family_has_the_fit_of_one_rank() {
    for family in Family::ALL {
        check(&plain(family, 4), &format!("{family}"));
        let mut weighted = plain(family, 4);
        weighted.weights = Some((0..ROWS).map(|i| f64::from(i * 13 % 4)).collect());
        weighted.offset = (family != Family::Multinomial).then(|| (0..ROWS).map(|i| 0.1 * f64::from(i % 3)).collect());
        check(&weighted, &format!("{family} with weights"));
    }
}

#[test]
fn every_estimator_of_the_covariance_has_that_of_one_rank() {
    use CovarianceEstimator::{Hc0, Hc1, Hc2, Hc3};
    for (family, covariance) in
        [Hc0, Hc1, Hc2, Hc3].into_iter().flat_map(|hc| [(Family::Poisson, hc.clone()), (Family::Gaussian, hc)])
    {
        let mut problem = plain(family, 3);
        problem.config = problem.config.covariance(covariance.clone()).influence(true);
        check(&problem, &format!("{family}, {covariance:?}"));
    }
    let mut problem = plain(Family::Binomial, 3);
    // Every cluster has rows on all ranks.
    problem.clusters = Some((0..ROWS as usize).map(|i| i % 23).collect());
    check(&problem, "clusters");
}

#[test]
fn penalised_fits_are_those_of_one_rank() {
    let mut problem = plain(Family::Binomial, 5);
    let config = problem.config.clone();
    for (config, what) in [
        (config.clone().l2(0.01), "l2"),
        (config.clone().l1(0.01), "l1"),
        (config.clone().l1(0.01).l2(0.02), "both"),
        (config.firth(true), "firth"),
    ] {
        problem.config = config;
        check(&problem, what);
    }
}

#[test]
fn all_ways_to_keep_rows_give_the_fit_of_one_rank() {
    for family in [Family::Gaussian, Family::Poisson, Family::Multinomial] {
        for kind in 0..4 {
            let keep = move |x: &[f64]| kinds(x, 4).into_iter().nth(kind).expect("four kinds").1;
            let name = kinds(&[0.0; 4], 4)[kind].0;
            check_with(&plain(family, 4), &keep, &format!("{family}, {name}"));
        }
    }
}

/// What is found of columns that depend on others must not depend on the ranks.
#[test]
fn dependent_and_nearly_dependent_columns_are_found() {
    let with = |columns: usize, column: &dyn Fn(u32, usize) -> f64| -> Vec<f64> {
        (0..ROWS).flat_map(|i| (0..columns).map(move |j| (i, j))).map(|(i, j)| column(i, j)).collect()
    };
    let base = features(2);
    let entry = |i: u32, j: usize| base[2 * i as usize + j];
    let dependent = with(5, &|i, j| match j {
        0 | 1 => entry(i, j),
        2 => 7.0,
        3 => entry(i, 0) - 2.0 * entry(i, 1) + 3.0,
        _ => f64::from(i % 11),
    });
    // A power of a number near 1: a condition number of about 1e9.
    let powers = with(6, &|i, j| (1.0 + f64::from(i) / f64::from(ROWS)).powi(i32::try_from(j).unwrap() + 1));
    // An offset that takes away most digits.
    let far = with(2, &|i, j| 1e7 + entry(i, j));
    // All rows of the first rank have the same number.
    let constant_at_first = with(2, &|i, j| if j == 0 && i < 200 { 3.0 } else { entry(i, j) });
    for family in [Family::Gaussian, Family::Poisson, Family::Binomial] {
        for (inputs, what) in
            [(&dependent, "dependent"), (&powers, "powers"), (&far, "far"), (&constant_at_first, "constant")]
        {
            let d = inputs.len() / ROWS as usize;
            let problem = Problem::new(GlmConfig::new(family, d), d, inputs.clone(), response(family));
            // What the condition number leaves of the digits.
            let alone = problem.alone(&|x| x.to_vec().into()).unwrap();
            for fit in problem.on(3, &|x| x.to_vec().into()) {
                let fit = fit.unwrap();
                let names = |fit: &GlmFit| fit.dropped.iter().map(|found| found.column).collect::<Vec<_>>();
                assert_eq!(names(&fit), names(&alone), "{family}, {what}");
                let apart = apart(&numbers(&fit), &numbers(&alone), 1e-3);
                assert!(apart <= 1e-6, "{family}, {what}: {apart:e}\n{:?}\n{:?}", numbers(&fit), numbers(&alone));
            }
        }
    }
}

#[test]
fn a_rank_may_have_no_rows() {
    let (x, y) = ([0.0, 1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 4.0, 7.0]);
    for family in [Family::Poisson, Family::Gaussian] {
        let config = GlmConfig::new(family, 1);
        let alone = config.fit(&x, &y).unwrap();
        let fits = threads(7, |world| {
            let own = world.share_of(5);
            config.clone().distributed(world).fit(&x[own.clone()], &y[own])
        });
        for fit in fits {
            assert!(apart(&numbers(&fit.unwrap()), &numbers(&alone), 1e-3) <= 1e-9);
        }
    }
}

/// So many rows that the fit starts at that of a part of them. The part depends on the ranks, and so may the number of iterations.
#[test]
fn many_rows_have_the_fit_of_one_rank() {
    let n = 40_000u32;
    let x: Vec<f64> = (0..n).flat_map(|i| [f64::from(i * 7919 % 101) / 50.0, f64::from(i % 977) / 500.0]).collect();
    let y: Vec<f64> = (0..n).map(|i| f64::from(i.wrapping_mul(2_654_435_761) % 5)).collect();
    let problem = Problem::new(GlmConfig::new(Family::Poisson, 2), 2, x, y);
    let alone = problem.alone(&|x| x.to_vec().into()).unwrap();
    for fit in problem.on(2, &|x| x.to_vec().into()) {
        let apart = apart(&numbers(&fit.unwrap()), &numbers(&alone), 1e-3);
        assert!(apart <= 1e-9, "{apart:e}");
    }
}

#[test]
fn separable_classes_are_found_by_all_ranks() {
    let x: Vec<f64> = (0..40).map(f64::from).collect();
    // Each rank's own rows have one class only.
    let y: Vec<f64> = (0..40).map(|i| f64::from(u8::from(i >= 20))).collect();
    let ends = threads(2, |world| {
        let own = world.share_of(40);
        GlmConfig::new(Family::Binomial, 1).distributed(world).fit(&x[own.clone()], &y[own])
    });
    for end in ends {
        let Err(GlmError::Separable { certificate }) = end else { panic!("{end:?}") };
        let targets: Vec<usize> = y.iter().map(|y| usize::from(*y > 0.5)).collect();
        assert!(certificate.complete && certificate.sides(&x, &targets).unwrap().separates);
    }
}

#[test]
fn what_is_wrong_with_one_rank_ends_all() {
    let ends = |of: &(dyn Fn(usize) -> (usize, Vec<f64>, Vec<f64>) + Sync)| -> Vec<String> {
        let fit = |world: kiln::tensor::World| {
            let (d, x, y) = of(world.rank());
            GlmConfig::new(Family::Poisson, d).distributed(world).fit(&x, &y).unwrap_err().to_string()
        };
        threads(2, fit)
    };
    let negative = ends(&|rank| (1, vec![0.0, 1.0], if rank == 1 { vec![1.0, -2.0] } else { vec![1.0, 2.0] }));
    assert!(negative[0].starts_with("rank 1 failed: the response of row 1 is -2"), "{negative:?}");
    assert!(negative[1].starts_with("the response of row 1 is -2"), "{negative:?}");
    let widths = ends(&|rank| (rank + 1, vec![0.0; 2 * (rank + 1)], vec![1.0, 2.0]));
    assert!(widths.iter().all(|end| end.starts_with("the number of features: rank 1 has another")), "{widths:?}");
    let none = ends(&|_| (1, vec![], vec![]));
    assert!(none.iter().all(|end| end.starts_with("there are no rows")), "{none:?}");
}
