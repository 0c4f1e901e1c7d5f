"""Solves tests/reference/cutest/*.toml by Ipopt (through CasADi), SciPy's SLSQP and SciPy's trust-constr, and writes tests/reference/cutest.json.

    pip install casadi scipy numpy
    python tests/reference/gen/make_cutest_peers.py [name ...]

With names, only these are solved again and the rest of the file is kept.
Each run of a solver is a process of its own with a time limit.
"""
import ast
import json
import math
import multiprocessing
import os
import re
import sys
import time
import tomllib
import warnings

import casadi as ca
import numpy as np
import scipy
from scipy import optimize

from make_cutest import PROBLEMS

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 20.0
STARTS = 30
FEASIBLE = 1e-6


# ---------------------------------------------------------------------------------------------------------------------
# The language of the files, as CasADi's expressions. A vector is a column.

def is_vector(value):
    return value.shape[1] == 1


def product(left, right):
    if is_vector(left) and is_vector(right):
        return ca.dot(left, right)
    return ca.mtimes(left.T, right).T if is_vector(left) else ca.mtimes(left, right)


def prod(value):
    out = value[0]
    for k in range(1, value.numel()):
        out = out * value[k]
    return out


def total(value):
    return ca.sum1(value) if is_vector(value) else ca.sum1(ca.sum2(value))


FUNCTIONS = {
    "exp": ca.exp, "log": ca.log, "log2": lambda v: ca.log(v) / math.log(2), "log10": ca.log10, "log1p": ca.log1p, "expm1": ca.expm1,
    "sqrt": ca.sqrt, "abs": ca.fabs, "sin": ca.sin, "cos": ca.cos, "tan": ca.tan, "asin": ca.asin, "acos": ca.acos, "atan": ca.atan,
    "sinh": ca.sinh, "cosh": ca.cosh, "tanh": ca.tanh, "erf": ca.erf, "sigmoid": lambda v: 1 / (1 + ca.exp(-v)),
    "softplus": lambda v: ca.log1p(ca.exp(v)), "min": ca.fmin, "max": ca.fmax, "hypot": lambda a, b: ca.sqrt(a**2 + b**2),
    "atan2": ca.atan2, "dot": ca.dot, "sum": total, "mean": lambda v: total(v) / v.numel(), "norm": ca.norm_2, "prod": prod,
}
OPERATORS = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b, ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b, ast.MatMult: product,
}


def translate(tree, names):
    if isinstance(tree, ast.Expression):
        return translate(tree.body, names)
    if isinstance(tree, ast.Constant):
        return ca.SX(tree.value)
    if isinstance(tree, ast.Name):
        return names[tree.id]
    if isinstance(tree, ast.Subscript):
        return translate(tree.value, names)[tree.slice.value]
    if isinstance(tree, ast.UnaryOp):
        value = translate(tree.operand, names)
        return -value if isinstance(tree.op, ast.USub) else value
    if isinstance(tree, ast.BinOp):
        return OPERATORS[type(tree.op)](translate(tree.left, names), translate(tree.right, names))
    if isinstance(tree, ast.Call):
        return FUNCTIONS[tree.func.id](*[translate(argument, names) for argument in tree.args])
    raise ValueError(ast.dump(tree))


def expression(text, names):
    return translate(ast.parse(text.replace("^", "**").strip(), mode="eval"), names)


