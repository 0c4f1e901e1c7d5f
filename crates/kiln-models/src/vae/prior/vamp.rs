//! The mixture of the posteriors of learned images.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, TensorData},
};
use kiln_dist::{Distribution, Normal};
use kiln_tensor::{Stream, fused::logsumexp, special::sigmoid};

/// Learned images, by the logits of their pixels, `[K, data_dim]`. Their pixels are in (0, 1).
#[derive(Module, Debug)]
pub(in super::super) struct VampPrior {
    logits: Param<Tensor<2>>,
}

impl VampPrior {
    /// Builds `count` images around a mean image.
    pub(in super::super) fn new(count: usize, mean: &[f64], stream: &mut Stream, device: &Device) -> Self {
        let logit = |p: f64| {
            let p = p.clamp(0.01, 0.99);
            (p / (1.0 - p)).ln()
        };
        let noise = stream.normal_vec(count * mean.len());
        let logits: Vec<f64> = noise.iter().zip(mean.iter().cycle()).map(|(e, p)| logit(*p) + e).collect();
        Self { logits: Param::from_data(TensorData::new(logits, [count, mean.len()]), device) }
    }

    /// Returns the learned images, `[K, data_dim]`.
    pub(in super::super) fn images(&self) -> Tensor<2> {
        sigmoid(self.logits.val())
    }
}

/// Numbers that are compared at once: 32 MB in f64.
const AT_ONCE: usize = 4_000_000;

/// Returns ln (1/K)·Σₖ q(z | uₖ) of each row, `[n]`, from the posteriors of the images.
pub(in super::super) fn log_density(components: &Normal<2>, z: Tensor<2>) -> Tensor<1> {
    let ([k, d], n) = (components.loc().dims(), z.dims()[0]);
    let rows = (AT_ONCE / (k * d)).max(1);
    if n <= rows {
        return of_rows(components, z);
    }
    let block = |first| of_rows(components, z.clone().narrow(0, first, rows.min(n - first)));
    Tensor::cat((0..n).step_by(rows).map(block).collect(), 0)
}

fn of_rows(components: &Normal<2>, z: Tensor<2>) -> Tensor<1> {
    let [k, d] = components.loc().dims();
    let [loc, scale] = [components.loc(), components.scale()].map(|t| t.reshape([1, k, d]));
    let each = Normal::new(loc, scale).expect("the shapes are equal").log_prob(z.unsqueeze_dim::<3>(1));
    #[allow(clippy::cast_precision_loss, reason = "a number of images")]
    let ln_k = (k as f64).ln();
    let of_components: Tensor<2> = each.sum_dim(2).squeeze_dim(2);
    logsumexp(of_components, 1).squeeze_dim::<1>(1) - ln_k
}

/// Draws `n` rows of z: a component for each, and then z from it.
pub(in super::super) fn sample(components: &Normal<2>, n: usize, stream: &mut Stream) -> Tensor<2> {
    let (loc, scale) = (components.loc(), components.scale());
    let ([k, d], device) = (loc.dims(), loc.device());
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let chosen: Vec<i64> = (0..n).map(|_| ((stream.next_f64() * k as f64) as i64).min(k as i64 - 1)).collect();
    let chosen = Tensor::from_data(TensorData::new(chosen, [n]), &device);
    let noise = stream.normal::<2>([n, d], &device);
    loc.select(0, chosen.clone()) + scale.select(0, chosen) * noise
}
