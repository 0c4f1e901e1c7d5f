//! Grids of images as PNG.

/// Pixels between two images of a grid.
const GAP: u32 = 2;
const BACKGROUND: u8 = 64;
/// Images are enlarged by a whole factor until they are at least this wide.
const MIN_WIDTH: u32 = 48;

/// Images of one size, pixels in [0, 1], row after row: `columns` of them side by side, as the bytes of a PNG file.
pub(crate) fn grid(pixels: &[f64], height: usize, width: usize, columns: usize) -> Vec<u8> {
    let (height, width) = (height as u32, width as u32);
    let images: Vec<&[f64]> = pixels.chunks_exact((height * width) as usize).collect();
    let columns = columns.clamp(1, images.len().max(1)) as u32;
    let rows = (images.len() as u32).div_ceil(columns);
    let factor = MIN_WIDTH.div_ceil(width).max(1);
    let (cell_width, cell_height) = (width * factor + GAP, height * factor + GAP);
    let size = (columns * cell_width + GAP, rows * cell_height + GAP);
    let mut canvas = vec![BACKGROUND; (size.0 * size.1) as usize];
    for (i, image) in images.iter().enumerate() {
        let (left, top) = (i as u32 % columns * cell_width + GAP, i as u32 / columns * cell_height + GAP);
        for (x, y) in (0..width * factor).flat_map(|x| (0..height * factor).map(move |y| (x, y))) {
            let value = image[(y / factor * width + x / factor) as usize];
            canvas[((top + y) * size.0 + left + x) as usize] = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        }
    }
    png(size, png::ColorType::Grayscale, &canvas)
}

/// Pixels of eight bits a channel, row after row, as the bytes of a PNG file.
pub(crate) fn png((width, height): (u32, u32), colour: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.expect("writing to memory does not fail, and the pixels are as many as the size says");
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_shows_every_pixel_in_its_place() {
        // Two images of 1×2, side by side, enlarged 24 times.
        let png = grid(&[0.0, 1.0, 0.5, 2.0], 1, 2, 2);
        let image = image::load_from_memory(&png).unwrap().into_luma8();
        assert_eq!(image.dimensions(), (2 * (48 + GAP) + GAP, 24 + 2 * GAP));
        let at = |x, y| image.get_pixel(x, y).0[0];
        assert_eq!([at(0, 0), at(GAP, GAP), at(GAP + 24, GAP), at(52, GAP), at(52 + 24, GAP)], [64, 0, 255, 128, 255]);
    }
}
