//! Arrays of any rank: their shapes, and their values as numbers.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use zip::ZipArchive;

use super::{
    dtype::{Problem, Scalar},
    failed,
    header::Written,
    literal::Literal,
};
use crate::{
    DataError,
    content::{MAX_RATIO, open_regular},
};

/// The numeric arrays of a file.
pub(crate) struct Tensors {
    path: PathBuf,
    /// In the order of the file.
    pub(crate) all: Vec<Values>,
}

/// An array whose values are still in the file.
pub(crate) struct Values {
    /// Its name in an archive. Empty in a file of one array.
    pub(crate) name: String,
    /// Sizes in C order: the values of the last axis are next to each other.
    pub(crate) shape: Vec<usize>,
    scalar: Scalar,
    /// The number of its entry in an archive.
    entry: Option<usize>,
    /// The bytes before its values.
    start: u64,
}

impl Values {
    /// Returns where the values begin in the file, if they are bytes that the file has as they are.
    pub(crate) fn bytes_from(&self) -> Option<u64> {
        (self.entry.is_none() && self.scalar.is_byte()).then_some(self.start)
    }

    /// Returns the number of values.
    pub(crate) fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Tensors {
    /// Reads the headers of a `.npy` or `.npz` file. Arrays of an archive that are not numbers are left out.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let (file, size) = open_regular(path)?;
        let mut reader = BufReader::new(file);
        let mut start = [0; 2];
        let is_archive = reader.read_exact(&mut start).is_ok() && start == *b"PK";
        let mut tensors = Self { path: path.into(), all: Vec::new() };
        if !is_archive {
            let one = |mut reader: BufReader<File>| header(&mut reader, String::new(), None, size);
            let problem = |problem| failed(path, None, problem);
            let array = one(BufReader::new(open_regular(path)?.0)).map_err(problem)?;
            tensors.all.push(array.ok_or_else(|| problem("its values are not real numbers".into()))?);
            return Ok(tensors);
        }
        let mut archive = tensors.archive()?;
        for index in 0..archive.len() {
            let damaged = |cause: zip::result::ZipError| failed(path, None, Problem::Other(cause.to_string()));
            let mut entry = archive.by_index(index).map_err(damaged)?;
            let name = entry.name().map_err(damaged)?.into_owned();
            let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else { continue };
            let problem = |problem| failed(path, Some(&name), problem);
            if entry.size() > entry.compressed_size().saturating_mul(MAX_RATIO) || entry.compressed_size() > size {
                return Err(problem("the archive is damaged: copy or download it again".into()));
            }
            let size = entry.size();
            tensors.all.extend(header(&mut entry, name.clone(), Some(index), size).map_err(problem)?);
        }
        Ok(tensors)
    }

    fn archive(&self) -> Result<ZipArchive<BufReader<File>>, DataError> {
        let file = BufReader::new(open_regular(&self.path)?.0);
        ZipArchive::new(file).map_err(|cause| failed(&self.path, None, Problem::Other(cause.to_string())))
    }

    /// Hands all values of an array to `take`, a piece at a time.
    pub(crate) fn each(&self, values: &Values, take: &mut dyn FnMut(&[f64])) -> Result<(), DataError> {
        let name = (!values.name.is_empty()).then_some(values.name.as_str());
        let problem = |problem| failed(&self.path, name, problem);
        match values.entry {
            None => each_of(open_regular(&self.path)?.0, values, take).map_err(problem),
            Some(index) => {
                let mut archive = self.archive()?;
                let entry = archive.by_index(index).map_err(|cause| problem(Problem::Other(cause.to_string())))?;
                each_of(entry, values, take).map_err(problem)
            }
        }
    }
}

/// Reads the header of an array of `size` bytes. None if its values are not numbers.
fn header(reader: &mut impl Read, name: String, entry: Option<usize>, size: u64) -> Result<Option<Values>, Problem> {
    let Written { descr, is_fortran, shape, length } = Written::read(reader)?;
    let Literal::Text(code) = descr else { return Ok(None) };
    // Python objects are pickled, which only Python reads.
    let scalar = match Scalar::parse(&code) {
        Err(_) if entry.is_some() => return Ok(None),
        scalar => scalar?,
    };
    if !scalar.is_number() {
        return Ok(None);
    }
    if is_fortran && shape.iter().filter(|size| **size > 1).count() > 1 {
        return Err("its order is that of Fortran: save `np.ascontiguousarray(array)`".into());
    }
    let bytes = shape.iter().try_fold(scalar.size(), |bytes, size| bytes.checked_mul(*size));
    let expected = bytes.and_then(|bytes| bytes.checked_add(length));
    if expected != Some(size) {
        let expected = expected.map_or("more than a file can have".into(), |bytes| bytes.to_string());
        return Err(format!("it has {size} bytes, and its header says {expected}: copy or download it again").into());
    }
    let shape = shape.iter().map(|size| usize::try_from(*size).map_err(|_| "it is too large".into()));
    let shape = shape.collect::<Result<_, Problem>>()?;
    Ok(Some(Values { name, shape, scalar, entry, start: length }))
}

fn each_of(mut reader: impl Read, values: &Values, take: &mut dyn FnMut(&[f64])) -> Result<(), Problem> {
    const AT_ONCE: usize = 1 << 16;
    let skipped = std::io::copy(&mut reader.by_ref().take(values.start), &mut std::io::sink())?;
    if skipped != values.start {
        return Err("it ends too early: copy or download it again".into());
    }
    let size = values.scalar.size() as usize;
    let (mut left, mut bytes, mut numbers) = (values.count(), vec![0; AT_ONCE * size], Vec::with_capacity(AT_ONCE));
    while left > 0 {
        let count = left.min(AT_ONCE);
        reader.read_exact(&mut bytes[..count * size])?;
        numbers.clear();
        values.scalar.extend(&mut numbers, bytes[..count * size].chunks_exact(size), 0);
        take(&numbers);
        left -= count;
    }
    // The end of an entry of an archive is also where its checksum is compared.
    if reader.read(&mut [0])? != 0 {
        return Err("it has more bytes than its header says".into());
    }
    Ok(())
}
