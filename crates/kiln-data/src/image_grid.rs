//! Grids of images as PNG files.

use crate::{DataError, ImageShape};

/// Pixels between two images of a grid.
const GAP: usize = 2;
/// The grey value between the images.
const BACKGROUND: u8 = 64;
/// Images are enlarged by a whole factor until they are at least this wide.
const MIN_WIDTH: usize = 48;
/// The largest picture, in pixels.
const MAX_PIXELS: usize = 1 << 30;

/// A grid of images, grey or in colour, written as PNG.
///
/// Small images are enlarged by a whole factor to a width of at least 48 pixels.
///
/// # Example
///
/// ```
/// use kiln_data::{ImageGrid, digits};
///
/// let digits = digits().subset(&(0..20).collect::<Vec<_>>());
/// let pixels: Vec<f64> = digits.bytes().iter().map(|byte| f64::from(*byte) / 16.0).collect();
/// let png = ImageGrid::new(digits.height(), digits.width()).columns(10).to_png(&pixels)?;
/// assert!(png.starts_with(b"\x89PNG"));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageGrid {
    shape: ImageShape,
    columns: usize,
}

impl ImageGrid {
    /// A grid of grey images of `height` × `width` pixels, eight per row.
    pub fn new(height: usize, width: usize) -> Self {
        Self::of_shape(ImageShape::grey(height, width))
    }

    /// A grid of images with one channel or three, eight per row.
    pub fn of_shape(shape: ImageShape) -> Self {
        Self { shape, columns: 8 }
    }

    /// Sets the number of images per row, at least 1. Default 8.
    pub fn columns(self, columns: usize) -> Self {
        Self { columns: columns.max(1), ..self }
    }

    /// Returns the width and height in pixels of a grid of `images` images.
    ///
    /// # Errors
    ///
    /// [`DataError::GridSize`] if an image has no pixels or neither one channel nor three, or if the grid has more than 2³⁰ pixels.
    pub fn size(&self, images: usize) -> Result<(u32, u32), DataError> {
        let Layout { width, height, .. } = self.layout(images)?;
        let [width, height] = [width, height].map(u32::try_from);
        width.ok().zip(height.ok()).ok_or_else(|| self.too_large(images))
    }

    /// Returns the bytes of a PNG file.
    ///
    /// `pixels` has the images one after the other, each in row-major order with the channels of a pixel next to each other, with
    /// values in [0, 1]. Values outside are clamped, and NaN is black.
    ///
    /// # Errors
    ///
    /// [`DataError::Length`] if the pixels are not a whole number of images, and those of [`size`](Self::size).
    pub fn to_png(&self, pixels: &[f64]) -> Result<Vec<u8>, DataError> {
        self.size(1)?;
        let dims = self.shape.dims();
        if !pixels.len().is_multiple_of(dims) {
            let expected = pixels.len().next_multiple_of(dims);
            return Err(DataError::Length { what: "pixels of whole images", expected, found: pixels.len() });
        }
        let images = pixels.len() / dims;
        let (size, layout) = (self.size(images)?, self.layout(images)?);
        let channels = self.shape.channels;
        let mut canvas = vec![BACKGROUND; layout.width * layout.height * channels];
        for (i, image) in pixels.chunks_exact(dims).enumerate() {
            let left = i % layout.columns * layout.cell_width + GAP;
            let top = i / layout.columns * layout.cell_height + GAP;
            for y in 0..self.shape.height * layout.factor {
                let width = self.shape.width * channels;
                let line = &mut canvas[((top + y) * layout.width + left) * channels..][..width * layout.factor];
                let row = &image[y / layout.factor * width..][..width];
                for (x, pixel) in line.chunks_exact_mut(channels).enumerate() {
                    for (to, value) in pixel.iter_mut().zip(&row[x / layout.factor * channels..]) {
                        *to = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
                    }
                }
            }
        }
        let colour = if channels == 3 { png::ColorType::Rgb } else { png::ColorType::Grayscale };
        png(size, colour, &canvas)
    }

    fn layout(&self, images: usize) -> Result<Layout, DataError> {
        let layout = || {
            let columns = self.columns.clamp(1, images.max(1));
            let ImageShape { width, height, channels } = self.shape;
            let factor = MIN_WIDTH.div_ceil(Some(width).filter(|width| *width > 0)?).max(1);
            let cell_width = width.checked_mul(factor)?.checked_add(GAP)?;
            let cell_height = height.checked_mul(factor)?.checked_add(GAP)?;
            let has_pixels = height > 0 && matches!(channels, 1 | 3);
            let width = columns.checked_mul(cell_width)?.checked_add(GAP)?;
            let height = images.div_ceil(columns).checked_mul(cell_height)?.checked_add(GAP)?;
            let fits = has_pixels && width.checked_mul(height)? <= MAX_PIXELS;
            fits.then_some(Layout { columns, factor, cell_width, cell_height, width, height })
        };
        layout().ok_or_else(|| self.too_large(images))
    }

