//! The images that a command goes through, one row of a table for each.

use kiln::{
    data::{Binarized, Dataset},
    models::Vae,
};

use super::{
    apply::{image_shape, known_classes, load_both, load_model},
    data::ImageSet,
    settings::VaeSettings,
};
use crate::{
    base::{Column, Columns, Failure, Result},
    context::Opened,
    settings::located,
};

/// Which images of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    All,
    Train,
    Validation,
    Test,
}

/// The images and the model that is applied to them.
pub(super) struct Rows {
    pub(super) set: ImageSet,
    pub(super) model: Vae,
    part: Part,
    /// Whether the images are those of the run, which are divided.
    divided: bool,
}

impl Rows {
    /// Opens the images of the run, or all images of other `data`, which must have the same shape.
    pub(super) fn open(
        run: &mut Opened<VaeSettings>,
        data: Option<&str>,
        part: Part,
        allow_changed_data: bool,
    ) -> Result<Self> {
        let (set, model, divided) = match data {
            None => {
                let (set, model) = load_both(run, allow_changed_data)?;
                (set, model, true)
            }
            Some(name) => {
                run.settings.data.test_fraction = 0.0;
                run.settings.data.train_images = None;
                let (set, model) = load_other(run, name)?;
                // All of them, also if they come with a test set.
                (set, model, false)
            }
        };
        let rows = Self { set, model, part: if divided { part } else { Part::All }, divided };
        match rows.parts().iter().all(|(_, images)| images.is_empty()) {
            true => Err(Failure::usage("there are no such images: choose others by --images, or give --data")),
            false => Ok(rows),
        }
    }

    /// The names of the parts, and their images.
    pub(super) fn parts(&self) -> Vec<(&'static str, &Binarized)> {
        let ImageSet { train, validation, test, .. } = &self.set;
        let all = [("train", Some(train), Part::Train), ("validation", validation.as_ref(), Part::Validation)];
        let all = all.into_iter().chain([("test", Some(test), Part::Test)]);
        let chosen = all.filter(|(.., part)| self.part == Part::All || self.part == *part);
        chosen.filter_map(|(name, images, _)| Some((name, images?))).collect()
    }

    /// Returns the columns that say which image a row is, and the order of the rows: as in the data, or by the names of files.
    pub(super) fn named(&self, single: bool) -> (Columns, Vec<usize>) {
        let (mut part, mut row, mut file, mut label) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (name, data) in self.parts() {
            let (images, n) = (data.images(), data.len());
            part.extend(vec![name.to_owned(); n]);
            row.extend((0..n).filter_map(|row| i64::try_from(row).ok()));
            file.extend(images.files().iter().map(ToString::to_string));
            let names = images.class_names();
            label.extend(images.labels().iter().map(|label| names[*label as usize].clone()));
        }
        let n = row.len();
        let mut order: Vec<usize> = (0..n).collect();
        if file.len() == n && !self.divided {
            order.sort_by(|a, b| file[*a].cmp(&file[*b]));
        }
        let mut columns = Columns::new(single);
        if part.first() != part.last() {
            columns.push("split", Column::Text(part));
        }
        columns.push("row", Column::Whole(row));
        if file.len() == n {
            columns.push("file", Column::Text(file));
        }
        if label.len() == n {
            columns.push("label", Column::Text(label));
        }
        (columns, order)
    }
}

/// All images of data without a test set, or those for testing of data that have one, as test images; and the run's model.
pub(super) fn load_test(run: &mut Opened<VaeSettings>, name: &str) -> Result<(ImageSet, Vae)> {
    run.settings.data.test_fraction = 0.0;
    let (mut data, model) = load_other(run, name)?;
    if data.test.is_empty() {
        std::mem::swap(&mut data.train, &mut data.test);
    }
    Ok((data, model))
}

/// The images of other data than the run's, and its model.
fn load_other(run: &mut Opened<VaeSettings>, name: &str) -> Result<(ImageSet, Vae)> {
    let own = image_shape(run)?;
    run.settings.data.validation_fraction = 0.0;
    name.clone_into(&mut run.settings.data.name);
    located(&mut run.settings.data.name, &mut run.settings.data.data_dir)?;
    let data = ImageSet::load_for(&run.settings, known_classes(run), run.console)?;
    let shape = data.images().shape();
    if shape != own {
        return Err(Failure::usage(format!("{name} has images of {shape}, and the run was trained on {own}")));
    }
    let model = load_model(run, own)?;
    Ok((data, model))
}
