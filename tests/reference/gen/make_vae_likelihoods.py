"""References for the likelihoods of autoencoders: python make_vae_likelihoods.py > ../vae_likelihoods.json (mpmath, NumPy, scikit-learn)."""

import json

import mpmath as mp
import numpy as np
from sklearn.datasets import load_digits

mp.mp.dps = 50


def discretized_logistic(value, loc, log_scale, levels):
    """The logarithm of the probability of the interval that rounds to `value`."""
    value, loc, scale, half = mp.mpf(value), mp.mpf(loc), mp.exp(mp.mpf(log_scale)), mp.mpf(1) / (2 * (levels - 1))
    level = mp.nint(min(max(value, 0), 1) * (levels - 1)) / (levels - 1)
    sigmoid = lambda t: 1 / (1 + mp.exp(-t))
    # By the smaller of the two tails, so that 50 digits are enough.
    if level == 0:
        p = sigmoid((level + half - loc) / scale)
    elif level == 1:
        p = sigmoid(-(level - half - loc) / scale)
    elif level > loc:
        p = sigmoid(-(level - half - loc) / scale) - sigmoid(-(level + half - loc) / scale)
    else:
        p = sigmoid((level + half - loc) / scale) - sigmoid((level - half - loc) / scale)
    return float(mp.log(p))


def logistic_case(levels):
    at = [(v, loc, s) for v in (0.0, 0.2, 0.5, 0.501, 1.0) for loc in (-0.7, 0.0, 0.4999, 1.0, 3.0) for s in (-9.0, -4.0, -1.0, 2.0, 9.0)]
    value, loc, log_scale = zip(*at)
    return {"levels": levels, "value": value, "loc": loc, "log_scale": log_scale,
            "log_prob": [discretized_logistic(*a, levels) for a in at]}


def probabilistic_pca(x, q):
    """The maximum of the mean log-likelihood of N(mu, W W' + s2 I) (Tipping and Bishop, 1999, equations 7 and 8)."""
    n, d = x.shape
    eigenvalues = np.linalg.eigvalsh((x - x.mean(0)).T @ (x - x.mean(0)) / n)[::-1]
    s2 = eigenvalues[q:].mean()
    log_det = np.log(eigenvalues[:q]).sum() + (d - q) * np.log(s2)
    return {"latent_dim": q, "log_likelihood": -0.5 * (d * np.log(2 * np.pi) + log_det + d), "stddev": np.sqrt(s2)}


digits = load_digits().data / 16
print(json.dumps({
    "discretized_logistic": [logistic_case(levels) for levels in (2, 16, 256)],
    "probabilistic_pca_of_digits": [probabilistic_pca(digits, q) for q in (2, 5)],
}, indent=1))
