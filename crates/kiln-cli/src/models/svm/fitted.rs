//! A support vector machine that was fitted: its scores and predictions.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, Encoder, Examples},
    models::{Kernel, SupportVectorMachine},
};
use serde::Serialize;

use super::settings::{Gamma, KernelName, SvmModel, SvmSettings};
use crate::{
    base::{Failure, MODEL, Result, RunDir, digits, to_vec},
    context::{
        Compute, ModelFile, Opened,
        tabular::{Fitted, check_predictions, rows, weighted_mean},
    },
};

pub(super) struct FittedSvm(pub(super) SupportVectorMachine);

/// How well rows are classified.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Score {
    n: usize,
    accuracy: f64,
    /// The mean of max(0, 1 − y·f(x)).
    hinge: f64,
}

impl FittedSvm {
    pub(super) fn write(&self, dir: &RunDir) -> Result<()> {
        let svm = &self.0;
        let intercept = TensorData::new(vec![svm.intercept()], [1]);
        let (support, coefficients) = (svm.support().to_data(), svm.coefficients().to_data());
        ModelFile::write(dir, vec![("support", support), ("coefficients", coefficients), ("intercept", intercept)])
    }

    pub(super) fn open(run: &Opened<SvmSettings>, encoder: &Encoder) -> Result<Self> {
        run.no_checkpoints("sequential minimal optimization")?;
        let file = ModelFile::parse(run.dir.file(MODEL), &run.dir.read(MODEL)?)?;
        let classes = encoder.class_names().len();
        if classes != 2 {
            return Err(Failure::usage(format!("the run's encoder.json is damaged: it has {classes} classes, not 2")));
        }
        let (support, coefficients) = (file.tensor("support", &run.compute)?, file.numbers("coefficients")?);
        let intercept = file.numbers("intercept")?.first().copied();
        let intercept = intercept.ok_or_else(|| file.damaged(&"it has no intercept"))?;
        let kernel = complete_kernel(&run.settings.model)?;
        let svm = SupportVectorMachine::new(kernel, support, &coefficients, intercept);
        let svm = svm.map_err(|error| file.damaged(&error))?;
        let ([_, found], expected) = (svm.support().dims(), encoder.features());
        match found == expected {
            true => Ok(Self(svm)),
            false => {
                Err(file.damaged(&format!("its support vectors have {found} columns, and the encoder {expected}")))
            }
        }
    }

    /// f(x) of each row.
    pub(super) fn decision(&self, inputs: &Tensor<2>) -> Result<Vec<f64>> {
        Ok(to_vec(self.0.decision(inputs)?))
    }
}

fn complete_kernel(model: &SvmModel) -> Result<Kernel> {
    match (model.kernel, model.gamma) {
        (KernelName::Linear, _) => Ok(Kernel::Linear),
        (KernelName::Rbf, Gamma::Number(gamma)) => Ok(Kernel::Rbf { gamma }),
        (KernelName::Rbf, Gamma::Rule(_)) => Err(Failure::usage("the run's config.toml has no number for gamma")),
    }
}

impl Fitted for FittedSvm {
    type Score = Score;

    fn score(&self, examples: &Examples, weights: Option<&[f64]>, compute: &Compute) -> Result<Score> {
        let decision = self.decision(&rows(examples, compute))?;
        let both = || decision.iter().zip(examples.targets()).map(|(f, &target)| (*f, target == 1));
        // On the boundary too, this agrees with `predict`.
        let right = both().map(|(f, positive)| f64::from(u8::from((f > 0.0) == positive)));
        // NaN counts as NaN, not as 0.
        let loss = |margin: f64| if margin >= 1.0 { 0.0 } else { 1.0 - margin };
        let hinge = both().map(|(f, positive)| loss(if positive { f } else { -f }));
        let (accuracy, hinge) = (weighted_mean(right, weights), weighted_mean(hinge, weights));
        Ok(Score { n: examples.len(), accuracy, hinge })
    }

    fn score_line(score: &Score) -> String {
        format!("test   accuracy {:.4}  hinge {:.4} ({} rows)", score.accuracy, score.hinge, score.n)
    }

    fn is_finite(score: &Score) -> bool {
        score.hinge.is_finite()
    }

    /// The class of each row, and f(x).
    fn predict(&self, inputs: Tensor<2>, encoder: &Encoder, first_row: usize) -> Result<Vec<u8>> {
        let decision = self.decision(&inputs)?;
        check_predictions(&decision, 1, first_row)?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["prediction", "decision"]).map_err(Failure::internal)?;
        let classes = encoder.class_names();
        for f in decision {
            let record = [classes[usize::from(f > 0.0)].clone(), digits(f)];
            writer.write_record(record).map_err(Failure::internal)?;
        }
        writer.into_inner().map_err(Failure::internal)
    }
}
