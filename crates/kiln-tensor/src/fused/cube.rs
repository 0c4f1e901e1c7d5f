//! The operations on GPU backends: kernels on CubeCL, and their use in Burn's autodiff.

mod elbo;
mod kernels;
mod launch;
mod likelihood;
mod linear;
mod logsumexp;
mod normal;
mod product;

use burn::{
    backend::{
        Autodiff, Backend, Cube,
        autodiff::{
            checkpoint::strategy::CheckpointStrategy,
            ops::{Backward, OpsKind},
        },
        backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{DType, Tensor},
};

use self::kernels::Kernels;
use super::{MatmulPrecision, epilogue::Epilogue};

/// Whether the kernels support this tensor: a GPU backend, in f32 or f64.
pub(super) fn takes<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.dtype(), DType::F32 | DType::F64) && crate::device::is_cube(&tensor.device())
}

/// The operations as Burn dispatches them, with or without autodiff.
#[backend_extension(Cube, Autodiff)]
pub(super) trait OnCube: Backend {
    /// act(x·W + b).
    fn on_cube_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        act: Epilogue,
        precision: MatmulPrecision,
    ) -> FloatTensor<Self>;

    /// The product of two matrices.
    fn on_cube_product(lhs: FloatTensor<Self>, rhs: FloatTensor<Self>, precision: MatmulPrecision)
    -> FloatTensor<Self>;

    /// Σ_j ln Bernoulli(x_ij; σ(l_ij)).
    fn on_cube_bernoulli(logits: FloatTensor<Self>, values: FloatTensor<Self>) -> FloatTensor<Self>;

    /// μ + σε.
    fn on_cube_sample(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Σ_j KL(N(μ_ij, σ_ij²) ‖ N(0, 1)).
    fn on_cube_divergence(loc: FloatTensor<Self>, log_scale: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Both of them.
    fn on_cube_sample_with_divergence(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// ln Σ eˣ along an axis, which keeps the length 1.
    fn on_cube_logsumexp(x: FloatTensor<Self>, axis: usize) -> FloatTensor<Self>;

    /// l_y − ln Σ_k e^l_k of each row, for classes `[n, 1]`.
    fn on_cube_categorical(logits: FloatTensor<Self>, classes: IntTensor<Self>) -> FloatTensor<Self>;

    /// β·mean(KL) − mean(ln p) for `[n]` and `[m]`, and the numbers −loss at β = 1, −mean(ln p) and mean(KL), which have no gradient.
    fn on_cube_elbo(
        log_likelihood: FloatTensor<Self>,
        kl: FloatTensor<Self>,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl OnCube for Cube {
    fn on_cube_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        act: Epilogue,
        precision: MatmulPrecision,
    ) -> FloatTensor<Self> {
        linear::forward(x, weight, bias, act, precision)
    }

    fn on_cube_product(
        lhs: FloatTensor<Self>,
        rhs: FloatTensor<Self>,
        precision: MatmulPrecision,
    ) -> FloatTensor<Self> {
        Self::cube_product(lhs, rhs, precision)
    }

    fn on_cube_bernoulli(logits: FloatTensor<Self>, values: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::cube_bernoulli(logits, values).0
    }

    fn on_cube_sample(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Self::cube_sample(loc, log_scale, noise).0
    }

    fn on_cube_divergence(loc: FloatTensor<Self>, log_scale: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::cube_divergence(loc, log_scale)
    }

    fn on_cube_sample_with_divergence(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (sample, _, divergence) = Self::cube_sample_with_divergence(loc, log_scale, noise);
        (sample, divergence)
    }

    fn on_cube_logsumexp(x: FloatTensor<Self>, axis: usize) -> FloatTensor<Self> {
        Self::cube_logsumexp(x, axis).0
    }

    fn on_cube_categorical(logits: FloatTensor<Self>, classes: IntTensor<Self>) -> FloatTensor<Self> {
        Self::cube_categorical(logits, classes).0
    }

    fn on_cube_elbo(
        log_likelihood: FloatTensor<Self>,
        kl: FloatTensor<Self>,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        Self::cube_elbo(log_likelihood, kl, beta)
    }
}

/// Values and noise are constants here: the public functions use tensor operations if those are tracked.
impl<C: CheckpointStrategy> OnCube for Autodiff<Cube, C> {
    fn on_cube_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        act: Epilogue,
        precision: MatmulPrecision,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (tracks_x, tracks_weight) = (x.is_tracked(), weight.is_tracked());
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let factors =
            product::Kept { lhs: tracks_weight.then(|| x.clone()), rhs: tracks_x.then(|| weight.clone()), precision };
        let y = linear::forward(x, weight, bias.into_primitive(), act, precision);
        match linear::Linear.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let kept_y = (act != Epilogue::Identity).then(|| y.clone());
                prep.finish(linear::Kept { factors, y: kept_y, act }, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn on_cube_product(
        lhs: FloatTensor<Self>,
        rhs: FloatTensor<Self>,
        precision: MatmulPrecision,
    ) -> FloatTensor<Self> {
        let nodes = [lhs.node(), rhs.node()];
        let (tracks_lhs, tracks_rhs) = (lhs.is_tracked(), rhs.is_tracked());
        let (lhs, rhs) = (lhs.into_primitive(), rhs.into_primitive());
        let kept =
            product::Kept { lhs: tracks_rhs.then(|| lhs.clone()), rhs: tracks_lhs.then(|| rhs.clone()), precision };
        let product = Cube::cube_product(lhs, rhs, precision);
        match product::Product.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(kept, product),
            OpsKind::UnTracked(prep) => prep.finish(product),
        }
    }

    fn on_cube_bernoulli(logits: FloatTensor<Self>, values: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = logits.node();
        let (sums, gradient) = Cube::cube_bernoulli(logits.into_primitive(), values.into_primitive());
        match likelihood::Rows.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(gradient, sums),
            OpsKind::UnTracked(prep) => prep.finish(sums),
        }
    }

    fn on_cube_sample(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [loc.node(), log_scale.node()];
        let (sample, deviation) =
            Cube::cube_sample(loc.into_primitive(), log_scale.into_primitive(), noise.into_primitive());
        match normal::Sample.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(deviation, sample),
            OpsKind::UnTracked(prep) => prep.finish(sample),
        }
    }

    fn on_cube_divergence(loc: FloatTensor<Self>, log_scale: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [loc.node(), log_scale.node()];
        let (loc, log_scale) = (loc.into_primitive(), log_scale.into_primitive());
        let sums = Cube::cube_divergence(loc.clone(), log_scale.clone());
        match normal::Divergence.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((loc, log_scale), sums),
            OpsKind::UnTracked(prep) => prep.finish(sums),
        }
    }

    fn on_cube_sample_with_divergence(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = || [loc.node(), log_scale.node()];
        let (of_sample, of_divergence) = (nodes(), nodes());
        let (loc, log_scale) = (loc.into_primitive(), log_scale.into_primitive());
        let (sample, deviation, sums) =
            Cube::cube_sample_with_divergence(loc.clone(), log_scale.clone(), noise.into_primitive());
        let sample = match normal::Sample.prepare::<C>(of_sample).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(deviation, sample),
            OpsKind::UnTracked(prep) => prep.finish(sample),
        };
        let sums = match normal::Divergence.prepare::<C>(of_divergence).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((loc, log_scale), sums),
            OpsKind::UnTracked(prep) => prep.finish(sums),
        };
        (sample, sums)
    }

    fn on_cube_logsumexp(x: FloatTensor<Self>, axis: usize) -> FloatTensor<Self> {
        let node = x.node();
        let (sums, weights) = Cube::cube_logsumexp(x.into_primitive(), axis);
        match logsumexp::LogSumExp.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((weights, axis), sums),
            OpsKind::UnTracked(prep) => prep.finish(sums),
        }
    }

    fn on_cube_categorical(logits: FloatTensor<Self>, classes: IntTensor<Self>) -> FloatTensor<Self> {
        let node = logits.node();
        let (log_probs, gradient) = Cube::cube_categorical(logits.into_primitive(), classes);
        match likelihood::Rows.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(gradient, log_probs),
            OpsKind::UnTracked(prep) => prep.finish(log_probs),
        }
    }

    fn on_cube_elbo(
        log_likelihood: FloatTensor<Self>,
        kl: FloatTensor<Self>,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [log_likelihood.node(), kl.node()];
        let (log_likelihood, kl) = (log_likelihood.into_primitive(), kl.into_primitive());
        let (loss, bound, reconstruction, divergence) = Cube::cube_elbo(log_likelihood.clone(), kl.clone(), beta);
        let loss = match elbo::Elbo.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((log_likelihood, kl, beta), loss),
            OpsKind::UnTracked(prep) => prep.finish(loss),
        };
        let constant = FloatTensor::<Self>::new;
        (loss, constant(bound), constant(reconstruction), constant(divergence))
    }
}
