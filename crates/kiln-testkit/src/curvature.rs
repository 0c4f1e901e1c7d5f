//! The network of `curvature.json`, with PyTorch's derivatives: two layers, five activations, a cross-entropy.

use burn::{
    module::{Module, Param},
    tensor::{DType, Device, Int, Tensor, TensorData, activation},
};
use serde_json::Value;

use crate::{numbers, reference};

/// act(x·W₁ + b₁)·W₂ + b₂.
#[derive(Module, Debug)]
pub struct Network {
    w1: Param<Tensor<2>>,
    b1: Param<Tensor<1>>,
    w2: Param<Tensor<2>>,
    b2: Param<Tensor<1>>,
}

/// The case of one activation.
#[derive(Debug)]
pub struct Case {
    /// The name of the activation.
    pub name: String,
    /// The network, with the reference's parameters.
    pub network: Network,
    /// Inputs `[8, 3]` and classes `[8, 1]`.
    pub data: (Tensor<2>, Tensor<2, Int>),
    /// A direction `[31]`.
    pub direction: Tensor<1>,
    /// The expected `loss`, `grad`, `jvp`, `hvp` and `hessian`.
    pub expected: Value,
}

/// Returns all cases, in the float type of `device`.
pub fn cases(device: &Device) -> Vec<Case> {
    let rows = reference("curvature").as_array().expect("an array").clone();
    rows.into_iter().map(|row| Case::of(row, device)).collect()
}

impl Case {
    fn of(row: Value, device: &Device) -> Self {
        let dtype: DType = device.settings().float_dtype.into();
        let data = |values: Vec<f64>, shape: &[usize]| TensorData::new(values, shape.to_vec()).convert_dtype(dtype);
        let p = |name: &str| numbers(&row["params"][name]);
        let network = Network {
            w1: Param::from_tensor(Tensor::from_data(data(p("w1"), &[3, 4]), device)),
            b1: Param::from_tensor(Tensor::from_data(data(p("b1"), &[4]), device)),
            w2: Param::from_tensor(Tensor::from_data(data(p("w2"), &[4, 3]), device)),
            b2: Param::from_tensor(Tensor::from_data(data(p("b2"), &[3]), device)),
        };
        let targets: Vec<i64> = numbers(&row["targets"]).into_iter().map(|target| target as i64).collect();
        let inputs = (
            Tensor::from_data(data(numbers(&row["x"]), &[8, 3]), device),
            Tensor::<1, Int>::from_data(targets.as_slice(), device).reshape([8, 1]),
        );
        let direction = Tensor::from_data(data(numbers(&row["direction"]), &[31]), device);
        let name = row["activation"].as_str().expect("a name").to_owned();
        Self { name, network, data: inputs, direction, expected: row }
    }
}

impl Network {
    /// Returns the mean cross-entropy with the activation `name`.
    ///
    /// # Panics
    /// If no activation has that name.
    pub fn loss(&self, x: Tensor<2>, targets: Tensor<2, Int>, name: &str) -> Tensor<1> {
        let act = |x| match name {
            "tanh" => Tensor::tanh(x),
            "sigmoid" => activation::sigmoid(x),
            "softplus" => activation::softplus(x, 1.0),
            "relu" => activation::relu(x),
            "gelu" => activation::gelu(x),
            other => panic!("an activation that this test does not know: {other}"),
        };
        let hidden = act(x.matmul(self.w1.val()) + self.b1.val().unsqueeze());
        let logits = hidden.matmul(self.w2.val()) + self.b2.val().unsqueeze();
        -activation::log_softmax(logits, 1).gather(1, targets).mean()
    }
}