    fn too_large(&self, images: usize) -> DataError {
        DataError::GridSize { images, height: self.shape.height, width: self.shape.width, columns: self.columns }
    }
}

/// The sizes of a grid, in pixels.
struct Layout {
    columns: usize,
    factor: usize,
    cell_width: usize,
    cell_height: usize,
    width: usize,
    height: usize,
}

/// Returns the bytes of a PNG file with colours.
///
/// `pixels` has the red, green and blue byte of each pixel, in row-major order.
///
/// # Errors
///
/// [`DataError::Length`] if the number of bytes is not 3 · `width` · `height`.
pub fn rgb_png(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, DataError> {
    png((width, height), png::ColorType::Rgb, pixels)
}

fn png(size: (u32, u32), colour: png::ColorType, pixels: &[u8]) -> Result<Vec<u8>, DataError> {
    let (width, height) = size;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    let expected = (width as usize).saturating_mul(height as usize).saturating_mul(colour.samples());
    // Writing to memory fails only if the pixels do not fit the size.
    written.map_err(|_| DataError::Length { what: "bytes of a picture", expected, found: pixels.len() })?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(png: &[u8]) -> ((u32, u32), Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        ((info.width, info.height), pixels)
    }

    #[test]
    fn a_grid_shows_every_pixel_in_its_place() {
        // Two images of 1×2, side by side, enlarged 24 times.
        let grid = ImageGrid::new(1, 2).columns(2);
        let ((width, height), pixels) = decode(&grid.to_png(&[0.0, 1.0, 0.5, 2.0]).unwrap());
        assert_eq!((width, height), (2 * (48 + 2) + 2, 24 + 2 * 2));
        assert_eq!(grid.size(2).unwrap(), (width, height));
        let at = |x: usize, y: usize| pixels[y * width as usize + x];
        assert_eq!([at(0, 0), at(2, 2), at(2 + 24, 2), at(52, 2), at(52 + 24, 2)], [64, 0, 255, 128, 255]);
        assert_eq!([at(25, 25), at(49, 25), at(50, 2), at(2, 26)], [0, 255, 64, 64]);
    }

    #[test]
    fn a_grid_has_the_colours_of_its_images() {
        let grid = ImageGrid::of_shape(ImageShape::rgb(1, 2));
        let ((width, height), pixels) = decode(&grid.to_png(&[1.0, 0.0, 0.2, 0.0, 1.0, 0.0]).unwrap());
        assert_eq!(((width, height), pixels.len()), ((52, 28), 52 * 28 * 3));
        let at = |x: usize, y: usize| &pixels[(y * 52 + x) * 3..][..3];
        assert_eq!(
            [at(0, 0), at(2, 2), at(25, 25), at(26, 2)],
            [[64, 64, 64], [255, 0, 51], [255, 0, 51], [0, 255, 0]]
        );
        let two_channels = ImageShape { channels: 2, ..ImageShape::grey(1, 1) };
        assert!(matches!(ImageGrid::of_shape(two_channels).to_png(&[0.0; 2]), Err(DataError::GridSize { .. })));
    }

    #[test]
    fn a_last_row_may_be_short() {
        let ((width, height), _) = decode(&ImageGrid::new(60, 60).columns(2).to_png(&vec![0.5; 3 * 3600]).unwrap());
        assert_eq!((width, height), (2 * 62 + 2, 2 * 62 + 2));
    }

    #[test]
    fn sizes_without_a_picture_are_refused() {
        let refused = |height, width, columns, images| {
            let error = ImageGrid::new(height, width).columns(columns).size(images).unwrap_err();
            assert!(matches!(error, DataError::GridSize { .. }), "{error}");
        };
        refused(0, 8, 4, 1);
        refused(8, 0, 4, 1);
        refused(28, 28, 100, 10_000_000);
        refused(usize::MAX, usize::MAX, 1, 1);
        refused(28, 28, usize::MAX, usize::MAX);
        refused(1 << 16, 1 << 16, 1, 1);
        assert!(matches!(ImageGrid::new(2, 2).to_png(&[0.0; 7]), Err(DataError::Length { expected: 8, found: 7, .. })));
        assert!(matches!(ImageGrid::new(0, 2).to_png(&[]), Err(DataError::GridSize { .. })));
        assert_eq!(ImageGrid::new(28, 28).columns(100).size(10_000).unwrap(), (100 * 58 + 2, 100 * 58 + 2));
    }
}
