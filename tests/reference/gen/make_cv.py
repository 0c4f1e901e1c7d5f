"""Cross-validation scores of scikit-learn and statsmodels, for tests/cli/cv.rs of the command line.

    python tests/reference/gen/make_cv.py > tests/reference/cv.json
"""

import json
import pathlib

import numpy as np
import pandas as pd
import scipy.stats
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

GLM = pathlib.Path(__file__).resolve().parent.parent / "glm"


def logistic(x, y, folds, l2):
    scores, accuracies = [], []
    for train, test in folds:
        scaler = StandardScaler().fit(x[train])
        model = LogisticRegression(C=1 / (len(train) * l2), solver="newton-cholesky", tol=1e-13, max_iter=1000)
        model.fit(scaler.transform(x[train]), y[train])
        scores.append(log_loss(y[test], model.predict_proba(scaler.transform(x[test]))))
        accuracies.append(float(model.score(scaler.transform(x[test]), y[test])))
    return {"l2": l2, "nll": scores, "accuracy": accuracies}


birthwt = pd.read_csv(GLM / "birthwt.csv", float_precision="round_trip")
features = ["age", "lwt", "race2", "race3", "smoke", "ptl", "ht", "ui"]
x, y = birthwt[features].to_numpy(float), birthwt["low"].to_numpy()
by_group = list(GroupKFold(4).split(x, y, birthwt["age"]))
grid = [0.1, 0.01, 0.001]
out = {
    "features": features,
    "stratified": [logistic(x, y, list(StratifiedKFold(5).split(x, y)), l2) for l2 in grid],
    "grouped_by_age": [logistic(np.delete(x, 0, 1), y, by_group, l2) for l2 in grid],
}

quine = pd.read_csv(GLM / "quine.csv", float_precision="round_trip")
names = ["ethN", "sexM", "ageF1", "ageF2", "ageF3", "lrnSL"]
x, y = sm.add_constant(quine[names].to_numpy(float)), quine["days"].to_numpy()
scores = []
for train, test in KFold(5).split(x):
    model = sm.GLM(y[train], x[train], family=sm.families.Poisson()).fit(tol=1e-14, maxiter=200)
    scores.append(-float(np.mean(scipy.stats.poisson.logpmf(y[test], model.predict(x[test])))))
out["poisson"] = {"features": names, "nll": scores}
print(json.dumps(out, indent=1))
