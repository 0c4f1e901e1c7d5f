//! How picture files become images.

use crate::{ColorMode, Fit};

/// The settings on which decoded pictures depend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct How {
    /// Height and width. None: those of the files.
    pub(super) size: Option<[usize; 2]>,
    pub(super) fit: Fit,
    pub(super) color: ColorMode,
}
