//! A minibatch that several processes share: each has some of its rows, and all get the same mean gradient.

use std::ops::Range;

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{DType, Tensor, TensorData},
};
use kiln_tensor::{World, world::WorldError};

use crate::{TrainError, evaluate::read_back, objective::Loss};

/// The rows of a minibatch of `size` rows that this rank evaluates, and their weight in the mean.
///
/// If there are fewer rows than ranks, a rank without a row evaluates the first one with weight 0, so that all ranks do the same.
pub(super) fn part(world: &World, size: usize) -> (Range<usize>, f64) {
    let own = world.share_of(size);
    if own.is_empty() { (0..1, 0.0) } else { (own.clone(), own.len() as f64 / size as f64) }
}

/// What ranks ask for in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Requests {
    /// An observer wants the run to stop.
    pub(super) stop: bool,
    /// The run was interrupted.
    pub(super) interrupt: bool,
}

impl Requests {
    /// Those of all ranks.
    pub(super) fn of_all(self, world: &World) -> Result<Self, WorldError> {
        let mut counts = self.counts();
        world.sum(&mut counts)?;
        Ok(Self::from_counts(&counts))
    }

    fn counts(self) -> [f64; 2] {
        [self.stop, self.interrupt].map(|asked| f64::from(u8::from(asked)))
    }

    fn from_counts(counts: &[f64]) -> Self {
        Self { stop: counts[0] > 0.0, interrupt: counts[1] > 0.0 }
    }
}

/// Returns the weighted means of the ranks' losses and gradients, and what any rank asks for. It is one call of the engine.
///
/// The weights of the ranks add up to 1. Numbers are added in the float type of the loss.
pub(super) fn mean<M: Module>(
    world: &World,
    model: &M,
    (loss, gradients): (Loss, GradientsParams),
    weight: f64,
    requests: Requests,
) -> Result<(Loss, GradientsParams, Requests), TrainError> {
    let (device, dtype) = (loss.value.device().without_autodiff(), loss.value.dtype());
    let names: Vec<&'static str> = loss.terms.iter().map(|(name, _)| *name).collect();
    let mut numbers: Vec<f64> = read_back(loss, []).into_iter().map(|number| number * weight).collect();
    numbers.extend(requests.counts());
    let (gradients, numbers) = match dtype {
        DType::F64 => summed::<M, f64>(world, model, gradients, weight, numbers)?,
        _ => summed::<M, f32>(world, model, gradients, weight, numbers)?,
    };
    let scalar = |number: f64| Tensor::<1>::from_data(TensorData::new(vec![number], [1]), (&device, dtype));
    let terms = names.iter().zip(&numbers[1..]).map(|(name, number)| (*name, scalar(*number))).collect();
    let requests = Requests::from_counts(&numbers[1 + names.len()..]);
    Ok((Loss { value: scalar(numbers[0]), terms }, gradients, requests))
}

/// A float type that ranks exchange.
trait Wire: burn::tensor::Element {
    fn from_f64(number: f64) -> Self;
    fn sum(world: &World, values: &mut [Self]) -> Result<(), WorldError>;
}

impl Wire for f64 {
    fn from_f64(number: f64) -> Self {
        number
    }
    fn sum(world: &World, values: &mut [Self]) -> Result<(), WorldError> {
        world.sum(values)
    }
}

impl Wire for f32 {
    fn from_f64(number: f64) -> Self {
        number as f32
    }
    fn sum(world: &World, values: &mut [Self]) -> Result<(), WorldError> {
        world.sum_f32(values)
    }
}

/// Adds up the gradients times `weight`, and `numbers` as they are.
fn summed<M: Module, T: Wire + std::ops::Mul<Output = T>>(
    world: &World,
    model: &M,
    gradients: GradientsParams,
    weight: f64,
    numbers: Vec<f64>,
) -> Result<(GradientsParams, Vec<f64>), WorldError> {
    struct Reader<'a, T> {
        gradients: &'a GradientsParams,
        weight: T,
        values: Vec<T>,
    }
    impl<T: Wire + std::ops::Mul<Output = T>> ModuleVisitor for Reader<'_, T> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(gradient) = self.gradients.get::<D>(param.id) else { return };
            let values = gradient.try_into_vec_as::<T>().expect("a float tensor converts to a float type");
            self.values.extend(values.into_iter().map(|value| value * self.weight));
        }
    }
    struct Writer<'a, T> {
        gradients: GradientsParams,
        values: &'a [T],
    }
    impl<T: Wire> ModuleVisitor for Writer<'_, T> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(old) = self.gradients.remove::<D>(param.id) else { return };
            let (own, rest) = self.values.split_at(old.shape().num_elements());
            self.values = rest;
            let data = TensorData::new(own.to_vec(), old.shape());
            self.gradients.register(param.id, Tensor::<D>::from_data(data, (&old.device(), old.dtype())));
        }
    }
    let mut reader = Reader { gradients: &gradients, weight: T::from_f64(weight), values: Vec::new() };
    model.visit(&mut reader);
    let mut values = reader.values;
    let of_gradients = values.len();
    values.extend(numbers.into_iter().map(T::from_f64));
    T::sum(world, &mut values)?;
    let mut writer = Writer { gradients, values: &values };
    model.visit(&mut writer);
    let gradients = writer.gradients;
    Ok((gradients, values[of_gradients..].iter().map(|value| value.to_f64()).collect()))
}

/// Compares what must be the same on all ranks before the first step: the parameters, the number of rows, and the step.
pub(super) fn compare<M: Module>(world: &World, model: &M, rows: usize, step: u64) -> Result<(), WorldError> {
    struct Bits(u64);
    impl ModuleVisitor for Bits {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let data = param.val().without_autodiff().into_data();
            let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            self.0 = data.as_bytes().iter().fold(self.0, hash);
        }
    }
    let mut bits = Bits(0xcbf2_9ce4_8422_2325);
    model.visit(&mut bits);
    world.compare(&[("the number of rows", rows as u64), ("the step", step), ("the initial parameters", bits.0)])
}
