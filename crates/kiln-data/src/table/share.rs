//! The records of a text file that a rank reads, without reading those of the others.
//!
//! Each rank takes a share of the bytes, and the records that begin there. Where records end depends on the quotes before: a line end within
//! quotes ends none. So each rank reads its bytes once for every state in which its first byte can be. The ranks tell each other in which state
//! each share would end, so that all of them know in which it begins.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
};

use kiln_tensor::World;
use memchr::{memchr, memchr_iter, memchr2};

use super::{
    bytes::{BYTE_ORDER_MARK, Text, ZSTD_MAGIC},
    options::TableOptions,
    sniff,
};
use crate::{
    DataError,
    content::{GZIP_MAGIC, open_regular},
};

/// The longest header that is looked for.
const LONGEST_HEADER: u64 = 1 << 24;
const BLOCK: usize = 1 << 18;

/// Some records of a text file.
pub(super) struct Share {
    /// The header, and what comes before it.
    header: Vec<u8>,
    records: Range<u64>,
    pub(super) delimiter: u8,
    /// The line ends between the header and the records.
    pub(super) lines: u64,
}

impl Share {
    /// Finds the records of this rank. All ranks call it. There is nothing for a text that must be read from its beginning, because it is
    /// compressed or not in UTF-8.
    pub(super) fn of(path: &Path, options: &TableOptions, world: &World) -> Result<Option<Self>, DataError> {
        let failed = |cause| DataError::Io { action: "read", path: path.into(), cause };
        let Some((header, delimiter)) = world.agree(header(path, options))? else { return Ok(None) };
        let scanned = || -> Result<(u64, Found), DataError> {
            let (mut file, size) = open_regular(path)?;
            let start = header.len() as u64;
            let own = share_of(start..size, world);
            file.seek(SeekFrom::Start(own.start.saturating_sub(1).max(start))).map_err(failed)?;
            let found = Found::read(&mut file, own, start, delimiter).map_err(failed)?;
            Ok((size, found))
        };
        let (size, own) = world.agree(scanned())?;
        let all: Vec<Found> = world.gather_numbers(&own.numbers())?.iter().map(|of| Found::of(of)).collect();
        let (records, lines) = chosen(&all, world.rank(), size);
        Ok(Some(Self { header, records, delimiter, lines }))
    }

    /// Opens the header and the records, as a text that has no other.
    pub(super) fn open(&self, path: &Path) -> Result<Text, DataError> {
        let (mut file, _) = open_regular(path)?;
        let to_start = file.seek(SeekFrom::Start(self.records.start));
        to_start.map_err(|cause| DataError::Io { action: "read", path: path.into(), cause })?;
        let records = file.take(self.records.end - self.records.start);
        Text::of_reader(Box::new(Cursor::new(self.header.clone()).chain(records)), path, None)
    }
}

/// This rank's part of some bytes.
fn share_of(bytes: Range<u64>, world: &World) -> Range<u64> {
    let (length, ranks) = (u128::from(bytes.end.saturating_sub(bytes.start)), world.size() as u128);
    #[allow(clippy::cast_possible_truncation, reason = "a part of the length")]
    let end = |rank: usize| bytes.start + (length * rank as u128 / ranks) as u64;
    end(world.rank())..end(world.rank() + 1)
}

/// Returns the bytes up to the end of the header, and the delimiter.
fn header(path: &Path, options: &TableOptions) -> Result<Option<(Vec<u8>, u8)>, DataError> {
    let is_utf8 = options.encoding.as_deref().is_none_or(|name| name.eq_ignore_ascii_case("utf-8"));
    let text = Text::open(path, options.encoding.as_deref())?;
    let delimiter = match options.delimiter {
        Some(delimiter) => u8::try_from(delimiter).expect("the options are checked"),
        None => sniff::delimiter(&text.head, text.is_whole),
    };
    let failed = |cause| DataError::Io { action: "read", path: path.into(), cause };
    let mut start = Vec::new();
    let (file, _) = open_regular(path)?;
    file.take(LONGEST_HEADER).read_to_end(&mut start).map_err(failed)?;
    // Compressed, or in UTF-16.
    let is_other = [&GZIP_MAGIC[..], &ZSTD_MAGIC, &[0xff, 0xfe], &[0xfe, 0xff]];
    if !is_utf8 || is_other.iter().any(|magic| start.starts_with(magic)) {
        return Ok(None);
    }
    let mut text = 0;
    while start[text..].starts_with(&BYTE_ORDER_MARK) {
        text += BYTE_ORDER_MARK.len();
    }
    text += start[text..].iter().take_while(|byte| ends_line(**byte)).count();
    // As within a line, so that the end of this one is found.
    let mut scan = Scan::new(State::Plain, delimiter, delimiter);
    scan.pass(&start[text..]);
    let end = |first: First| text + usize::try_from(first.at).expect("it is in memory");
    Ok(scan.first.map(|first| (start[..end(first)].to_vec(), delimiter)))
}

