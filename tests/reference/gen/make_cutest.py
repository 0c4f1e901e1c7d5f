"""Writes tests/reference/cutest/*.toml: small problems of the CUTEst collection. Each problem is one call of `add`.

The formulas are those of the CUTEst collection. Entries are counted from 0 here and from 1 in the sources.
    python tests/reference/gen/make_cutest.py
"""
import math
import os
import shutil

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "cutest")
PROBLEMS = {}

HS = "Hock and Schittkowski, 1981, problem {}"
BT = "Boggs and Tolle, 1989, problem {}"
MGH = "More, Garbow and Hillstrom, 1981, problem {}"
BUCKLEY = "Buckley, 1989, problem {}"


def number(value):
    if isinstance(value, str):
        return value
    if value == math.inf:
        return "inf"
    if value == -math.inf:
        return "-inf"
    return repr(float(value)) if isinstance(value, float) and not value.is_integer() else repr(value)


def array(value):
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(array(entry) for entry in value) + "]"
    return number(value)


def var(start=0, lower=None, upper=None, size=None):
    """A variable. Lists are vectors."""
    if lower is None and upper is None and size is None:
        return array(start)
    parts = [] if size is None else [f"size = {size}"]
    parts.append(f"start = {array(start)}")
    if lower is not None:
        parts.append(f"lower = {array(lower)}")
    if upper is not None:
        parts.append(f"upper = {array(upper)}")
    return "{ " + ", ".join(parts) + " }"


def add(name, source, kind, published, objective, variables, constraints=None, parameters=None, note=None, digits=None,
        known=(), drop=(), merge=2e-5):
    """`published` is the minimum of the literature, or None. `digits` is how many of its digits are printed there.

    The rest is for the list of local minima in reference.json: `known` are added, `drop` are values of points that are shown
    to be no minima by hand, and values that differ by less than `merge` are one.
    """
    assert kind in ("regular", "degenerate", "infeasible", "unconstrained"), kind
    assert name not in PROBLEMS, name
    if kind == "infeasible":
        minimum = "none, it is infeasible"
    elif published is None:
        minimum = "not known"
    else:
        minimum = repr(published)
    lines = [f"# {name.upper()}. Source: {source}. Published minimum: {minimum}."]
    if note:
        lines.append(f"# {note}")
    lines.append(f"minimize = '{objective}'")
    lines.append("\n[variables]")
    lines += [f"{key} = {text}" for key, text in variables.items()]
    if parameters:
        lines.append("\n[parameters]")
        lines += [f"{key} = {array(value)}" for key, value in parameters.items()]
    if constraints:
        lines.append("\n[constraints]")
        lines += [f"{key} = '{text}'" for key, text in constraints.items()]
    PROBLEMS[name] = dict(text="\n".join(lines) + "\n", kind=kind, published=published, digits=digits, source=source, known=known, drop=drop,
                          merge=merge)


def con(*texts):
    return {f"c{i + 1}": text for i, text in enumerate(texts)}


# ---------------------------------------------------------------------------------------------------------------------
# Boggs and Tolle.

add("bt1", BT.format(1), "regular", -1.0, "100*x^2 + 100*y^2 - x - 100", dict(x="0.08", y="0.06"), con("x^2 + y^2 == 1"))
add("bt2", BT.format(2), "regular", 0.032568200, "(x[0] - 1)^2 + (x[0] - x[1])^2 + (x[1] - x[2])^4", dict(x=var(10, size=3)),
    con("x[0]*(1 + x[1]^2) + x[2]^4 == 8.2426407"), digits=8)
add("bt3", BT.format(3), "regular", 4.0930232558, "(x[0] - x[1])^2 + (x[1] + x[2] - 2)^2 + (x[3] - 1)^2 + (x[4] - 1)^2",
    dict(x=var(20, size=5)), con("x[0] + 3*x[1] == 0", "x[2] + x[3] - 2*x[4] == 0", "x[1] - x[4] == 0"),
    note="A convex quadratic program. The minimum is 176/43. CUTEst prints 4.09301056.")
add("bt4", BT.format(4) + ", with x[2] squared", "regular", -45.510551, "x[0] - x[1] + x[1]^3",
    dict(x=var([4.0382, -2.9470, -0.09115])),
    con("x[0]^2 + x[1]^2 + x[2]^2 == 25", "x[0] + x[1] + x[2] == 1"), digits=8, note="There are other local minima, 3.28903771 among them.")
add("bt5", BT.format(5), "regular", 961.71517219, "1000 - x[0]^2 - x[2]^2 - 2*x[1]^2 - x[0]*x[1] - x[0]*x[2]",
    dict(x=var(2, size=3)), con("x[0]^2 + x[1]^2 + x[2]^2 == 25", "8*x[0] + 14*x[1] + 7*x[2] == 56"))
add("bt6", BT.format(6), "regular", 0.277044924,
    "(x[0] - 1)^2 + (x[0] - x[1])^2 + (x[2] - 1)^2 + (x[3] - 1)^4 + (x[4] - 1)^6", dict(x=var(2, size=5)),
    con("x[3]*x[0]^2 + sin(x[3] - x[4]) == 2*sqrt(2)", "x[1] + x[2]^4*x[1]^2 == 8 + sqrt(2)"))
add("bt7", BT.format(7), "regular", 306.5, "100*(x[1] - x[0]^2)^2 + (x[0] - 1)^2",
    dict(x=var([-2, 1, 1, 1, 1])), con("x[0]*x[1] - x[2]^2 == 1", "x[0] + x[1]^2 - x[3]^2 == 0", "x[0] + x[4]^2 == 0.5"),
    note="There is a second local minimum, which the source gives: 360.379767. CUTEst prints 306.49640688.")
add("bt8", BT.format(8), "degenerate", 1.0, "x[0]^2 + x[1]^2 + x[2]^2", dict(x=var([1, 1, 1, 0, 0])),
    con("x[0] + x[1]^2 - x[3]^2 == 1", "x[0]^2 + x[1]^2 - x[4]^2 == 1"),
    note="The gradients of the constraints are parallel at the minimum.")
add("bt10", BT.format(10), "regular", -1.0, "-x[0]", dict(x=var(2, size=2)),
    con("x[1] - x[0]^3 == 0", "x[0]^2 - x[1] == 0"), known=(0.0,), merge=1e-3,
    note="The only other feasible point is 0, with the value 0 and a singular Jacobian.")
add("bt11", BT.format(11), "regular", 0.824891647,
    "(x[0] - 1)^2 + (x[0] - x[1])^2 + (x[1] - x[2])^2 + (x[2] - x[3])^4 + (x[3] - x[4])^4", dict(x=var(2, size=5)),
    con("x[0] + x[1]^2 + x[2]^3 == sqrt(18) - 2", "x[1] + x[3] - x[2]^2 == sqrt(8) - 2", "x[0] - x[4] == 2"), digits=6)
add("bt12", BT.format(12), "regular", 6.18811881, "0.01*x[0]^2 + x[1]^2",
    dict(x=var([15.811, 1.5811, 0.0, 15.083, 3.7164])),
    con("x[0] + x[1] - x[2]^2 == 25", "x[0]^2 + x[1]^2 - x[3]^2 == 25", "x[0] - x[4]^2 == 2"))
add("bt13", BT.format(13) + ", with the bound x[4] >= 0", "degenerate", 0.0, "x[4]",
    dict(x=var([1, 2, 3, 3, 228], lower=["-inf"] * 4 + [0])),
    con("x[0]^2 + (x[0] - 2*x[1])^2 + (x[1] - 3*x[2])^2 + (x[2] - 4*x[3])^2 - x[4]^2 == 0"),
    note="The gradient of the constraint is 0 at the minimum.")

# ---------------------------------------------------------------------------------------------------------------------
# Problems of the LANCELOT manuals and others with a few unknowns.

add("alsotame", "Conn, Gould and Toint, 1991", "regular", 0.082085, "exp(x - 2*y)",
    dict(x=var(0, -2, 2), y=var(0, -1.5, 1.5)), con("sin(y - x - 1) == 0"), digits=5)
add("tame", "Conn, Gould and Toint, 1991", "regular", 0.0, "(x - y)^2", dict(x=var(0, 0), y=var(0, 0)), con("x + y == 1"))
add("extrasim", "Conn, Gould and Toint, 1992", "regular", 1.0, "x + 1", dict(x=var(0, 0), y="0"), con("x + 2*y == 2"),
    note="A linear program.")
add("supersim", "Conn, Gould and Toint, 1991", "regular", 0.6666666667, "x", dict(x=var(0, 0), y="0"),
    con("x + 2*y == 2", "2*x + y == 2"), note="A linear program with one feasible point.")
add("simpllpa", "Gould, private communication", "regular", 1.0, "2*x + y", dict(x=var(0.1, 0), y=var(0.1, 0)),
    con("x + y >= 1", "x + 2*y >= 1.5"), note="A linear program.")
add("simpllpb", "Gould, private communication", "regular", 1.1, "1.5*x + y", dict(x=var(0.1, 0), y=var(0.1, 0)),
    con("x + y >= 1", "x + 2*y >= 1.2", "2*x + y >= 1.2"), note="A linear program.")
add("byrdsphr", "Byrd, 1992", "regular", -4.68330049, "-sum(x)", dict(x=var([5, 0.0001, -0.0001])),
    con("x[0]^2 + x[1]^2 + x[2]^2 == 9", "(x[0] - 1)^2 + x[1]^2 + x[2]^2 == 9"))
add("cantilvr", "Zhang and Fleury, 1994", "regular", 1.33996, "0.0624*sum(x)", dict(x=var(1, 0.000001, size=5)),
    con("61/x[0]^3 + 37/x[1]^3 + 19/x[2]^3 + 7/x[3]^3 + 1/x[4]^3 <= 1"), digits=6)
add("csfi1", "Vasko and Stott, 1995, problem MAXTPH", "regular", -49.0752, "-tph",
    dict(thick=var(0.5, 7), wid=var(0.5, 0), len=var(0.5, 0, 60), tph=var(0.5, 0), ipm=var(0.5, 0)),
    con("k*tph/(wid*thick) == ipm", "thick^2*ipm/48 == len", "wid/thick <= 2", "200 <= thick*wid <= 250"),
    dict(k=117.3708920187793427), digits=6, note="The start violates the bound of thick.")
add("csfi2", "Vasko and Stott, 1995, problem MINLEN", "regular", 55.0176, "len",
    dict(thick=var(0.5, 7), wid=var(0.5, 0), len=var(0.5, 0), tph=var(0.5, 45), ipm=var(0.5, 0)),
    con("k*tph/(wid*thick) == ipm", "thick^2*ipm/48 == len", "wid/thick <= 2", "200 <= thick*wid <= 250"),
    dict(k=117.3708920187793427), digits=6, note="The start violates the bounds of thick and tph.")
