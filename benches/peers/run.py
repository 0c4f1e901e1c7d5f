#!/usr/bin/env python3
"""Kiln beside its peers: the same work in turns, on the same machine, with the same number of threads.

    python3 benches/peers/run.py                      every row; writes target/peers/peers.md and peers.json
    python3 benches/peers/run.py "batch 128"          the rows whose name holds this
    python3 benches/peers/run.py --python VENV/bin/python --data FOLDER --rounds 30

Only Python's own library is needed here. The peers in Python (requirements.txt) run under --python; those that are not
installed are left out, with a line that says so. A row is a line in ROWS.

Steps and epochs: every peer of a row is a process that makes its work ready, warms up, and then waits. A round gives each
of them a turn of about --turn seconds, one after the other, in an order that changes from round to round; nobody else
computes meanwhile. A turn of many units begins with 0.08 seconds of them that are not counted: threads that have slept
need some time to find a core each. Start and memory: a process of its own each time, in an order that changes too, after
one start of each that is not counted; memory is measured three times.

A figure is the median over the rounds; its spread is the quartiles; a ratio is the median over the rounds of Kiln's figure
over the peer's in the same round.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


@dataclasses.dataclass
class Row:
    """The same work for several peers. `how` is what is measured: seconds of work in turns, of a start, or memory."""

    name: str
    work: str
    peers: list
    arguments: list = dataclasses.field(default_factory=list)
    how: str = "turns"
    needs_data: bool = False


def steps(optimizer, batch):
    peers = ["kiln", "burn", "torch", "torch-fused", "torch-compile", "products"]
    peers += ["kiln-unfused"] if optimizer == "adam" else []
    return Row(
        f"VAE step, {optimizer}, batch {batch}", "vae-step", peers, ["--batch", str(batch), "--optimizer", optimizer]
    )


ROWS = [
    *[steps(optimizer, batch) for optimizer in ("adam", "sgd", "nesterov") for batch in (20, 128, 512)],
    *[
        Row(
            f"IWAE step, 784-200-200-50, batch 20, k={k}",
            "iwae-step",
            ["kiln", "torch", "torch-fused", "torch-compile", "kiln-unfused"],
            ["--batch", "20", "--k", str(k)],
        )
        for k in (1, 50)
    ],
    Row(
        "convolutional VAE step, adam, batch 128",
        "vae-step",
        ["kiln", "torch", "torch-fused", "torch-compile", "kiln-unfused"],
        ["--batch", "128", "--convolutions"],
    ),
    Row(
        "convolutional VAE epoch on MNIST, from files to test ELBO",
        "vae-epoch",
        ["kiln", "torch", "torch-fused", "torch-compile"],
        ["--convolutions"],
        needs_data=True,
    ),
    Row(
        "VAE epoch on MNIST, from files to test ELBO",
        "vae-epoch",
        ["kiln", "torch", "torch-fused", "torch-compile", "torch-loader"],
        needs_data=True,
    ),
    Row(
        "softmax regression epoch on MNIST, batch 128",
        "softmax-epoch",
        ["kiln", "torch", "torch-fused", "sklearn"],
        needs_data=True,
    ),
    Row("logistic regression, 100,000 × 100, to a gradient of 1e-6", "logistic-fit", ["kiln", "sklearn"]),
    *[
        Row(f"support vector machine, breast cancer, {kernel}, tol=1e-8", "svm-fit", ["kiln", "sklearn"], ["--kernel", kernel])
        for kernel in ("linear", "rbf")
    ],
    Row("start to first step, VAE on MNIST", "vae-epoch", ["kiln", "torch"], how="start", needs_data=True),
    Row("peak memory, VAE epoch on MNIST", "vae-epoch", ["kiln", "torch"], how="memory", needs_data=True),
]


class Peer:
    """A process that does one row's work when asked."""

    def __init__(self, command, environment):
        self.errors = tempfile.TemporaryFile("w+")
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True, env=environment)
        if self.process.stdout.readline().strip() != "ready":
            self.fail()

    def run(self, units):
        try:
            self.process.stdin.write(f"run {units}\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline()) / units
        except (OSError, ValueError):
            self.fail()

    def fail(self):
        self.process.kill()
        self.process.wait()
        raise RuntimeError(reason(self.errors))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def reason(errors):
    """The line of a program's errors that says what went wrong: the last, but Rust's comes first."""
    errors.seek(0)
    lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
    for i, line in enumerate(lines):
        if "panicked at" in line:
            return " ".join(lines[i : i + 2])
    return lines[-1] if lines else "it ended without a word"


def command_of(peer, row, executables, options):
    common = ["--threads", str(options.threads), *row.arguments]
    if row.needs_data:
        common += ["--data", str(options.data)]
    work = ["--work", row.work, *common]
    torch = [options.python, str(HERE / "pytorch.py"), *work]
    return {
        "kiln": [executables["peer_kiln"], *work],
        "kiln-unfused": [executables["peer_kiln"], *work, "--no-fused"],
        "products": [executables["peer_kiln"], "--work", "products", *common],
        "burn": [executables["peer_burn"], *work],
        "torch": torch,
        "torch-fused": [*torch, "--fused"],
        "torch-compile": [*torch, "--compile"],
        "torch-loader": [*torch, "--loader"],
        "sklearn": [options.python, str(HERE / "scikit.py"), *work],
    }[peer]


def build():
    """The executables, by the name of their target."""
    command = ["cargo", "build", "--release", "--workspace", "--bench", "peer_kiln", "--bench", "peer_burn", "--bin", "kiln"]
    built = subprocess.run([*command, "--message-format=json"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
    return {
        message["target"]["name"]: message["executable"]
        for message in messages
        if message.get("reason") == "compiler-artifact" and message.get("executable")
    }


def environment_of(options):
    threads = str(options.threads)
    return {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}


def in_turns(row, executables, options):
    peers = {}
    for name in chosen(row, options):
        try:
            peers[name] = Peer(command_of(name, row, executables, options), environment_of(options))
        except (OSError, RuntimeError) as error:
            print(f"  {name} is left out: {error}", file=sys.stderr)
    values = {name: [] for name in peers}
    seconds = {name: peer.run(1) for name, peer in peers.items()}
    for _ in range(options.rounds):
        for name in random.sample(list(peers), len(peers)):
            # Threads of the last one may still be spinning.
            time.sleep(0.05)
            units = max(1, round(options.turn / seconds[name]))
            if units > 1:
                peers[name].run(max(1, round(0.08 / seconds[name])))
            seconds[name] = peers[name].run(units)
            values[name].append(seconds[name])
    for peer in peers.values():
        peer.close()
    return values


def whole_processes(row, executables, options, rounds, one):
    values = {name: [] for name in chosen(row, options)}
    for round in range(rounds + 1):
        for name in random.sample(list(values), len(values)):
            try:
                value = one(name, row, executables, options)
            except (OSError, RuntimeError) as error:
                values.pop(name)
                print(f"  {name} is left out: {error}", file=sys.stderr)
                continue
            # The first start fetches files from the disk.
            if round > 0:
                values[name].append(value)
    return values


def kiln_run(executables, options, out):
    """The binary itself, on the whole of MNIST."""
    command = [executables["kiln"], "train", "vae", "--data", "mnist", "--data-dir", str(options.data), "--epochs", "1"]
    return [*command, "--log-every", "1", "--threads", str(options.threads), "--quiet", "--out", out]


def seconds_to_first_step(name, row, executables, options):
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "run" / "metrics.jsonl"
        if name == "kiln":
            command = kiln_run(executables, options, str(log.parent))
        else:
            command = [*command_of(name, row, executables, options), "--first-step", str(log)]
            log.parent.mkdir()
        with tempfile.TemporaryFile("w+") as errors:
            start = time.perf_counter()
            process = silent(command, options, errors)
            while not (log.exists() and log.stat().st_size > 0):
                if process.poll() is not None:
                    raise RuntimeError(reason(errors))
                time.sleep(0.0005)
            elapsed = time.perf_counter() - start
        process.kill()
        process.wait()
    return elapsed


def megabytes(name, row, executables, options):
    with tempfile.TemporaryDirectory() as folder:
        command = command_of(name, row, executables, options)
        if name == "kiln":
            command = kiln_run(executables, options, str(pathlib.Path(folder) / "run"))
        with tempfile.TemporaryFile("w+") as errors:
            process = silent(command, options, errors)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise RuntimeError(reason(errors))
        return usage.ru_maxrss / 1024


def silent(command, options, errors):
    nothing = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment_of(options), stdin=nothing, stdout=nothing, stderr=errors)


def chosen(row, options):
    return [name for name in row.peers if not options.peers or name in options.peers]


def measure(row, executables, options):
    if row.needs_data and not options.data:
        print("  left out: it needs the files of MNIST, in --data DIR or KILN_DATA_DIR", file=sys.stderr)
        return {}
    if row.how == "start":
        return whole_processes(row, executables, options, options.rounds, seconds_to_first_step)
    if row.how == "memory":
        return whole_processes(row, executables, options, min(options.rounds, 3), megabytes)
    return in_turns(row, executables, options)


def summary(row, values):
    result = {}
    for name, numbers in values.items():
        quartiles = statistics.quantiles(numbers, n=4) if len(numbers) > 1 else numbers * 3
        result[name] = {"median": quartiles[1], "lower": quartiles[0], "upper": quartiles[2], "unit": unit_of(row)}
        result[name]["rounds"] = len(numbers)
        if "kiln" in values:
            result[name]["kiln_over_it"] = statistics.median(k / x for k, x in zip(values["kiln"], numbers))
    return result


def unit_of(row):
    return "MB" if row.how == "memory" else "s"


def table(rows):
    lines = ["| work | peer | median | quartiles | Kiln ÷ it |", "|---|---|---:|---:|---:|"]
    for name, peers in rows.items():
        for peer, r in peers.items():
            scale, unit = (1, "MB") if r["unit"] == "MB" else (1e3, "ms")
            low, middle, high = (r[key] * scale for key in ("lower", "median", "upper"))
            digits = 2 if middle < 100 else 0
            ratio = f"{r['kiln_over_it']:.2f}" if "kiln_over_it" in r else ""
            numbers = f"{middle:.{digits}f} {unit} | {low:.{digits}f}–{high:.{digits}f}"
            lines.append(f"| {name} | {peer} | {numbers} | {ratio} |")
    return "\n".join(lines) + "\n"


@dataclasses.dataclass
class Options:
    rows: list
    python: str
    data: pathlib.Path
    threads: int
    rounds: int
    turn: float
    peers: list
    out: pathlib.Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="parts of the names of the rows to run")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has torch and scikit-learn")
    parser.add_argument("--data", type=pathlib.Path, default=mnist(), help="the folder with MNIST's four files")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--turn", type=float, default=0.2, help="seconds a peer has at a time")
    parser.add_argument("--peers", nargs="*", help="only these")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target" / "peers")
    options = Options(**vars(parser.parse_args()))
    rows = [row for row in ROWS if not options.rows or any(part in row.name for part in options.rows)]
    if not rows:
        parser.error("no row has such a name; they are: " + "; ".join(row.name for row in ROWS))
    known = {name for row in ROWS for name in row.peers}
    if unknown := set(options.peers or []) - known:
        parser.error(f"no such peer: {', '.join(unknown)}; they are: {', '.join(sorted(known))}")
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    executables = build()
    results = {}
    options.out.mkdir(parents=True, exist_ok=True)
    for row in rows:
        print(row.name, file=sys.stderr)
        results[row.name] = summary(row, measure(row, executables, options))
        print(table({row.name: results[row.name]}), file=sys.stderr)
        (options.out / "peers.md").write_text(table(results))
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "threads": options.threads}
        text = json.dumps({"machine": machine, "rows": results}, indent=2)
        (options.out / "peers.json").write_text(text + "\n")
    print(table(results))


def mnist():
    folder = os.environ.get("KILN_DATA_DIR")
    return pathlib.Path(folder) / "mnist" if folder else None


if __name__ == "__main__":
    main()
