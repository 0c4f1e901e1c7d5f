"""Small tables in the formats of NumPy, Arrow and LIBSVM, and their values as JSON.

    python tests/reference/gen/make_tables.py crates/kiln-data/tests/data

It needs numpy, pandas, pyarrow, scipy and scikit-learn. `tables.json` has, for each file, the name, the kind and the values of each
column: numbers, texts, or null for a missing value. Dates are days since 1970-01-01. `sparse.json` has the matrices.
"""

import datetime
import decimal
import json
import math
import pathlib
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import scipy.sparse
import sklearn.datasets

folder = pathlib.Path(sys.argv[1])
expected = {}
n = 40
i = np.arange(n)


def kind_of(values):
    present = [v for v in values if v is not None]
    if any(isinstance(v, bool) for v in present):
        return "boolean"
    return "categorical" if any(isinstance(v, str) for v in present) else "numeric"


def plain(value):
    """A value as JSON writes it: null for a missing one, days for a time."""
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else float(value.astype("M8[ns]").astype(np.int64) / 1e9 / 86400)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, datetime.datetime):
        return (value.replace(tzinfo=None) - datetime.datetime(1970, 1, 1)) / datetime.timedelta(days=1)
    if isinstance(value, datetime.date):
        return float((value - datetime.date(1970, 1, 1)).days)
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, str):
        return value or None
    return None if isinstance(value, float) and math.isnan(value) else value


def expect(file, columns, kinds=None):
    described = []
    for name, values in columns.items():
        values = [plain(v) for v in values]
        described.append({"name": name, "kind": (kinds or {}).get(name) or kind_of(values), "values": values})
    expected[file] = described


# NumPy: every type, in both byte orders.
rng = np.random.default_rng(1)
for code in ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]:
    for order in "<>":
        whole = rng.integers(0, 2**63, n, dtype=np.uint64) * 2 + 1
        if code == "b1":
            values = (i % 3 == 1).astype("b1")
        elif code[0] == "f":
            values = (rng.normal(size=n) * 100).astype(order + code)
            values[5] = np.nan
        else:
            values = whole.astype("u" + code[1]).view(code).astype(order + code)
        name = f"array-{'le' if order == '<' else 'be'}-{code}.npy"
        np.save(folder / name, values)
        expect(name, {"x0": values})
matrix = rng.normal(size=(n, 3))
for name, values in {
    "matrix-c.npy": matrix,
    "matrix-fortran.npy": np.asfortranarray(matrix),
    "matrix-fortran-be.npy": np.asfortranarray(matrix.astype(">f4")),
}.items():
    np.save(folder / name, values)
    expect(name, {f"x{j}": values[:, j] for j in range(3)})
texts = np.array([["red", "grün", "", "blau 😀"][k % 4] for k in i])
np.save(folder / "texts-be.npy", texts.astype(texts.dtype.newbyteorder(">")))
expect("texts-be.npy", {"x0": texts})
days = np.array([np.datetime64("2020-01-01") + int(k) for k in i])
days[3] = np.datetime64("NaT")
record = np.zeros(n, dtype=np.dtype([("size", "<f8"), ("count", ">i2"), ("name", "U9"), ("code", "S4"), ("ok", "?"), ("day", "M8[D]"),
                                     ("at", "M8[ns]"), ("pair", "<f4", (2,)), ("in", [("a", "u1")])], align=True))
record["size"], record["count"], record["name"], record["ok"], record["day"] = i / 7, -i, texts, i % 2 == 0, days
record["code"], record["at"], record["pair"] = [f"c{k % 5}" for k in i], days.astype("M8[ns]") + np.timedelta64(6, "h"), matrix[:, :2]
record["in"]["a"] = i % 250
np.save(folder / "records.npy", record)
columns = {name: record[name] for name in ["size", "count", "name", "code", "ok", "day", "at"]}
columns |= {"pair0": record["pair"][:, 0], "pair1": record["pair"][:, 1], "in.a": record["in"]["a"]}
expect("records.npy", columns, {"day": "date", "at": "date"})
parts = {"x": matrix.astype("f4"), "y": i % 2, "group": texts}
for name, save in {"arrays.npz": np.savez, "arrays-packed.npz": np.savez_compressed}.items():
    save(folder / name, **parts)
    expect(name, {"x0": parts["x"][:, 0], "x1": parts["x"][:, 1], "x2": parts["x"][:, 2], "y": parts["y"], "group": texts})
# Files that are refused.
np.save(folder / "refused-objects.npy", np.array([1, "a", None], dtype=object))
np.savez(folder / "refused-objects.npz", x=i, y=np.array([{}, []], dtype=object))
np.savez(folder / "refused-rows.npz", x=i, y=i[1:])
np.savez(folder / "refused-scalar.npz", x=i, seed=3)
np.save(folder / "refused-complex.npy", np.array([1j, 2]))
np.save(folder / "refused-cube.npy", np.zeros((2, 3, 4)))
scipy.sparse.save_npz(folder / "refused-sparse.npz", scipy.sparse.eye(3).tocsr())