add("fletcher", "Fletcher, 1987", "regular", 11.6568542495, "x[0]*x[1]", dict(x=var(1, ["-inf", "-inf", "-inf", 1], size=4)),
    con("(x[0]*x[2] + x[1]*x[3])^2/(x[0]^2 + x[1]^2) - x[2]^2 - x[3]^2 == -1", "x[0] - x[2] >= 1", "x[1] - x[3] >= 1",
        "x[2] - x[3] >= 0"), note="The right-angled triangle of least area around a disc. The minimum is (2 + sqrt(2))^2. There is a second one, 19.5253664.")
add("hong", "Hong and Apte", "regular", None,
    "0.92 + 0.08*exp(9.5*x[0]) - 2.95 + 3.95*exp(5.5*x[1]) - 1.66 + 1657834*exp(-1.48*(9 - 4*x[2])) + 0.11 + 0.89*exp(7*x[3])",
    dict(x=var(0.5, 0, 1, size=4)), con("sum(x) == 1"))
add("hubfit", "Conn, Gould and Toint, 1991", "regular", None,
    "0.5*sum(min(abs(a*t + b - v), 1.5)*(abs(a*t + b - v)*2 - min(abs(a*t + b - v), 1.5)))/2",
    dict(a=var(0, 0), b="0"), con("a + b <= 0.85"),
    dict(t=[0.1, 0.3, 0.5, 0.7, 0.9], v=[0.25, 0.3, 0.625, 0.701, 1.0]), note="A fit with Huber's loss.")
add("lootsma", "Lootsma, 1968", "regular", 1.4142135624, "x[0]^3 - 6*x[0]^2 + 11*x[0] + x[2]", dict(x=var([1, 1, -3], 0, ["inf", "inf", 5])),
    con("x[2]^2 - x[0]^2 - x[1]^2 >= 0", "x[0]^2 + x[1]^2 + x[2]^2 >= 4"),
    note="The start violates a bound. The minimum is sqrt(2), at (0, sqrt(2), sqrt(2)).")
add("zy2", "Lina and Li, 1994", "regular", 2.0, "x[0]^3 - 6*x[0]^2 + 11*x[0] + x[1] + x[2]",
    dict(x=var([0.1, 0.1, 3], 0, ["inf", "inf", 5])),
    con("x[0]^2 + x[1]^2 + x[2]^2 <= 10", "x[0]^2 + x[1]^2 + x[2]^2 >= 4"))
add("lsnnodoc", "Tuyttens, 1989", "degenerate", 123.11244, "x[1]*exp(x[0] + x[2]) + x[2]^2*x[3]^2 + (x[2] - x[4])^2",
    dict(x=var([4, 6, 2, 6, 4], [2, 6, 0, "-inf", "-inf"], [4, 8, 5, "inf", "inf"])),
    con("x[0] + x[1] == 10", "x[3] - x[0] - x[2] == 0", "x[2] - x[1] + x[4] == 0", "-x[3] - x[4] == -10"),
    digits=8, note="A network. The four flow equations are dependent.")
add("matrix2", "LANCELOT manual, 1992", "degenerate", 0.0, "(x[0] - x[3])^2 + (x[2] - x[5])^2 + 2*(x[1] - x[4])^2",
    dict(x=var(1, [0, "-inf", 0, "-inf", "-inf", "-inf"], ["inf", "inf", "inf", 0, "inf", 0], size=6)),
    con("x[0]*x[2] - x[1]^2 >= 0", "x[3]*x[5] - x[4]^2 >= 0"),
    note="The nearest pair of a positive and a negative semidefinite matrix: both are 0, and so are gradients there. "
         "The bounds are those of the description. The file of CUTEst lets y be free, and has the other sign in its last constraint.")
add("maratos", "Maratos, 1978; Brown and Bartholomew-Biggs, 1987", "regular", -1.0,
    "-x + 0.000001*(x^2 + y^2) - 0.000001", dict(x="1.1", y="0.1"), con("x^2 + y^2 == 1"),
    note="A full step of Newton's method increases both the objective and the violation.")
add("mistake", "Toint", "regular", -1.0,
    "0.5*(x[1]*x[2] - x[0]*x[3] - x[2]*x[8] + x[4]*x[8] - x[4]*x[7] + x[5]*x[6])",
    dict(x=var(1, ["-inf"] * 8 + [0], size=9)),
    con("x[2]^2 + x[3]^2 <= 1", "x[4]^2 + x[5]^2 <= 1", "x[8]^2 <= 1", "x[0]^2 + (x[1] - x[8])^2 <= 1",
        "(x[0] - x[4])^2 + (x[1] - x[5])^2 <= 1", "(x[0] - x[6])^2 + (x[1] - x[7])^2 <= 1",
        "(x[2] - x[4])^2 + (x[3] - x[5])^2 <= 1", "(x[2] - x[6])^2 + (x[3] - x[7])^2 <= 1", "x[6]^2 + x[7]*x[8] <= 1",
        "x[7]*x[8] >= 0", "x[4]*x[7] - x[5]*x[6] >= 0", "x[0]*x[3] - x[1]*x[2] >= 0", "-x[4]*x[8] <= 0"),
    note="Problem 108 of Hock and Schittkowski with mistakes.")
add("mwright", "Wright, 1976, problem 4 from start D", "regular", 24.9788095,
    "x[0]^2 + (x[0] - x[1])^2 + (x[1] - x[2])^3 + (x[2] - x[3])^4 + (x[3] - x[4])^4", dict(x=var([-1, 2, 1, -2, -2])),
    con("x[0] + x[1]^2 + x[2]^2 == 3*sqrt(2) + 2", "x[1] + x[3] - x[2]^2 == 2*sqrt(2) - 2", "x[0]*x[4] == 2"),
    digits=9,
    note="There are several local minima. CUTEst prints 32.851791437.")
add("odfits", "Willumsen, 1991", "regular", -2380.026775,
    "sum(m*x13*(log(x13/a13) - 1)) + sum(m*x14*(log(x14/a14) - 1)) + sum(m*x23*(log(x23/a23) - 1)) + "
    "0.2*x24*(log(x24) - 1) + sum(f*(log(f/count) - 1))/1.5",
    dict(x13=var(90, 0.1), x14=var(450, 0.1), x23=var(360, 0.1), x24=var(1, 0.1), f=var([100, 500, 400, 1100, 600, 700], 0.1)),
    con("f[0] == x13", "f[1] == x14", "f[2] == x23", "f[3] == x14 + x23 + x24", "f[4] == x23 + x24", "f[5] == x24"),
    dict(m=0.5, a13=90, a14=450, a23=360, count=[100, 500, 400, 1100, 600, 700]),
    note="A fit of a matrix of journeys by entropy.")
a, b, c = 9.0, 6.0, 7.0
px = [0.5 + a, 0.5 + b, 0.5 - a, 0.5 - b, 0.5, 0.5]
py = [0.5 + a, 0.5 - b, 0.5 - a, 0.5 + b, 0.5, 0.5]
pz = [0.5, 0.5, 0.5, 0.5, 0.5 + c, 0.5 - c]
add("orthregb", "Gulliksson, 1990", "regular", 0.0, "sum((x - px)^2) + sum((y - py)^2) + sum((z - pz)^2)",
    dict(h=var([1, 0, 0, 1, 0, 1]), g=var(0, size=3), x=var(px), y=var(py), z=var(pz)),
    dict(ellipsoid="h[0]*x^2 + 2*h[1]*x*y + h[3]*y^2 - 2*g[0]*x - 2*g[1]*y + 2*h[2]*x*z + 2*h[4]*y*z + h[5]*z^2 - 2*g[2]*z == 1"),
    dict(px=px, py=py, pz=pz), note="The ellipsoid through six points is not unique.")
add("synthes1", "Duran and Grossmann, 1986, test problem 1", "regular", None,
    "5*y[0] + 6*y[1] + 8*y[2] + 10*x[0] - 7*x[2] - 18*log(x[1] + 1) - 19.2*log(x[0] - x[1] + 1) + 10",
    dict(x=var(0, 0, [2, 2, 1], size=3), y=var(0, 0, 1, size=3)),
    con("0.8*log(x[1] + 1) + 0.96*log(x[0] - x[1] + 1) - 0.8*x[2] >= 0",
        "log(x[1] + 1) + 1.2*log(x[0] - x[1] + 1) - x[2] - 2*y[2] >= -2", "x[1] - x[0] <= 0", "x[1] - 2*y[0] <= 0",
        "x[0] - x[1] - 2*y[1] <= 0", "y[0] + y[1] <= 1"), note="The relaxation: y is not integer here.")
add("twobars", "Zhang and Fleury, 1994", "regular", 1.50865, "x*sqrt(1 + y^2)", dict(x=var(1, 0.2, 4), y=var(1, 0.1, 1.6)),
    con("0.124*sqrt(1 + y^2)*(8/x + 1/(x*y)) <= 1", "0.124*sqrt(1 + y^2)*(8/x - 1/(x*y)) <= 1"), digits=6)
add("wachbieg", "Waechter and Biegler, 2000", "regular", 1.0, "x[0]", dict(x=var([-2, 1, 1], ["-inf", 0, 0])),
    con("x[0]^2 - x[1] == 1", "x[0] - x[2] == 0.5"), note="Interior methods with a line search may fail from this start.")
add("zecevic2", "Zecevic, problem 2", "regular", -4.125, "2*y^2 - 2*x - 3*y", dict(x=var(0.1, 0, 10), y=var(-0.1, 0, 10)),
    con("x + y <= 2", "x + 4*y <= 4"))
add("zecevic3", "Zecevic, problem 3", "regular", 97.30952, "7*x^2 + 3*y^2 - 84*x - 24*y + 300",
    dict(x=var(0.1, 0, 10), y=var(-0.1, 0, 10)), con("-x*y <= -1", "x^2 + y^2 <= 9"), digits=7)
add("zecevic4", "Zecevic, problem 4", "regular", 7.5575, "6*x^2 + y^2 - 60*x - 8*y + 166",
    dict(x=var(0.1, 0, 10), y=var(-0.1, 0, 10)), con("x*y - x - y <= 0", "-x - y <= -3"), digits=5)
add("snake", "Toint", "degenerate", 0.0, "x", dict(x="1", y="5"), con("sin(x) - y <= 0", "sin(x) - y + 0.0001*x >= 0"),
    note="Two sine curves that are almost parallel where they meet, at the minimum.")
