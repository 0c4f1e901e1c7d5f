//! The kernels of the CPU backend Flex, and their use in Burn's autodiff.

mod bernoulli;
mod categorical;
mod convolution;
mod gate;
mod linear;
mod logsumexp;
mod norm;
mod normal;
mod patches;
mod product;

use burn::{
    backend::{
        Autodiff, Backend, Flex,
        autodiff::{
            checkpoint::strategy::CheckpointStrategy,
            ops::{Backward, OpsKind},
        },
        backend_extension,
        flex::FlexTensor,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{DType, Device, Tensor},
};

use super::{
    epilogue::{Epilogue, Gate},
    window::Window,
};
use crate::flex::whole;

/// Whether the kernels support this tensor: Flex, in f32 or f64.
pub(super) fn takes<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.dtype(), DType::F32 | DType::F64) && tensor.device() == Device::flex()
}

pub(super) fn squared_norm_and_max_abs<const D: usize>(x: Tensor<D>) -> [Tensor<1>; 2] {
    let x = x.try_into_primitive::<Flex>().expect("`takes` has seen that it is of Flex");
    norm::squared_norm_and_max_abs(x).map(Tensor::from_primitive::<Flex>)
}

/// The operations as Burn dispatches them, with or without autodiff.
#[backend_extension(Flex, Autodiff)]
pub(super) trait Fused: Backend {
    /// act(x·W + b).
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        act: Epilogue,
    ) -> FloatTensor<Self>;

    /// act(convolution of x + b).
    fn fused_convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
        act: Epilogue,
    ) -> FloatTensor<Self>;

    /// act(transposed convolution of x + b).
    fn fused_convolve_transposed(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
        act: Epilogue,
    ) -> FloatTensor<Self>;

    /// x·F(x).
    fn fused_gate(x: FloatTensor<Self>, gate: Gate) -> FloatTensor<Self>;

    /// Σ_j ln Bernoulli(x_ij; σ(l_ij)).
    fn fused_bernoulli(logits: FloatTensor<Self>, values: FloatTensor<Self>) -> FloatTensor<Self>;

    /// ln softmax(l_i) at y_i.
    fn fused_categorical(logits: FloatTensor<Self>, classes: IntTensor<Self>) -> FloatTensor<Self>;

    /// μ + σε.
    fn fused_normal_sample(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Σ_j KL(N(μ_ij, σ_ij²) ‖ N(0, 1)).
    fn fused_normal_divergence(loc: FloatTensor<Self>, log_scale: FloatTensor<Self>) -> FloatTensor<Self>;

    /// ln Σ eˣ.
    fn fused_logsumexp(x: FloatTensor<Self>, axis: usize) -> FloatTensor<Self>;
}

impl Fused for Flex {
    fn fused_linear(x: FlexTensor, weight: FlexTensor, bias: FlexTensor, act: Epilogue) -> FlexTensor {
        linear::forward(x, weight, bias, act)
    }

    fn fused_convolve(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        window: Window,
        act: Epilogue,
    ) -> FlexTensor {
        convolution::convolve(x, weight, bias, window, act)
    }

    fn fused_convolve_transposed(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        window: Window,
        act: Epilogue,
    ) -> FlexTensor {
        convolution::convolve_transposed(x, weight, bias, window, act)
    }

    fn fused_gate(x: FlexTensor, gate: Gate) -> FlexTensor {
        gate::forward(x, gate, false).0
    }

    fn fused_bernoulli(logits: FlexTensor, values: FlexTensor) -> FlexTensor {
        bernoulli::forward(logits, values, false).0
    }

    fn fused_categorical(logits: FlexTensor, classes: FlexTensor) -> FlexTensor {
        categorical::forward(logits, classes).0
    }

    fn fused_normal_sample(loc: FlexTensor, log_scale: FlexTensor, noise: FlexTensor) -> FlexTensor {
        normal::sample(loc, log_scale, noise).0
    }

