//! The models of `kiln vi`.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::Dataset,
    dist::{Factors, LogJoint},
    models::bayes::{BayesianLogistic, EightSchools},
};

use super::flags::{ModelName, ViFlags};
use crate::{
    base::{Console, Failure, Result, require},
    context::{Compute, Loaded, Part, Purpose, Source, load},
    settings::{TableSettings, TabularData},
};

#[derive(Clone, Debug)]
pub(crate) enum Model {
    Logistic { names: Vec<String>, rows: usize, posterior: Box<BayesianLogistic> },
    EightSchools(EightSchools),
}

impl Model {
    pub(crate) fn load(name: ModelName, flags: &ViFlags, compute: &Compute, console: Console) -> Result<Self> {
        match name {
            ModelName::Logistic => Self::logistic(flags, compute, console),
            ModelName::EightSchools => {
                flags.logistic.refuse("eight-schools")?;
                Ok(Self::EightSchools(EightSchools))
            }
        }
    }

    fn logistic(flags: &ViFlags, compute: &Compute, console: Console) -> Result<Self> {
        let asked = &flags.logistic;
        let prior_scale = asked.prior_scale.unwrap_or(1.0);
        require(prior_scale > 0.0 && prior_scale.is_finite(), "prior-scale", "positive and finite", prior_scale)?;
        let name = asked.data.clone().unwrap_or_else(|| "breast-cancer".to_owned());
        let data = TabularData {
            name: name.clone(),
            target: asked.target.clone(),
            test_fraction: Some(0.0),
            standardize: asked.standardize.unwrap_or(true),
            ..TabularData::default()
        };
        let Loaded { encoder, train, notes, .. } = load(
            &Source::of_table(&data, &TableSettings::default(), flags.seed),
            (Purpose::Classes, Part::Split),
            None,
            console,
        )?;
        notes.iter().for_each(|note| console.note(note));
        if train.class_names().len() != 2 {
            let classes = train.class_names().len();
            return Err(Failure::usage(format!("{name} has {classes} classes, and `kiln vi logistic` needs two")));
        }
        let x = TensorData::new(train.inputs().to_vec(), [train.len(), train.features()]);
        let positive: Vec<bool> = train.targets().iter().map(|class| *class == 1).collect();
        let posterior = BayesianLogistic::new(&Tensor::from_data(x, &compute.device), &positive, prior_scale)
            .map_err(Failure::usage)?;
        let names = encoder.feature_names().into_iter().chain(["(intercept)".to_owned()]).collect();
        Ok(Self::Logistic { names, rows: train.len(), posterior: Box::new(posterior) })
    }

    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::Logistic { .. } => "logistic",
            Self::EightSchools(_) => "eight-schools",
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Logistic { names, .. } => names.clone(),
            Self::EightSchools(_) => {
                let schools = ('A'..='H').map(|school| format!("theta_{school}"));
                ["mu", "tau"].map(str::to_owned).into_iter().chain(schools).collect()
            }
        }
    }

    /// The names of the unknowns, which are real numbers.
    pub(crate) fn variables(&self) -> Vec<String> {
        match self {
            Self::Logistic { names, .. } => names.clone(),
            Self::EightSchools(_) => {
                let schools = ('A'..='H').map(|school| format!("(theta_{school} - mu)/tau"));
                ["mu", "ln tau"].map(str::to_owned).into_iter().chain(schools).collect()
            }
        }
    }

    /// The number of unknowns.
    pub(crate) fn size(&self) -> usize {
        self.dims()
    }

    /// The number of terms of a log-density.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Logistic { rows, .. } => *rows,
            Self::EightSchools(_) => 8,
        }
    }

    /// Returns the named quantities of z `[s, d]`, as `[s, names]`.
    pub(crate) fn quantities(&self, z: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Logistic { .. } => z,
            Self::EightSchools(schools) => schools.quantities(z),
        }
    }
}

impl LogJoint for Model {
    fn dims(&self) -> usize {
        match self {
            Self::Logistic { posterior, .. } => posterior.dims(),
            Self::EightSchools(schools) => schools.dims(),
        }
    }

    fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Logistic { posterior, .. } => posterior.log_joint(z),
            Self::EightSchools(schools) => schools.log_joint(z),
        }
    }

    fn factors(&self, z: Tensor<2>) -> Factors {
        match self {
            Self::Logistic { posterior, .. } => posterior.factors(z),
            Self::EightSchools(schools) => schools.factors(z),
        }
    }
}
