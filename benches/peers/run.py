#!/usr/bin/env python3
"""Kiln beside its peers: the same work in turns, on the same machine, with the same number of threads.

    python3 benches/peers/run.py                      every row; writes target/peers/peers.md and peers.json
    python3 benches/peers/run.py vae-step             the rows whose name holds this
    python3 benches/peers/run.py --python DIR/bin/python --data ../mnist-folder --rounds 30

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
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


@dataclasses.dataclass
class Row:
    """The same work for several peers."""

    name: str
    unit: str
    peers: list
    arguments: list
    needs_data: bool = False


STEP_PEERS = ["kiln", "kiln-unfused", "burn", "torch", "torch-fused", "torch-compile", "products"]

ROWS = [
    Row(f"vae-step-{optimizer}-{batch}", "step", STEP_PEERS, ["--batch", str(batch), "--optimizer", optimizer])
    for optimizer in ("adam", "sgd", "nesterov")
    for batch in (20, 128, 512)
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
    work = row.name.split("-")[0] + "-" + row.name.split("-")[1]
    common = ["--work", work, "--threads", str(options.threads), *row.arguments]
    if row.needs_data:
        common += ["--data", str(options.data)]
    kiln = [executables["peer_kiln"], *common]
    torch = [options.python, str(HERE / "pytorch.py"), *common]
    return {
        "kiln": kiln,
        "kiln-unfused": [*kiln, "--no-fused"],
        "products": [kiln[0], "--work", "products", *kiln[3:]],
        "burn": [executables["peer_burn"], *common],
        "torch": torch,
        "torch-fused": [*torch, "--fused"],
        "torch-compile": [*torch, "--compile"],
        "sklearn": [options.python, str(HERE / "sklearn_peer.py"), *common],
    }[peer]


def build():
    """The two executables, by the name of their bench target."""
    command = ["cargo", "build", "--release", "--bench", "peer_kiln", "--bench", "peer_burn", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
    return {
        message["target"]["name"]: message["executable"]
        for message in messages
        if message.get("reason") == "compiler-artifact" and message.get("executable")
    }


def measure(row, executables, options):
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "MKL_NUM_THREADS": str(options.threads)}
    peers = {}
    for name in row.peers:
        if options.peers and name not in options.peers:
            continue
        try:
            peers[name] = Peer(command_of(name, row, executables, options), environment)
        except (OSError, RuntimeError) as error:
            print(f"  {name} is left out: {error}", file=sys.stderr)
    units = {}
    for name, peer in peers.items():
        units[name] = max(1, round(options.turn / peer.run(1 if options.turn == 0 else 3)))
    times = {name: [] for name in peers}
    order = list(peers)
    for _ in range(options.rounds):
        random.shuffle(order)
        for name in order:
            # Threads of the last one may still be spinning.
            time.sleep(0.05)
            times[name].append(peers[name].run(units[name]))
    for peer in peers.values():
        peer.close()
    return times


def summary(times):
    result = {}
    for name, seconds in times.items():
        quartiles = statistics.quantiles(seconds, n=4)
        result[name] = {"median_s": quartiles[1], "lower_s": quartiles[0], "upper_s": quartiles[2]}
        if "kiln" in times:
            result[name]["kiln_over_it"] = statistics.median(k / s for k, s in zip(times["kiln"], seconds))
    return result


def table(rows):
    lines = ["| work | peer | median | quartiles | Kiln ÷ it |", "|---|---|---:|---:|---:|"]
    for name, peers in rows.items():
        for peer, r in peers.items():
            low, high = r["lower_s"] * 1e3, r["upper_s"] * 1e3
            ratio = f"{r['kiln_over_it']:.2f}" if "kiln_over_it" in r else ""
            lines.append(f"| {name} | {peer} | {r['median_s'] * 1e3:.3f} ms | {low:.3f}–{high:.3f} | {ratio} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="parts of the names of the rows to run")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--data", type=pathlib.Path, default=os.environ.get("KILN_DATA_DIR"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--turn", type=float, default=0.2, help="seconds a peer has at a time")
    parser.add_argument("--peers", nargs="*", help="only these")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target" / "peers")
    options = parser.parse_args()
    executables = build()
    results = {}
    for row in ROWS:
        if options.rows and not any(part in row.name for part in options.rows):
            continue
        print(row.name, file=sys.stderr)
        results[row.name] = summary(measure(row, executables, options))
        print(table({row.name: results[row.name]}), file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "peers.md").write_text(table(results))
    machine = {"processor": platform.processor(), "machine": platform.machine(), "threads": options.threads}
    (options.out / "peers.json").write_text(json.dumps({"machine": machine, "rows": results}, indent=2))
    print(table(results))


if __name__ == "__main__":
    main()
