//! Convolutions and transposed convolutions as products of patches with weights, forward and back.
//!
//! Two products make both layers: [`Blocks::gather`] is a convolution, and the gradient of a transposed convolution; [`Blocks::scatter`] is its
//! transpose. A few images are done at a time, so that their patches stay in the cache and are never written to memory as a whole. Which
//! images share a block follows from the sizes alone, so the number of threads does not change the bits.

mod backward;

use std::mem::MaybeUninit;

use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::{
    linear::{activate, add_to_rows},
    patches::{add_patches, copy_patches},
    product::{GRAIN, Matrix, multiply_alone},
};
use crate::{
    elementary::Float,
    flex::{numbers, on_float, tensor, threads_for, vectorised, whole, written},
    fused::{epilogue::Epilogue, window::Window},
};

pub(super) use backward::{Convolve, ConvolveTransposed, Kept};

/// Numbers in the patches of a block. In f32 these are 512 KiB, a part of a core's own cache.
const BLOCK: usize = 1 << 17;

/// A layer: where its kernel lies, and its weights `[rows, channels, height, width]`.
///
/// Images are `[n, height·width·channels]`. Each of their patches, `patch_len` numbers, belongs to one row of `rows` numbers.
struct Layer<'a, E> {
    window: Window,
    rows: usize,
    weight: &'a [E],
}

impl<'a, E: Float> Layer<'a, E> {
    fn new(weight: &'a FlexTensor, window: Window) -> Self {
        Self { window, rows: weight.layout().shape()[0], weight: numbers(weight) }
    }

    /// Numbers in the rows that belong to an image.
    fn row_len(&self) -> usize {
        self.window.patches() * self.rows
    }

    /// Images of a block.
    fn block(&self) -> usize {
        let of_image = self.window.patches() * (self.window.patch_len() + self.rows);
        (BLOCK / of_image.max(1)).max(1)
    }

    /// Places of the weights in the order of a patch: for each row, channel and place in the kernel.
    fn each_weight(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let (channels, kernel) = (self.window.channels, self.window.kernel[0] * self.window.kernel[1]);
        let mut at = 0;
        for row in 0..self.rows {
            for channel in 0..channels {
                for place in 0..kernel {
                    visit(at, place * channels + channel, row);
                    at += 1;
                }
            }
        }
    }

    /// The weights as `[patch_len, rows]`.
    fn down(&self) -> Vec<E> {
        let mut out = vec![E::ZERO; self.weight.len()];
        self.each_weight(|at, of_patch, row| out[of_patch * self.rows + row] = self.weight[at]);
        out
    }

    /// The weights as `[rows, patch_len]`.
    fn across(&self) -> Vec<E> {
        let (mut out, patch) = (vec![E::ZERO; self.weight.len()], self.window.patch_len());
        self.each_weight(|at, of_patch, row| out[row * patch + of_patch] = self.weight[at]);
        out
    }

    /// Blocks of one thread at a time, of this many images each.
    fn at_a_time(&self, n: usize, images: usize) -> usize {
        let work = n * self.window.patches() * self.window.patch_len() * self.rows;
        n.div_ceil(images).div_ceil(threads_for(work, GRAIN)).max(1)
    }
}

/// Memory for a block, kept between blocks.
struct Scratch<E> {
    /// Patches of images. What is outside of the images stays zero.
    copied: Vec<E>,
    product: Vec<E>,
}

impl<E: Float> Scratch<E> {
    fn new() -> Self {
        Self { copied: Vec::new(), product: Vec::new() }
    }

    /// The patches of images, `[images·patches, patch_len]`.
    fn patches(&mut self, images: &[E], window: &Window) -> &[E] {
        let (image, size) = (window.image_len().max(1), window.patches() * window.patch_len());
        let count = images.len() / image;
        self.copied.resize(self.copied.len().max(count * size), E::ZERO);
        for (patches, image) in self.copied.chunks_exact_mut(size.max(1)).zip(images.chunks_exact(image)) {
            copy_patches(image, patches, window);
        }
        &self.copied[..count * size]
    }

