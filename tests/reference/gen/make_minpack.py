"""The least-squares problems of Moré, Garbow and Hillstrom as MINPACK solves them.

Run: python make_minpack.py [OUT_DIR]    Needs: pip install numpy scipy
The 18 problems and their sizes are those of MINPACK's own test program (Moré, Garbow and Hillstrom, *Testing Unconstrained Optimization
Software*, 1981), each from its start multiplied by 1, 10 and 100. SciPy's `leastsq` is MINPACK's `lmder`, here with exact Jacobians (by
complex steps), ftol = xtol = 1.49e-8 and gtol = 0. `norm` is the final norm of the residuals.
"""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import leastsq

warnings.simplefilter("ignore")
OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
exp, sqrt = np.exp, np.sqrt
BARD = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
KOWALIK_V = [4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625]
KOWALIK_Y = [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
MEYER = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]
OSBORNE_1 = [
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558,
    0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406,
]
OSBORNE_2 = [
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606, 0.602, 0.626,
    0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391,
    0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668, 0.645, 0.632, 0.591, 0.559, 0.597, 0.625,
    0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098, 0.054,
]


def linear(x, m):
    n, s = len(x), 2 * sum(x) / m
    return [x[i] - s - 1 if i < n else -s - 1 for i in range(m)]


def rank_one(x, m):
    s = sum((j + 1) * x[j] for j in range(len(x)))
    return [(i + 1) * s - 1 for i in range(m)]


def rank_one_zeros(x, m):
    n = len(x)
    s = sum((j + 1) * x[j] for j in range(1, n - 1))
    return [-1 + 0 * s] + [i * s - 1 for i in range(1, m - 1)] + [-1 + 0 * s]


def helical(x, m):
    turn = np.arctan(x[1] / x[0]) / (2 * np.pi) if x[0].real != 0 else 0.25 * np.sign(x[1].real)
    turn = turn + (0.5 if x[0].real < 0 else 0)
    return [10 * (x[2] - 10 * turn), 10 * (sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]]


def watson(x, m):
    rows = []
    for i in range(1, 30):
        t = i / 29
        slope = sum(j * x[j] * t ** (j - 1) for j in range(1, len(x)))
        value = sum(x[j] * t**j for j in range(len(x)))
        rows.append(slope - value**2 - 1)
    return rows + [x[0], x[1] - x[0] ** 2 - 1]


def chebyquad(x, m):
    rows = []
    for i in range(1, m + 1):
        total = 0
        for xj in x:
            before, now = 1 + 0 * xj, 2 * xj - 1
            for _ in range(i - 1):
                before, now = now, 2 * (2 * xj - 1) * now - before
            total = total + now
        rows.append(total / len(x) + (1 / (i * i - 1) if i % 2 == 0 else 0))
    return rows


def brown_almost_linear(x, m):
    n, product = len(x), np.prod(x)
    return [x[i] + sum(x) - (n + 1) for i in range(n - 1)] + [product - 1]


def osborne_2(x, m):
    def at(t):
        return x[0] * exp(-t * x[4]) + sum(x[k] * exp(-x[4 + k] * (t - x[7 + k]) ** 2) for k in (1, 2, 3))
    return [y - at(i / 10) for i, y in enumerate(OSBORNE_2)]


def box(x, m):
    return [exp(-i * x[0] / 10) - exp(-i * x[1] / 10) - x[2] * (exp(-i / 10) - exp(-float(i))) for i in range(1, m + 1)]


