//! Where decoded pictures go: into memory, or into a file once they are many.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::decode::Picture;
use crate::{ImageShape, Images};

/// From this number of bytes on, pictures are in a file.
const MOST_IN_MEMORY: usize = 1 << 28;

/// Pictures of one size. They are grey until the first one is in colour.
pub(super) struct Store {
    place: Place,
    size: [usize; 2],
    channels: usize,
    count: usize,
    /// The folder of the file.
    folder: PathBuf,
    most_in_memory: usize,
}

enum Place {
    Memory(Vec<u8>),
    File(BufWriter<NamedTempFile>),
}

impl Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(all) => {
                all.extend_from_slice(bytes);
                Ok(())
            }
            Self::File(file) => file.write_all(bytes),
        }
    }
}

impl Store {
    pub(super) fn new(size: [usize; 2], channels: usize, folder: &Path) -> Self {
        let (place, folder) = (Place::Memory(Vec::new()), folder.to_owned());
        Self { place, size, channels, count: 0, folder, most_in_memory: MOST_IN_MEMORY }
    }

    pub(super) fn push(&mut self, picture: &Picture) -> io::Result<()> {
        if picture.channels > self.channels {
            self.widen()?;
        }
        match (picture.channels, self.channels) {
            (1, 3) => self.place.write(&in_colour(&picture.bytes))?,
            _ => self.place.write(&picture.bytes)?,
        }
        self.count += 1;
        match &self.place {
            Place::Memory(bytes) if bytes.len() >= self.most_in_memory => {
                let mut file = self.file()?;
                file.write_all(bytes)?;
                self.place = Place::File(file);
            }
            _ => {}
        }
        Ok(())
    }

    fn file(&self) -> io::Result<BufWriter<NamedTempFile>> {
        Ok(BufWriter::with_capacity(1 << 20, NamedTempFile::new_in(&self.folder)?))
    }

    /// Gives the grey pictures so far three channels.
    fn widen(&mut self) -> io::Result<()> {
        self.channels = 3;
        self.place = match &mut self.place {
            Place::Memory(bytes) => Place::Memory(in_colour(bytes)),
            Place::File(grey) => {
                grey.flush()?;
                let mut grey = BufReader::with_capacity(1 << 20, grey.get_ref().reopen()?);
                let mut colour = self.file()?;
                let mut block = vec![0; 1 << 20];
                loop {
                    match grey.read(&mut block)? {
                        0 => break,
                        read => colour.write_all(&in_colour(&block[..read]))?,
                    }
                }
                Place::File(colour)
            }
        };
        Ok(())
    }

    /// Returns the pictures as images. Those in a file are in the file `keep` afterwards, or in one without a name.
    pub(super) fn finish(self, keep: Option<&Path>) -> io::Result<Images> {
        let shape = ImageShape { height: self.size[0], width: self.size[1], channels: self.channels };
        match self.place {
            Place::Memory(bytes) => Images::of_shape(bytes, shape, u8::MAX).map_err(io::Error::other),
            Place::File(file) => {
                let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.rewind()?;
                match keep {
                    Some(path) => {
                        Images::mapped(&file.persist(path).map_err(|error| error.error)?, 0, self.count, shape)
                    }
                    None => Images::mapped(&file.into_file(), 0, self.count, shape),
                }
            }
        }
    }
}

/// Returns the images of a file that [`Store::finish`] has kept, or none if it has not as many bytes.
pub(super) fn kept(path: &Path, count: usize, shape: ImageShape) -> Option<Images> {
    let file = File::open(path).ok()?;
    let bytes = count.checked_mul(shape.dims())?;
    (count > 0 && file.metadata().ok()?.len() == bytes as u64).then(|| Images::mapped(&file, 0, count, shape).ok())?
}

fn in_colour(grey: &[u8]) -> Vec<u8> {
    grey.iter().flat_map(|value| [*value; 3]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dataset;

    fn picture(channels: usize, start: u8) -> Picture {
        Picture { height: 1, width: 2, channels, bytes: (start..).take(2 * channels).collect() }
    }

    #[test]
    fn pictures_become_coloured_with_the_first_that_is() {
        let folder = tempfile::tempdir().unwrap();
        let keep = folder.path().join("kept");
        // In memory, and in a file from the second picture on.
        for most_in_memory in [usize::MAX, 4] {
            let mut store = Store { most_in_memory, ..Store::new([1, 2], 1, folder.path()) };
            for picture in [picture(1, 1), picture(1, 3), picture(3, 10), picture(1, 7)] {
                store.push(&picture).unwrap();
            }
            let images = store.finish(Some(&keep)).unwrap();
            assert_eq!((images.len(), images.shape()), (4, ImageShape::rgb(1, 2)));
            assert_eq!(images.bytes()[..12], [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
            assert_eq!(images.bytes()[12..], [10, 11, 12, 13, 14, 15, 7, 7, 7, 8, 8, 8]);
            assert_eq!(images.is_in_memory(), most_in_memory > 4);
            let again = kept(&keep, 4, images.shape());
            assert_eq!(again.is_some(), !images.is_in_memory());
            assert!(again.is_none_or(|again| again == images));
            assert!(kept(&keep, 5, images.shape()).is_none());
        }
        let mut grey = Store::new([1, 2], 1, folder.path());
        grey.push(&picture(1, 1)).unwrap();
        assert_eq!(grey.finish(None).unwrap(), Images::unlabelled(vec![1, 2], 1, 2, 255).unwrap());
        // A file without a name is gone with the images.
        let mut store = Store { most_in_memory: 1, ..Store::new([1, 2], 1, folder.path()) };
        store.push(&picture(1, 5)).unwrap();
        let images = store.finish(None).unwrap();
        assert_eq!((images.bytes().to_vec(), std::fs::read_dir(folder.path()).unwrap().count()), (vec![5, 6], 1));
    }
}
