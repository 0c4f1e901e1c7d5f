//! A function that is a sum over processes.

use burn::tensor::{Tensor, TensorData};

use super::{EvaluationError, Hessian, HessianProduct, Objective};
use crate::{World, linalg::Symmetric, world::WorldError};

/// The sum of the functions of all ranks of a [`World`]: each rank has its rows, and evaluates its function of them.
///
/// It is an objective itself, with H·v and the Hessian if the ranks' functions have them. A solver runs on every rank, sees the same bits on
/// all of them, and takes the same steps. It costs one call of the engine for each evaluation. An error of one rank ends the evaluation on
/// all of them.
///
/// # Example
///
/// Least squares on three ranks that are threads. On a cluster the world is that of MPI; see the crate `kiln-mpi`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::{derivative::{Distributed, Function, Objective}, world::threads};
///
/// let values = threads(3, |world| {
///     let rows: Vec<f32> = world.share_of(10).map(|row| row as f32).collect();
///     let device = Device::default();
///     let rows = Tensor::<1>::from_data(rows.as_slice(), &device);
///     let start = Tensor::<1>::zeros([1], &device);
///     let loss = Function::of_vector_with(start.clone(), rows, |mean: Tensor<1>, rows: Tensor<1>| (rows - mean).square().sum());
///     let loss = Distributed::new(&loss, &world).unwrap();
///     loss.value(&start).unwrap().into_scalar::<f32>()
/// });
/// // 0² + 1² + … + 9²
/// assert_eq!(values, [285.0; 3]);
/// ```
#[derive(Debug)]
pub struct Distributed<O> {
    objective: O,
    world: World,
    weight: f64,
    rounding_units: f64,
    scale: f64,
}

impl<O: Objective> Distributed<O> {
    /// The sum of the ranks' functions. All ranks call it.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn new(objective: O, world: &World) -> Result<Self, WorldError> {
        Self::weighted(objective, 1.0, world)
    }

    /// The mean over all rows of all ranks, for a function that is the mean over `rows` rows of this rank. Terms that do not depend on the
    /// rows, such as penalties, count once. All ranks call it. A rank without rows must have a function too; its value does not count.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn mean(objective: O, rows: usize, world: &World) -> Result<Self, WorldError> {
        let mut total = [rows as f64];
        world.sum(&mut total)?;
        Self::weighted(objective, rows as f64 / total[0].max(1.0), world)
    }

    fn weighted(objective: O, weight: f64, world: &World) -> Result<Self, WorldError> {
        // Solvers decide by these numbers, so that they must be the same on all ranks.
        let mut sums = [objective.rounding_units(), weight * objective.scale()];
        world.sum(&mut sums)?;
        let [rounding_units, scale] = sums;
        Ok(Self {
            objective,
            world: world.clone(),
            weight,
            rounding_units: rounding_units / world.size() as f64,
            scale,
        })
    }

    /// Returns the function of this rank.
    pub fn local(&self) -> &O {
        &self.objective
    }

    /// Adds up tensors over the ranks. If a rank could not compute them, no rank has a result.
    fn sum<const N: usize>(
        &self,
        tensors: Result<[Tensor<1>; N], EvaluationError>,
        lengths: [usize; N],
    ) -> Result<[Tensor<1>; N], EvaluationError> {
        if self.world.is_alone() {
            return tensors;
        }
        let mut numbers: Vec<f64> = Vec::with_capacity(lengths.iter().sum::<usize>() + 1);
        if let Ok(tensors) = &tensors {
            for tensor in tensors {
                let own = tensor.clone().try_into_vec_as::<f64>().expect("a float tensor converts to f64");
                numbers.extend(own.into_iter().map(|number| self.weighted_number(number)));
            }
        }
        numbers.resize(lengths.iter().sum(), 0.0);
        numbers.push(if tensors.is_err() { 1.0 } else { 0.0 });
        self.world.sum(&mut numbers)?;
        let like = tensors?;
        if numbers.pop().is_some_and(|failed| failed > 0.0) {
            return Err("another rank could not evaluate its rows".into());
        }
        let mut rest = numbers.as_slice();
        Ok(like.map(|like| {
            let (own, after) = rest.split_at(like.dims()[0]);
            rest = after;
            Tensor::from_data(TensorData::new(own.to_vec(), like.shape()), (&like.device(), like.dtype()))
        }))
    }

    /// A rank without rows may have any value, also one that is not finite.
    fn weighted_number(&self, number: f64) -> f64 {
        if self.weight > 0.0 { self.weight * number } else { 0.0 }
    }
}

impl<O: Objective> Objective for Distributed<O> {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        let own = self.objective.value_and_grad(x).map(|(value, gradient)| [value, gradient]);
        let [value, gradient] = self.sum(own, [1, x.dims()[0]])?;
        Ok((value, gradient))
    }

    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        let [value] = self.sum(self.objective.value(x).map(|value| [value]), [1])?;
        Ok(value)
    }

    fn product(&self, x: &Tensor<1>, v: &Tensor<1>) -> Option<Result<Tensor<1>, EvaluationError>> {
        let own = self.objective.product(x, v)?;
        Some(self.sum(own.map(|product| [product]), x.dims()).map(|[product]| product))
    }

    fn rounding_units(&self) -> f64 {
        self.rounding_units
    }

    fn scale(&self) -> f64 {
        self.scale
    }
}

impl<O: HessianProduct> HessianProduct for Distributed<O> {
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        let [product] = self.sum(self.objective.hvp(x, v).map(|product| [product]), x.dims())?;
        Ok(product)
    }
}

impl<O: Hessian> Hessian for Distributed<O> {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        let own = self.objective.hessian(x);
        if self.world.is_alone() {
            return own;
        }
        let n = x.dims()[0];
        // The lower triangle, and whether it is missing.
        let mut numbers = vec![0.0; n * (n + 1) / 2 + 1];
        match &own {
            Ok(hessian) => {
                let entries = (0..n).flat_map(|row| (0..=row).map(move |column| (row, column)));
                for (number, (row, column)) in numbers.iter_mut().zip(entries) {
                    *number = self.weighted_number(hessian.at(row, column));
                }
            }
            Err(_) => numbers[n * (n + 1) / 2] = 1.0,
        }
        self.world.sum(&mut numbers)?;
        own?;
        if numbers[n * (n + 1) / 2] > 0.0 {
            return Err("another rank could not evaluate its rows".into());
        }
        Ok(Symmetric::from_fn(n, |row, column| {
            let (row, column) = (row.max(column), row.min(column));
            numbers[row * (row + 1) / 2 + column]
        }))
    }
}
