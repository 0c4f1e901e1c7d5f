//! State in a record, in its own float type. Burn's derive would round f64 to the default device's type.

use std::cell::Cell;

use burn::{
    optim::{StateSink, StateSource},
    tensor::{Device, Tensor},
};

pub(super) fn push_tensor<const D: usize>(out: &mut StateSink, prefix: &str, leaf: &str, tensor: &Tensor<D>) {
    out.push_tensor(prefix, leaf, tensor.to_data());
}

pub(super) fn take_tensor<const D: usize>(
    source: &mut StateSource,
    prefix: &str,
    leaf: &str,
    device: &Device,
) -> Option<Tensor<D>> {
    let data = source.take_tensor(prefix, leaf)?;
    let dtype = data.dtype();
    Some(Tensor::from_data(data, (device, dtype)))
}

thread_local! {
    static FEWER: Cell<u64> = const { Cell::new(0) };
}

/// Runs `work`, in which counts go into records as if the last `steps` steps had not been taken.
pub(super) fn with_fewer_steps<R>(steps: u64, work: impl FnOnce() -> R) -> R {
    let before = FEWER.replace(steps);
    let result = work();
    FEWER.set(before);
    result
}

pub(super) fn push_count(out: &mut StateSink, prefix: &str, leaf: &str, count: u64) {
    out.push_scalar(prefix, leaf, (count - FEWER.get()).into());
}

pub(super) fn take_count(source: &mut StateSource, prefix: &str, leaf: &str) -> Option<u64> {
    source.take_scalar(prefix, leaf)?.try_into().ok()
}