class Problem:
    """The problem of a file: the objective f, constraints lower <= g <= upper, bounds, and the start."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = tomllib.load(file)
        names = {"pi": ca.SX(math.pi), "e": ca.SX(math.e)}
        self.start, self.lower, self.upper, pieces = [], [], [], []
        for name, given in data["variables"].items():
            given = given if isinstance(given, dict) else {"start": given}
            lengths = [given.get("size", 1)] + [len(given[key]) for key in ("start", "lower", "upper") if isinstance(given.get(key), list)]
            size = max(lengths)
            symbol = ca.SX.sym(name, size)
            names[name] = symbol
            pieces.append(symbol)
            for key, default, out in (("start", 0.0, self.start), ("lower", -math.inf, self.lower), ("upper", math.inf, self.upper)):
                value = given.get(key, default)
                out += value if isinstance(value, list) else [value] * size
        for name, value in data.get("parameters", {}).items():
            names[name] = ca.SX(ca.DM(value))
        self.x = ca.vertcat(*pieces)
        sign = 1 if "minimize" in data else -1
        self.f = sign * expression(data.get("minimize", data.get("maximize")), names)
        self.names, rows, self.g_lower, self.g_upper = [], [], [], []
        for name, text in data.get("constraints", {}).items():
            parts = re.split(r"(<=|>=|==)", text)
            for k in range(1, len(parts), 2):
                value = expression(parts[k - 1], names) - expression(parts[k + 1], names)
                count = value.numel()
                rows.append(ca.vec(value))
                self.g_lower += [-math.inf if parts[k] == "<=" else 0.0] * count
                self.g_upper += [math.inf if parts[k] == ">=" else 0.0] * count
                self.names += [name] * count
        self.g = ca.vertcat(*rows) if rows else ca.SX(0, 1)
        self.n, self.m = self.x.numel(), self.g.numel()
        self.start, self.lower, self.upper = (np.array(v, float) for v in (self.start, self.lower, self.upper))
        self.g_lower, self.g_upper = np.array(self.g_lower), np.array(self.g_upper)
        weights = ca.SX.sym("weights", self.m)
        lagrangian = self.f + (ca.dot(weights, self.g) if self.m else 0)
        make = lambda name, inputs, output: ca.Function(name, inputs, [ca.densify(output)])
        self._f = make("f", [self.x], self.f)
        self._gradient = make("gradient", [self.x], ca.gradient(self.f, self.x))
        self._hessian = make("hessian", [self.x], ca.hessian(self.f, self.x)[0])
        self._g = make("g", [self.x], self.g)
        self._jacobian = make("jacobian", [self.x], ca.jacobian(self.g, self.x))
        constraint = ca.dot(weights, self.g) if self.m else ca.SX(0)
        self._curvature = make("curvature", [self.x, weights], ca.hessian(constraint, self.x)[0])
        self._lagrangian = make("lagrangian", [self.x, weights], ca.hessian(lagrangian, self.x)[0])

    value = lambda self, x: float(self._f(x))
    gradient = lambda self, x: np.array(self._gradient(x)).ravel()
    hessian = lambda self, x: np.array(self._hessian(x))
    constraints = lambda self, x: np.array(self._g(x)).ravel()
    jacobian = lambda self, x: np.array(self._jacobian(x)).reshape(self.m, self.n)
    curvature = lambda self, x, v: np.array(self._curvature(x, v))

    def violation(self, x):
        x = np.asarray(x, float)
        g = self.constraints(x) if self.m else np.zeros(0)
        return float(max([0.0, *(self.lower - x), *(x - self.upper), *(self.g_lower - g), *(g - self.g_upper)]))

    def is_minimum(self, x, tolerance=1e-6):
        """Whether the first-order conditions hold, and the Lagrangian curves upward on the tangent of what is active.

        Multipliers are by least squares. The answer is None where the gradients of active constraints are dependent.
        """
        rows, equal = [], []
        g, jacobian = (self.constraints(x), self.jacobian(x)) if self.m else (np.zeros(0), np.zeros((0, self.n)))
        for i in range(self.m):
            scale = tolerance * max(1.0, abs(jacobian[i]).max())
            if self.g_lower[i] == self.g_upper[i]:
                rows.append((jacobian[i], i, 0))
            elif g[i] - self.g_lower[i] < scale:
                rows.append((-jacobian[i], i, 1))
            elif self.g_upper[i] - g[i] < scale:
                rows.append((jacobian[i], i, 1))
        for i in range(self.n):
            unit = np.eye(self.n)[i]
            if x[i] - self.lower[i] < tolerance * max(1, abs(x[i])):
                rows.append((-unit, None, 1))
            elif self.upper[i] - x[i] < tolerance * max(1, abs(x[i])):
                rows.append((unit, None, 1))
        steep = 1e-5 * max(1.0, abs(self.gradient(x)).max())
        if not rows:
            if abs(self.gradient(x)).max() > steep:
                return False
            values = np.linalg.eigvalsh(self.hessian(x))
            return bool(values.min() >= -1e-7 * max(1.0, values.max()))
        active = np.array([row[0] for row in rows])
        multipliers = np.linalg.lstsq(active.T, -self.gradient(x), rcond=None)[0]
        if abs(self.gradient(x) + active.T @ multipliers).max() > steep:
            return False
        singular = np.linalg.svd(active / np.maximum(1e-300, np.linalg.norm(active, axis=1))[:, None], compute_uv=False)
        if len(rows) > self.n or singular[-1] < 1e-6:
            return None
        weights = np.zeros(self.m)
        strong = []
        size = max(1.0, abs(multipliers).max())
        for (row, i, inequality), multiplier in zip(rows, multipliers):
            if inequality and multiplier < -1e-5 * size:
                return False
            if not inequality or multiplier > 1e-6 * size:
                strong.append(row)
            if i is not None:
                weights[i] += multiplier * (1 if not inequality or np.allclose(row, jacobian[i]) else -1)
        matrix = np.array(self._lagrangian(x, weights))
        if strong:
            basis = scipy.linalg.null_space(np.array(strong), rcond=1e-9)
            matrix = basis.T @ matrix @ basis
        if matrix.size == 0:
            return True
        values = np.linalg.eigvalsh(matrix)
        return bool(values.min() >= -1e-7 * max(1.0, values.max()))


# ---------------------------------------------------------------------------------------------------------------------
# The solvers.

def finite(value):
    return float(value) if value is not None and math.isfinite(value) else None


def record(problem, success, status, x, iterations, evaluations):
    x = np.asarray(x, float).ravel()
    good = bool(np.all(np.isfinite(x)))
    return {
        "success": bool(success), "status": status, "value": finite(problem.value(x)) if good else None,
        "iterations": iterations, "evaluations": evaluations, "violation": finite(problem.violation(x)) if good else None,
        "x": [finite(entry) for entry in x],
    }


def ipopt_solver(problem, **options):
    settings = {"tol": 1e-9, "bound_relax_factor": 0.0, "print_level": 0, "sb": "yes", "max_cpu_time": LIMIT, **options}
    return ca.nlpsol("solver", "ipopt", {"x": problem.x, "f": problem.f, "g": problem.g}, {
        "ipopt": settings, "print_time": False, "error_on_fail": False})


def ipopt_run(problem, solver, start):
    return solver(x0=start, lbx=problem.lower, ubx=problem.upper, lbg=problem.g_lower, ubg=problem.g_upper)


def ipopt(problem):
    solver = ipopt_solver(problem)
    out = ipopt_run(problem, solver, problem.start)
    stats = solver.stats()
    x = np.array(out["x"]).ravel()
    return record(problem, stats["success"], stats["return_status"], x, int(stats["iter_count"]), int(stats["n_call_nlp_f"]))


def slsqp(problem):
    constraints = []
    equal = np.flatnonzero(problem.g_lower == problem.g_upper)
    above = np.flatnonzero((problem.g_lower != problem.g_upper) & np.isfinite(problem.g_lower))
    below = np.flatnonzero((problem.g_lower != problem.g_upper) & np.isfinite(problem.g_upper))
    for kind, rows, sign in (("eq", equal, 1), ("ineq", above, 1), ("ineq", below, -1)):
        if len(rows):
            constraints.append({"type": kind, "fun": lambda x, r=rows, s=sign: s * problem.constraints(x)[r],
                                "jac": lambda x, r=rows, s=sign: s * problem.jacobian(x)[r]})
    out = optimize.minimize(problem.value, problem.start, jac=problem.gradient, method="SLSQP", constraints=constraints,
                            bounds=optimize.Bounds(problem.lower, problem.upper), options={"ftol": 1e-12, "maxiter": 500})
    return record(problem, out.success, f"{out.status}: {out.message}", out.x, int(out.nit), int(out.nfev))


def trust_constr(problem):
    constraints = []
    if problem.m:
        constraints.append(optimize.NonlinearConstraint(problem.constraints, problem.g_lower, problem.g_upper, jac=problem.jacobian,
                                                        hess=problem.curvature))
    bounded = np.any(np.isfinite(problem.lower)) or np.any(np.isfinite(problem.upper))
    began = time.monotonic()
    seen = {}

    def late(x, state):
        seen["x"], seen["nit"], seen["nfev"] = np.array(x), state.nit, state.nfev
        return time.monotonic() - began > LIMIT - 2

    out = optimize.minimize(problem.value, problem.start, jac=problem.gradient, hess=problem.hessian, method="trust-constr",
                            constraints=constraints, bounds=optimize.Bounds(problem.lower, problem.upper) if bounded else None,
                            callback=late, options={"gtol": 1e-10, "xtol": 1e-12, "maxiter": 2000})
    status = f"{out.status}: {out.message}"
    return record(problem, out.success, status, out.x, int(out.nit), int(out.nfev))


def search(problem):
    """Values of the local minima that Ipopt finds from random starts."""
    solver = ipopt_solver(problem, tol=1e-11, nlp_scaling_method="none", max_iter=1000, max_cpu_time=2.0)
    random = np.random.default_rng(1)
    began, found, unsure = time.monotonic(), [], []
    for k in range(2 * STARTS):
        if time.monotonic() - began > LIMIT - 5 or (k >= STARTS and found):
            break
        spread = np.maximum(1.0, np.abs(problem.start)) * (1 if k % 2 else 4) * (1 if k < STARTS else 10)
        start = problem.start + spread * random.uniform(-1, 1, problem.n)
        low = np.where(np.isfinite(problem.lower), problem.lower, start)
        high = np.where(np.isfinite(problem.upper), problem.upper, start)
        both = np.isfinite(problem.lower) & np.isfinite(problem.upper)
        start = np.where(both, low + (high - low) * random.uniform(0, 1, problem.n), np.clip(start, problem.lower, problem.upper))
        if not math.isfinite(problem.value(start)):
            continue
        x = np.array(ipopt_run(problem, solver, start)["x"]).ravel()
        if solver.stats()["return_status"] == "Solve_Succeeded" and problem.violation(x) <= FEASIBLE:
            sure, value = problem.is_minimum(x), problem.value(x)
            if sure or (sure is None and any(close(value, other, 1e-6) for other in unsure)):
                found.append(value)
            elif sure is None:
                unsure.append(value)
    return found


def infeasibility(problem):
    """The least norm of the violation of the constraints, within the bounds, that least squares find from several starts."""
    def residuals(x):
        g = problem.constraints(x)
        return np.maximum(problem.g_lower - g, 0) - np.maximum(g - problem.g_upper, 0)

    random, least = np.random.default_rng(2), math.inf
    for k in range(STARTS):
        start = problem.start + (np.maximum(1.0, abs(problem.start)) * random.uniform(-2, 2, problem.n) if k else 0)
        start = np.clip(start, problem.lower + 1e-3, problem.upper - 1e-3)
        out = optimize.least_squares(residuals, start, bounds=(problem.lower, problem.upper), xtol=1e-14, ftol=1e-14, gtol=1e-14)
        least = min(least, float(np.linalg.norm(out.fun)))
    return finite(least)


SOLVERS = {"ipopt": ipopt, "slsqp": slsqp, "trust_constr": trust_constr, "search": search, "infeasibility": infeasibility}


def work(name, solver, pipe):
    warnings.filterwarnings("ignore")
    np.seterr(all="ignore")
    try:
        pipe.send(SOLVERS[solver](Problem(os.path.join(HERE, "..", "cutest", f"{name}.toml"))))
    except Exception as error:  # A peer that fails is a result.
        pipe.send({"success": False, "status": f"{type(error).__name__}: {error}"[:300], "value": None, "iterations": None,
                   "evaluations": None, "violation": None, "x": None} if solver not in ("search", "infeasibility") else [])


def run(name, solver):
    """One run in a process of its own."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=work, args=(name, solver, theirs))
    process.start()
    theirs.close()
    answer = None
    if ours.poll(LIMIT + 5):
        try:
            answer = ours.recv()
        except EOFError:
            answer = None
    if process.is_alive() and answer is None:
        process.kill()
    process.join()
    if answer is None:
        answer = [] if solver == "search" else None if solver == "infeasibility" else {"success": False, "status": "no answer in the time limit", "value": None,
                                                 "iterations": None, "evaluations": None, "violation": None, "x": None}
    return answer


