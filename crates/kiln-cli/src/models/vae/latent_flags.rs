//! The flags of `kiln latent`.

use clap::{Args, Subcommand};

use crate::{
    base::count,
    flags::{RunAccess, WriteFlags},
};

#[derive(Debug, Subcommand)]
pub(crate) enum LatentCommand {
    /// Vary one latent dimension at a time, and decode
    Traverse(TraverseFlags),
    /// Decode points on the line between the latent codes of two test images
    Interpolate(InterpolateFlags),
    /// Plot the latent codes of test images, colored by class
    Map(MapFlags),
}

impl LatentCommand {
    pub(crate) fn access(&self) -> &RunAccess {
        match self {
            Self::Traverse(flags) => &flags.access,
            Self::Interpolate(flags) => &flags.access,
            Self::Map(flags) => &flags.access,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct TraverseFlags {
    /// Number of latent dimensions, by decreasing variance [default: 10, or all if fewer]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) dims: Option<usize>,
    /// Distance to each side of the mean, in standard deviations of the dimension
    #[arg(long, value_name = "R", default_value_t = 3.0, allow_negative_numbers = true)]
    pub(crate) range: f64,
    /// Number of images per dimension, from 2 to 100
    #[arg(short = 'n', value_name = "N", default_value_t = 11, value_parser = count::<usize>())]
    pub(crate) count: usize,
    /// Test image whose other dimensions are kept, from 0 [default: the mean code]
    #[arg(long, value_name = "I", value_parser = count::<usize>())]
    pub(crate) image: Option<usize>,
    /// With --condition class: class of the images [default: that of --image, or the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) class: Option<String>,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}

#[derive(Args, Debug)]
pub(crate) struct InterpolateFlags {
    /// Number of pairs: test images 0 and 1, 2 and 3, …
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = count::<usize>())]
    pub(crate) pairs: usize,
    /// Number of images per pair, including both ends, from 2 to 100
    #[arg(short = 'n', value_name = "N", default_value_t = 9, value_parser = count::<usize>())]
    pub(crate) count: usize,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}

#[derive(Args, Debug)]
pub(crate) struct MapFlags {
    /// Number of test images, the first N, at least 2
    #[arg(short = 'n', value_name = "N", default_value_t = 2000, value_parser = count::<usize>())]
    pub(crate) count: usize,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}
