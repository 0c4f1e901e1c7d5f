//! The bytes of images: in memory, or in a file that is mapped.

use std::{borrow::Cow, fmt, fs::File, io, ops::Deref, sync::Arc};

use memmap2::{Mmap, MmapOptions};

/// Bytes in memory, or a part of a file that the operating system reads as it is used.
enum Bytes {
    Memory(Vec<u8>),
    Mapped(Mmap),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Mapped(file) => file,
        }
    }
}

/// Images of `dims` bytes each, one after the other, or a choice of them.
#[derive(Clone)]
pub(super) struct ImageRows {
    bytes: Arc<Bytes>,
    dims: usize,
    /// Which images of the bytes these are, in their order. None: all.
    chosen: Option<Arc<[usize]>>,
}

impl ImageRows {
    /// Images in memory. The bytes must be a whole number of images.
    pub(super) fn new(bytes: Vec<u8>, dims: usize) -> Self {
        Self { bytes: Arc::new(Bytes::Memory(bytes)), dims, chosen: None }
    }

    /// Images from the byte `offset` of a file on. The file must have `len` bytes from there, and keep them as long as the images are used.
    #[allow(
        unsafe_code,
        reason = "whoever names a file must leave it as it is while it is used: the documentation says so"
    )]
    pub(super) fn mapped(file: &File, offset: u64, len: usize, dims: usize) -> io::Result<Self> {
        let file = unsafe { MmapOptions::new().offset(offset).len(len).map(file)? };
        Ok(Self { bytes: Arc::new(Bytes::Mapped(file)), dims, chosen: None })
    }

    pub(super) fn len(&self) -> usize {
        self.chosen.as_ref().map_or(self.bytes.len() / self.dims, |chosen| chosen.len())
    }

    /// Returns one image.
    pub(super) fn row(&self, row: usize) -> &[u8] {
        let row = self.chosen.as_ref().map_or(row, |chosen| chosen[row]);
        &self.bytes[row * self.dims..][..self.dims]
    }

    /// Returns all images in one piece.
    pub(super) fn whole(&self) -> Cow<'_, [u8]> {
        match &self.chosen {
            None => Cow::Borrowed(&self.bytes),
            Some(_) => Cow::Owned(self.copied(&(0..self.len()).collect::<Vec<_>>())),
        }
    }

    /// Returns the given images: a copy of those in memory, a view of those in a file.
    pub(super) fn subset(&self, rows: &[usize]) -> Self {
        match *self.bytes {
            Bytes::Memory(_) => Self::new(self.copied(rows), self.dims),
            Bytes::Mapped(_) => {
                let count = self.len();
                let of = |&row: &usize| {
                    assert!(row < count, "the row {row} of {count} images");
                    self.chosen.as_ref().map_or(row, |chosen| chosen[row])
                };
                Self { chosen: Some(rows.iter().map(of).collect()), ..self.clone() }
            }
        }
    }

    /// Returns whether the images are in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        matches!(*self.bytes, Bytes::Memory(_))
    }

    fn copied(&self, rows: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(rows.len() * self.dims);
        rows.iter().for_each(|row| bytes.extend_from_slice(self.row(*row)));
        bytes
    }
}

impl PartialEq for ImageRows {
    fn eq(&self, other: &Self) -> bool {
        let same = |row: usize| self.row(row) == other.row(row);
        (self.len(), self.dims) == (other.len(), other.dims) && (0..self.len()).all(same)
    }
}

impl Eq for ImageRows {}

impl fmt::Debug for ImageRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.is_in_memory() { "in memory" } else { "in a file" };
        write!(f, "{} images of {} bytes {place}", self.len(), self.dims)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The same images, in memory and after a header of 5 bytes in a file.
    fn both() -> [ImageRows; 2] {
        let bytes: Vec<u8> = (0..30).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"title").and_then(|()| file.write_all(&bytes)).unwrap();
        [ImageRows::new(bytes, 6), ImageRows::mapped(&file, 5, 30, 6).unwrap()]
    }

    #[test]
    fn images_in_a_file_are_those_in_memory() {
        let [memory, file] = both();
        assert_eq!(memory, file);
        assert_eq!((file.len(), file.row(4), &*file.whole()), (5, &[24, 25, 26, 27, 28, 29][..], &*memory.whole()));
        let [some, view] = both().map(|rows| rows.subset(&[3, 0, 3]).subset(&[2, 1]));
        assert_eq!(some, view);
        assert_eq!((view.len(), view.row(1)), (2, &[0, 1, 2, 3, 4, 5][..]));
        assert_eq!(view.whole(), [18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5].as_slice());
        assert!(some.is_in_memory() && !view.is_in_memory());
        assert_ne!(memory, memory.subset(&[0, 1, 2, 4, 3]));
    }

    #[test]
    #[should_panic(expected = "the row 5 of 5 images")]
    fn a_view_has_no_rows_beyond_the_last() {
        let [_, file] = both();
        file.subset(&[5]);
    }
}