def close(a, b, tolerance):
    return abs(a - b) <= tolerance * max(1.0, abs(b))


def agrees(value, published, digits):
    """Whether a value is the published one: to 1e-6, or to the digits that are printed."""
    if digits is not None and published != 0:
        if abs(value - published) <= 1.01 * 10.0 ** (math.floor(math.log10(abs(published))) - digits + 1):
            return True
    return abs(value - published) <= (1e-6 * abs(published) if published else 1e-6)


def solve(name):
    given = PROBLEMS[name]
    problem = Problem(os.path.join(HERE, "..", "cutest", f"{name}.toml"))
    out = {"problem": name, "published": given["published"], "published_digits": given["digits"], "kind": given["kind"],
           "variables": problem.n, "constraints": problem.m, "minima": []}
    for solver in ("ipopt", "slsqp", "trust_constr"):
        out[solver] = run(name, solver)
    values = []
    if given["kind"] != "infeasible":
        answers = [out[s] for s in ("ipopt", "slsqp", "trust_constr")]
        answers = [a for a in answers if a["success"] and a["value"] is not None and a["violation"] <= FEASIBLE]
        # A value counts if the second-order test passes, or if that test cannot tell and two peers agree.
        for k, a in enumerate(answers):
            sure = problem.is_minimum(np.array(a["x"]))
            others = [b["value"] for j, b in enumerate(answers) if j != k]
            if sure or (sure is None and any(close(a["value"], other, 1e-6) for other in others)):
                values.append(a["value"])
        searched = run(name, "search")
        values += searched
        out["minima"] = list(given["known"])
    else:
        out["least_violation"] = run(name, "infeasibility")
    for value in sorted(values):
        # Peers are not exact: values near 0 are one if they differ by less than 1e-5, and others by their relative difference.
        loose = given["merge"] > 1e-4
        same = lambda known: abs(value - known) <= given["merge"] * (max(1.0, abs(known)) if loose else abs(known)) + (
            1e-5 if abs(known) < 1e-7 else 0.0)
        if not any(same(known) for known in (*out["minima"], *given["drop"])):
            out["minima"].append(value)
    out["minima"].sort()
    published = given["published"]
    if published is not None:
        out["published_found_by"] = [s for s in ("ipopt", "slsqp", "trust_constr")
                                     if out[s]["success"] and out[s]["value"] is not None and out[s]["violation"] <= FEASIBLE
                                     and agrees(out[s]["value"], published, given["digits"])]
        if any(agrees(value, published, given["digits"]) for value in searched):
            out["published_found_by"].append("ipopt from other starts")
    return out


