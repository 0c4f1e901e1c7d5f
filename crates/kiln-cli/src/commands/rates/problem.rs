//! Quadratics whose minimum is known, and noise on their gradients.

// The derive of `Module` looks for `burn` by this name.
use kiln::burn;
use kiln::{
    burn::{
        module::{Module, Param},
        optim::GradientsParams,
        tensor::{Device, Tensor, TensorData},
    },
    optim::{FirstOrder, Schedule, StepError},
    tensor::Stream,
};

/// J(θ) = ½ Σ aᵢθᵢ², whose minimum is 0 at θ = 0, so that an error is never lost in the rounding of a minimum.
///
/// A stochastic gradient is a·θ + σξ, ξ ~ N(0, I): the noise of one example. Several copies run at once, each with noise of
/// its own.
pub(super) struct Problem {
    /// aᵢ > 0.
    curvatures: Vec<f64>,
    /// Where every copy starts.
    start: Vec<f64>,
    /// σ.
    noise: f64,
    copies: usize,
}

/// A run of a method on a problem.
pub(super) struct Run<'a> {
    pub(super) optimizer: FirstOrder,
    pub(super) lr: Schedule,
    /// Examples whose mean is a gradient; one without it.
    pub(super) batch: Option<Schedule>,
    /// Whether the error is that of the average of the iterates.
    pub(super) averaged: bool,
    /// The steps after which the error is measured, in ascending order.
    pub(super) at: &'a [u64],
}

#[derive(Module, Debug)]
struct Point {
    x: Param<Tensor<2>>,
}

impl Problem {
    /// `d` curvatures from 1/κ to 1, at equal ratios; from the vector of ones.
    pub(super) fn of_condition(kappa: f64, d: usize) -> Self {
        let curvatures = (0..d).map(|i| kappa.powf(-(i as f64) / (d as f64 - 1.0))).collect();
        Self { curvatures, start: vec![1.0; d], noise: 0.0, copies: 1 }
    }

    /// Curvatures from `least` to 1, `per_decade` of them in each factor of ten, with θᵢ = √(aᵢ^δ) at the start: so that
    /// the error in curvatures up to a is as a^(1+δ), and no step size sees a smallest curvature before 1/`least` steps.
    ///
    /// Gradient descent then has an error as k^−(1+δ), and Nesterov's method, whose error in a curvature a is that of a
    /// Bessel function, J₁²(k√a)/k² (Su, Boyd and Candès, 2016, section 3), one as k^−(2+2δ). For δ → 0 these are the
    /// bounds O(1/k) and O(1/k²) for all convex functions.
    pub(super) fn of_power_law(delta: f64, least: f64, per_decade: usize) -> Self {
        let d = (-least.log10() * per_decade as f64).round() as usize;
        let curvatures: Vec<f64> = (0..=d).map(|i| least.powf(i as f64 / d as f64)).collect();
        let start = curvatures.iter().map(|a| a.powf(delta / 2.0)).collect();
        Self { curvatures, start, noise: 0.0, copies: 1 }
    }

    /// With σ = `noise`, in `copies` independent copies.
    pub(super) fn with_noise(self, noise: f64, copies: usize) -> Self {
        Self { noise, copies, ..self }
    }

    pub(super) fn curvatures(&self) -> &[f64] {
        &self.curvatures
    }

    pub(super) fn noise(&self) -> f64 {
        self.noise
    }

    /// The error J(θ_k) of every copy after the steps asked for: `[step][copy]`.
    pub(super) fn errors(&self, run: Run<'_>, seed: u64, device: &Device) -> Result<Vec<Vec<f64>>, StepError> {
        let (d, copies) = (self.curvatures.len(), self.copies);
        let of = |values: Vec<f64>, shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(values, shape), device);
        let a = of(self.curvatures.clone(), [1, d]);
        let start = of(self.start.repeat(copies), [copies, d]);
        let start = Tensor::from_data(start.into_data(), &device.clone().autodiff());
        let (mut point, mut optimizer) = (Point { x: Param::from_tensor(start) }, run.optimizer);
        let mut errors = Vec::with_capacity(run.at.len());
        for step in 0..run.at.last().map_or(0, |last| last + 1) {
            if run.at.binary_search(&step).is_ok() {
                let there = if run.averaged { optimizer.average(&point) } else { optimizer.iterate(&point) };
                let x = there.x.val().without_autodiff();
                errors.push(crate::base::to_vec((x.square() * a.clone()).sum_dim(1) * 0.5));
            }
            let mut gradient = point.x.val().without_autodiff() * a.clone();
            if self.noise > 0.0 {
                let examples = run.batch.as_ref().map_or(1.0, |batch| batch.at(step).round().max(1.0));
                let noise = Stream::new(seed, "rates", 0, step).normal::<2>([copies, d], device);
                gradient = gradient + noise * (self.noise / examples.sqrt());
            }
            let mut gradients = GradientsParams::new();
            gradients.register(point.x.id, gradient);
            point = optimizer.step(run.lr.at(step), point, gradients)?;
        }
        Ok(errors)
    }
}
