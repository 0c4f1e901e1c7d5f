//! Recurrent networks, attention, residual blocks and a variational autoencoder: values, gradients and H·v beside JAX in float64.

use super::*;
use burn::tensor::module::batch_norm_train;
use kiln_testkit::reference;

/// A sequence classifier.
#[derive(Module, Debug)]
struct Recurrent {
    lstm: nn::Lstm,
    gru: nn::gru::Gru,
    head: nn::Linear,
}

/// A block of a transformer, and a head.
#[derive(Module, Debug)]
struct Attentive {
    attention: nn::attention::MultiHeadAttention,
    first: nn::LayerNorm,
    widen: nn::Linear,
    narrow: nn::Linear,
    second: nn::LayerNorm,
    head: nn::Linear,
}

/// A residual block with batch normalisation.
#[derive(Module, Debug)]
struct Residual {
    first: nn::conv::Conv2d,
    first_norm: nn::BatchNorm,
    second: nn::conv::Conv2d,
    second_norm: nn::BatchNorm,
    head: nn::Linear,
}

/// A convolutional variational autoencoder of images of 6 × 6.
#[derive(Module, Debug)]
struct Autoencoder {
    encode: nn::conv::Conv2d,
    mean: nn::Linear,
    log_variance: nn::Linear,
    start: nn::Linear,
    decode: nn::conv::ConvTranspose2d,
}

/// Numbers that Python makes too: sin(a·k + b).
fn waves(n: usize, a: f64, b: f64, device: &Device) -> Tensor<1> {
    #[allow(clippy::cast_precision_loss, reason = "an index")]
    let values: Vec<f64> = (0..n).map(|k| (a * k as f64 + b).sin()).collect();
    tensor(&values, [n], device)
}

fn beside_jax<M: Module, I: Inputs + 'static>(
    name: &str,
    net: &M,
    data: I,
    f: impl Fn(&M, I) -> Tensor<1> + Send + Sync,
) {
    let loss = Function::new(net, data, f);
    let device = f64_device();
    let n = loss.layout().len();
    let (w, v) = (waves(n, 1.3, 0.7, &device) * 0.5, waves(n, 0.9, 0.2, &device));
    let (value, gradient) = loss.value_and_grad(&w).unwrap();
    let row = &reference("curvature_of_layers")[name];
    let close = |got: Vec<f64>, key: &str| {
        // Some thousand roundings, relative to the largest entry.
        let expected = numbers(&row[key]);
        let size = expected.iter().fold(0.0, |size: f64, x| size.max(x.abs()));
        assert_close(&got, &expected, 1e-10, 1e-10 * size, &format!("{name}: {key}"));
    };
    close(values(value), "value");
    close(values(gradient), "gradient");
    close(values(loss.hvp(&w, &v).unwrap()), "hvp");
}

#[test]
fn recurrent_networks() {
    let device = f64_device();
    let net = Recurrent {
        lstm: nn::LstmConfig::new(3, 4, true).init(&device),
        gru: nn::gru::GruConfig::new(4, 3, true).init(&device),
        head: nn::LinearConfig::new(3, 2).init(&device),
    };
    let x = waves(2 * 5 * 3, 0.4, 0.1, &device).reshape([2, 5, 3]);
    beside_jax("recurrent", &net, x, |net, x| {
        let (states, _) = net.lstm.forward(x, None);
        let states = net.gru.forward(states, None);
        net.head.forward(states).square().mean()
    });
}

