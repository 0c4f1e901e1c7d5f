//! Measures of predictions: how well predicted classes, scores, probabilities and numbers agree with what was observed.
//!
//! | observed and predicted | measures |
//! |---|---|
//! | classes and classes | [`ConfusionMatrix`]: accuracy, balanced accuracy, [precision, recall and F1](ClassScores), Cohen's kappa, Matthews |
//! | two classes and scores | [`RocCurve`], [`PrecisionRecall`] |
//! | several classes and scores | [`roc_auc_multiclass`] |
//! | two classes and probabilities | [`log_loss`], [`brier`], [`Calibration`] |
//! | several classes and probabilities | [`log_loss_multiclass`], [`brier_multiclass`] |
//! | numbers and numbers | [`rmse`], [`mae`], [`r2`], [`mape`], [`pinball`], [`poisson_deviance`], [`gamma_deviance`], [`tweedie_deviance`] |
//!
//! The definitions and the treatment of ties are those of scikit-learn. What is observed comes first, what is predicted second, and the
//! weights of the rows last.
//!
//! A weight is a finite number, 0 or more. `None` means that all rows count alike. A row of weight 2 counts as two equal rows, and a row of
//! weight 0 as none. Measures of n rows take O(n log n) time, and those of n rows and k classes O(k·n log n).
//!
//! Every failure is a [`MetricsError`]. Scores, probabilities and numbers must be finite.
//!
//! # Example
//!
//! ```
//! use kiln_models::metrics::{Bins, Calibration, ConfusionMatrix, RocCurve, log_loss};
//!
//! let observed = [false, false, true, true];
//! let probabilities = [0.1, 0.4, 0.35, 0.8];
//! assert_eq!(RocCurve::new(&observed, &probabilities, None)?.auc(), 0.75);
//! assert!((log_loss(&observed, &probabilities, None)? - 0.4722879).abs() < 1e-7);
//! assert!((Calibration::new(&observed, &probabilities, Bins::Uniform(2), None)?.expected_error() - 0.0875).abs() < 1e-12);
//!
//! let predicted = probabilities.map(|p| usize::from(p > 0.5));
//! assert_eq!(ConfusionMatrix::new(&observed.map(usize::from), &predicted, 2, None)?.accuracy(), 0.75);
//! # Ok::<(), kiln_models::metrics::MetricsError>(())
//! ```

mod average;
mod calibration;
mod confusion;
mod deviance;
mod error;
mod multiclass_auc;
mod numbers;
mod precision_recall;
mod probabilities;
mod roc;
mod rows;
mod thresholds;

pub use self::{
    average::Average,
    calibration::{Bins, Calibration, CalibrationBin},
    confusion::{ClassScores, ConfusionMatrix},
    deviance::{gamma_deviance, poisson_deviance, tweedie_deviance},
    error::MetricsError,
    multiclass_auc::roc_auc_multiclass,
    numbers::{mae, mape, pinball, r2, rmse},
    precision_recall::PrecisionRecall,
    probabilities::{brier, brier_multiclass, log_loss, log_loss_multiclass},
    roc::RocCurve,
};
