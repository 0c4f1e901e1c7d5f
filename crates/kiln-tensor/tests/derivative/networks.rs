//! Networks of layers.

use super::*;

/// A network with all layers of image classifiers, and a loss that is smooth except for the choices of pooling.
#[derive(Module, Debug)]
struct Cnn {
    first: nn::conv::Conv2d,
    batch_norm: nn::BatchNorm,
    second: nn::conv::Conv2d,
    up: nn::conv::ConvTranspose2d,
    max_pool: nn::pool::MaxPool2d,
    mean_pool: nn::pool::AvgPool2d,
    adaptive: nn::pool::AdaptiveAvgPool2d,
    layer_norm: nn::LayerNorm,
    head: nn::Linear,
}

impl Cnn {
    fn new(device: &Device) -> Self {
        let padding = nn::PaddingConfig2d::Explicit(1, 1, 1, 1);
        Self {
            first: nn::conv::Conv2dConfig::new([2, 4], [3, 3]).with_padding(padding).init(device),
            batch_norm: nn::BatchNormConfig::new(4).init(device),
            second: nn::conv::Conv2dConfig::new([4, 4], [3, 3]).with_stride([2, 2]).with_groups(2).init(device),
            up: nn::conv::ConvTranspose2dConfig::new([4, 3], [2, 2]).with_stride([2, 2]).init(device),
            max_pool: nn::pool::MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(nn::PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            mean_pool: nn::pool::AvgPool2dConfig::new([2, 2]).with_strides([1, 1]).init(),
            adaptive: nn::pool::AdaptiveAvgPool2dConfig::new([2, 2]).init(),
            layer_norm: nn::LayerNormConfig::new(12).init(device),
            head: nn::LinearConfig::new(12, 3).init(device),
        }
    }

    fn loss(&self, images: Tensor<4>, targets: Tensor<2, Int>) -> Tensor<1> {
        let x = self.max_pool.forward(self.batch_norm.forward(self.first.forward(images)).tanh());
        let x = self.up.forward(activation::gelu(self.second.forward(x)));
        let x = self.adaptive.forward(self.mean_pool.forward(x));
        let logits = self.head.forward(self.layer_norm.forward(x.flatten::<2>(1, 3)));
        -activation::log_softmax(logits, 1).gather(1, targets).mean()
    }
}

#[test]
fn a_convolutional_network_agrees_with_differences() {
    let device = f64_device();
    let images = normals(3 * 2 * 12 * 12, &device).reshape([3, 2, 12, 12]);
    let targets = Tensor::<2, Int>::from_data([[2], [0], [1]], &device);
    let net = Cnn::new(&device);
    let w = weights(&net, &device);
    let loss = Function::new(&net, (images, targets), |net: &Cnn, (x, y)| net.loss(x, y));
    let v = normals(w.dims()[0], &device);
    agree("cnn", &loss, &w, &v, 1e-13);
    // A vector becomes gradients for an optimiser, and comes back unchanged.
    let layout = Layout::of(&net);
    let gradients = layout.gradients_of(&net, &v).unwrap();
    let expected = &values(v)[layout.slots()[0].range()];
    let first = gradients.get::<4>(net.first.weight.id).expect("the first parameter's");
    assert_eq!((first.dims(), &values(first)[..]), (net.first.weight.dims(), expected));
    assert_eq!(gradients.len(), layout.slots().len());
    assert!(layout.gradients_of(&net, &normals(3, &device)).is_err(), "too short");
}

#[derive(Module, Debug)]
struct Sequence {
    embedding: nn::Embedding,
    conv: nn::conv::Conv1d,
}

#[test]
fn an_embedding_and_a_convolution_of_sequences_agree() {
    let device = f64_device();
    let net = Sequence {
        embedding: nn::EmbeddingConfig::new(5, 6).init(&device),
        conv: nn::conv::Conv1dConfig::new(4, 3, 2).init(&device),
    };
    let words = Tensor::<2, Int>::from_data([[0, 2, 2, 4], [1, 0, 4, 3]], &device);
    let loss = Function::new(&net, words, |net: &Sequence, words| {
        let x = net.conv.forward(net.embedding.forward(words).sin());
        let x = nn::pool::MaxPool1dConfig::new(2).with_stride(1).init().forward(x);
        nn::pool::AvgPool1dConfig::new(2).with_stride(1).init().forward(x).exp().mean()
    });
    let w = weights(&net, &device);
    let v = normals(w.dims()[0], &device);
    agree("sequence", &loss, &w, &v, 1e-13);
}

#[test]
fn layers_that_burn_composes_agree() {
    use burn::tensor::module::{
        adaptive_avg_pool3d, attention, ctc_loss, max_pool1d_with_indices, max_pool2d_with_indices,
    };
    use burn::tensor::ops::{
        AttentionModuleOptions, GridSampleOptions, GridSamplePaddingMode, InterpolateMode, MaxPoolOptions,
    };
    let weighted = |y: Tensor<1>| {
        let n = i64::try_from(y.shape().num_elements()).unwrap();
        let weights = Tensor::arange(1..n + 1, &y.device()).float();
        (y * (weights * 0.7).sin()).sum()
    };
    let device = f64_device();
    let agrees = |name: &str, n: usize, f: &(dyn Fn(Tensor<1>) -> Tensor<1> + Send + Sync)| {
        let x = normals(n, &device);
        let loss = Function::of_vector(x.clone(), move |x: Tensor<1>| weighted(f(x)));
        let v = kiln_tensor::Stream::new(9, "test", 0, 0).normal([n], &device);
        agree(name, &loss, &x, &v, 1e-12);
    };
    for (is_causal, softcap, mask, bias) in
        [(false, None, false, false), (true, Some(2.0), false, true), (false, None, true, false)]
    {
        // Two heads, three queries, three keys, four features.
        agrees(&format!("attention, causal {is_causal}, mask {mask}"), 2 * 3 * 4 * 3 + 18, &move |x| {
            let part = |k: usize| x.clone().slice(24 * k..24 * (k + 1)).reshape([1, 2, 3, 4]);
            let mask = mask.then(|| {
                part(0)
                    .slice([0..1, 0..2, 0..3, 0..3])
                    .zeros_like()
                    .equal_elem(1.0)
                    .slice_fill([0..1, 0..2, 0..3, 1..2], true)
            });
            let bias = bias.then(|| x.clone().slice(72..90).reshape([1, 2, 3, 3]));
            let options = AttentionModuleOptions { scale: Some(0.6), softcap, is_causal };
            attention(part(0), part(1), part(2), mask, bias, options).flatten(0, 3)
        });
    }
    agrees("CTC loss", 6 * 2 * 4, &|x| {
        let targets = Tensor::<2, Int>::from_data([[1, 2, 1], [3, 3, 0]], &x.device());
        let [inputs, lengths] = [[6, 5], [3, 2]].map(|n| Tensor::<1, Int>::from_data(n, &x.device()));
        ctc_loss(activation::log_softmax(x.reshape([6, 2, 4]), 2), targets, inputs, lengths, 0)
    });
    for padding_mode in [GridSamplePaddingMode::Zeros, GridSamplePaddingMode::Border] {
        agrees("grid sample", 2 * 12 + 12, &move |x| {
            let image = x.clone().slice(0..24).reshape([1, 2, 3, 4]);
            let grid = x.slice(24..36).reshape([1, 2, 3, 2]).tanh() * 1.1;
            let options = GridSampleOptions { mode: InterpolateMode::Bilinear, padding_mode, align_corners: false };
            image.square().grid_sample_2d(grid, options).flatten(0, 3)
        });
    }
    agrees("adaptive_avg_pool3d", 64, &|x| {
        adaptive_avg_pool3d(x.square().reshape([1, 1, 4, 4, 4]), [2, 3, 2]).flatten(0, 4)
    });
    agrees("max_pool1d with places", 12, &|x| {
        let (y, places) = max_pool1d_with_indices(
            x.clone().square().reshape([1, 2, 6]),
            MaxPoolOptions { kernel_size: [2], stride: [2], padding: [(0, 0)], dilation: [1], ceil_mode: false },
        );
        (y * x.reshape([1, 2, 6]).gather(2, places)).flatten(0, 2)
    });
    agrees("max_pool2d with places", 16, &|x| {
        let (y, _) = max_pool2d_with_indices(
            x.square().reshape([1, 1, 4, 4]),
            MaxPoolOptions {
                kernel_size: [2; 2],
                stride: [2; 2],
                padding: [(0, 0); 2],
                dilation: [1; 2],
                ceil_mode: false,
            },
        );
        y.flatten(0, 3)
    });
}

/// Burn computes its gradient in part in f32, so the second derivative is compared with differences of the first, and the first with
/// differences of values.
#[test]
fn a_deformable_convolution_agrees_with_differences() {
    use burn::tensor::{module::deform_conv2d, ops::DeformConvOptions};
    let device = f64_device();
    for (weight_groups, offset_groups, has_mask) in [(1, 1, true), (2, 2, false)] {
        // Two channels of 4 × 5, a kernel of 2 × 2, an output of 3 × 2.
        let (weights, offsets) = (4 * 2 / weight_groups * 4, 2 * offset_groups * 4 * 6);
        let mask = if has_mask { offset_groups * 4 * 6 } else { 0 };
        let n = 40 + weights + offsets + mask + 4;
        let f = move |x: Tensor<1>| {
            let mut at = 0;
            let mut take = |shape: [usize; 4]| {
                let n: usize = shape.iter().product();
                at += n;
                x.clone().slice(at - n..at).reshape(shape)
            };
            let image = take([1, 2, 4, 5]);
            let weight = take([4, 2 / weight_groups, 2, 2]);
            let offset = take([1, 2 * offset_groups * 4, 3, 2]).tanh() * 0.7;
            let mask = has_mask.then(|| take([1, offset_groups * 4, 3, 2]));
            let bias = take([4, 1, 1, 1]).reshape([4]);
            let options =
                DeformConvOptions { stride: [1, 2], padding: [0, 0], dilation: [1, 1], weight_groups, offset_groups };
            deform_conv2d(image, offset, weight, mask, Some(bias), options).flatten::<1>(0, 3)
        };
        let w = normals(n, &device);
        let loss = Function::of_vector(w.clone(), move |x: Tensor<1>| (f(x) * 0.5).sin().sum());
        let [v, u] = [9, 10].map(|seed| kiln_tensor::Stream::new(seed, "test", 0, 0).normal::<1>([n], &device));
        let value = |t: f64| values(loss.value_and_grad(&(w.clone() + v.clone() * t)).unwrap().0)[0];
        let slope = |t: f64, along: &Tensor<1>| {
            let (value, derivative) = loss.jvp(&(w.clone() + v.clone() * t), along).unwrap();
            (values(value)[0], values(derivative)[0])
        };
        const H: f64 = 1e-5;
        assert_close(&[slope(0.0, &v).0], &[value(0.0)], 1e-13, 0.0, "the value of a deformable convolution");
        // An error of h² times the third derivative, and of 1e-15/h.
        let differences = (value(H) - value(-H)) / (2.0 * H);
        assert_close(&[slope(0.0, &v).1], &[differences], 1e-7, 1e-8, "its derivative");
        let product = values((loss.hvp(&w, &v).unwrap() * u.clone()).sum());
        let differences = (slope(H, &u).1 - slope(-H, &u).1) / (2.0 * H);
        assert_close(&product, &[differences], 1e-7, 1e-8, "uᵀ·H·v");
    }
}
