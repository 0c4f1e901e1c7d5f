"""Special functions by mpmath in 40 digits.

Run: python make_special.py [OUT_DIR]    Needs: pip install mpmath
"""
import json
import sys
from pathlib import Path

import mpmath as mp

mp.mp.dps = 40
OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
SQRT2 = mp.sqrt(2)


def table(f, points):
    # The function is taken at the f64 nearest to the point.
    return dict(x=points, y=[float(f(mp.mpf(x))) for x in points])


def icdf(p):
    """By Newton's method on ln of the tail."""
    if p > 0.5:
        return -icdf(1 - p)
    ln_tail = lambda x: mp.log(mp.erfc(-x / SQRT2) / 2) - mp.log(p)
    return mp.findroot(ln_tail, -mp.sqrt(-2 * mp.log(p)) if p < 0.1 else mp.mpf(0), tol=1e-30)


symmetric = [0.0, 1e-12, 1e-3, 0.1, 0.3, 0.49, 0.51, 0.7, 1.0, 1.7, 2.5, 4.0]
symmetric = sorted(symmetric + [-x for x in symmetric[1:]])
positive = [1e-8, 1e-3, 0.1, 0.5, 0.9, 0.999, 1.0, 1.0000001, 1.1, 1.4999, 1.5, 1.999, 2.0, 2.0001, 2.4, 2.5, 3.9, 4.1, 7.9, 8.0, 8.1, 20.0, 123.4, 1e4, 1e8]
out = dict(
    mpmath=mp.__version__,
    erf=table(mp.erf, symmetric),
    erfc=table(mp.erfc, symmetric + [6.0, 10.0, 20.0]),
    erfinv=table(mp.erfinv, [-0.999999, -0.9, -0.5, -1e-9, 0.0, 1e-3, 0.3, 0.84, 0.86, 0.99, 1 - 2**-40]),
    normal_cdf=table(mp.ncdf, symmetric + [-10.0, -20.0, -37.0]),
    normal_log_cdf=table(lambda x: mp.log(mp.ncdf(x)) if x < 5 else mp.log1p(-mp.ncdf(-x)), symmetric + [-10.0, -40.0, -1e3, -1e5, 8.0]),
    normal_icdf=table(icdf, [1e-300, 1e-100, 1e-20, 1e-10, 1e-3, 0.07, 0.08, 0.3, 0.5, 0.6, 0.92, 0.93, 0.999]),
    ln_gamma_entropy=table(lambda a: mp.loggamma(a) - a * mp.digamma(a) + a, positive),
    expm1=table(mp.expm1, symmetric + [-30.0, 20.0, 700.0]),
    log1mexp=table(lambda x: mp.log(-mp.expm1(x)) if x > -1 else mp.log1p(-mp.exp(x)), [-1e-15, -1e-5, -0.1, -0.5, -0.69, -0.7, -1.0, -5.0, -30.0, -100.0]),
    softplus=table(lambda x: mp.log1p(mp.exp(x)), symmetric + [-50.0, 50.0, -700.0, 700.0]),
    sigmoid=table(lambda x: 1 / (1 + mp.exp(-x)), symmetric + [-50.0, 50.0, -700.0]),
    ln_gamma=table(mp.loggamma, positive),
    digamma=table(mp.digamma, positive),
)
pairs = [(a, b) for a in (0.05, 0.5, 1.0, 3.3, 20.0, 500.0) for b in (0.05, 0.7, 1.0, 4.4, 60.0)]
rates = [(0.0, 0.3), (0.2, 0.1), (1.0, 30.0), (3.9, 3.8), (4.1, 4.0), (8.0, 8.0), (9.0, 7.3), (20.0, 3.0), (60.0, 61.0), (1234.0, 1234.5), (1400.0, 1234.5), (1e6, 1.001e6), (1e8, 1e8)]
poisson = lambda a, y: a * mp.log(y) - y - mp.loggamma(a + 1)
out["ln_poisson"] = dict(a=[a for a, _ in rates], y=[y for _, y in rates], value=[float(poisson(mp.mpf(a), mp.mpf(y))) for a, y in rates])
out["ln_beta"] = dict(a=[a for a, _ in pairs], b=[b for _, b in pairs], y=[float(mp.log(mp.beta(a, b))) for a, b in pairs])


def lower_gamma(a, x):
    """P(a, x) by its series, all of whose terms are positive."""
    term = total = mp.mpf(1)
    n = 0
    while term > total * mp.mpf(10) ** -mp.mp.dps:
        n += 1
        term *= x / (a + n)
        total += term
    return mp.exp(a * mp.log(x) - x - mp.loggamma(a + 1)) * total


rows = []
mp.mp.dps = 100
for a in (0.01, 0.3, 1.0, 2.5, 9.0, 11.0, 100.0, 1e3, 1e5):
    for x in (1e-3 * a, 0.3 * a, 0.9 * a, a, 1.01 * a, 1.05 * a, 1.5 * a, 3 * a, a + 20):
        if a == 1e5 and x > 1.02 * a:
            continue
        a_, x_ = mp.mpf(a), mp.mpf(x)
        lower = lower_gamma(a_, x_)
        # By differences, of an error of 1e-40.
        h = mp.mpf(10) ** -20 * a_
        in_a = (lower_gamma(a_ + h, x_) - lower_gamma(a_ - h, x_)) / (2 * h)
        density = mp.exp((a_ - 1) * mp.log(x_) - x_ - mp.loggamma(a_))
        if lower > 1e-250 and 1 - lower > 1e-50:
            rows.append(dict(a=a, x=x, p=float(lower), q=float(1 - lower), dp_da=float(in_a), dp_dx=float(density)))
mp.mp.dps = 40
out["gamma_p"] = rows
rows = []
for a in (0.1, 1.0, 4.0, 30.0, 2000.0):
    for b in (0.2, 1.0, 7.0, 50.0, 3000.0):
        for x in (1e-4, 0.02, 0.3, 0.5, a / (a + b), 0.9, 0.999):
            f = lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True)
            a_, b_, x_ = mp.mpf(a), mp.mpf(b), mp.mpf(x)
            value = f(a_, b_, x_)
            if not 1e-290 < float(value) < 1 - 1e-13:
                continue
            h = mp.mpf(10) ** -12
            da = (f(a_ * (1 + h), b_, x_) - f(a_ * (1 - h), b_, x_)) / (2 * h * a_)
            db = (f(a_, b_ * (1 + h), x_) - f(a_, b_ * (1 - h), x_)) / (2 * h * b_)
            dx = mp.exp((a_ - 1) * mp.log(x_) + (b_ - 1) * mp.log1p(-x_) - mp.log(mp.beta(a_, b_)))
            rows.append(dict(a=a, b=b, x=x, y=float(value), da=float(da), db=float(db), dx=float(dx)))
out["beta_i"] = rows
(OUT / "special.json").write_text(json.dumps(out, separators=(",", ":")))
print(len(out["gamma_p"]), len(out["beta_i"]))