add("dixchlng", "Dixon, 1991", "regular", None,
    " + ".join(f"100*(x[{i+1}] - x[{i}]^2)^2 + (x[{i}] - 1)^2 + 90*(x[{i+3}] - x[{i+2}]^2)^2 + (x[{i+2}] - 1)^2 + "
               f"10.1*(x[{i+1}] - 1)^2 + 10.1*(x[{i+3}] - 1)^2 + 19.8*(x[{i+1}] - 1)*(x[{i+3}] - 1)" for i in range(7)),
    dict(x=var([-2.0, -0.5, 3.0, 1 / 3.0, -4.0, -0.25, 5.0, 0.2, -6.0, -1 / 6.0])),
    {f"p{k}": "*".join(f"x[{i}]" for i in range(k)) + " == 1" for k in (2, 4, 6, 8, 10)},
    note="The global minimum is 0, at ones. Solvers find 2471.897808 from here.")

# ---------------------------------------------------------------------------------------------------------------------
# Minimax problems, with a bound u of all functions.

add("cb2", "Charalambous and Conn, 1978; Womersley and Fletcher, 1986", "regular", 1.95222, "u", dict(x="2", y="2", u="1"),
    con("u - x^2 - y^4 >= 0", "u - (2 - x)^2 - (2 - y)^2 >= 0", "u - 2*exp(y - x) >= 0"), digits=6)
add("cb3", "Charalambous and Conn, 1978; Womersley and Fletcher, 1986", "regular", 2.0, "u", dict(x="2", y="2", u="1"),
    con("u - x^4 - y^2 >= 0", "u - (2 - x)^2 - (2 - y)^2 >= 0", "u - 2*exp(y - x) >= 0"))
add("chaconn1", "Charalambous and Conn, 1978", "regular", 1.95222, "u", dict(x="1", y="-0.1", u="0"),
    con("x^2 + y^4 - u <= 0", "(2 - x)^2 + (2 - y)^2 - u <= 0", "2*exp(y - x) - u <= 0"), digits=6)
add("congigmz", "Pinar and Zenios, 1992", "regular", 28.0, "z", dict(x="2", y="2", z="2"),
    con("z + 5*x - y >= 0", "z - 4*y - x^2 - y^2 >= 0", "z - 5*x - y >= 0", "x + y <= -10", "2*x^2 - y^2 <= -4"))
add("demymalo", "Demyanov and Malozemov, 1974", "regular", -3.0, "u", dict(x="1", y="1", u="0"),
    con("5*x + y - u <= 0", "-5*x + y - u <= 0", "x^2 + y^2 + 4*y - u <= 0"))
add("kiwcresc", "Kiwiel, 1985", "regular", 0.0, "u", dict(x="-1.5", y="2", u="0"),
    con("x^2 + (y - 1)^2 + y - 1 - u <= 0", "-x^2 - (y - 1)^2 + y + 1 - u <= 0"))
add("madsen", "Madsen, 1975", "regular", 0.6164324, "u", dict(x="3", y="1", u="1"),
    con("u - x^2 - y^2 - x*y >= 0", "u + x^2 + y^2 + x*y >= 0", "u - sin(x) >= 0", "u + sin(x) >= 0", "u - cos(y) >= 0",
        "u + cos(y) >= 0"), digits=7)
add("makela1", "Makela, 1990", "regular", -1.4142135624, "u", dict(x="-0.5", y="-0.5", u="0"),
    con("-u - x - y <= 0", "x^2 + y^2 - u - x - y <= 1"), note="The minimum is -sqrt(2).")
add("makela2", "Makela, 1990", "regular", 7.2, "u", dict(x="-1", y="5", u="0"),
    con("x^2 + y^2 - u <= 0", "x^2 + y^2 - 40*x - 10*y - u <= -40", "x^2 + y^2 - 10*x - 20*y - u <= -60"))
add("makela3", "Makela, 1990", "degenerate", 0.0, "u", dict(x=var(list(range(1, 11)) + [-i for i in range(11, 21)]), u="0"),
    dict(f="x^2 - u <= 0"), note="The gradients of all 20 constraints are equal at the minimum.")
add("mifflin1", "Mifflin; Makela, 1990", "regular", -1.0, "u", dict(x="0.8", y="0.6", u="0"),
    con("x^2 + y^2 - u - x <= 1", "-u - x <= 0"))
add("mifflin2", "Mifflin; Makela, 1990", "regular", -1.0, "u", dict(x="-1", y="-1", u="0"),
    con("3.75*(x^2 + y^2) - u - x <= 3.75", "0.25*(x^2 + y^2) - u - x <= 0.25"))
add("minmaxbd", MGH.format(16) + ", as a minimax problem", "regular", 115.70644, "u", dict(x=var([25, 5, -5, -1]), u="825.559"),
    dict(f="(x[0] + t*x[1] - exp(t))^2 + (x[2] + sin(t)*x[3] - cos(t))^2 - u <= 0"),
    dict(t=[i / 5 for i in range(1, 21)]), digits=8)
add("minmaxrb", "Hald and Madsen, 1981", "regular", 0.0, "u", dict(x="-1.2", y="1", u="1"),
    con("u - 10*y + 10*x^2 >= 0", "u + 10*y - 10*x^2 >= 0", "u + x >= 1", "u - x >= -1"))
add("polak1", "Polak, Mayne and Higgins, 1991", "regular", 2.7182818, "u", dict(x="50", y="0.05", u="0"),
    con("exp(0.001*x^2 + (y - 1)^2) - u <= 0", "exp(0.001*x^2 + (y + 1)^2) - u <= 0"), digits=8)
add("polak2", "Polak, Mayne and Higgins, 1991", "regular", 54.598146, "u", dict(x=var([100] + [0.1] * 9), u="0.1"),
    con(*[f"exp(1e-8*x[0]^2 + (x[1] {s} 2)^2 + x[2]^2 + 4*x[3]^2 + x[4]^2 + x[5]^2 + x[6]^2 + x[7]^2 + x[8]^2 + x[9]^2) - u <= 0"
          for s in "+-"]), digits=7)
add("polak3", "Polak, Mayne and Higgins, 1991", "regular", 5.93300252, "u", dict(x=var(1, size=11), u="1"),
    con(*[f"sum(exp((x - sin({i} + 2*j))^2)/j) - u <= 0" for i in range(10)]), dict(j=list(range(1, 12))), digits=9)
add("polak4", "Polak, Mayne and Higgins, 1991", "regular", 0.0, "u", dict(x="0.9", y="0.1", u="0"),
    con("2*x^2 + 2*y^2 - u - x <= 1", "0.01*x^2 + 0.01*y^2 - u <= 0.01", "100000*(x - 2)^2 + y^2 - u <= 100000"))
add("polak5", "Polak, Mayne and Higgins, 1991", "regular", 50.0, "u", dict(x="0.1", y="0.1", u="0"),
    con("3*x^2 + 50*(x - y^4 - 1)^2 - u <= 0", "3*x^2 + 50*(x - y^4 + 1)^2 - u <= 0"))
for name, source, x0, x1 in (("rosenmmx", "Rosen and Suzuki, 1965; Makela, 1990", "x[0]", "x[1]"),
                             ("polak6", "Polak, Mayne and Higgins, 1991", "(x[0] - (x[3] + 1)^4)", "(x[1] - (x[0] - (x[3] + 1)^4)^4)")):
    f = f"{x0}^2 + {x1}^2 + 2*x[2]^2 + x[3]^2 - 5*{x0} - 5*{x1} - 21*x[2] + 7*x[3]"
    add(name, source, "regular", -44.0, "u", dict(x=var(0, size=4), u="0"),
        con(f"{f} - u <= 0",
            f"{f} + 10*({x0}^2 + {x1}^2 + x[2]^2 + x[3]^2 + {x0} - {x1} + x[2] - x[3]) - 80 - u <= 0",
            f"{f} + 10*({x0}^2 + 2*{x1}^2 + x[2]^2 + 2*x[3]^2 - {x0} - x[3]) - 100 - u <= 0",
            f"{f} + 10*({x0}^2 + {x1}^2 + x[2]^2 + 2*{x0} - {x1} - x[3]) - 50 - u <= 0"))
add("pt", "Polak and Tits, 1982, with 101 points", "regular", None, "u", dict(u="0", x="0"),
    dict(f="u + (w*(1 - w) - 2*w^2 + 1)*x >= w*(1 - w)"), dict(w=[i / 100 for i in range(101)]), note="A linear program.")
add("spiral", "Polak, Higgins and Mayne, 1992", "degenerate", 0.0, "u", dict(x="1.41831", y="-4.79462", u="1"),
    con("u - (x - sqrt(x^2 + y^2)*cos(sqrt(x^2 + y^2)))^2 - 0.005*(x^2 + y^2) >= 0",
        "u - (y - sqrt(x^2 + y^2)*sin(sqrt(x^2 + y^2)))^2 - 0.005*(x^2 + y^2) >= 0"),
    note="The way is a spiral. The functions have no second derivatives at the minimum.")
add("womflet", "Womersley and Fletcher, 1986", "degenerate", 0.0, "u", dict(x="3", y="1", u="7.5"),
    con("u + 0.5*x - y^2 - 5*x/(x + 0.1) >= 0",
        "u - 0.5*x - y^2 - 5*x/(x + 0.1) >= 0", "u + 0.5*x + y^2 + 5*x/(x + 0.1) >= 0"), known=(0.0,),
    note="Three constraints meet at the minimum 0. There is a second local minimum, 6.05.")

# ---------------------------------------------------------------------------------------------------------------------
# Equations, with the objective 0.

add("gottfr", BUCKLEY.format(208), "regular", 0.0, "0", dict(x="0.5", y="0.5"),
    con("x - 0.1136*(x + 3*y)*(1 - x) == 0", "y + 7.5*(2*x - y)*(1 - y) == 0"))
add("hatfldf", "OPTIMA manual, 1989", "regular", 0.0, "0", dict(x=var(0.1, size=3)),
    con("x[0] + x[1]*exp(x[2]) == 0.032", "x[0] + x[1]*exp(2*x[2]) == 0.056", "x[0] + x[1]*exp(3*x[2]) == 0.099"))
add("himmelbd", "Himmelblau, 1972, problem 29", "regular", 0.0, "0", dict(x="1", y="1"),
    con("x^2 + 12*y == 1", "49*x^2 + 49*y^2 + 84*x + 2324*y == 681"), known=(0.0,),
    note="It is often called infeasible. The violation has a local minimum near the start, but (20.457165, -34.791301) is a solution.")
add("hatfldg", "OPTIMA manual, 1989", "regular", 0.0, "0", dict(x=var(1, size=25)),
    con("x[0] - x[12] - x[0]*x[1] == -1", *[f"x[{i}] - x[12] + x[{i}]*(x[{i-1}] - x[{i+1}]) == -1" for i in range(1, 24)],
        "x[24] - x[12] + x[23]*x[24] == -1"))
