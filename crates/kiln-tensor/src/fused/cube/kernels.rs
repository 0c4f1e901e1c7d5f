//! The kernels as operations of the backend, which fusion runs in their order.

use burn::{
    backend::{Backend, TensorMetadata, backend_extension, fusion::custom::TensorSpec, tensor::FloatTensor},
    tensor::{DType, Shape},
};
use burn_cubecl::{
    CubeBackend, cubecl::prelude::*, kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype,
    tensor::CubeTensor,
};

use super::code::{self, COLUMNS};
use crate::{
    cube::{UNITS, spread},
    fused::Activation,
};

/// The description of a tensor like `like`, of another shape.
fn of_shape<const D: usize>(like: &TensorSpec, shape: [usize; D]) -> TensorSpec {
    TensorSpec::new(Shape::from(shape), like.dtype)
}

/// Plain kernels: none of them has a gradient.
#[backend_extension(Cube, Fusion)]
pub(super) trait Kernels: Backend {
    /// act(y + b), in place if y is not shared.
    #[fusion(meta = |y, _bias, _act: &Activation| y.clone())]
    fn cube_finish(y: FloatTensor<Self>, bias: FloatTensor<Self>, act: Activation) -> FloatTensor<Self>;

    /// The gradient before the activation, in place if it is not shared, and its sum over the rows.
    #[fusion(meta = |grad, _y, _act: &Activation| (grad.clone(), of_shape(grad, [grad.shape[1]])))]
    fn cube_through(
        grad: FloatTensor<Self>,
        y: FloatTensor<Self>,
        act: Activation,
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

    /// The gradients of the divergence.
    #[fusion(meta = |loc, _log_scale, _grad| (loc.clone(), loc.clone()))]
    fn cube_divergence_back(
        loc: FloatTensor<Self>,
        log_scale: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

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

/// Runs the block with `F` as the float type of a tensor.
macro_rules! on_number {
    ($dtype:expr, $F:ident => $body:expr) => {
        match $dtype {
            DType::F64 => {
                type $F = f64;
                $body
            }
            _ => {
                type $F = f32;
                $body
            }
        }
    };
}

fn made<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), Shape::from(shape), like.dtype)
}

