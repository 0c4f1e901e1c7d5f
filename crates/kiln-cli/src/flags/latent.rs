//! `kiln latent`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::MachineFlags;

#[derive(Debug, Subcommand)]
pub(crate) enum Latent {
    /// Images along each dimension of z in turn, from low to high; of the layer next to the images where there are several
    Traverse(TraverseFlags),
    /// Images along the straight line between the z of two test images, which stand at its ends
    Interpolate(InterpolateFlags),
    /// The z of test images in the plane, coloured by class
    Map(MapFlags),
}

impl Latent {
    pub(crate) fn run(&self) -> &Path {
        match self {
            Self::Traverse(flags) => &flags.run,
            Self::Interpolate(flags) => &flags.run,
            Self::Map(flags) => &flags.run,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct TraverseFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Dimensions to go along, those that vary most over the test images first [default: all, up to 10]
    #[arg(long, value_name = "N")]
    pub(crate) dims: Option<usize>,
    /// How far to go to either side of the mean over the test images, in standard deviations
    #[arg(long, value_name = "R", default_value_t = 3.0, allow_negative_numbers = true)]
    pub(crate) range: f64,
    /// Images along the way, from 2 to 100
    #[arg(short = 'n', value_name = "N", default_value_t = 11)]
    pub(crate) count: usize,
    /// Test image to start from, counted from 0 [default: the mean z of the test images]
    #[arg(long, value_name = "I")]
    pub(crate) image: Option<usize>,
    /// PNG to write [default: traversal.png in the run's directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct InterpolateFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Pairs of test images, each of two that follow one another
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) pairs: usize,
    /// Images along the way, at least 2
    #[arg(short = 'n', value_name = "N", default_value_t = 9)]
    pub(crate) count: usize,
    /// PNG to write [default: interpolation.png in the run's directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct MapFlags {
    /// The run's directory
    pub(crate) run: PathBuf,
    /// Test images to take, at least 2
    #[arg(short = 'n', value_name = "N", default_value_t = 2000)]
    pub(crate) count: usize,
    /// PNG to write [default: latent-map.png in the run's directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}
