"""Curves fitted by SciPy: robust losses, bounds, weights, and the covariance of the parameters.

Run: python make_curves.py [OUT_DIR]    Needs: pip install numpy scipy
SciPy's minima are polished by Newton's method with differences of exact gradients, because its tolerances leave the seventh digit open.
`curve` names the model, `loss` and `scale` are those of `least_squares`, `lower` and `upper` its bounds. Jacobians are exact and the
tolerances 1e-15, so that the results are accurate to rounding. `covariance` is that of `curve_fit` (for a fit without active bounds).
"""
import json
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import curve_fit, least_squares

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
exp = np.exp
CURVES = {
    "decay": lambda x, a, b, c: a * exp(-b * x) + c,
    "logistic": lambda x, a, b, c: a / (1 + exp(b - c * x)),
    "michaelis": lambda x, a, b: a * x / (b + x),
    "sine": lambda x, a, w, p: a * np.sin(w * x + p),
}
rng = np.random.default_rng(18)
x = np.linspace(0, 4, 40)
decay = 2.5 * exp(-1.3 * x) + 0.5 + 0.1 * rng.normal(size=40)
outliers = decay.copy()
outliers[[3, 17, 30]] += [3.0, -2.0, 4.0]
logistic = 3 / (1 + exp(2 - 1.5 * x)) + 0.05 * rng.normal(size=40)
# R's Puromycin, treated: rates beside concentrations (Bates and Watts, 1988).
conc = np.array([0.02, 0.02, 0.06, 0.06, 0.11, 0.11, 0.22, 0.22, 0.56, 0.56, 1.10, 1.10])
rate = np.array([76, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200.0])
sine = 1.7 * np.sin(2.2 * x + 0.4) + 0.2 * rng.normal(size=40)
sigma = 0.05 + 0.05 * x
inf = None
CASES = [
    dict(curve="decay", x=x, y=decay, start=[1, 1, 0]),
    dict(curve="decay", x=x, y=decay, start=[1, 1, 0], sigma=sigma),
    dict(curve="decay", x=x, y=decay, start=[1, 1, 0], sigma=sigma, absolute=True),
    *[dict(curve="decay", x=x, y=outliers, start=[1, 1, 0], loss=loss, scale=0.2) for loss in ("soft_l1", "huber", "cauchy", "arctan")],
    dict(curve="decay", x=x, y=decay, start=[1, 0.5, 0.1], lower=[0, 0, 0], upper=[2, 1, inf]),
    dict(curve="decay", x=x, y=outliers, start=[1, 1, 0.9], lower=[0, 0, 0.8], upper=[5, 5, 1], loss="soft_l1", scale=0.2),
    dict(curve="logistic", x=x, y=logistic, start=[1, 1, 1]),
    dict(curve="logistic", x=x, y=logistic, start=[1, 1, 1], lower=[0, 0, 0], upper=[10, 10, 10]),
    dict(curve="logistic", x=x, y=logistic, start=[1, 1, 3], lower=[0, 0, 2], upper=[10, 10, 10]),
    dict(curve="michaelis", x=conc, y=rate, start=[100, 1]),
    dict(curve="michaelis", x=conc, y=rate, start=[100, 1], loss="huber", scale=8.0),
    dict(curve="sine", x=x, y=sine, start=[1, 2, 0]),
    dict(curve="sine", x=x, y=sine, start=[1, 2.3, 0], lower=[inf, 2.25, inf], upper=[inf, inf, 0.3]),
]
DERIVATIVES = {
    "linear": lambda z: 1 + 0 * z, "soft_l1": lambda z: (1 + z) ** -0.5, "huber": lambda z: np.where(z <= 1, 1, np.maximum(z, 1e-300) ** -0.5),
    "cauchy": lambda z: 1 / (1 + z), "arctan": lambda z: 1 / (1 + z**2),
}


