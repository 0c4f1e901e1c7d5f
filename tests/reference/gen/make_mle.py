"""Maximum likelihood estimates of families of distributions, by mpmath in 30 digits.

Run: python make_mle.py [OUT_DIR]    Needs: pip install scipy mpmath scikit-learn
The score equations are solved from SciPy's estimate, or from moments.
"""
import json
import sys
from pathlib import Path

import mpmath as mp
import numpy as np
from scipy import stats

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
mp.mp.dps = 30
lg, ln = mp.loggamma, mp.log
FAMILIES = {
    "Gamma": (lambda x, a, b: a * ln(b) + (a - 1) * ln(x) - b * x - lg(a), stats.gamma(2.3, scale=0.6), (2, 1.5), ["concentration", "rate"]),
    "InverseGamma": (lambda x, a, b: a * ln(b) - lg(a) - (a + 1) * ln(x) - b / x, stats.invgamma(3.1, scale=2), (3, 2), ["concentration", "scale"]),
    "Beta": (lambda x, a, b: (a - 1) * ln(x) + (b - 1) * mp.log1p(-x) + lg(a + b) - lg(a) - lg(b), stats.beta(1.7, 0.8), (1.5, 1), ["concentration1", "concentration0"]),
    "Gumbel": (lambda x, m, s: -(x - m) / s - mp.exp(-(x - m) / s) - ln(s), stats.gumbel_r(1, 2), (1, 2), ["loc", "scale"]),
    "Weibull": (lambda x, s, k: ln(k / s) + (k - 1) * ln(x / s) - (x / s) ** k, stats.weibull_min(1.6, scale=3), (3, 1.5), ["scale", "concentration"]),
    "Cauchy": (lambda x, m, s: -mp.log1p(((x - m) / s) ** 2) - ln(s) - ln(mp.pi), stats.cauchy(0.5, 1.2), (0.5, 1.2), ["loc", "scale"]),
    "StudentT": (lambda x, v, m, s: lg((v + 1) / 2) - lg(v / 2) - ln(v * mp.pi) / 2 - ln(s) - (v + 1) / 2 * mp.log1p(((x - m) / s) ** 2 / v),
                 stats.t(4, 0.3, 1.5), (4, 0.3, 1.5), ["df", "loc", "scale"]),
    "NegativeBinomial": (lambda x, r, l: lg(x + r) - lg(r) - lg(x + 1) - x * mp.log1p(mp.exp(-l)) - r * mp.log1p(mp.exp(l)),
                         stats.nbinom(3.5, 0.4), (3.5, 0.4), ["total_count", "logits"]),
}
rows = []
for index, (name, (ln_p, law, start, names)) in enumerate(FAMILIES.items()):
    data = law.rvs(120, random_state=index + 3)
    data = (data if name == "NegativeBinomial" else np.round(data, 6)).astype(float)
    data = np.clip(data, 1e-6, 1 - 1e-6) if name == "Beta" else data
    numbers = [mp.mpf(float(x)) for x in data]
    mean = lambda *theta: mp.fsum(ln_p(x, *theta) for x in numbers) / len(numbers)
    orders = [tuple(1 if i == j else 0 for i in range(len(start))) for j in range(len(start))]
    score = lambda *theta: [mp.diff(mean, theta, order) for order in orders]
    found = mp.findroot(score, start, tol=1e-30, maxsteps=60)
    theta = [found[i] for i in range(len(start))]
    rows.append(dict(family=name, names=names, data=data.tolist(), estimate=[float(t) for t in theta], log_likelihood=float(mean(*theta))))
    print(name, rows[-1]["estimate"], rows[-1]["log_likelihood"])
# Dirichlet: ψ(Σα) − ψ(αⱼ) + mean ln xⱼ = 0, from the truth on.
rng = np.random.default_rng(17)
draws = rng.dirichlet([1.4, 0.6, 3.0], 80)
logs = [mp.fsum(ln(mp.mpf(float(x))) for x in draws[:, j]) / len(draws) for j in range(3)]
score = lambda *a: [mp.digamma(mp.fsum(a)) - mp.digamma(a[j]) + logs[j] for j in range(3)]
dirichlet = dict(data=draws.ravel().tolist(), estimate=[float(a) for a in mp.findroot(score, (1.4, 0.6, 3.0), tol=1e-30, maxsteps=60)])
# Factor analysis by scikit-learn, whose EM is run to the end.
from sklearn.decomposition import FactorAnalysis

rng = np.random.default_rng(23)
rows_of_factors = np.round(rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6)) + rng.normal(size=(200, 6)) * [0.9, 0.8, 1.1, 0.7, 1.0, 0.8] + 1, 4)
found = FactorAnalysis(2, tol=1e-14, max_iter=200000, svd_method="lapack").fit(rows_of_factors)
factors = dict(data=rows_of_factors.ravel().tolist(), covariance=found.get_covariance().ravel().tolist(), score=float(found.score(rows_of_factors)))
(OUT / "mle.json").write_text(json.dumps(dict(mpmath=mp.__version__, rows=rows, dirichlet=dirichlet, factors=factors), separators=(",", ":")))
