"""Iterates of Adam and AdamW in float64, by PyTorch.

Run: python make_adam.py OUT_DIR    Needs: pip install torch
"""
import json
import sys
from pathlib import Path

import torch

torch.set_default_dtype(torch.float64)
OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
STEPS = 60


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def quadratic(x):
    a, b = torch.tensor([1.0, 10.0, 100.0]), torch.tensor([1.0, -2.0, 3.0])
    return 0.5 * (a * (x - b) ** 2).sum()


FUNCTIONS = {"rosenbrock": (rosenbrock, [-1.2, 1.0, 0.7, -0.5]), "quadratic": (quadratic, [0.0, 0.0, 0.0])}
SETTINGS = [
    dict(),
    dict(betas=(0.8, 0.95), eps=1e-3),
    dict(betas=(0.0, 0.9)),
    dict(weight_decay=0.1),
    dict(weight_decay=0.5, betas=(0.5, 0.9)),
]


def rows():
    for name, (f, x0) in FUNCTIONS.items():
        for settings in SETTINGS:
            for decay in (1.0, 0.97):
                method = torch.optim.AdamW if "weight_decay" in settings else torch.optim.Adam
                x = torch.nn.Parameter(torch.tensor(x0))
                optimizer = method([x], lr=0.1, **settings)
                lrs, params = [], []
                for k in range(STEPS):
                    lrs.append(0.1 * decay**k)
                    optimizer.param_groups[0]["lr"] = lrs[-1]
                    optimizer.zero_grad()
                    f(x).backward()
                    optimizer.step()
                    params.append(x.detach().tolist())
                betas = settings.get("betas", (0.9, 0.999))
                yield dict(
                    function=name, x0=x0, method=method.__name__, beta_1=betas[0], beta_2=betas[1],
                    epsilon=settings.get("eps", 1e-8), weight_decay=settings.get("weight_decay", 0.0), lrs=lrs, params=params,
                )


(OUT / "adam.json").write_text(json.dumps(list(rows()), separators=(",", ":")))
