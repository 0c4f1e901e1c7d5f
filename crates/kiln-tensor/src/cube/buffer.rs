//! Tensors as buffers of the device, behind Burn's fusion.

use std::{
    sync::{Mutex, PoisonError},
    thread::{self, ThreadId},
};

use burn::{
    backend::{
        Backend, Cube, Dispatch, TensorMetadata, backend_extension,
        fusion::{FusionTensor, custom::TensorSpec, get_client},
        tensor::FloatTensor,
    },
    tensor::{DType, Device, Tensor},
};
use burn_cubecl::{
    CubeBackend, CubeDevice,
    cubecl::{self, prelude::Client},
    fusion::FusionCubeRuntime,
    kernel::into_contiguous,
    tensor::CubeTensor,
};

/// The float types of the kernels.
pub(crate) trait Number: cubecl::prelude::Float + cubecl::prelude::CubeElement + bytemuck::Pod {
    /// The number in f64.
    fn wide(self) -> f64;
}

macro_rules! number {
    ($($float:ty),*) => { $(
        impl Number for $float {
            fn wide(self) -> f64 {
                self.into()
            }
        }
    )* };
}

number!(f32, f64);

/// A tensor as fusion knows it: perhaps not computed yet.
pub(super) type Lazy = FusionTensor<FusionCubeRuntime>;

/// Returns the tensor as fusion knows it, or none if it is not plain f32 or f64 on a GPU backend.
pub(super) fn lazy<const D: usize>(tensor: Tensor<D>) -> Option<Lazy> {
    takes(&tensor).then(|| tensor.try_into_primitive::<Cube>().expect("`takes` has seen that it is of a GPU backend"))
}

/// Whether the tensor is f32 or f64 on a GPU backend, without autodiff.
pub(crate) fn takes<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.dtype(), DType::F32 | DType::F64)
        && !tensor.is_autodiff()
        && crate::device::is_cube(&tensor.device())
}

/// The tensor that fusion knows.
pub(super) fn tensor<const D: usize>(lazy: Lazy) -> Tensor<D> {
    Tensor::from_primitive::<Cube>(lazy)
}

/// Has everything computed that the tensor needs, and returns its numbers as one contiguous run.
pub(super) fn computed(lazy: Lazy) -> CubeTensor {
    let client = lazy.client.clone();
    let buffer = client.resolve_tensor_float::<CubeBackend>(lazy);
    if buffer.is_contiguous() { buffer } else { in_order(buffer, into_contiguous) }
}

/// Launches from the thread that makes all other launches: only there is a launch sure to come after the replay of a graph.
fn in_order(buffer: CubeTensor, launch: impl FnOnce(CubeTensor) -> CubeTensor + Send) -> CubeTensor {
    let done = get_client::<CubeBackend>(&buffer.device.clone()).run(|| launch(buffer));
    done.expect("the device answers")
}

/// The numbers as one contiguous run that nothing else uses, so that they may be overwritten, and, if that is a copy, what it is a copy of.
/// `lazy` is the last use of its tensor.
pub(super) fn computed_for_writing(lazy: Lazy) -> (CubeTensor, Option<CubeTensor>) {
    let shared = !lazy.can_mut();
    let client = lazy.client.clone();
    let buffer = client.resolve_tensor_float::<CubeBackend>(lazy);
    if shared || !buffer.can_mut() || !buffer.is_contiguous() {
        let original = if buffer.is_contiguous() { buffer } else { in_order(buffer, into_contiguous) };
        return (in_order(original.clone(), |original| original.copy()), Some(original));
    }
    (buffer, None)
}

/// A tensor of fusion whose numbers are `buffer`. `like` is any tensor of the device.
pub(super) fn adopted(like: Tensor<1>, buffer: CubeTensor) -> Lazy {
    let adopted = Dispatch::adopt(like.into_dispatch(), Adopted(buffer));
    Tensor::<1>::from_dispatch(adopted).try_into_primitive::<Cube>().expect("`like` is of a GPU backend")
}

/// A device as CubeCL knows it, and a tensor on it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) like: Tensor<1>,
    pub(super) client: Client,
    pub(super) device: CubeDevice,
    pub(super) dtype: DType,
}

/// Who computes where: fusion orders the work of each thread by itself, so that each has a tensor of its own.
type Key = (ThreadId, Device);

static PLACES: Mutex<Vec<(Key, Place)>> = Mutex::new(Vec::new());

impl Place {
    /// The place of tensors of this type on a device, or none if they are not f32 or f64 on a GPU.
    pub(super) fn of(device: &Device, dtype: DType) -> Option<Self> {
        if !crate::device::is_cube(device) {
            return None;
        }
        let key = (thread::current().id(), device.clone().without_autodiff());
        let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, place)) = places.iter().find(|(of, place)| *of == key && place.dtype == dtype) {
            return Some(place.clone());
        }
        let like = Tensor::<1>::zeros([1], (&key.1, dtype));
        let buffer = computed(lazy(like.clone())?);
        let place = Self { like, client: buffer.client, device: buffer.device, dtype };
        places.push((key, place.clone()));
        Some(place)
    }
}

#[derive(Clone, Debug)]
struct Adopted(CubeTensor);

#[backend_extension(Cube, Fusion)]
trait Adopt: Backend {
    /// `buffer` as a tensor on the device of `like`.
    #[fusion(meta = |_like, buffer: &Adopted| TensorSpec::new(buffer.0.shape(), buffer.0.dtype))]
    fn adopt(like: FloatTensor<Self>, buffer: Adopted) -> FloatTensor<Self>;
}

impl Adopt for CubeBackend {
    fn adopt(_: CubeTensor, buffer: Adopted) -> CubeTensor {
        buffer.0
    }
}
