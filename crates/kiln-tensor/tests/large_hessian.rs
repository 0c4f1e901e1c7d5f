//! The ends of the spectrum of a Hessian with 650,000 rows, within a gibibyte of memory.

mod memory;

use burn::{
    module::Module,
    nn,
    tensor::{Device, Tensor, activation},
};
use kiln_tensor::derivative::Function;

use memory::most_memory;

#[derive(Module, Debug)]
struct Mlp {
    first: nn::Linear,
    second: nn::Linear,
    head: nn::Linear,
}

#[test]
fn extremes_of_a_network_with_650_000_parameters() {
    let device = Device::default();
    let net = Mlp {
        first: nn::LinearConfig::new(784, 512).init(&device),
        second: nn::LinearConfig::new(512, 480).init(&device),
        head: nn::LinearConfig::new(480, 10).init(&device),
    };
    let mut stream = kiln_tensor::Stream::new(1, "test", 0, 0);
    let x: Tensor<2> = stream.normal([128, 784], &device);
    let targets: Tensor<2> = activation::softmax(stream.normal([128, 10], &device) * 3.0, 1);
    let loss = Function::new(&net, (x, targets), |net: &Mlp, (x, targets)| {
        let hidden = activation::relu(net.second.forward(activation::relu(net.first.forward(x))));
        -(activation::log_softmax(net.head.forward(hidden), 1) * targets).sum_dim(1).mean()
    });
    let w = loss.parameters();
    assert_eq!(w.dims(), [652_970]);
    let extremes = loss.hessian_extremes(&w, 30, 2).unwrap();
    // Of a network that is not trained the Hessian has eigenvalues of both signs.
    assert!(extremes.smallest < 0.0 && extremes.largest > 0.0, "{extremes:?}");
    assert!(extremes.residual < 0.05 * extremes.largest && extremes.products <= 30, "{extremes:?}");
    // v·H·v / v·v of any vector lies between the two.
    let v: Tensor<1> = stream.normal(w.dims(), &device);
    let product = loss.hvp(&w, &v).unwrap();
    let quotient = (product * v.clone()).sum().into_scalar::<f64>() / v.square().sum().into_scalar::<f64>();
    assert!((extremes.smallest..=extremes.largest).contains(&quotient), "{quotient} and {extremes:?}");
    if let Some(memory) = most_memory() {
        assert!(memory < 1024.0, "{memory} MiB");
    }
}
