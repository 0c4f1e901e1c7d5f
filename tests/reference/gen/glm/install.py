"""Copies glm.json and data/*.csv to tests/reference, as small as the tests need them."""
import json
import pathlib
import shutil

HERE = pathlib.Path(__file__).resolve().parent
TO = HERE.parent.parent
(TO / "glm").mkdir(exist_ok=True)
for path in [*(HERE / "data").glob("*.csv"), HERE / "data" / "sources.json"]:
    shutil.copy(path, TO / "glm" / path.name)
reference = json.loads((HERE / "glm.json").read_text())
for fits in reference["fits"].values():
    for fit in fits:
        fit.pop("check_statsmodels", None)
        fit["csv"] = pathlib.Path(fit["csv"]).name
for row in reference["nist_linear"].values():
    row["csv"] = pathlib.Path(row["csv"]).name
    row.pop("exact_text", None)
small = {name: reference[name] for name in ("version", "fits", "nist_linear")}
(TO / "glm.json").write_text(json.dumps(small, separators=(",", ":"), ensure_ascii=False))
