//! The patches of an image as the rows of a matrix, and their sum back into an image: each is the other's transpose.

use crate::{elementary::Float, fused::window::Window};

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

/// Writes the patches of an image, except for what is outside of it.
pub(super) fn copy_patches<E: Float>(image: &[E], patches: &mut [E], window: &Window) {
    each_run(window, |from, to, len| patches[to..to + len].copy_from_slice(&image[from..from + len]));
}

/// Adds the patches to an image.
#[inline(always)]
pub(super) fn add_patches<E: Float>(patches: &[E], image: &mut [E], window: &Window) {
    each_run(window, |to, from, len| {
        image[to..to + len].iter_mut().zip(&patches[from..from + len]).for_each(|(sum, &x)| *sum += x);
    });
}
