"""Roots of systems of equations by SciPy: tests/reference/roots.json.

    pip install scipy numpy
    python tests/reference/gen/make_roots.py

The systems are those of crates/kiln-optim/tests/roots.rs. Counts are those of `root(method="hybr")` with the Jacobian by differences.
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import root


def rosenbrock(x):
    return [10 * (x[1] - x[0] ** 2), 1 - x[0]]


def helical(x):
    theta = np.arctan2(x[1], x[0]) / (2 * np.pi)
    return [10 * (x[2] - 10 * theta), 10 * (np.hypot(x[0], x[1]) - 1), x[2]]


def powell_badly_scaled(x):
    return [1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001]


def broyden_tridiagonal(x):
    before, after = np.r_[0, x[:-1]], np.r_[x[1:], 0]
    return (3 - 2 * x) * x - before - 2 * after + 1


def discrete_boundary_value(x):
    n = len(x)
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    return 2 * x - np.r_[0, x[:-1]] - np.r_[x[1:], 0] + h * h * (x + t + 1) ** 3 / 2


def chandrasekhar(x, c=0.9):
    n = len(x)
    mu = (np.arange(1, n + 1) - 0.5) / n
    return x - 1 / (1 - c / (2 * n) * (mu[:, None] / (mu[:, None] + mu)) @ x)


def helmholtz_like(x):
    return [x[0] * np.cos(x[1]) - 4, x[0] * x[1] - x[1] - 5]


n = 10
t = np.arange(1, n + 1) / (n + 1)
CASES = [
    (rosenbrock, [-1.2, 1.0]),
    (helical, [-1.0, 0.0, 0.0]),
    (powell_badly_scaled, [0.0, 1.0]),
    (broyden_tridiagonal, [-1.0] * 30),
    (discrete_boundary_value, (t * (t - 1)).tolist()),
    (chandrasekhar, [1.0] * 20),
    (helmholtz_like, [1.0, 1.0]),
]

rows = []
for f, start in CASES:
    found = root(f, start, tol=1e-14)
    # A last step of Newton's method, by a Jacobian of central differences.
    x = found.x
    for _ in range(3):
        h = 1e-6
        jacobian = np.array([(np.array(f(x + h * e)) - np.array(f(x - h * e))) / (2 * h) for e in np.eye(len(x))]).T
        x = x - np.linalg.lstsq(jacobian, np.array(f(x)), rcond=None)[0]
    rows.append({"name": f.__name__, "start": list(start), "x": x.tolist(), "residual": float(np.abs(f(x)).max()), "nfev": int(found.nfev)})
    print(f.__name__, found.success, rows[-1]["residual"], found.nfev)
path = Path(__file__).parents[1] / "roots.json"
path.write_text(json.dumps({"scipy": scipy.__version__, "rows": rows}) + "\n")