/// Where the next byte of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Outside of quotes.
    Plain,
    Quoted,
    /// After a quote within quotes: they end here, unless the next byte is a quote too.
    Quote,
}

const STATES: [State; 3] = [State::Plain, State::Quoted, State::Quote];

/// A place where a record begins.
#[derive(Clone, Copy, Debug, PartialEq)]
struct First {
    at: u64,
    /// The line ends before it.
    lines: u64,
}

/// A reading of some bytes that begins in one of the states.
struct Scan {
    delimiter: u8,
    state: State,
    /// The byte before.
    previous: u8,
    /// The bytes and line ends so far.
    passed: First,
    /// The first record.
    first: Option<First>,
}

fn ends_line(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// The number of line ends: `\n`, `\r` and `\r\n`, after the byte `previous`.
fn line_ends(bytes: &[u8], previous: u8) -> u64 {
    let of = |byte: u8| memchr_iter(byte, bytes).count() as u64;
    if previous != b'\r' && memchr(b'\r', bytes).is_none() {
        return of(b'\n');
    }
    let both = bytes.windows(2).filter(|pair| *pair == b"\r\n").count() as u64;
    of(b'\n') + of(b'\r') - both - u64::from(previous == b'\r' && bytes.first() == Some(&b'\n'))
}

impl Scan {
    fn new(state: State, previous: u8, delimiter: u8) -> Self {
        Self { delimiter, state, previous, passed: First { at: 0, lines: 0 }, first: None }
    }

    /// Reads the next bytes.
    fn pass(&mut self, bytes: &[u8]) {
        let before = |at: usize| if at == 0 { self.previous } else { bytes[at - 1] };
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::Plain => {
                    let quote = memchr(b'"', &bytes[at..]).map(|quote| at + quote);
                    let end = quote.unwrap_or(bytes.len());
                    if self.first.is_none() {
                        // A record begins here, if the byte before ended one.
                        let start = if ends_line(before(at)) { Some(at) } else { None };
                        let start = start.or_else(|| Some(at + memchr2(b'\n', b'\r', &bytes[at..end])? + 1));
                        // The second byte of a line end is none of a record.
                        let start = start.map(|start| {
                            let is_second = bytes.get(start) == Some(&b'\n') && before(start) == b'\r';
                            start + usize::from(is_second)
                        });
                        self.first = start.map(|start| First {
                            at: self.passed.at + start as u64,
                            lines: self.passed.lines + line_ends(&bytes[..start], self.previous),
                        });
                    }
                    let Some(quote) = quote else { break };
                    let previous = before(quote);
                    if ends_line(previous) || previous == self.delimiter {
                        self.state = State::Quoted;
                    }
                    at = quote + 1;
                }
                State::Quoted => match memchr(b'"', &bytes[at..]) {
                    Some(quote) => {
                        self.state = State::Quote;
                        at += quote + 1;
                    }
                    None => break,
                },
                State::Quote if bytes[at] == b'"' => {
                    self.state = State::Quoted;
                    at += 1;
                }
                State::Quote => self.state = State::Plain,
            }
        }
        self.passed.lines += line_ends(bytes, self.previous);
        self.passed.at += bytes.len() as u64;
        self.previous = bytes.last().copied().unwrap_or(self.previous);
    }
}

/// What a rank has found in its bytes.
struct Found {
    /// For each state at the beginning: that at the end, and the first record.
    from: [(State, Option<First>); 3],
    lines: u64,
}

impl Found {
    /// Reads the bytes of a share. The file is at the byte before it, unless the share is the first one.
    fn read(file: &mut File, own: Range<u64>, start: u64, delimiter: u8) -> io::Result<Self> {
        let mut previous = [b'\n'];
        if own.start > start {
            file.read_exact(&mut previous)?;
        }
        let mut scans = STATES.map(|state| Scan::new(state, previous[0], delimiter));
        let (mut left, mut block) = (own.end - own.start, vec![0; BLOCK]);
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            file.read_exact(&mut block[..size])?;
            scans.iter_mut().for_each(|scan| scan.pass(&block[..size]));
            left -= size as u64;
        }
        let lines = scans[0].passed.lines;
        let within = |first: First| First { at: own.start + first.at, ..first };
        Ok(Self { from: scans.map(|scan| (scan.state, scan.first.map(within))), lines })
    }

    /// The same as numbers.
    #[allow(clippy::cast_precision_loss, reason = "no file has 2⁵³ bytes")]
    fn numbers(&self) -> Vec<f64> {
        let of = |(state, first): (State, Option<First>)| {
            let place = STATES.iter().position(|other| *other == state).expect("one of the states");
            let first = first.map_or([-1.0, 0.0], |first| [first.at as f64, first.lines as f64]);
            [place as f64, first[0], first[1]]
        };
        self.from.into_iter().flat_map(of).chain([self.lines as f64]).collect()
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they were whole numbers")]
    fn of(numbers: &[f64]) -> Self {
        let of = |from: usize| {
            let [state, at, lines] = [0, 1, 2].map(|i| numbers[3 * from + i]);
            let first = (at >= 0.0).then_some(First { at: at as u64, lines: lines as u64 });
            (STATES[state as usize], first)
        };
        Self { from: [0, 1, 2].map(of), lines: numbers[9] as u64 }
    }
}