PROBLEMS = [
    ("linear", linear, [1.0] * 5, 10), ("linear", linear, [1.0] * 5, 50), ("rank_one", rank_one, [1.0] * 5, 10),
    ("rank_one", rank_one, [1.0] * 5, 50), ("rank_one_zeros", rank_one_zeros, [1.0] * 5, 10),
    ("rank_one_zeros", rank_one_zeros, [1.0] * 5, 50),
    ("rosenbrock", lambda x, m: [10 * (x[1] - x[0] ** 2), 1 - x[0]], [-1.2, 1.0], 2),
    ("helical", helical, [-1.0, 0.0, 0.0], 3),
    ("powell", lambda x, m: [x[0] + 10 * x[1], sqrt(5) * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, sqrt(10) * (x[0] - x[3]) ** 2],
     [3.0, -1.0, 0.0, 1.0], 4),
    ("freudenstein", lambda x, m: [-13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((1 + x[1]) * x[1] - 14) * x[1]],
     [0.5, -2.0], 2),
    ("bard", lambda x, m: [y - (x[0] + u / (x[1] * (16 - u) + x[2] * min(u, 16 - u))) for u, y in enumerate(BARD, 1)], [1.0] * 3, 15),
    ("kowalik", lambda x, m: [y - x[0] * (v * v + v * x[1]) / (v * v + v * x[2] + x[3]) for v, y in zip(KOWALIK_V, KOWALIK_Y)],
     [0.25, 0.39, 0.415, 0.39], 11),
    ("meyer", lambda x, m: [x[0] * exp(x[1] / (45 + 5 * i + x[2])) - y for i, y in enumerate(MEYER, 1)], [0.02, 4000.0, 250.0], 16),
    ("watson", watson, [0.0] * 6, 31), ("watson", watson, [0.0] * 9, 31), ("watson", watson, [0.0] * 12, 31),
    ("box", box, [0.0, 10.0, 20.0], 10),
    ("jennrich", lambda x, m: [2 + 2 * i - (exp(i * x[0]) + exp(i * x[1])) for i in range(1, m + 1)], [0.3, 0.4], 10),
    ("brown_dennis", lambda x, m: [
        (x[0] + i / 5 * x[1] - exp(i / 5)) ** 2 + (x[2] + x[3] * np.sin(i / 5) - np.cos(i / 5)) ** 2 for i in range(1, m + 1)],
     [25.0, 5.0, -5.0, -1.0], 20),
    *[("chebyquad", chebyquad, [(j + 1) / (n + 1) for j in range(n)], m) for n, m in
      [(1, 8), (8, 8), (9, 9), (10, 10)]],
    *[("brown_almost_linear", brown_almost_linear, [0.5] * n, n) for n in (10, 30, 40)],
    ("osborne_1", lambda x, m: [y - (x[0] + x[1] * exp(-10 * i * x[3]) + x[2] * exp(-10 * i * x[4])) for i, y in enumerate(OSBORNE_1)],
     [0.5, 1.5, -1.0, 0.01, 0.02], 33),
    ("osborne_2", osborne_2, [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5], 65),
]
# MINPACK's program takes the larger multiples for some problems only.
SINGLE = {"linear", "rank_one", "rank_one_zeros", "meyer", "box", "jennrich", "osborne_1", "osborne_2"}
rows = []
for name, residuals, start, m in PROBLEMS:
    for factor in (1,) if name in SINGLE else (1, 10, 100):
        if name == "chebyquad" and len(start) != 1 and factor > 1 and len(start) != 8:
            continue
        if name == "brown_almost_linear" and len(start) > 10 and factor > 1:
            continue
        first = np.array(start) * factor if any(start) else np.full(len(start), 0.0 if factor == 1 else float(factor))
        f = lambda x: np.array([complex(r).real for r in residuals(np.asarray(x, complex), m)])

        def jacobian(x):
            units = np.eye(len(x)) * 1e-30j
            return np.array([[complex(r).imag / 1e-30 for r in residuals(x + unit, m)] for unit in units]).T

        x, _, info, message, status = leastsq(f, first, Dfun=jacobian, full_output=True, maxfev=5000)
        norm = float(np.linalg.norm(info["fvec"]))
        print(f"{name:20} n {len(start):2} m {m:2} x{factor:<3} status {status} nfev {info['nfev']:4} njev {info['njev']:4} norm {norm:.8e}")
        rows.append(
            dict(name=name, m=m, start=first.tolist(), nfev=int(info["nfev"]), njev=int(info["njev"]), norm=norm, status=int(status))
        )
(OUT / "minpack.json").write_text(json.dumps(dict(scipy=scipy.__version__, rows=rows), separators=(",", ":")))
