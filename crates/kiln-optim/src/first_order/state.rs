//! State in a record, in its own float type. Burn's derive would round f64 to the default device's type.

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

pub(super) fn push_count(out: &mut StateSink, prefix: &str, leaf: &str, count: u64) {
    out.push_scalar(prefix, leaf, count.into());
}

pub(super) fn take_count(source: &mut StateSource, prefix: &str, leaf: &str) -> Option<u64> {
    source.take_scalar(prefix, leaf)?.try_into().ok()
}
