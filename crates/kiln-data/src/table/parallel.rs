//! A text that is read by several threads.
//!
//! The calling thread cuts the text into pieces, and joins their rows in order. Other threads read the pieces into columns; so does the
//! calling thread while the others have enough to do. The result is the same with any number of threads. The threads are not those of the
//! pool, which must not wait for one another.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
};

use super::{
    builder::{ColumnBuilder, Known},
    cursor::Piece,
    layout::{Layout, Part},
    lines::Lines,
    pieces::Pieces,
};
use crate::DataError;

/// The most threads besides the calling one, which cannot cut a text faster than they read it.
const MOST_THREADS: usize = 7;
/// The most pieces per thread that wait to be read.
const WAITING: usize = 2;
/// The most pieces per thread that are not joined.
const UNJOINED: usize = 8;

/// The rows so far.
pub(super) struct Joined<'l> {
    layout: &'l Layout,
    file: &'l str,
    pub(super) columns: Vec<ColumnBuilder>,
    pub(super) lines: Lines,
    /// The line ends before the next row.
    passed: u64,
    /// The rows that the whole text may have, and those of a piece.
    expected: (usize, usize),
}

/// A piece that is to be read.
struct Job {
    bytes: Vec<u8>,
    /// Where the first row begins.
    at: usize,
    known: Vec<Known>,
    /// The rows that it may have.
    rows: usize,
}

/// A piece that was read.
struct Done {
    piece: Piece,
    at: usize,
    part: Part,
}

/// The threads that read pieces. Each piece has a number.
struct Team {
    jobs: SyncSender<(usize, Job)>,
    finished: Receiver<(usize, thread::Result<Done>)>,
    threads: usize,
    /// The pieces that were given to be read.
    given: usize,
    /// The pieces that were taken back, in order.
    taken: usize,
    /// Pieces that come after one that is not read yet.
    done: BTreeMap<usize, Done>,
}

impl<'l> Joined<'l> {
    /// Begins after `passed` line ends.
    pub(super) fn new(layout: &'l Layout, file: &'l str, columns: Vec<ColumnBuilder>, passed: u64) -> Self {
        Self { layout, file, columns, lines: Lines::default(), passed, expected: (0, 0) }
    }

    /// Reads the rows of a piece from byte `at` on, and those of all pieces that follow. `threads` is asked only if there are some.
    pub(super) fn read(
        &mut self,
        (piece, at): (Piece, usize),
        pieces: &mut Pieces,
        threads: impl FnOnce() -> usize,
    ) -> Result<(), DataError> {
        let part = self.layout.part(&piece, at, &self.known(), 0);
        let bytes = piece.len();
        self.join(Done { piece, at, part }, pieces)?;
        let Some(second) = pieces.next()? else { return Ok(()) };
        self.expect(bytes, pieces.total());
        let others = threads().saturating_sub(1).min(MOST_THREADS);
        let (jobs, queue) = sync_channel(WAITING * others);
        let (queue, layout) = (Mutex::new(queue), self.layout);
        thread::scope(|scope| {
            let (sender, finished) = channel();
            let start = |_: &usize| {
                let (queue, sender) = (&queue, sender.clone());
                thread::Builder::new().spawn_scoped(scope, move || work(layout, queue, &sender)).is_ok()
            };
            let threads = (0..others).filter(start).count();
            let team = Team { jobs, finished, threads, given: 0, taken: 0, done: BTreeMap::new() };
            self.read_with(team, second, pieces)
        })
    }

    fn read_with(&mut self, mut team: Team, first: Vec<u8>, pieces: &mut Pieces) -> Result<(), DataError> {
        let mut next = Ok(Some(first));
        while let Ok(Some(bytes)) = next {
            team.give(Job { bytes, at: 0, known: self.known(), rows: self.expected.1 }, self.layout);
            while let Some(done) = team.take(UNJOINED * team.threads) {
                self.join(done, pieces)?;
            }
            next = pieces.next();
        }
        while let Some(done) = team.take(0) {
            self.join(done, pieces)?;
        }
        // What comes before a failure may have an error, which is the first one.
        next.map(|_| ())
    }

    /// Expects as many rows in the rest of the text as in its first `bytes`.
    fn expect(&mut self, bytes: usize, total: Option<u64>) {
        // A little more, so that the columns need not move in memory for a few rows.
        let rows = self.lines.len() + self.lines.len() / 32;
        let per_byte = rows as f64 / bytes.max(1) as f64;
        self.expected = ((per_byte * total.unwrap_or(0) as f64) as usize, rows);
    }

    fn known(&self) -> Vec<Known> {
        self.columns.iter().map(ColumnBuilder::known).collect()
    }

