"""Solves small problems of the CUTEst collection by Kiln, beside Ipopt and SciPy, and prints the tables of the guide.

    python benches/cutest/run.py --kiln target/release/kiln

Needs casadi, numpy and scipy. The problems are tests/reference/cutest/*.toml, and the peers' results are in tests/reference/cutest.json, made by
tests/reference/gen/make_cutest_peers.py. What Kiln calls converged is checked here without Kiln: the violation of the constraints, and the
first-order conditions (the gradient of the Lagrangian, and complementarity) with multipliers by nonnegative least squares, from CasADi's derivatives.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy import optimize

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/reference/gen"))
from make_cutest_peers import Problem, agrees  # noqa: E402

METHODS = {
    "SQP": ["--method", "sqp"],
    "SQP, exact": ["--method", "sqp", "--hessian", "exact"],
    "interior point": ["--method", "interior-point"],
    "augmented Lagrangian": ["--method", "augmented-lagrangian"],
}
FREE = {"SQP": ["--solver", "bfgs"], "SQP, exact": ["--solver", "newton"], "interior point": ["--solver", "trust-ncg"],
        "augmented Lagrangian": ["--solver", "newton-cg"]}
PEERS = {"ipopt": "Ipopt", "slsqp": "SLSQP", "trust_constr": "trust-constr"}


def residual(problem, x):
    """The smallest residual of the first-order conditions over all multipliers: what is left of the gradient, and the products of multipliers
    and slacks, relative to the size of the gradient."""
    columns, slacks = [], []
    if problem.m:
        g, jacobian = problem.constraints(x), problem.jacobian(x)
        for i in range(problem.m):
            columns += [-jacobian[i], jacobian[i]]
            slacks += [g[i] - problem.g_lower[i], problem.g_upper[i] - g[i]]
    for i, unit in enumerate(np.eye(problem.n)):
        columns += [-unit, unit]
        slacks += [x[i] - problem.lower[i], problem.upper[i] - x[i]]
    gradient = problem.gradient(x)
    size = max(1.0, np.abs(gradient).max())
    finite = np.isfinite(slacks)
    matrix = np.vstack([np.array(columns)[finite].T, np.diag(np.maximum(np.array(slacks)[finite], 0.0))])
    if matrix.shape[1] == 0:
        return np.abs(gradient).max() / size
    target = np.concatenate([-gradient, np.zeros(matrix.shape[1])])
    scale = np.maximum(1e-300, np.linalg.norm(matrix, axis=0))
    weights, _ = optimize.nnls(matrix / scale, target, maxiter=10000)
    return np.abs(matrix / scale @ weights - target).max() / size


def kiln(program, name, problem, options):
    arguments = [program, "solve", str(ROOT / f"tests/reference/cutest/{name}.toml"), "--json", *options]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        found = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        return {"success": False, "status": type(error).__name__, "value": None, "iterations": None, "violation": None}
    x = np.array(found["x"])
    row = {"success": found["success"], "status": found["status"], "value": found["fun"], "iterations": found["nit"]}
    row["violation"] = problem.violation(x) if np.isfinite(x).all() else None
    if found["success"]:
        row["residual"] = residual(problem, x)
    return row


def cell(row, published, digits, minima):
    if not row["success"]:
        return f"{row['status']}" if "status" in row and len(row["status"]) < 25 else "not converged"
    if row["violation"] > 1e-6:
        return f"{row['iterations']} (violation {row['violation']:.0e})"
    known = ([] if published is None else [published]) + minima[:1]
    is_best = any(agrees(row["value"], value, digits) for value in known)
    return f"{row['iterations']}" if is_best else f"{row['iterations']} ({row['value']:.6g})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kiln", required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    reference = json.loads((ROOT / "tests/reference/cutest.json").read_text())["problems"]
    rows = [row for row in reference if not options.names or row["problem"] in options.names]
    solved = {name: [0, 0, 0, 0] for name in [*METHODS, *PEERS.values()]}
    lines, wrong = [], []
    for row in rows:
        name = row["problem"]
        problem = Problem(ROOT / f"tests/reference/cutest/{name}.toml")
        is_bounded = np.isfinite(problem.lower).any() or np.isfinite(problem.upper).any()
        results = {}
        for method, arguments in METHODS.items():
            if problem.m == 0:
                arguments = ["--solver", "l-bfgs-b"] if is_bounded else FREE[method]
            results[method] = kiln(options.kiln, name, problem, arguments)
        results |= {PEERS[peer]: row[peer] for peer in PEERS}
        kinds = ["regular", "unconstrained", "degenerate", "infeasible"]
        for method, result in results.items():
            right = result["success"] and result["violation"] <= 1e-6 and row["kind"] != "infeasible"
            if row["kind"] == "infeasible":
                right = not result["success"]
            solved[method][kinds.index(row["kind"])] += right
            if method in METHODS and result["success"]:
                if result["violation"] > 1e-6 or result["residual"] > 1e-5 or row["kind"] == "infeasible":
                    wrong.append((name, method, result))
        best = row["published"] if row["published"] is not None else (row["minima"][:1] or [None])[0]
        cells = [cell(result, row["published"], row["published_digits"], row["minima"]) for result in results.values()]
        lines.append(f"| {name} | {row['kind']} | {problem.n} | {problem.m} | {'' if best is None else f'{best:.9g}'} | " + " | ".join(cells) + " |")
    names = [*METHODS, *PEERS.values()]
    counts = [sum(row["kind"] == kind for row in rows) for kind in ["regular", "unconstrained", "degenerate", "infeasible"]]
    print("| kind | problems | " + " | ".join(names) + " |")
    print("|---|---:|" + "---:|" * len(names))
    for k, kind in enumerate(["regular", "without constraints", "degenerate", "infeasible (none may converge)"]):
        print(f"| {kind} | {counts[k]} | " + " | ".join(str(solved[name][k]) for name in names) + " |")
    print("\n| problem | kind | unknowns | constraints | minimum | " + " | ".join(names) + " |")
    print("|---|---|---:|---:|---:|" + "---|" * len(names))
    print("\n".join(lines))
    print(f"\n{len(wrong)} of Kiln's successes do not pass the independent check:", file=sys.stderr)
    for entry in wrong:
        print(entry, file=sys.stderr)


if __name__ == "__main__":
    main()