#[test]
fn a_transformer_block() {
    let device = f64_device();
    let net = Attentive {
        attention: nn::attention::MultiHeadAttentionConfig::new(8, 2).init(&device),
        first: nn::LayerNormConfig::new(8).init(&device),
        widen: nn::LinearConfig::new(8, 12).init(&device),
        narrow: nn::LinearConfig::new(12, 8).init(&device),
        second: nn::LayerNormConfig::new(8).init(&device),
        head: nn::LinearConfig::new(8, 2).init(&device),
    };
    let x = waves(2 * 4 * 8, 0.4, 0.1, &device).reshape([2, 4, 8]);
    // The second sequence has three entries.
    let padding = Tensor::<2, Int>::from_data([[0, 0, 0, 0], [0, 0, 0, 1]], &device).equal_elem(1);
    beside_jax("transformer", &net, (x, padding), |net, (x, padding)| {
        let input = nn::attention::MhaInput::self_attn(x.clone()).mask_pad(padding);
        let x = net.first.forward(x + net.attention.forward(input).context);
        let wide = net.narrow.forward(activation::gelu(net.widen.forward(x.clone())));
        let x = net.second.forward(x + wide);
        net.head.forward(x).square().mean()
    });
}

#[test]
fn a_residual_block_with_the_statistics_of_the_batch() {
    let device = f64_device();
    let convolution = || {
        nn::conv::Conv2dConfig::new([2, 2], [3, 3])
            .with_padding(nn::PaddingConfig2d::Explicit(1, 1, 1, 1))
            .init(&device)
    };
    let net = Residual {
        first: convolution(),
        first_norm: nn::BatchNormConfig::new(2).init(&device),
        second: convolution(),
        second_norm: nn::BatchNormConfig::new(2).init(&device),
        head: nn::LinearConfig::new(2, 3).init(&device),
    };
    let x = waves(3 * 2 * 5 * 4, 0.4, 0.1, &device).reshape([3, 2, 5, 4]);
    beside_jax("residual", &net, x, |net, x| {
        let norm =
            |x, norm: &nn::BatchNorm| batch_norm_train(x, norm.gamma.val(), norm.beta.val(), norm.epsilon).output;
        let y = activation::softplus(norm(net.first.forward(x.clone()), &net.first_norm), 1.0);
        let y = activation::softplus(norm(net.second.forward(y), &net.second_norm) + x, 1.0);
        let pooled: Tensor<2> = y.mean_dim(3).mean_dim(2).flatten::<2>(1, 3);
        activation::log_softmax(net.head.forward(pooled), 1).square().mean()
    });
}

#[test]
fn a_convolutional_autoencoder() {
    let device = f64_device();
    let net = Autoencoder {
        encode: nn::conv::Conv2dConfig::new([1, 3], [3, 3])
            .with_stride([2, 2])
            .with_padding(nn::PaddingConfig2d::Explicit(1, 1, 1, 1))
            .init(&device),
        mean: nn::LinearConfig::new(27, 2).init(&device),
        log_variance: nn::LinearConfig::new(27, 2).init(&device),
        start: nn::LinearConfig::new(2, 27).init(&device),
        decode: nn::conv::ConvTranspose2dConfig::new([3, 1], [2, 2]).with_stride([2, 2]).init(&device),
    };
    let x = (waves(2 * 36, 0.4, 0.1, &device) + 1.0).reshape([2, 1, 6, 6]) * 0.5;
    let noise = waves(4, 0.8, 0.3, &device).reshape([2, 2]);
    beside_jax("autoencoder", &net, (x, noise), |net, (x, noise): (Tensor<4>, Tensor<2>)| {
        let code = net.encode.forward(x.clone()).tanh().flatten::<2>(1, 3);
        let (mean, log_variance) = (net.mean.forward(code.clone()), net.log_variance.forward(code));
        let z = mean.clone() + (log_variance.clone() * 0.5).exp() * noise;
        let start = activation::silu(net.start.forward(z)).reshape([2, 3, 3, 3]);
        let logits = net.decode.forward(start);
        let log_likelihood = (x * logits.clone() - activation::softplus(logits, 1.0)).sum();
        let kl = (mean.square() + log_variance.clone().exp() - log_variance - 1.0).sum() * 0.5;
        kl - log_likelihood
    });
}
