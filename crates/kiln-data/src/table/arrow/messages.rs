//! The messages of an Arrow file or stream.
//!
//! `arrow-ipc` decodes them. Its readers of whole files take lengths from the file as they are: a damaged one ends in a panic or in an
//! allocation that fails. So the messages are read here, and every length is compared with the size of the file.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::{
    Block, CompressionType, Message, MessageHeader, MetadataVersion, convert::try_fb_to_schema, root_as_footer,
    root_as_message,
};
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};

use super::layout::Widths;

/// The bytes before the length of a message, except in files from before 2019.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// At the end of a file: the length of the footer, and `ARROW1`.
const TRAILER: u64 = 10;
/// The largest batch after decompression, in bytes.
const MAX_BATCH: u64 = 16 << 30;
/// The most rows that a batch can have.
const MAX_ROWS: i64 = 1 << 40;

/// The record batches of a file or a stream.
pub(super) struct Batches {
    reader: BufReader<File>,
    /// The bytes of the file.
    size: u64,
    /// The messages of a file, the next one last. A stream has none: they follow one another.
    blocks: Option<Vec<Block>>,
    schema: SchemaRef,
    /// The identifier of each column's dictionary.
    dictionary_ids: Vec<Option<i64>>,
    wanted: Wanted,
    dictionaries: HashMap<i64, ArrayRef>,
}

/// A message: its description, and the bytes that follow.
struct Raw {
    metadata: Vec<u8>,
    body: Vec<u8>,
}

/// The columns that are read.
#[derive(Default)]
struct Wanted {
    columns: Vec<usize>,
    schema: Option<Schema>,
    dictionaries: HashSet<i64>,
}

fn damaged(what: &str) -> ArrowError {
    ArrowError::IpcError(format!("{what}: copy or download it again"))
}

impl Batches {
    /// Opens a file, which has a footer.
    pub(super) fn of_file(file: File, size: u64) -> Result<Self, ArrowError> {
        let mut reader = BufReader::new(file);
        let cut = || damaged("it has no footer");
        reader.seek(SeekFrom::Start(size.checked_sub(TRAILER).ok_or_else(cut)?))?;
        let mut trailer = [0; TRAILER as usize];
        reader.read_exact(&mut trailer)?;
        let [a, b, c, d, magic @ ..] = trailer;
        if magic != *b"ARROW1" {
            return Err(cut());
        }
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        let start = (size - TRAILER).checked_sub(length).ok_or_else(cut)?;
        let bytes = read_at(&mut reader, start, length)?;
        let footer = root_as_footer(&bytes).map_err(|cause| damaged(&format!("its footer is wrong ({cause})")))?;
        let schema = footer.schema().ok_or_else(|| damaged("its footer has no schema"))?;
        let mut blocks: Vec<Block> = footer.dictionaries().into_iter().flatten().copied().collect();
        blocks.extend(footer.recordBatches().into_iter().flatten().copied());
        blocks.reverse();
        Self::new(reader, size, Some(blocks), schema)
    }

    /// Opens a stream, whose first message is the schema.
    pub(super) fn of_stream(file: File, size: u64) -> Result<Self, ArrowError> {
        let mut reader = BufReader::new(file);
        let Raw { metadata, .. } = next_message(&mut reader, size)?.ok_or_else(|| damaged("it has no messages"))?;
        let message = parse(&metadata)?;
        let schema = message.header_as_schema().ok_or_else(|| damaged("it does not begin with a schema"))?;
        Self::new(reader, size, None, schema)
    }

