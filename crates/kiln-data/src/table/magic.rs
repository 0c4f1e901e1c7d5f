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
    Text,
}

impl Format {
    /// The number of bytes that [`of`](Self::of) looks at.
    pub(super) const BYTES: u64 = 8;

    /// Returns the format of what begins with these bytes.
    pub(super) fn of(start: &[u8]) -> Self {
        match start {
            _ if start.starts_with(b"PAR1") => Self::Parquet,
            _ if start.starts_with(b"ARROW1") => Self::ArrowFile,
            // The length of the first message follows. No text begins in this way.
            _ if start.starts_with(&[0xff; 4]) => Self::ArrowStream,
            _ if start.starts_with(b"FEA1") => Self::FeatherOne,
            _ if start.starts_with(b"\x93NUMPY") => Self::Array,
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
            Self::Text => None,
        }
    }
}
