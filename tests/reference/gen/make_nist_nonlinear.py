"""The 27 nonlinear regressions of NIST's Statistical Reference Datasets, with the digits that SciPy reaches from both starts.

Run: python make_nist_nonlinear.py NIST_STRD [OUT_DIR]    Needs: pip install numpy scipy
NIST_STRD is a folder with NIST's files (https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml); the source package of lmfit has them.
Digits are -log10 of the largest relative error of the parameters, and of their standard deviations, at most 11 as certified. SciPy's are
the best of `least_squares` with its methods lm, trf and dogbox, exact Jacobians and tolerances of 1e-15. `nfev` is that of lm.
"""
import json
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import least_squares

warnings.simplefilter("ignore")
SOURCE, OUT = Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parent.parent)
exp, cos, sin, arctan, pi = np.exp, np.cos, np.sin, np.arctan, np.pi


def gauss(b, x):
    return b[0] * exp(-b[1] * x) + b[2] * exp(-((x - b[3]) ** 2) / b[4] ** 2) + b[5] * exp(-((x - b[6]) ** 2) / b[7] ** 2)


def lanczos(b, x):
    return b[0] * exp(-b[1] * x) + b[2] * exp(-b[3] * x) + b[4] * exp(-b[5] * x)


def rational(b, x, top):
    above = sum(b[k] * x**k for k in range(top + 1))
    return above / (1 + sum(b[top + k] * x**k for k in range(1, len(b) - top)))


def enso(b, x):
    wave = lambda period, c, s: c * cos(2 * pi * x / period) + s * sin(2 * pi * x / period)
    return b[0] + wave(12, b[1], b[2]) + wave(b[3], b[4], b[5]) + wave(b[6], b[7], b[8])


MODELS = {
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": lambda b, x: b[0] * (1 - exp(-b[1] * x)),
    "Chwirut1": lambda b, x: exp(-b[0] * x) / (b[1] + b[2] * x),
    "Chwirut2": lambda b, x: exp(-b[0] * x) / (b[1] + b[2] * x),
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "ENSO": enso,
    "Eckerle4": lambda b, x: b[0] / b[1] * exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Gauss3": gauss,
    "Hahn1": lambda b, x: rational(b, x, 3),
    "Kirby2": lambda b, x: rational(b, x, 2),
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "MGH09": lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda b, x: b[0] * exp(b[1] / (x + b[2])),
    "MGH17": lambda b, x: b[0] + b[1] * exp(-x * b[3]) + b[2] * exp(-x * b[4]),
    "Misra1a": lambda b, x: b[0] * (1 - exp(-b[1] * x)),
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2),
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Nelson": lambda b, x: b[0] - b[1] * x[0] * exp(-b[2] * x[1]),
    "Rat42": lambda b, x: b[0] / (1 + exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x: b[0] / (1 + exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Roszman1": lambda b, x: b[0] - b[1] * x - arctan(b[2] / (x - b[3])) / pi,
    "Thurber": lambda b, x: rational(b, x, 3),
}


def digits(found, certified):
    error = np.abs(found / certified - 1).max()
    return float(min(11.0, -np.log10(max(error, 1e-300)))) if np.isfinite(error) else 0.0


def read(name):
    lines = (SOURCE / f"{name}.dat").read_text().splitlines()
    number = r"[-+]?[\d.]+(?:[Ee][-+]?\d+)?"
    rows = [re.findall(number, line.split("=", 1)[1]) for line in lines if re.match(rf"\s*b\d+ =(\s+{number})+\s*$", line)]
    start1, start2, certified, deviation = np.array(rows, float).T
    rss = float(re.findall(number, next(line for line in lines if "Residual Sum of Squares" in line))[0])
    first = max(i for i, line in enumerate(lines) if line.startswith("Data:")) + 1
    data = np.array([line.split() for line in lines[first:] if line.strip()], float)
    return (start1, start2), certified, deviation, rss, data


rows = []
for name, model in MODELS.items():
    starts, certified, deviation, rss, data = read(name)
    y, x = data[:, 0], data[:, 1:].T
    x = x if name == "Nelson" else x[0]
    y = np.log(y) if name == "Nelson" else y
    residuals = lambda b: model(b, x) - y
    step = 1e-30

    def jacobian(b):
        units = np.eye(len(b)) * step * 1j
        return np.array([model(b + unit, x).imag / step for unit in units]).T

    found = []
    for start in starts:
        best, nfev = (0.0, 0.0), None
        for method in ("lm", "trf", "dogbox"):
            for scale in ("jac", 1.0):
                try:
                    fit = least_squares(
                        residuals, start, jac=jacobian, method=method, x_scale=scale, ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=20000
                    )
                    error = np.sqrt(np.diag(np.linalg.inv(fit.jac.T @ fit.jac)) * 2 * fit.cost / (len(y) - len(start)))
                    reached = (digits(fit.x, certified), digits(error, deviation))
                except (ValueError, np.linalg.LinAlgError):
                    continue
                if method == "lm" and scale == "jac":
                    nfev = fit.nfev
                if min(reached) > min(best):
                    best = reached
        found.append(dict(parameters=best[0], deviations=best[1], nfev=nfev))
    print(f"{name:10} {[round(min(f['parameters'], f['deviations']), 1) for f in found]} nfev {[f['nfev'] for f in found]}")
    rows.append(
        dict(
            name=name, x=np.atleast_2d(x).tolist(), y=y.tolist(), starts=[s.tolist() for s in starts], certified=certified.tolist(),
            deviations=deviation.tolist(), rss=rss, scipy=found,
        )
    )
(OUT / "nist_nonlinear.json").write_text(json.dumps(dict(scipy=scipy.__version__, rows=rows), separators=(",", ":")))