    fn new(
        reader: BufReader<File>,
        size: u64,
        blocks: Option<Vec<Block>>,
        schema: arrow_ipc::Schema<'_>,
    ) -> Result<Self, ArrowError> {
        if !schema.endianness().equals_to_target_endianness() {
            return Err(ArrowError::IpcError("it was written on a machine with another byte order".into()));
        }
        let id = |field: arrow_ipc::Field<'_>| field.dictionary().map(|dictionary| dictionary.id());
        let dictionary_ids = schema.fields().into_iter().flatten().map(id).collect();
        let schema = Arc::new(try_fb_to_schema(schema)?);
        let (wanted, dictionaries) = (Wanted::default(), HashMap::new());
        Ok(Self { reader, size, blocks, schema, dictionary_ids, wanted, dictionaries })
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Chooses the columns to read, in ascending order.
    pub(super) fn select(&mut self, columns: Vec<usize>) -> Result<(), ArrowError> {
        let id = |column: &usize| self.dictionary_ids.get(*column).copied().flatten();
        let dictionaries = columns.iter().filter_map(id).collect();
        let schema = Some(self.schema.project(&columns)?);
        self.wanted = Wanted { columns, schema, dictionaries };
        Ok(())
    }

    /// Reads the next batch. There is none at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        loop {
            let message = match &mut self.blocks {
                None => next_message(&mut self.reader, self.size)?,
                Some(blocks) => match blocks.pop() {
                    Some(block) => Some(block_message(&mut self.reader, self.size, &block)?),
                    None => None,
                },
            };
            let Some(Raw { metadata, body }) = message else { return Ok(None) };
            if let Some(batch) = self.decode(&metadata, &Buffer::from_vec(body))? {
                return Ok(Some(batch));
            }
        }
    }

    /// Returns the type of the first column with a dictionary.
    fn user_of(&self, dictionary: i64) -> Option<&DataType> {
        let has_it = |column: &&usize| self.dictionary_ids.get(**column) == Some(&Some(dictionary));
        self.wanted.columns.iter().find(has_it).map(|column| self.schema.field(*column).data_type())
    }

    /// Decodes a batch, or takes a dictionary.
    fn decode(&mut self, metadata: &[u8], body: &Buffer) -> Result<Option<RecordBatch>, ArrowError> {
        let message = parse(metadata)?;
        let version: MetadataVersion = message.version();
        if let Some(dictionary) = message.header_as_dictionary_batch() {
            if self.wanted.dictionaries.contains(&dictionary.id())
                && let Some(schema) = &self.wanted.schema
            {
                let values = dictionary.data().ok_or_else(|| damaged("a dictionary has no values"))?;
                let mut widths = Widths::new(&values, version);
                if let Some(DataType::Dictionary(_, values)) = self.user_of(dictionary.id()) {
                    widths.add(values).ok_or_else(|| damaged("a dictionary does not fit its schema"))?;
                }
                check(&values, body, &widths.widths)?;
                arrow_ipc::reader::read_dictionary(body, dictionary, schema, &mut self.dictionaries, &version)?;
            }
            return Ok(None);
        }
        let Some(batch) = message.header_as_record_batch() else {
            return match message.header_type() {
                MessageHeader::NONE => Ok(None),
                other => Err(damaged(&format!("it has a message of the type {other:?} in the wrong place"))),
            };
        };
        let mut widths = Widths::new(&batch, version);
        let fits = self.schema.fields().iter().try_for_each(|field| widths.add(field.data_type()));
        fits.ok_or_else(|| damaged("its columns do not fit its schema"))?;
        check(&batch, body, &widths.widths)?;
        let columns = Some(&self.wanted.columns[..]);
        let schema = Arc::clone(&self.schema);
        arrow_ipc::reader::read_record_batch(body, batch, schema, &self.dictionaries, columns, &version).map(Some)
    }
}

/// Compares the sizes in a message with the bytes that follow it, and with the widths of the values.
fn check(batch: &arrow_ipc::RecordBatch<'_>, body: &[u8], widths: &[usize]) -> Result<(), ArrowError> {
    let wrong = || damaged("its sizes do not fit");
    let is_count = |count: i64| (0..=MAX_ROWS).contains(&count);
    if !is_count(batch.length()) {
        return Err(wrong());
    }
    for node in batch.nodes().into_iter().flatten() {
        if !is_count(node.length()) || !(0..=node.length()).contains(&node.null_count()) {
            return Err(wrong());
        }
    }
    let codec = batch.compression().map(|compression| compression.codec());
    let mut sum = 0_u64;
    for (buffer, width) in batch.buffers().into_iter().flatten().zip(widths.iter().chain(std::iter::repeat(&1))) {
        let range = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let range = range.and_then(|(start, length)| Some(start..start.checked_add(length)?));
        let bytes = range.and_then(|range| body.get(range)).ok_or_else(wrong)?;
        let is_whole = |bytes: u64| bytes.is_multiple_of(*width as u64);
        let Some(codec) = codec.filter(|_| !bytes.is_empty()) else {
            if is_whole(bytes.len() as u64) {
                continue;
            }
            return Err(wrong());
        };
        let (prefix, packed) = bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
        // -1 marks bytes that are not compressed.
        let unpacked = u64::try_from(i64::from_le_bytes(*prefix)).unwrap_or(packed.len() as u64);
        // A block of lz4 has at most 255 bytes for each of its own, and one of zstd 128 KiB for four.
        let ratio = if codec == CompressionType::LZ4_FRAME { 255 } else { 1 << 15 };
        sum = sum.saturating_add(unpacked);
        if !is_whole(unpacked) || unpacked > (packed.len() as u64).saturating_mul(ratio) || sum > MAX_BATCH {
            return Err(wrong());
        }
    }
    Ok(())
}

