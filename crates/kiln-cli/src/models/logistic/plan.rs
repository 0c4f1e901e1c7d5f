//! The plan of a regression's fit.

use kiln::{
    burn::{
        module::Module,
        tensor::{Tensor, TensorData},
    },
    data::Dataset,
    models::{Dependence, RegressionLoss, curvature_bound, dependent_columns},
    tensor::{derivative::Objective, flat::Layout},
    train::TrainConfig,
};

use super::settings::{ClassWeight, LogisticModel, LogisticSettings};
use crate::{
    base::{Failure, Result, to_vec},
    context::{Compute, Loaded, Memory},
    names::{Dtype, OptimizerName, SolverName},
    settings::{MethodDefaults, MethodPlan, SolverPlan},
};

/// Epochs between evaluations and checkpoints of full-batch training, whose epochs are single steps.
const FULL_BATCH_INTERVAL: u64 = 1000;
/// The largest number of parameters for which the Hessian is computed, and a separation looked for.
pub(super) const LARGEST_HESSIAN: usize = 1000;

/// A complete fit.
pub(crate) struct LogisticPlan {
    pub(super) settings: LogisticSettings,
    pub(super) data: Loaded,
    pub(super) compute: Compute,
    pub(super) how: How,
    /// The tolerance of the gradient.
    pub(super) gtol: f64,
    /// Features that depend on others, which a maximum likelihood fit leaves out. Their weights are 0.
    pub(super) dropped: Vec<Dependence>,
}

/// What takes the steps.
pub(super) enum How {
    Solver(SolverPlan),
    Optimizer(Box<OptimizerPlan>),
}

pub(super) struct OptimizerPlan {
    pub(super) method: MethodPlan,
    pub(super) config: TrainConfig,
    pub(super) epochs: u64,
    pub(super) is_full_batch: bool,
}

impl LogisticPlan {
    pub(super) fn new(mut settings: LogisticSettings, data: Loaded, compute: Compute) -> Result<Self> {
        if settings.by_solver()? {
            let shape = (settings.model.l1 > 0.0, settings.model.is_bounded());
            let is_unique = settings.model.is_penalised() || settings.model.is_bounded();
            let dropped =
                if is_unique { Vec::new() } else { dependent_columns(data.train.inputs(), data.train.features()) };
            if dropped.len() == data.train.features() {
                return Err(Failure::usage("every feature is constant: choose other --features"));
            }
            let columns = if data.train.classes() == 2 { 1 } else { data.train.classes() };
            let parameters = (data.train.features() - dropped.len() + 1) * columns;
            let solver = settings.solver.plan(settings.train.gtol, (shape, parameters), compute.dtype);
            settings.solver.name = Some(solver.name);
            settings.solver.max_iter = Some(solver.max_iter);
            settings.train.gtol = Some(solver.gtol);
            return Ok(Self { gtol: solver.gtol, settings, data, compute, how: How::Solver(solver), dropped });
        }
        let optimizer = OptimizerPlan::new(&mut settings, &data, compute.dtype)?;
        let gtol = settings.train.gtol.unwrap_or(0.0);
        Ok(Self { settings, data, compute, how: How::Optimizer(Box::new(optimizer)), gtol, dropped: Vec::new() })
    }

    pub(super) fn classes(&self) -> usize {
        self.data.train.classes()
    }

    /// The number of columns of weights: one for two classes, and otherwise one per class.
    pub(super) fn columns(&self) -> usize {
        if self.classes() == 2 { 1 } else { self.classes() }
    }

    /// Returns whether the Hessian is small enough to compute.
    pub(super) fn is_small(&self) -> bool {
        (self.kept().len() + 1) * self.columns() <= LARGEST_HESSIAN
    }

    /// Returns the features that the fit uses.
    pub(super) fn kept(&self) -> Vec<usize> {
        let is_kept = |feature: &usize| !self.dropped.iter().any(|dropped| dropped.column == *feature);
        (0..self.data.train.features()).filter(is_kept).collect()
    }

    /// Returns the names of the features that the fit uses.
    pub(super) fn kept_names(&self) -> Vec<String> {
        let names = self.data.encoder.feature_names();
        self.kept().into_iter().map(|feature| names[feature].clone()).collect()
    }

    /// Inserts zeros for the features that were dropped into weights `[kept, columns]`.
    pub(super) fn with_dropped(&self, weights: &[f64]) -> Vec<f64> {
        let columns = self.columns();
        let mut all = vec![0.0; self.data.train.features() * columns];
        for (weights, feature) in weights.chunks_exact(columns).zip(self.kept()) {
            all[feature * columns..(feature + 1) * columns].copy_from_slice(weights);
        }
        all
    }

    /// Returns the model's parameters for a point of the solver: the weights `[features, columns]`, then the intercepts.
    pub(super) fn parameters(&self, loss: &RegressionLoss, x: &Tensor<1>) -> Tensor<1> {
        let parameters = loss.parameters(x);
        if self.dropped.is_empty() {
            return parameters;
        }
        let like = (&parameters.device(), parameters.dtype());
        let mut values = to_vec(parameters);
        let intercepts = values.split_off(self.kept().len() * self.columns());
        let all = [self.with_dropped(&values), intercepts].concat();
        let size = all.len();
        Tensor::from_data(TensorData::new(all, [size]), like)
    }

    /// Says which features were dropped.
    pub(super) fn dropped_lines(&self) -> String {
        let names = self.data.encoder.feature_names();
        let lines = self.dropped.iter().map(|dropped| format!("dropped {}\n", dropped.named(&names)));
        lines.collect()
    }

