"""Fits one of the cases of run.py with scikit-learn: `python peer.py FILE SOLVER`."""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")
path, solver = Path(sys.argv[1]), sys.argv[2]
settings = {"C": 1e12, "tol": 1e-6, "max_iter": 5000}
if path.suffix == ".npy":
    table = np.load(path)
    x, y = np.ascontiguousarray(table[:, :-1]), table[:, -1]
elif path.suffix == ".svm":
    from sklearn.datasets import load_svmlight_file

    x, y = load_svmlight_file(str(path), n_features=50_000)
    x.indices, x.indptr = x.indices.astype(np.int32), x.indptr.astype(np.int32)
    settings = {"C": 1e5 / len(y), "tol": 1e-4, "max_iter": 10_000}
else:
    import pandas as pd

    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    target = "cut" if "cut" in table else "y"
    y = table.pop(target)
    x = pd.get_dummies(table, drop_first=True, dtype=float)
    if target == "cut":
        x = (x - x.mean()) / x.std(ddof=0)
start = time.perf_counter()
model = LogisticRegression(solver=solver, **settings).fit(x, y)
fit = time.perf_counter() - start
model.predict_proba(x)
# Probabilities of 0 have finite logarithms.
scores = model.decision_function(x).astype(float)
if scores.ndim == 1:
    scores = np.column_stack([np.zeros(len(y)), scores])
loss = (logsumexp(scores, axis=1) - scores[np.arange(len(y)), np.searchsorted(model.classes_, y)]).mean()
if path.suffix == ".svm":
    loss += 0.5e-5 * (model.coef_**2).sum()
print(f"fit {fit:.4f} loss {loss:.12f}")