def polished(p, free, gradient):
    """Newton's method on the gradient of the free parameters, until it no longer falls."""
    p, last = p.copy(), np.inf
    for _ in range(50):
        g = gradient(p)[free]
        if np.abs(g).max() >= last:
            break
        last, best = np.abs(g).max(), p.copy()
        steps = 1e-6 * np.maximum(1, np.abs(p))[free]
        unit = np.eye(len(p))[free]
        hessian = np.array([(gradient(p + h * u)[free] - gradient(p - h * u)[free]) / (2 * h) for h, u in zip(steps, unit)])
        p[free] -= np.linalg.solve(hessian, g)
    return best


rows = []
for case in CASES:
    f, start = CURVES[case["curve"]], np.array(case["start"], float)
    xs, y, n = case["x"], case["y"], len(case["start"])
    weights = 1 / case.get("sigma", np.ones(len(y)))
    residuals = lambda p: weights * (f(xs, *p) - y)
    jacobian = lambda p: np.array([(weights * f(xs, *(p + 1e-30j * unit))).imag / 1e-30 for unit in np.eye(n)]).T
    lower = [-np.inf if b is None else b for b in case.get("lower", [None] * n)]
    upper = [np.inf if b is None else b for b in case.get("upper", [None] * n)]
    loss, scale = case.get("loss", "linear"), case.get("scale", 1.0)
    fit = least_squares(
        residuals, start, jac=jacobian, bounds=(lower, upper), loss=loss, f_scale=scale, x_scale="jac", ftol=1e-15, xtol=1e-15, gtol=1e-15,
        max_nfev=5000,
    )
    active = bool(np.any(np.isclose(fit.x, lower, rtol=0, atol=1e-7) | np.isclose(fit.x, upper, rtol=0, atol=1e-7)))
    at_bound = np.isclose(fit.x, lower, rtol=0, atol=1e-7) | np.isclose(fit.x, upper, rtol=0, atol=1e-7)
    fit.x = np.where(np.isclose(fit.x, lower, rtol=0, atol=1e-7), lower, np.where(np.isclose(fit.x, upper, rtol=0, atol=1e-7), upper, fit.x))
    slope = DERIVATIVES[loss]
    gradient = lambda p: jacobian(p).T @ (residuals(p) * slope((residuals(p) / scale) ** 2))
    before, fit.x = fit.x, polished(fit.x, ~at_bound, gradient)
    assert np.abs(fit.x / before - 1).max() < 1e-5, (before, fit.x)
    again = least_squares(residuals, np.clip(fit.x, lower, upper), jac=jacobian, loss=loss, f_scale=scale, max_nfev=1)
    fit.cost, fit.jac, fit.grad = again.cost, again.jac, gradient(fit.x)
    print(case["curve"], loss, "active" if active else "", fit.x, fit.cost, fit.nfev, np.abs(fit.grad).max())
    row = dict(
        curve=case["curve"], x=xs.tolist(), y=y.tolist(), start=start.tolist(), sigma=case["sigma"].tolist() if "sigma" in case else None,
        absolute=case.get("absolute", False), loss=loss, scale=scale, lower=case.get("lower"), upper=case.get("upper"),
        solution=fit.x.tolist(), cost=float(fit.cost), nfev=int(fit.nfev),
    )
    if not active:
        covariance = np.linalg.inv(fit.jac.T @ fit.jac) * (1 if case.get("absolute") else 2 * fit.cost / (len(y) - n))
        row["covariance"] = covariance.ravel().tolist()
        if loss == "linear" and "lower" not in case:
            _, theirs = curve_fit(f, xs, y, start, sigma=case.get("sigma"), absolute_sigma=case.get("absolute", False), jac=lambda x, *p: jacobian(np.array(p)) / weights[:, None])
            assert np.allclose(theirs, covariance, rtol=1e-4), (theirs, covariance)
    rows.append(row)
(OUT / "curves.json").write_text(json.dumps(dict(scipy=scipy.__version__, rows=rows), separators=(",", ":")))
