"""Curves of two or more runs in one picture: python compare_runs.py OUT.png NAME=RUN_FOLDER …   Needs: pip install matplotlib"""
import json, sys
from pathlib import Path
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(8, 4.8), dpi=100)
for arg in sys.argv[2:]:
    name, run = arg.rsplit("=", 1)
    rows = [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]
    rows = [r for r in rows if r["split"] == "train-epoch"]
    ax.plot([r["step"] for r in rows], [r["loss"] for r in rows], label=name)
ax.set(xlabel="step", ylabel="−ELBO of the epoch, nats per image", title="784-400-20 VAE on MNIST, batch 128")
ax.grid(alpha=0.3)
ax.legend()
fig.tight_layout()
fig.savefig(sys.argv[1])
