//! The images of a run.

use kiln::data::{Augment, Binarized, Dataset, HoldOut, ImageLoader, ImageSplits, Images, Locate, stratified_split};

use super::{
    conditions::number_classes,
    model_settings::Condition,
    settings::{ImageData, VaeSettings},
};
use crate::{
    base::{
        Console, Failure, Result,
        ranks::{by_root, first_by_root},
    },
    context::DataRecord,
};

/// Training images and test images.
pub(crate) struct ImageSet {
    pub(super) train: Binarized,
    /// Images that choose the epoch, if they are not the test images.
    pub(super) validation: Option<Binarized>,
    pub(super) test: Binarized,
    /// The names of the classes that the model is given, or none.
    pub(super) classes: Vec<String>,
    pub(super) record: DataRecord,
    pub(super) notes: Vec<String>,
}

impl ImageSet {
    pub(super) fn load(settings: &VaeSettings, console: Console) -> Result<Self> {
        Self::load_for(settings, None, console)
    }

    /// Loads images for a model that knows these classes.
    pub(super) fn load_for(settings: &VaeSettings, classes: Option<&[String]>, console: Console) -> Result<Self> {
        let locate = Locate { data_dir: settings.data.data_dir.clone(), offline: false };
        let (seed, binarize) = (settings.run.seed, settings.data.binarize);
        let hold_out = HoldOut { test_fraction: settings.data.test_fraction, seed };
        let ImageData { name, size, fit, color, skip_bad, .. } = &settings.data;
        let loader =
            ImageLoader::new(name).locate(locate).hold_out(hold_out).fit(*fit).color(*color).skip_bad(*skip_bad);
        let loader = match size {
            Some(size) => loader.size(size.height, size.width),
            None => loader,
        };
        let mut images = first_by_root(|| Ok(loader.load(&mut console.loading())?))?;
        let mut notes = images.notes.clone();
        notes.extend(left_out(&images));
        // Rank 0 alone reads all images.
        let sha256 = by_root(|| images.sha256().to_owned())?;
        if let Some(used) = settings.data.train_images {
            let first: Vec<usize> = (0..used.min(images.train.len())).collect();
            images.train = images.train.subset(&first);
        }
        let by_class = settings.model.condition == Condition::Class;
        let classes = match by_class {
            true => number_classes([&mut images.train, &mut images.test], classes, name)?,
            false => Vec::new(),
        };
        let validation = held_out(&mut images.train, settings.data.validation_fraction, seed)?;
        let record = DataRecord {
            name: settings.data.name.clone(),
            sha256,
            n_train: images.train.len(),
            n_validation: validation.as_ref().map(Dataset::len),
            n_test: images.test.len(),
            image_size: Some([images.train.height(), images.train.width()]),
            image_channels: Some(images.train.shape().channels).filter(|channels| *channels > 1),
            classes: classes.clone(),
        };
        let augment = Augment { flip: settings.data.augment_flip, shift: settings.data.augment_shift };
        let of = |images, purpose| {
            let images = Binarized::new(images, binarize, seed, purpose);
            if by_class { images.with_classes() } else { Ok(images) }
        };
        let train = of(images.train, "binarize-train")?.augmented(augment);
        let validation = validation.map(|images| of(images, "binarize-validation")).transpose()?;
        let test = of(images.test, "binarize-test")?;
        Ok(Self { train, validation, test, classes, record, notes })
    }

    /// The images that choose the epoch.
    pub(super) fn held_out(&self) -> &Binarized {
        self.validation.as_ref().unwrap_or(&self.test)
    }

    /// The images that pictures show: test images, or training images if there are none.
    pub(super) fn shown(&self) -> &Binarized {
        if self.test.is_empty() { &self.train } else { &self.test }
    }

    pub(super) fn images(&self) -> &Images {
        self.train.images()
    }
}

/// Takes this fraction of the training images out for validation. Classes keep their proportions.
fn held_out(train: &mut Images, fraction: f64, seed: u64) -> Result<Option<Images>> {
    if fraction <= 0.0 {
        return Ok(None);
    }
    let (n, classes) = (train.len(), if train.has_labels() { train.targets() } else { vec![0; train.len()] });
    #[allow(clippy::cast_precision_loss, reason = "a number of images")]
    let count = (n as f64 * fraction).round();
    if count < 1.0 || count >= n as f64 {
        let what = if count < 1.0 { "no image" } else { "all of them" };
        return Err(Failure::usage(format!("--validation-fraction {fraction} of {n} training images is {what}")));
    }
    let split = stratified_split(&classes, fraction, seed)?;
    let validation = train.subset(&split.test);
    *train = train.subset(&split.train);
    Ok(Some(validation))
}

/// Names the files that were left out, a line each.
fn left_out(images: &ImageSplits) -> Vec<String> {
    const SHOWN: usize = 20;
    let bad = &images.skipped;
    let mut lines: Vec<String> = bad.iter().take(SHOWN).map(|bad| format!("left out: {bad}")).collect();
    if bad.len() > SHOWN {
        lines.push(format!("left out: {} more files", bad.len() - SHOWN));
    }
    lines
}