/// The tensor as one run of numbers that nothing else uses.
fn own(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

fn count(tensor: &CubeTensor) -> usize {
    tensor.meta.num_elements()
}

/// The whole of a contiguous tensor.
#[allow(unsafe_code, reason = "the length is that of the tensor")]
fn whole(tensor: &CubeTensor) -> BufferArg {
    unsafe { BufferArg::from_raw_parts(tensor.handle.clone(), count(tensor)) }
}

fn dim() -> CubeDim {
    CubeDim::new_1d(UNITS as u32)
}

/// A thread for each of `threads`.
fn each(threads: usize) -> CubeCount {
    spread(threads.div_ceil(UNITS))
}

fn rows_and_columns(tensor: &CubeTensor) -> [usize; 2] {
    let shape = tensor.shape();
    [shape[0], shape[1]]
}

/// Rows that a cube sums at most.
const ROWS: usize = 512;

/// g·act′ in place, and its sum over the rows.
#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
fn through(grad: CubeTensor, y: &CubeTensor, act: Activation) -> (CubeTensor, CubeTensor) {
    let [rows, columns] = rows_and_columns(&grad);
    let parts = rows.div_ceil(ROWS).max(1);
    let sums = made(&grad, [columns]);
    let partial = if parts == 1 { sums.clone() } else { made(&grad, [parts, columns]) };
    if columns > 0 {
        on_number!(grad.dtype, F => unsafe {
            code::through::launch_unchecked::<F>(
                &grad.client,
                CubeCount::Static(columns.div_ceil(COLUMNS) as u32, parts as u32, 1),
                dim(),
                whole(&grad),
                whole(y),
                whole(&partial),
                rows as u32,
                columns as u32,
                parts as u32,
                act,
            );
            if parts > 1 {
                code::sum_parts::launch_unchecked::<F>(
                    &grad.client,
                    each(columns),
                    dim(),
                    whole(&partial),
                    whole(&sums),
                    parts as u32,
                    columns as u32,
                );
            }
        });
    }
    (grad, sums)
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
impl Kernels for CubeBackend {
    fn cube_finish(y: CubeTensor, bias: CubeTensor, act: Activation) -> CubeTensor {
        let (y, bias) = (own(y), into_contiguous(bias));
        if count(&y) > 0 {
            on_number!(y.dtype, F => unsafe {
                code::finish::launch_unchecked::<F>(
                    &y.client,
                    each(count(&y)),
                    dim(),
                    whole(&y),
                    whole(&bias),
                    count(&y) as u32,
                    count(&bias) as u32,
                    act,
                );
            });
        }
        y
    }

    fn cube_through(grad: CubeTensor, y: CubeTensor, act: Activation) -> (CubeTensor, CubeTensor) {
        through(own(grad), &into_contiguous(y), act)
    }

    fn cube_sum_rows(x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        through(x.clone(), &x, Activation::Identity).1
    }

    fn cube_bernoulli(logits: CubeTensor, values: CubeTensor) -> (CubeTensor, CubeTensor) {
        let (logits, values) = (into_contiguous(logits), into_contiguous(values));
        let [rows, columns] = rows_and_columns(&logits);
        let (sums, gradient) = (made(&logits, [rows]), made(&logits, [rows, columns]));
        if rows > 0 {
            on_number!(logits.dtype, F => unsafe {
                code::bernoulli::launch_unchecked::<F>(
                    &logits.client,
                    spread(rows),
                    dim(),
                    whole(&logits),
                    whole(&values),
                    whole(&sums),
                    whole(&gradient),
                    rows as u32,
                    columns as u32,
                );
            });
        }
        (sums, gradient)
    }

    fn cube_scale_rows(rows: CubeTensor, by: CubeTensor) -> CubeTensor {
        let (rows, by) = (own(rows), into_contiguous(by));
        let [_, columns] = rows_and_columns(&rows);
        if count(&rows) > 0 {
            on_number!(rows.dtype, F => unsafe {
                code::scale_rows::launch_unchecked::<F>(
                    &rows.client,
                    each(count(&rows)),
                    dim(),
                    whole(&rows),
                    whole(&by),
                    count(&rows) as u32,
                    columns as u32,
                );
            });
        }
        rows
    }

    fn cube_sample(loc: CubeTensor, log_scale: CubeTensor, noise: CubeTensor) -> (CubeTensor, CubeTensor) {
        let (loc, log_scale, noise) = (into_contiguous(loc), into_contiguous(log_scale), own(noise));
        let [rows, columns] = rows_and_columns(&loc);
        let out = made(&loc, [rows, columns]);
        if count(&loc) > 0 {
            on_number!(loc.dtype, F => unsafe {
                code::sample::launch_unchecked::<F>(
                    &loc.client,
                    each(count(&loc)),
                    dim(),
                    whole(&loc),
                    whole(&log_scale),
                    whole(&noise),
                    whole(&out),
                    count(&loc) as u32,
                );
            });
        }
        (out, noise)
    }

    fn cube_divergence(loc: CubeTensor, log_scale: CubeTensor) -> CubeTensor {
        let (loc, log_scale) = (into_contiguous(loc), into_contiguous(log_scale));
        let [rows, columns] = rows_and_columns(&loc);
        let sums = made(&loc, [rows]);
        if rows > 0 {
            on_number!(loc.dtype, F => unsafe {
                code::divergence::launch_unchecked::<F>(
                    &loc.client,
                    each(rows),
                    dim(),
                    whole(&loc),
                    whole(&log_scale),
                    whole(&sums),
                    rows as u32,
                    columns as u32,
                );
            });
        }
        sums
    }

    fn cube_divergence_back(loc: CubeTensor, log_scale: CubeTensor, grad: CubeTensor) -> (CubeTensor, CubeTensor) {
        let (loc, log_scale, grad) = (into_contiguous(loc), into_contiguous(log_scale), into_contiguous(grad));
        let [rows, columns] = rows_and_columns(&loc);
        let (by_loc, by_log_scale) = (made(&loc, [rows, columns]), made(&loc, [rows, columns]));
        if count(&loc) > 0 {
            on_number!(loc.dtype, F => unsafe {
                code::divergence_back::launch_unchecked::<F>(
                    &loc.client,
                    each(count(&loc)),
                    dim(),
                    whole(&loc),
                    whole(&log_scale),
                    whole(&grad),
                    whole(&by_loc),
                    whole(&by_log_scale),
                    count(&loc) as u32,
                    columns as u32,
                );
            });
        }
        (by_loc, by_log_scale)
    }

    fn cube_elbo(
        log_likelihood: CubeTensor,
        kl: CubeTensor,
        beta: f64,
    ) -> (CubeTensor, CubeTensor, CubeTensor, CubeTensor) {
        let (log_likelihood, kl) = (into_contiguous(log_likelihood), into_contiguous(kl));
        let [loss, bound, reconstruction, divergence] = [(); 4].map(|()| made(&kl, [1]));
        on_number!(kl.dtype, F => unsafe {
            code::elbo::launch_unchecked::<F>(
                &kl.client,
                CubeCount::Static(1, 1, 1),
                dim(),
                whole(&log_likelihood),
                whole(&kl),
                InputScalar::new(beta, F::elem_type_native()),
                whole(&loss),
                whole(&bound),
                whole(&reconstruction),
                whole(&divergence),
                count(&log_likelihood) as u32,
                count(&kl) as u32,
            );
        });
        (loss, bound, reconstruction, divergence)
    }

    fn cube_elbo_back(
        grad: CubeTensor,
        log_likelihood: CubeTensor,
        kl: CubeTensor,
        beta: f64,
    ) -> (CubeTensor, CubeTensor) {
        let grad = into_contiguous(grad);
        let (samples, examples) = (count(&log_likelihood), count(&kl));
        let (by_likelihood, by_kl) = (made(&kl, [samples]), made(&kl, [examples]));
        on_number!(kl.dtype, F => unsafe {
            code::elbo_back::launch_unchecked::<F>(
                &kl.client,
                each(samples.max(examples).max(1)),
                dim(),
                whole(&grad),
                InputScalar::new(beta, F::elem_type_native()),
                whole(&by_likelihood),
                whole(&by_kl),
                samples as u32,
                examples as u32,
            );
        });
        (by_likelihood, by_kl)
    }
}
