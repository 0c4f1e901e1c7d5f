//! One picture file: decoded, and brought to a size.

use std::io::Cursor;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, error::UnsupportedErrorKind};

use crate::{ColorMode, Fit};

/// The most pixels of a picture: the number at which Pillow warns of a decompression bomb.
const MOST_PIXELS: u64 = 89_478_485;
/// The most bytes that a decoder may reserve, enough for that many pixels of three 16-bit channels.
const MOST_BYTES: u64 = 1 << 30;

/// A decoded picture, with one channel or three.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Picture {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) bytes: Vec<u8>,
}

impl Picture {
    /// Decodes a file. A picture whose channels are equal everywhere is grey.
    ///
    /// # Errors
    ///
    /// The reason why it cannot be used, as the end of a sentence that begins with the file's name.
    pub(super) fn decode(file: &[u8], color: ColorMode) -> Result<Self, String> {
        if file.is_empty() {
            return Err("is empty".into());
        }
        let mut reader =
            ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|error| error.to_string())?;
        if reader.format().is_none() {
            return Err("is not a picture in the format PNG, JPEG, WebP, TIFF, GIF or BMP".into());
        }
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(MOST_BYTES);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(|error| reason(&error))?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(format!("has {width}×{height} pixels, more than {} million", MOST_PIXELS / 1_000_000));
        }
        let orientation = decoder.orientation().map_err(|error| reason(&error))?;
        let mut decoded = DynamicImage::from_decoder(decoder).map_err(|error| reason(&error))?;
        decoded.apply_orientation(orientation);
        Ok(Self::of(decoded, color))
    }

    /// Pixels that are transparent show a white ground.
    fn of(decoded: DynamicImage, color: ColorMode) -> Self {
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        let layout = decoded.color();
        let (channels, bytes) = match (layout.has_color(), layout.has_alpha()) {
            (false, false) => (1, decoded.into_luma8().into_raw()),
            (false, true) => (1, on_white::<2>(&decoded.into_luma_alpha8())),
            (true, false) => (3, decoded.into_rgb8().into_raw()),
            (true, true) => (3, on_white::<4>(&decoded.into_rgba8())),
        };
        let picture = Self { height, width, channels, bytes };
        let is_grey = |pixel: &[u8]| pixel[0] == pixel[1] && pixel[1] == pixel[2];
        match channels {
            3 if color == ColorMode::Grey || picture.bytes.chunks_exact(3).all(is_grey) => picture.grey(),
            _ => picture,
        }
    }

    /// Luminance by ITU-R 601, rounded as Pillow rounds it.
    fn grey(self) -> Self {
        let luminance = |pixel: &[u8]| {
            let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
            ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8
        };
        Self { channels: 1, bytes: self.bytes.chunks_exact(3).map(luminance).collect(), ..self }
    }

    /// Returns the picture with this size, or none if it has no memory for it.
    pub(super) fn resized(self, [height, width]: [usize; 2], fit: Fit) -> Result<Self, String> {
        if [self.height, self.width] == [height, width] {
            return Ok(self);
        }
        match fit {
            Fit::Stretch => self.scaled([height, width], ResizeOptions::new()),
            Fit::Crop => self.scaled([height, width], ResizeOptions::new().fit_into_destination(Some((0.5, 0.5)))),
            Fit::Pad => {
                let scale = (height as f64 / self.height as f64).min(width as f64 / self.width as f64);
                let side = |side: usize, most: usize| ((side as f64 * scale).round() as usize).clamp(1, most);
                let inner = [side(self.height, height), side(self.width, width)];
                let picture = self.scaled(inner, ResizeOptions::new())?;
                let (channels, mut bytes) = (picture.channels, vec![0; height * width * picture.channels]);
                let (top, left) = ((height - inner[0]) / 2, (width - inner[1]) / 2);
                for (y, line) in picture.bytes.chunks_exact(inner[1] * channels).enumerate() {
                    bytes[((top + y) * width + left) * channels..][..line.len()].copy_from_slice(line);
                }
                Ok(Self { height, width, channels, bytes })
            }
        }
    }

    /// Bilinear with anti-aliasing, as in Pillow and torchvision.
    fn scaled(self, [height, width]: [usize; 2], options: ResizeOptions) -> Result<Self, String> {
        let side = |side: usize| u32::try_from(side).map_err(|_| "would be too large".to_owned());
        let kind = if self.channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
        let source = ImageRef::new(side(self.width)?, side(self.height)?, &self.bytes, kind);
        let mut scaled = Image::new(side(width)?, side(height)?, kind);
        let options = options.resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        let failed = |error: &dyn std::fmt::Display| format!("cannot be resized: {error}");
        Resizer::new()
            .resize(&source.map_err(|error| failed(&error))?, &mut scaled, &options)
            .map_err(|error| failed(&error))?;
        Ok(Self { height, width, channels: self.channels, bytes: scaled.into_vec() })
    }
}

/// Blends pixels whose last channel is their opacity with white.
fn on_white<const N: usize>(pixels: &[u8]) -> Vec<u8> {
    let blended = |pixel: &[u8]| {
        let alpha = u32::from(pixel[N - 1]);
        let of = move |&value: &u8| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        pixel[..N - 1].iter().map(of).collect::<Vec<_>>()
    };
    pixels.chunks_exact(N).flat_map(blended).collect()
}

fn reason(error: &ImageError) -> String {
    match error {
        ImageError::Limits(_) => "needs more than 1 GiB of memory to decode".into(),
        ImageError::Unsupported(unsupported) => match unsupported.kind() {
            UnsupportedErrorKind::Format(format) => format!("has the format {format}, which Kiln does not read"),
            _ => format!("has contents that Kiln does not read: {error}"),
        },
        _ => format!("is damaged: {error}"),
    }
}
