//! Objectives: what training minimises, in nats per example.

mod constrained;
mod elbo;
mod importance;
mod likelihood_of;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use kiln_dist::{ConditionalModel, DistError, Distribution};
use kiln_tensor::Stream;

pub use self::{
    constrained::Constrained,
    elbo::Elbo,
    importance::{ImportanceGradient, Iwae},
    likelihood_of::LikelihoodOf,
};

/// The loss of one minibatch, and its terms.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The value that training minimises: the mean over the examples, shape `[1]`.
    pub value: Tensor<1>,
    /// Terms to report, by name: each the mean over the examples, shape `[1]`. No gradient is taken of them.
    pub terms: Vec<(&'static str, Tensor<1>)>,
}

/// A function of a model and a minibatch that training minimises.
///
/// # Example
///
/// The mean squared error, as an objective of your own:
///
/// ```
/// use burn::{nn::Linear, tensor::Tensor};
/// use kiln_tensor::Stream;
/// use kiln_train::{Loss, Objective};
///
/// struct SquaredError;
///
/// impl Objective<Linear, (Tensor<2>, Tensor<2>)> for SquaredError {
///     fn loss(&self, model: &Linear, (x, y): (Tensor<2>, Tensor<2>), _: &mut Stream) -> Loss {
///         Loss { value: (model.forward(x) - y).square().mean(), terms: Vec::new() }
///     }
/// }
/// ```
pub trait Objective<M: Module, B>: Sync {
    /// Returns the loss of `model` on `batch`. Noise must come from `stream`.
    fn loss(&self, model: &M, batch: B, stream: &mut Stream) -> Loss;

    /// Returns the loss of `model` on `batch` at step `step` of the run, counted from 0. Training calls it. The default is
    /// [`loss`](Self::loss) at every step; an objective that changes during training, such as an annealed one, overrides it.
    fn loss_at_step(&self, _step: u64, model: &M, batch: B, stream: &mut Stream) -> Loss {
        self.loss(model, batch, stream)
    }

    /// Returns whether [`loss_at_step`](Self::loss_at_step) is the same computation every time: it depends on the parameters, on the batch and on
    /// [normal](Stream::normal) numbers of the stream only, and reads nothing from the device. A GPU may then capture a step and replay
    /// it: see [`Trainer::capture_steps`](crate::Trainer::capture_steps). Default: false.
    fn can_be_captured(&self) -> bool {
        false
    }

    /// Returns whether [`loss_at_step`](Self::loss_at_step) is a mean over the rows of the batch, plus terms that do not depend on them, and draws its noise
    /// by [`normal`](Stream::normal) only, with one row of numbers for each row of the batch, or for each row of several copies of it. Several
    /// processes may then share a batch: see [`Trainer::distributed`](crate::Trainer::distributed). Default: false.
    fn is_mean_over_rows(&self) -> bool {
        false
    }

    /// Returns the loss to report for held-out data. The default is [`loss`](Self::loss); an objective with a penalty on
    /// the parameters leaves it out here.
    fn held_out(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        self.loss(model, batch, stream)
    }

    /// Checks that the model accepts the batch. The trainer calls it once, on the first minibatch. The default accepts all.
    ///
    /// # Errors
    ///
    /// Returns what does not fit: a number of columns, a class.
    fn check(&self, _model: &M, _batch: B) -> Result<(), DistError> {
        Ok(())
    }
}

