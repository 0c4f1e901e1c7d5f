//! Kiln's side of the comparison with its peers; `run.py` starts it.

mod protocol;

use kiln::{
    burn::{
        optim::GradientsParams,
        tensor::{DType, TensorData},
    },
    data::{BREAST_CANCER_TARGET, Encoder, HoldOut, ImageSplits, Labelled, Locate, breast_cancer, load_images},
    models::{HiddenActivation, Kernel, RegressionLoss, SvmConfig},
    optim::solver::{Stop, lbfgs, minimize},
    prelude::*,
};
use protocol::{Arguments, serve};
use rayon::prelude::*;

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
        "iwae-step" => iwae_step(&arguments),
        "vae-epoch" => vae_epoch(&arguments),
        "softmax-epoch" => softmax_epoch(&arguments),
        "logistic-fit" => logistic_fit(&arguments),
        "svm-fit" => svm_fit(&arguments),
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

/// A number in [0, 1) of 24 bits from an index, the same as scikit.py's (splitmix64: Steele, Lea and Flood, 2014).
fn scatter(index: u64) -> f32 {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f32 / 16_777_216.0
}

/// Logistic regression of 100,000 rows and 100 columns by L-BFGS, to a gradient of 1e-6.
fn logistic_fit(arguments: &Arguments) {
    let (n, d) = (arguments.number("rows", 100_000), arguments.number("columns", 100));
    let x: Vec<f32> = (0..n * d).map(|i| scatter(i as u64) * 2.0 - 1.0).collect();
    let weight = |j: usize| f64::from(scatter((n * d + j) as u64)) * 2.0 - 1.0;
    let noise = |i: usize| f64::from(scatter((n * d + d + i) as u64)) * 4.0 - 2.0;
    let side = |i: usize| (0..d).map(|j| f64::from(x[i * d + j]) * weight(j)).sum::<f64>() + noise(i);
    let y: Vec<usize> = (0..n).map(|i| usize::from(side(i) > 0.0)).collect();
    let x = Tensor::<2>::from_data(TensorData::new(x, [n, d]), &Device::flex());
    let fit = || {
        let loss = RegressionLoss::new(x.clone(), &y, 2).expect("rows and classes").l2(1e-4).expect("a penalty");
        let stop = Stop { gtol: 1e-6, ..Stop::default() };
        minimize(&loss, loss.start(), &lbfgs(), &stop).expect("it can be evaluated")
    };
    if arguments.has("show") {
        println!("{}", serde_json::to_string(&fit()).expect("numbers"));
        return;
    }
    serve(1, || assert!(fit().success));
}

/// A support vector machine on breast cancer, columns standardised, C = 1.
fn svm_fit(arguments: &Arguments) {
    let kernel = match arguments.text("kernel") {
        Some("rbf") => Kernel::Rbf { gamma: 1.0 / 30.0 },
        _ => Kernel::Linear,
    };
    let table = breast_cancer();
    let rows: Vec<usize> = (0..table.len()).collect();
    let encoder = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &rows, true).expect("it has this target");
    let data = encoder.encode(&table).expect("it was fitted to it");
    let shape = [data.len(), data.features()];
    let x = Tensor::<2>::from_data(TensorData::new(data.inputs().to_vec(), shape), (&Device::flex(), DType::F64));
    serve(3, || assert!(SvmConfig::new(kernel).tol(1e-8).fit(&x, data.targets()).expect("two classes").converged));
}

/// The VAE of the comparison: 784-400-20, or with `--convolutions` 1 → 32 → 64 channels, 128 hidden units and 10 latent dimensions.
fn vae(arguments: &Arguments) -> VaeConfig {
    let config = VaeConfig::new(784);
    match arguments.has("convolutions") {
        true => config.convolutions([28, 28], vec![32, 64]).hidden_dim(128).latent_dim(10),
        false => config,
    }
}

/// A step of the VAE: forward, backward, update.
fn vae_step(arguments: &Arguments) {
    let batch = arguments.number("batch", 128);
    let device = Device::flex().autodiff();
    let x = pixels(batch, 784, &device);
    let mut optimizer = optimizer(arguments);
    let mut held = Some(vae(arguments).init(0, &device).expect("no size is zero"));
    let mut step = 0;
    serve(50, || {
        let model = held.take().expect("it is put back below");
        let loss = Elbo::new().loss(&model, x.clone(), &mut Stream::new(0, "noise", 0, step));
        let gradients = GradientsParams::from_grads(loss.value.backward(), &model);
        held = Some(optimizer.step(1e-4, model, gradients).expect("every parameter has a gradient"));
        step += 1;
    });
}

