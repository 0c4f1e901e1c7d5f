//! The IDX format of MNIST, plain or compressed by gzip.
//!
//! A file has a magic number, the sizes of its axes (both big-endian, 32 bits), and one byte per value.

use crate::{
    DataError, Dataset, ImageShape, Images,
    content::{Content, open_regular},
    images::interleaved,
};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The magic number of three-axis `u8` files.
const IMAGES: u32 = 0x0000_0803;
/// The magic number of four-axis `u8` files: images in colour.
const COLOURED: u32 = 0x0000_0804;
/// The magic number of one-axis `u8` files.
const LABELS: u32 = 0x0000_0801;
/// The most bytes of images that are decompressed. The largest well-known file, EMNIST, has an eighth of it.
const MAX_BYTES: u64 = 1 << 32;
/// Images of this many bytes or more stay in their file if it is not compressed.
const MAPPED: u64 = 1 << 28;

/// An image file of [`read_images`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxImages {
    /// The number of images.
    pub count: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// Values of a pixel: 1 for grey, 3 for colour.
    pub channels: usize,
    /// `count` × `height` × `width` × `channels` bytes, image after image, row after row and pixel after pixel; 255 is white.
    pub pixels: Vec<u8>,
}

/// Reads the images of one file with the labels of another. Pixels go up to 255.
///
/// Both headers are read and compared before the rest, so a wrong pair of files is refused at once.
///
/// Images of 256 MiB or more stay in their file if it is not compressed: the file is mapped into memory, and the operating system reads the
/// images that are used. Do not change or shorten such a file while the images are in use, which would change them or end the program.
///
/// # Errors
///
/// Those of [`read_images`] and [`read_labels`], and [`DataError::CountMismatch`].
///
/// # Example
///
/// ```no_run
/// use std::path::Path;
///
/// let folder = Path::new("data/mnist");
/// let images = folder.join("train-images-idx3-ubyte.gz");
/// let labels = folder.join("train-labels-idx1-ubyte.gz");
/// let images = kiln_data::idx::read(&images, &labels)?;
/// println!("{} × {} pixels", images.height(), images.width());
/// # Ok::<(), kiln_data::DataError>(())
/// ```
pub fn read(images: &Path, labels: &Path) -> Result<Images, DataError> {
    read_mapped_from(MAPPED, images, labels)
}

/// Reads images with labels. Those of `least` bytes or more stay in their file.
fn read_mapped_from(least: u64, images: &Path, labels: &Path) -> Result<Images, DataError> {
    let (mut image_file, mut label_file) = (OpenImages::open(images)?, OpenLabels::open(labels)?);
    if image_file.count != label_file.count {
        return Err(DataError::CountMismatch {
            images: images.into(),
            image_count: image_file.count as usize,
            labels: labels.into(),
            label_count: label_file.count as usize,
        });
    }
    let classes = label_file.read()?.into_iter().map(u32::from).collect();
    if image_file.bytes >= least && image_file.can_be_mapped() {
        return image_file.mapped()?.with_labels(classes);
    }
    image_file.images()?.with_labels(classes)
}

/// Reads the images of one file, which has three axes or four, as images without labels.
///
/// # Errors
///
/// Those of [`read_images`].
pub fn read_unlabelled(path: &Path) -> Result<Images, DataError> {
    let mut file = OpenImages::open(path)?;
    match file.bytes >= MAPPED && file.can_be_mapped() {
        true => file.mapped(),
        false => file.images(),
    }
}

/// Reads an image file (magic number `0x00000803`, or `0x00000804` with an axis of 1 or 3 channels at the end or after the first one).
///
/// # Errors
///
/// Returns an error if the file does not exist, is not a regular file, cannot be read or decompressed, has another magic
/// number, has a size of 0, has more than 4 GiB when it is decompressed, or has fewer or more bytes than its header says. It never reads more than
/// the header says, and never reserves more memory than the file can fill.
pub fn read_images(path: &Path) -> Result<IdxImages, DataError> {
    OpenImages::open(path)?.read()
}

/// Reads a label file (magic number `0x00000801`).
///
/// # Errors
///
/// Returns an error if the file does not exist, is not a regular file, cannot be read or decompressed, has another magic
/// number, or has fewer or more bytes than its header says.
pub fn read_labels(path: &Path) -> Result<Vec<u8>, DataError> {
    OpenLabels::open(path)?.read()
}

/// An image file after its header.
struct OpenImages<'a> {
    path: &'a Path,
    content: Content,
    count: u32,
    shape: ImageShape,
    /// Whether an image has its channels one after the other.
    is_planar: bool,
    bytes: u64,
    /// The bytes before the pixels.
    header: u64,
}

