"""Log-joints of the built-in Bayesian models at a few points, by SciPy's densities.

Run: python make_bayes.py [OUT_DIR]    Needs: pip install scipy
"""
import json
import sys
from pathlib import Path

import numpy as np
from scipy import optimize, stats

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
rng = np.random.default_rng(11)
y = np.array([28, 8, -3, 7, -1, 1, 18, 12.0])
sigma = np.array([15, 10, 16, 11, 9, 11, 10, 18.0])
points = np.round(rng.normal(0, 1.5, (4, 10)), 3)
points[3, 1] = -12.0
schools = []
for mu, log_tau, *eta in points:
    tau, eta = np.exp(log_tau), np.array(eta)
    value = stats.norm(mu + tau * eta, sigma).logpdf(y).sum() + stats.norm().logpdf(eta).sum() + stats.norm(0, 5).logpdf(mu)
    schools.append(value + stats.halfcauchy(scale=5).logpdf(tau) + log_tau)


def minus_log_joint(z):
    mu, log_tau, eta = z[0], z[1], z[2:]
    tau = np.exp(log_tau)
    value = stats.norm(mu + tau * eta, sigma).logpdf(y).sum() + stats.norm().logpdf(eta).sum() + stats.norm(0, 5).logpdf(mu)
    return -(value + stats.halfcauchy(scale=5).logpdf(tau) + log_tau)


mode = min((optimize.minimize(minus_log_joint, z, method="BFGS", options=dict(gtol=1e-7)) for z in (np.zeros(10), points[0])), key=lambda r: r.fun)

x = np.round(rng.normal(size=(6, 2)), 3)
labels = np.array([1, 0, 0, 1, 1, 0])
z = np.round(rng.normal(size=(3, 3)), 3)
z[2] *= 300
scale = 1.7
logits = z @ np.hstack([x, np.ones((6, 1))]).T
# Far from zero a Bernoulli's mass is 0 in doubles; its logarithm is not.
likelihood = -np.logaddexp(0, np.where(labels == 1, -logits, logits)).sum(1)
logistic = likelihood + stats.norm(0, scale).logpdf(z).sum(1)
told = dict(schools=dict(z=points.ravel().tolist(), log_joint=[float(v) for v in schools], mode=mode.x.tolist(), mode_log_joint=float(-mode.fun)),
            logistic=dict(x=x.ravel().tolist(), y=labels.tolist(), scale=scale, z=z.ravel().tolist(), log_joint=logistic.tolist()))
(OUT / "bayes.json").write_text(json.dumps(told, separators=(",", ":")))
