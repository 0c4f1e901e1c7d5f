"""Maximum likelihood fits with their standard errors, by statsmodels in float64.

Run: python make_inference.py OUT_DIR    Needs: pip install statsmodels
Spector and Mazzeo's data are those of Greene's logit example; anes96 are a subset of the American National Election Study of 1996.
"""
import json
import sys
from pathlib import Path

import numpy as np
import statsmodels
import statsmodels.api as sm

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)


def fit(model, name, rows, targets, classes, names):
    plain = model.fit(disp=0, method="newton", tol=1e-14, maxiter=100)
    robust = model.fit(disp=0, method="newton", tol=1e-14, maxiter=100, cov_type="HC0")
    # Columns are parameters, for more than two classes one column a class.
    flat = lambda x: np.asarray(x).ravel(order="F").tolist()
    return dict(
        data=name, names=names, classes=classes, x=np.asarray(rows).tolist(), y=[int(t) for t in targets],
        coef=flat(plain.params), std_err=flat(plain.bse), z=flat(plain.tvalues), p=flat(plain.pvalues),
        conf_int_95=np.asarray(plain.conf_int()).reshape(-1, 2).tolist(), robust_std_err=flat(robust.bse),
        log_likelihood=float(plain.llf), null_log_likelihood=float(plain.llnull), pseudo_r2=float(plain.prsquared),
        aic=float(plain.aic), bic=float(plain.bic), lr=float(plain.llr), lr_p=float(plain.llr_pvalue),
        df_model=float(plain.df_model), df_residual=float(plain.df_resid),
    )


spector = sm.datasets.spector.load_pandas()
x = spector.exog.to_numpy()
y = spector.endog.to_numpy()
ones = np.ones((len(x), 1))
rows = [fit(sm.Logit(y, np.hstack([x, ones])), "spector", x, y, 2, list(spector.exog.columns))]
# Each of the first 8 rows counted three times.
count = np.where(np.arange(len(x)) < 8, 3, 1)
rx, ry = np.repeat(x, count, axis=0), np.repeat(y, count)
repeated = fit(sm.Logit(ry, np.hstack([rx, np.ones((len(rx), 1))])), "spector, repeated", x, y, 2, list(spector.exog.columns))
rows.append(dict(repeated, weights=count.tolist()))
anes = sm.datasets.anes96.load_pandas()
x = anes.exog[["logpopul", "selfLR", "age", "educ", "income"]].to_numpy().round(6)
y = anes.endog.to_numpy().astype(int)
# Three parties: 0-2, 3, 4-6.
y = np.where(y < 3, 0, np.where(y == 3, 1, 2))
rows.append(fit(sm.MNLogit(y, np.hstack([x, np.ones((len(x), 1))])), "anes96", x, y, 3, ["logpopul", "selfLR", "age", "educ", "income"]))
(OUT / "inference.json").write_text(json.dumps(dict(statsmodels=statsmodels.__version__, rows=rows), separators=(",", ":")))
for row in rows:
    print(row["data"], row["coef"], row["std_err"], row["log_likelihood"], row["lr_p"])
