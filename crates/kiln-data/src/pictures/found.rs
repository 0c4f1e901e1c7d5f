//! What a folder or archive of pictures holds.

use crate::{BadPicture, Images};

/// What was found in the files.
#[derive(Debug)]
pub(super) struct Found {
    /// The files that are pictures, and those that are not.
    pub(super) files: Vec<String>,
    pub(super) bad: Vec<BadPicture>,
    /// The sizes of the pictures, the most frequent first.
    pub(super) sizes: Vec<([usize; 2], usize)>,
    /// One for each file, or none if they have several sizes.
    pub(super) images: Option<Images>,
}
