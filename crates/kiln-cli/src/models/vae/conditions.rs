//! The classes on which a conditional model depends.

use std::borrow::Cow;

use kiln::{
    burn::tensor::{Device, Tensor, TensorData},
    data::{Binarized, Dataset, Images},
    dist::LatentVariableModel,
    models::Vae,
};

use crate::base::{Failure, Result};

/// Numbers the classes of training and test images by one list of names, and returns it. `known` are the classes of the model, if there is
/// one already; `name` is that of the data.
pub(super) fn number_classes(
    [train, test]: [&mut Images; 2],
    known: Option<&[String]>,
    name: &str,
) -> Result<Vec<String>> {
    if !train.has_labels() || !test.has_labels() {
        return Err(Failure::usage(format!(
            "--condition class needs the class of each image, and {name} has none: put the images of each class into a folder of its own"
        )));
    }
    let names = match known {
        Some(known) => known.to_vec(),
        None if train.classes() >= test.classes() => train.class_names(),
        None => test.class_names(),
    };
    if names.len() < 2 {
        return Err(Failure::usage(format!(
            "--condition class needs two classes or more, and {name} has {}",
            names.len()
        )));
    }
    for images in [train, test] {
        *images = renumbered(images, &names, name)?;
    }
    Ok(names)
}

fn renumbered(images: &Images, names: &[String], data: &str) -> Result<Images> {
    let own = images.class_names();
    let number = |label: &u32| {
        let class = &own[*label as usize];
        let unknown = || {
            Failure::usage(format!("{data} has images of the class {class}, and the model knows {}", names.join(", ")))
        };
        names.iter().position(|name| name == class).and_then(|at| u32::try_from(at).ok()).ok_or_else(unknown)
    };
    let labels = images.labels().iter().map(number).collect::<Result<Vec<u32>>>()?;
    Ok(images.clone().with_labels(labels)?.with_class_names(names.to_vec())?)
}

/// Returns the number of the class that is called `name`.
pub(super) fn class_number(name: &str, classes: &[String]) -> Result<usize> {
    if classes.is_empty() {
        return Err(Failure::usage("--class is for runs with --condition class"));
    }
    let unknown = || Failure::usage(format!("there is no class {name}: the model knows {}", classes.join(", ")));
    classes.iter().position(|class| class == name).ok_or_else(unknown)
}

/// Returns the indicators of classes, row by row: one number per class of the model, and none for a model without a condition.
pub(super) fn indicators(model: &Vae, classes: impl Iterator<Item = usize>) -> Vec<f64> {
    let dim = model.condition_dim();
    classes.flat_map(|class| (0..dim).map(move |i| f64::from(u8::from(i == class)))).collect()
}

/// Returns the model given the indicators of classes, if it is a conditional one.
pub(super) fn given<'m>(model: &'m Vae, indicators: &[f64], device: &Device) -> Cow<'m, Vae> {
    match model.condition_dim() {
        0 => Cow::Borrowed(model),
        dim => {
            let data = TensorData::new(indicators.to_vec(), [indicators.len() / dim, dim]);
            Cow::Owned(model.conditioned(Tensor::from_data(data, device)))
        }
    }
}

/// Returns the pixels of images, and the model given their classes.
pub(super) fn seen<'m>(
    model: &'m Vae,
    images: &Binarized,
    rows: &[usize],
    device: &Device,
) -> (Cow<'m, Vae>, Tensor<2>) {
    model.given(images.batch(rows, device))
}