    /// rows · weights, `[images·patches, patch_len]`, added up as images that start as `bias` in each pixel.
    fn fold<'o>(
        &mut self,
        rows: Matrix<'_, E>,
        across: Matrix<'_, E>,
        bias: &[E],
        images: &'o mut [MaybeUninit<E>],
        window: &Window,
    ) -> &'o mut [E] {
        let size = rows.rows() * across.columns();
        self.product.clear();
        self.product.reserve(size);
        let patches = multiply_alone(&mut self.product.spare_capacity_mut()[..size], rows, across);
        vectorised(
            #[inline(always)]
            || {
                for pixel in images.chunks_exact_mut(bias.len().max(1)) {
                    pixel.write_copy_of_slice(bias);
                }
                // SAFETY: an image is its pixels, of one number for each number of the bias.
                #[allow(unsafe_code, reason = "memory that is written whole")]
                let images = unsafe { images.assume_init_mut() };
                let each = images.chunks_exact_mut(window.image_len().max(1));
                let patches = patches.chunks_exact((window.patches() * window.patch_len()).max(1));
                each.zip(patches).for_each(|(image, patches)| add_patches(patches, image, window));
                images
            },
        )
    }
}

/// act(patches · weights + bias), `[n, patches·rows]`.
fn gather<E: Float>(images: &[E], n: usize, layer: &Layer<'_, E>, bias: &[E], act: Epilogue) -> Vec<E> {
    let Layer { window, rows, .. } = *layer;
    let (down, block) = (layer.down(), layer.block());
    let down = Matrix::rows_of(&down, rows);
    let finish = |out: &mut [E]| {
        vectorised(
            #[inline(always)]
            || {
                add_to_rows(out, bias);
                activate(out, act);
            },
        );
    };
    // SAFETY: a block writes its product, and the blocks are all of it.
    #[allow(unsafe_code, reason = "memory that is written whole")]
    unsafe {
        written(n * layer.row_len(), |out| {
            out.par_chunks_mut((block * layer.row_len()).max(1))
                .zip(images.par_chunks((block * window.image_len()).max(1)))
                .with_min_len(layer.at_a_time(n, block))
                .for_each_init(Scratch::new, |scratch, (out, images)| {
                    let patches = Matrix::rows_of(scratch.patches(images, &window), window.patch_len());
                    finish(multiply_alone(out, patches, down));
                });
        })
    }
}

/// act(bias + the images whose patches are rows · weights), `[n, height·width·channels]`.
fn scatter<E: Float>(rows: &[E], n: usize, layer: &Layer<'_, E>, bias: &[E], act: Epilogue) -> Vec<E> {
    let window = layer.window;
    let (across, block) = (layer.across(), layer.block());
    let across = Matrix::rows_of(&across, window.patch_len());
    // SAFETY: a block writes its images, and the blocks are all of them.
    #[allow(unsafe_code, reason = "memory that is written whole")]
    unsafe {
        written(n * window.image_len(), |out| {
            out.par_chunks_mut((block * window.image_len()).max(1))
                .zip(rows.par_chunks((block * layer.row_len()).max(1)))
                .with_min_len(layer.at_a_time(n, block))
                .for_each_init(Scratch::new, |scratch, (out, rows)| {
                    let images = scratch.fold(Matrix::rows_of(rows, layer.rows), across, bias, out, &window);
                    vectorised(
                        #[inline(always)]
                        || activate(images, act),
                    );
                });
        })
    }
}

pub(super) fn convolve(
    images: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    window: Window,
    act: Epilogue,
) -> FlexTensor {
    let (images, weight, bias) = (whole(images), whole(weight), whole(bias));
    let n = images.layout().shape()[0];
    on_float!(images.dtype(), E => {
        let layer = Layer::<E>::new(&weight, window);
        tensor(gather(numbers(&images), n, &layer, numbers(&bias), act), [n, layer.row_len()])
    })
}

pub(super) fn convolve_transposed(
    rows: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    window: Window,
    act: Epilogue,
) -> FlexTensor {
    let (rows, weight, bias) = (whole(rows), whole(weight), whole(bias));
    let n = rows.layout().shape()[0];
    on_float!(rows.dtype(), E => {
        let layer = Layer::<E>::new(&weight, window);
        tensor(scatter(numbers(&rows), n, &layer, numbers(&bias), act), [n, window.image_len()])
    })
}
