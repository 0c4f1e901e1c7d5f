//! What GPUs do by kernels of Kiln's own, on CubeCL: the same for CUDA, Vulkan and wgpu.

mod ahead;
mod buffer;
mod chacha;
mod graph;
mod kernels;
mod launch;
mod layout;
pub(crate) mod noise;
pub(crate) mod plan;
mod reading;
pub(crate) mod recording;
mod reduce;
pub(crate) mod rows;
pub(crate) mod steps;

pub(crate) use layout::{UNITS, spread};
pub(crate) use reduce::{is_finite, largest_of_cube, sum_of_cube};
