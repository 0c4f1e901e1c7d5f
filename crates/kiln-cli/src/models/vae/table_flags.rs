//! The flags of `kiln embed` and `kiln score`.

use std::path::PathBuf;

use clap::Args;

use super::rows::Part;
use crate::{
    base::count,
    flags::{RunAccess, WriteFlags},
};

#[derive(Args, Debug)]
pub(crate) struct EmbedFlags {
    /// Other images, of the same size: everything that `kiln train vae --data` reads [default: the run's]
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) data: Option<String>,
    /// Which images of the run
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Part::All)]
    pub(crate) images: Part,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}

#[derive(Args, Debug)]
pub(crate) struct ScoreFlags {
    /// Other images, of the same size: everything that `kiln train vae --data` reads [default: the run's]
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) data: Option<String>,
    /// Which images of the run
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Part::Test)]
    pub(crate) images: Part,
    /// Importance samples per image, at least 1
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = count::<usize>())]
    pub(crate) samples: usize,
    /// PNG file with the images of the lowest scores, the lowest first
    #[arg(long, value_name = "FILE")]
    pub(crate) sheet: Option<PathBuf>,
    /// Number of images in --sheet, from 1 to 10000
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = count::<usize>())]
    pub(crate) sheet_images: usize,
    #[command(flatten)]
    pub(crate) write: WriteFlags,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}
