//! The size of images as it is written: height, `x` and width.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Height and width, each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ImageSize {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl FromStr for ImageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        /// A side that no picture file has more of.
        const MOST: usize = 65_536;
        let side = |text: &str| text.trim().parse().ok().filter(|side| (1..=MOST).contains(side));
        let (height, width) = text.split_once(['x', 'X', '×']).unwrap_or((text, text));
        match (side(height), side(width)) {
            (Some(height), Some(width)) => Ok(Self { height, width }),
            _ => {
                Err(format!("'{}' is no size: give height and width in pixels, such as 64x64", kiln::data::Shown(text)))
            }
        }
    }
}

impl TryFrom<String> for ImageSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

impl From<ImageSize> for String {
    fn from(size: ImageSize) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        let size = |text: &str| text.parse::<ImageSize>().map(|size| size.to_string());
        assert_eq!(size("64x48"), Ok("64x48".into()));
        assert_eq!(size("32"), Ok("32x32".into()));
        for wrong in ["", "x", "0x4", "4x", "4x4x4", "-1x2", "99999999x1"] {
            assert!(size(wrong).unwrap_err().contains("such as 64x64"), "{wrong}");
        }
    }
}
