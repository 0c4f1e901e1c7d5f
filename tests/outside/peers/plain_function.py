"""Rosenbrock's function of five numbers, minimised by L-BFGS from its value and gradient."""

import numpy as np
from scipy.optimize import minimize


def rosenbrock(x):
    a, b = 1 - x[:-1], x[1:] - x[:-1] ** 2
    g = np.zeros_like(x)
    g[:-1] -= 2 * a + 400 * x[:-1] * b
    g[1:] += 200 * b
    return np.sum(a**2 + 100 * b**2), g


best = minimize(rosenbrock, [1.3, 0.7, 0.8, 1.9, 1.2], jac=True, method="L-BFGS-B", options={"gtol": 1e-8, "ftol": 0})
print(best.x, best.fun, best.nit)
