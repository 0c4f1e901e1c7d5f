//! Kiln's side of the comparison with its peers; `run.py` starts it.

mod protocol;

use kiln::{
    burn::optim::GradientsParams,
    data::{HoldOut, ImageSplits, Labelled, Locate, load_images},
    prelude::*,
};
use protocol::{Arguments, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments = Arguments::of_process();
    let Some(work) = arguments.text("work") else { return };
    let threads = arguments.number("threads", 2);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("the first pool");
    kiln::tensor::fused::set_enabled(!arguments.has("no-fused"));
    kiln::tensor::fused::in_pool(|| match work {
        "vae-step" => vae_step(&arguments),
        "vae-epoch" => vae_epoch(&arguments),
        "softmax-epoch" => softmax_epoch(&arguments),
        "products" => products(&arguments),
        other => panic!("no such work: {other}"),
    });
}

fn optimizer(arguments: &Arguments) -> FirstOrder {
    match arguments.text("optimizer").unwrap_or("adam") {
        "adam" => FirstOrder::from(AdamConfig::new().build().expect("the defaults are in range")),
        "sgd" => FirstOrder::from(Sgd),
        "nesterov" => FirstOrder::from(NesterovConfig::new().build().expect("0.9 is a momentum")),
        other => panic!("no such optimizer: {other}"),
    }
}

/// Grey pixels, as many as a minibatch has.
fn pixels(rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    Stream::new(0, "pixels", 0, 0).uniform([rows, columns], device)
}

/// A step of the VAE 784-400-20: forward, backward, update.
fn vae_step(arguments: &Arguments) {
    let batch = arguments.number("batch", 128);
    let device = Device::flex().autodiff();
    let x = pixels(batch, 784, &device);
    let mut optimizer = optimizer(arguments);
    let mut held = Some(VaeConfig::new(784).init(0, &device).expect("no size is zero"));
    let mut step = 0;
    serve(50, || {
        let model = held.take().expect("it is put back below");
        let loss = Elbo::new().loss(&model, x.clone(), &mut Stream::new(0, "noise", 0, step));
        let gradients = GradientsParams::from_grads(loss.value.backward(), &model);
        held = Some(optimizer.step(1e-4, model, gradients).expect("every parameter has a gradient"));
        step += 1;
    });
}

fn mnist(arguments: &Arguments) -> ImageSplits {
    let data_dir = arguments.text("data").expect("--data FOLDER").into();
    let locate = Locate { data_dir: Some(data_dir), offline: true };
    load_images("mnist", &locate, HoldOut::default(), &mut |_| {}).expect("the files of MNIST")
}

/// From the files to the test images' ELBO: read, one epoch in random order, evaluation.
fn vae_epoch(arguments: &Arguments) {
    let device = Device::flex();
    serve(1, || {
        let images = mnist(arguments);
        let model = VaeConfig::new(784).init(0, &device.clone().autodiff()).expect("no size is zero");
        let config = TrainConfig { epochs: 1, batch_size: 128, ..TrainConfig::default() };
        let outcome = Trainer::new(config, optimizer(arguments))
            .fit(model, &Elbo::new(), &images.train, Some(&images.test), &device)
            .expect("nothing is written");
        assert!(outcome.test.expect("there is test data").loss < 150.0);
    });
}

/// One epoch of softmax regression by SGD on data that is in memory, as bytes.
fn softmax_epoch(arguments: &Arguments) {
    let device = Device::flex();
    let train = Labelled(mnist(arguments).train);
    serve(2, || {
        let model = SoftmaxRegression::new(784, 10, &device.clone().autodiff());
        let schedule = Schedule::constant(0.1).expect("positive");
        let config = TrainConfig { epochs: 1, batch_size: 128, schedule, ..TrainConfig::default() };
        let outcome = Trainer::new(config, Sgd)
            .fit(model, &MaximumLikelihood::new(), &train, None, &device)
            .expect("nothing is written");
        assert!(outcome.train.loss < 0.6);
    });
}

/// The matrix products of that step and nothing else, into memory that is there: what no arrangement can do without.
fn products(arguments: &Arguments) {
    let n = arguments.number("batch", 128);
    let (x, h, z) = (784, 400, 20);
    // Rows, columns and inner length; whether the left, or the right, is read across its rows.
    let shapes = [
        (n, h, x, false, false),
        (n, z, h, false, false),
        (n, z, h, false, false),
        (n, h, z, false, false),
        (n, x, h, false, false),
        (h, x, n, true, false),
        (n, h, x, false, true),
        (z, h, n, true, false),
        (n, z, h, false, true),
        (h, z, n, true, false),
        (n, h, z, false, true),
        (h, z, n, true, false),
        (n, h, z, false, true),
        (x, h, n, true, false),
    ];
    let mut stream = Stream::new(0, "products", 0, 0);
    let mut matrix = |rows: usize, columns: usize| -> Vec<f32> {
        stream.normal_vec(rows * columns).into_iter().map(|x| x as f32).collect()
    };
    let mut operands: Vec<_> = shapes.iter().map(|&(m, n, k, ..)| (matrix(m, k), matrix(k, n), matrix(m, n))).collect();
    serve(50, || {
        for (&(m, n, k, left_across, right_across), (left, right, out)) in shapes.iter().zip(&mut operands) {
            let (left_column, left_row) = if left_across { (m, 1) } else { (1, k) };
            let (right_column, right_row) = if right_across { (k, 1) } else { (1, n) };
            let parallelism = if m * n * k > 1 << 20 { gemm::Parallelism::Rayon(0) } else { gemm::Parallelism::None };
            // SAFETY: the three matrices have the sizes that the strides describe.
            #[allow(unsafe_code, reason = "the product's own interface")]
            unsafe {
                gemm::gemm(
                    m,
                    n,
                    k,
                    out.as_mut_ptr(),
                    1,
                    n as isize,
                    false,
                    left.as_ptr(),
                    left_column as isize,
                    left_row as isize,
                    right.as_ptr(),
                    right_column as isize,
                    right_row as isize,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    parallelism,
                );
            }
        }
    });
}
