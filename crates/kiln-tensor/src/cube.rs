//! What GPUs do by kernels of Kiln's own, on CubeCL: the same for CUDA, Vulkan and wgpu.

mod buffer;
mod chacha;
mod kernels;
mod layout;
pub(crate) mod recording;
pub(crate) mod rows;
pub(crate) mod steps;

pub(crate) use buffer::Number;
pub(crate) use layout::spread;
