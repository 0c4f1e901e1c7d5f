//! How well classes are predicted: measures for `result.json`, and curves as a picture.

use kiln::models::metrics::{
    Average, Bins, Calibration, ConfusionMatrix, MetricsError, PrecisionRecall, RocCurve, brier, brier_multiclass,
    roc_auc_multiclass,
};
use serde::Serialize;

use crate::base::{
    Result, RunDir,
    plot::{self, Axis, Curve, Legend, Marks, Panel},
};

/// The picture of the curves.
const CURVES: &str = "curves.png";
/// Confusion matrices of more classes are not written.
const LARGEST_MATRIX: usize = 50;
/// Points of a curve in a picture.
const POINTS: usize = 400;
const BINS: usize = 10;

/// Rows with their classes and predicted probabilities.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Predicted<'a> {
    pub(crate) targets: &'a [usize],
    /// The probability of each class, `[n, classes]`.
    pub(crate) probabilities: &'a [f64],
    pub(crate) classes: usize,
    pub(crate) weights: Option<&'a [f64]>,
}

/// Which rows are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scored {
    /// Those of the training, because no rows were held out.
    Train,
    Test,
}

/// Measures of predicted classes, an object of `result.json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Classification {
    /// Which rows: `test`, or `train` if no rows were held out.
    rows: Scored,
    accuracy: f64,
    balanced_accuracy: f64,
    /// The weights of the rows by their class (rows) and their most probable class (columns), in the order of the classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    confusion: Option<Vec<Vec<f64>>>,
    /// The mean over the classes.
    f1: f64,
    matthews: f64,
    /// The area under the ROC curve; of more than two classes the mean of each against the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    auc: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_precision: Option<f64>,
    brier: f64,
    /// The mean distance of predicted probabilities and shares in ten bins.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration_error: Option<f64>,
}

impl Predicted<'_> {
    /// The second class and its probabilities, if there are two classes.
    fn second(&self) -> Option<(Vec<bool>, Vec<f64>)> {
        (self.classes == 2).then(|| {
            let positive = self.targets.iter().map(|class| *class == 1).collect();
            (positive, self.probabilities.iter().skip(1).step_by(2).copied().collect())
        })
    }

    fn most_probable(&self) -> Vec<usize> {
        let best = |row: &[f64]| (0..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
        self.probabilities.chunks_exact(self.classes).map(best).collect()
    }

    /// Computes the measures, and writes the ROC curve, the precision-recall curve and the calibration curve, if there are two classes. There
    /// are no measures where they are not defined, as for probabilities that are not finite.
    pub(crate) fn measures(&self, rows: Scored, dir: &RunDir) -> Result<Option<Classification>> {
        let Ok((measures, curves)) = self.try_measures(rows) else { return Ok(None) };
        if let Some(curves) = curves {
            curves.write(dir)?;
        }
        Ok(Some(measures))
    }

    fn try_measures(&self, scored: Scored) -> std::result::Result<(Classification, Option<Curves>), MetricsError> {
        let weights = self.weights;
        let matrix = ConfusionMatrix::new(self.targets, &self.most_probable(), self.classes, weights)?;
        let rows = || matrix.counts().chunks_exact(self.classes).map(<[f64]>::to_vec).collect();
        let auc;
        let (mut average_precision, mut calibration_error, mut curves) = (None, None, None);
        let score = match self.second() {
            Some((positive, p)) => {
                // A single class in the rows has no ROC curve.
                let (roc, recall) = match RocCurve::with_precision_recall(&positive, &p, weights) {
                    Ok((roc, recall)) => (Some(roc), Some(recall)),
                    Err(_) => (None, PrecisionRecall::new(&positive, &p, weights).ok()),
                };
                let bins = Calibration::new(&positive, &p, Bins::Uniform(BINS), weights).ok();
                auc = roc.as_ref().map(RocCurve::auc);
                average_precision = recall.as_ref().map(PrecisionRecall::average_precision);
                calibration_error = bins.as_ref().map(Calibration::expected_error);
                curves = roc.zip(recall).zip(bins).map(|((roc, recall), bins)| Curves {
                    roc,
                    recall,
                    bins,
                    rows: positive.len(),
                });
                brier(&positive, &p, weights)?
            }
            None => {
                auc = roc_auc_multiclass(self.targets, self.probabilities, self.classes, Average::Macro, weights).ok();
                brier_multiclass(self.targets, self.probabilities, self.classes, weights)?
            }
        };
        let measures = Classification {
            rows: scored,
            accuracy: matrix.accuracy(),
            balanced_accuracy: matrix.balanced_accuracy(),
            confusion: (self.classes <= LARGEST_MATRIX).then(rows),
            f1: matrix.average(Average::Macro).f1,
            matthews: matrix.matthews(),
            auc,
            average_precision,
            brier: score,
            calibration_error,
        };
        Ok((measures, curves))
    }
}