    /// The objective over all training rows, in rescaled columns.
    pub(super) fn loss(&self) -> Result<RegressionLoss> {
        let (train, device) = (&self.data.train, &self.compute.device);
        let kept = self.kept();
        let shape = [train.len(), kept.len()];
        let inputs = if self.dropped.is_empty() {
            train.inputs().to_vec()
        } else {
            train.inputs().chunks_exact(train.features()).flat_map(|row| kept.iter().map(|&f| row[f])).collect()
        };
        let inputs = Tensor::from_data(TensorData::new(inputs, shape), device);
        let LogisticModel { l2, class_weight, .. } = self.settings.model;
        let loss = RegressionLoss::new(inputs, train.targets(), self.classes())
            .and_then(|loss| loss.l2(l2))
            .map_err(Failure::usage)?;
        let loss = match (class_weight, &self.data.weights) {
            (ClassWeight::None, None) => loss,
            (ClassWeight::None, Some(weights)) => loss.weights(weights).map_err(Failure::usage)?,
            (ClassWeight::Balanced, weights) => {
                loss.weights(&self.balanced(weights.as_deref())).map_err(Failure::usage)?
            }
        };
        Ok(loss.rescaled())
    }

    /// Returns the mean negative log-likelihood of the training rows, weighted by their sample weights if they have some.
    pub(super) fn weighted_nll<M: Module>(&self, model: &M) -> Result<Option<f64>> {
        let Some(weights) = &self.data.weights else { return Ok(None) };
        let (train, device) = (&self.data.train, &self.compute.device);
        let inputs = TensorData::new(train.inputs().to_vec(), [train.len(), train.features()]);
        let loss = RegressionLoss::new(Tensor::from_data(inputs, device), train.targets(), self.classes())
            .and_then(|loss| loss.weights(weights))
            .map_err(Failure::usage)?;
        let parameters = Layout::of(model).flatten(model);
        Ok(Some(loss.value(&parameters).map_err(Failure::internal)?.into_scalar::<f64>()))
    }

    /// Each row's weight times n / (classes · the weight of its class), where n is the sum of all weights.
    fn balanced(&self, weights: Option<&[f64]>) -> Vec<f64> {
        let targets = self.data.train.targets();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let mut of_class = vec![0.0; self.classes()];
        targets.iter().enumerate().for_each(|(row, &class)| of_class[class] += weight(row));
        #[allow(clippy::cast_precision_loss, reason = "a number of classes")]
        let share = of_class.iter().sum::<f64>() / of_class.len() as f64;
        targets.iter().enumerate().map(|(row, &class)| weight(row) * share / of_class[class]).collect()
    }

    pub(super) fn memory(&self) -> Memory {
        let (train, number) = (&self.data.train, self.compute.dtype.size());
        let (n, d, columns) = (train.len() + self.data.test.len(), train.features(), self.columns());
        let parameters = (d + 1).saturating_mul(columns);
        let memory = Memory::default().with("rows", &[n, d, 4], number).with("probabilities", &[n, columns, 4], number);
        match self.how {
            How::Solver(SolverPlan { name: SolverName::Newton, .. }) => {
                memory.with("Hessian", &[parameters, parameters, 4], number)
            }
            How::Solver(SolverPlan { name: SolverName::Bfgs, .. }) => {
                memory.with("BFGS matrix", &[parameters, parameters, 4], number)
            }
            _ => memory.with("weights", &[parameters, 32], number),
        }
    }
}

impl OptimizerPlan {
    fn new(settings: &mut LogisticSettings, data: &Loaded, dtype: Dtype) -> Result<Self> {
        let (n, train) = (data.train.len(), &data.train);
        let asked = &settings.method;
        let name = asked.optimizer.unwrap_or(OptimizerName::Nesterov);
        let accelerated = name == OptimizerName::Nesterov && asked.batch_schedule.is_none();
        let batch_size = asked.batch_size.unwrap_or(if accelerated { n } else { 32 });
        let is_full_batch = asked.batch_schedule.is_none() && batch_size >= n;
        let epochs = *settings.train.epochs.get_or_insert(if is_full_batch { 20_000 } else { 50 });
        if is_full_batch {
            settings.train.gtol.get_or_insert(if dtype == Dtype::F64 { 1e-8 } else { 1e-5 });
        } else if settings.train.gtol.is_some() {
            return Err(Failure::usage(
                "--gtol needs full batches: omit --batch-size, or set it to the number of training rows",
            ));
        }
        let mut defaults = MethodDefaults { optimizer: name, batch_size, lr: 0.01, schedule: None, momentum: None };
        let plain = matches!(name, OptimizerName::Sgd | OptimizerName::Momentum | OptimizerName::Nesterov);
        if is_full_batch && plain {
            let l2 = settings.model.l2;
            let curvature = l2 + curvature_bound(train.inputs(), train.features(), train.classes());
            defaults.lr = 1.0 / curvature;
            if accelerated && asked.momentum_schedule.is_none() {
                // (√κ − 1)/(√κ + 1), Nesterov's constant for curvatures in [λ, L]. Without a penalty there is no lower
                // bound of the curvature.
                let root = (curvature / l2).sqrt();
                let momentum = if l2 > 0.0 { ((root - 1.0) / (root + 1.0)).clamp(0.0, 0.999) } else { 0.99 };
                defaults.momentum = Some(momentum);
            }
        }
        let method = asked.plan(defaults, n, epochs)?;
        method.optimizer()?;
        let interval = if is_full_batch { FULL_BATCH_INTERVAL } else { 1 };
        let config = TrainConfig {
            seed: settings.run.seed,
            gtol: settings.train.gtol,
            log_every: settings.train.log_every,
            evaluate_every: interval,
            checkpoint_every: interval,
            ..method.config.clone()
        };
        settings.method = method.settings.clone();
        Ok(Self { method, config, epochs, is_full_batch })
    }
}
