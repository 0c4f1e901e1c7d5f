//! Images as a source has them, before they are divided.

use super::labels::Labels;
use crate::{BadPicture, DataError, Images};

/// Images for training, or all of them, and those for testing if the source has such.
pub(super) struct Raw {
    pub(super) train: Images,
    pub(super) test: Option<Images>,
    pub(super) sha256: String,
    pub(super) notes: Vec<String>,
    pub(super) skipped: Vec<BadPicture>,
    pub(super) sizes: Vec<([usize; 2], usize)>,
}

impl Raw {
    /// Images with or without labels: those for training or all, and those for testing.
    pub(super) fn of_parts(
        parts: Vec<(Images, Option<Labels>)>,
        sha256: String,
        notes: Vec<String>,
    ) -> Result<Self, DataError> {
        let mut names: Option<Vec<String>> = None;
        let mut labelled = Vec::new();
        for (images, labels) in parts {
            labelled.push(match labels {
                None => images,
                Some(Labels { labels, names: own }) => {
                    names = names.or(own);
                    images.with_labels(labels)?
                }
            });
        }
        let classes = labelled.iter().map(Images::classes).max().unwrap_or(0);
        let mut parts = labelled.into_iter().map(|images| match &names {
            _ if !images.has_labels() => Ok(images),
            Some(names) => images.with_class_names(names.clone()),
            None => images.with_classes(classes),
        });
        let (train, test) = (parts.next().ok_or(DataError::NoLabels)??, parts.next().transpose()?);
        Ok(Self { train, test, sha256, notes, skipped: Vec::new(), sizes: Vec::new() })
    }
}