impl<'a> OpenImages<'a> {
    fn open(path: &'a Path) -> Result<Self, DataError> {
        let mut content = Content::open(path)?;
        let [magic, count, height, width] = header::<4>(path, &mut content, "images", &[IMAGES, COLOURED])?;
        let mut axes = vec![height, width];
        if magic == COLOURED {
            let bytes = content.take(4)?;
            let last = bytes.first_chunk().ok_or(DataError::IdxHeader {
                path: path.into(),
                expected: 20,
                found: 16 + bytes.len(),
            })?;
            axes.push(u32::from_be_bytes(*last));
        }
        let (height, width, channels, is_planar) = match axes[..] {
            [height, width, channels @ (1 | 3)] => (height, width, channels, false),
            [channels @ (1 | 3), height, width] => (height, width, channels, true),
            [_, _, channels] => {
                let cause = format!(
                    "its axes are {count}, {height}, {width}, {channels}: neither the last nor the second is 1 or 3 channels"
                );
                return Err(DataError::NotImages { path: path.into(), cause });
            }
            _ => (height, width, 1, false),
        };
        // The product of three 32-bit sizes has at most 96 bits.
        let bytes = u128::from(count) * u128::from(height) * u128::from(width) * u128::from(channels);
        let most = if content.plain_size().is_some() { i64::MAX.unsigned_abs() } else { MAX_BYTES };
        let bytes = u64::try_from(bytes).ok().filter(|bytes| (1..=most).contains(bytes));
        let bytes = bytes.ok_or(DataError::IdxSizes { path: path.into(), count, height, width })?;
        let [height, width, channels] = [height, width, channels].map(|size| size as usize);
        let shape = ImageShape { height, width, channels };
        Ok(Self { path, content, count, shape, is_planar, bytes, header: 8 + 4 * axes.len() as u64 })
    }

    fn read(&mut self) -> Result<IdxImages, DataError> {
        let pixels = payload(self.path, &mut self.content, self.bytes)?;
        let pixels = if self.is_planar { interleaved(&pixels, self.shape) } else { pixels };
        let ImageShape { height, width, channels } = self.shape;
        Ok(IdxImages { count: self.count as usize, height, width, channels, pixels })
    }

    fn images(&mut self) -> Result<Images, DataError> {
        Images::of_shape(self.read()?.pixels, self.shape, u8::MAX)
    }

    fn can_be_mapped(&self) -> bool {
        self.content.plain_size().is_some() && !self.is_planar
    }

    /// Leaves the images in their file, which must not be compressed.
    fn mapped(&self) -> Result<Images, DataError> {
        let path = self.path;
        let (file, size) = open_regular(path)?;
        let (expected, found) = (self.bytes, size.saturating_sub(self.header));
        if found < expected {
            return Err(DataError::IdxShort { path: path.into(), expected, found });
        }
        if found > expected {
            return Err(DataError::IdxTrailing { path: path.into(), expected });
        }
        let mapped = Images::mapped(&file, self.header, self.count as usize, self.shape);
        mapped.map_err(|cause| DataError::Io { action: "map", path: path.into(), cause })
    }
}

/// Returns whether a file begins like an IDX file of images, compressed or not.
pub(crate) fn begins(path: &Path) -> bool {
    let start = Content::open(path).and_then(|mut content| content.take(4));
    start.is_ok_and(|start| start.len() == 4 && start[..3] == [0, 0, 8] && matches!(start[3], 3 | 4))
}

/// A label file after its header.
struct OpenLabels<'a> {
    path: &'a Path,
    content: Content,
    count: u32,
}

impl<'a> OpenLabels<'a> {
    fn open(path: &'a Path) -> Result<Self, DataError> {
        let mut content = Content::open(path)?;
        let [_, count] = header::<2>(path, &mut content, "labels", &[LABELS])?;
        Ok(Self { path, content, count })
    }

    fn read(&mut self) -> Result<Vec<u8>, DataError> {
        payload(self.path, &mut self.content, u64::from(self.count))
    }
}

/// Adds to `digest` the uncompressed image file and label file of `images`.
pub(crate) fn digest_files(digest: &mut Sha256, images: &Images) {
    let ImageShape { height, width, channels } = images.shape();
    let grey = [IMAGES, images.len() as u32, height as u32, width as u32];
    let coloured = [COLOURED, grey[1], grey[2], grey[3], channels as u32];
    let words = if channels == 1 { &grey[..] } else { &coloured };
    words.iter().for_each(|word| digest.update(word.to_be_bytes()));
    (0..images.len()).for_each(|row| digest.update(images.image(row)));
    [LABELS, images.len() as u32].iter().for_each(|word| digest.update(word.to_be_bytes()));
    // These are labels of an IDX file, which are bytes.
    let labels: Vec<u8> = images.labels().iter().map(|label| *label as u8).collect();
    digest.update(labels);
}