    fn fused_normal_divergence(loc: FlexTensor, log_scale: FlexTensor) -> FlexTensor {
        normal::divergence(&whole(loc), log_scale).0
    }

    fn fused_logsumexp(x: FlexTensor, axis: usize) -> FlexTensor {
        logsumexp::forward(x, axis).0
    }
}

/// Values, classes and noise are constants here: the public functions use tensor operations if those are tracked.
impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        act: Epilogue,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (tracks_x, tracks_weight) = (x.is_tracked(), weight.is_tracked());
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let (kept_x, kept_weight) = (tracks_weight.then(|| x.clone()), tracks_x.then(|| weight.clone()));
        let y = linear::forward(x, weight, bias.into_primitive(), act);
        match linear::Linear.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let kept_y = (act != Epilogue::Identity).then(|| y.clone());
                prep.finish(linear::Kept { x: kept_x, weight: kept_weight, y: kept_y, act }, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fused_convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
        act: Epilogue,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y = convolution::convolve(x.clone(), weight.clone(), bias.into_primitive(), window, act);
        match convolution::Convolve.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let kept_y = (act != Epilogue::Identity).then(|| y.clone());
                prep.finish(convolution::Kept { x, weight, y: kept_y, window, act }, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fused_convolve_transposed(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
        act: Epilogue,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y = convolution::convolve_transposed(x.clone(), weight.clone(), bias.into_primitive(), window, act);
        match convolution::ConvolveTransposed.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let kept_y = (act != Epilogue::Identity).then(|| y.clone());
                prep.finish(convolution::Kept { x, weight, y: kept_y, window, act }, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fused_gate(x: FloatTensor<Self>, gate: Gate) -> FloatTensor<Self> {
        let node = x.node();
        match gate::Gated.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (y, derivative) = gate::forward(x.into_primitive(), gate, true);
                prep.finish(derivative.expect("it was asked for"), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(gate::forward(x.into_primitive(), gate, false).0),
        }
    }

    fn fused_bernoulli(logits: FloatTensor<Self>, values: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = logits.node();
        let (logits, values) = (logits.into_primitive(), values.into_primitive());
        match bernoulli::Rows.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (sums, gradient) = bernoulli::forward(logits, values, true);
                prep.finish(gradient.expect("it was asked for"), sums)
            }
            OpsKind::UnTracked(prep) => prep.finish(bernoulli::forward(logits, values, false).0),
        }
    }

    fn fused_categorical(logits: FloatTensor<Self>, classes: IntTensor<Self>) -> FloatTensor<Self> {
        let node = logits.node();
        let (log_probs, gradient) = categorical::forward(logits.into_primitive(), classes);
        match bernoulli::Rows.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(gradient, log_probs),
            OpsKind::UnTracked(prep) => prep.finish(log_probs),
        }
    }

    fn fused_normal_sample(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [loc.node(), log_scale.node()];
        let (sample, deviation) =
            normal::sample(loc.into_primitive(), log_scale.into_primitive(), noise.into_primitive());
        match normal::Sample.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(deviation, sample),
            OpsKind::UnTracked(prep) => prep.finish(sample),
        }
    }

    fn fused_normal_divergence(loc: FloatTensor<Self>, log_scale: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [loc.node(), log_scale.node()];
        let loc = whole(loc.into_primitive());
        let (sums, excess) = normal::divergence(&loc, log_scale.into_primitive());
        match normal::Divergence.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((loc, excess), sums),
            OpsKind::UnTracked(prep) => prep.finish(sums),
        }
    }

    fn fused_logsumexp(x: FloatTensor<Self>, axis: usize) -> FloatTensor<Self> {
        let node = x.node();
        let (sums, weights) = logsumexp::forward(x.into_primitive(), axis);
        match logsumexp::LogSumExp.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((weights, axis), sums),
            OpsKind::UnTracked(prep) => prep.finish(sums),
        }
    }
}
