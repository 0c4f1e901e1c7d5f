//! What the theory promises, and the runs that measure it.

use kiln::{
    burn::tensor::Device,
    optim::{
        Average, FirstOrder, Method, MomentumConfig, NesterovConfig, Schedule, Sgd,
        rate::{self, Rate},
    },
};
use serde::Serialize;

use super::problem::{Problem, Run};
use crate::base::{Failure, Result};

/// What was measured, beside what was promised.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) name: &'static str,
    pub(super) problem: &'static str,
    pub(super) method: &'static str,
    pub(super) measure: Measure,
    #[serde(flatten)]
    pub(super) measured: Rate,
    pub(super) theory: f64,
    pub(super) formula: &'static str,
    /// (measured − theory)/theory.
    pub(super) deviation: f64,
    /// What bends the curve away from the formula; it is printed where the deviation is above a tenth.
    pub(super) reason: &'static str,
    /// (step, mean error), for the plot.
    pub(super) curve: Vec<(u64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Measure {
    /// −ln of the factor by which the error falls in a step.
    Rate,
    /// p of an error as k^−p.
    Exponent,
    /// The error that stays.
    Floor,
}

impl Measure {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate per step",
            Self::Exponent => "exponent",
            Self::Floor => "floor",
        }
    }
}

/// The largest deviation that needs no reason.
pub(super) const TOLERANCE: f64 = 0.1;
/// The condition number of the ill-conditioned problem.
const KAPPA: f64 = 100.0;
/// δ of the power-law problem.
const DELTA: f64 = 0.05;
/// Copies of a noisy run, and the groups of them whose means are the curves that an interval is made of.
const COPIES: usize = 256;
const GROUPS: usize = 16;

/// Every experiment.
pub(crate) const NAMES: [&str; 11] = [
    "gd",
    "momentum",
    "nesterov",
    "gd-convex",
    "nesterov-convex",
    "sgd-strongly-convex",
    "sgd-slow-decay",
    "sgd-averaged",
    "sgd-convex",
    "sgd-constant",
    "sgd-growing-batches",
];

/// The experiment of that name.
pub(super) fn run(name: &str, seed: u64, device: &Device) -> Result<Finding> {
    let lab = Lab { seed, device };
    match name {
        "gd" => lab.gd(),
        "momentum" => lab.momentum(),
        "nesterov" => lab.nesterov(),
        "gd-convex" => lab.gd_convex(),
        "nesterov-convex" => lab.nesterov_convex(),
        "sgd-strongly-convex" => lab.sgd_strongly_convex(),
        "sgd-slow-decay" => lab.sgd_slow_decay(),
        "sgd-averaged" => lab.sgd_averaged(),
        "sgd-convex" => lab.sgd_convex(),
        "sgd-constant" => lab.sgd_constant(),
        "sgd-growing-batches" => lab.sgd_growing_batches(),
        other => Err(Failure::internal(format!("the experiment {other} is listed and not written"))),
    }
}

/// (step, error), in the order of steps.
type Errors = Vec<(u64, f64)>;

struct Lab<'a> {
    seed: u64,
    device: &'a Device,
}

/// A finding without its numbers.
struct Claim {
    name: &'static str,
    problem: &'static str,
    method: &'static str,
    measure: Measure,
    theory: f64,
    formula: &'static str,
    reason: &'static str,
}

impl Claim {
    fn found(self, measured: Rate, curve: Vec<(u64, f64)>) -> Finding {
        let Self { name, problem, method, measure, theory, formula, reason } = self;
        let deviation = (measured.value - theory) / theory;
        Finding { name, problem, method, measure, measured, theory, formula, deviation, reason, curve }
    }
}

const ILL_CONDITIONED: &str = "quadratic, κ = 100";
const CONVEX: &str = "convex, no smallest curvature";
const STRONGLY_CONVEX: &str = "quadratic, κ = 10, noisy gradient";

