//! An objective averaged over a whole dataset.

use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Device, Tensor},
};
use kiln_data::{Dataset, Order, minibatches};
use kiln_tensor::{Stream, fused::in_pool, params};

use crate::{
    Metrics, TrainError,
    metrics::RunningMean,
    objective::{Loss, Objective},
};

/// The held-out loss of `model`, averaged over `data`, without gradients.
///
/// Noise is the `"evaluate"` stream of `seed`, the same at every call, so that epochs can be compared.
///
/// # Errors
/// [`TrainError::Empty`] when there are no rows, [`TrainError::Data`] when `batch_size` is 0.
pub fn evaluate<M, O, D>(
    model: &M,
    objective: &O,
    data: &D,
    batch_size: usize,
    seed: u64,
    device: &Device,
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
    Ok(in_pool(move || {
        let mut mean = RunningMean::default();
        for (i, rows) in batches.enumerate() {
            let mut stream = Stream::new(seed, "evaluate", 0, i as u64);
            let loss = objective.held_out(&model, data.batch(&rows, &device), &mut stream);
            let names: Vec<&'static str> = loss.terms.iter().map(|(name, _)| *name).collect();
            let values = read_back(loss, []);
            mean.add(rows.len(), values[0], names.into_iter().zip(values[1..].iter().copied()));
        }
        mean.mean()
    }))
}

/// The objective over all of `data` in one batch, and the largest absolute value of its gradient.
///
/// `model` must be on an autodiff device; it is the certificate of a minimum that was found by a deterministic method.
///
/// # Errors
/// [`TrainError::Empty`] when there are no rows; [`TrainError::Step`] when no parameter has a gradient.
pub fn full_gradient<M, O, D>(
    model: &M,
    objective: &O,
    data: &D,
    seed: u64,
    device: &Device,
) -> Result<(f64, f64), TrainError>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    if data.is_empty() {
        return Err(TrainError::Empty);
    }
    let model = model.clone();
    let (value, largest) = in_pool(move || {
        let rows: Vec<usize> = (0..data.len()).collect();
        let batch = data.batch(&rows, &device.clone().autodiff());
        let loss = objective.loss(&model, batch, &mut Stream::new(seed, "evaluate", 0, 0));
        let value = loss.value.clone().without_autodiff().into_scalar::<f64>();
        let gradients = GradientsParams::from_grads(loss.value.backward(), &model);
        (value, params::gradient_summary(&model, &gradients).max_abs)
    });
    let largest = largest.ok_or(kiln_optim::StepError::NothingToUpdate)?;
    Ok((value, largest.into_scalar::<f64>()))
}

/// The loss, its terms and `more`, read from the device in one transfer.
pub(crate) fn read_back<const N: usize>(loss: Loss, more: [Tensor<1>; N]) -> Vec<f64> {
    let scalars =
        std::iter::once(loss.value).chain(loss.terms.into_iter().map(|(_, t)| t)).map(|t| t.without_autodiff());
    let all: Vec<Tensor<1>> = scalars.chain(more).collect();
    Tensor::cat(all, 0).try_into_vec_as::<f64>().expect("a float tensor converts to f64")
}
