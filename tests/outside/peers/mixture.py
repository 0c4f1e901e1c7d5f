"""A mixture of three Gaussians on the breast cancer measurements: weights, likelihood, BIC, sizes of the clusters."""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import scale

x = scale(load_breast_cancer().data)
fit = GaussianMixture(3, covariance_type="diag", tol=1e-10, max_iter=1000, random_state=0).fit(x)
print("weights", fit.weights_)
print(f"log-likelihood per row {fit.score(x)}, BIC {fit.bic(x)}")
print("sizes", np.bincount(fit.predict(x)))
