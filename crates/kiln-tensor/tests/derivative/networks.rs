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
