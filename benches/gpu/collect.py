"""Puts what run.sh has measured into one JSON object.

python collect.py OUT DEVICE
"""

import json
import pathlib
import sys


def last_json(path):
    """The last line of a file that is a JSON object."""
    if not path.exists():
        return None
    for line in reversed(path.read_text(errors="replace").splitlines()):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


def result_of(run):
    path = run / "result.json"
    return json.loads(path.read_text()) if path.exists() else None


def elbo_of(summary, run):
    result = summary.get(run) or {}
    return (result.get("test") or {}).get("elbo")


def main():
    out, device = pathlib.Path(sys.argv[1]), sys.argv[2]
    card = out / "card.txt"
    summary = {
        "device": device,
        "card": card.read_text().strip() if card.exists() else None,
        "steps": {path.stem: path.read_text().strip() for path in sorted(out.glob("*.status"))},
    }
    for peer in ["kiln", "torch", "jax"]:
        summary[peer] = last_json(out / f"{peer}.out")
    for run in sorted(out.glob("run-*")) + sorted(out.glob("mnist-*")):
        if run.is_dir():
            summary[run.name] = result_of(run)
    ours, torch, jax = (summary[peer] or {} for peer in ["kiln", "torch", "jax"])
    ratios = {}
    for key in ["vae-128", "vae-4096", "iwae-20"]:
        if key not in ours:
            continue
        eager = torch.get(f"{key}-f32-eager")
        compiled = [x for x in (torch.get(f"{key}-f32-compiled"), jax.get(f"{key}-f32-jit")) if x]
        ratios[key] = {
            "of eager": ours[key] / eager if eager else None,
            "of the better compiled": ours[key] / min(compiled) if compiled else None,
        }
    if ours.get("logistic") and torch.get("logistic-f32"):
        ratios["logistic"] = {"of eager": ours["logistic"] / torch["logistic-f32"]}
    summary["ratios"] = ratios
    # In nats: how far the ELBO of the test images after training on the GPU is from that after training on the CPU.
    differences = {}
    for data in ["run", "mnist"]:
        there, here = elbo_of(summary, f"{data}-{device.split(':')[0]}"), elbo_of(summary, f"{data}-cpu")
        if there is not None and here is not None:
            differences[data] = there - here
    summary["elbo differences"] = differences
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
