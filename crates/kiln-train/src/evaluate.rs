//! An objective averaged over a whole dataset.

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Device, Tensor},
};
use kiln_data::{Dataset, Order, minibatches};
use kiln_optim::StepError;
use kiln_tensor::{Normals, Stream, World, fused::in_pool, params, world::WorldError};

use crate::{
    Metrics, TrainError,
    metrics::RunningMean,
    objective::{Loss, Objective},
    place::{device_of, for_training},
};

/// Returns the held-out loss of `model`, averaged over `data`, without gradients.
///
/// The data go to the device of the model's parameters, `batch_size` (at least 1) rows at a time. The noise is the
/// `"evaluate"` stream of `seed`, the same at every call, so that epochs can be compared.
///
/// # Errors
/// [`TrainError::Empty`] if there are no rows, and [`TrainError::Data`] if `batch_size` is 0.
///
/// # Example
///
/// ```
/// use burn::{nn::Linear, tensor::Device};
/// use kiln_data::{Labelled, digits};
/// use kiln_dist::Categorical;
/// use kiln_tensor::{Stream, init};
/// use kiln_train::{LikelihoodOf, evaluate};
///
/// let data = Labelled::new(digits())?;
/// let model = init::linear(64, 10, &mut Stream::new(0, "init", 0, 0), &Device::default());
/// let objective = LikelihoodOf::new(|model: &Linear, x| Categorical::from_logits(model.forward(x)));
/// let metrics = evaluate(&model, &objective, &data, 1000, 0)?;
/// assert!((metrics.loss - 10f64.ln()).abs() < 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn evaluate<M, O, D>(
    model: &M,
    objective: &O,
    data: &D,
    batch_size: usize,
    seed: u64,
) -> Result<Metrics, TrainError>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    evaluate_on(
        &device_of(model).unwrap_or_default(),
        model,
        objective,
        data,
        batch_size,
        (seed, Normals::default()),
        &World::alone(),
    )
}

/// [`evaluate`] with the data on `device`, and the batches divided among the ranks of `world`. All ranks get the bits of one.
pub(crate) fn evaluate_on<M, O, D>(
    device: &Device,
    model: &M,
    objective: &O,
    data: &D,
    batch_size: usize,
    (seed, normals): (u64, Normals),
    world: &World,
) -> Result<Metrics, TrainError>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    if data.is_empty() {
        return Err(TrainError::Empty);
    }
    let model = model.valid();
    let device = device.clone().without_autodiff();
    let batches = minibatches(data.len(), batch_size, Order::Sequential)?;
    let own = world.share_of(batches.len());
    let parts = in_pool(move || {
        let mut parts = Vec::new();
        let mut unread: Vec<(usize, Loss)> = Vec::new();
        for (i, rows) in batches.enumerate().take(own.end).skip(own.start) {
            let batch = data.batch(&rows, &device);
            let mut stream = Stream::new(seed, "evaluate", 0, i as u64).with_normals(normals);
            seed_device(&device, seed, "evaluate-device", (0, i as u64));
            unread.push((rows.len(), objective.held_out(&model, batch, &mut stream)));
            if unread.len() == UNREAD {
                parts.extend(read_all(std::mem::take(&mut unread)));
            }
        }
        parts.extend(read_all(unread));
        parts
    });
    let mut mean = RunningMean::default();
    for part in of_all_ranks(world, parts)? {
        mean.merge(&part);
    }
    Ok(mean.mean())
}

/// The parts of all ranks, in the order of the ranks.
fn of_all_ranks(world: &World, parts: Vec<RunningMean>) -> Result<Vec<RunningMean>, WorldError> {
    if world.is_alone() {
        return Ok(parts);
    }
    let bytes = serde_json::to_vec(&parts).expect("numbers and names can be written");
    let mut all = Vec::new();
    for bytes in world.gather(&bytes)? {
        let parts: Vec<RunningMean> =
            serde_json::from_slice(&bytes).map_err(|error| WorldError::Engine(error.to_string()))?;
        all.extend(parts);
    }
    Ok(all)
}