/// Maximum likelihood: −(1/n) Σᵢ log p(yᵢ | xᵢ), with an optional penalty λ/2·‖W‖².
///
/// It minimises KL(data ‖ model), and the cross-entropy, which differ from it by constants. With λ > 0 the minimum is the
/// MAP estimate under W ~ N(0, I/(nλ)). The penalty covers every parameter of rank 2 or more: weights, not intercepts.
/// Reports the term `nll`, the loss without the penalty.
///
/// The model implements [`ConditionalModel`]. The targets are what its output draws: classes for a `Categorical`, real
/// numbers for a `Normal`. For a module without that trait, or with inputs of another rank, use [`LikelihoodOf`].
///
/// # Example
///
/// ```
/// use burn::{module::Module, nn::Linear, tensor::{Device, Tensor}};
/// use kiln_data::RegressionExamples;
/// use kiln_dist::{ConditionalModel, Normal};
/// use kiln_optim::AdamConfig;
/// use kiln_tensor::{Stream, init};
/// use kiln_train::{MaximumLikelihood, TrainConfig, Trainer};
///
/// /// Linear regression with a standard deviation of 1.
/// #[derive(Module, Debug)]
/// struct Regression {
///     linear: Linear,
/// }
///
/// impl ConditionalModel for Regression {
///     type Output = Normal<2>;
///
///     fn forward(&self, x: Tensor<2>) -> Normal<2> {
///         let loc = self.linear.forward(x);
///         let scale = loc.ones_like();
///         Normal::new(loc, scale).expect("the scale is positive")
///     }
/// }
///
/// let data = RegressionExamples::new(vec![0.0, 1.0, 2.0, 3.0], 1, vec![1.0, 3.0, 5.0, 7.0])?;
/// let linear = init::linear(1, 1, &mut Stream::new(0, "init", 0, 0), &Device::default());
/// let model = Regression { linear };
/// let objective = MaximumLikelihood::new().l2(1e-3);
/// let outcome = Trainer::new(TrainConfig::default(), AdamConfig::new().build()?).fit(model, &objective, &data, None)?;
/// assert!(outcome.train.term("nll").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Goodfellow, Bengio and Courville, *Deep Learning* (2016), section 5.5.
#[derive(Clone, Copy, Debug, Default)]
pub struct MaximumLikelihood {
    l2: f64,
}

impl MaximumLikelihood {
    /// Maximum likelihood without a penalty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the penalty λ/2·‖W‖² with λ ≥ 0. Default 0.
    pub fn l2(self, lambda: f64) -> Self {
        Self { l2: lambda }
    }

    fn negative_log_likelihood<M, B>(model: &M, batch: B) -> Tensor<1>
    where
        M: ConditionalModel,
        B: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
    {
        let (inputs, targets) = batch.into();
        -model.forward(inputs).log_prob_per_example(targets).mean()
    }
}

impl<M, B> Objective<M, B> for MaximumLikelihood
where
    M: ConditionalModel,
    B: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
{
    fn loss(&self, model: &M, batch: B, _stream: &mut Stream) -> Loss {
        penalised(model, Self::negative_log_likelihood(model, batch), self.l2)
    }

    fn can_be_captured(&self) -> bool {
        true
    }

    fn is_mean_over_rows(&self) -> bool {
        true
    }

    fn check(&self, model: &M, batch: B) -> Result<(), DistError> {
        let (inputs, targets) = batch.into();
        model.check_inputs(&inputs)?;
        model.forward(inputs).check_value(&targets)
    }

    fn held_out(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        Self { l2: 0.0 }.loss(model, batch, stream)
    }
}

/// Adds λ/2·‖W‖² to a negative log-likelihood, which is reported as `nll`.
fn penalised<M: Module>(model: &M, nll: Tensor<1>, l2: f64) -> Loss {
    let value = match (l2 > 0.0).then(|| squared_norm_of_weights(model)).flatten() {
        Some(squared_norm) => nll.clone() + squared_norm * (l2 / 2.0),
        None => nll.clone(),
    };
    Loss { value, terms: vec![("nll", nll)] }
}

/// Returns Σ w² over the parameters of rank 2 or more, shape `[1]`, or `None` if there are none.
fn squared_norm_of_weights<M: Module>(model: &M) -> Option<Tensor<1>> {
    struct Squares(Option<Tensor<1>>);
    impl ModuleVisitor for Squares {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if D < 2 {
                return;
            }
            let square = param.val().square().sum();
            self.0 = Some(match self.0.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
    let mut squares = Squares(None);
    model.visit(&mut squares);
    squares.0
}
