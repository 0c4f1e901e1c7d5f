"""Nonlinear least squares with certified answers: Misra1a and Rat42 of NIST's Statistical Reference Datasets.

Run: python make_least_squares.py [OUT_DIR]    Needs: pip install scipy
The certified values are NIST's (https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml); SciPy's MINPACK must come to them, and its
evaluations are kept. Parameters are in the units of `scale`, so that all are of the order of 1.
"""
import json
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import least_squares

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
CASES = [
    dict(
        name="misra1a", formula="b1*(1 - exp(-b2*x))",
        x=[77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0],
        y=[10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78],
        start=[250.0, 0.0005], scale=[100.0, 0.001], certified=[2.3894212918e02, 5.5015643181e-04], residual=1.2455138894e-01,
    ),
    dict(
        name="rat42", formula="b1/(1 + exp(b2 - b3*x))",
        x=[9.0, 14.0, 21.0, 28.0, 42.0, 57.0, 63.0, 70.0, 79.0],
        y=[8.930, 10.800, 18.590, 22.330, 39.350, 56.110, 61.730, 64.620, 67.080],
        start=[75.0, 2.5, 0.07], scale=[10.0, 1.0, 0.1], certified=[7.2462237576e01, 2.6180768402e00, 6.7359200066e-02],
        residual=8.0565229338e00,
    ),
]
for case in CASES:
    x, y, scale = (np.array(case[key]) for key in ("x", "y", "scale"))

    def residuals(w):
        b = w * scale
        curve = b[0] * (1 - np.exp(-b[1] * x)) if case["name"] == "misra1a" else b[0] / (1 + np.exp(b[1] - b[2] * x))
        return curve - y

    found = least_squares(residuals, np.array(case["start"]) / scale, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    apart = np.abs(found.x * scale / case["certified"] - 1).max()
    print(case["name"], found.x * scale, 2 * found.cost, "differs by", apart, "in", found.nfev)
    assert apart < 1e-8 and abs(2 * found.cost / case["residual"] - 1) < 1e-9
(OUT / "least_squares.json").write_text(json.dumps(dict(scipy=scipy.__version__, rows=CASES), separators=(",", ":")))