fn header<const WORDS: usize>(
    path: &Path,
    content: &mut Content,
    kind: &'static str,
    expected: &[u32],
) -> Result<[u32; WORDS], DataError> {
    let bytes = content.take(4 * WORDS as u64)?;
    let mut words = [0; WORDS];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = chunk.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
    }
    // The magic number tells a short file of another kind.
    if bytes.len() >= 4 && !expected.contains(&words[0]) {
        return Err(DataError::IdxMagic { path: path.into(), kind, expected: expected[0], found: words[0] });
    }
    if bytes.len() < 4 * WORDS {
        return Err(DataError::IdxHeader { path: path.into(), expected: 4 * WORDS, found: bytes.len() });
    }
    Ok(words)
}

fn payload(path: &Path, content: &mut Content, expected: u64) -> Result<Vec<u8>, DataError> {
    let bytes = content.take(expected)?;
    if (bytes.len() as u64) < expected {
        return Err(DataError::IdxShort { path: path.into(), expected, found: bytes.len() as u64 });
    }
    // Reading on also makes gzip verify its checksum.
    match content.take(1)?.is_empty() {
        true => Ok(bytes),
        false => Err(DataError::IdxTrailing { path: path.into(), expected }),
    }
}

/// Makers of IDX files for tests.
#[cfg(test)]
pub(crate) mod fixtures {
    use super::{IMAGES, LABELS};
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    pub(crate) fn images_file(count: u32, height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
        let mut file: Vec<u8> = [IMAGES, count, height, width].iter().flat_map(|word| word.to_be_bytes()).collect();
        file.extend(pixels);
        file
    }