/// Returns the records of a rank, and the line ends between the header and them.
fn chosen(all: &[Found], rank: usize, size: u64) -> (Range<u64>, u64) {
    let (mut state, mut lines, mut firsts) = (State::Plain, 0, Vec::new());
    for found in all {
        let place = STATES.iter().position(|other| *other == state).expect("one of the states");
        let (end, first) = found.from[place];
        firsts.push(first.map(|first| First { lines: lines + first.lines, ..first }));
        (state, lines) = (end, lines + found.lines);
    }
    let Some(first) = firsts[rank] else { return (size..size, lines) };
    let end = firsts[rank + 1..].iter().flatten().next().map_or(size, |next| next.at);
    (first.at..end, first.lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Table, TableChunks};
    use kiln_tensor::world::threads;

    /// The cells of a row, and its line.
    fn rows(table: &Table) -> Vec<(u64, Vec<String>)> {
        let row = |row: usize| {
            let cells = table.columns().iter().map(|column| column.text(row).unwrap_or_default().into_owned());
            (table.line(row), cells.collect())
        };
        (0..table.len()).map(row).collect()
    }

    #[track_caller]
    fn check(text: &[u8], options: &TableOptions) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let whole = rows(&Table::read_with(&path, options).unwrap());
        for ranks in [1, 2, 3, 4, 7] {
            let found: Vec<Vec<_>> = threads(ranks, |world| {
                let chunks = TableChunks::open_share(std::slice::from_ref(&path), options, 3, &world).unwrap();
                chunks.flat_map(|table| rows(&table.unwrap())).collect()
            });
            assert_eq!(found.concat(), whole, "{ranks} ranks: {:?}", String::from_utf8_lossy(text));
            // Each has about as much.
            assert!(text.len() < 10_000 || found.iter().all(|rows| rows.len() > whole.len() / (2 * ranks)));
        }
    }

    #[test]
    fn shares_are_the_whole() {
        let texts = TableOptions { categorical: vec!["x".into(), "y".into()], ..TableOptions::default() };
        let long: String = (0..2000).map(|i| format!("{i},\"a {i}\n\",{}\n", i % 7)).collect();
        for text in [
            "x,y\n1,2\n3,4\n5,6\n7,8\n9,10\n",
            "x,y\r\n1,2\r\n3,4\r\n5,6\r\n7,8",
            "x,y\r1,2\r3,4\r5,6\r",
            "\n\nx,y\n\n1,2\n\n\n3,4\n\n5,6\n\n",
            "x,y\n\"a\nb\",\"c\"\"\n\"\n\"\n\",d\n\"\"\"\",\"\n\n\n\"\ne,f\n",
            "x,y\na\"b,c\nd\"\"e,\"f\"g\nh,\"i\r\n\"\nj,k\"\n",
            "\u{feff}x,y\nä,ö\nü,é\n",
            "x,y\n1,2\n",
            "\"x\",\"y\"\n\"1\",\"2\"\n",
            &format!("x,note,y\n{long}"),
        ] {
            check(text.as_bytes(), &texts);
            check(text.replace(',', ";").as_bytes(), &texts);
        }
        let plain: String = (0..3000).map(|i| format!("{i},{}\n", i * i)).collect();
        check(format!("x,y\n{plain}").as_bytes(), &TableOptions::default());
    }

    /// They are read from their beginning, and each rank takes some of their rows.
    #[test]
    fn texts_without_shares_of_bytes() {
        let latin = TableOptions { encoding: Some("latin1".into()), ..TableOptions::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, b"x,y\n\xe4,1\n\xf6,2\n\xfc,3\n\xe4,4\n").unwrap();
        for ranks in [1, 2, 3] {
            let found: Vec<Vec<_>> = threads(ranks, |world| {
                let chunks = TableChunks::open_share(std::slice::from_ref(&path), &latin, 1, &world).unwrap();
                chunks.flat_map(|table| rows(&table.unwrap())).collect()
            });
            let mut found = found.concat();
            found.sort();
            assert_eq!(found, rows(&Table::read_with(&path, &latin).unwrap()), "{ranks} ranks");
        }
    }

    #[test]
    fn errors_name_the_line_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let mut text: String = (0..100).map(|i| format!("{i},{i}\n")).collect();
        text += "1,2,3\n";
        std::fs::write(&path, format!("x,y\n{text}4,5\n")).unwrap();
        let ends: Vec<Option<String>> = threads(3, |world| {
            let chunks = TableChunks::open_share(std::slice::from_ref(&path), &TableOptions::default(), 10, &world);
            chunks.unwrap().find_map(Result::err).map(|error| error.to_string())
        });
        assert!(ends[0].is_none() && ends[1].is_none());
        assert!(ends[2].as_ref().unwrap().contains("line 102"), "{ends:?}");
    }
}
