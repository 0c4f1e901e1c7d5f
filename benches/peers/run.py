#!/usr/bin/env python3
"""Kiln beside its peers: the same work in turns, on the same machine, with the same number of threads.

    python3 benches/peers/run.py                      every row; writes target/peers/peers.md and peers.json
    python3 benches/peers/run.py "batch 128"          the rows whose name holds this
    python3 benches/peers/run.py --python VENV/bin/python --data FOLDER --rounds 30

Only Python's own library is needed here. The peers in Python (requirements.txt) run under --python; those that are not
installed are left out, with a line that says so. A row is a line in ROWS.

Every peer of a row is a process that makes its work ready, warms up, and then waits. A round gives each of them a turn of
about --turn seconds, one after the other, in an order that changes from round to round; nobody else computes meanwhile.
A time is the median over the rounds; its spread is the quartiles; a ratio is the median over the rounds of Kiln's time
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
    Row("VAE epoch on MNIST, from files to test ELBO", "vae-epoch", ["kiln", "torch", "torch-loader"], needs_data=True),
    Row("softmax regression epoch on MNIST, batch 128", "softmax-epoch", ["kiln", "torch", "sklearn"], needs_data=True),
    Row("start to first step, VAE on MNIST", "vae-epoch", ["kiln", "torch"], how="start", needs_data=True),
    Row("peak memory, VAE epoch on MNIST", "vae-epoch", ["kiln", "torch"], how="memory", needs_data=True),
]


class Peer:
    """A process that does one row's work when asked."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        if self.process.stdout.readline().strip() != "ready":
            self.process.kill()
            lines = self.process.communicate()[1].strip().splitlines()
            raise RuntimeError(lines[-1] if lines else "it ended without a word")

    def run(self, units):
        self.process.stdin.write(f"run {units}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline()) / units

    def close(self):
        self.process.stdin.close()
        self.process.wait()


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
    units = {name: max(1, round(options.turn / peer.run(1))) for name, peer in peers.items()}
    values = {name: [] for name in peers}
    order = list(peers)
    for _ in range(options.rounds):
        random.shuffle(order)
        for name in order:
            # Threads of the last one may still be spinning.
            time.sleep(0.05)
            values[name].append(peers[name].run(units[name]))
    for peer in peers.values():
        peer.close()
    return values


def whole_processes(row, executables, options, one):
    values = {}
    for round in range(options.rounds):
        for name in chosen(row, options):
            if round > 0 and name not in values:
                continue
            try:
                values.setdefault(name, []).append(one(name, row, executables, options))
            except (OSError, RuntimeError) as error:
                values.pop(name, None)
                print(f"  {name} is left out: {error}", file=sys.stderr)
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
        start = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment_of(options), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        while not (log.exists() and log.stat().st_size > 0):
            if process.poll() is not None:
                raise RuntimeError(process.stderr.read().decode().strip().splitlines()[-1])
            time.sleep(0.0005)
        elapsed = time.perf_counter() - start
        process.kill()
        process.communicate()
    return elapsed


def megabytes(name, row, executables, options):
    with tempfile.TemporaryDirectory() as folder:
        command = command_of(name, row, executables, options)
        if name == "kiln":
            command = kiln_run(executables, options, str(pathlib.Path(folder) / "run"))
        process = subprocess.Popen(
            command, env=environment_of(options), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        message = process.stderr.read().decode().strip()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(message.splitlines()[-1] if message else "it failed")
        return usage.ru_maxrss / 1024


def chosen(row, options):
    return [name for name in row.peers if not options.peers or name in options.peers]


def measure(row, executables, options):
    if row.needs_data and not options.data:
        print("  left out: it needs the files of MNIST, in --data DIR or KILN_DATA_DIR", file=sys.stderr)
        return {}
    if row.how == "start":
        return whole_processes(row, executables, options, seconds_to_first_step)
    if row.how == "memory":
        return whole_processes(row, executables, dataclasses.replace(options, rounds=min(options.rounds, 3)), megabytes)
    return in_turns(row, executables, options)


def summary(row, values):
    result = {}
    for name, numbers in values.items():
        quartiles = statistics.quantiles(numbers, n=4) if len(numbers) > 1 else numbers * 3
        result[name] = {"median": quartiles[1], "lower": quartiles[0], "upper": quartiles[2], "unit": unit_of(row)}
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
    executables = build()
    results = {}
    options.out.mkdir(parents=True, exist_ok=True)
    for row in ROWS:
        if options.rows and not any(part in row.name for part in options.rows):
            continue
        print(row.name, file=sys.stderr)
        results[row.name] = summary(row, measure(row, executables, options))
        print(table({row.name: results[row.name]}), file=sys.stderr)
        (options.out / "peers.md").write_text(table(results))
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "threads": options.threads}
        text = json.dumps({"machine": machine, "rounds": options.rounds, "rows": results}, indent=2)
        (options.out / "peers.json").write_text(text + "\n")
    print(table(results))


def mnist():
    folder = os.environ.get("KILN_DATA_DIR")
    return pathlib.Path(folder) / "mnist" if folder else None


if __name__ == "__main__":
    main()