/// Batches whose losses are read from the device at once: so many that a GPU does not wait for the host, and so few that the data of those
/// that wait fit on it.
const UNREAD: usize = 32;

/// Reads the losses of batches, with their numbers of examples.
fn read_all(losses: Vec<(usize, Loss)>) -> Vec<RunningMean> {
    let names = |loss: &Loss| loss.terms.iter().map(|(name, _)| *name).collect::<Vec<&'static str>>();
    let of: Vec<(usize, Vec<&'static str>)> = losses.iter().map(|(examples, loss)| (*examples, names(loss))).collect();
    let scalars: Vec<Tensor<1>> = losses.into_iter().flat_map(|(_, loss)| scalars(loss)).collect();
    if scalars.is_empty() {
        return Vec::new();
    }
    let values = Tensor::cat(scalars, 0).try_into_vec_as::<f64>().expect("a float tensor converts to f64");
    let mut values = values.into_iter();
    let read = |(examples, names): (usize, Vec<&'static str>)| {
        let mut part = RunningMean::default();
        let loss = values.next().expect("a loss for every batch");
        // The terms are taken even if the mean did not look at them.
        let terms: Vec<(&'static str, f64)> = names.into_iter().zip(values.by_ref()).collect();
        part.add(examples, loss, terms.into_iter());
        part
    };
    of.into_iter().map(read).collect()
}

/// Seeds the device's own random numbers, from which layers such as Burn's `Dropout` draw.
pub(crate) fn seed_device(device: &Device, seed: u64, purpose: &str, (epoch, batch): (u64, u64)) {
    device.seed(Stream::new(seed, purpose, epoch, batch).next_u64());
}

/// The value and gradient of an objective over a whole dataset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FullGradient {
    /// The value of the objective.
    pub loss: f64,
    /// The largest absolute entry of the gradient.
    pub max_abs_grad: f64,
}

/// Returns the objective over all of `data` in one batch, and the size of its gradient.
///
/// It shows how close a point is to a minimum. The data go to the device of the model's parameters.
///
/// # Errors
/// [`TrainError::Empty`] if there are no rows, and [`TrainError::Step`] if no parameter has a gradient.
pub fn full_gradient<M, O, D>(model: &M, objective: &O, data: &D, seed: u64) -> Result<FullGradient, TrainError>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    if data.is_empty() {
        return Err(TrainError::Empty);
    }
    let (model, device) = for_training(model.clone()).ok_or(StepError::NothingToUpdate)?;
    let evaluated = in_pool(move || {
        let rows: Vec<usize> = (0..data.len()).collect();
        let batch = data.batch(&rows, &device);
        seed_device(&device, seed, "evaluate-device", (0, 0));
        let loss = objective.loss(&model, batch, &mut Stream::new(seed, "evaluate", 0, 0));
        if !loss.value.is_autodiff() || !loss.value.is_tracked() {
            return None;
        }
        let value = loss.value.clone().without_autodiff().into_scalar::<f64>();
        let gradients = GradientsParams::from_grads(loss.value.backward(), &model);
        let largest = params::gradient_summary(&model, &gradients).max_abs?;
        Some(FullGradient { loss: value, max_abs_grad: largest.into_scalar::<f64>() })
    });
    Ok(evaluated.ok_or(StepError::NothingToUpdate)?)
}

/// Returns the loss, its terms and `more`, read from the device in one transfer.
pub(crate) fn read_back<const N: usize>(loss: Loss, more: [Tensor<1>; N]) -> Vec<f64> {
    let all: Vec<Tensor<1>> = scalars(loss).chain(more).collect();
    Tensor::cat(all, 0).try_into_vec_as::<f64>().expect("a float tensor converts to f64")
}

/// The loss and its terms, without autodiff.
fn scalars(loss: Loss) -> impl Iterator<Item = Tensor<1>> {
    std::iter::once(loss.value).chain(loss.terms.into_iter().map(|(_, t)| t)).map(|t| t.without_autodiff())
}
