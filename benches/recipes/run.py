"""Compares the default settings of `kiln train vae` with a grid of learning rates and minibatch sizes, at equal numbers of epochs.

    python benches/recipes/run.py --kiln target/release/kiln --folder /tmp/recipes [--epochs 10,40,200] [SET …]

A set is a number of images and a kind: `150-digits`. It needs numpy, and `KILN_DATA_DIR` has MNIST. Runs have one thread each and go side by
side. Their results are kept in FOLDER/results.jsonl, and a run that is there is not repeated. The table has, for each set, likelihood and
number of epochs, the test ELBO of the default, the best of the grid after as many epochs, and how much the default is below it. The last column is
stricter: the best of the grid at any epoch up to then.

The grid's learning rates are constant, so that one run of the most epochs has the shorter ones in it.
"""

import argparse
import concurrent.futures
import gzip
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

LRS = ["1e-4", "3e-4", "1e-3", "3e-3", "1e-2"]
BATCHES = [8, 32, 128]
# name: height, width, channels, and training images
SETS = {
    "10-digits": (28, 28, 1, 10),
    "150-digits": (28, 28, 1, 150),
    "1437-digits": (16, 16, 1, 1437),
    "10000-digits": (28, 28, 1, 10_000),
    "60000-digits": (28, 28, 1, 60_000),
    "150-shapes": (32, 32, 3, 150),
    "1437-shapes": (64, 64, 3, 1437),
    "10000-shapes": (32, 32, 3, 10_000),
}
TEST = 300


def idx(path):
    import numpy as np

    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28)


def digits(split, n, side):
    import numpy as np

    folder = Path(os.environ["KILN_DATA_DIR"])
    names = [f"{split}-images-idx3-ubyte", f"{split}-images-idx3-ubyte.gz", f"{split}-images.idx3-ubyte"]
    path = next(p for root in (folder, folder / "mnist") for name in names if (p := root / name).exists())
    images = idx(path)[:n]
    if side == 16:
        padded = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(-1, 16, 2, 16, 2)
        images = padded.mean((2, 4)).round().astype(np.uint8)
    return images


def shapes(seed, n, side):
    """Rectangles and discs of a random colour, place and size on a shaded background of another colour, with noise."""
    import numpy as np

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    images = np.empty((n, side, side, 3), np.uint8)
    for image in images:
        (cy, cx), (h, w), slope = rng.uniform(0.25, 0.75, 2), rng.uniform(0.1, 0.3, 2), rng.uniform(-60, 60)
        inside = (abs(y - cy) < h) & (abs(x - cx) < w) if rng.random() < 0.5 else ((y - cy) / h) ** 2 + ((x - cx) / w) ** 2 < 1
        colours = rng.uniform(40, 215, (2, 3))
        canvas = np.where(inside[..., None], colours[0], colours[1] + slope * (y[..., None] - 0.5))
        image[:] = (canvas + rng.normal(0, 10, canvas.shape)).clip(0, 255).round()
    return images


def make(name, folder):
    """Writes the images of a set as an archive of arrays."""
    import numpy as np

    path = folder / f"{name}.npz"
    if not path.exists():
        side, _, channels, n = SETS[name]
        if channels == 1:
            train, test = digits("train", n, side), digits("t10k", TEST, side)
        else:
            train, test = shapes(1, n, side), shapes(2, TEST, side)
        np.savez(path, train_images=train, test_images=test)
    return path


class Results:
    """Runs by their names: the test ELBO after every epoch, and that of the model that the run ended with."""

    def __init__(self, path):
        self.path, self.lock, self.known = path, threading.Lock(), {}
        if path.exists():
            for line in path.read_text().splitlines():
                run = json.loads(line)
                self.known[run["name"]] = run

    def add(self, run):
        with self.lock, self.path.open("a") as file:
            file.write(json.dumps(run) + "\n")
            self.known[run["name"]] = run


def train(kiln, name, data, likelihood, epochs, flags, folder, results):
    if name in results.known:
        return
    out = folder / "runs" / name.replace(" ", "_").replace("/", "_")
    shutil.rmtree(out, ignore_errors=True)
    command = [kiln, "train", "vae", "--data", data, "--likelihood", likelihood, "--epochs", epochs, "--threads", 1, "--quiet"]
    done = subprocess.run([*map(str, command), *flags, "--log-every", "1000000", "--out", out], capture_output=True, text=True)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    elbo = [line["elbo"] for line in lines if line["split"] == "test"]
    # A run that diverged has fewer epochs.
    if done.returncode != 0:
        print(f"{name}: {done.stderr.strip().splitlines()[-1]}", flush=True)
        final = None
    else:
        final = json.loads((out / "result.json").read_text())["test"]["elbo"]
    results.add({"name": name, "elbo": elbo, "final": final})
    shutil.rmtree(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kiln", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--epochs", default="10,40,200")
    parser.add_argument("--likelihoods", default="bernoulli,gaussian")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--channels", help="convolutions of these channels in all runs")
    parser.add_argument("--default", default="default", help="a name for the defaults of this build, if several are compared")
    parser.add_argument("sets", nargs="*", metavar="SET", default=list(SETS))
    options = parser.parse_args()
    (options.folder / "runs").mkdir(parents=True, exist_ok=True)
    epochs = [int(e) for e in options.epochs.split(",")]
    results = Results(options.folder / "results.jsonl")

    jobs, rows = [], []
    model = ["--channels", options.channels] if options.channels else []
    for name in options.sets:
        data = make(name, options.folder)
        for likelihood in options.likelihoods.split(","):
            key = f"{name}{'/' + options.channels if model else ''} {likelihood}"
            rows.append(key)
            for e in epochs:
                jobs.append((f"{key} {options.default} {e}", data, likelihood, e, model))
            for lr in LRS:
                for batch in BATCHES:
                    if batch <= max(8, SETS[name][3]):
                        grid = f"{key} lr={lr} batch={batch} {max(epochs)}"
                        jobs.append((grid, data, likelihood, max(epochs), [*model, "--lr", lr, "--batch-size", str(batch)]))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda job: train(options.kiln, *job, options.folder, results), jobs))

    print("| images | likelihood | epochs | default | best of the grid | its learning rate, minibatch size | default below it | … at any epoch |")
    print("|---|---|---:|---:|---:|---|---:|---:|")
    for key in rows:
        name, likelihood = key.split(" ")
        for e in epochs:
            default = results.known[f"{key} {options.default} {e}"]["final"]
            grid = {run: r["elbo"] for run, r in results.known.items() if run.startswith(f"{key} lr=")}
            ends = {run: elbo[e - 1] for run, elbo in grid.items() if len(elbo) >= e}
            best = max(ends, key=ends.get)
            lr, batch = (part.split("=")[1] for part in best.split(" ")[2:4])
            highest = max(max(elbo[:e]) for elbo in grid.values() if elbo)
            below = [100 * (x - default) / abs(x) for x in (ends[best], highest)]
            figures = f"{default:.1f} | {ends[best]:.1f} | {lr}, {batch} | {below[0]:.1f}% | {below[1]:.1f}%"
            print(f"| {name} | {likelihood} | {e} | {figures} |")


if __name__ == "__main__":
    main()
