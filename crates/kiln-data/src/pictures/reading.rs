//! Reads and decodes the files of a folder or archive.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{
    archive,
    cache::Cache,
    decode::Picture,
    folder::{self, Listing},
    found::Found,
    how::How,
    store::Store,
};
use crate::{
    BadPicture, ColorMode, DataError,
    content::{Content, hex},
    image_options::is_archive,
};

/// Bytes of an archive's files that are decoded together.
const MOST_TOGETHER: usize = 1 << 26;

/// Where the files are.
pub(super) enum Source {
    Folder(Listing),
    Archive(PathBuf),
}

/// A file, or the reason why it cannot be read.
type Input = Result<Vec<u8>, String>;

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        if path.is_dir() {
            return Ok(Self::Folder(folder::list(path)?));
        }
        match (path.is_file(), is_archive(path)) {
            (false, _) => Err(DataError::MissingFile { path: path.into() }),
            (_, true) => Ok(Self::Archive(path.into())),
            (_, false) => Err(DataError::NotPictures { path: path.into() }),
        }
    }

    /// Returns the SHA-256 of the archive, or of the names and contents of all files.
    pub(super) fn sha256(&self) -> Result<String, DataError> {
        let listing = match self {
            Self::Archive(path) => return Content::open_raw(path)?.sha256(u64::MAX),
            Self::Folder(listing) => listing,
        };
        let of = |(name, path): &(String, PathBuf)| {
            let content = fs::read(path).map(|bytes| hex(&Sha256::digest(bytes)));
            format!("{name}\0{}\n", content.unwrap_or_default())
        };
        let lines: Vec<String> = listing.files.par_iter().map(of).collect();
        let mut digest = Sha256::new();
        lines.iter().for_each(|line| digest.update(line));
        listing.bad.iter().for_each(|bad| digest.update(format!("{}\0\n", bad.file)));
        Ok(hex(&digest.finalize()))
    }
}

/// Decodes all files. `progress` is called with the number of files so far, and of all files if it is known.
pub(super) fn decode(
    how: &How,
    source: Source,
    cache: Option<&Cache>,
    progress: &mut dyn FnMut(usize, Option<usize>),
) -> Result<Found, DataError> {
    let temporary = env::temp_dir();
    let folder = cache.map_or(temporary.as_path(), Cache::folder);
    let mut reading = Reading::new(how, folder);
    let together = 4 * rayon::current_num_threads();
    match source {
        Source::Folder(Listing { files, bad }) => {
            reading.bad = bad;
            for some in files.chunks(together) {
                let decoded = some.par_iter().map(|(_, path)| {
                    let bytes = fs::read(path).map_err(|error| format!("cannot be read: {error}"));
                    decoded(how, bytes)
                });
                let decoded: Vec<_> = decoded.collect();
                reading.take(some.iter().map(|(name, _)| name.clone()).zip(decoded))?;
                progress(reading.seen(), Some(files.len()));
            }
        }
        Source::Archive(path) => {
            let (mut waiting, mut bytes): (Vec<(String, Input)>, usize) = (Vec::new(), 0);
            let mut decode = |waiting: &mut Vec<(String, Input)>| {
                let (names, inputs): (Vec<String>, Vec<Input>) = std::mem::take(waiting).into_iter().unzip();
                let decoded: Vec<_> = inputs.into_par_iter().map(|input| decoded(how, input)).collect();
                reading.take(names.into_iter().zip(decoded))?;
                progress(reading.seen(), None);
                Ok::<(), DataError>(())
            };
            archive::each(&path, &mut |name, input| {
                bytes += input.as_ref().map_or(0, Vec::len);
                waiting.push((name, input));
                if waiting.len() >= together || bytes >= MOST_TOGETHER {
                    bytes = 0;
                    decode(&mut waiting)?;
                }
                Ok(())
            })?;
            decode(&mut waiting)?;
        }
    }
    reading.finish(cache)
}

/// Decodes a file, and returns its size before it was resized too.
fn decoded(how: &How, input: Input) -> Result<([usize; 2], Picture), String> {
    /// Files of this many bytes or more are decoded one after the other.
    const LARGE: usize = 1 << 23;
    static TURN: Mutex<()> = Mutex::new(());
    let bytes = input?;
    let _turn = (bytes.len() >= LARGE).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
    let picture = Picture::decode(&bytes, how.color)?;
    let size = [picture.height, picture.width];
    Ok((
        size,
        match how.size {
            Some(asked) => picture.resized(asked, how.fit)?,
            None => picture,
        },
    ))
}

/// What has been read so far.
struct Reading<'a> {
    how: &'a How,
    folder: &'a Path,
    files: Vec<String>,
    bad: Vec<BadPicture>,
    sizes: BTreeMap<[usize; 2], usize>,
    /// None before the first picture.
    store: Option<Store>,
    /// The size of the images. None before the first picture if none was asked for.
    size: Option<[usize; 2]>,
    is_mixed: bool,
}

impl<'a> Reading<'a> {
    fn new(how: &'a How, folder: &'a Path) -> Self {
        Self {
            how,
            folder,
            files: Vec::new(),
            bad: Vec::new(),
            sizes: BTreeMap::new(),
            store: None,
            size: how.size,
            is_mixed: false,
        }
    }

    fn seen(&self) -> usize {
        self.files.len() + self.bad.len()
    }

    fn take(
        &mut self,
        decoded: impl Iterator<Item = (String, Result<([usize; 2], Picture), String>)>,
    ) -> Result<(), DataError> {
        for (file, decoded) in decoded {
            match decoded {
                Ok((size, picture)) => {
                    *self.sizes.entry(size).or_default() += 1;
                    self.files.push(file);
                    self.store(&picture)?;
                }
                Err(reason) => self.bad.push(BadPicture { file, reason }),
            }
        }
        Ok(())
    }

    fn store(&mut self, picture: &Picture) -> Result<(), DataError> {
        let size = [picture.height, picture.width];
        if *self.size.get_or_insert(size) != size {
            // The sizes are counted to the end, for the message.
            (self.is_mixed, self.store) = (true, None);
        }
        if self.is_mixed {
            return Ok(());
        }
        let channels = if self.how.color == ColorMode::Rgb { 3 } else { 1 };
        let store = self.store.get_or_insert_with(|| Store::new(size, channels, self.folder));
        store.push(picture).map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: std::io::Error) -> DataError {
        DataError::Io { action: "write decoded pictures to", path: self.folder.into(), cause }
    }

    fn finish(mut self, cache: Option<&Cache>) -> Result<Found, DataError> {
        let store = self.store.take();
        let images = store.map(|store| store.finish(cache.map(Cache::pixels).as_deref())).transpose();
        let images = images.map_err(|cause| self.failed(cause))?;
        let mut sizes: Vec<([usize; 2], usize)> = self.sizes.into_iter().collect();
        sizes.sort_by_key(|(_, files)| std::cmp::Reverse(*files));
        let found = Found { files: self.files, bad: self.bad, sizes, images };
        if let Some(cache) = cache {
            cache.save(&found);
        }
        Ok(found)
    }
}
