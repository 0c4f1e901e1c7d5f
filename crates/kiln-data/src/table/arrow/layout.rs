//! The buffers of Arrow's types.

use arrow_ipc::MetadataVersion;
use arrow_schema::{DataType, UnionMode};

/// The widths of the values in the buffers of a batch, in the order of the buffers.
pub(super) struct Widths {
    /// 1 for bits and bytes, and for columns that are not read.
    pub(super) widths: Vec<usize>,
    /// The numbers of further buffers of the columns of text views, the next one last.
    variadic: Vec<i64>,
    version: MetadataVersion,
    /// The number of buffers that the batch has.
    most: usize,
}

impl Widths {
    pub(super) fn new(batch: &arrow_ipc::RecordBatch<'_>, version: MetadataVersion) -> Self {
        let mut variadic: Vec<i64> = batch.variadicBufferCounts().into_iter().flatten().collect();
        variadic.reverse();
        Self { widths: Vec::new(), variadic, version, most: batch.buffers().map_or(0, |buffers| buffers.len()) }
    }

    /// Adds the buffers of a column. Returns `None` if the batch has fewer.
    pub(super) fn add(&mut self, data_type: &DataType) -> Option<()> {
        use DataType::{
            Binary, BinaryView, Dictionary, FixedSizeList, LargeBinary, LargeList, LargeListView, LargeUtf8, List,
            ListView, Map, Null, RunEndEncoded, Struct, Union, Utf8, Utf8View,
        };
        match data_type {
            Null => {}
            Utf8 | Binary => self.widths.extend([1, 4, 1]),
            LargeUtf8 | LargeBinary => self.widths.extend([1, 8, 1]),
            Utf8View | BinaryView => {
                let count = usize::try_from(self.variadic.pop()?).ok().filter(|count| *count <= self.most)?;
                self.widths.extend([1, 16]);
                self.widths.extend(std::iter::repeat_n(1, count));
            }
            Dictionary(keys, _) => self.widths.extend([1, keys.primitive_width().unwrap_or(1)]),
            List(item) | LargeList(item) | Map(item, _) => {
                self.widths.extend([1; 2]);
                self.add(item.data_type())?;
            }
            ListView(item) | LargeListView(item) => {
                self.widths.extend([1; 3]);
                self.add(item.data_type())?;
            }
            FixedSizeList(item, _) => {
                self.widths.push(1);
                self.add(item.data_type())?;
            }
            Struct(fields) => {
                self.widths.push(1);
                fields.iter().try_for_each(|field| self.add(field.data_type()))?;
            }
            RunEndEncoded(ends, values) => {
                self.add(ends.data_type())?;
                self.add(values.data_type())?;
            }
            Union(fields, mode) => {
                let buffers =
                    1 + usize::from(*mode == UnionMode::Dense) + usize::from(self.version < MetadataVersion::V5);
                self.widths.extend(std::iter::repeat_n(1, buffers));
                fields.iter().try_for_each(|(_, field)| self.add(field.data_type()))?;
            }
            other => self.widths.extend([1, other.primitive_width().unwrap_or(1)]),
        }
        (self.widths.len() <= self.most).then_some(())
    }
}
