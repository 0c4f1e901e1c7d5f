//! Grids of images as PNG, and the curve of a loss as SVG.

use std::{io::Cursor, path::Path};

use image::{GrayImage, ImageFormat, Luma};
use plotters::prelude::*;

use crate::failure::{Failure, Result};

/// Pixels between two images of a grid.
const GAP: u32 = 2;
const BACKGROUND: Luma<u8> = Luma([64]);
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
    let mut canvas = GrayImage::from_pixel(columns * cell_width + GAP, rows * cell_height + GAP, BACKGROUND);
    for (i, image) in images.iter().enumerate() {
        let (left, top) = (i as u32 % columns * cell_width + GAP, i as u32 / columns * cell_height + GAP);
        for (x, y) in (0..width * factor).flat_map(|x| (0..height * factor).map(move |y| (x, y))) {
            let value = image[(y / factor * width + x / factor) as usize];
            canvas.put_pixel(left + x, top + y, Luma([(value.clamp(0.0, 1.0) * 255.0).round() as u8]));
        }
    }
    let mut png = Cursor::new(Vec::new());
    canvas.write_to(&mut png, ImageFormat::Png).expect("writing to memory does not fail");
    png.into_inner()
}

/// A named curve of (epoch or step, value).
pub(crate) type Curve<'a> = (&'a str, Vec<(f64, f64)>);

/// Curves over `x_label`, as the text of an SVG file.
pub(crate) fn curves(title: &str, x_label: &str, y_label: &str, curves: &[Curve<'_>]) -> Option<String> {
    let points: Vec<(f64, f64)> = curves.iter().flat_map(|(_, points)| points.iter().copied()).collect();
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let margin = if high > low { 0.05 * (high - low) } else { 0.5 };
        (low - margin)..(high + margin)
    };
    if points.is_empty() {
        return None;
    }
    let (x, y) = (range(&mut points.iter().map(|p| p.0)), range(&mut points.iter().map(|p| p.1)));
    let mut svg = String::new();
    let draw = || -> std::result::Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::with_string(&mut svg, (800, 480)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)?;
        chart.configure_mesh().x_desc(x_label).y_desc(y_label).light_line_style(WHITE).draw()?;
        for ((name, points), colour) in curves.iter().zip([RGBColor(31, 119, 180), RGBColor(214, 39, 40)]) {
            let line = chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
            line.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE)
            .border_style(RGBColor(200, 200, 200))
            .draw()?;
        area.present()?;
        Ok(())
    };
    draw().expect("drawing to memory does not fail");
    Some(svg)
}

/// The epochs' averages in `metrics.jsonl`: the curve of `train-epoch`, and that of `test`.
pub(crate) fn loss_curves(metrics: &Path) -> Result<[Curve<'static>; 2]> {
    let text = std::fs::read_to_string(metrics)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", metrics.display())))?;
    let records: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |split: &str| {
        let records = records.iter().filter(|r| r["split"] == split);
        records.filter_map(|r| Some((r["epoch"].as_f64()?, r["loss"].as_f64()?))).collect()
    };
    Ok([("train", of("train-epoch")), ("test", of("test"))])
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

    #[test]
    fn a_curve_of_one_point_or_none_is_no_trouble() {
        assert!(curves("t", "x", "y", &[("a", vec![(1.0, 2.0)]), ("b", vec![])]).unwrap().contains("<svg"));
        assert!(curves("t", "x", "y", &[("a", vec![])]).is_none());
    }
}
