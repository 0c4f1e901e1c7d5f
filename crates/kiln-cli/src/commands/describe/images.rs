//! What a set of images holds.

use std::path::{Path, PathBuf};

use clap::Args;
use kiln::data::{ColorMode, DataError, Dataset, Fit, HoldOut, ImageGrid, ImageLoader, ImageSplits, Images};

use crate::{
    base::{Console, Exit, Failure, Output, Result, require},
    models::ImageSize,
};

/// Classes that are listed.
const SHOWN: usize = 12;
/// Files that are left out and listed.
const LISTED: usize = 20;
/// The size of images in the contact sheet of pictures of several sizes.
const SHEET: usize = 96;

#[derive(Args, Debug)]
#[command(next_help_heading = "Images")]
pub(crate) struct ImageFlags {
    /// PNG file to write with the first images
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Number of images in --sheet
    #[arg(long, value_name = "N", default_value_t = 64)]
    sheet_images: usize,
    /// Replace the file of --sheet, if there is one
    #[arg(long)]
    force: bool,
    /// Height and width of the images [default: those of the files]
    #[arg(long, value_name = "HEIGHTxWIDTH")]
    size: Option<ImageSize>,
    /// How pictures of other shapes get that size: crop, pad or stretch
    #[arg(long, value_name = "HOW", default_value_t = Fit::Crop)]
    fit: Fit,
    /// Channels of pictures: auto, grey or rgb
    #[arg(long, value_name = "MODE", default_value_t = ColorMode::Auto)]
    color: ColorMode,
}

impl ImageFlags {
    /// For a table.
    pub(super) fn refuse(&self) -> Result<()> {
        match (&self.sheet, self.size) {
            (None, None) => Ok(()),
            (Some(_), _) => Err(Failure::usage("--sheet is for images, and this is a table")),
            (None, Some(_)) => Err(Failure::usage("--size is for images, and this is a table")),
        }
    }
}

pub(super) fn describe(path: &Path, flags: &ImageFlags, console: Console) -> Result<Exit> {
    require((1..=10_000).contains(&flags.sheet_images), "sheet-images", "from 1 to 10000", flags.sheet_images)?;
    let sheet = flags.sheet.as_deref().map(|sheet| Output::new(sheet, flags.force)).transpose()?;
    let name = path.to_string_lossy();
    let whole = HoldOut { test_fraction: 0.0, seed: 0 };
    let loader = ImageLoader::new(name.clone()).hold_out(whole).fit(flags.fit).color(flags.color).skip_bad(true);
    let loader = match flags.size {
        Some(ImageSize { height, width }) => loader.size(height, width),
        None => loader,
    };
    let mut loading = console.loading();
    let (splits, has_one_size) = match loader.load(&mut loading) {
        // Pictures of several sizes are described all the same.
        Err(DataError::PictureSizes { .. }) => (loader.size(SHEET, SHEET).fit(Fit::Pad).load(&mut loading)?, false),
        found => (found?, true),
    };
    drop(loading);
    if let Some(sheet) = &sheet {
        sheet.write(&contact_sheet(&splits, flags.sheet_images)?)?;
    }
    let described = Described::of(&splits, has_one_size);
    let result = serde_json::json!({
        "name": name, "sha256": splits.sha256(), "train": splits.train.len(), "test": splits.test.len(),
        "shape": has_one_size.then(|| splits.train.shape()), "sizes": splits.sizes, "classes": described.classes,
        "mean": described.mean, "stddev": described.stddev, "max": splits.train.max(), "notes": splits.notes,
        "skipped": splits.skipped, "sheet": sheet.as_ref().map(Output::shown),
    });
    console.result(&result, || {
        let sheet = sheet.as_ref().map_or_else(
            || "--sheet FILE.png draws the first images".to_owned(),
            |sheet| format!("the first images are in {}", sheet.shown()),
        );
        format!("{}\n{sheet}", described.text(&name, &splits))
    })?;
    Ok(Exit::Done)
}

fn contact_sheet(splits: &ImageSplits, count: usize) -> Result<Vec<u8>> {
    let images = &splits.train;
    let count = count.min(images.len());
    let pixels: Vec<f64> =
        (0..count).flat_map(|row| images.image(row)).map(|byte| f64::from(*byte) / f64::from(images.max())).collect();
    let columns = (count as f64).sqrt().ceil() as usize;
    Ok(ImageGrid::of_shape(images.shape()).columns(columns).to_png(&pixels)?)
}

struct Described {
    shape: Option<String>,
    /// Names, and numbers of images for training and testing together.
    classes: Vec<(String, usize)>,
    /// Of all pixels, in [0, 1].
    mean: f64,
    /// Of the pixels around their means.
    stddev: f64,
}

impl Described {
    fn of(splits: &ImageSplits, has_one_size: bool) -> Self {
        let train = &splits.train;
        let mut counts = vec![0; train.classes()];
        let count = |images: &Images, counts: &mut [usize]| {
            images.labels().iter().for_each(|label| counts[*label as usize] += 1);
        };
        count(train, &mut counts);
        count(&splits.test, &mut counts);
        let sums = train.pixel_sums(0..train.len());
        let mean = sums.mean();
        Self {
            shape: has_one_size.then(|| train.shape().to_string()),
            classes: train.class_names().into_iter().zip(counts).collect(),
            mean: mean.iter().sum::<f64>() / mean.len() as f64,
            stddev: sums.stddev(),
        }
    }

    fn text(&self, name: &str, splits: &ImageSplits) -> String {
        let (train, test) = (splits.train.len(), splits.test.len());
        let of = if test > 0 {
            format!("{train} training images and {test} test images")
        } else {
            format!("{train} images")
        };
        let shape = self
            .shape
            .as_ref()
            .map_or_else(|| "of several sizes: give --size".to_owned(), |shape| format!("of {shape}"));
        let mut lines = vec![format!("{name}: {of} {shape}")];
        if splits.sizes.len() > 1 {
            let sizes = splits.sizes.iter().map(|([height, width], files)| format!("{height}×{width} ({files})"));
            lines.push(format!("sizes    {}", listed(sizes)));
        }
        if !self.classes.is_empty() {
            let classes = self.classes.iter().map(|(class, images)| format!("{class} ({images})"));
            lines.push(format!("classes  {}", listed(classes)));
        }
        lines.push(format!(
            "pixels   mean {:.3}, standard deviation around the mean image {:.3}",
            self.mean, self.stddev
        ));
        lines.extend(splits.notes.iter().map(|note| format!("note     {note}")));
        lines.extend(splits.skipped.iter().take(LISTED).map(|bad| format!("not used {bad}")));
        if splits.skipped.len() > LISTED {
            lines.push(format!("not used {} more files", splits.skipped.len() - LISTED));
        }
        lines.join("\n")
    }
}

fn listed(texts: impl ExactSizeIterator<Item = String>) -> String {
    let more = texts.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> = texts.take(SHOWN).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}