/// The curves of two classes.
struct Curves {
    roc: RocCurve,
    recall: PrecisionRecall,
    bins: Calibration,
    rows: usize,
}

impl Curves {
    fn write(&self, dir: &RunDir) -> Result<()> {
        let Self { roc, recall, bins, rows } = self;
        let diagonal = |name: &str| Curve { name: name.to_owned(), points: vec![(0.0, 0.0), (1.0, 1.0)] };
        let line = |name: String, x: &[f64], y: &[f64]| Curve { name, points: thinned(x, y) };
        let panel = |title: &str, x: &str, y: &str, curves: Vec<Curve>, legend: Legend| Panel {
            title: title.to_owned(),
            x: Axis::linear(x),
            y: Axis::linear(y),
            curves,
            legend,
            marks: Marks::Lines,
        };
        // The share of a few rows says nothing.
        let shown = bins.bins().iter().filter(|bin| bin.rows * 100 >= *rows);
        let (predicted, observed): (Vec<f64>, Vec<f64>) =
            shown.map(|bin| (bin.mean_predicted, bin.fraction_positive)).unzip();
        let auc = format!("AUC {:.3}", roc.auc());
        let precision = format!("average precision {:.3}", recall.average_precision());
        let panels = [
            panel(
                "ROC curve",
                "false positive rate",
                "true positive rate",
                vec![line(auc, roc.fpr(), roc.tpr()), diagonal("chance")],
                Legend::LowerRight,
            ),
            panel(
                "Precision and recall",
                "recall",
                "precision",
                vec![line(precision, recall.recall(), recall.precision())],
                Legend::LowerLeft,
            ),
            panel(
                "Calibration",
                "predicted probability",
                "share of the second class",
                vec![line("bins of 0.1 with 1% of the rows".to_owned(), &predicted, &observed), diagonal("perfect")],
                Legend::LowerRight,
            ),
        ];
        match plot::png(&panels) {
            Some(picture) => dir.write(CURVES, &picture),
            None => Ok(()),
        }
    }
}

/// At most [`POINTS`] points of a curve, with its ends.
fn thinned(x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
    let n = x.len().min(y.len());
    let step = n.div_ceil(POINTS).max(1);
    let mut places: Vec<usize> = (0..n).step_by(step).collect();
    if places.last().is_some_and(|last| last + 1 < n) {
        places.push(n - 1);
    }
    places.into_iter().map(|i| (x[i], y[i])).collect()
}

impl Classification {
    /// The measures in one line.
    pub(crate) fn line(&self) -> String {
        let auc = self.auc.map_or_else(String::new, |auc| format!("  AUC {auc:.4}"));
        let rows = match self.rows {
            Scored::Train => "train",
            Scored::Test => "test",
        };
        format!("{rows:<6} balanced accuracy {:.4}{auc}  Brier {:.4}", self.balanced_accuracy, self.brier)
    }
}
