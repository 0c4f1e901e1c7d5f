//! Deformable convolution as a composition of samples of images.

use burn::tensor::{
    Tensor,
    ops::{DeformConvOptions, GridSampleOptions, GridSamplePaddingMode, InterpolateMode},
};

/// A convolution whose taps are moved by offsets and weighted by a mask (Zhu, Hu, Lin and Dai, "Deformable ConvNets v2", 2019).
///
/// Shapes: x `[n, c, h, w]`, offsets `[n, 2·groups·taps, h′, w′]` with y before x, weight `[c′, c/weight_groups, kh, kw]`, mask
/// `[n, groups·taps, h′, w′]`.
pub(super) fn deformable(
    x: &Tensor<4>,
    offset: &Tensor<4>,
    weight: &Tensor<4>,
    mask: Option<&Tensor<4>>,
    options: &DeformConvOptions<2>,
) -> Tensor<4> {
    let ([n, c, h, w], [outputs, inputs, kh, kw]) = (x.dims(), weight.dims());
    let ([_, _, rows, columns], taps, groups) = (offset.dims(), kh * kw, options.offset_groups);
    // Where an output's tap lies without offsets, along one axis.
    let places = |count: usize, axis: usize, tap: usize| {
        let first = (tap * options.dilation[axis]) as f64 - options.padding[axis] as f64;
        let count = i64::try_from(count).expect("a size of a tensor");
        Tensor::<1, burn::tensor::Int>::arange(0..count, &x.device()).float().cast(x.dtype())
            * options.stride[axis] as f64
            + first
    };
    // From pixels to −1…1, as `grid_sample_2d` has them.
    let normalised =
        |place: Tensor<4>, size: usize| ((place + 0.5) * (2.0 / size as f64) - 1.0).reshape([n, rows, columns, 1]);
    let sampled = (0..taps).map(|tap| {
        let y = places(rows, 0, tap / kw).reshape([1, 1, rows, 1]);
        let z = places(columns, 1, tap % kw).reshape([1, 1, 1, columns]);
        let groups = (0..groups).map(|group| {
            let at = group * taps + tap;
            let moved = |axis: usize| offset.clone().narrow(1, 2 * at + axis, 1);
            let grid = vec![normalised(moved(1) + z.clone(), w), normalised(moved(0) + y.clone(), h)];
            let image = x.clone().narrow(1, group * (c / groups), c / groups);
            let how = GridSampleOptions {
                mode: InterpolateMode::Bilinear,
                padding_mode: GridSamplePaddingMode::Zeros,
                align_corners: false,
            };
            let sample = image.grid_sample_2d(Tensor::cat(grid, 3), how);
            match mask {
                Some(mask) => sample * mask.clone().narrow(1, at, 1),
                None => sample,
            }
        });
        Tensor::cat(groups.collect(), 1).reshape([n, c, 1, rows * columns])
    });
    let sampled: Tensor<4> = Tensor::cat(sampled.collect(), 2);
    let share = outputs / options.weight_groups;
    let products = (0..options.weight_groups).map(|group| {
        let image = sampled.clone().narrow(1, group * inputs, inputs).reshape([n, inputs * taps, rows * columns]);
        let weight = weight.clone().narrow(0, group * share, share).reshape([1, share, inputs * taps]);
        weight.expand([n, share, inputs * taps]).matmul(image)
    });
    Tensor::cat(products.collect(), 1).reshape([n, outputs, rows, columns])
}