    pub(crate) fn labels_file(labels: &[u8]) -> Vec<u8> {
        let mut file: Vec<u8> = [LABELS, labels.len() as u32].iter().flat_map(|word| word.to_be_bytes()).collect();
        file.extend(labels);
        file
    }

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::{fixtures::*, *};
    use std::{fs, path::PathBuf};

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        }

        fn images(&self, bytes: &[u8]) -> Result<IdxImages, DataError> {
            read_images(&self.write("images", bytes))
        }
    }

    #[test]
    fn plain_and_compressed_files_read_alike() {
        let files = Files::new();
        let (images, labels) =
            (images_file(2, 2, 3, &[0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]), labels_file(&[7, 3]));
        let plain = read(&files.write("i", &images), &files.write("l", &labels)).unwrap();
        // The name says nothing about compression.
        let packed = read(&files.write("i.idx", &gzip(&images)), &files.write("l.gz", &gzip(&labels))).unwrap();
        assert_eq!(plain, packed);
        assert_eq!((plain.len(), plain.height(), plain.width(), plain.max(), plain.classes()), (2, 2, 3, 255, 8));
        assert_eq!(plain.bytes()[6..], [250, 251, 252, 253, 254, 255]);
        assert_eq!(plain.labels(), [7, 3]);

        let mut digest = Sha256::new();
        digest_files(&mut digest, &plain);
        assert_eq!(digest.finalize(), Sha256::digest([images, labels].concat()));
    }

    #[test]
    fn images_that_stay_in_their_file_are_those_in_memory() {
        let files = Files::new();
        let (images, labels) = (images_file(3, 1, 2, &[0, 1, 2, 3, 250, 251]), labels_file(&[7, 3, 0]));
        let label_path = files.write("l", &labels);
        let path = files.write("i", &images);
        let memory = read(&path, &label_path).unwrap();
        let mapped = read_mapped_from(6, &path, &label_path).unwrap();
        assert!(memory.is_in_memory() && !mapped.is_in_memory());
        assert_eq!(memory, mapped);
        assert_eq!(memory.subset(&[2, 0]), mapped.subset(&[2, 0]));
        assert_eq!(memory.pixel_sums(1..3), mapped.pixel_sums(1..3));
        let (mut of_memory, mut of_file) = (Sha256::new(), Sha256::new());
        digest_files(&mut of_memory, &memory);
        digest_files(&mut of_file, &mapped);
        assert_eq!(of_memory.finalize(), of_file.finalize());
        // Fewer bytes than the least number, and a compressed file, are read.
        assert!(read_mapped_from(7, &path, &label_path).unwrap().is_in_memory());
        let packed = files.write("i.gz", &gzip(&images));
        assert!(read_mapped_from(6, &packed, &label_path).unwrap().is_in_memory());
        let wrong = |bytes: &[u8]| read_mapped_from(6, &files.write("wrong", bytes), &label_path).unwrap_err();
        assert!(matches!(wrong(&images[..21]), DataError::IdxShort { expected: 6, found: 5, .. }));
        assert!(matches!(wrong(&[&images[..], &[0]].concat()), DataError::IdxTrailing { expected: 6, .. }));
    }

    #[test]
    fn the_wrong_kind_of_file_is_named() {
        let files = Files::new();
        let error = files.images(&labels_file(&[1])).unwrap_err();
        assert!(matches!(error, DataError::IdxMagic { expected: 0x803, found: 0x801, .. }));
        assert!(error.to_string().contains("0x00000801, expected 0x00000803"), "{error}");
        let labels = read_labels(&files.write("l", &images_file(1, 1, 1, &[0])));
        assert!(matches!(labels, Err(DataError::IdxMagic { expected: 0x801, found: 0x803, .. })));
    }

    #[test]
    fn counts_are_checked_against_the_bytes() {
        let files = Files::new();
        assert!(matches!(
            files.images(&images_file(2, 2, 2, &[0; 7])),
            Err(DataError::IdxShort { expected: 8, found: 7, .. })
        ));
        assert!(matches!(
            files.images(&gzip(&images_file(2, 2, 2, &[0; 9]))),
            Err(DataError::IdxTrailing { expected: 8, .. })
        ));
        assert!(matches!(
            files.images(&images_file(1, 1, 1, &[])[..10]),
            Err(DataError::IdxHeader { expected: 16, found: 10, .. })
        ));
        assert!(matches!(files.images(&[]), Err(DataError::IdxHeader { found: 0, .. })));
        let (mut short, mut long) = (labels_file(&[1, 2, 3]), labels_file(&[1, 2, 3]));
        short.pop();
        long.push(4);
        let labels = |bytes: &[u8]| read_labels(&files.write("l", bytes));
        assert!(matches!(labels(&short), Err(DataError::IdxShort { expected: 3, found: 2, .. })));
        assert!(matches!(labels(&long), Err(DataError::IdxTrailing { expected: 3, .. })));
    }

    #[test]
    fn a_truncated_archive_is_told_from_a_short_file() {
        let files = Files::new();
        let pixels: Vec<u8> = (0..400u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let packed = gzip(&images_file(4, 10, 10, &pixels));
        assert!(matches!(files.images(&packed[..packed.len() / 2]), Err(DataError::TruncatedGzip { .. })));
        // All the pixels are there, but not the checksum.
        assert!(matches!(files.images(&packed[..packed.len() - 4]), Err(DataError::TruncatedGzip { .. })));
    }

    #[test]
    fn absurd_sizes_are_refused_without_reserving_memory() {
        let files = Files::new();
        let huge = files.images(&images_file(u32::MAX, u32::MAX, u32::MAX, &[0; 4]));
        assert!(matches!(huge, Err(DataError::IdxSizes { .. })));
        assert!(matches!(files.images(&images_file(3, 0, 28, &[])), Err(DataError::IdxSizes { height: 0, .. })));
        assert!(matches!(files.images(&images_file(0, 28, 28, &[])), Err(DataError::IdxSizes { count: 0, .. })));
        // Within the limit, yet far beyond the file.
        let promised = files.images(&images_file(4_000_000, 32, 32, &[0; 4]));
        assert!(matches!(promised, Err(DataError::IdxShort { found: 4, .. })));
    }

    /// A small archive may announce gigabytes of images. If the headers disagree, none of it is decompressed.
    #[test]
    fn a_gzip_bomb_is_refused_by_its_header() {
        let files = Files::new();
        // The second half of the archive is missing: decompressing all of it would fail with another error.
        let half = |bytes: &[u8]| {
            let packed = gzip(bytes);
            packed[..packed.len() / 2].to_vec()
        };
        let noise: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let bomb = files.write("i", &half(&images_file(5_000_000, 28, 28, &noise)));
        let error = read(&bomb, &files.write("l", &labels_file(&[0; 40]))).unwrap_err();
        assert!(matches!(error, DataError::CountMismatch { image_count: 5_000_000, label_count: 40, .. }), "{error}");
        // Nor is anything after the announced bytes: here after one pixel.
        let long = files.write("i", &half(&images_file(1, 1, 1, &noise)));
        assert!(matches!(read_images(&long), Err(DataError::IdxTrailing { expected: 1, .. })));
    }

    #[test]
    fn images_and_labels_must_be_as_many() {
        let files = Files::new();
        let images = files.write("i", &images_file(2, 1, 1, &[0, 1]));
        let error = read(&images, &files.write("l", &labels_file(&[1, 2, 3]))).unwrap_err();
        assert!(matches!(error, DataError::CountMismatch { image_count: 2, label_count: 3, .. }));
        assert!(matches!(read(&images, &files.0.path().join("absent")), Err(DataError::MissingFile { .. })));
    }
}
