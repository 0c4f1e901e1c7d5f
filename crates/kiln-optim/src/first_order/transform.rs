//! Transforms of the whole gradient before a step.

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::Tensor,
};
use kiln_tensor::{
    params::{self, gradient_summary},
    steps::StepsConfig,
};

use super::{ConfigError, StepError, require};

/// The transforms of a gradient, in order.
///
/// [`FirstOrder`](super::FirstOrder) has methods of the same names, which add to them.
#[derive(Debug, Default)]
pub(super) struct Transforms(Vec<Transform>);

#[derive(Debug)]
enum Transform {
    ClipNorm(f64),
    ClipValue(f64),
    Accumulate { every: u64, sum: GradientsParams, count: u64 },
    SkipNonFinite { at_most: u64, in_a_row: u64 },
}

/// The result of the transforms.
pub(super) enum Transformed {
    Ready(GradientsParams),
    /// Accumulated for a later step.
    Pending,
    /// Skipped.
    Skipped,
}

impl Transforms {
    pub(super) fn clip_norm(&mut self, max: f64) -> Result<(), ConfigError> {
        require(max > 0.0 && max.is_finite(), "clip_norm", "positive and finite", max)?;
        self.0.push(Transform::ClipNorm(max));
        Ok(())
    }

    pub(super) fn clip_value(&mut self, max: f64) -> Result<(), ConfigError> {
        require(max > 0.0 && max.is_finite(), "clip_value", "positive and finite", max)?;
        self.0.push(Transform::ClipValue(max));
        Ok(())
    }

    pub(super) fn accumulate(&mut self, every: u64) -> Result<(), ConfigError> {
        require(every >= 1, "accumulate", "at least 1 gradient", every as f64)?;
        // A mean inside of a mean could not be flushed at the end of an epoch.
        let once = !self.0.iter().any(|t| matches!(t, Transform::Accumulate { .. }));
        require(once, "accumulate", "asked for once", every as f64)?;
        self.0.push(Transform::Accumulate { every, sum: GradientsParams::new(), count: 0 });
        Ok(())
    }

    pub(super) fn skip_non_finite(&mut self, at_most: u64) -> Result<(), ConfigError> {
        require(at_most >= 1, "skip_non_finite", "at least 1 gradient in a row", at_most as f64)?;
        self.0.push(Transform::SkipNonFinite { at_most, in_a_row: 0 });
        Ok(())
    }

    /// The transforms as a device does them without the host, if it can.
    pub(super) fn deferred(&self) -> Option<StepsConfig> {
        let mut config = StepsConfig::default();
        for transform in &self.0 {
            match transform {
                // The device scales first and clamps then, each once.
                Transform::ClipNorm(max) if config == StepsConfig::default() => config.clip_norm = Some(*max),
                Transform::ClipValue(max) if config.clip_value.is_none() => config.clip_value = Some(*max),
                Transform::SkipNonFinite { .. } => {}
                _ => return None,
            }
        }
        Some(config)
    }

    /// Number of gradients per step.
    pub(super) fn gradients_per_step(&self) -> u64 {
        self.0.iter().map(|t| if let Transform::Accumulate { every, .. } = t { *every } else { 1 }).product()
    }

    /// Number of gradients skipped in a row until now.
    pub(super) fn skipped_in_a_row(&self) -> u64 {
        let of = |t: &Transform| if let Transform::SkipNonFinite { in_a_row, .. } = t { *in_a_row } else { 0 };
        self.0.iter().map(of).max().unwrap_or(0)
    }

    pub(super) fn set_skipped_in_a_row(&mut self, count: u64) {
        for transform in &mut self.0 {
            if let Transform::SkipNonFinite { in_a_row, .. } = transform {
                *in_a_row = count;
            }
        }
    }

    pub(super) fn skips(&self) -> bool {
        self.0.iter().any(|t| matches!(t, Transform::SkipNonFinite { .. }))
    }

    /// Whether gradients are accumulated.
    pub(super) fn is_pending(&self) -> bool {
        self.0.iter().any(|t| matches!(t, Transform::Accumulate { count, .. } if *count > 0))
    }

    /// Applies all transforms. `norm` is the norm of `gradients`, if the caller has read it.
    pub(super) fn apply<M: Module>(
        &mut self,
        module: &M,
        gradients: GradientsParams,
        norm: Option<f64>,
    ) -> Result<Transformed, StepError> {
        self.apply_from(0, module, gradients, norm)
    }

    /// The mean of the accumulated gradients after the later transforms, if there are any.
    pub(super) fn flush<M: Module>(&mut self, module: &M) -> Result<Transformed, StepError> {
        for i in 0..self.0.len() {
            if let Transform::Accumulate { sum, count, .. } = &mut self.0[i]
                && *count > 0
            {
                let mean = mean(module, std::mem::take(sum), std::mem::take(count));
                return self.apply_from(i + 1, module, mean, None);
            }
        }
        Ok(Transformed::Pending)
    }

