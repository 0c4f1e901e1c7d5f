"""Logistic and softmax regression with an l1 penalty, with both, and with bounds, in float64.

Run: python make_penalised.py DATA_DIR [OUT_DIR]    Needs: pip install scipy scikit-learn
DATA_DIR holds breast_cancer.csv and digits.csv. The l1 problem is solved as one of bounds, w = u - v with u, v >= 0, by SciPy's
L-BFGS-B; Newton's method on what is not zero takes it to the last digits; the conditions of a minimum are asserted; and
scikit-learn's saga must agree to its own tolerance. Objective: mean NLL + l1*|w|_1 + l2/2*||w||^2, intercepts free.
"""
import json
import sys
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import optimize
from sklearn.linear_model import LogisticRegression

DATA = Path(sys.argv[1])
OUT = Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parent.parent)


def table(name):
    data = np.loadtxt(DATA / name, delimiter=",", skiprows=1)
    return data[:, :-1], data[:, -1].astype(int)


class Problem:
    """Parameters as [d + 1, k] with the intercepts last; k is 1 for two classes."""

    def __init__(self, x, y, l2):
        self.a = np.c_[x, np.ones(len(x))]
        self.k = 1 if y.max() == 1 else y.max() + 1
        self.t = y[:, None].astype(float) if self.k == 1 else np.eye(self.k)[y]
        self.y, self.l2 = y, l2
        self.shape = (self.a.shape[1], self.k)

    def probabilities(self, w):
        z = self.a @ w.reshape(self.shape)
        if self.k == 1:
            return z, 1 / (1 + np.exp(-z))
        e = np.exp(z - z.max(1, keepdims=True))
        return z, e / e.sum(1, keepdims=True)

    def value_and_grad(self, w):
        z, p = self.probabilities(w)
        nll = np.logaddexp(0, z) - self.t * z if self.k == 1 else scipy.special.logsumexp(z, axis=1) - (self.t * z).sum(1)
        weight = w.reshape(self.shape).copy()
        weight[-1] = 0
        grad = self.a.T @ (p - self.t) / len(self.a) + self.l2 * weight
        return nll.mean() + self.l2 / 2 * (weight**2).sum(), grad.ravel()

    def hessian(self, w):
        _, p = self.probabilities(w)
        (m, k), n = self.shape, len(self.a)
        h = np.zeros((m, k, m, k))
        for a in range(k):
            for b in range(k):
                c = p[:, a] * (1 - p[:, a]) if a == b else -p[:, a] * p[:, b]
                h[:, a, :, b] = (self.a * c[:, None]).T @ self.a / n
                if a == b:
                    h[:-1, a, :-1, b] += self.l2 * np.eye(m - 1)
        return h.reshape(m * k, m * k)


def with_l1(problem, l1):
    n = np.prod(problem.shape)
    weight = np.r_[np.full(n - problem.k, l1), np.zeros(problem.k)]

    def split(uv):
        value, grad = problem.value_and_grad(uv[:n] - uv[n:])
        return value + weight @ (uv[:n] + uv[n:]), np.r_[grad + weight, weight - grad]

    found = optimize.minimize(split, np.zeros(2 * n), jac=True, method="L-BFGS-B", bounds=[(0, None)] * (2 * n),
                              options=dict(maxiter=100000, maxfun=200000, ftol=0, gtol=1e-8, maxcor=50))
    w = found.x[:n] - found.x[n:]
    active = (np.abs(w) > 1e-6) | (weight == 0)
    w[~active] = 0
    sign = np.sign(w)
    for _ in range(20):
        _, grad = problem.value_and_grad(w)
        # The intercepts of more than two classes have one direction too many.
        step = np.linalg.lstsq(problem.hessian(w)[np.ix_(active, active)], (grad + weight * sign)[active], rcond=1e-12)[0]
        w[active] -= step
    value, grad = problem.value_and_grad(w)
    assert np.array_equal(np.sign(w)[weight > 0], sign[weight > 0])
    assert np.abs((grad + weight * sign)[active]).max() < 1e-13, np.abs((grad + weight * sign)[active]).max()
    assert (np.abs(grad)[~active] < weight[~active]).all()
    return w, value + weight @ np.abs(w), problem.hessian(w), grad


def check_saga(problem, x, w, l1, l2):
    strength = l1 + l2
    model = LogisticRegression(C=1 / (len(x) * strength), l1_ratio=l1 / strength, solver="saga", tol=1e-10,
                               max_iter=100000)
    model.fit(x, problem.y)
    apart = np.abs(model.coef_.T.ravel() - w[: -problem.k]).max()
    print("  saga differs by", apart)
    assert apart < 1e-4


cancer, malignant = table("breast_cancer.csv")
cancer = (cancer - cancer.mean(0)) / cancer.std(0)
pixels, digit = table("digits.csv")
rows = []
for name, x, y, l1, l2 in [
    ("breast-cancer", cancer, malignant, 0.01, 0.0),
    ("breast-cancer", cancer, malignant, 0.1, 0.0),
    ("breast-cancer", cancer, malignant, 0.02, 0.05),
    ("digits", pixels / 16, digit, 0.01, 0.0),
]:
    problem = Problem(x, y, l2)
    w, value, _, _ = with_l1(problem, l1)
    print(name, l1, l2, value, "nonzero", int((w[: -problem.k] != 0).sum()), "of", len(w) - problem.k)
    if name != "digits":
        check_saga(problem, x, w, l1, l2)
    rows.append(dict(data=name, l1=l1, l2=l2, loss=value, weights=w[: -problem.k].tolist(), bias=w[-problem.k :].tolist()))

# Weights within [-0.3, 0.05], the intercept free.
problem = Problem(cancer, malignant, 0.01)
bounds = [(-0.3, 0.05)] * 30 + [(None, None)]
found = optimize.minimize(problem.value_and_grad, np.zeros(31), jac=True, method="L-BFGS-B", bounds=bounds,
                          options=dict(maxiter=10000, ftol=0, gtol=1e-10))
w = found.x
active = (w > -0.3) & (w < 0.05) | (np.arange(31) == 30)
for _ in range(20):
    w[active] -= np.linalg.solve(problem.hessian(w)[np.ix_(active, active)], problem.value_and_grad(w)[1][active])
value, grad = problem.value_and_grad(w)
assert np.abs(grad[active]).max() < 1e-14 and (grad[~active] * np.where(w[~active] < 0, 1, -1) > 0).all()
print("bounded", value, "at a bound", int((~active).sum()))
bounded = dict(data="breast-cancer", l2=0.01, lower=-0.3, upper=0.05, loss=value, weights=w[:-1].tolist(), bias=w[-1:].tolist())
versions = dict(scipy=scipy.__version__, sklearn=sklearn.__version__)
(OUT / "penalised.json").write_text(json.dumps(dict(versions, rows=rows, bounded=bounded), separators=(",", ":")))
