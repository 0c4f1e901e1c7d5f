"""Penalised generalised linear models of scikit-learn, for tests/glm/penalised.rs.

    python tests/reference/gen/make_penalised_glm.py > tests/reference/penalised_glm.json

The mean loss is −ln p at dispersion 1, plus l2/2·‖b‖² + l1·‖b‖₁ without the intercept.
"""

import json
import pathlib
import warnings

import numpy as np
import pandas as pd
from sklearn.linear_model import ElasticNet, GammaRegressor, LogisticRegression, PoissonRegressor, Ridge

warnings.filterwarnings("ignore")
GLM = pathlib.Path(__file__).resolve().parent.parent / "glm"


def read(name, features, target):
    table = pd.read_csv(GLM / f"{name}.csv", float_precision="round_trip")
    return table[features].to_numpy(float), table[target].to_numpy(float), features, name, target


birthwt = read("birthwt", ["age", "lwt", "race2", "race3", "smoke", "ptl", "ht", "ui"], "low")
quine = read("quine", ["ethN", "sexM", "ageF1", "ageF2", "ageF3", "lrnSL"], "days")
weight = read("birthwt", ["age", "race2", "race3", "smoke", "ptl", "ht", "ui"], "lwt")


def row(family, data, l1, l2, model, tolerance):
    x, y, features, name, target = data
    model.fit(x, y)
    return {
        "family": family, "data": name, "target": target, "features": features, "l1": l1, "l2": l2,
        "coef": np.ravel(model.coef_).tolist(), "intercept": float(np.ravel(model.intercept_)[0]), "tolerance": tolerance,
    }


rows = []
for l2 in (1.0, 0.01):
    n = len(birthwt[1])
    newton = {"solver": "newton-cholesky", "tol": 1e-13, "max_iter": 10_000}
    rows.append(row("binomial", birthwt, 0, l2, LogisticRegression(C=1 / (n * l2), **newton), 1e-8))
    rows.append(row("poisson", quine, 0, l2, PoissonRegressor(alpha=l2, **newton), 1e-8))
    rows.append(row("gamma-log", weight, 0, l2, GammaRegressor(alpha=l2, **newton), 1e-8))
    rows.append(row("gaussian", weight, 0, l2, Ridge(alpha=n * l2, tol=1e-14), 1e-8))
for l1, l2 in ((0.5, 0.0), (0.1, 0.05), (2.0, 0.5)):
    model = ElasticNet(alpha=l1 + l2, l1_ratio=l1 / (l1 + l2), tol=1e-15, max_iter=1_000_000)
    rows.append(row("gaussian", weight, l1, l2, model, 1e-6))
x, y, *_ = birthwt
for l1 in (0.02, 0.05):
    # Scaled features, for which SAGA converges.
    scaled = ((x - x.mean(0)) / x.std(0), y, *birthwt[2:])
    model = LogisticRegression(penalty="l1", C=1 / (len(y) * l1), solver="saga", tol=1e-13, max_iter=1_000_000)
    rows.append({**row("binomial", scaled, l1, 0.0, model, 1e-6), "scaled": True})
print(json.dumps(rows, indent=1))
