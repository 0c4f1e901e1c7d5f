//! Numbers in a temporary file.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Numbers in a temporary file, which has no name and is deleted when it is closed.
///
/// With it, a fit needs memory for a block of rows only, besides its parameters. Make it with [`create`](Self::create), write all rows,
/// and call [`finish`](NumberFileWriter::finish).
///
/// # Example
/// ```
/// use kiln_models::glm::{Family, GlmData, GlmLoss, NumberFile};
///
/// let folder = std::env::temp_dir();
/// let (mut inputs, mut response) = (NumberFile::create(&folder, false)?, NumberFile::create(&folder, false)?);
/// for row in 0..1000 {
///     let x = f64::from(row % 10);
///     inputs.write(&[x, x * x])?;
///     response.write(&[(row % 7) as f64])?;
/// }
/// let loss = GlmLoss::new(GlmData::new(Family::Poisson, inputs.finish()?, 2, response.finish()?))?;
/// assert_eq!(loss.parameter_count(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NumberFile {
    #[cfg(unix)]
    file: File,
    #[cfg(not(unix))]
    file: Mutex<File>,
    len: usize,
    single: bool,
    failure: Mutex<Option<String>>,
}

/// Writes a [`NumberFile`], whose example shows how.
#[derive(Debug)]
pub struct NumberFileWriter {
    out: BufWriter<File>,
    bytes: Vec<u8>,
    len: usize,
    single: bool,
}

impl NumberFile {
    /// Starts a file in a folder. `single` keeps numbers as f32, in half the space.
    ///
    /// # Errors
    /// Returns the error of the operating system if no file can be made there.
    pub fn create(folder: &Path, single: bool) -> io::Result<NumberFileWriter> {
        let out = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(folder)?);
        Ok(NumberFileWriter { out, bytes: Vec::new(), len: 0, single })
    }

    /// Returns how many numbers there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads numbers from a place on. If that fails they are NaN, and the reason is kept.
    pub(super) fn read(&self, start: usize, out: &mut [f64]) {
        let result = if self.single {
            // The second half of the buffer holds the f32, and each makes place for a later f64.
            let n = out.len();
            let words: &mut [u32] = bytemuck::cast_slice_mut(out);
            let result = self.read_bytes(4 * start as u64, bytemuck::cast_slice_mut(&mut words[n..]));
            for i in 0..n {
                let value = f64::from(f32::from_bits(u32::from_le(words[n + i])));
                words[2 * i..2 * i + 2].copy_from_slice(bytemuck::cast_slice(&[value]));
            }
            result
        } else {
            let result = self.read_bytes(8 * start as u64, bytemuck::cast_slice_mut(out));
            if cfg!(target_endian = "big") {
                out.iter_mut().for_each(|value| *value = f64::from_bits(u64::from_le(value.to_bits())));
            }
            result
        };
        if let Err(error) = result {
            out.fill(f64::NAN);
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| format!("the temporary file of rows cannot be read: {error}"));
        }
    }

    #[cfg(unix)]
    fn read_bytes(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, out, start)
    }

    #[cfg(not(unix))]
    fn read_bytes(&self, start: u64, out: &mut [u8]) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(out)
    }
}

impl NumberFileWriter {
    /// Adds numbers.
    ///
    /// # Errors
    /// Returns the error of the operating system, for example if the disk is full, and [`InvalidData`](io::ErrorKind::InvalidData) if a
    /// number is not finite.
    pub fn write(&mut self, numbers: &[f64]) -> io::Result<()> {
        self.bytes.clear();
        for (place, number) in (self.len..).zip(numbers) {
            #[allow(clippy::cast_possible_truncation, reason = "the user asked for f32")]
            let single = *number as f32;
            if !number.is_finite() || (self.single && !single.is_finite()) {
                let text = format!("number {place} is {number}, which is not a finite {}", self.kind());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            if self.single {
                self.bytes.extend_from_slice(&single.to_le_bytes());
            } else {
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        self.len += numbers.len();
        self.out.write_all(&self.bytes)
    }

    fn kind(&self) -> &'static str {
        if self.single { "f32" } else { "f64" }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Returns the error of the operating system, for example if the disk is full.
    pub fn finish(self) -> io::Result<NumberFile> {
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        #[cfg(not(unix))]
        let file = Mutex::new(file);
        Ok(NumberFile { file, len: self.len, single: self.single, failure: Mutex::new(None) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_nan_and_said() {
        let mut writer = NumberFile::create(&std::env::temp_dir(), false).unwrap();
        writer.write(&[1.0, 2.0]).unwrap();
        assert!(writer.write(&[f64::INFINITY]).is_err());
        let file = writer.finish().unwrap();
        let mut out = [0.0; 3];
        file.read(1, &mut out);
        assert!(out.iter().all(|value| value.is_nan()) && file.failure().unwrap().contains("cannot be read"));
        let mut single = NumberFile::create(&std::env::temp_dir(), true).unwrap();
        assert!(single.write(&[1e300]).unwrap_err().to_string().ends_with("which is not a finite f32"));
    }
}
