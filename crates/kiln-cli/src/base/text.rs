//! Text for people, and numbers from tensors.

use std::path::Path;

use kiln::burn::tensor::Tensor;

/// Lays out rows in columns, each as wide as its widest cell, two spaces apart.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> String {
    table_of(&header.map(str::to_owned), &rows.into_iter().map(Vec::from).collect::<Vec<_>>())
}

/// [`table`] for a number of columns that is known when it is drawn.
pub(crate) fn table_of(header: &[String], rows: &[Vec<String>]) -> String {
    let rows: Vec<&[String]> = std::iter::once(header).chain(rows.iter().map(Vec::as_slice)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &&[String]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns the shortest text that reads back as the same number: with an exponent if it is very large or small.
pub(crate) fn digits(number: f64) -> String {
    let has_exponent = number.is_finite() && number != 0.0 && !(1e-5..1e16).contains(&number.abs());
    if has_exponent { format!("{number:e}") } else { number.to_string() }
}

/// Returns the last part of a dataset's name or path, without its extension.
pub(crate) fn file_stem(name: &str) -> String {
    if name == "-" {
        return "stdin".to_owned();
    }
    Path::new(name).file_stem().map_or_else(|| "data".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Returns a tensor's values in row-major order.
pub(crate) fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as::<f64>().expect("a float tensor converts to f64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_read_back() {
        for (number, text) in [
            (0.0, "0"),
            (3.0, "3"),
            (-0.25, "-0.25"),
            (1e-5, "0.00001"),
            (9.9e-6, "9.9e-6"),
            (1.5e-214, "1.5e-214"),
            (-2e300, "-2e300"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(digits(number), text);
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
        assert_eq!(digits(f64::NAN), "NaN");
    }
}
