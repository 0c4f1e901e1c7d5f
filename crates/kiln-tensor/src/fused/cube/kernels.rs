//! The kernels as operations of the backend, which fusion runs in their order.

mod elbo;
mod likelihood;
mod linear;
mod logsumexp;
mod normal;
mod product;
mod tall;

use burn::{
    backend::{
        Backend, backend_extension,
        fusion::custom::TensorSpec,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::Shape,
};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use crate::fused::{MatmulPrecision, epilogue::Epilogue};

/// The description of a tensor like `like`, of another shape.
fn of_shape<const D: usize>(like: &TensorSpec, shape: [usize; D]) -> TensorSpec {
    TensorSpec::new(Shape::from(shape), like.dtype)
}

/// Plain kernels: none of them has a gradient.
#[backend_extension(Cube, Fusion)]
pub(super) trait Kernels: Backend {
    /// The product of two matrices.
    #[fusion(meta = |lhs, rhs, _precision: &MatmulPrecision| of_shape(lhs, [lhs.shape[0], rhs.shape[1]]))]
    fn cube_product(lhs: FloatTensor<Self>, rhs: FloatTensor<Self>, precision: MatmulPrecision) -> FloatTensor<Self>;

    /// act(y + b), in place if y is not shared.
    #[fusion(meta = |y, _bias, _act: &Epilogue| y.clone())]
    fn cube_finish(y: FloatTensor<Self>, bias: FloatTensor<Self>, act: Epilogue) -> FloatTensor<Self>;

    /// The gradient before the activation, in place if it is not shared, and its sum over the rows.
    #[fusion(meta = |grad, _y, _act: &Epilogue| (grad.clone(), of_shape(grad, [grad.shape[1]])))]
    fn cube_through(
        grad: FloatTensor<Self>,
        y: FloatTensor<Self>,
        act: Epilogue,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The sum over the rows.
    #[fusion(meta = |x| of_shape(x, [x.shape[1]]))]
    fn cube_sum_rows(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The log-likelihoods of the rows and their gradients.
    #[fusion(meta = |logits, _values| (of_shape(logits, [logits.shape[0]]), logits.clone()))]
    fn cube_bernoulli(logits: FloatTensor<Self>, values: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Each row times its number, in place if the rows are not shared.
    #[fusion(meta = |rows, _by| rows.clone())]
    fn cube_scale_rows(rows: FloatTensor<Self>, by: FloatTensor<Self>) -> FloatTensor<Self>;

    /// μ + σε, and σε.
    #[fusion(meta = |loc, _log_scale, _noise| (loc.clone(), loc.clone()))]
    fn cube_sample(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The divergence of each row.
    #[fusion(meta = |loc, _log_scale| of_shape(loc, [loc.shape[0]]))]
    fn cube_divergence(loc: FloatTensor<Self>, log_scale: FloatTensor<Self>) -> FloatTensor<Self>;

    /// μ + σε, σε, and the divergence of each row.
    #[fusion(meta = |loc, _log_scale, _noise| (loc.clone(), loc.clone(), of_shape(loc, [loc.shape[0]])))]
    fn cube_sample_with_divergence(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of the divergence.
    #[fusion(meta = |loc, _log_scale, _grad| (loc.clone(), loc.clone()))]
    fn cube_divergence_back(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// ln Σ eˣ along an axis, and the softmax.
    #[fusion(meta = |x, axis: &usize| {
        let mut shape = x.shape.clone();
        shape[*axis] = 1;
        (TensorSpec::new(shape, x.dtype), x.clone())
    })]
    fn cube_logsumexp(x: FloatTensor<Self>, axis: usize) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradient of those sums, in place of the softmax.
    #[fusion(meta = |weights, _grad, _axis: &usize| weights.clone())]
    fn cube_logsumexp_back(weights: FloatTensor<Self>, grad: FloatTensor<Self>, axis: usize) -> FloatTensor<Self>;

    /// The log-probabilities of the rows' classes, and their gradients.
    #[fusion(meta = |logits, _classes| (of_shape(logits, [logits.shape[0]]), logits.clone()))]
    fn cube_categorical(logits: FloatTensor<Self>, classes: IntTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The loss, the bound, the reconstruction error and the divergence.
    #[fusion(meta = |likelihood, _kl, _beta: &f64| {
        let one = || of_shape(likelihood, [1]);
        (one(), one(), one(), one())
    })]
    fn cube_elbo(
        log_likelihood: FloatTensor<Self>,
        kl: FloatTensor<Self>,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The gradients of the loss.
    #[fusion(meta = |_grad, likelihood, kl, _beta: &f64| (likelihood.clone(), kl.clone()))]
    fn cube_elbo_back(
        grad: FloatTensor<Self>,
        log_likelihood: FloatTensor<Self>,
        kl: FloatTensor<Self>,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl Kernels for CubeBackend {
    fn cube_product(lhs: CubeTensor, rhs: CubeTensor, precision: MatmulPrecision) -> CubeTensor {
        product::product(lhs, rhs, precision)
    }

    fn cube_finish(y: CubeTensor, bias: CubeTensor, act: Epilogue) -> CubeTensor {
        linear::finish(y, bias, act)
    }

    fn cube_through(grad: CubeTensor, y: CubeTensor, act: Epilogue) -> (CubeTensor, CubeTensor) {
        linear::through(grad, y, act)
    }

    fn cube_sum_rows(x: CubeTensor) -> CubeTensor {
        linear::sum_rows(x)
    }

    fn cube_bernoulli(logits: CubeTensor, values: CubeTensor) -> (CubeTensor, CubeTensor) {
        likelihood::bernoulli(logits, values)
    }

    fn cube_scale_rows(rows: CubeTensor, by: CubeTensor) -> CubeTensor {
        likelihood::scale_rows(rows, by)
    }

    fn cube_categorical(logits: CubeTensor, classes: CubeTensor) -> (CubeTensor, CubeTensor) {
        likelihood::categorical(logits, classes)
    }

    fn cube_sample(loc: CubeTensor, log_scale: CubeTensor, noise: CubeTensor) -> (CubeTensor, CubeTensor) {
        normal::sample(loc, log_scale, noise)
    }

    fn cube_divergence(loc: CubeTensor, log_scale: CubeTensor) -> CubeTensor {
        normal::divergence(loc, log_scale)
    }

    fn cube_sample_with_divergence(
        loc: CubeTensor,
        log_scale: CubeTensor,
        noise: CubeTensor,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        normal::sample_with_divergence(loc, log_scale, noise)
    }

    fn cube_divergence_back(loc: CubeTensor, log_scale: CubeTensor, grad: CubeTensor) -> (CubeTensor, CubeTensor) {
        normal::divergence_back(loc, log_scale, grad)
    }

    fn cube_elbo(
        log_likelihood: CubeTensor,
        kl: CubeTensor,
        beta: f64,
    ) -> (CubeTensor, CubeTensor, CubeTensor, CubeTensor) {
        elbo::elbo(log_likelihood, kl, beta)
    }

    fn cube_elbo_back(
        grad: CubeTensor,
        log_likelihood: CubeTensor,
        kl: CubeTensor,
        beta: f64,
    ) -> (CubeTensor, CubeTensor) {
        elbo::elbo_back(grad, log_likelihood, kl, beta)
    }

    fn cube_logsumexp(x: CubeTensor, axis: usize) -> (CubeTensor, CubeTensor) {
        logsumexp::logsumexp(x, axis)
    }

    fn cube_logsumexp_back(weights: CubeTensor, grad: CubeTensor, axis: usize) -> CubeTensor {
        logsumexp::logsumexp_back(weights, grad, axis)
    }
}
