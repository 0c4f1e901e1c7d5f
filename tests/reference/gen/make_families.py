"""Distributions beside those of distributions.json, and what that file lacks of them: SciPy and mpmath in float64.

Run: python make_families.py [OUT_DIR]    Needs: pip install scipy mpmath
Densities, distribution functions and moments are SciPy's; entropies of counts, and divergences, are sums and integrals by mpmath.
"""
import json
import sys
from pathlib import Path

import mpmath as mp
import numpy as np
import scipy
from scipy import stats

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
mp.mp.dps = 30
sigmoid = lambda logit: 1 / (1 + np.exp(-logit))
FAMILIES = dict(
    Weibull=lambda p: stats.weibull_min(p["concentration"], scale=p["scale"]),
    InverseGamma=lambda p: stats.invgamma(p["concentration"], scale=p["scale"]),
    Binomial=lambda p: stats.binom(p["total_count"], sigmoid(p["logits"])),
    NegativeBinomial=lambda p: stats.nbinom(p["total_count"], sigmoid(-p["logits"])),
    StudentT=lambda p: stats.t(p["df"], p["loc"], p["scale"]),
    Beta=lambda p: stats.beta(p["concentration1"], p["concentration0"]),
    Gamma=lambda p: stats.gamma(p["concentration"], scale=1 / p["rate"]),
    Poisson=lambda p: stats.poisson(p["rate"]),
    Geometric=lambda p: stats.geom(p["probs"], loc=-1),
    Cauchy=lambda p: stats.cauchy(p["loc"], p["scale"]),
)
DISCRETE = {"Binomial", "NegativeBinomial", "Poisson", "Geometric"}
ROWS = [
    ("Weibull", dict(scale=1.7, concentration=0.8), [0.01, 0.5, 2.0, 9.0]),
    ("Weibull", dict(scale=0.4, concentration=5.5), [0.1, 0.3, 0.41, 0.8]),
    ("InverseGamma", dict(concentration=3.3, scale=1.4), [0.1, 0.5, 1.0, 7.0]),
    ("InverseGamma", dict(concentration=1.5, scale=0.3), [0.05, 0.5, 20.0]),
    ("Binomial", dict(total_count=12.0, logits=0.4), [0.0, 3.0, 7.0, 12.0]),
    ("Binomial", dict(total_count=500.0, logits=-3.1), [0.0, 10.0, 25.0, 90.0]),
    ("NegativeBinomial", dict(total_count=4.5, logits=0.7), [0.0, 1.0, 9.0, 40.0]),
    ("NegativeBinomial", dict(total_count=0.3, logits=-1.2), [0.0, 1.0, 6.0]),
    ("StudentT", dict(df=3.7, loc=0.4, scale=1.6), [-30.0, -1.0, 0.4, 2.5, 12.0]),
    ("StudentT", dict(df=60.0, loc=-1.0, scale=0.3), [-3.0, -1.1, -0.5, 1.0]),
    ("Beta", dict(concentration1=0.5, concentration0=2.5), [1e-4, 0.2, 0.6, 0.98]),
    ("Beta", dict(concentration1=30.0, concentration0=70.0), [0.1, 0.3, 0.4]),
    ("Gamma", dict(concentration=0.2, rate=3.0), [1e-6, 0.01, 0.5, 3.0]),
    ("Gamma", dict(concentration=250.0, rate=2.0), [80.0, 120.0, 130.0, 200.0]),
    ("Poisson", dict(rate=0.4), [0.0, 1.0, 5.0]),
    ("Poisson", dict(rate=1234.5), [900.0, 1234.0, 1400.0]),
    ("Geometric", dict(probs=0.3), [0.0, 2.0, 11.0]),
    ("Cauchy", dict(loc=0.5, scale=2.0), [-1e8, -3.0, 0.5, 7.0]),
]


def entropy(family, p, d):
    if family not in DISCRETE:
        return float(d.entropy())
    # A sum far enough into both tails.
    low, high = int(max(0, d.mean() - 60 * d.std() - 60)), int(d.mean() + 60 * d.std() + 60)
    if family == "Binomial":
        high = int(p["total_count"])
    ln_p = d.logpmf(np.arange(low, high + 1))
    return float(mp.fsum(-mp.exp(x) * x for x in map(mp.mpf, ln_p) if x > -700))


univariate = []
for family, p, x in ROWS:
    d = FAMILIES[family](p)
    finite = lambda x: float(x) if np.isfinite(x) else None
    univariate.append(dict(family=family, params=p, x=x, log_prob=(d.logpmf if family in DISCRETE else d.logpdf)(x).tolist(),
                           cdf=d.cdf(x).tolist(), mean=finite(d.mean()), variance=finite(d.var()), entropy=entropy(family, p, d)))


