//! Charts of lines and of points, as PNG and as SVG.

use std::sync::Once;

use serde::Serialize;

use plotters::{coord::Shift, prelude::*, style::FontStyle, style::register_font};

type Drawn<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// One chart.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) curves: Vec<Curve>,
    pub(crate) legend: Legend,
    pub(crate) marks: Marks,
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marks {
    Lines,
    Points,
    /// Lines, and the last curve as points.
    Fit,
}

/// A corner without curves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Legend {
    UpperRight,
    UpperLeft,
    LowerLeft,
    LowerRight,
}

#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) label: String,
    /// Powers of ten at equal distances; what is not positive is left out.
    pub(crate) logarithmic: bool,
}

/// Points with a name, and in lines' charts a line through them.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Axis {
    pub(crate) fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), logarithmic: false }
    }

    pub(crate) fn logarithmic(label: &str) -> Self {
        Self { label: label.to_owned(), logarithmic: true }
    }

    fn place(&self, value: f64) -> Option<f64> {
        let value = if self.logarithmic { value.log10() } else { value };
        value.is_finite().then_some(value)
    }

    fn name(&self, place: f64) -> String {
        if !self.logarithmic {
            // Eleven digits hide the rounding of 0.1 + 0.2.
            return format!("{}", (place * 1e10).round() / 1e10);
        }
        let exponent = place.round();
        if (place - exponent).abs() < 1e-9 { format!("1e{exponent}") } else { format!("{:.1e}", 10f64.powf(place)) }
    }
}

/// Pixels of a panel of lines, and of one of points.
const SIZE: (u32, u32) = (800, 480);
const SQUARE: (u32, u32) = (800, 720);

fn size(panels: &[Panel]) -> (u32, u32) {
    let one = if panels.iter().any(|panel| panel.marks == Marks::Points) { SQUARE } else { SIZE };
    (one.0 * panels.len() as u32, one.1)
}

/// Panels side by side, as the text of an SVG file; nothing when none has a point to show.
pub(crate) fn svg(panels: &[Panel]) -> Option<String> {
    if !panels.iter().any(Panel::has_points) {
        return None;
    }
    let mut text = String::new();
    let drawn = draw_all(&SVGBackend::with_string(&mut text, size(panels)).into_drawing_area(), panels);
    drawn.expect("drawing to memory does not fail");
    Some(text)
}

/// Panels side by side, as the bytes of a PNG file; nothing when none has a point to show.
pub(crate) fn png(panels: &[Panel]) -> Option<Vec<u8>> {
    if !panels.iter().any(Panel::has_points) {
        return None;
    }
    let (width, height) = size(panels);
    let mut pixels = vec![0; (width * height * 3) as usize];
    let drawn = draw_all(&BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area(), panels);
    drawn.expect("drawing to memory does not fail");
    Some(kiln::data::image_grid::rgb_png(width, height, &pixels).expect("the pixels fit the size"))
}

/// A chart as SVG, and where its points are in it.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) svg: String,
    pub(crate) place: Placement,
}

/// The pixels of a chart's area, and the values at its edges; on a logarithmic axis their logarithms to base 10.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Placement {
    x_pixels: [i32; 2],
    /// From the top down.
    y_pixels: [i32; 2],
    x_values: [f64; 2],
    /// At the top, and at the bottom.
    y_values: [f64; 2],
}

/// One panel as SVG of this size; nothing when it has no point to show.
pub(crate) fn chart(panel: &Panel, size: (u32, u32)) -> Option<Chart> {
    if !panel.has_points() {
        return None;
    }
    register();
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    let drawn = area.fill(&WHITE).map_err(Into::into).and_then(|()| panel.draw(&area));
    let place = drawn.expect("drawing to memory does not fail");
    area.present().expect("drawing to memory does not fail");
    drop(area);
    Some(Chart { svg, place })
}

/// Registers the one font that charts are drawn in: no look at what the system has.
fn register() {
    static FONT: Once = Once::new();
    FONT.call_once(|| {
        let registered = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
        assert!(registered.is_ok(), "the font that is built in is sound");
    });
}

fn draw_all<B: DrawingBackend>(area: &DrawingArea<B, Shift>, panels: &[Panel]) -> Drawn
where
    B::ErrorType: 'static,
{
    register();
    area.fill(&WHITE)?;
    for (part, panel) in area.split_evenly((1, panels.len())).iter().zip(panels) {
        if panel.has_points() {
            panel.draw(part)?;
        }
    }
    area.present()?;
    Ok(())
}

impl Panel {
    fn has_points(&self) -> bool {
        self.curves.iter().any(|curve| !self.placed(curve).is_empty())
    }

