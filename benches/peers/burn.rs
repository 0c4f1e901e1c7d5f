//! The same work in Burn as it comes, with its modules, losses and optimisers; `run.py` starts it.

mod protocol;

use kiln::burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig, momentum::MomentumConfig},
    tensor::{
        Device, Distribution, Tensor,
        activation::{log_sigmoid, relu},
    },
};
use protocol::{Arguments, serve};

#[derive(Module, Debug)]
struct Vae {
    encoder: Linear,
    loc: Linear,
    log_variance: Linear,
    hidden: Linear,
    output: Linear,
}

impl Vae {
    fn new(device: &Device) -> Self {
        let linear = |d_in, d_out| LinearConfig::new(d_in, d_out).init(device);
        Self {
            encoder: linear(784, 400),
            loc: linear(400, 20),
            log_variance: linear(400, 20),
            hidden: linear(20, 400),
            output: linear(400, 784),
        }
    }

    fn loss(&self, x: Tensor<2>) -> Tensor<1> {
        let n = x.dims()[0] as f64;
        let hidden = relu(self.encoder.forward(x.clone()));
        let (loc, log_variance) = (self.loc.forward(hidden.clone()), self.log_variance.forward(hidden));
        let noise = loc.random_like(Distribution::Normal(0.0, 1.0));
        let z = loc.clone() + (log_variance.clone() * 0.5).exp() * noise;
        let logits = self.output.forward(relu(self.hidden.forward(z)));
        // As Burn's BinaryCrossEntropyLoss does it.
        let cross_entropy = (-x + 1.0) * logits.clone() - log_sigmoid(logits);
        let kl = (loc.square() + log_variance.clone().exp() - log_variance - 1.0) * 0.5;
        (cross_entropy.sum() + kl.sum()) / n
    }
}

fn main() {
    let arguments = Arguments::of_process();
    let Some(work) = arguments.text("work") else { return };
    let threads = arguments.number("threads", 2);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("the first pool");
    match work {
        "vae-step" => vae_step(&arguments),
        other => panic!("no such work: {other}"),
    }
}

fn optimizer(arguments: &Arguments) -> ModuleOptimizer {
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
    match arguments.text("optimizer").unwrap_or("adam") {
        "adam" => AdamConfig::new().with_epsilon(1e-8).init(),
        "sgd" => SgdConfig::new().init(),
        "nesterov" => SgdConfig::new().with_momentum(Some(momentum.with_nesterov(true))).init(),
        other => panic!("no such optimizer: {other}"),
    }
}

fn vae_step(arguments: &Arguments) {
    let device = Device::flex().autodiff();
    let x = Tensor::random([arguments.number("batch", 128), 784], Distribution::Default, &device);
    let mut optimizer = optimizer(arguments);
    let mut held = Some(Vae::new(&device));
    serve(50, || {
        let model = held.take().expect("it is put back below");
        let gradients = GradientsParams::from_grads(model.loss(x.clone()).backward(), &model);
        held = Some(optimizer.step(1e-4, model, gradients));
    });
}
