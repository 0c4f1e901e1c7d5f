"""SciPy's Nelder-Mead and pycma's CMA-ES on classic functions.

Run: python make_derivative_free.py OUT_DIR    Needs: pip install scipy numpy cma
"""
import json
import sys
from pathlib import Path

import cma
import numpy as np
import scipy
from scipy import optimize

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)


def rosenbrock(x):
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def beale(x):
    return float((1.5 - x[0] + x[0] * x[1]) ** 2 + (2.25 - x[0] + x[0] * x[1] ** 2) ** 2 + (2.625 - x[0] + x[0] * x[1] ** 3) ** 2)


def wood(x):
    return float(100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + 90 * (x[3] - x[2] ** 2) ** 2 + (1 - x[2]) ** 2
                 + 10.1 * ((x[1] - 1) ** 2 + (x[3] - 1) ** 2) + 19.8 * (x[1] - 1) * (x[3] - 1))


def absolute(x):
    return float(abs(x[0] - 1) + 2 * abs(x[1] + 3) + 0.5 * abs(x[2]))


def ellipsoid(x):
    return float((1e6 ** (np.arange(len(x)) / (len(x) - 1)) * x**2).sum())


def rastrigin(x):
    return float((x**2 + 10 * (1 - np.cos(2 * np.pi * x))).sum())


SIMPLEX = [
    ("rosenbrock", rosenbrock, [-1.2, 1.0], None, False), ("rosenbrock", rosenbrock, [-1.2, 1.0, -1.2, 1.0], None, False),
    ("rosenbrock", rosenbrock, [-1.2, 1.0, -1.2, 1.0], None, True), ("beale", beale, [1.0, 1.0], None, False),
    ("wood", wood, [-3.0, -1.0, -3.0, -1.0], None, False), ("absolute", absolute, [0.0, 0.0, 1.0], None, False),
    ("rosenbrock", rosenbrock, [-1.2, 1.0], [[-2.0, 0.5], [-1.0, 3.0]], False), ("beale", beale, [1.0, 1.0], [[0.0, 2.0], [0.0, 0.25]], False),
]
EVOLUTION = [
    ("rosenbrock", rosenbrock, [0.0] * 10, 0.5, 10), ("ellipsoid", ellipsoid, [1.0] * 10, 0.5, 10), ("rosenbrock", rosenbrock, [-1.0] * 3, 0.3, 7),
    ("rastrigin", rastrigin, [3.0] * 5, 2.0, 80),
]


def main():
    simplex, evolution = [], []
    for name, f, x0, bounds, adaptive in SIMPLEX:
        options = dict(xatol=1e-6, fatol=1e-6, maxiter=5000, maxfev=5000, adaptive=adaptive)
        result = optimize.minimize(f, np.array(x0), method="Nelder-Mead", bounds=bounds, options=options)
        simplex.append(dict(function=name, x0=x0, bounds=bounds, adaptive=adaptive, f=result.fun, x=result.x.tolist(), nit=result.nit, nfev=result.nfev))
    for name, f, x0, sigma, population in EVOLUTION:
        runs = []
        for seed in range(1, 32):
            _, es = cma.fmin2(f, np.array(x0), sigma, dict(seed=seed, popsize=population, verbose=-9))
            runs.append((float(es.result.fbest), int(es.result.evaluations)))
        solved = [count for value, count in runs if value < 1e-9]
        evolution.append(dict(function=name, x0=x0, sigma=sigma, population=population, runs=len(runs), solved=len(solved), median=float(np.median(solved)) if solved else None))
    versions = dict(scipy=scipy.__version__, cma=cma.__version__)
    (OUT / "derivative_free.json").write_text(json.dumps(dict(versions=versions, simplex=simplex, evolution=evolution), indent=1) + "\n")


if __name__ == "__main__":
    main()