def ln_density(family, p):
    lg, ln = mp.loggamma, mp.log
    if family == "Weibull":
        s, k = p["scale"], p["concentration"]
        return lambda x: ln(mp.mpf(k) / s) + (k - 1) * ln(x / s) - (x / s) ** k
    if family == "InverseGamma":
        a, b = mp.mpf(p["concentration"]), mp.mpf(p["scale"])
        return lambda x: a * ln(b) - lg(a) - (a + 1) * ln(x) - b / x
    if family == "Normal":
        m, s = mp.mpf(p["loc"]), mp.mpf(p["scale"])
        return lambda x: -(((x - m) / s) ** 2) / 2 - ln(s) - ln(2 * mp.pi) / 2
    if family == "StudentT":
        v, m, s = mp.mpf(p["df"]), mp.mpf(p["loc"]), mp.mpf(p["scale"])
        return lambda x: lg((v + 1) / 2) - lg(v / 2) - ln(v * mp.pi) / 2 - ln(s) - (v + 1) / 2 * mp.log1p(((x - m) / s) ** 2 / v)
    if family == "LogNormal":
        n = ln_density("Normal", p)
        return lambda x: n(ln(x)) - ln(x)
    if family == "HalfNormal":
        n = ln_density("Normal", dict(loc=0, scale=p["scale"]))
        return lambda x: n(x) + ln(2)
    raise KeyError(family)


def divergence(p_family, p, q_family, q):
    f, g = ln_density(p_family, p), ln_density(q_family, q)
    ends = [-mp.inf, -10, -1, 0, 1, 10, mp.inf] if p_family in ("StudentT", "Normal") else [0, 1e-3, 0.1, 0.5, 1, 2, 5, 20, 100, mp.inf]
    return float(mp.quad(lambda x: mp.exp(f(x)) * (f(x) - g(x)), ends))


kl = []
for p_family, p, q_family, q in [
    ("Weibull", dict(scale=1.7, concentration=1.8), "Weibull", dict(scale=1.2, concentration=2.3)),
    ("InverseGamma", dict(concentration=3.3, scale=1.4), "InverseGamma", dict(concentration=2.1, scale=0.9)),
    ("Weibull", dict(scale=1.7, concentration=1.8), "Normal", dict(loc=1.0, scale=1.5)),
    ("StudentT", dict(df=7.0, loc=0.4, scale=1.1), "Normal", dict(loc=-0.3, scale=1.5)),
    ("LogNormal", dict(loc=0.2, scale=0.5), "Normal", dict(loc=1.0, scale=1.5)),
    ("HalfNormal", dict(scale=0.8), "Normal", dict(loc=1.0, scale=1.5)),
    ("InverseGamma", dict(concentration=6.0, scale=4.0), "Normal", dict(loc=1.0, scale=0.7)),
]:
    kl.append(dict(p=p_family, q=q_family, p_params=p, q_params=q, kl=divergence(p_family, p, q_family, q)))
for family, p, q in [
    ("Binomial", dict(total_count=12.0, logits=0.4), dict(total_count=12.0, logits=-0.9)),
    ("NegativeBinomial", dict(total_count=4.5, logits=0.7), dict(total_count=4.5, logits=-0.4)),
]:
    a, b = FAMILIES[family](p), FAMILIES[family](q)
    x = np.arange(0, 13 if family == "Binomial" else 2000)
    ln_p, ln_q = a.logpmf(x), b.logpmf(x)
    kl.append(dict(p=family, q=family, p_params=p, q_params=q, kl=float(mp.fsum(mp.exp(u) * (u - v) for u, v in zip(map(mp.mpf, ln_p), map(mp.mpf, ln_q))))))

generator = np.random.default_rng(5)
factor, diagonal, loc = generator.normal(size=(4, 2)).round(3), generator.uniform(0.3, 2, 4).round(3), generator.normal(size=4).round(3)
x = generator.normal(size=(3, 4)).round(3)
d = stats.multivariate_normal(loc, factor @ factor.T + np.diag(diagonal))
low_rank = dict(loc=loc.tolist(), factor=factor.tolist(), diagonal=diagonal.tolist(), x=x.tolist(), log_prob=d.logpdf(x).tolist(), entropy=float(d.entropy()))
versions = dict(scipy=scipy.__version__, mpmath=mp.__version__)
(OUT / "families.json").write_text(json.dumps(dict(versions, univariate=univariate, kl=kl, low_rank=low_rank), separators=(",", ":")))
for row in univariate:
    print(row["family"], row["entropy"], row["mean"], row["variance"])
for row in kl:
    print(row["p"], row["q"], row["kl"])
