"""Times the interior-point method beside Ipopt and OSQP.

    cargo build --release --example interior_point
    python benches/interior/run.py --kiln target/release/examples/interior_point --folder /tmp/interior --mnist FOLDER --rounds 5

Needs numpy, scipy, casadi (which has Ipopt with MUMPS) and osqp. MNIST's first 5,000 digits, even against odd, make the duals of two support
vector machines: one with a radial basis function kernel, whose matrix is dense, and one with a linear kernel of 20 principal components.
"""

import argparse
import gzip
import json
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np

STEPS = 3333


def make(folder, mnist):
    def read(name, offset):
        return np.frombuffer(gzip.decompress((mnist / f"train-{name}-ubyte.gz").read_bytes()), np.uint8, offset=offset)

    n = 5000
    x = read("images-idx3", 16).reshape(-1, 784)[:n] / 255.0
    y = np.where(read("labels-idx1", 8)[:n] % 2 == 0, 1.0, -1.0)
    squares = (x**2).sum(1)
    distances = (squares[:, None] + squares - 2 * x @ x.T).clip(0)
    np.save(folder / "rbf.npy", np.exp(-distances / (784 * x.var())) * np.outer(y, y))
    centred = x - x.mean(0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    np.save(folder / "linear.npy", centred @ axes[:20].T / sizes[0] * np.sqrt(n) * y[:, None])
    np.save(folder / "y.npy", y)


def ipopt():
    import casadi as ca

    h = 10.0 / STEPS
    x = ca.MX.sym("x", 3, STEPS + 1)
    p, q, u = x[0, :], x[1, :], x[2, :]
    rates = (1 - q**2) * p - q + u, p
    rows = [s[1:] - s[:-1] - h / 2 * (rate[1:] + rate[:-1]) for s, rate in zip((p, q), rates)]
    weights = np.full(STEPS + 1, h)
    weights[[0, -1]] = h / 2
    lower, upper = np.tile([-0.25, -np.inf, -1.0], STEPS + 1), np.tile([np.inf, np.inf, 1.0], STEPS + 1)
    lower[:2] = upper[:2] = [0, 1]
    start = np.zeros(3 * (STEPS + 1))
    start[1] = 1
    options = {"ipopt.print_level": 0, "print_time": 0, "ipopt.sb": "yes", "ipopt.tol": 1e-9}
    problem = {"x": ca.vec(x), "f": ca.mtimes(p**2 + q**2 + u**2, ca.DM(weights)), "g": ca.vec(ca.vertcat(*rows))}
    solver = ca.nlpsol("solver", "ipopt", problem, options)
    clock = time.perf_counter()
    found = solver(x0=start, lbx=lower, ubx=upper, lbg=0, ubg=0)
    seconds = time.perf_counter() - clock
    return {"value": float(found["f"]), "iterations": solver.stats()["iter_count"], "seconds": seconds}


def osqp(folder, kernel, eps):
    import osqp
    import scipy.sparse as sp

    y = np.load(folder / "y.npy")
    n = len(y)
    if kernel == "rbf":
        k, quadratic = 0, sp.triu(sp.csc_matrix(np.load(folder / "rbf.npy")), format="csc")
        rows = sp.vstack([sp.csc_matrix(y), sp.eye(n)]).tocsc()
    else:
        z = np.load(folder / "linear.npy")
        k = z.shape[1]
        quadratic = sp.block_diag([sp.csc_matrix((n, n)), sp.eye(k)]).tocsc()
        sums = sp.hstack([sp.csc_matrix(z.T), -sp.eye(k)])
        rows = sp.vstack([sp.hstack([sp.csc_matrix(y), sp.csc_matrix((1, k))]), sums, sp.eye(n, n + k)]).tocsc()
    upper = np.r_[np.zeros(1 + k), np.ones(n)]
    clock = time.perf_counter()
    solver = osqp.OSQP()
    linear = np.r_[-np.ones(n), np.zeros(k)]
    solver.setup(quadratic, linear, rows, 0 * upper, upper, eps_abs=eps, eps_rel=eps, verbose=False, max_iter=1_000_000)
    found = solver.solve()
    return {"value": found.info.obj_val, "iterations": found.info.iter, "seconds": time.perf_counter() - clock}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kiln", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "y.npy").exists():
        make(folder, options.mnist)

    def kiln(*arguments):
        return json.loads(subprocess.run([options.kiln, *map(str, arguments)], check=True, capture_output=True).stdout)

    cases = [
        (f"control, {3 * STEPS + 3} unknowns", lambda: kiln("control", STEPS), "Ipopt", ipopt, options.rounds),
        ("SVM, linear kernel", lambda: kiln("svm", folder / "y.npy", folder / "linear.npy"), "OSQP, 1e-3",
         lambda: osqp(folder, "linear", 1e-3), options.rounds),
        ("", lambda: kiln("svm", folder / "y.npy", folder / "linear.npy"), "OSQP, 1e-6",
         lambda: osqp(folder, "linear", 1e-6), 1),
        ("SVM, dense kernel", lambda: kiln("svm", folder / "y.npy", folder / "rbf.npy"), "OSQP, 1e-6",
         lambda: osqp(folder, "rbf", 1e-6), 1),
    ]
    print("| problem | Kiln | iterations | value | peer | time | iterations | value | Kiln ÷ peer |")
    print("|---|---:|---:|---:|---|---:|---:|---:|---:|")
    for name, ours, peer, theirs, rounds in cases:
        runs = [(ours(), theirs()) for _ in range(rounds)]
        a, b = runs[0]
        own, other = (statistics.median(run[i]["seconds"] for run in runs) for i in (0, 1))
        print(f"| {name} | {own:.2f} s | {a['iterations']} | {a['value']:.9g} | {peer} | {other:.2f} s | {b['iterations']} |"
              f" {b['value']:.9g} | {own / other:.2f} |", flush=True)


if __name__ == "__main__":
    main()