/// A step of the recipe of Burda, Grosse and Salakhutdinov (2016): 784-200-200-50, tanh, a bound of `--k` samples.
fn iwae_step(arguments: &Arguments) {
    let device = Device::flex().autodiff();
    let x = pixels(arguments.number("batch", 20), 784, &device).greater_elem(0.5).float();
    let config = VaeConfig::new(784).hidden_dims(vec![200, 200]).activation(HiddenActivation::Tanh).latent_dim(50);
    let objective = Iwae::new(arguments.number("k", 1));
    let mut optimizer = optimizer(arguments);
    let mut held = Some(config.init(0, &device).expect("no size is zero"));
    let mut step = 0;
    serve(10, || {
        let model = held.take().expect("it is put back below");
        let loss = objective.loss(&model, x.clone(), &mut Stream::new(0, "noise", 0, step));
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
        let model = vae(arguments).init(0, &device.clone().autodiff()).expect("no size is zero");
        let config = TrainConfig { epochs: 1, batch_size: 128, ..TrainConfig::default() };
        let outcome = Trainer::new(config, optimizer(arguments))
            .fit(model, &Elbo::new(), &images.train, Some(&images.test))
            .expect("nothing is written");
        assert!(outcome.test.expect("there is test data").loss < 150.0);
    });
}

/// One epoch of softmax regression by SGD on data that is in memory, as bytes.
fn softmax_epoch(arguments: &Arguments) {
    let device = Device::flex();
    let train = Labelled::new(mnist(arguments).train).expect("MNIST has labels");
    serve(2, || {
        let model = SoftmaxRegression::new(784, 10, &device.clone().autodiff());
        let schedule = Schedule::constant(0.1).expect("positive");
        let config = TrainConfig { epochs: 1, batch_size: 128, schedule, ..TrainConfig::default() };
        let outcome =
            Trainer::new(config, Sgd).fit(model, &MaximumLikelihood::new(), &train, None).expect("nothing is written");
        assert!(outcome.train.loss < 0.6);
    });
}

/// A product: rows, columns and inner length; whether the left, or the right, matrix is stored with its axes exchanged.
struct Product {
    sizes: [usize; 3],
    exchanged: [bool; 2],
    left: Vec<f32>,
    right: Vec<f32>,
    out: Vec<f32>,
}

impl Product {
    /// Blocks of rows side by side.
    fn run(&mut self) {
        let [m, n, k] = self.sizes;
        let (left_column, left_row) = if self.exchanged[0] { (m, 1) } else { (1, k) };
        let parts = rayon::current_num_threads().min(m * n * k / (1 << 17)).clamp(1, m);
        let size = m.div_ceil(parts);
        self.out.par_chunks_mut(size * n).enumerate().for_each(|(i, out)| {
            let left = &self.left[i * size * left_row..];
            multiply([out.len() / n, n, k], out, (left, [left_column, left_row]), (&self.right, self.exchanged[1]));
        });
    }
}

fn multiply([m, n, k]: [usize; 3], out: &mut [f32], left: (&[f32], [usize; 2]), right: (&[f32], bool)) {
    let ((left, left_strides), (right, exchanged)) = (left, right);
    let [left_column, left_row] = left_strides.map(|s| s as isize);
    let (right_column, right_row) = if exchanged { (k as isize, 1) } else { (1, n as isize) };
    let (out, left, right, none) = (out.as_mut_ptr(), left.as_ptr(), right.as_ptr(), gemm::Parallelism::None);
    // SAFETY: the three matrices have the sizes that the strides describe.
    #[allow(unsafe_code, reason = "the interface of the `gemm` crate")]
    unsafe {
        let (column, row) = (1, n as isize);
        gemm::gemm(
            m,
            n,
            k,
            out,
            column,
            row,
            false,
            left,
            left_column,
            left_row,
            right,
            right_column,
            right_row,
            0.0,
            1.0,
            false,
            false,
            false,
            none,
        );
    }
}

/// The matrix products of that step and nothing else, into memory that is there: what no arrangement can do without.
fn products(arguments: &Arguments) {
    let n = arguments.number("batch", 128);
    let (x, h, z) = (784, 400, 20);
    let shapes = [
        // Forward.
        ([n, h, x], [false, false]),
        ([n, z, h], [false, false]),
        ([n, z, h], [false, false]),
        ([n, h, z], [false, false]),
        ([n, x, h], [false, false]),
        // Back: the gradients of weights and of inputs, but for that of the images.
        ([h, x, n], [true, false]),
        ([n, h, x], [false, true]),
        ([z, h, n], [true, false]),
        ([n, z, h], [false, true]),
        ([h, z, n], [true, false]),
        ([n, h, z], [false, true]),
        ([h, z, n], [true, false]),
        ([n, h, z], [false, true]),
        ([x, h, n], [true, false]),
    ];
    let mut stream = Stream::new(0, "products", 0, 0);
    let mut matrix = |size: usize| stream.normal_vec(size).into_iter().map(|x| x as f32).collect();
    let mut products = shapes.map(|(sizes @ [m, n, k], exchanged)| Product {
        sizes,
        exchanged,
        left: matrix(m * k),
        right: matrix(k * n),
        out: vec![0.0; m * n],
    });
    serve(50, || products.iter_mut().for_each(Product::run));
}
