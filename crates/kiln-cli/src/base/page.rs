//! A report as one HTML file that needs nothing else: no network, and no script to be read.

use base64::{Engine, engine::general_purpose::STANDARD};
use minijinja::{AutoEscape, Environment, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use super::{
    failure::{Failure, Result},
    plot::{self, Chart, Marks, Panel, Placement},
};

/// A page: a title, and sections below each other.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) title: String,
    /// A line below the title.
    pub(crate) about: String,
    /// The numbers that matter most, by name.
    pub(crate) highlights: Vec<(String, String)>,
    pub(crate) warnings: Vec<String>,
    pub(crate) sections: Vec<Section>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Block {
    Text {
        text: String,
    },
    /// Names with their values.
    Facts {
        rows: Vec<(String, String)>,
    },
    Table {
        caption: String,
        header: Vec<String>,
        rows: Vec<Vec<String>>,
        left_out: usize,
    },
    /// Text as it was written, such as commands.
    Verbatim {
        text: String,
    },
    Charts {
        charts: Vec<Drawing>,
    },
    Picture {
        data: String,
        width: u32,
        height: u32,
        caption: String,
    },
}

/// A chart, with its points for the script that shows them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Drawing {
    svg: String,
    title: String,
    /// JSON.
    points: String,
}

/// Pixels of a chart.
const SIZE: (u32, u32) = (600, 380);
/// Points of a curve that are drawn. A screen has not many more columns.
const MOST_POINTS: usize = 600;
/// Rows of a table that are shown.
const MOST_ROWS: usize = 200;

impl Section {
    pub(crate) fn new(title: &str, blocks: Vec<Block>) -> Self {
        Self { title: title.to_owned(), blocks }
    }
}

impl Block {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// Charts beside each other; those without points are left out. None if nothing is left.
    pub(crate) fn charts(panels: &[Panel]) -> Option<Self> {
        let charts: Vec<Drawing> = panels.iter().filter_map(Drawing::of).collect();
        (!charts.is_empty()).then_some(Self::Charts { charts })
    }

    /// A PNG file.
    pub(crate) fn picture(png: &[u8], caption: &str) -> Self {
        let number = |at: usize| png.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        Self::Picture { data: STANDARD.encode(png), width: number(16), height: number(20), caption: caption.to_owned() }
    }

    /// The first rows of a table.
    pub(crate) fn table(caption: &str, header: Vec<String>, mut rows: Vec<Vec<String>>) -> Self {
        let left_out = rows.len().saturating_sub(MOST_ROWS);
        rows.truncate(MOST_ROWS);
        Self::Table { caption: caption.to_owned(), header, rows, left_out }
    }
}

impl Drawing {
    fn of(panel: &Panel) -> Option<Self> {
        #[derive(Serialize)]
        struct Points<'a> {
            place: &'a Placement,
            logarithmic: [bool; 2],
            axes: [&'a str; 2],
            curves: Vec<(&'a str, Vec<[f64; 2]>)>,
        }
        let mut panel = panel.clone();
        if panel.marks != Marks::Points {
            panel.curves.iter_mut().for_each(|curve| curve.points = thinned(&curve.points));
        }
        let Chart { svg, place } = plot::chart(&panel, SIZE)?;
        let rounded = |value: f64| format!("{value:.5e}").parse::<f64>().unwrap_or(value);
        let finite = |points: &[(f64, f64)]| {
            let finite = points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
            finite.map(|(x, y)| [rounded(*x), rounded(*y)]).collect::<Vec<_>>()
        };
        let points = Points {
            place: &place,
            logarithmic: [panel.x.logarithmic, panel.y.logarithmic],
            axes: [&panel.x.label, &panel.y.label],
            curves: panel.curves.iter().map(|curve| (curve.name.as_str(), finite(&curve.points))).collect(),
        };
        let points = serde_json::to_string(&points).expect("finite numbers and texts");
        // It fills the width that there is.
        let svg = svg.replacen(&format!("width=\"{}\" height=\"{}\" ", SIZE.0, SIZE.1), "", 1);
        Some(Self { svg, title: panel.title, points })
    }
}

/// Keeps the first and the last point of each of many parts, and the lowest and the highest between them.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let part = points.len().div_ceil(MOST_POINTS / 4);
    let keep = |part: &[(f64, f64)]| {
        let by = |a: &usize, b: &usize| part[*a].1.total_cmp(&part[*b].1);
        let rows = 0..part.len();
        let mut kept = [0, part.len() - 1, rows.clone().min_by(by).unwrap_or(0), rows.max_by(by).unwrap_or(0)].to_vec();
        kept.sort_unstable();
        kept.dedup();
        kept.into_iter().map(|row| part[row]).collect::<Vec<_>>()
    };
    points.chunks(part).flat_map(keep).collect()
}

impl Page {
    /// Returns the page as HTML.
    pub(crate) fn html(&self) -> Result<String> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        // A line with a tag alone leaves no empty line.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        templates.set_syntax(syntax.map_err(Failure::internal)?);
        templates.add_template("page", include_str!("page/page.html")).map_err(Failure::internal)?;
        let template = templates.get_template("page").map_err(Failure::internal)?;
        let values = minijinja::context! {
            page => Serde(self),
            style => include_str!("page/page.css"),
            script => include_str!("page/page.js"),
            version => env!("CARGO_PKG_VERSION"),
        };
        template.render(values).map_err(Failure::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::plot::{Axis, Curve, Legend};

    fn panel(points: Vec<(f64, f64)>) -> Panel {
        Panel {
            title: "Loss <1>".into(),
            x: Axis::linear("epoch"),
            y: Axis::logarithmic("nats"),
            curves: vec![Curve { name: "a & b".into(), points }],
            legend: Legend::UpperRight,
            marks: Marks::Lines,
        }
    }

    #[test]
    fn texts_are_escaped_and_nothing_is_fetched() {
        let blocks = vec![
            Block::text("1 < 2 & \"3\""),
            Block::Facts { rows: vec![("a<b".into(), "</script>".into())] },
            Block::table("t", vec!["<h>".into()], vec![vec!["<td>".into()]; 300]),
            Block::Verbatim { text: "<pre>".into() },
            Block::charts(&[panel(vec![(0.0, 1.0), (1.0, 10.0)]), panel(vec![])]).unwrap(),
        ];
        let section = Section::new("S & T", blocks);
        let page = Page {
            title: "<run>".into(),
            about: String::new(),
            highlights: vec![("loss".into(), "1".into())],
            warnings: vec!["<w>".into()],
            sections: vec![section],
        };
        let html = page.html().unwrap();
        for raw in ["<run>", "a<b", "<td><td>", "<h>", "<w>", "<pre><pre>", "a & b"] {
            assert!(!html.contains(raw), "{raw}");
        }
        assert!(html.contains("1 &lt; 2 &amp;") && html.contains("100 more rows") && html.contains("<svg"));
        assert_eq!(html.matches("</script>").count(), html.matches("<script").count());
        for address in ["http://", "https://", "src=\"/", "url(", "@import"] {
            let found = html.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(address), "{address}");
        }
    }

    #[test]
    fn long_curves_keep_their_extremes() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i), 0.0)).collect();
        (points[777].1, points[54_321].1) = (-3.0, 9.0);
        let few = thinned(&points);
        assert!(few.len() <= MOST_POINTS && few.contains(&(777.0, -3.0)) && few.contains(&(54_321.0, 9.0)));
        assert_eq!((few[0], few[few.len() - 1]), (points[0], points[99_999]));
    }
}
