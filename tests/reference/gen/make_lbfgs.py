"""SciPy's L-BFGS-B on the problems of minimisers.json until every entry of the gradient is below 1e-8, which its default
ftol ends before.

Run: python make_lbfgs.py OUT_DIR    Needs: pip install torch scipy scikit-learn statsmodels pandas numpy
"""
import json
import sys
from pathlib import Path

import make_reference as reference
import numpy as np
import scipy
from scipy import optimize

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)


def rows():
    problems = {}
    # The problems are local to a function; its calls of scipy tell them.
    original = optimize.minimize

    def record(fun, x0, jac=None, **kw):
        if kw.get("method") == "L-BFGS-B" and "constraints" not in kw:
            key = len(problems)
            result = original(fun, x0, jac=jac, method="L-BFGS-B", options=dict(gtol=1e-8, ftol=0.0, maxiter=5000, maxfun=10000))
            problems[key] = dict(
                f=float(result.fun), nit=int(result.nit), nfev=int(result.nfev),
                grad_norm=float(np.abs(jac(result.x)).max()), x=[float(x) for x in result.x],
            )
        return original(fun, x0, jac=jac, **kw)

    optimize.minimize = record
    saved = {}
    reference.save = lambda name, obj: saved.update({name: obj})
    reference.minimisers()
    names = [row["problem"] for row in saved["minimisers"]["unconstrained"]]
    return [dict(problem=name, **problems[i]) for i, name in enumerate(names)]


(OUT / "lbfgs.json").write_text(json.dumps(dict(scipy=scipy.__version__, rows=rows())))