add("hypcir", BUCKLEY.format(214), "regular", 0.0, "0", dict(x="0", y="1"), con("x*y == 1", "x^2 + y^2 == 4"))
add("zangwil3", "Zangwill; " + BUCKLEY.format(13), "regular", 0.0, "0", dict(x=var([100, -1, 2.5])),
    con("x[0] - x[1] + x[2] == 0", "-x[0] + x[1] + x[2] == 0", "x[0] + x[1] - x[2] == 0"), note="Linear equations.")
add("recipe", BUCKLEY.format(155), "degenerate", 0.0, "0", dict(x=var([2, 5, 1])),
    con("x[0] == 5", "x[1]^2 == 0", "x[2]/(x[1] - x[0]) == 0"), note="The Jacobian is singular at the solution.")
add("powellsq", "Powell, 1970", "degenerate", 0.0, "0", dict(x="3", y="1"), con("x^2 == 0", "10*x/(x + 0.1) + 2*y^2 == 0"),
    note="The Jacobian is singular at the solution.")
add("powellbs", MGH.format(3), "regular", 0.0, "0", dict(x="0", y="1"), con("10000*x*y == 1", "exp(-x) + exp(-y) == 1.0001"),
    note="Badly scaled.")

# ---------------------------------------------------------------------------------------------------------------------
# Hock and Schittkowski.

add("hs13", HS.format(13), "degenerate", 1.0, "(x - 2)^2 + y^2", dict(x=var(-2, 0), y=var(-2, 0)), con("(1 - x)^3 - y >= 0"), known=(1.0,), merge=2e-3,
    note="No constraint qualification holds at the minimum, so there are no multipliers. By the constraints x <= 1, so no value is below 1.")
add("hs25", HS.format(25), "unconstrained", 0.0, "sum((exp(-(w - x[1])^x[2]/x[0]) - k)^2)",
    dict(x=var([100, 12.5, 3], [0.1, 0, 0], [100, 25.6, 5])),
    parameters=dict(k=[i / 100 for i in range(1, 100)], w=[25 + (-50 * math.log(i / 100)) ** (2 / 3) for i in range(1, 100)]),
    drop=(32.835,), note="The function is almost flat at the start.")
add("hs47", HS.format(47), "degenerate", 0.0, "(x[0] - x[1])^2 + (x[1] - x[2])^3 + (x[2] - x[3])^4 + (x[3] - x[4])^4",
    dict(x=var([2, 2 ** 0.5, -1, 2 - 2 ** 0.5, 0.5])),
    con("x[0] + x[1]^2 + x[2]^3 == 3", "x[1] - x[2]^2 + x[3] == 1", "x[0]*x[4] == 1"),
    drop=(0.0,),
    note="The published point (1, ..., 1) is stationary and its reduced Hessian is singular. Because of the cube it is no minimum.")
add("hs54", HS.format(54) + ", as corrected in CUTEst", "regular", -0.90807482,
    "-exp(-0.5*(((x[0] - 1e4)^2/6.4e7 + 0.4*(x[0] - 1e4)*(x[1] - 1)/8e3 + (x[1] - 1)^2)/0.96 + (x[2] - 2e6)^2/4.9e13 + "
    "(x[3] - 10)^2/2.5e3 + (x[4] - 1e-3)^2/2.5e-3 + (x[5] - 1e8)^2/2.5e17))",
    dict(x=var([6e3, 1.5, 4e6, 2, 3e-3, 5e7], [0, -10, 0, 0, -1, 0], [2e4, 10, 1e7, 20, 1, 2e8])),
    con("x[0] + 4000*x[1] == 17600"), digits=8, drop=(0.0, -0.906714349), note="Badly scaled.")
add("hs55", HS.format(55), "degenerate", 6.3333333333, "x[0] + 2*x[1] + 4*x[4] + exp(x[0]*x[3])",
    dict(x=var([1, 2, 0, 0, 0, 2], 0, [1, "inf", "inf", 1, "inf", "inf"])),
    con("x[0] + 2*x[1] + 5*x[4] == 6", "x[0] + x[1] + x[2] == 3", "x[3] + x[4] + x[5] == 2", "x[0] + x[3] == 1",
        "x[1] + x[4] == 2", "x[2] + x[5] == 2"), note="The six equations have rank 5. CUTEst prints 6.66666666, a second local minimum.")
add("hs56", HS.format(56), "regular", -3.456, "-x[0]*x[1]*x[2]",
    dict(x=var([1, 1, 1] + [math.asin(math.sqrt(1 / 4.2))] * 3 + [math.asin(math.sqrt(5 / 7.2))])),
    con("x[0] == 4.2*sin(x[3])^2", "x[1] == 4.2*sin(x[4])^2", "x[2] == 4.2*sin(x[5])^2",
        "x[0] + 2*x[1] + 2*x[2] == 7.2*sin(x[6])^2"))
runs_a = [8, 8, 10, 10, 10, 10, 12, 12, 12, 12, 14, 14, 14, 16, 16, 16, 18, 18, 20, 20, 20, 22, 22, 22, 24, 24, 24, 26, 26, 26, 28,
          28, 30, 30, 30, 32, 32, 34, 36, 36, 38, 38, 40, 42]
runs_b = [49, 49, 48, 47, 48, 47, 46, 46, 45, 43, 45, 43, 43, 44, 43, 43, 46, 45, 42, 42, 43, 41, 41, 40, 42, 40, 40, 41, 40, 41, 41,
          40, 40, 40, 38, 41, 40, 40, 41, 38, 40, 40, 39, 39]
add("hs57", HS.format(57), "regular", 0.02845966972, "sum((b - x - (0.49 - x)*exp(-y*(a - 8)))^2)",
    dict(x=var(0.42, 0.4), y=var(5, -4)), con("0.49*y - x*y >= 0.09"), dict(a=runs_a, b=[v / 100 for v in runs_b]), digits=7,
    note="There is a second local minimum, 0.0306476.")
add("hs59", HS.format(59), "regular", -7.8027894,
    "-75.196 + 3.8112*x + 0.0020567*x^3 - 1.0345e-5*x^4 + 6.8306*y - 0.030234*x*y + 1.28134e-3*y*x^2 + 2.266e-7*x^4*y - "
    "0.25645*y^2 + 0.0034604*y^3 - 1.3514e-5*y^4 + 28.106/(y + 1) + 5.2375e-6*x^2*y^2 + 6.3e-8*x^3*y^2 - 7e-10*x^3*y^3 - "
    "3.405e-4*x*y^2 + 1.6638e-6*x*y^3 + 2.8673*exp(0.0005*x*y) - 3.5256e-5*x^3*y - 0.12694*x^2",
    dict(x=var(90, 0, 75), y=var(10, 0, 65)), con("x*y >= 700", "y - x^2/125 >= 0", "(y - 50)^2 - 5*(x - 55) >= 0"), digits=6,
    note="The start violates a bound. There are other local minima, -6.7495 among them.")
add("hs62", HS.format(62), "regular", -26272.51448,
    "-32.174*(255*log((x[0] + x[1] + x[2] + 0.03)/(0.09*x[0] + x[1] + x[2] + 0.03)) + "
    "280*log((x[1] + x[2] + 0.03)/(0.07*x[1] + x[2] + 0.03)) + 290*log((x[2] + 0.03)/(0.13*x[2] + 0.03)))",
    dict(x=var([0.7, 0.2, 0.1], 0, 1)), con("x[0] + x[1] + x[2] == 1"))
for name, published, (a, b, d, n) in (("hs68", -0.920425026, (0.0001, 1, 1, 24)), ("hs69", -956.71288, (0.1, 1000, 1, 4))):
    add(name, HS.format(name[2:]), "regular", published, f"({a}*{n} - ({b}*(exp(x[0]) - 1) - x[2])*x[3]/(exp(x[0]) - 1 + x[3]))/x[0]",
        dict(x=var(1, [0.0001, 0, 0, 0], [100, 100, 2, 2], size=4)),
        con("x[2] == 1 + erf(-x[1]/sqrt(2))",
            f"x[3] == 0.5*(1 + erf((-x[1] + {d}*sqrt({n}))/sqrt(2))) + 0.5*(1 + erf((-x[1] - {d}*sqrt({n}))/sqrt(2)))"))
add("hs70", HS.format(70) + ", as corrected in CUTEst", "regular", 0.007498464,
    "sum((1/(1 + 1/(12*x[1]))*x[2]*(x[2] + (1 - x[2])*x[3])^x[1]*sqrt(x[1]/6.2832)*(c/7.658)^(x[1] - 1)*"
    "exp(x[1] - (x[2] + (1 - x[2])*x[3])*c*x[1]/7.658) + "
    "1/(1 + 1/(12*x[0]))*(1 - x[2])*((x[2] + (1 - x[2])*x[3])/x[3])^x[0]*sqrt(x[0]/6.2832)*(c/7.658)^(x[0] - 1)*"
    "exp(x[0] - (x[2] + (1 - x[2])*x[3])*c*x[0]/(7.658*x[3])) - v)^2)",
    dict(x=var([2, 4, 0.04, 2], 0.00001, [100, 100, 1, 100])), con("x[2] + (1 - x[2])*x[3] >= 0"),
    dict(c=[0.1] + list(range(1, 19)),
         v=[0.00189, 0.1038, 0.268, 0.506, 0.577, 0.604, 0.725, 0.898, 0.947, 0.845, 0.702, 0.528, 0.385, 0.257, 0.159, 0.0869,
            0.0453, 0.01509, 0.00189]), digits=6)
add("hs83", HS.format(83), "regular", -30665.53867, "5.3578547*x[2]^2 + 0.8356891*x[0]*x[4] + 37.293239*x[0] - 40792.141",
    dict(x=var([78, 33, 27, 27, 27], [78, 33, 27, 27, 27], [102, 45, 45, 45, 45])),
    con("0 <= 85.334407 + 0.0056858*x[1]*x[4] + 0.0006262*x[0]*x[3] - 0.0022053*x[2]*x[4] <= 92",
        "0 <= 80.51249 + 0.0071317*x[1]*x[4] + 0.0029955*x[0]*x[1] + 0.0021813*x[2]^2 - 90 <= 20",
        "0 <= 9.300961 + 0.0047026*x[2]*x[4] + 0.0012547*x[0]*x[2] + 0.0019085*x[2]*x[3] - 20 <= 5"),
    note="Colville's problem 3.")
A84 = [-24345, -8720288.849, 150512.5253, -156.6950325, 476470.3222, 729482.8271, -145421.402, 2931.1506, -40.427932, 5106.192,
       15711.36, -155011.1084, 4360.53352, 12.9492344, 10236.884, 13176.786, -326669.5104, 7390.68412, -27.8986976, 16643.076,
       30988.146]
