//! Parameter groups: methods, learning rates and weight decays of their own, and the way back to the iterate.

use burn::{
    module::{Module, Param, ParamGroup},
    optim::{GradientsParams, ModuleOptimizer, OptimizerRecord},
    tensor::Tensor,
};
use kiln_optim::{Average, FirstOrder, Method, Nesterov, NesterovConfig, Sgd};
use kiln_testkit::{assert_close, f64_device, tensor, values};

#[derive(Module, Debug)]
struct Layer {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

const START: [f64; 4] = [1.0, -2.0, 0.5, 3.0];
const TARGET: [f64; 4] = [0.3, 0.7, -1.0, 2.0];
const CURVATURE: [f64; 4] = [1.0, 4.0, 2.0, 0.5];

impl Layer {
    fn new() -> Self {
        let device = f64_device().autodiff();
        Self {
            weight: Param::from_tensor(tensor(&START[..2], [1, 2], &device)),
            bias: Param::from_tensor(tensor(&START[2..], [2], &device)),
        }
    }

    fn values(&self) -> Vec<f64> {
        [values(self.weight.val()), values(self.bias.val())].concat()
    }

    fn bits(&self) -> Vec<u64> {
        self.values().into_iter().map(f64::to_bits).collect()
    }

    /// The gradients of ½ Σ cᵢ(xᵢ − tᵢ)², of the bias alone if `whole` is false.
    fn gradients(&self, whole: bool) -> GradientsParams {
        let device = f64_device();
        let term = |x: Tensor<1>, from: usize| {
            let target = tensor::<1>(&TARGET[from..from + 2], [2], &device);
            let curvature = tensor::<1>(&CURVATURE[from..from + 2], [2], &device);
            ((x - target).square() * curvature).sum() * 0.5
        };
        let bias = term(self.bias.val(), 2);
        let loss = if whole { bias + term(self.weight.val().flatten(0, 1), 0) } else { bias };
        GradientsParams::from_grads(loss.backward(), self)
    }
}

fn nesterov() -> Nesterov {
    NesterovConfig::new().with_momentum(0.8).build().unwrap()
}

fn biases() -> ParamGroup {
    ParamGroup::from_predicate("bias")
}

fn train(optimizer: &mut FirstOrder, mut layer: Layer, steps: usize) -> Layer {
    for _ in 0..steps {
        let gradients = layer.gradients(true);
        layer = optimizer.step(0.05, layer, gradients).unwrap();
    }
    layer
}

/// θ and θ + αv of Nesterov's method on one coordinate, by its formulas.
fn by_hand(i: usize, lr: f64, decay: f64, steps: usize) -> (f64, f64) {
    let (mut theta, mut v, alpha) = (START[i], 0.0, 0.8);
    for _ in 0..steps {
        let ahead = theta + alpha * v;
        v = alpha * v - lr * (CURVATURE[i] * (ahead - TARGET[i]) + decay * ahead);
        theta += v;
    }
    (theta, theta + alpha * v)
}

#[test]
fn a_group_of_the_same_method_changes_nothing() {
    let averaged = || nesterov().averaged(Average::uniform());
    let mut whole = FirstOrder::from(averaged());
    let mut grouped = FirstOrder::from(averaged()).group(biases(), averaged());
    let (a, b) = (train(&mut whole, Layer::new(), 7), train(&mut grouped, Layer::new(), 7));
    assert_eq!(a.bits(), b.bits());
    assert_eq!(whole.iterate(&a).bits(), grouped.iterate(&b).bits());
    assert_eq!(whole.average(&a).bits(), grouped.average(&b).bits());
    assert_ne!(a.bits(), whole.iterate(&a).bits(), "the module is at the look-ahead point");
}

#[test]
fn groups_have_learning_rates_and_weight_decays_of_their_own() {
    let mut optimizer = FirstOrder::from(nesterov().with_weight_decay(0.1).unwrap())
        .group(biases(), nesterov().with_lr_scale(2.0).unwrap());
    let layer = train(&mut optimizer, Layer::new(), 9);
    let expected: Vec<(f64, f64)> =
        (0..4).map(|i| if i < 2 { by_hand(i, 0.05, 0.1, 9) } else { by_hand(i, 0.1, 0.0, 9) }).collect();
    let (theta, ahead): (Vec<f64>, Vec<f64>) = expected.into_iter().unzip();
    assert_close(&optimizer.iterate(&layer).values(), &theta, 1e-13, 0.0, "θ");
    assert_close(&layer.values(), &ahead, 1e-13, 0.0, "θ + αv");
}

#[test]
fn each_parameter_goes_back_by_the_method_of_its_group() {
    let mut optimizer = FirstOrder::from(Sgd).group(biases(), nesterov());
    let layer = train(&mut optimizer, Layer::new(), 5);
    let iterate = optimizer.iterate(&layer).values();
    assert_eq!(iterate[..2], layer.values()[..2], "gradient descent is where the module is");
    let theta: Vec<f64> = (2..4).map(|i| by_hand(i, 0.05, 0.0, 5).0).collect();
    assert_close(&iterate[2..], &theta, 1e-13, 0.0, "θ of the biases");
    assert!(!optimizer.has_average());
    assert_eq!(optimizer.average(&layer).values(), iterate);

    // The weights have an average, and the biases their iterate.
    let mut optimizer = FirstOrder::from(Sgd.averaged(Average::uniform())).group(biases(), nesterov());
    let (mut layer, mut sum) = (Layer::new(), [0.0; 2]);
    for _ in 0..4 {
        layer = train(&mut optimizer, layer, 1);
        sum.iter_mut().zip(layer.values()).for_each(|(sum, x)| *sum += x / 4.0);
    }
    let average = optimizer.average(&layer).values();
    assert!(optimizer.has_average());
    assert_close(&average[..2], &sum, 1e-14, 0.0, "the mean of the weights");
    assert_close(&average[2..], &[by_hand(2, 0.05, 0.0, 4).0, by_hand(3, 0.05, 0.0, 4).0], 1e-13, 0.0, "θ");
}

#[test]
fn a_record_brings_the_groups_states_back() {
    let new = || {
        FirstOrder::from(nesterov().averaged(Average::uniform()))
            .group(biases(), nesterov().with_lr_scale(3.0).unwrap())
    };
    let mut first = new();
    let layer = train(&mut first, Layer::new(), 3);
    let bytes = first.to_record().into_bytes().unwrap();
    let mut second = new().load_record(OptimizerRecord::from_bytes(bytes).unwrap());
    assert_eq!(second.iterate(&layer).bits(), first.iterate(&layer).bits());
    assert_eq!(second.average(&layer).bits(), first.average(&layer).bits());
    let (a, b) = (train(&mut first, layer.clone(), 4), train(&mut second, layer, 4));
    assert_eq!(a.bits(), b.bits());
    assert_eq!(first.iterate(&a).bits(), second.iterate(&b).bits());
}

/// Burn does not tell which methods are in a `ModuleOptimizer`.
#[test]
fn nesterov_in_an_optimiser_of_burn_comes_back_too() {
    let in_burn: [(&str, ModuleOptimizer); 3] = [
        ("whole", nesterov().into()),
        ("averaged", nesterov().averaged(Average::uniform()).into()),
        ("group", ModuleOptimizer::from(Sgd).with_group(biases(), nesterov(), None)),
    ];
    for (what, optimizer) in in_burn {
        let mut optimizer = FirstOrder::from(optimizer);
        assert_eq!(optimizer.iterate(&Layer::new()).values(), START, "{what}: before the first step");
        let layer = train(&mut optimizer, Layer::new(), 6);
        let theta: Vec<f64> = (2..4).map(|i| by_hand(i, 0.05, 0.0, 6).0).collect();
        assert_close(&optimizer.iterate(&layer).values()[2..], &theta, 1e-13, 0.0, what);
        assert!(!optimizer.has_average());
        assert_eq!(optimizer.average(&layer).bits(), optimizer.iterate(&layer).bits(), "{what}");
        let record = optimizer.to_record();
        let base = if what == "group" {
            ModuleOptimizer::from(Sgd).with_group(biases(), nesterov(), None)
        } else if what == "averaged" {
            nesterov().averaged(Average::uniform()).into()
        } else {
            nesterov().into()
        };
        let again = FirstOrder::from(base).load_record(record);
        assert_eq!(again.iterate(&layer).bits(), optimizer.iterate(&layer).bits(), "{what}: from a record");
    }
}

#[test]
fn a_parameter_that_joins_later_is_found() {
    // The weights are Nesterov's, and have no gradient at first.
    let weights = ParamGroup::from_predicate("weight");
    let mut optimizer = FirstOrder::from(ModuleOptimizer::from(Sgd).with_group(weights, nesterov(), None));
    let layer = Layer::new();
    let gradients = layer.gradients(false);
    let layer = optimizer.step(0.05, layer, gradients).unwrap();
    assert_eq!(optimizer.iterate(&layer).bits(), layer.bits());
    let layer = train(&mut optimizer, layer, 2);
    let theta: Vec<f64> = (0..2).map(|i| by_hand(i, 0.05, 0.0, 2).0).collect();
    assert_close(&optimizer.iterate(&layer).values()[..2], &theta, 1e-13, 0.0, "θ of the weights");
}

#[test]
fn numbers_out_of_range_are_refused() {
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Sgd.with_lr_scale(wrong).unwrap_err().name, "lr_scale");
        assert_eq!(Sgd.with_weight_decay(wrong).unwrap_err().name, "weight_decay");
    }
}
