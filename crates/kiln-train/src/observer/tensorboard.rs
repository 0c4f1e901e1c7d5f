//! The scalars of a run as TensorBoard reads them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    ops::ControlFlow,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{EpochReport, Observer, StepReport, Watched};
use crate::{Metrics, TrainError, checkpoint::Position};

/// Writes an event file for TensorBoard: the loss and its terms, the learning rate and the norm of the gradient for each step that is due,
/// and the losses of each epoch.
///
/// The file is made when training starts. A run that continues adds a file, which replaces the later steps of the ones before.
///
/// # Example
/// ```
/// use kiln_train::TensorBoardLog;
///
/// # let folder = tempfile::tempdir()?;
/// // `Trainer::observe` takes it, too.
/// let mut log = TensorBoardLog::new(folder.path().join("tensorboard"));
/// log.start_at(0)?;
/// log.scalar("loss/train", 1, 0.5)?;
/// assert_eq!(std::fs::read_dir(folder.path().join("tensorboard"))?.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TensorBoardLog {
    folder: PathBuf,
    file: Option<File>,
}

impl TensorBoardLog {
    /// A log in `folder`, which is made if it does not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), file: None }
    }

    /// Makes an event file. What earlier files have of steps after `step` is not shown any more.
    ///
    /// # Errors
    /// [`TrainError::Observer`] if the file cannot be made.
    pub fn start_at(&mut self, step: u64) -> Result<(), TrainError> {
        let opened = self.open(step);
        self.file = Some(opened.map_err(|source| self.error(source))?);
        Ok(())
    }

    fn open(&self, step: u64) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let seconds = now();
        // TensorBoard reads files in the order of their names. Two of the same second have different numbers.
        let mut number = 0;
        let mut file = loop {
            let name = format!("events.out.tfevents.{:010}.{}.{number}.kiln", seconds as u64, std::process::id());
            match OpenOptions::new().append(true).create_new(true).open(self.folder.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                made => break made?,
            }
        };
        file.write_all(&record(&event(0, &field_bytes(3, b"brain.Event:2"))))?;
        if step > 0 {
            // SessionLog{status: START}, which discards what was written of later steps.
            file.write_all(&record(&event(step + 1, &field_bytes(7, &field_varint(1, 1)))))?;
        }
        Ok(file)
    }

    /// Writes one number. Does nothing before [`start_at`](Self::start_at).
    ///
    /// # Errors
    /// [`TrainError::Observer`] if it cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<(), TrainError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        #[allow(clippy::cast_possible_truncation, reason = "the format has 32 bits")]
        let value = [field_bytes(1, tag.as_bytes()), field_float(2, value as f32)].concat();
        let summary = field_bytes(1, &value);
        let written = file.write_all(&record(&event(step, &field_bytes(5, &summary))));
        written.map_err(|source| self.error(source))
    }

    fn metrics(&mut self, split: &str, step: u64, metrics: &Metrics) -> Result<(), TrainError> {
        self.scalar(&format!("loss/{split}"), step, metrics.loss)?;
        metrics.terms.iter().try_for_each(|(name, value)| self.scalar(&format!("{name}/{split}"), step, *value))
    }

    fn error(&self, source: io::Error) -> TrainError {
        TrainError::Observer { path: self.folder.clone(), source }
    }
}

impl<M> Observer<M> for TensorBoardLog {
    fn wants_every_step(&self) -> bool {
        false
    }

    fn on_start(&mut self, step: u64, _total: u64) -> Result<(), TrainError> {
        self.start_at(step)
    }

    fn on_step(&mut self, report: &StepReport, _model: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        if report.due {
            self.metrics("step", report.step, &report.metrics)?;
            self.scalar("learning rate", report.step, report.lr)?;
            self.scalar("gradient norm", report.step, report.grad_norm)?;
            self.scalar("examples per second", report.step, report.examples_per_s)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_epoch(&mut self, report: &EpochReport, _model: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        let split = if report.split == "train-epoch" { "train" } else { report.split };
        self.metrics(split, report.step, &report.metrics)?;
        Ok(ControlFlow::Continue(()))
    }

    fn on_checkpoint(&mut self, _position: &Position) -> Result<(), TrainError> {
        let Some(file) = &self.file else { return Ok(()) };
        file.sync_data().map_err(|source| self.error(source))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Returns a record of a `TFRecord` file: the length and the bytes, each with its checksum.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length), bytes, &checksum(bytes)].concat()
}

/// The CRC-32C, rotated and shifted as the format asks.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// Returns the message `Event` with the time, the step, and one more field.
fn event(step: u64, what: &[u8]) -> Vec<u8> {
    [&[0x09][..], &now().to_le_bytes(), &field_varint(2, step), what].concat()
}

/// Returns a field of a Protocol Buffers message that is text or a message itself.
fn field_bytes(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(bytes.len() as u64), bytes].concat()
}

fn field_varint(number: u8, value: u64) -> Vec<u8> {
    [&[number << 3][..], &varint(value)].concat()
}

fn field_float(number: u8, value: f32) -> Vec<u8> {
    [&[number << 3 | 5][..], &value.to_le_bytes()].concat()
}

#[allow(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that TensorFlow's own writer makes of `Event(step=300, summary=[loss=0.5])`, without the time.
    #[test]
    fn events_are_encoded_as_protocol_buffers() {
        let value = [field_bytes(1, b"loss"), field_float(2, 0.5)].concat();
        let bytes = event(300, &field_bytes(5, &field_bytes(1, &value)));
        assert_eq!((bytes[0], &bytes[9..12]), (0x09, &[0x10, 0xac, 0x02][..]));
        let expected = [0x2a, 0x0d, 0x0a, 0x0b, 0x0a, 0x04, b'l', b'o', b's', b's', 0x15, 0x00, 0x00, 0x00, 0x3f];
        assert_eq!(bytes[12..], expected);
    }

    /// The checksum of "123456789" is in the CRC catalogue: 0xe3069283.
    #[test]
    fn records_have_masked_checksums() {
        let masked = 0xe306_9283u32.rotate_right(15).wrapping_add(0xa282_ead8);
        let bytes = record(b"123456789");
        assert_eq!((bytes.len(), &bytes[..8]), (8 + 4 + 9 + 4, &9u64.to_le_bytes()[..]));
        assert_eq!(bytes[21..], masked.to_le_bytes());
    }
}