s84 = lambda k: f"x[0]*({A84[k]} + {A84[k+1]}*x[1] + {A84[k+2]}*x[2] + {A84[k+3]}*x[3] + {A84[k+4]}*x[4])".replace("+ -", "- ")
add("hs84", HS.format(84), "regular", -5280335.133, f"{-A84[0]} - {s84(1)}",
    dict(x=var([2.52, 2, 37.5, 9.25, 6.8], [0, 1.2, 20, 9, 6.5], [1000, 2.4, 60, 9.3, 7])),
    con(f"0 <= {s84(6)} <= 294000", f"0 <= {s84(11)} <= 294000", f"0 <= {s84(16)} <= 277200"), note="Badly scaled.")
A86 = [[-16, 2, 0, 1, 0], [0, -2, 0, 4, 2], [-3.5, 0, 2, 0, 0], [0, -2, 0, -4, -1], [0, -9, -2, 1, -2.8], [2, 0, -4, 0, 0],
       [-1, -1, -1, -1, -1], [-1, -2, -3, -2, -1], [1, 2, 3, 4, 5], [1, 1, 1, 1, 1]]
B86 = [-40, -2, -0.25, -4, -4, -1, -40, -60, 5, 1]
C86 = [[30, -20, -10, 32, -10], [-20, 39, -6, -31, 32], [-10, -6, 10, -6, -10], [32, -31, -6, 39, -20], [-10, 32, -10, -20, 30]]
D86 = [4, 8, 10, 6, 2]
E86 = [-15, -27, -36, -18, -12]
add("hs86", HS.format(86), "regular", -32.34867897, "x @ C @ x + dot(d, x^3) + dot(q, x)", dict(x=var([0, 0, 0, 0, 1], 0)),
    dict(a="A @ x >= b"), dict(A=A86, b=B86, C=C86, d=D86, q=E86), note="Colville's problem 1.")
add("hs117", HS.format(117), "regular", 32.34867897, "v @ C @ v + 2*dot(d, v^3) - dot(b, w)",
    dict(w=var([0.001] * 6 + [60] + [0.001] * 3, 0), v=var(0.001, 0, size=5)), dict(a="2*(C @ v) + 3*d*v^2 + q - w @ A >= 0"),
    dict(A=A86, b=B86, C=C86, d=D86, q=E86), note="Colville's problem 2, the dual of problem 86.")
add("hs93", HS.format(93), "regular", 135.075961,
    "0.0204*x[0]*x[3]*(x[0] + x[1] + x[2]) + 0.0187*x[1]*x[2]*(x[0] + 1.57*x[1] + x[3]) + "
    "0.0607*x[0]*x[3]*x[4]^2*(x[0] + x[1] + x[2]) + 0.0437*x[1]*x[2]*x[5]^2*(x[0] + 1.57*x[1] + x[3])",
    dict(x=var([5.54, 4.4, 12.02, 11.82, 0.702, 0.852], 0)),
    con("0.001*x[0]*x[1]*x[2]*x[3]*x[4]*x[5] >= 2.07",
        "0.00062*x[0]*x[3]*x[4]^2*(x[0] + x[1] + x[2]) + 0.00058*x[1]*x[2]*x[5]^2*(x[0] + 1.57*x[1] + x[3]) <= 1"), digits=8)
for name, right, published in (("hs95", (4.97, -1.88, -29.08, -78.02), 0.015619514), ("hs96", (4.97, -1.88, -69.08, -118.02), 0.015619514),
                               ("hs97", (32.97, 25.12, -29.08, -78.02), 3.1358091), ("hs98", (32.97, 25.12, -124.08, -173.02), 3.1358091)):
    add(name, HS.format(name[2:]), "regular", published, "4.3*x[0] + 31.8*x[1] + 63.3*x[2] + 15.8*x[3] + 68.5*x[4] + 4.7*x[5]",
        dict(x=var(0, 0, [0.31, 0.046, 0.068, 0.042, 0.028, 0.0134], size=6)),
        con("17.1*x[0] + 38.2*x[1] + 204.2*x[2] + 212.3*x[3] + 623.4*x[4] + 1495.5*x[5] - 169*x[0]*x[2] - 3580*x[2]*x[4] - "
            f"3810*x[3]*x[4] - 18500*x[3]*x[5] - 24300*x[4]*x[5] >= {right[0]}",
            "17.9*x[0] + 36.8*x[1] + 113.9*x[2] + 169.7*x[3] + 337.8*x[4] + 1385.2*x[5] - 139*x[0]*x[2] - 2450*x[3]*x[4] - "
            f"16600*x[3]*x[5] - 17200*x[4]*x[5] >= {right[1]}",
            f"26000*x[3]*x[4] - 273*x[1] - 70*x[3] - 819*x[4] >= {right[2]}",
            f"159.9*x[0] - 311*x[1] + 587*x[3] + 391*x[4] + 2198*x[5] - 14000*x[0]*x[5] >= {right[3]}"), digits=8)
T99 = [0, 25, 50, 100, 150, 200, 290, 380]
A99 = [0, 50, 50, 75, 75, 75, 100, 100]
DT = [T99[i] - T99[i - 1] for i in range(1, 8)]
speed = lambda i: " + ".join(f"{DT[k]}*({A99[k+1]}*sin(x[{k}]) - 32)" for k in range(i))
height = " + ".join([f"{0.5*DT[0]**2}*({A99[1]}*sin(x[0]) - 32)"] +
                    [f"{0.5*DT[i]**2}*({A99[i+1]}*sin(x[{i}]) - 32) + {DT[i]}*({speed(i)})" for i in range(1, 7)])
add("hs99", HS.format(99), "regular", -831079892.0, "-(" + " + ".join(f"{A99[k+1]*DT[k]}*cos(x[{k}])" for k in range(7)) + ")^2",
    dict(x=var(0.5, 0, 1.58, size=7)), con(f"{height} == 1e5", f"{speed(7)} == 1e3"), digits=9,
    note="The greatest speed of a rocket. Badly scaled.")


def posynomial(terms):
    out = []
    for factor, powers in terms:
        out.append("*".join([str(factor)] + [f"x[{i}]^{p}" if not str(p).startswith("-") else f"x[{i}]^({p})"
                                              for i, p in powers.items()]))
    return " + ".join(out)


for name, a, published in (("hs101", "-0.25", 1809.76476), ("hs102", "0.125", 911.880571), ("hs103", "0.5", 543.667958)):
    f = posynomial([(10, {0: 1, 1: -1, 3: 2, 5: -3, 6: a}), (15, {0: -1, 1: -2, 2: 1, 3: 1, 4: -1, 6: -0.5}),
                    (20, {0: -2, 1: 1, 3: -1, 4: -2, 5: 1}), (25, {0: 2, 1: 2, 2: -1, 4: 0.5, 5: -2, 6: 1})])
    third, two = "(1/3)", "(2/3)"
    add(name, HS.format(name[2:]), "regular", published, f, dict(x=var(6, [0.1] * 6 + [0.01], 10, size=7)),
        con(posynomial([(0.5, {0: 0.5, 2: -1, 5: -2, 6: 1}), (0.7, {0: 3, 1: 1, 2: -2, 5: 1, 6: 0.5}),
                        (0.2, {1: -1, 2: 1, 3: -0.5, 5: two, 6: 0.25})]) + " <= 1",
            posynomial([(1.3, {0: -0.5, 1: 1, 2: -1, 4: -1, 5: 1}), (0.8, {2: 1, 3: -1, 4: -1, 5: 2}),
                        (3.1, {0: -1, 1: 0.5, 3: -2, 4: -1, 5: third})]) + " <= 1",
            posynomial([(2, {0: 1, 2: -1.5, 4: 1, 5: -1, 6: third}), (0.1, {1: 1, 2: -0.5, 4: 1, 5: -1, 6: -0.5}),
                        (1, {0: -1, 1: 1, 2: 0.5, 4: 1}), (0.65, {1: -2, 2: 1, 4: 1, 5: -1, 6: 1})]) + " <= 1",
            posynomial([(0.2, {0: -2, 1: 1, 3: -1, 4: 0.5, 6: third}), (0.3, {0: 0.5, 1: 2, 2: 1, 3: third, 4: "-2/3", 6: 0.25}),
                        (0.4, {0: -3, 1: -2, 2: 1, 4: 1, 6: 0.75}), (0.5, {2: -2, 3: 1, 6: 0.5})]) + " <= 1",
            f"100 <= {f} <= 3000"), digits=8, note="A geometric program. CUTEst has no upper bound of the objective.")
add("hs104", HS.format(104), "regular", 3.9511634396, "0.4*(x[0]/x[6])^0.67 + 0.4*(x[1]/x[7])^0.67 + 10 - x[0] - x[1]",
    dict(x=var([6, 3, 0.4, 0.2, 6, 6, 1, 0.5], 0.1, 10)),
    con("0.0588*x[4]*x[6] + 0.1*x[0] <= 1", "0.0588*x[5]*x[7] + 0.1*x[0] + 0.1*x[1] <= 1",
        "4*x[2]/x[4] + 2*x[2]^(-0.71)/x[4] + 0.0588*x[2]^(-1.3)*x[6] <= 1",
        "4*x[3]/x[5] + 2*x[3]^(-0.71)/x[5] + 0.0588*x[3]^(-1.3)*x[7] <= 1",
        "1 <= 0.4*(x[0]/x[6])^0.67 + 0.4*(x[1]/x[7])^0.67 + 10 - x[0] - x[1] <= 4.2"), digits=9)
counts = [(95, 1), (105, 1), (110, 4), (115, 4), (120, 15), (125, 15), (130, 15), (135, 13), (140, 21), (145, 12), (150, 17), (155, 4),
          (160, 20), (165, 8), (170, 17), (175, 8), (180, 6), (185, 6), (190, 7), (195, 4), (200, 3), (205, 3), (210, 8), (215, 1),
          (220, 6), (230, 5), (235, 1), (240, 7), (245, 1), (250, 2)]
add("hs105", HS.format(105), "regular", None,
    "-sum(k*log((x[0]/x[5]*exp(-(v - x[2])^2/(2*x[5]^2)) + x[1]/x[6]*exp(-(v - x[3])^2/(2*x[6]^2)) + "
    "(1 - x[1] - x[0])/x[7]*exp(-(v - x[4])^2/(2*x[7]^2)))/sqrt(2*pi)))",
    dict(x=var([0.1, 0.2, 100, 125, 175, 11.2, 13.2, 15.8], [0.001, 0.001, 100, 130, 170, 5, 5, 5], [0.499, 0.499, 180, 210, 240, 25, 25, 25])),
    con("1 - x[0] - x[1] >= 0"), dict(v=[v for v, _ in counts], k=[k for _, k in counts]), note="Maximum likelihood of a mixture. The start violates a bound. The book prints 1138.416240, which no peer finds.")
