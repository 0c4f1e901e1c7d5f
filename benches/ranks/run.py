"""Times Kiln on two ranks of one thread beside one process of two threads, and beside torch.distributed, whole commands in turns.

    python benches/ranks/run.py --kiln target/release/kiln --folder /tmp/ranks --rounds 5 [CASE …]

Kiln is built with `--features mpi`, and `mpirun` is Open MPI's. It needs numpy, pyarrow and, for the case `torch`, torch. `KILN_DATA_DIR` has MNIST.
The data are made in the folder once (0.8 GB, and 4 GB for the case `large`). The table has medians: the time of a command, the largest memory of
a rank, and the seconds in communication that `result.json` states.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

PEER = Path(__file__).with_name("peer.py")
VAE = "train vae --data mnist --batch-size 512 --epochs 2 --quiet"
GLM = "train glm --family binomial --target y --quiet"
# case: the command, and the commands of a peer with two processes
CASES = {
    "vae": (VAE, []),
    "logistic": (f"{GLM} --data logistic.parquet", []),
    "stream": (f"{GLM} --data logistic.parquet --stream", []),
    "torch": (f"{GLM} --data logistic.parquet", ["newton", "lbfgs"]),
    "large": (f"{GLM} --data large.parquet --stream", []),
}
ROWS = {"logistic": 1_000_000, "large": 5_000_000}


def make(path):
    """Makes rows of 100 features and two classes."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, block = np.random.default_rng(1), 100_000
    b = rng.normal(size=100) / 10
    writer = None
    for _ in range(0, ROWS[path.stem], block):
        x = rng.normal(size=(block, 100))
        y = (rng.random(block) < 1 / (1 + np.exp(-(x @ b + 0.3)))).astype(np.int64)
        table = pa.table({**{f"x{j}": x[:, j] for j in range(100)}, "y": y})
        writer = writer or pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=False)
        writer.write_table(table)
    writer.close()


def wrapped(file, command):
    """Runs a command, and writes its largest memory in MiB."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    rank = os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("RANK", "0"))
    Path(f"{file}.{rank}").write_text(str(usage.ru_maxrss / 1024))
    sys.exit(os.waitstatus_to_exitcode(status))


def measured(command, ranks, threads, folder):
    """Returns the seconds of a command on some ranks, and the largest memory of one of them."""
    memory = folder / "memory"
    for old in folder.glob("memory.*"):
        old.unlink()
    command = [sys.executable, __file__, "--wrap", str(memory), "--", *command]
    if ranks > 1:
        mpirun = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]
        command = mpirun + command
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: {done.stderr}")
    return seconds, max(float(file.read_text()) for file in folder.glob("memory.*")), done.stdout


def kiln(options, line, ranks, threads):
    run = options.folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    command = [str(Path(options.kiln).resolve()), *line.split(), "--out", "run"]
    seconds, memory, _ = measured(command, ranks, threads, options.folder)
    result = json.loads((run / "result.json").read_text())
    shared = result.get("ranks", {}).get("communication", {}).get("wall_s", 0.0)
    return {"seconds": seconds, "memory": memory, "fit": result["wall_s"], "communication": shared}


def torch(options, method):
    command = [sys.executable, str(PEER), method, "logistic.parquet"]
    seconds, memory, output = measured(command, 2, 1, options.folder)
    fit = json.loads(output.strip().splitlines()[-1])["fit"]
    return {"seconds": seconds, "memory": memory, "fit": fit, "communication": 0.0}


def main():
    if "--wrap" in sys.argv[1:2]:
        wrapped(sys.argv[2], sys.argv[4:])
    parser = argparse.ArgumentParser()
    parser.add_argument("--kiln", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print("| case | program | command, s | fit, s | communication, s | memory of a rank, MiB |\n|---|---|---|---|---|---|")
    for case in options.cases:
        line, peers = CASES[case]
        for stem in ROWS:
            path = options.folder / f"{stem}.parquet"
            if path.name in line and not path.exists():
                make(path)
        programs = {"kiln, 2 ranks × 1 thread": lambda: kiln(options, line, 2, 1)}
        if not peers:
            programs = {"kiln, 1 rank × 2 threads": lambda: kiln(options, line, 1, 2), **programs}
        for peer in peers:
            programs[f"torch.distributed (gloo), {peer}, 2 processes × 1 thread"] = lambda peer=peer: torch(options, peer)
        rounds = {name: [] for name in programs}
        for _ in range(options.rounds):
            for name, program in programs.items():
                rounds[name].append(program())
        for name, found in rounds.items():
            of = lambda key: statistics.median(one[key] for one in found)  # noqa: E731
            print(
                f"| {case} | {name} | {of('seconds'):.2f} | {of('fit'):.2f} | {of('communication'):.2f} |"
                f" {of('memory'):.0f} |",
                flush=True,
            )


main()