    /// Adds the rows of the next piece.
    fn join(&mut self, done: Done, pieces: &mut Pieces) -> Result<(), DataError> {
        let Done { piece, at, mut part } = done;
        if let Some(failure) = &part.failure {
            return Err(self.layout.error(failure, self.passed, self.file));
        }
        if !self.columns.iter().zip(&part.columns).all(|(column, part)| column.takes(part)) {
            // Another piece has turned a column into one of texts in the meantime.
            part = self.layout.part(&piece, at, &self.known(), part.lines.len());
        }
        let more = self.expected.0.saturating_sub(self.lines.len());
        for (column, part) in self.columns.iter_mut().zip(part.columns) {
            column.reserve(more);
            column.append(part);
        }
        self.lines.append(&part.lines, self.passed);
        self.passed += part.passed;
        pieces.recycle(piece.into_bytes());
        Ok(())
    }
}

impl Done {
    fn of(job: Job, layout: &Layout) -> Self {
        let Job { bytes, at, known, rows } = job;
        let piece = Piece::new(bytes);
        let part = layout.part(&piece, at, &known, rows);
        Self { piece, at, part }
    }
}

impl Team {
    /// Gives a piece to the threads, or reads it here if they have enough to do.
    fn give(&mut self, job: Job, layout: &Layout) {
        let number = self.given;
        self.given += 1;
        let refused = match self.threads {
            0 => Some(job),
            _ => match self.jobs.try_send((number, job)) {
                Ok(()) => None,
                Err(TrySendError::Full((_, job)) | TrySendError::Disconnected((_, job))) => Some(job),
            },
        };
        if let Some(job) = refused {
            self.done.insert(number, Done::of(job, layout));
        }
    }

    /// Takes the next piece in order. If it is not read yet, there is none, unless more than `most` pieces wait for it.
    fn take(&mut self, most: usize) -> Option<Done> {
        loop {
            if let Some(done) = self.done.remove(&self.taken) {
                self.taken += 1;
                return Some(done);
            }
            let left = self.given - self.taken;
            let (number, done) = match left > most {
                true => self.finished.recv().expect("a thread ends only when there are no more pieces"),
                false => self.finished.try_recv().ok()?,
            };
            self.done.insert(number, done.unwrap_or_else(|panic| resume_unwind(panic)));
        }
    }
}

/// Reads pieces until there are no more.
fn work(layout: &Layout, queue: &Mutex<Receiver<(usize, Job)>>, finished: &Sender<(usize, thread::Result<Done>)>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, job)) = job else { return };
        let done = catch_unwind(AssertUnwindSafe(|| Done::of(job, layout)));
        if finished.send((number, done)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TableOptions, table::builder::Take, table::bytes::Text, table::pieces::Pace};
    use std::path::Path;

    /// A piece with many numbers was read before it was known that the column holds texts.
    #[test]
    fn a_piece_without_its_texts_is_read_again() {
        let layout = Layout::new(b',', 1, &TableOptions::default());
        let numbers: String = (0..2000).map(|number| format!("0{number}\n")).collect();
        let Text { rest, origin, .. } = Text::of_bytes(Vec::new(), Path::new("t"), None).unwrap();
        let mut pieces = Pieces::new(rest, origin, b',', Pace::WHOLE);
        let column = || vec![ColumnBuilder::new("x".into(), Take::Found)];
        let read = |text: &str, known: &[Known]| {
            let piece = Piece::new(text.as_bytes().to_vec());
            let part = layout.part(&piece, 0, known, 0);
            Done { piece, at: 0, part }
        };
        let mut joined = Joined::new(&layout, "t", column(), 1);
        for (piece, known) in [("1\n2\n", Known::Nothing), ("a\n", Known::Nothing), (&numbers, Known::Nothing)] {
            joined.join(read(piece, &[known]), &mut pieces).unwrap();
        }
        let mut whole = Joined::new(&layout, "t", column(), 1);
        whole.join(read(&format!("1\n2\na\n{numbers}"), &[Known::Nothing]), &mut pieces).unwrap();
        assert_eq!(format!("{:?}", joined.columns), format!("{:?}", whole.columns));
        assert_eq!((joined.columns[0].known(), joined.lines, joined.passed), (Known::Texts, whole.lines, 2004));
    }

    #[test]
    fn the_first_error_is_reported() {
        // The pieces after the error have errors too, and are read by other threads.
        let good = "1,2\n".repeat(5000);
        let text = format!("x,y\n{good}3\n{good}4,5,6\n{good}\"7");
        for threads in [1, 2, 5] {
            for size in [100, 1000, 10_000, 30_000] {
                let text = Text::of_bytes(text.clone().into(), Path::new("t"), None).unwrap();
                let pace = Pace { size, is_prompt: false };
                let mut rows =
                    crate::table::delimited::Rows::open(text, "t", &TableOptions::default(), &[], pace).unwrap();
                let found = rows.read_all(|| threads).err();
                assert!(matches!(found, Some(DataError::Ragged { line: 5002, found: 1, .. })), "{found:?}");
            }
        }
    }
}