fn parse(metadata: &[u8]) -> Result<Message<'_>, ArrowError> {
    root_as_message(metadata).map_err(|cause| damaged(&format!("a message is wrong ({cause})")))
}

/// Reads bytes that the file has.
fn read_at(reader: &mut BufReader<File>, start: u64, length: u64) -> Result<Vec<u8>, ArrowError> {
    reader.seek(SeekFrom::Start(start))?;
    read_bytes(reader, length)
}

fn read_bytes(reader: &mut BufReader<File>, length: u64) -> Result<Vec<u8>, ArrowError> {
    let mut bytes = Vec::new();
    let capacity = usize::try_from(length).ok().and_then(|length| bytes.try_reserve_exact(length).ok());
    capacity.ok_or_else(|| ArrowError::MemoryError(format!("there is no memory for {length} bytes")))?;
    if reader.take(length).read_to_end(&mut bytes)? as u64 == length {
        Ok(bytes)
    } else {
        Err(damaged("it ends too early"))
    }
}

/// Reads a message that the footer names.
fn block_message(reader: &mut BufReader<File>, size: u64, block: &Block) -> Result<Raw, ArrowError> {
    let wrong = || damaged("its footer names bytes that it does not have");
    let start = u64::try_from(block.offset()).map_err(|_| wrong())?;
    let metadata = u64::try_from(block.metaDataLength()).map_err(|_| wrong())?;
    let body = u64::try_from(block.bodyLength()).map_err(|_| wrong())?;
    let end = start.checked_add(metadata).and_then(|end| end.checked_add(body)).ok_or_else(wrong)?;
    if end > size {
        return Err(wrong());
    }
    let mut bytes = read_at(reader, start, metadata)?;
    let prefix = if bytes.starts_with(&CONTINUATION) { 8 } else { 4 };
    if bytes.len() < prefix {
        return Err(wrong());
    }
    bytes.drain(..prefix);
    Ok(Raw { metadata: bytes, body: read_bytes(reader, body)? })
}

/// Reads the next message of a stream. There is none at the end.
fn next_message(reader: &mut BufReader<File>, size: u64) -> Result<Option<Raw>, ArrowError> {
    let mut word = Vec::new();
    let mut next_word = |reader: &mut BufReader<File>| -> Result<Option<[u8; 4]>, ArrowError> {
        word.clear();
        reader.take(4).read_to_end(&mut word)?;
        if word.is_empty() { Ok(None) } else { word[..].try_into().map(Some).map_err(|_| damaged("it ends too early")) }
    };
    let mut length = next_word(reader)?;
    if length == Some(CONTINUATION) {
        length = Some(next_word(reader)?.ok_or_else(|| damaged("it ends too early"))?);
    }
    let length = length.map_or(0, u32::from_le_bytes);
    if length == 0 {
        return Ok(None);
    }
    let left = |reader: &mut BufReader<File>| Ok::<u64, ArrowError>(size.saturating_sub(reader.stream_position()?));
    if u64::from(length) > left(reader)? {
        return Err(damaged("it ends too early"));
    }
    let metadata = read_bytes(reader, length.into())?;
    let body = u64::try_from(parse(&metadata)?.bodyLength()).map_err(|_| damaged("a message has no size"))?;
    if body > left(reader)? {
        return Err(damaged("it ends too early"));
    }
    let body = read_bytes(reader, body)?;
    Ok(Some(Raw { metadata, body }))
}
