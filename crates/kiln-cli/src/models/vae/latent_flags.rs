//! The flags of `kiln latent`.

use clap::{Args, Subcommand};

use crate::{
    base::count,
    flags::{RunAccess, WriteFlags},
};

#[derive(Debug, Subcommand)]
pub(crate) enum LatentCommand {
    /// Vary one latent dimension at a time and decode
    Traverse(TraverseFlags),
    /// Decode points on the straight line between two test images
    Interpolate(InterpolateFlags),
    /// Plot test images in latent space, colored by class
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
    #[command(flatten)]
    pub(crate) access: RunAccess,
    /// Number of dimensions, those with the largest variance first [default: all, at most 10]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) dims: Option<usize>,
    /// Range to each side of the mean, in standard deviations
    #[arg(long, value_name = "R", default_value_t = 3.0, allow_negative_numbers = true)]
    pub(crate) range: f64,
    /// Number of images per dimension, from 2 to 100
    #[arg(short = 'n', value_name = "N", default_value_t = 11, value_parser = count::<usize>())]
    pub(crate) count: usize,
    /// Index of the test image to start from [default: the mean of z]
    #[arg(long, value_name = "I", value_parser = count::<usize>())]
    pub(crate) image: Option<usize>,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
}

#[derive(Args, Debug)]
pub(crate) struct InterpolateFlags {
    #[command(flatten)]
    pub(crate) access: RunAccess,
    /// Number of pairs of consecutive test images
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = count::<usize>())]
    pub(crate) pairs: usize,
    /// Number of images between the two of a pair, from 2 to 100
    #[arg(short = 'n', value_name = "N", default_value_t = 9, value_parser = count::<usize>())]
    pub(crate) count: usize,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
}

#[derive(Args, Debug)]
pub(crate) struct MapFlags {
    #[command(flatten)]
    pub(crate) access: RunAccess,
    /// Number of test images, at least 2
    #[arg(short = 'n', value_name = "N", default_value_t = 2000, value_parser = count::<usize>())]
    pub(crate) count: usize,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
}