impl Lab<'_> {
    /// One curve of an exact method, from step 0.
    fn exact(&self, problem: &Problem, optimizer: FirstOrder, lr: f64, at: &[u64]) -> Result<Errors> {
        let run = Run { optimizer, lr: Schedule::constant(lr)?, batch: None, averaged: false, at };
        let errors = problem.errors(run, self.seed, self.device).map_err(Failure::internal)?;
        Ok(at.iter().zip(errors).map(|(k, error)| (*k, error[0])).collect())
    }

    /// A curve for each group of copies, and the mean of all.
    fn noisy(&self, problem: &Problem, run: Run<'_>) -> Result<(Vec<Errors>, Errors)> {
        let at = run.at;
        let errors = problem.errors(run, self.seed, self.device).map_err(Failure::internal)?;
        let mean = |errors: &[f64]| errors.iter().sum::<f64>() / errors.len() as f64;
        let curve = |of: &dyn Fn(&[f64]) -> f64| at.iter().zip(&errors).map(|(k, e)| (*k, of(e))).collect();
        let size = COPIES / GROUPS;
        let groups = (0..GROUPS).map(|g| curve(&|errors| mean(&errors[g * size..][..size]))).collect();
        Ok((groups, curve(&mean)))
    }

    /// Full gradients with the step that is best for curvatures in [1/κ, 1]: 2/(L + μ).
    fn gd(&self) -> Result<Finding> {
        let at: Vec<u64> = (0..=1000).step_by(10).collect();
        let curve = self.exact(&ill_conditioned(), Sgd.into(), 2.0 / (1.0 + 1.0 / KAPPA), &at)?;
        let claim = Claim {
            name: "gd",
            problem: ILL_CONDITIONED,
            method: "gradient descent, ε = 2/(L + μ)",
            measure: Measure::Rate,
            theory: -2.0 * ((KAPPA - 1.0) / (KAPPA + 1.0)).ln(),
            formula: "−2 ln((κ − 1)/(κ + 1))",
            reason: "curvatures between the extremes still count in early steps",
        };
        Ok(claim.found(rate::linear(&after(&curve, 200)).map_err(Failure::internal)?, curve))
    }

    /// Polyak's heavy ball with his constants.
    fn momentum(&self) -> Result<Finding> {
        let root = KAPPA.sqrt();
        let alpha = ((root - 1.0) / (root + 1.0)).powi(2);
        let lr = (2.0 / (1.0 + 1.0 / root)).powi(2);
        let optimizer = MomentumConfig::new().with_momentum(alpha).build()?.into();
        let curve = self.exact(&ill_conditioned(), optimizer, lr, &(0..=1000).step_by(4).collect::<Vec<_>>())?;
        let claim = Claim {
            name: "momentum",
            problem: ILL_CONDITIONED,
            method: "momentum, Polyak's ε and α",
            measure: Measure::Rate,
            theory: -2.0 * ((root - 1.0) / (root + 1.0)).ln(),
            formula: "−2 ln((√κ − 1)/(√κ + 1))",
            reason: "a double root at the extreme curvatures adds a factor k²",
        };
        Ok(claim.found(rate::linear(&after(&curve, 300)).map_err(Failure::internal)?, curve))
    }

    /// Nesterov's method with ε = 1/L and the constant momentum for strongly convex functions.
    fn nesterov(&self) -> Result<Finding> {
        let root = KAPPA.sqrt();
        let optimizer = NesterovConfig::new().with_momentum((root - 1.0) / (root + 1.0)).build()?.into();
        let curve = self.exact(&ill_conditioned(), optimizer, 1.0, &(0..=1500).step_by(5).collect::<Vec<_>>())?;
        let claim = Claim {
            name: "nesterov",
            problem: ILL_CONDITIONED,
            method: "Nesterov, ε = 1/L, α = (√κ − 1)/(√κ + 1)",
            measure: Measure::Rate,
            theory: -2.0 * (1.0 - 1.0 / root).ln(),
            formula: "−2 ln(1 − 1/√κ)",
            reason: "a double root at the smallest curvature adds a factor k²",
        };
        Ok(claim.found(rate::linear(&after(&curve, 300)).map_err(Failure::internal)?, curve))
    }

    fn gd_convex(&self) -> Result<Finding> {
        let curve = self.exact(&convex(), Sgd.into(), 1.0, &powers(3000))?;
        let claim = Claim {
            name: "gd-convex",
            problem: CONVEX,
            method: "gradient descent, ε = 1/L",
            measure: Measure::Exponent,
            theory: 1.0 + DELTA,
            formula: "1 + δ, δ = 0.05; at least 1 for every convex function",
            reason: "the curvatures are not a continuum",
        };
        Ok(claim.found(rate::power(&after(&curve, 30)).map_err(Failure::internal)?, curve))
    }

    fn nesterov_convex(&self) -> Result<Finding> {
        let schedule = Schedule::nesterov(1.0 - f64::EPSILON)?;
        let optimizer = NesterovConfig::new().with_schedule(Some(schedule)).build()?.into();
        let curve = self.exact(&convex(), optimizer, 1.0, &powers(3000))?;
        let claim = Claim {
            name: "nesterov-convex",
            problem: CONVEX,
            method: "Nesterov, ε = 1/L, α = k/(k + 3)",
            measure: Measure::Exponent,
            theory: 2.0 + 2.0 * DELTA,
            formula: "2 + 2δ, δ = 0.05; at least 2 for every convex function",
            reason: "the error swings about its mean course",
        };
        Ok(claim.found(rate::power(&after(&curve, 30)).map_err(Failure::internal)?, curve))
    }

    /// ε_k = ½/(1 + k/40): about 20/k, twice the 1/μ above which the exponent is 1.
    fn sgd_strongly_convex(&self) -> Result<Finding> {
        let run = Run {
            optimizer: Sgd.into(),
            lr: Schedule::inverse_time(0.5, 40.0, 1.0)?,
            batch: None,
            averaged: false,
            at: &powers(20_000),
        };
        let (groups, curve) = self.noisy(&strongly_convex(), run)?;
        let claim = Claim {
            name: "sgd-strongly-convex",
            problem: STRONGLY_CONVEX,
            method: "SGD, ε = ½/(1 + k/40)",
            measure: Measure::Exponent,
            theory: 1.0,
            formula: "1 (Bottou, Curtis and Nocedal, 2018, theorem 4.7)",
            reason: "the noise of the copies",
        };
        Ok(claim.found(rate::power_of_mean(&after_each(&groups, 1000)).map_err(Failure::internal)?, curve))
    }

    fn sgd_slow_decay(&self) -> Result<Finding> {
        let (groups, curve) = self.noisy(&strongly_convex(), slow_decay(Sgd.into(), false, &powers(20_000))?)?;
        let claim = Claim {
            name: "sgd-slow-decay",
            problem: STRONGLY_CONVEX,
            method: "SGD, ε = ½/(1 + k/40)^¾",
            measure: Measure::Exponent,
            theory: 0.75,
            formula: "¾: the error is as ε",
            reason: "ε is not small yet: the error is as ε/(2 − εa) in each curvature",
        };
        Ok(claim.found(rate::power_of_mean(&after_each(&groups, 1000)).map_err(Failure::internal)?, curve))
    }

    fn sgd_averaged(&self) -> Result<Finding> {
        let optimizer = Sgd.averaged(Average::uniform()).into();
        let (groups, curve) = self.noisy(&strongly_convex(), slow_decay(optimizer, true, &powers(20_000))?)?;
        let claim = Claim {
            name: "sgd-averaged",
            problem: STRONGLY_CONVEX,
            method: "the mean of those iterates",
            measure: Measure::Exponent,
            theory: 1.0,
            formula: "1 (Polyak and Juditsky, 1992)",
            reason: "the first iterates are still in the mean",
        };
        Ok(claim.found(rate::power_of_mean(&after_each(&groups, 1000)).map_err(Failure::internal)?, curve))
    }

    /// The noise is small: its part of the error, which is as √(1/k) times a logarithm, would bend the curve.
    fn sgd_convex(&self) -> Result<Finding> {
        let problem = Problem::of_power_law(DELTA, 1e-6, 10).with_noise(0.05, COPIES);
        let run = Run {
            optimizer: Sgd.into(),
            lr: Schedule::inverse_sqrt(0.5, 1.0)?,
            batch: None,
            averaged: false,
            at: &powers(5000),
        };
        let (groups, curve) = self.noisy(&problem, run)?;
        let claim = Claim {
            name: "sgd-convex",
            problem: "convex, no smallest curvature, noisy gradient",
            method: "SGD, ε = ½/√(1 + k)",
            measure: Measure::Exponent,
            theory: 0.5 * (1.0 + DELTA),
            formula: "(1 + δ)/2, δ = 0.05; ½ for every convex function",
            reason: "the noise's part of the error, as ln k/√k",
        };
        Ok(claim.found(rate::power_of_mean(&after_each(&groups, 100)).map_err(Failure::internal)?, curve))
    }

    fn sgd_constant(&self) -> Result<Finding> {
        let (lr, problem) = (0.1, strongly_convex());
        let at = powers(4000);
        let run = Run { optimizer: Sgd.into(), lr: Schedule::constant(lr)?, batch: None, averaged: false, at: &at };
        let (groups, curve) = self.noisy(&problem, run)?;
        // After the way there has been forgotten, each measurement of a copy is as good as any other.
        let levels: Vec<f64> = groups
            .iter()
            .map(|group| {
                let late = after(group, 400);
                late.iter().map(|(_, error)| error).sum::<f64>() / late.len() as f64
            })
            .collect();
        let variance = problem.noise().powi(2);
        let claim = Claim {
            name: "sgd-constant",
            problem: STRONGLY_CONVEX,
            method: "SGD, ε = 1/10",
            measure: Measure::Floor,
            theory: problem.curvatures().iter().map(|a| 0.5 * lr * variance / (2.0 - lr * a)).sum(),
            formula: "½ Σ εσ²/(2 − εa)",
            reason: "the noise of the copies",
        };
        Ok(claim.found(rate::mean(&levels).map_err(Failure::internal)?, curve))
    }

    /// Batches that double every 20 steps, from 8: the step size of the floor, and no floor.
    fn sgd_growing_batches(&self) -> Result<Finding> {
        let run = Run {
            optimizer: Sgd.into(),
            lr: Schedule::constant(0.5)?,
            batch: Some(Schedule::exponential(8.0, 2.0, 20.0)?),
            averaged: false,
            at: &(0..=400).step_by(5).collect::<Vec<_>>(),
        };
        let (groups, curve) = self.noisy(&strongly_convex(), run)?;
        let claim = Claim {
            name: "sgd-growing-batches",
            problem: STRONGLY_CONVEX,
            method: "SGD, ε = ½, batches doubled every 20 steps",
            measure: Measure::Rate,
            theory: 2f64.ln() / 20.0,
            formula: "ln 2/20, the growth of the batch (Bottou et al., theorem 5.1)",
            reason: "the noise of the copies",
        };
        Ok(claim.found(rate::linear_of_mean(&after_each(&groups, 100)).map_err(Failure::internal)?, curve))
    }
}

fn ill_conditioned() -> Problem {
    Problem::of_condition(KAPPA, 20)
}

fn convex() -> Problem {
    Problem::of_power_law(DELTA, 1e-10, 40)
}

fn strongly_convex() -> Problem {
    Problem::of_condition(10.0, 10).with_noise(1.0, COPIES)
}

fn slow_decay(optimizer: FirstOrder, averaged: bool, at: &[u64]) -> Result<Run<'_>> {
    Ok(Run { optimizer, lr: Schedule::inverse_time(0.5, 40.0, 0.75)?, batch: None, averaged, at })
}

/// Steps from 1 to `last` at about equal ratios, each once.
fn powers(last: u64) -> Vec<u64> {
    let count = 60.0;
    let mut steps: Vec<u64> = (0..=60).map(|i| (last as f64).powf(f64::from(i) / count).round() as u64).collect();
    steps.dedup();
    steps
}

fn after(curve: &[(u64, f64)], step: u64) -> Errors {
    curve.iter().copied().filter(|(k, _)| *k >= step).collect()
}

fn after_each(curves: &[Errors], step: u64) -> Vec<Errors> {
    curves.iter().map(|curve| after(curve, step)).collect()
}