add("hs106", HS.format(106), "regular", 7049.248, "x[0] + x[1] + x[2]",
    dict(x=var([5000, 5000, 5000, 200, 350, 150, 225, 425], [100, 1000, 1000, 10, 10, 10, 10, 10], [10000] * 3 + [1000] * 5)),
    con("0.0025*(x[3] + x[5]) <= 1", "0.0025*(x[4] + x[6] - x[3]) <= 1", "0.01*(x[7] - x[4]) <= 1",
        "x[0]*x[5] - 833.33252*x[3] - 100*x[0] >= -83333.333", "x[1]*x[6] - 1250*x[4] - x[1]*x[3] + 1250*x[3] >= 0",
        "x[2]*x[7] - 1250000 - x[2]*x[4] + 2500*x[4] >= 0"), digits=7,
    note="A heat exchanger. Badly scaled. The book prints 7049.330923.")
add("hs107", HS.format(107), "regular", 5055.011803, "3000*x[0] + 1000*x[0]^3 + 2000*x[1] + 666.667*x[1]^3",
    dict(x=var([0.8, 0.8, 0.2, 0.2, 1.0454, 1.0454, 1.0454, 0, 0], [0, 0, "-inf", "-inf"] + [0.90909] * 3 + ["-inf"] * 2,
               ["inf"] * 4 + [1.0909] * 3 + ["inf"] * 2)),
    con("0.4 - x[0] + 2*c*x[4]^2 - x[4]*x[5]*(d*sin(x[7]) + c*cos(x[7])) - x[4]*x[6]*(d*sin(x[8]) + c*cos(x[8])) == 0",
        "0.4 - x[1] + 2*c*x[5]^2 + x[4]*x[5]*(d*sin(x[7]) - c*cos(x[7])) + x[5]*x[6]*(d*sin(x[7] - x[8]) - c*cos(x[7] - x[8])) == 0",
        "0.8 + 2*c*x[6]^2 + x[4]*x[6]*(d*sin(x[8]) - c*cos(x[8])) - x[5]*x[6]*(d*sin(x[7] - x[8]) + c*cos(x[7] - x[8])) == 0",
        "0.2 - x[2] + 2*d*x[4]^2 + x[4]*x[5]*(c*sin(x[7]) - d*cos(x[7])) + x[4]*x[6]*(c*sin(x[8]) - d*cos(x[8])) == 0",
        "0.2 - x[3] + 2*d*x[5]^2 - x[4]*x[5]*(c*sin(x[7]) + d*cos(x[7])) - x[5]*x[6]*(c*sin(x[7] - x[8]) + d*cos(x[7] - x[8])) == 0",
        "-0.337 + 2*d*x[6]^2 - x[4]*x[6]*(c*sin(x[8]) + d*cos(x[8])) + x[5]*x[6]*(c*sin(x[7] - x[8]) - d*cos(x[7] - x[8])) == 0"),
    dict(c=48.4 / 50.176 * math.sin(0.25), d=48.4 / 50.176 * math.cos(0.25)), digits=10)
add("hs108", HS.format(108), "degenerate", -0.8660254038,
    "-0.5*(x[0]*x[3] - x[1]*x[2] + x[2]*x[8] - x[4]*x[8] + x[4]*x[7] - x[5]*x[6])",
    dict(x=var(1, ["-inf"] * 8 + [0], size=9)),
    con("x[2]^2 + x[3]^2 <= 1", "x[8]^2 <= 1", "x[4]^2 + x[5]^2 <= 1", "x[0]^2 + (x[1] - x[8])^2 <= 1",
        "(x[0] - x[4])^2 + (x[1] - x[5])^2 <= 1", "(x[0] - x[6])^2 + (x[1] - x[7])^2 <= 1",
        "(x[2] - x[4])^2 + (x[3] - x[5])^2 <= 1", "(x[2] - x[6])^2 + (x[3] - x[7])^2 <= 1", "x[6]^2 + (x[7] - x[8])^2 <= 1",
        "x[0]*x[3] - x[1]*x[2] >= 0", "x[2]*x[8] >= 0", "x[4]*x[8] <= 0", "x[4]*x[7] - x[5]*x[6] >= 0"),
    note="The largest hexagon of diameter 1. More constraints are active at the minimum than there are unknowns. "
         "There are several local minima, -0.6749814 among them.")
add("hs109", HS.format(109), "regular", 5362.06928, "3*x[0] + 1e-6*x[0]^3 + 2*x[1] + 0.522074e-6*x[1]^3",
    dict(x=var(0, [0, 0, -0.55, -0.55, 196, 196, 196, -400, -400], ["inf", "inf", 0.55, 0.55, 252, 252, 252, 800, 800], size=9)),
    con("-0.55 <= x[3] - x[2] <= 0.55", "x[0]^2 + x[7]^2 <= 2250000", "x[1]^2 + x[8]^2 <= 2250000",
        "x[4]*x[5]*sin(-x[2] - 0.25) + x[4]*x[6]*sin(-x[3] - 0.25) + 2*b*x[4]^2 - a*x[0] + 400*a == 0",
        "x[4]*x[5]*sin(x[2] - 0.25) + x[5]*x[6]*sin(x[2] - x[3] - 0.25) + 2*b*x[5]^2 - a*x[1] + 400*a == 0",
        "x[4]*x[6]*sin(x[3] - 0.25) + x[5]*x[6]*sin(x[3] - x[2] - 0.25) + 2*b*x[6]^2 + 881.779*a == 0",
        "a*x[7] + x[4]*x[5]*cos(-x[2] - 0.25) + x[4]*x[6]*cos(-x[3] - 0.25) - 200*a - 2*c*x[4]^2 + 0.7533e-3*a*x[4]^2 == 0",
        "a*x[8] + x[4]*x[5]*cos(x[2] - 0.25) + x[5]*x[6]*cos(x[2] - x[3] - 0.25) - 2*c*x[5]^2 + 0.7533e-3*a*x[5]^2 - 200*a == 0",
        "x[4]*x[6]*cos(x[3] - 0.25) + x[5]*x[6]*cos(x[3] - x[2] - 0.25) - 2*c*x[6]^2 - 22.938*a + 0.7533e-3*a*x[6]^2 == 0"),
    dict(a=50.176, b=math.sin(0.25), c=math.cos(0.25)), digits=9, note="The start violates bounds. Badly scaled.")
C111 = [-6.089, -17.164, -34.054, -5.914, -24.721, -14.986, -24.100, -10.708, -26.662, -22.179]
add("hs111", HS.format(111), "regular", -47.76109026, "dot(exp(x), c + x - log(sum(exp(x))))", dict(x=var(-2.3, -100, 100, size=10)),
    con("exp(x[0]) + 2*exp(x[1]) + 2*exp(x[2]) + exp(x[5]) + exp(x[9]) == 2", "exp(x[3]) + 2*exp(x[4]) + exp(x[5]) + exp(x[6]) == 1",
        "exp(x[2]) + exp(x[6]) + exp(x[7]) + 2*exp(x[8]) + exp(x[9]) == 1"), dict(c=C111), digits=9, note="A chemical equilibrium.")
add("hs112", HS.format(112), "regular", -47.76109086, "sum(x*(c + log(x/sum(x))))", dict(x=var(0.1, 1e-6, size=10)),
    con("x[0] + 2*x[1] + 2*x[2] + x[5] + x[9] == 2", "x[3] + 2*x[4] + x[5] + x[6] == 1", "x[2] + x[6] + x[7] + 2*x[8] + x[9] == 1"),
    dict(c=C111), digits=8, note="A chemical equilibrium.")
g5 = "1.12*x[0] + 0.13167*x[0]*x[7] - 0.00667*x[0]*x[7]^2"
g6 = "57.425 + 1.098*x[7] - 0.038*x[7]^2 + 0.325*x[5]"
add("hs114", HS.format(114), "regular", -1768.80696, "5.04*x[0] + 0.035*x[1] + 10*x[2] + 3.36*x[4] - 0.063*x[3]*x[6]",
    dict(x=var([1745, 12000, 110, 3048, 1974, 89.2, 92.8, 8, 3.6, 145], [0.00001] * 5 + [85, 90, 3, 1.2, 145],
               [2000, 16000, 120, 5000, 2000, 93, 95, 12, 4, 162])),
    con("35.82 - 0.222*x[9] - 0.9*x[8] >= 0", "-133 + 3*x[6] - 0.99*x[9] >= 0", "-35.82 + 0.222*x[9] + x[8]/0.9 >= 0",
        "133 - 3*x[6] + x[9]/0.99 >= 0", f"{g5} - 0.99*x[3] >= 0", f"{g6} - 0.99*x[6] >= 0",
        f"x[3]/0.99 - ({g5}) >= 0", f"x[6]/0.99 - ({g6}) >= 0", "1.22*x[3] - x[0] - x[4] == 0",
        "98000*x[2]/(x[3]*x[8] + 1000*x[2]) - x[5] == 0", "(x[1] + x[4])/x[0] - x[7] == 0"), digits=9,
    note="Alkylation. Badly scaled.")
add("hs116", HS.format(116), "regular", 97.5875, "x[10] + x[11] + x[12]",
    dict(x=var([0.5, 0.8, 0.9, 0.1, 0.14, 0.5, 489, 80, 650, 450, 150, 150, 150],
               [0.1, 0.1, 0.1, 0.0001, 0.1, 0.1, 0.1, 0.1, 500, 0.1, 1, 0.0001, 0.0001],
               [1, 1, 1, 0.1, 0.9, 0.9, 1000, 1000, 1000, 500, 150, 150, 150])),
    con("x[2] - x[1] >= 0", "x[1] - x[0] >= 0", "0.002*x[6] - 0.002*x[7] <= 1", "50 <= x[10] + x[11] + x[12] <= 250",
        "x[12] - 1.262626*x[9] + 1.231059*x[2]*x[9] >= 0", "x[4] - 0.03475*x[1] - 0.975*x[1]*x[4] + 0.00975*x[1]^2 >= 0",
        "x[5] - 0.03475*x[2] - 0.975*x[2]*x[5] + 0.00975*x[2]^2 >= 0", "x[4]*x[6] - x[0]*x[7] - x[3]*x[6] + x[3]*x[7] >= 0",
        "1 - 0.002*(x[1]*x[8] + x[4]*x[7] - x[0]*x[7] - x[5]*x[8]) - x[4] - x[5] >= 0",
        "x[1]*x[8] - x[2]*x[9] - x[5]*x[8] - 500*x[1] + 500*x[5] + x[1]*x[9] >= 0", "x[1] - 0.9 - 0.002*(x[1]*x[9] - x[2]*x[9]) >= 0",
        "x[3] - 0.03475*x[0] - 0.975*x[0]*x[3] + 0.00975*x[0]^2 >= 0", "x[10] - 1.262626*x[7] + 1.231059*x[0]*x[7] >= 0",
        "x[11] - 1.262626*x[8] + 1.231059*x[1]*x[8] >= 0"), digits=6, note="A membrane separation. The book prints 97.588409.")
