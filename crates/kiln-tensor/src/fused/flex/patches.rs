//! The patches of images as the rows of a matrix, and their sum back into images: each is the other's transpose.

use burn::backend::{
    Flex,
    autodiff::{
        checkpoint::base::Checkpointer,
        grads::Gradients,
        ops::{Backward, Ops},
    },
    flex::FlexTensor,
};
use rayon::prelude::*;

use super::linear::{activate, through};
use crate::{
    elementary::Float,
    flex::{numbers, on_float, tensor, threads_for, vectorised, whole},
    fused::{Activation, window::Window},
};

/// Returns the patches `[n·rows·columns, kernel·channels]` of images `[n, height·width·channels]`.
pub(super) fn patches(images: FlexTensor, window: Window) -> FlexTensor {
    let images = whole(images);
    on_float!(images.dtype(), E => {
        let (image, patch) = (window.image_len(), window.patch_len());
        let (n, rows) = (images.layout().shape()[0], window.patches());
        let mut out = vec![E::ZERO; n * rows * patch];
        let of_image = |(out, image): (&mut [E], &[E])| copy_patches(image, out, &window);
        out.par_chunks_mut((rows * patch).max(1))
            .zip(numbers::<E>(&images).par_chunks(image.max(1)))
            .with_min_len(at_a_time(n, rows * patch))
            .for_each(of_image);
        tensor(out, [n * rows, patch])
    })
}

/// Returns act(images + bias), `[n·height·width, channels]`, where images are the sums of patches `[n·rows·columns, kernel·channels]`.
pub(super) fn fold(patches: FlexTensor, bias: FlexTensor, window: Window, act: Activation) -> FlexTensor {
    let (patches, bias) = (whole(patches), whole(bias));
    on_float!(patches.dtype(), E => {
        let (image, patch, channels) = (window.image_len(), window.patch_len(), window.channels);
        let (rows, bias) = (window.patches(), numbers::<E>(&bias));
        let n = patches.layout().shape()[0] / rows.max(1);
        let mut out = vec![E::ZERO; n * image];
        let of_image = |(out, patches): (&mut [E], &[E])| {
            vectorised(
                #[inline(always)]
                || {
                    out.chunks_exact_mut(channels.max(1)).for_each(|pixel| pixel.copy_from_slice(bias));
                    add_patches(patches, out, &window);
                    activate(out, act);
                },
            );
        };
        out.par_chunks_mut(image.max(1))
            .zip(numbers::<E>(&patches).par_chunks((rows * patch).max(1)))
            .with_min_len(at_a_time(n, rows * patch))
            .for_each(of_image);
        tensor(out, [n * window.height * window.width, channels])
    })
}

/// Images for one thread at a time, of this many numbers each.
fn at_a_time(n: usize, numbers: usize) -> usize {
    let threads = threads_for(n * numbers, 1 << 15);
    n.div_ceil(threads * 4).max(1)
}

/// Calls `copy` for each run of numbers that lie next to each other both in the image and in the patches: its place in either, and its length.
#[inline(always)]
fn each_run(window: &Window, mut copy: impl FnMut(usize, usize, usize)) {
    let Window { height, width, channels, kernel, stride, padding, .. } = *window;
    let ([rows, columns], patch) = (window.out, window.patch_len());
    for row in 0..rows {
        for ky in 0..kernel[0] {
            let Some(y) = (row * stride[0] + ky).checked_sub(padding[0]).filter(|y| *y < height) else { continue };
            for column in 0..columns {
                let left = column * stride[1];
                // The part of the kernel's row that is inside the image.
                let first = padding[1].saturating_sub(left).min(kernel[1]);
                let last = (width + padding[1]).saturating_sub(left).min(kernel[1]);
                if first < last {
                    let in_image = (y * width + left + first - padding[1]) * channels;
                    let in_patches = (row * columns + column) * patch + (ky * kernel[1] + first) * channels;
                    copy(in_image, in_patches, (last - first) * channels);
                }
            }
        }
    }
}

fn copy_patches<E: Float>(image: &[E], patches: &mut [E], window: &Window) {
    each_run(window, |from, to, len| patches[to..to + len].copy_from_slice(&image[from..from + len]));
}

#[inline(always)]
fn add_patches<E: Float>(patches: &[E], image: &mut [E], window: &Window) {
    each_run(window, |to, from, len| {
        image[to..to + len].iter_mut().zip(&patches[from..from + len]).for_each(|(sum, &x)| *sum += x);
    });
}

#[derive(Debug)]
pub(super) struct Patches;

impl Backward<Flex, 1> for Patches {
    type State = Window;

    fn backward(self, ops: Ops<Window, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (grad, window, [images]) = (grads.consume::<Flex>(&ops.node), ops.state, ops.parents);
        let Some(node) = images else { return };
        let grad = on_float!(grad.dtype(), E => {
            let none = tensor(vec![E::ZERO; window.channels], [window.channels]);
            let images = fold(grad, none, window, Activation::Identity);
            let n = images.layout().num_elements() / window.image_len().max(1);
            images.reshape([n, window.image_len()].into())
        });
        grads.register::<Flex>(node.id, grad);
    }
}

/// What [`Fold`] keeps: the output, unless the derivative of the activation is 1.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) y: Option<FlexTensor>,
    pub(super) window: Window,
    pub(super) act: Activation,
}

#[derive(Debug)]
pub(super) struct Fold;

impl Backward<Flex, 2> for Fold {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (grad, Kept { y, window, act }, [from, bias]) = (grads.consume::<Flex>(&ops.node), ops.state, ops.parents);
        let (grad, of_bias) = on_float!(grad.dtype(), E => through::<E>(whole(grad), y, act, bias.is_some()));
        if let (Some(node), Some(grad)) = (bias, of_bias) {
            grads.register::<Flex>(node.id, grad);
        }
        if let Some(node) = from {
            let n = grad.layout().num_elements() / window.image_len().max(1);
            let images = whole(grad).reshape([n, window.image_len()].into());
            grads.register::<Flex>(node.id, patches(images, window));
        }
    }
}