    fn apply_from<M: Module>(
        &mut self,
        first: usize,
        module: &M,
        mut gradients: GradientsParams,
        mut norm: Option<f64>,
    ) -> Result<Transformed, StepError> {
        for transform in &mut self.0[first..] {
            match transform {
                Transform::ClipNorm(max) => {
                    gradients = clip_norm(module, gradients, *max, norm.take());
                }
                Transform::ClipValue(max) => {
                    let max = *max;
                    norm = None;
                    gradients = map(module, gradients, Clamp(max));
                }
                Transform::Accumulate { every, sum, count } => {
                    norm = None;
                    add(module, sum, gradients);
                    *count += 1;
                    if *count < *every {
                        return Ok(Transformed::Pending);
                    }
                    gradients = mean(module, std::mem::take(sum), std::mem::take(count));
                }
                Transform::SkipNonFinite { at_most, in_a_row } => {
                    let value = norm.unwrap_or_else(|| read_norm(module, &gradients));
                    // The norm can overflow although all entries are finite; such a gradient is not skipped.
                    let culprit =
                        (!value.is_finite()).then(|| params::first_non_finite_gradient(module, &gradients)).flatten();
                    let Some(parameter) = culprit else {
                        *in_a_row = 0;
                        continue;
                    };
                    *in_a_row += 1;
                    if *in_a_row > *at_most {
                        return Err(StepError::NonFinite { parameter, in_a_row: *in_a_row });
                    }
                    return Ok(Transformed::Skipped);
                }
            }
        }
        Ok(Transformed::Ready(gradients))
    }
}

/// g·max/‖g‖ if ‖g‖ > max, with the norm over all parameters together (Pascanu, Mikolov and Bengio, 2013).
fn clip_norm<M: Module>(module: &M, gradients: GradientsParams, max: f64, norm: Option<f64>) -> GradientsParams {
    match norm.unwrap_or_else(|| read_norm(module, &gradients)) {
        norm if norm <= max => gradients,
        // The squares overflowed, the entries did not: scale by the largest entry first.
        norm if norm.is_infinite() => {
            let largest = gradient_summary(module, &gradients).max_abs.map_or(1.0, |m| m.into_scalar::<f64>());
            let scaled = map(module, gradients, Scale(1.0 / largest));
            let norm = read_norm(module, &scaled);
            map(module, scaled, Scale(max / norm))
        }
        norm => map(module, gradients, Scale(max / norm)),
    }
}

fn read_norm<M: Module>(module: &M, gradients: &GradientsParams) -> f64 {
    gradient_summary(module, gradients).squared_norm.map_or(0.0, |squared| squared.into_scalar::<f64>().sqrt())
}

fn mean<M: Module>(module: &M, sum: GradientsParams, count: u64) -> GradientsParams {
    if count == 1 { sum } else { map(module, sum, Scale(1.0 / count as f64)) }
}

/// A function of one parameter's gradient, for any rank.
trait Elementwise {
    fn apply<const D: usize>(&self, gradient: Tensor<D>) -> Tensor<D>;
}

struct Clamp(f64);
struct Scale(f64);

impl Elementwise for Clamp {
    fn apply<const D: usize>(&self, gradient: Tensor<D>) -> Tensor<D> {
        gradient.clamp(-self.0, self.0)
    }
}

impl Elementwise for Scale {
    fn apply<const D: usize>(&self, gradient: Tensor<D>) -> Tensor<D> {
        gradient * self.0
    }
}

fn map<M: Module>(module: &M, gradients: GradientsParams, function: impl Elementwise) -> GradientsParams {
    struct Mapper<F> {
        from: GradientsParams,
        to: GradientsParams,
        function: F,
    }
    impl<F: Elementwise> ModuleVisitor for Mapper<F> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.from.remove::<D>(param.id) {
                self.to.register(param.id, self.function.apply(gradient));
            }
        }
    }
    let mut mapper = Mapper { from: gradients, to: GradientsParams::new(), function };
    module.visit(&mut mapper);
    mapper.to
}

/// sum ← sum + gradients. If only one of them has a parameter's gradient, the other's is zero.
fn add<M: Module>(module: &M, sum: &mut GradientsParams, gradients: GradientsParams) {
    struct Adder<'a> {
        sum: &'a mut GradientsParams,
        gradients: GradientsParams,
    }
    impl ModuleVisitor for Adder<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(gradient) = self.gradients.remove::<D>(param.id) else { return };
            let gradient = match self.sum.remove::<D>(param.id) {
                Some(sum) => sum + gradient,
                None => gradient,
            };
            self.sum.register(param.id, gradient);
        }
    }
    module.visit(&mut Adder { sum, gradients });
}