# Arrow.
some = lambda k, every: k % every == 3
table = pa.table(
    {
        **{
            f"int{bits}": pa.array([None if some(k, 9) else int(k) * 3 - 40 for k in i], getattr(pa, f"int{bits}")())
            for bits in (8, 16, 32)
        },
        "int64": pa.array([None if some(k, 7) else int(k) * 10**15 - 1 for k in i], pa.int64()),
        **{f"uint{bits}": pa.array((2**bits - 1 - i.astype(object)).tolist(), getattr(pa, f"uint{bits}")()) for bits in (8, 16, 32, 64)},
        "half": pa.array((i / 8).astype("f2"), pa.float16()),
        "float": pa.array(rng.normal(size=n).astype("f4"), pa.float32()),
        "double": pa.array([None if some(k, 11) else float(v) for k, v in zip(i, rng.normal(size=n))], pa.float64()),
        "decimal": pa.array([None if some(k, 8) else decimal.Decimal(int(k) * 25 - 300) / 100 for k in i], pa.decimal128(10, 2)),
        "truth": pa.array([None if some(k, 6) else bool(k % 2) for k in i], pa.bool_()),
        "text": pa.array([None if some(k, 13) else f"level {k % 4}é" for k in i], pa.string()),
        "large": pa.array([f"l{k % 4}" for k in i], pa.large_string()),
        "view": pa.array([None if some(k, 10) else f"a text that is longer than twelve bytes {k % 4}" for k in i], pa.string_view()),
        "day": pa.array([datetime.date(2020, 1, 1) + datetime.timedelta(days=int(k)) for k in i], pa.date32()),
        "day64": pa.array([datetime.date(1950, 1, 1) + datetime.timedelta(days=int(k)) for k in i], pa.date64()),
        **{
            f"time-{unit}": pa.array([None if some(k, 12) else int(k) * 43_200 * per for k in i], pa.timestamp(unit, tz=zone))
            for unit, per, zone in [("s", 1, None), ("ms", 10**3, "UTC"), ("us", 10**6, None), ("ns", 10**9, "Europe/Oslo")]
        },
        "list": pa.array([[int(k), 1] for k in i], pa.list_(pa.int64())),
        "struct": pa.array([{"a": int(k)} for k in i]),
        "nothing": pa.nulls(n),
    }
)
categories = pa.DictionaryArray.from_arrays(pa.array([None if some(k, 5) else int(k) % 3 for k in i], pa.int8()), ["low", "mid", "high", "unused"])
numbers = pa.DictionaryArray.from_arrays(pa.array([int(k) % 3 for k in i], pa.uint32()), pa.array([30, 20, 10], pa.int64()))
table = table.append_column("category", categories).append_column("number category", numbers)
left_out = ["list", "struct", "nothing"]
kinds = {name: "date" for name in table.column_names if name.startswith(("day", "time"))}


def expect_arrow(file, table):
    columns = {}
    for name in table.column_names:
        values = table[name]
        if pa.types.is_timestamp(values.type):
            per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[values.type.unit]
            columns[name] = [None if v is None else v / per / 86400 for v in values.cast(pa.int64()).to_pylist()]
        elif pa.types.is_dictionary(values.type):
            columns[name] = [None if v is None else str(v) for v in values.to_pylist()]
        else:
            columns[name] = values.to_pylist()
    expect(file, {name: values for name, values in columns.items() if name not in left_out}, kinds)


for compression in ["uncompressed", "lz4", "zstd"]:
    name = f"types-{compression}.feather"
    pa.feather.write_feather(table, folder / name, compression=compression, chunksize=15)
    expect_arrow(name, table)
with pa.ipc.new_stream(folder / "types.arrows", table.schema) as stream:
    stream.write_table(table, max_chunksize=15)
expect_arrow("types.arrows", table)
# A dictionary that grows, and one that is replaced.
schema = pa.schema({"c": pa.dictionary(pa.int8(), pa.string())})
batches = [["b", "a"], ["b", "a", "c"], ["b", "a", "c", "d"]]
batches = [pa.record_batch([pa.DictionaryArray.from_arrays(pa.array(range(len(b)), pa.int8()), b)], schema=schema) for b in batches]
for name, deltas in {"delta.arrows": True, "replaced.arrows": False}.items():
    with pa.ipc.new_stream(folder / name, schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)) as stream:
        for batch in batches:
            stream.write_batch(batch)
    expect_arrow(name, pa.Table.from_batches(batches))
frame = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]}, index=pd.Index(["r1", "r2"]))
with pa.ipc.new_file(folder / "index.arrow", pa.Table.from_pandas(frame).schema) as file:
    file.write_table(pa.Table.from_pandas(frame))
pa.feather.write_feather(table.select(["int32"]), folder / "refused-version1.feather", version=1)

(folder / "tables.json").write_text(json.dumps(expected, ensure_ascii=False))

# LIBSVM. `zero` tells the first index.
sparse = {}
matrix = scipy.sparse.random(60, 25, density=0.15, random_state=2, format="csr") * 100
matrix = scipy.sparse.csr_matrix(matrix)
matrix[7] = 0
matrix.eliminate_zeros()
for name, labels, options in [
    ("classes-one.svm", np.where(np.arange(60) % 3 == 0, 1, -1), {"zero_based": False}),
    ("classes-zero.svm", np.arange(60) % 4, {"zero_based": True}),
    ("ranking.svm", np.arange(60) / 7, {"zero_based": False, "query_id": np.arange(60) // 5, "comment": "A comment\nof two lines"}),
]:
    sklearn.datasets.dump_svmlight_file(matrix, labels, str(folder / name), **options)
    found, target, query = sklearn.datasets.load_svmlight_file(str(folder / name), query_id=True, zero_based="auto")
    found.sort_indices()
    sparse[name] = {
        "features": found.shape[1],
        "indptr": found.indptr.tolist(),
        "indices": found.indices.tolist(),
        "values": found.data.tolist(),
        "targets": target.tolist(),
        "queries": query.tolist(),
    }
(folder / "sparse.json").write_text(json.dumps(sparse))