add("hs118", HS.format(118), "regular", 664.82045,
    " + ".join(f"2.3*x[{3*k}] + 0.0001*x[{3*k}]^2 + 1.7*x[{3*k+1}] + 0.0001*x[{3*k+1}]^2 + 2.2*x[{3*k+2}] + 0.00015*x[{3*k+2}]^2"
               for k in range(5)),
    dict(x=var([20, 55, 15] + [20, 60, 20] * 4, [8, 43, 3] + [0] * 12, [21, 57, 16] + [90, 120, 60] * 4)),
    {**{f"{n}{k}": f"-7 <= x[{3*k+j}] - x[{3*k+j-3}] <= {u}" for k in range(1, 5) for n, j, u in (("a", 0, 6), ("b", 2, 6), ("c", 1, 7))},
     **{f"d{k}": f"x[{3*k}] + x[{3*k+1}] + x[{3*k+2}] >= {r}" for k, r in enumerate((60, 50, 70, 85, 100))}}, digits=8,
    note="A convex quadratic program.")
pairs = [(i, i) for i in range(1, 17)] + [(1, 4), (1, 7), (1, 8), (1, 16), (2, 3), (2, 7), (2, 10), (3, 7), (3, 9), (3, 10), (3, 14),
         (4, 7), (4, 11), (4, 15), (5, 6), (5, 10), (5, 12), (5, 16), (6, 8), (6, 15), (7, 11), (7, 13), (8, 10), (8, 15), (9, 12),
         (9, 16), (10, 14), (11, 13), (12, 14), (13, 14)]
A119 = [[0] * 16 for _ in range(16)]
for i, j in pairs:
    A119[i - 1][j - 1] = 1
B119 = list(map(list, zip([0.22, -1.46, 1.29, -1.10, 0, 0, 1.12, 0], [0.20, 0, -0.89, -1.06, 0, -1.72, 0, 0.45],
                          [0.19, -1.30, 0, 0.95, 0, -0.33, 0, 0.26], [0.25, 1.82, 0, -0.54, -1.43, 0, 0.31, -1.10],
                          [0.15, -1.15, -1.16, 0, 1.51, 1.62, 0, 0.58], [0.11, 0, -0.96, -1.78, 0.59, 1.24, 0, 0],
                          [0.12, 0.80, 0, -0.41, -0.33, 0.21, 1.12, -1.03], [0.13, 0, -0.49, 0, -0.43, -0.26, 0, 0.10],
                          [1, 0, 0, 0, 0, 0, -0.36, 0])))
B119 = [row + [1 if k == r else 0 for k in range(1, 8)] for r, row in enumerate(B119)]
add("hs119", HS.format(119), "regular", 244.899698, "(x^2 + x + 1) @ A @ (x^2 + x + 1)", dict(x=var(10, 0, 5, size=16)),
    dict(b="B @ x == c"), dict(A=A119, B=B119, c=[2.5, 1.1, -3.1, -3.5, 1.3, 2.1, 2.3, -1.5]), digits=9,
    note="Colville's problem 7. The start violates bounds.")
add("hatfldh", "OPTIMA manual, 1989", "regular", -24.4999998, "-x[0]*x[2] - x[1]*x[3]", dict(x=var([1, 5, 5, 1], 0, 5)),
    con("2.5 <= x[0] + x[1] <= 7.5", "2.5 <= x[0] + x[2] <= 7.5", "2.5 <= x[0] + x[3] <= 7.5", "2 <= x[1] + x[2] <= 7",
        "2 <= x[1] + x[3] <= 7", "1.5 <= x[2] + x[3] <= 6.5", "x[0] + x[1] + x[2] + x[3] >= 5"), digits=6)
himm = ("-({c} + y*({a}) + 0.2564581253*y^2 - 0.003460403*y^3 + 0.135139e-4*y^4 - 28.1064434908/(1 + y) + ({b})*y^2 + "
        "(0.7e-9*x^3 - 0.16638e-5*x)*y^3 + b20*exp(0.0005*x*y)) + 3.8112755343*x + 6.8306567613*y - 75.1963666677").format(
    c="0.1269366345*x^2 - 0.0020567665*x^3 + 0.10345e-4*x^4",
    a="0.0302344793*x - 0.0012813448*x^2 + 0.352599e-4*x^3 - 0.2266e-6*x^4",
    b="0.3405462e-3*x - 0.52375e-5*x^2 - 0.63e-8*x^3")
b20 = dict(b20=-2.86731123 - 0.92e-8)
add("himmelp1", "Himmelblau; Pshenichnyj, 1994, case 0", "unconstrained", -62.053869846, himm, dict(x=var(95, 0, 95), y=var(10, 0, 75)),
    parameters=b20, digits=10)
add("himmelp3", "Himmelblau; Pshenichnyj, 1994, case II", "regular", -59.01312394, himm, dict(x=var(31, 0, 75), y=var(48, 0, 65)),
    con("x*y >= 700", "0.008*x^2 - y <= 0"), b20, digits=10)
add("himmelp5", "Himmelblau; Pshenichnyj, 1994, case IV", "regular", -59.01312394, himm, dict(x=var(68.8, 54, 75), y=var(31.2, 0, 65)),
    con("x*y >= 700", "0.008*x^2 - y <= 0", "5*x + 100*y - y^2 <= 2775"), b20, digits=10)
add("himmelp6", "Himmelblau; Pshenichnyj, 1994, case V", "regular", -59.01312394, himm, dict(x=var(68.8, 0, 75), y=var(31.2, 0, 65)),
    con("x*y >= 700", "0.008*x^2 - y <= 0", "5*x + 100*y - y^2 <= 2775", "x - 1.5*y <= 22.5", "0.16*y - x <= 41.4"), b20, digits=10)

# ---------------------------------------------------------------------------------------------------------------------
# Infeasible problems.

add("burkehan", "Burke and Han, 1989", "infeasible", None, "x", dict(x=var(10, upper=0)), con("x^2 <= -1"),
    note="The start violates the bound.")
add("arglale", MGH.format(32) + ", as equations, with n = 4 and m = 6", "infeasible", None, "0", dict(x=var(1, size=4)),
    con(*[f"x[{i}] - 2/6*sum(x) == 1" for i in range(4)], *["-2/6*sum(x) == 1"] * 2), note="Linear equations that contradict each other.")
add("arglble", MGH.format(33) + ", as equations, with n = 4 and m = 6", "infeasible", None, "0", dict(x=var(1, size=4)),
    con(*[f"{i}*(x[0] + 2*x[1] + 3*x[2] + 4*x[3]) == 1" for i in range(1, 7)]),
    note="Linear equations of rank 1 that contradict each other.")
BARD_Y = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
BARD = dict(v=BARD_Y, a=list(range(1, 16)), b=[16 - i for i in range(1, 16)], c=[min(i, 16 - i) for i in range(1, 16)])
add("bardne", MGH.format(8) + ", as equations", "infeasible", None, "0", dict(x=var(1, size=3)),
    dict(f="x[0] + a/(b*x[1] + c*x[2]) == v"), BARD, note="The least sum of squared residuals is 8.2149e-3.")
