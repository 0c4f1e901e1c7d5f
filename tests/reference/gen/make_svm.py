"""Support vector machines by scikit-learn's SVC (LIBSVM) in float64. Needs numpy, scikit-learn.

Run: python make_svm.py [OUT_DIR]

Breast cancer, every column with mean 0 and standard deviation 1 over all rows; y is 1 where the target is 1. LIBSVM keeps the kernel's
matrix in float32, so that its optimum is that of a matrix off by 6e-8: `dual` is computed here from its multipliers, in float64.
"""
import json
import sys
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
data = load_breast_cancer()
x, y = StandardScaler().fit_transform(data.data), data.target
rows = []
for kernel, gamma, c in [("linear", None, 1.0), ("rbf", 1 / 30, 1.0), ("linear", None, 0.01), ("rbf", 0.1, 10.0)]:
    model = SVC(C=c, kernel=kernel, tol=1e-8, **({} if gamma is None else dict(gamma=gamma))).fit(x, y)
    beta = np.zeros(len(x))
    beta[model.support_] = model.dual_coef_[0]
    k = x @ x.T if kernel == "linear" else np.exp(-gamma * np.maximum(0, (x**2).sum(1)[:, None] + (x**2).sum(1) - 2 * x @ x.T))
    dual = np.abs(beta).sum() - 0.5 * beta @ k @ beta
    decision = k @ beta + model.intercept_[0]
    primal = 0.5 * beta @ k @ beta + c * np.maximum(0, 1 - (2 * y - 1) * decision).sum()
    rows.append(dict(kernel=kernel, gamma=gamma, c=c, dual=float(dual), primal=float(primal), intercept=float(model.intercept_[0]),
                     support=model.support_.tolist(), at_bound=int((np.abs(beta) >= c).sum()), n_iter=model.n_iter_.tolist(),
                     coef=model.coef_[0].tolist() if kernel == "linear" else None, decision=decision[:10].tolist(), accuracy=float(model.score(x, y))))
    print(kernel, c, dual, primal, primal - dual, len(model.support_), model.n_iter_)
(OUT / "svm.json").write_text(json.dumps(dict(sklearn=sklearn.__version__, rows=rows), separators=(",", ":")))
