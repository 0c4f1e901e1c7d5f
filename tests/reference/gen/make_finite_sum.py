"""A logistic regression with an l2 penalty, and least squares that interpolate, for methods on sums of many terms.

Run: python make_finite_sum.py OUT_DIR    Needs: pip install scikit-learn numpy
"""
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)


def main():
    rng = np.random.default_rng(18)
    n, d, l2 = 300, 6, 0.01
    # Six decimals, so that the file has the numbers that are used.
    x = np.round(rng.normal(size=(n, d)) * np.array([1, 0.5, 2, 1, 0.3, 1]), 6)
    y = (rng.uniform(size=n) < 1 / (1 + np.exp(-x @ np.array([1, -2, 0.5, 0, 3, -1])))).astype(int)

    def gradient(w):
        return -x.T @ (y - 1 / (1 + np.exp(-x @ w))) / n + l2 * w

    # 1/n Σ log loss + l2/2 ‖w‖², without an intercept.
    common = dict(C=1 / (l2 * n), fit_intercept=False, max_iter=100000)
    exact = LogisticRegression(solver="newton-cholesky", tol=1e-13, **common).fit(x, y).coef_[0]
    passes = {}
    for solver in ("saga", "sag"):
        # The smallest number of epochs after which the gradient is small.
        low, high = 1, 4096
        while low < high:
            middle = (low + high) // 2
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fit = LogisticRegression(solver=solver, tol=1e-300, random_state=0, **{**common, "max_iter": middle}).fit(x, y)
            if np.abs(gradient(fit.coef_[0])).max() <= 1e-8:
                high = middle
            else:
                low = middle + 1
        passes[solver] = low
    # Square: one w satisfies all rows.
    a = np.round(rng.normal(size=(40, 60)), 6)
    result = dict(
        versions=dict(sklearn=sklearn.__version__), x=x.tolist(), y=y.tolist(), l2=l2, w=exact.tolist(),
        grad_norm=float(np.abs(gradient(exact)).max()), passes=passes, wide=a.tolist(), wide_y=np.round(rng.normal(size=40), 6).tolist(),
    )
    (OUT / "finite_sum.json").write_text(json.dumps(result) + "\n")
    print(result["grad_norm"], passes)


if __name__ == "__main__":
    main()
