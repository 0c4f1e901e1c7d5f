//! The flags of `kiln sample` and `kiln reconstruct`.

use clap::Args;

use crate::{
    base::count,
    flags::{RunAccess, WriteFlags},
};

#[derive(Args, Debug)]
pub(crate) struct SampleFlags {
    /// Number of images, from 1 to 10000
    #[arg(short = 'n', value_name = "N", default_value_t = 64, value_parser = count::<usize>())]
    pub(crate) count: usize,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// With --condition class: draw images of this class only [default: all, one per column]
    #[arg(long, value_name = "NAME")]
    pub(crate) class: Option<String>,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}

#[derive(Args, Debug)]
pub(crate) struct ReconstructFlags {
    /// Number of test images, the first N, from 1 to 1000
    #[arg(short = 'n', value_name = "N", default_value_t = 16, value_parser = count::<usize>())]
    pub(crate) count: usize,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}
