//! Images in arrays of NumPy.

use std::path::Path;

use super::{
    labels::Labels,
    levels::{Levels, Range},
    raw::Raw,
};
use crate::{
    DataError, ImageShape, Images,
    content::{Content, open_regular},
    images::interleaved,
    table::{Tensors, Values},
};

/// From this number of bytes on, an array of bytes stays in its file.
const MAPPED: usize = 1 << 28;

/// How an array is an array of images.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layout {
    count: usize,
    shape: ImageShape,
    /// Whether an image has its channels one after the other, and not those of a pixel.
    is_planar: bool,
}

/// The arrays of a file by what they are for: images and labels for training, and for testing.
#[derive(Default)]
struct Roles<'a> {
    images: [Vec<&'a Values>; 2],
    labels: [Vec<&'a Values>; 2],
}

/// Reads a `.npy` or `.npz` file. `size` is the height and width of images that are rows of a matrix.
pub(super) fn read(path: &Path, size: Option<[usize; 2]>) -> Result<Raw, DataError> {
    let tensors = Tensors::open(path)?;
    let refused = |cause: String| DataError::NotImages { path: path.into(), cause };
    let Roles { images, labels } = Roles::of(&tensors.all);
    let one = |found: &[&Values], what: &str| match found {
        [] => Ok(None),
        [_] => Ok(Some(0)),
        several => {
            let names: Vec<&str> = several.iter().map(|values| values.name.as_str()).collect();
            Err(refused(format!("it has several arrays of {what}: {}; keep one", names.join(", "))))
        }
    };
    if images[0].is_empty() {
        let shapes = tensors.all.iter().map(|values| format!("{} {:?}", values.name, values.shape));
        let shapes = shapes.collect::<Vec<_>>().join(", ");
        return Err(refused(format!(
            "it has no array of images, [n, height, width] or [n, height, width, channels], but {shapes}"
        )));
    }
    let layouts = images.iter().map(|found| match one(found, "images")? {
        Some(at) => Layout::of(&found[at].shape, size).map(Some).map_err(refused),
        None => Ok(None),
    });
    let layouts: Vec<Option<Layout>> = layouts.collect::<Result<_, _>>()?;
    if let [Some(train), Some(test)] = layouts[..]
        && train.shape != test.shape
    {
        return Err(refused(format!("training images are {}, and test images are {}", train.shape, test.shape)));
    }
    let mapped = |at: usize| images[at][0].bytes_from().filter(|_| images[at][0].count() >= MAPPED);
    let mut range = Range::new();
    for at in (0..2).filter(|&at| layouts[at].is_some() && mapped(at).is_none()) {
        tensors.each(images[at][0], &mut |numbers| range.add(numbers))?;
    }
    let levels = Levels::of(range).map_err(refused)?;
    let mut parts = Vec::new();
    for (at, layout) in layouts.into_iter().enumerate().filter_map(|(at, layout)| Some((at, layout?))) {
        let values = images[at][0];
        let part = match mapped(at) {
            Some(start) if !layout.is_planar => {
                let mapped = Images::mapped(&open_regular(path)?.0, start, layout.count, layout.shape);
                mapped.map_err(|cause| DataError::Io { action: "map", path: path.into(), cause })?
            }
            _ => {
                let mut bytes = Vec::with_capacity(values.count());
                tensors.each(values, &mut |numbers| bytes.extend(numbers.iter().map(|n| levels.byte(*n))))?;
                let bytes = if layout.is_planar { interleaved(&bytes, layout.shape) } else { bytes };
                Images::of_shape(bytes, layout.shape, levels.max)?
            }
        };
        parts.push(match one(&labels[at], "labels")? {
            None => (part, None),
            Some(_) => {
                let mut numbers = Vec::new();
                tensors.each(labels[at][0], &mut |some| numbers.extend_from_slice(some))?;
                (part, Some(Labels::of_numbers(&numbers).map_err(refused)?))
            }
        });
    }
    let sha256 = Content::open_raw(path)?.sha256(u64::MAX)?;
    Raw::of_parts(parts, sha256, levels.note.into_iter().collect())
}

impl<'a> Roles<'a> {
    /// Arranges arrays by their names and shapes. What is for validation is left out, if something is for testing.
    fn of(all: &'a [Values]) -> Self {
        let mut roles = Self::default();
        let is_for = |values: &Values, what: &str| values.name.to_lowercase().contains(what);
        let has_test = all.iter().any(|values| is_for(values, "test"));
        for values in all {
            let is_vector = matches!(values.shape[..], [_] | [_, 1]);
            let at = match (is_for(values, "test"), is_for(values, "val")) {
                (true, _) => 1,
                (_, true) if has_test => continue,
                (_, true) => 1,
                _ => 0,
            };
            match values.shape.len() {
                _ if is_vector => roles.labels[at].push(values),
                2..=4 => roles.images[at].push(values),
                _ => {}
            }
        }
        for labels in &mut roles.labels {
            let named = |values: &&&Values| {
                let name = values.name.to_lowercase();
                name.contains("label") || name.contains("target") || name.starts_with('y') || name.ends_with("_y")
            };
            let named: Vec<&Values> = labels.iter().filter(named).copied().collect();
            if labels.len() > 1 && !named.is_empty() {
                *labels = named;
            }
        }
        roles
    }
}

impl Layout {
    fn of(shape: &[usize], size: Option<[usize; 2]>) -> Result<Self, String> {
        let of = |count, shape: ImageShape, is_planar| Ok(Self { count, shape, is_planar });
        let with = |height, width, channels| ImageShape { height, width, channels };
        let found = match *shape {
            [count, values] => {
                let sides = size.or_else(|| square(values)).or_else(|| square(values / 3).filter(|_| values % 3 == 0));
                let [height, width] = sides.ok_or_else(|| {
                    format!("its rows have {values} values, which is no square: give the size (--size HEIGHTxWIDTH)")
                })?;
                return match values.checked_div(height.saturating_mul(width)) {
                    Some(channels @ (1 | 3)) if channels * height * width == values => {
                        of(count, with(height, width, channels), false)
                    }
                    _ => Err(format!("its rows have {values} values, which are not {height}×{width} pixels")),
                };
            }
            [count, height, width] => of(count, with(height, width, 1), false),
            [count, height, width, channels @ (1 | 3)] => of(count, with(height, width, channels), false),
            [count, channels @ (1 | 3), height, width] => of(count, with(height, width, channels), true),
            _ => Err(format!(
                "its shape is {shape:?}, and images are [n, height, width], with 1 or 3 channels before or after"
            )),
        }?;
        match size {
            Some([height, width]) if [height, width] != [found.shape.height, found.shape.width] => Err(format!(
                "its images are {}, and --size asks for {height}×{width}: only picture files are resized",
                found.shape
            )),
            _ => Ok(found),
        }
    }
}

/// Returns the sides of a square of so many pixels.
fn square(pixels: usize) -> Option<[usize; 2]> {
    let side = (pixels as f64).sqrt().round() as usize;
    (side > 0 && side * side == pixels).then_some([side; 2])
}