KOW = dict(v=[0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246],
           t=[4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
add("kowosbne", MGH.format(15) + ", as equations", "infeasible", None, "0", dict(x=var([0.25, 0.39, 0.415, 0.39])),
    dict(f="x[0]*(t^2 + t*x[1])/(t^2 + t*x[2] + x[3]) == v"), KOW, note="The least sum of squared residuals is 3.0751e-4.")
add("browndene", MGH.format(16) + ", as equations", "infeasible", None, "0", dict(x=var([25, 5, -5, -1])),
    dict(f="(x[0] + t*x[1] - exp(t))^2 + (x[2] + sin(t)*x[3] - cos(t))^2 == 0"), dict(t=[i / 5 for i in range(1, 21)]),
    note="The least sum of squared residuals is 85822.2.")
add("isolated", "Byrd, Curtis and Nocedal, 2010", "infeasible", None, "x + y", dict(x="3", y="2"),
    con("x^2 - y + 1 <= 0", "x^2 + y + 1 <= 0", "-x + y^2 + 1 <= 0", "x + y^2 + 1 <= 0"),
    note="Not of CUTEst. The violation has a strict minimum at 0.")
add("unique", "Byrd, Curtis and Nocedal, 2010", "infeasible", None, "x + y", dict(x="3", y="2"),
    con("y - x^2 - 1 >= 0", "0.3*(1 - exp(y)) >= 0"), note="Not of CUTEst.")
add("clash", "two half-planes that do not meet", "infeasible", None, "x^2 + y^2", dict(x="0", y="0"),
    con("x + y <= 1", "x + y >= 2"), note="Not of CUTEst.")
add("clashbox", "a half-plane that misses a box", "infeasible", None, "x", dict(x=var(0.5, 0, 1), y=var(0.5, 0, 1)),
    con("x + y >= 3"), note="Not of CUTEst.")

# ---------------------------------------------------------------------------------------------------------------------
# Without constraints, or with bounds only.

add("allinitu", "Gould", "unconstrained", 5.744384, 
    "(x[2] - 1) + x[0]^2 + x[1]^2 + (x[2] + x[3])^2 + sin(x[2])^2 + x[0]^2*x[1]^2 + x[3] - 3 + sin(x[2])^2 + (x[3] - 1)^2 + x[1]^4 + "
    "(x[2]^2 + (x[3] + x[0])^2)^2 + (x[0] - 4 + sin(x[3])^2 + x[1]^2*x[2]^2)^2 + sin(x[3])^4", dict(x=var(0, size=4)), digits=6)
add("bard", MGH.format(8), "unconstrained", 8.2149e-3, "sum((v - x[0] - a/(b*x[1] + c*x[2]))^2)", dict(x=var(1, size=3)),
    parameters=BARD, digits=5)
add("box3", MGH.format(12), "unconstrained", 0.0, "sum((exp(-t*x[0]) - exp(-t*x[1]) - x[2]*(exp(-t) - exp(-10*t)))^2)",
    dict(x=var([0, 10, 1])), parameters=dict(t=[i / 10 for i in range(1, 11)]))
add("brownbs", MGH.format(4), "unconstrained", 0.0, "(x - 1000000)^2 + (y - 0.000002)^2 + (x*y - 2)^2", dict(x="1", y="1"),
    note="Badly scaled.")
add("brownden", MGH.format(16), "unconstrained", 85822.2, "sum(((x[0] + t*x[1] - exp(t))^2 + (x[2] + sin(t)*x[3] - cos(t))^2)^2)",
    dict(x=var([25, 5, -5, -1])), parameters=dict(t=[i / 5 for i in range(1, 21)]), digits=6)
add("cliff", BUCKLEY.format(206), "unconstrained", 0.199786613, "(0.01*x - 0.03)^2 - x + y + exp(20*(x - y))", dict(x="0", y="-1"),
    note="The value at the start is 4.9e8.")
add("cube", BUCKLEY.format(5), "unconstrained", 0.0, "(x - 1)^2 + 100*(y - x^3)^2", dict(x="-1.2", y="1"))
add("denschna", "Dennis and Schnabel, 1983, p. 206", "unconstrained", 0.0, "x^4 + (x + y)^2 + (exp(y) - 1)^2", dict(x="1", y="1"))
add("denschnb", "Dennis and Schnabel, 1983, p. 201", "unconstrained", 0.0, "(x - 2)^2 + ((x - 2)*y)^2 + (y + 1)^2", dict(x="1", y="1"))
add("denschnc", "Dennis and Schnabel, 1983, p. 98", "unconstrained", 0.0, "(x^2 + y^2 - 2)^2 + (exp(x - 1) + y^3 - 2)^2",
    dict(x="2", y="3"), note="There is a second local minimum, 0.1833617.")
add("denschnd", "Dennis and Schnabel, 1983, p. 83", "unconstrained", 0.0,
    "(x^2 + y^3 - z^4)^2 + (2*x*y*z)^2 + (2*x*y - 3*y*z + x*z)^2", dict(x="10", y="10", z="10"),
    merge=1e-3, note="The Hessian is singular at the minimum.")
add("denschne", "Dennis and Schnabel, 1983, p. 107", "unconstrained", 0.0, "x^2 + (y + y^2)^2 + (exp(z) - 1)^2", dict(x="2", y="3", z="-8"), drop=(1.0,),
    note="The function is almost flat at the start, and approaches the value 1 for z to -infinity.")
add("denschnf", "Dennis and Schnabel, 1983, p. 107", "unconstrained", 0.0,
    "(2*(x + y)^2 + (x - y)^2 - 8)^2 + (5*x^2 + (y - 3)^2 - 9)^2", dict(x="2", y="0"))
add("engval2", BUCKLEY.format(15), "unconstrained", 0.0,
    "(x^2 + y^2 + z^2 - 1)^2 + (x^2 + y^2 + (z - 2)^2 - 1)^2 + (x + y + z - 1)^2 + (x + y - z + 1)^2 + "
    "(3*y^2 + x^3 + (5*z - x + 1)^2 - 36)^2", dict(x="1", y="2", z="0"))
add("expfit", "Conn, Gould and Toint, 1992", "unconstrained", 0.2405106, "sum((a*exp(b*t) - t)^2)", dict(a="0", b="0"),
    parameters=dict(t=[i / 4 for i in range(1, 11)]), digits=7)
add("hairy", "Toint", "unconstrained", 20.0, "30*sin(7*x)^2*cos(7*y)^2 + 100*sqrt(0.01 + (x - y)^2) + 100*sqrt(0.01 + x^2)",
    dict(x="-5", y="-7"), note="There are many local minima.")
add("loghairy", "Toint", "unconstrained", 0.1823216,
    "log((100 + 30*sin(7*x)^2*cos(7*y)^2 + 100*sqrt(0.01 + (x - y)^2) + 100*sqrt(0.01 + x^2))/100)", dict(x="-500", y="-700"), digits=6,
    note="There are many local minima.")
add("hatflda", "OPTIMA manual, 1989", "unconstrained", 0.0,
    "(x[0] - 1)^2 + (x[0] - sqrt(x[1]))^2 + (x[1] - sqrt(x[2]))^2 + (x[2] - sqrt(x[3]))^2", dict(x=var(0.1, 1e-7, size=4)))
add("hatfldb", "OPTIMA manual, 1989", "unconstrained", 5.57281e-3,
    "(x[0] - 1)^2 + (x[0] - sqrt(x[1]))^2 + (x[1] - sqrt(x[2]))^2 + (x[2] - sqrt(x[3]))^2",
    dict(x=var(0.1, 1e-7, ["inf", 0.8, "inf", "inf"], size=4)), digits=6)
add("himmelbb", "Himmelblau, 1972, problem 27", "unconstrained", 0.0, "(x*y*(1 - x)*(1 - y - x*(1 - x)^5))^2", dict(x="-1.2", y="1"),
    note="The minima are on curves.")
add("himmelbf", "Himmelblau, 1972, problem 32", "unconstrained", 318.572,
    "10000*sum(((x[0]^2 + a*x[1]^2 + a^2*x[2]^2)/(b*(1 + a*x[3]^2)) - 1)^2)", dict(x=var([2.7, 90, 1500, 10])),
    parameters=dict(a=[0, 0.000428, 0.001, 0.00161, 0.00209, 0.00348, 0.00525], b=[7.391, 11.18, 16.44, 16.2, 22.2, 24.02, 31.32]), digits=6)
add("himmelbg", "Himmelblau, 1972, problem 33", "unconstrained", 0.0, "exp(-x - y)*(2*x^2 + 3*y^2)", dict(x="0.5", y="0.5"))
add("himmelbh", "Himmelblau, 1972, problem 35", "unconstrained", -1.0, "x^3 - 3*x - 2*y + y^2 + 2", dict(x="0", y="2"))
add("hilberta", "Schittkowski, 1987, problem 274, with n = 10", "unconstrained", 0.0, "0.5*(x @ H @ x)", dict(x=var(-3, size=10)),
    parameters=dict(H=[[1 / (i + j + 1) for j in range(10)] for i in range(10)]), note="The condition of the Hessian is 1.6e13.")
add("jensmp", MGH.format(6), "unconstrained", 124.362, "sum((2 + 2*k - exp(k*x) - exp(k*y))^2)", dict(x="0.3", y="0.4"),
    parameters=dict(k=list(range(1, 11))), digits=6, drop=(2020.0,))
add("kowosb", MGH.format(15), "unconstrained", 3.07505e-4, "sum((v - x[0]*(t^2 + t*x[1])/(t^2 + t*x[2] + x[3]))^2)",
    dict(x=var([0.25, 0.39, 0.415, 0.39])), parameters=KOW, digits=6, note="A second value, 1.02734e-3, is approached at infinity. CUTEst has 0.0624 in place of 0.0625.")
add("meyer3", MGH.format(10), "unconstrained", 87.9458, "sum((x[0]*exp(x[1]/(t + x[2])) - v)^2)", dict(x=var([0.02, 4000, 250])),
    parameters=dict(t=[45 + 5 * i for i in range(1, 17)], v=[34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147,
                                                          4427, 3820, 3307, 2872]), digits=6, known=(87.9458551707,), drop=(3890764350.0,), note="Badly scaled.")
add("osbornea", MGH.format(17), "unconstrained", 5.46489e-5, "sum((v - x[0] - x[1]*exp(-t*x[3]) - x[2]*exp(-t*x[4]))^2)",
    dict(x=var([0.5, 1.5, -1, 0.01, 0.02])),
    parameters=dict(t=[10 * i for i in range(33)],
                    v=[0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603,
                       0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411,
                       0.406]), digits=6)
add("sisser2", "Sisser, 1981", "unconstrained", 0.0, "3*x^4 - 2*(x*y)^2 + 3*y^4", dict(x="1", y="0.1"),
    note="The Hessian is 0 at the minimum. CUTEst has 1/0.3333333 in place of 3.")
add("snail", "Engels", "unconstrained", 0.0,
    "(x^2 + y^2)/(1 + x^2 + y^2)*(1 + 1.5*sqrt(x^2 + y^2) - 0.5*sqrt(x^2 + y^2)*cos(sqrt(x^2 + y^2) - atan2(y, x)))",
    dict(x="10", y="10"), note="The valley is a spiral. The angle is not defined at the minimum.")
add("brkmcc", BUCKLEY.format(85), "unconstrained", 0.16904, "(x - 2)^2 + (y - 1)^2 + 0.04/(1 - 0.25*x^2 - y^2) + 5*(x - 2*y + 1)^2",
    dict(x="2", y="2"), digits=5)
add("camel6", "Dixon and Szego, 1978", "unconstrained", -1.031628, "4*x^2 - 2.1*x^4 + x^6/3 + x*y - 4*y^2 + 4*y^4",
    dict(x=var(1.1, -3, 3), y=var(1.1, -1.5, 1.5)), digits=7, note="There are six local minima.")
add("pspdoc", "PSPMIN manual", "unconstrained", 2.414213562,
    "sqrt(1 + x[0]^2 + (x[1] - x[2])^2) + sqrt(1 + x[1]^2 + (x[2] - x[3])^2)", dict(x=var(3, upper=[-1, "inf", "inf", "inf"], size=4)),
    note="The start violates the bound.")
add("maratosb", "Brown and Bartholomew-Biggs, 1987", "unconstrained", -1.0, "x + 1000000*(x^2 + y^2 - 1)^2", dict(x="1.1", y="0.1"), digits=6,
    note="A curved valley.")
add("freuroth", MGH.format(2), "unconstrained", 48.98425, "(x + y*((5 - y)*y - 2) - 13)^2 + (x + y*((y + 1)*y - 14) - 29)^2",
    dict(x="0.5", y="-2"), digits=6, note="The global minimum is 0, at (5, 4).")
add("biggs6", MGH.format(18), "unconstrained", 0.0,
    "sum((x[2]*exp(-t*x[0]) - x[3]*exp(-t*x[1]) + x[5]*exp(-t*x[4]) - v)^2)", dict(x=var([1, 2, 1, 1, 1, 1])),
    parameters=dict(t=[i / 10 for i in range(1, 14)],
                    v=[math.exp(-i / 10) - 5 * math.exp(-i) + 3 * math.exp(-4 * i / 10) for i in range(1, 14)]), 
    note="A saddle with the value 5.65565e-3 is often taken for a minimum.")
add("hart6", "Hartmann; Dixon and Szego, 1978", "unconstrained", -3.32237,
    " - ".join([""] + [f"{c}*exp(-dot(a{i}, (x - p{i})^2))" for i, c in enumerate((1, 1.2, 3, 3.2))]).strip().replace("- 1*", "-", 1),
    dict(x=var(0.2, 0, 1, size=6)),
    parameters=dict(a0=[10, 3, 17, 3.5, 1.7, 8], a1=[0.05, 10, 17, 0.1, 8, 14],
                    a2=[3, 3.5, 1.7, 10, 17, 8], a3=[17, 8, 0.05, 10, 0.1, 14],
                    p0=[0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], p1=[0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
                    p2=[0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650], p3=[0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]),
    digits=6, note="There is a second local minimum, -3.2031620. One number of CUTEst is different, and its minimum is -3.32288689.")

if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    for name, problem in PROBLEMS.items():
        with open(os.path.join(OUT, f"{name}.toml"), "w") as file:
            file.write(problem["text"])
    kinds = [problem["kind"] for problem in PROBLEMS.values()]
    print(len(kinds), {kind: kinds.count(kind) for kind in sorted(set(kinds))})
