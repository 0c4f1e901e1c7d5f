//! Tables whose columns are pixels.

use std::path::Path;

use super::{
    labels::Labels,
    levels::{Levels, Range},
    raw::Raw,
};
use crate::{ColumnKind, DataError, ImageShape, Images, Table};

/// Names of the column with the class of an image.
const LABELS: [&str; 6] = ["label", "labels", "class", "target", "digit", "y"];

/// Reads a table with one row per image, one column per pixel in row order, and possibly a column with the class.
pub(super) fn read(path: &Path, size: Option<[usize; 2]>) -> Result<Raw, DataError> {
    let table = Table::read(path)?;
    let refused = |cause: String| DataError::NotImages { path: path.into(), cause };
    let is_label = |name: &str| LABELS.contains(&name.to_lowercase().as_str());
    let label = table.columns().iter().find(|column| is_label(column.name()));
    let mut columns = Vec::new();
    for column in table.columns().iter().filter(|column| !is_label(column.name())) {
        if column.missing() > 0 {
            return Err(refused(format!("column '{}' has {} missing values", column.name(), column.missing())));
        }
        columns.push(
            column
                .numbers()
                .ok_or_else(|| refused(format!("column '{}' is no column of numbers, as pixels are", column.name())))?,
        );
    }
    let shape = shape(columns.len(), size).map_err(refused)?;
    let mut range = Range::new();
    columns.iter().for_each(|numbers| range.add(numbers));
    let levels = Levels::of(range).map_err(refused)?;
    let rows = 0..table.len();
    let pixels = rows.flat_map(|row| columns.iter().map(move |numbers| numbers[row])).map(|number| levels.byte(number));
    let images = Images::of_shape(pixels.collect(), shape, levels.max)?;
    let labels = match label {
        None => None,
        Some(column) if column.missing() > 0 => {
            return Err(refused(format!("column '{}' has {} missing values", column.name(), column.missing())));
        }
        Some(column) if column.kind() == ColumnKind::Numeric => {
            Some(Labels::of_numbers(column.numbers().unwrap_or_default()).map_err(refused)?)
        }
        Some(column) => {
            let (names, codes) = column.levels();
            Some(Labels { labels: codes.into_owned(), names: Some(names.into_owned()) })
        }
    };
    let notes = table.notes().iter().map(ToString::to_string).chain(levels.note).collect();
    Raw::of_parts(vec![(images, labels)], table.sha256().to_owned(), notes)
}

fn shape(values: usize, size: Option<[usize; 2]>) -> Result<ImageShape, String> {
    let side = (values as f64).sqrt().round() as usize;
    match size {
        None if side > 0 && side * side == values => Ok(ImageShape::grey(side, side)),
        None => {
            Err(format!("it has {values} columns of pixels, which is no square: give the size (--size HEIGHTxWIDTH)"))
        }
        Some([height, width]) => match [1, 3].into_iter().find(|channels| channels * height * width == values) {
            Some(channels) => Ok(ImageShape { height, width, channels }),
            None => Err(format!("it has {values} columns of pixels, which are not {height}×{width} pixels")),
        },
    }
}