def main():
    path = os.path.join(HERE, "..", "cutest.json")
    names = sys.argv[1:] or sorted(PROBLEMS)
    known = {}
    if sys.argv[1:] and os.path.exists(path):
        with open(path) as file:
            known = {entry["problem"]: entry for entry in json.load(file)["problems"]}
    began = time.monotonic()
    for name in names:
        known[name] = entry = solve(name)
        parts = [f"{s}: {'ok' if entry[s]['success'] else 'NO'} {entry[s]['value']} v={entry[s]['violation']} it={entry[s]['iterations']}"
                 for s in ("ipopt", "slsqp", "trust_constr")]
        print(f"{time.monotonic() - began:6.0f}s {name} [{entry['kind']}] published {entry['published']}\n   " + "\n   ".join(parts)
              + f"\n   minima {entry['minima'][:6]}", flush=True)
    save(path, known)


def save(path, known):
    versions = {"python": sys.version.split()[0], "casadi": ca.__version__, "ipopt": "3.14.19 (with MUMPS 5.8.2, bundled with casadi)", "scipy": scipy.__version__,
                "numpy": np.__version__}
    entries = [known[name] for name in sorted(known) if name in PROBLEMS]
    with open(path, "w") as file:
        json.dump({"versions": versions, "problems": entries}, file, indent=1, allow_nan=False)
        file.write("\n")


if __name__ == "__main__":
    main()
