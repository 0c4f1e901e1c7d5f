//! How picture files become images, and those that cannot.

use std::{fmt, path::Path, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::shown::Shown;

/// How a picture of another shape gets the size that is asked for.
///
/// # Example
/// ```
/// use kiln_data::Fit;
///
/// assert_eq!("pad".parse(), Ok(Fit::Pad));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The middle of the picture is cut out and scaled. The default.
    #[default]
    Crop,
    /// The picture is scaled until it fits, in the middle of a black ground.
    Pad,
    /// The picture is stretched.
    Stretch,
}

/// Which channels images have.
///
/// # Example
/// ```
/// use kiln_data::ColorMode;
///
/// assert_eq!("grey".parse(), Ok(ColorMode::Grey));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColorMode {
    /// One channel if all pictures are grey, and three otherwise. The default.
    #[default]
    Auto,
    /// One channel: the luminance of ITU-R 601, as Pillow computes it.
    #[serde(alias = "gray")]
    Grey,
    /// Three channels: red, green and blue.
    Rgb,
}

macro_rules! named {
    ($name:ident, $what:literal, $($variant:ident $text:literal $(or $other:literal)?),+) => {
        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text $(| $other)? => Ok(Self::$variant),)+
                    _ => Err(format!("{} must be one of {}", $what, [$($text),+].join(", "))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text),+ })
            }
        }
    };
}

named!(Fit, "the fit", Crop "crop", Pad "pad", Stretch "stretch");
named!(ColorMode, "the color mode", Auto "auto", Grey "grey" or "gray", Rgb "rgb");

/// Whether a file is named like an archive of pictures.
pub(crate) fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    [".tar", ".tar.gz", ".tgz", ".tar.zst", ".zip"].iter().any(|end| name.ends_with(end))
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadPicture {
    /// Its name, relative to the folder.
    pub file: String,
    /// Why, as the end of a sentence that begins with the name.
    pub reason: String,
}

/// For example `'a.png' is empty`.
impl fmt::Display for BadPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' {}", Shown(&self.file), Shown(&self.reason))
    }
}
