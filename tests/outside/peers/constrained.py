"""Markowitz's portfolio: the least variance with a given mean return, weights that sum to 1, and no short sales."""

import numpy as np
from scipy.optimize import minimize

covariance = np.array(
    [[0.10, 0.02, 0.01, 0.00], [0.02, 0.08, 0.03, 0.01], [0.01, 0.03, 0.05, 0.01], [0.00, 0.01, 0.01, 0.02]]
)
returns = np.array([0.12, 0.10, 0.07, 0.03])

limits = [{"type": "eq", "fun": lambda w: w.sum() - 1}, {"type": "ineq", "fun": lambda w: returns @ w - 0.09}]
bounds, options = [(0, None)] * 4, {"ftol": 1e-14}
solution = minimize(
    lambda w: w @ covariance @ w, [0.25] * 4, method="SLSQP", bounds=bounds, constraints=limits, options=options
)
print(solution.x, solution.fun)
print(solution.multipliers)
