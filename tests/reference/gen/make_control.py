"""Control of the Van der Pol oscillator by Ipopt, through CasADi: tests/reference/control.json.

    pip install casadi numpy
    python tests/reference/gen/make_control.py

The problem is that of `kiln_optim::problems::VanDerPol`. Ipopt relaxes bounds by 1e-8 (relative) unless told otherwise, which lowers the
value, so it is told.
"""

import json
from pathlib import Path

import casadi as ca
import numpy as np


def solve(steps):
    h = 10.0 / steps
    x = ca.MX.sym("x", 3, steps + 1)
    p, q, u = x[0, :], x[1, :], x[2, :]
    rates = (1 - q**2) * p - q + u, p
    rows = [s[1:] - s[:-1] - h / 2 * (rate[1:] + rate[:-1]) for s, rate in zip((p, q), rates)]
    weights = np.full(steps + 1, h)
    weights[[0, -1]] = h / 2
    value = ca.mtimes(p**2 + q**2 + u**2, ca.DM(weights))
    lower, upper = np.tile([-0.25, -np.inf, -1.0], steps + 1), np.tile([np.inf, np.inf, 1.0], steps + 1)
    lower[:2] = upper[:2] = [0, 1]
    start = np.zeros(3 * (steps + 1))
    start[1] = 1
    options = {"ipopt.print_level": 0, "print_time": 0, "ipopt.sb": "yes"}
    options |= {"ipopt.tol": 1e-12, "ipopt.bound_relax_factor": 0.0, "ipopt.fixed_variable_treatment": "make_parameter"}
    problem = {"x": ca.vec(x), "f": value, "g": ca.vec(ca.vertcat(*rows))}
    solver = ca.nlpsol("solver", "ipopt", problem, options)
    found = solver(x0=start, lbx=lower, ubx=upper, lbg=0, ubg=0)
    assert solver.stats()["success"], solver.stats()["return_status"]
    places = np.linspace(0, 3 * steps + 2, 31).astype(int)
    return {
        "steps": steps,
        "value": float(found["f"]),
        "places": places.tolist(),
        "x": np.array(found["x"]).ravel()[places].tolist(),
        # In the order of the unknowns' times: the two equalities of a step.
        "multipliers": np.array(found["lam_g"]).ravel()[:20].tolist(),
        "iterations": solver.stats()["iter_count"],
    }


if __name__ == "__main__":
    rows = {"problems": [solve(steps) for steps in (100, 3333)]}
    path = Path(__file__).parents[1] / "control.json"
    path.write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows["problems"]:
        print(row["steps"], row["value"], row["iterations"], row["multipliers"][:4])
