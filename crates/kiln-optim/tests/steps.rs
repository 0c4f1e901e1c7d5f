//! Steps of parameters that are changed between them, and of parameters of 16 bits.

use burn::{
    module::{Module, Param},
    optim::GradientsParams,
    tensor::{DType, Device, Tensor, TensorData},
};
use kiln_optim::{
    AdamConfig, AdamWConfig, Average, FirstOrder, Method, MomentumConfig, NesterovConfig, TorchSgdConfig,
};
use kiln_testkit::{assert_close, f64_device, tensor};

#[derive(Module, Debug)]
struct Point {
    x: Param<Tensor<1>>,
}

impl Point {
    fn new(x: &[f64], dtype: DType, device: &Device) -> Self {
        let data = TensorData::new(x.to_vec(), [x.len()]);
        Self { x: Param::from_tensor(Tensor::from_data(data, (device, dtype))) }
    }

    /// The same parameter with other values.
    fn at(self, x: &[f64], dtype: DType, device: &Device) -> Self {
        let data = TensorData::new(x.to_vec(), [x.len()]);
        Self { x: Param::initialized(self.x.id, Tensor::from_data(data, (device, dtype)).require_grad()) }
    }

    fn values(&self) -> Vec<f64> {
        self.x.val().without_autodiff().into_data().convert::<f64>().try_into_vec().unwrap()
    }

    /// Takes a step along a gradient.
    fn step(self, optimizer: &mut FirstOrder, lr: f64, gradient: &[f64]) -> Self {
        let x = self.x.val().without_autodiff();
        let mut gradients = GradientsParams::new();
        gradients.register(self.x.id, tensor::<1>(gradient, [gradient.len()], &x.device()).cast(x.dtype()));
        optimizer.step(lr, self, gradients).unwrap()
    }
}

/// f(x) = ½(x + 1)² for x ≥ 0: after each step, the look-ahead point θ + αv is clamped, and θ moves with it.
#[test]
fn a_clamp_between_steps_of_nesterov_is_kept() {
    let device = f64_device().autodiff();
    let mut optimizer = FirstOrder::from(NesterovConfig::new().with_momentum(0.5).build().unwrap());
    let mut point = Point::new(&[1.0], DType::F64, &device);
    let (mut theta, mut velocity, mut ahead): (f64, f64, f64) = (1.0, 0.0, 1.0);
    for step in 0..20 {
        point = point.step(&mut optimizer, 0.25, &[ahead + 1.0]);
        velocity = 0.5 * velocity - 0.25 * (ahead + 1.0);
        theta += velocity;
        let clamped = (theta + 0.5 * velocity).max(0.0);
        let moved: Vec<f64> = point.values().into_iter().map(|x| x.max(0.0)).collect();
        point = point.at(&moved, DType::F64, &device);
        assert_close(&point.values(), &[clamped], 0.0, 1e-15, &format!("the look-ahead point after step {step}"));
        theta += clamped - (theta + 0.5 * velocity);
        ahead = clamped;
    }
    // The state is read at the next step: without one, θ is where the last step left it.
    point = point.step(&mut optimizer, 0.0, &[0.0]);
    assert_close(
        &optimizer.iterate(&point).values(),
        &[theta + 0.5 * velocity],
        0.0,
        1e-14,
        "θ after a step of length 0",
    );
    assert!(theta > -0.5, "{theta}");
}

/// δ and the squares of these gradients are 0 in f16, and 0.999·v is v in bf16.
#[test]
fn moments_of_16_bit_parameters_are_kept_in_f32() {
    let device = f64_device().autodiff();
    let methods = || -> Vec<(&'static str, FirstOrder)> {
        vec![
            ("adam", AdamConfig::new().build().unwrap().into()),
            ("adamw", AdamWConfig::new().with_weight_decay(0.0).build().unwrap().into()),
            ("averaged adam", AdamConfig::new().build().unwrap().averaged(Average::uniform()).into()),
            ("momentum", MomentumConfig::new().build().unwrap().into()),
            ("nesterov", NesterovConfig::new().build().unwrap().into()),
            ("torch-sgd", TorchSgdConfig::new().with_momentum(0.9).build().unwrap().into()),
        ]
    };
    for dtype in [DType::F16, DType::BF16] {
        for ((name, mut narrow), (_, mut wide)) in methods().into_iter().zip(methods()) {
            // Gradients of the size of which f16 cannot hold the squares, then none for a long time, then one more.
            let (mut a, mut b) = (Point::new(&[1.0], dtype, &device), Point::new(&[1.0], DType::F32, &device));
            let gradients = [vec![1.0 / 4096.0; 2], vec![0.0; 200], vec![1.0 / 4096.0; 1]].concat();
            let lr = if name.contains("adam") { 1.0 / 64.0 } else { 16.0 };
            for gradient in gradients {
                (a, b) = (a.step(&mut narrow, lr, &[gradient]), b.step(&mut wide, lr, &[gradient]));
                // The parameter itself is rounded: the steps start at the same point.
                b = b.at(&a.values(), DType::F32, &device);
            }
            assert_eq!(a.x.val().dtype(), dtype, "{name}");
            let (a, b) = (narrow.iterate(&a).values(), wide.iterate(&b).values());
            let rounding = if dtype == DType::F16 { 5e-4 } else { 4e-3 };
            assert!(a[0].is_finite() && a[0] < 1.0, "{name} in {dtype:?}: {a:?}");
            assert_close(&a, &b, 0.0, 2.0 * rounding, &format!("{name} in {dtype:?}"));
        }
    }
}

/// The recurrences of Adam in Python's floats, with v₀ = 1, β₂ = 0.99 and δ = 1e-3.
#[test]
fn the_second_moment_of_adam_starts_where_it_is_told() {
    let device = f64_device().autodiff();
    let config = AdamConfig::new().with_beta_2(0.99).with_epsilon(1e-3).with_initial_second_moment(1.0);
    let mut optimizer = FirstOrder::from(config.build().unwrap());
    let mut point = Point::new(&[1.0], DType::F64, &device);
    for (gradient, expected) in
        [(0.5, 0.994_981_647_595_489_8), (-1.5, 1.002_756_674_408_700_9), (2.0, 0.996_163_115_671_717_6)]
    {
        point = point.step(&mut optimizer, 0.1, &[gradient]);
        assert_close(&point.values(), &[expected], 1e-14, 0.0, "θ");
    }
    for value in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(AdamConfig::new().with_initial_second_moment(value).build().is_err());
    }
}
