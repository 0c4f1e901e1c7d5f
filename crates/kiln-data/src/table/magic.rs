//! The formats of tables that are known by their first bytes.

/// A format of a table. Every file that begins otherwise is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Parquet,
    ArrowFile,
    ArrowStream,
    FeatherOne,
    Array,
    Archive,
    Workbook,
    Text,
}

/// How the first entry of an archive of Excel or LibreOffice begins, after its header of 30 bytes.
const OF_WORKBOOKS: [&[u8]; 5] = [b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"mimetype"];

/// Whether the first entry of an archive is one of a workbook. An array may have such a name too, and then ends in `.npy`.
fn is_workbook(start: &[u8]) -> bool {
    let (Some(&[low, high]), Some(names)) = (start.get(26..28), start.get(30..)) else { return false };
    let length = usize::from(u16::from_le_bytes([low, high])).min(names.len());
    let name = &names[..length];
    OF_WORKBOOKS.iter().any(|known| name.starts_with(known)) && !name.ends_with(b".npy")
}

impl Format {
    /// The number of bytes that [`of`](Self::of) looks at.
    pub(super) const BYTES: u64 = 64;

    /// Returns the format of what begins with these bytes.
    pub(super) fn of(start: &[u8]) -> Self {
        match start {
            _ if start.starts_with(b"PAR1") => Self::Parquet,
            _ if start.starts_with(b"ARROW1") => Self::ArrowFile,
            // The length of the first message follows. No text begins in this way.
            _ if start.starts_with(&[0xff; 4]) => Self::ArrowStream,
            _ if start.starts_with(b"FEA1") => Self::FeatherOne,
            _ if start.starts_with(b"\x93NUMPY") => Self::Array,
            // An old workbook of Excel, and new ones.
            _ if start.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") => Self::Workbook,
            [b'P', b'K', 3, 4, ..] if is_workbook(start) => Self::Workbook,
            // An archive, and one without entries.
            _ if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") => Self::Archive,
            _ => Self::Text,
        }
    }

    /// Returns the name of a format that is no text.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Parquet => Some("Parquet"),
            Self::ArrowFile | Self::ArrowStream => Some("Arrow"),
            Self::FeatherOne => Some("Feather"),
            Self::Array => Some("NumPy"),
            Self::Archive => Some("NumPy or zip"),
            Self::Workbook => Some("spreadsheet"),
            Self::Text => None,
        }
    }
}