    fn placed(&self, curve: &Curve) -> Vec<(f64, f64)> {
        curve.points.iter().filter_map(|(x, y)| Some((self.x.place(*x)?, self.y.place(*y)?))).collect()
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<Placement>
    where
        B::ErrorType: 'static,
    {
        let all: Vec<(f64, f64)> = self.curves.iter().flat_map(|curve| self.placed(curve)).collect();
        let range = |value: fn(&(f64, f64)) -> f64| {
            let low = all.iter().map(value).fold(f64::INFINITY, f64::min);
            let high = all.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
            let margin = if high > low { 0.04 * (high - low) } else { 0.5 };
            (low - margin)..(high + margin)
        };
        let (x, y) = (range(|p| p.0), range(|p| p.1));
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(x.clone(), y.clone())?;
        let (x_pixels, y_pixels) = chart.plotting_area().get_pixel_range();
        let place = Placement {
            x_pixels: [x_pixels.start, x_pixels.end],
            y_pixels: [y_pixels.start, y_pixels.end],
            x_values: [x.start, x.end],
            y_values: [y.end, y.start],
        };
        chart
            .configure_mesh()
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .x_labels(6)
            .y_labels(8)
            .label_style(("sans-serif", 14))
            .x_label_formatter(&|x| self.x.name(*x))
            .y_label_formatter(&|y| self.y.name(*y))
            .light_line_style(WHITE)
            .draw()?;
        for (i, curve) in self.curves.iter().enumerate() {
            let colour = COLOURS[i % COLOURS.len()];
            let points = self.placed(curve);
            if points.is_empty() {
                continue;
            }
            let is_last = i + 1 == self.curves.len();
            match self.marks {
                Marks::Fit | Marks::Lines if self.marks == Marks::Lines || !is_last => chart
                    .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                    .label(&curve.name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))),
                _ => chart
                    .draw_series(points.into_iter().map(|point| Circle::new(point, 2, colour.filled())))?
                    .label(&curve.name)
                    .legend(move |(x, y)| Circle::new((x + 9, y), 4, colour.filled())),
            };
        }
        if self.curves.len() > 1 {
            chart
                .configure_series_labels()
                .position(match self.legend {
                    Legend::UpperRight => SeriesLabelPosition::UpperRight,
                    Legend::UpperLeft => SeriesLabelPosition::UpperLeft,
                    Legend::LowerLeft => SeriesLabelPosition::LowerLeft,
                    Legend::LowerRight => SeriesLabelPosition::LowerRight,
                })
                .label_font(("sans-serif", 14))
                .background_style(WHITE.mix(0.85))
                .border_style(RGBColor(200, 200, 200))
                .draw()?;
        }
        Ok(place)
    }
}

/// Ten colours that are told apart (Tableau's).
const COLOURS: [RGBColor; 10] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(255, 127, 14),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(127, 127, 127),
    RGBColor(188, 189, 34),
    RGBColor(23, 190, 207),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(points: Vec<(f64, f64)>, logarithmic: bool) -> Panel {
        let axis = |label: &str| Axis { label: label.to_owned(), logarithmic };
        let curve = |name: &str, points| Curve { name: name.to_owned(), points };
        Panel {
            title: "t".into(),
            x: axis("x"),
            y: axis("y"),
            curves: vec![curve("a", points), curve("b", vec![])],
            legend: Legend::UpperRight,
            marks: Marks::Lines,
        }
    }

    #[test]
    fn a_curve_of_one_point_or_none_is_no_trouble() {
        assert!(svg(&[panel(vec![(1.0, 2.0)], false)]).unwrap().contains("<svg"));
        assert!(svg(&[panel(vec![], false)]).is_none() && png(&[panel(vec![], true)]).is_none());
        assert!(svg(&[panel(vec![(0.0, 1.0), (1.0, -1.0)], true)]).is_none(), "nothing has a logarithm");
    }

    #[test]
    fn a_picture_shows_its_curve() {
        let png = png(&[panel(vec![(1.0, 1.0), (10.0, 100.0)], true), panel(vec![(0.0, 0.0), (1.0, 1.0)], false)]);
        let image = image::load_from_memory(&png.unwrap()).unwrap().into_rgb8();
        assert_eq!(image.dimensions(), (1600, 480));
        let of_the_curve = |left: u32| {
            (left..left + 800)
                .flat_map(|x| (0..480).map(move |y| (x, y)))
                .filter(|&(x, y)| image[(x, y)].0 == [31, 119, 180])
                .count()
        };
        assert!(of_the_curve(0) > 400 && of_the_curve(800) > 400);
    }

    #[test]
    fn places_have_names() {
        let (plain, log) = (Axis::linear("x"), Axis::logarithmic("y"));
        assert_eq!([plain.name(0.1 + 0.2), plain.name(-5.0)], ["0.3", "-5"]);
        assert_eq!([log.name(-3.0), log.name(2.5)], ["1e-3", "3.2e2"]);
    }
}
