"""Small Parquet files with columns of every kind that Kiln reads, and the same table as CSV.

    python tests/reference/gen/make_parquet.py crates/kiln-data/tests/data

It needs pandas and pyarrow.
"""

import datetime
import decimal
import pathlib
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

folder = pathlib.Path(sys.argv[1])
n = 50
i = np.arange(n)
day = [datetime.date(2020, 1, 1) + datetime.timedelta(days=int(k)) for k in i]
table = pa.table(
    {
        "int32": pa.array(i * 3 - 40, pa.int32()),
        "int64": pa.array([None if k % 7 == 3 else int(k) * 10**12 for k in i], pa.int64()),
        "uint8": pa.array(i % 250, pa.uint8()),
        "float": pa.array(i / 8, pa.float32()),
        "double": pa.array([None if k % 11 == 5 else k / 7 for k in i], pa.float64()),
        "decimal": pa.array([decimal.Decimal(int(k) * 25 - 300) / 100 for k in i], pa.decimal128(10, 2)),
        "text": pa.array([None if k % 13 == 6 else f"level {k % 4}é" for k in i], pa.string()),
        "category": pa.array([["low", "mid", "high"][k % 3] for k in i]).dictionary_encode(),
        "truth": pa.array([None if k == 9 else bool(k % 2) for k in i], pa.bool_()),
        "day": pa.array(day, pa.date32()),
        "time": pa.array([int(k) * 43_200_000 for k in i], pa.timestamp("ms")),
        "list": pa.array([[int(k), 1] for k in i], pa.list_(pa.int64())),
        "y": pa.array([["no", "yes"][k * 7 % 11 % 2] for k in i], pa.string()),
    }
)
for name, options in {
    "snappy": {"compression": "snappy"},
    "zstd": {"compression": "zstd", "row_group_size": 20, "data_page_version": "2.0"},
    "gzip": {"compression": "gzip", "use_dictionary": False},
    "int96": {"compression": "none", "use_deprecated_int96_timestamps": True},
}.items():
    pq.write_table(table, folder / f"types-{name}.parquet", **options)

frame = table.drop_columns(["list"]).to_pandas()
frame["truth"] = frame["truth"].map({True: "true", False: "false"})
frame["time"] = frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%S")
frame["int64"] = frame["int64"].map(lambda v: "" if pd.isna(v) else str(int(v)))
frame.to_csv(folder / "types.csv", index=False)
# pandas writes an index that is no range as a column of its own.
pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]}, index=["r1", "r2"]).to_parquet(folder / "index.parquet")
