"""Gaussian mixtures by scikit-learn's expectation and maximisation in float64, from given starts.

Run: python make_gmm.py [OUT_DIR]    Needs: pip install scikit-learn
"""
import json
import sys
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
x = load_iris().data
means = x[[10, 70, 120]]
rows = []
for kind in ["full", "tied", "diag", "spherical"]:
    precision = dict(full=np.stack([np.eye(4)] * 3), tied=np.eye(4), diag=np.ones((3, 4)), spherical=np.ones(3))[kind]
    model = GaussianMixture(3, covariance_type=kind, tol=1e-11, max_iter=5000, weights_init=np.full(3, 1 / 3), means_init=means, precisions_init=precision)
    model.fit(x)
    assert model.converged_
    covariances = model.covariances_
    if kind == "tied":
        covariances = np.stack([covariances] * 3)
    if kind == "diag":
        covariances = np.stack([np.diag(c) for c in covariances])
    if kind == "spherical":
        covariances = np.stack([np.eye(4) * c for c in covariances])
    rows.append(dict(kind=kind, weights=model.weights_.tolist(), means=model.means_.ravel().tolist(), covariances=covariances.ravel().tolist(),
                     score=float(model.score(x)), bic=float(model.bic(x)), aic=float(model.aic(x)), log_prob=model.score_samples(x[:5]).tolist(),
                     responsibilities=model.predict_proba(x[50:53]).ravel().tolist()))
    print(kind, model.n_iter_, model.score(x), model.bic(x))
(OUT / "gmm.json").write_text(json.dumps(dict(sklearn=sklearn.__version__, x=x.ravel().tolist(), start=means.ravel().tolist(), rows=rows), separators=(",", ":")))
