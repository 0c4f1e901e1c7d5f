//! Second derivatives of an operation that a backend extension records under a name of its own.

use burn::{
    backend::{
        Autodiff, Backend, Capture, Dispatch, Flex, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        ir::{CustomOpIr, OperationIr, ScalarIr, TensorIr},
        ops::FloatTensorOps,
        tensor::FloatTensor,
    },
    tensor::Tensor,
};
use burn_router::RouterClient;
use kiln_tensor::derivative::{
    DerivativeError, Function,
    custom::{CustomRule, CustomTensor, register},
};
use kiln_testkit::{assert_close, f64_device, tensor, values};

/// c·x³.
#[backend_extension(Flex, Autodiff, Capture)]
trait Cubes: Backend {
    fn cubed(x: FloatTensor<Self>, c: f64) -> FloatTensor<Self>;
}

fn product<B: Backend>(x: &FloatTensor<B>, y: &FloatTensor<B>) -> FloatTensor<B> {
    B::float_mul(x.clone(), y.clone())
}

impl Cubes for Flex {
    fn cubed(x: FloatTensor<Self>, c: f64) -> FloatTensor<Self> {
        Self::float_mul_scalar(product::<Self>(&product::<Self>(&x, &x), &x), c.into())
    }
}

impl Cubes for Capture {
    fn cubed(x: FloatTensor<Self>, c: f64) -> FloatTensor<Self> {
        let (client, shape, dtype) = (x.client.clone(), x.shape(), x.dtype());
        let out = TensorIr::uninit(client.create_empty_handle(), shape, dtype);
        // A name for each test, as rules are shared by all functions of a process.
        let name = match c {
            c if c < 0.0 => "cubed, composed wrongly",
            c if c > 1e5 => "cubed twice",
            _ => "cubed",
        };
        let op = CustomOpIr::with_scalars(name, &[x.into_ir()], &[out], vec![ScalarIr::Float(c)]);
        client.register(OperationIr::Custom(op)).remove(0)
    }
}

impl<B: Backend + Cubes, C: CheckpointStrategy> Cubes for Autodiff<B, C> {
    fn cubed(x: FloatTensor<Self>, c: f64) -> FloatTensor<Self> {
        let node = x.node();
        let x = x.into_primitive();
        match Cube.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x.clone(), c), B::cubed(x, c)),
            OpsKind::UnTracked(prep) => prep.finish(B::cubed(x, c)),
        }
    }
}

#[derive(Debug)]
struct Cube;

impl<B: Backend> Backward<B, 1> for Cube {
    type State = (FloatTensor<B>, f64);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let ((x, c), [parent]) = (ops.state, ops.parents);
        let Some(node) = parent else { return };
        let slope = B::float_mul_scalar(product::<B>(&x, &x), (3.0 * c).into());
        grads.register::<B>(node.id, product::<B>(&grad, &slope));
    }
}

fn cubed(x: Tensor<1>, c: f64) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::cubed(x.into_dispatch(), c))
}

struct Cubed;

impl CustomRule for Cubed {
    fn id(&self) -> &str {
        "cubed"
    }

    fn compose(&self, inputs: &[CustomTensor], scalars: &[f64]) -> Vec<CustomTensor> {
        vec![CustomTensor::new(inputs[0].float::<1>().powi_scalar(3) * scalars[0])]
    }
}

#[test]
fn an_operation_has_second_derivatives_once_its_composition_is_known() {
    let device = f64_device();
    let x = tensor::<1>(&[0.5, -2.0, 3.0], [3], &device);
    let v = tensor::<1>(&[1.0, 0.25, -1.0], [3], &device);
    // Σ 2·x³·e^(x/4): the other factor makes the second derivative a sum of terms.
    let f = Function::of_vector(x.clone(), |x: Tensor<1>| (cubed(x.clone(), 2.0) * (x * 0.25).exp()).sum());
    let error = f.hvp(&x, &v).unwrap_err();
    assert!(matches!(&error, DerivativeError::NoRule { operation } if operation == "cubed"), "{error}");
    register(Cubed);
    let product = values(f.hvp(&x, &v).unwrap());
    let expected: Vec<f64> = [(0.5, 1.0), (-2.0, 0.25), (3.0, -1.0)]
        .into_iter()
        .map(|(x, v): (f64, f64)| (0.25 * x).exp() * (12.0 * x + 3.0 * x * x + 0.125 * x.powi(3)) * v)
        .collect();
    assert_close(&product, &expected, 1e-13, 0.0, "H·v");
    // Burn's gradient is that of the extension itself.
    let gradient = values(f.value_and_grad(&x).unwrap().1);
    let slope = |x: f64| (0.25 * x).exp() * (6.0 * x * x + 0.5 * x.powi(3));
    assert_close(&gradient, &[0.5, -2.0, 3.0].map(slope), 1e-13, 0.0, "the gradient");
}

struct Wrong;

impl CustomRule for Wrong {
    fn id(&self) -> &str {
        "cubed, composed wrongly"
    }

    fn compose(&self, inputs: &[CustomTensor], _: &[f64]) -> Vec<CustomTensor> {
        vec![CustomTensor::new(inputs[0].float::<3>())]
    }
}

#[test]
fn a_composition_of_another_rank_says_so() {
    let device = f64_device();
    let x = tensor::<1>(&[0.5], [1], &device);
    register(Wrong);
    let f = Function::of_vector(x.clone(), |x: Tensor<1>| cubed(x, -1.0).sum());
    let error = f.hvp(&x, &x).unwrap_err();
    assert!(error.to_string().contains("3 dimensions"), "{error}");
}

/// A composition for the same name, with another factor.
struct Twice;

impl CustomRule for Twice {
    fn id(&self) -> &str {
        "cubed twice"
    }

    fn compose(&self, inputs: &[CustomTensor], _: &[f64]) -> Vec<CustomTensor> {
        vec![CustomTensor::new(inputs[0].float::<1>().powi_scalar(3) * 2.0)]
    }
}

struct Once;

impl CustomRule for Once {
    fn id(&self) -> &str {
        "cubed twice"
    }

    fn compose(&self, inputs: &[CustomTensor], _: &[f64]) -> Vec<CustomTensor> {
        vec![CustomTensor::new(inputs[0].float::<1>().powi_scalar(3))]
    }
}

#[test]
fn a_rule_that_is_replaced_is_not_used_again() {
    let device = f64_device();
    let x = tensor::<1>(&[0.5], [1], &device);
    let one = tensor::<1>(&[1.0], [1], &device);
    let f = Function::of_vector(x.clone(), |x: Tensor<1>| cubed(x, 1e6).sum());
    register(Twice);
    assert_close(&values(f.hvp(&x, &one).unwrap()), &[6.0], 1e-14, 0.0, "2·x³");
    register(Once);
    assert_close(&values(f.hvp(&x, &one).unwrap()), &[3.0], 1e-14, 0.0, "x³");
}
