"""SciPy's trust-exact and trust-krylov on the problems of minimisers.json until the gradient's norm is below 1e-8.

Run: python make_trust.py OUT_DIR    Needs: pip install jax scipy numpy
"""
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from scipy import optimize

jax.config.update("jax_enable_x64", True)
OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def beale(x):
    return (1.5 - x[0] + x[0] * x[1]) ** 2 + (2.25 - x[0] + x[0] * x[1] ** 2) ** 2 + (2.625 - x[0] + x[0] * x[1] ** 3) ** 2


def powell(x):
    return (x[0] + 10 * x[1]) ** 2 + 5 * (x[2] - x[3]) ** 2 + (x[1] - 2 * x[2]) ** 4 + 10 * (x[0] - x[3]) ** 4


def wood(x):
    return (100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + 90 * (x[3] - x[2] ** 2) ** 2 + (1 - x[2]) ** 2
            + 10.1 * ((x[1] - 1) ** 2 + (x[3] - 1) ** 2) + 19.8 * (x[1] - 1) * (x[3] - 1))


def helical(x):
    angle = jnp.arctan2(x[1], x[0]) / (2 * jnp.pi)
    return 100 * ((x[2] - 10 * angle) ** 2 + (jnp.hypot(x[0], x[1]) - 1) ** 2) + x[2] ** 2


def trigonometric(x):
    n = len(x)
    i = jnp.arange(1, n + 1)
    return ((n - jnp.cos(x).sum() + i * (1 - jnp.cos(x)) - jnp.sin(x)) ** 2).sum()


def broyden(x):
    after, before = jnp.append(x[1:], 0.0), jnp.append(0.0, x[:-1])
    return (((3 - 2 * x) * x - before - 2 * after + 1) ** 2).sum()


PROBLEMS = {
    "rosenbrock_2": rosenbrock, "rosenbrock_50": rosenbrock, "beale": beale, "powell_singular": powell, "wood": wood,
    "helical_valley": helical, "trigonometric_10": trigonometric, "broyden_tridiagonal_30": broyden,
}


def main():
    starts = {row["problem"]: row for row in json.loads((Path(__file__).parent.parent / "minimisers.json").read_text())["unconstrained"]}
    rows = []
    for name, f in PROBLEMS.items():
        start = np.array(starts[name]["x0"], float)
        assert abs(float(f(start)) - starts[name]["f0"]) <= 1e-12 * abs(starts[name]["f0"]) + 1e-14, name
        value, gradient, hessian = jax.jit(f), jax.jit(jax.grad(f)), jax.jit(jax.hessian(f))
        row = dict(problem=name)
        for method in ("trust-exact", "trust-krylov"):
            options = dict(gtol=1e-8, maxiter=5000)
            result = optimize.minimize(
                lambda x: float(value(x)), start, jac=lambda x: np.array(gradient(x)), hess=lambda x: np.array(hessian(x)), method=method, options=options,
            )
            row[method] = dict(f=float(result.fun), nit=int(result.nit), nfev=int(result.nfev), grad_norm=float(np.abs(gradient(result.x)).max()))
        rows.append(row)
    (OUT / "trust.json").write_text(json.dumps(dict(versions=dict(scipy=scipy.__version__, jax=jax.__version__), rows=rows), indent=1) + "\n")


if __name__ == "__main__":
    main()
