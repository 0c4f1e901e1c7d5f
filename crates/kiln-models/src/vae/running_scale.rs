//! The standard deviation of a Gaussian likelihood, in closed form.

use burn::{
    module::{Module, RunningState},
    tensor::{Device, Tensor, TensorData},
};

/// The running average of the standard deviation that is best for each minibatch: the root of the mean squared error.
///
/// Given the means μ, the standard deviation that maximises Σ ln N(x; μ, σ²) is σ² = mean (x − μ)² (Rybkin, Daniilidis and Levine, 2021,
/// equation 5). It is computed for all pixels together, or for each channel.
#[derive(Module, Debug)]
pub(super) struct RunningScale {
    /// ln σ, one or one per channel.
    log_scale: RunningState<Tensor<1>>,
    /// Whether it does not follow minibatches.
    #[module(skip)]
    fixed: bool,
}

impl RunningScale {
    /// The share of a minibatch in the average of the variances.
    const SHARE: f64 = 0.1;
    /// The smallest standard deviation: a quarter of a level of 8-bit pixels in [0, 1]. At an error of 0 the likelihood would be infinite.
    const LEAST: f64 = 0.001;

    pub(super) fn new(log_scales: &[f64], device: &Device) -> Self {
        Self { log_scale: RunningState::new(Tensor::from_data(TensorData::from(log_scales), device)), fixed: false }
    }

    /// Returns it as it is, for training that does not change it.
    pub(super) fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    pub(super) fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// Returns ln σ as it is after training, `[1]` or `[channels]`.
    pub(super) fn val(&self) -> Tensor<1> {
        self.log_scale.value()
    }

    /// Returns ln σ at its best for these means and pixels, `[n, d]` each, and adds it to the average. No gradient is taken of it: at the
    /// optimum it is 0. The average leaves out a minibatch whose error is not finite, as an optimiser does that skips its gradient.
    pub(super) fn best_for(&self, means: &Tensor<2>, x: &Tensor<2>) -> Tensor<1> {
        let average = self.val();
        let (channels, [n, d]) = (average.dims()[0], x.dims());
        let squares = (means.clone().detach() - x.clone().detach()).square();
        let variance: Tensor<1> = squares.reshape([n * d / channels, channels]).mean_dim(0).squeeze_dim(0);
        let variance = variance.clamp_min(Self::LEAST * Self::LEAST);
        let averaged = (average.clone() * 2.0).exp() * (1.0 - Self::SHARE) + variance.clone() * Self::SHARE;
        let averaged = averaged.log() * 0.5;
        let unusable = averaged.clone().is_finite().bool_not();
        self.log_scale.update(averaged.mask_where(unusable, average).detach());
        // Otherwise the average would be one minibatch behind, and a checkpoint would lack it.
        self.log_scale.value_sync();
        variance.log() * 0.5
    }
}
