//! The tables and pictures in a run's folder, as sections of a report.

use crate::base::{Block, RunDir, Section};

/// Returns a section for each kind of file, of the files that exist.
pub(super) fn sections_of_files(dir: &RunDir, names: &[&str]) -> Vec<Section> {
    let blocks = |wanted: &str, block: fn(&[u8], &str) -> Option<Block>| {
        let of = names.iter().filter(|name| name.ends_with(wanted));
        of.filter_map(|name| block(&dir.read(name).ok()?, name)).collect::<Vec<_>>()
    };
    let all = [
        ("Summary", blocks(".txt", verbatim)),
        ("Tables", blocks(".csv", table)),
        ("Pictures", blocks(".png", |png, name| Some(Block::picture(png, name)))),
    ];
    all.into_iter()
        .filter(|(_, blocks)| !blocks.is_empty())
        .map(|(title, blocks)| Section::new(title, blocks))
        .collect()
}

fn verbatim(bytes: &[u8], _: &str) -> Option<Block> {
    Some(Block::Verbatim { text: String::from_utf8_lossy(bytes).trim_end().to_owned() })
}

fn table(bytes: &[u8], name: &str) -> Option<Block> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().ok()?.iter().map(str::to_owned).collect();
    let row = |record: csv::StringRecord| record.iter().map(shortened).collect();
    let rows = reader.records().map_while(Result::ok).map(row).collect();
    Some(Block::table(name, header, rows))
}

/// Writes a number with many digits with six of them.
fn shortened(cell: &str) -> String {
    match cell.parse::<f64>() {
        Ok(number) if cell.len() > 9 && number.is_finite() => {
            let short: f64 = format!("{number:.5e}").parse().unwrap_or(number);
            short.to_string()
        }
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_numbers_are_shortened() {
        let cells =
            ["0.123456789012", "12345678", "-1.5", "a long text of a cell", "1e-300", "123456789.123"].map(shortened);
        assert_eq!(cells, ["0.123457", "12345678", "-1.5", "a long text of a cell", "1e-300", "123457000"]);
    }
}
