"""SciPy's L-BFGS-B within bounds, to a projected gradient of 1e-10, in float64.

Run: python make_bounded.py OUT_DIR    Needs: pip install scipy numpy
"""
import json
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy import optimize

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
INF = None
n = 20
# A matrix without structure whose eigenvalues lie between 1 and 100.
q, _ = np.linalg.qr(np.cos(np.arange(n * n).reshape(n, n) ** 1.5))
A = q @ np.diag(np.geomspace(1, 100, n)) @ q.T
b = 30 * np.sin(np.arange(n))
FUNCTIONS = {"rosenbrock": (optimize.rosen, optimize.rosen_der), "quadratic": (lambda x: 0.5 * x @ A @ x - b @ x, lambda x: A @ x - b)}
ROWS = [
    ("rosenbrock", [-1.2, 1.0], [(INF, 0.5), (INF, INF)]),
    ("rosenbrock", [-1.2, 1.0], [(-2.0, INF), (0.3, 0.6)]),
    ("rosenbrock", [0.0] * 10, [(0.2, 0.8)] * 5 + [(INF, INF)] * 5),
    ("rosenbrock", [-1.2, 1.0] * 5, [(-3.0, 3.0)] * 10),
    ("rosenbrock", [-1.2, 1.0] * 5, [(INF, 0.7)] + [(INF, INF)] * 9),
    ("quadratic", [0.0] * n, [(0.0, INF)] * n),
    ("quadratic", [1.0] * n, [(-0.5, 0.5)] * n),
    ("quadratic", [5.0] * n, [(INF, INF), (0.1, 0.1)] * (n // 2)),
]
rows = []
for name, x0, bounds in ROWS:
    f, g = FUNCTIONS[name]
    r = optimize.minimize(f, x0, jac=g, bounds=bounds, method="L-BFGS-B", options=dict(ftol=0.0, gtol=1e-10, maxiter=10000, maxfun=20000))
    rows.append(dict(function=name, x0=x0, bounds=bounds, x=r.x.tolist(), f=float(r.fun), nit=int(r.nit), nfev=int(r.nfev)))
    print(name, r.fun, r.nit, r.nfev, r.message)
(OUT / "bounded.json").write_text(json.dumps(dict(scipy=scipy.__version__, a=A.tolist(), b=b.tolist(), rows=rows), separators=(",", ":")))
