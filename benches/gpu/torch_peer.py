"""PyTorch's side of the comparison on a GPU: seconds per step, and per fit, as one JSON object.

    python torch_peer.py [--device cuda] [--smoke]
"""

import argparse
import json
import math
import time

import torch
import torch.nn.functional as F
from torch import nn


class Vae(nn.Module):
    """784-400-20, as PyTorch's own example has it."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 400)
        self.loc = nn.Linear(400, 20)
        self.log_variance = nn.Linear(400, 20)
        self.hidden = nn.Linear(20, 400)
        self.output = nn.Linear(400, 784)

    def loss(self, x):
        h = F.relu(self.encoder(x))
        loc, log_variance = self.loc(h), self.log_variance(h)
        z = loc + torch.exp(0.5 * log_variance) * torch.randn_like(loc)
        logits = self.output(F.relu(self.hidden(z)))
        cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_variance - loc.pow(2) - log_variance.exp())
        return (cross_entropy + kl) / x.shape[0]


class Iwae(nn.Module):
    """784-200-200-50 with tanh and 50 particles, as Burda, Grosse and Salakhutdinov (2016) have it."""

    def __init__(self, k=50):
        super().__init__()
        self.k = k
        self.encoder = nn.Sequential(nn.Linear(784, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh())
        self.loc = nn.Linear(200, 50)
        self.log_variance = nn.Linear(200, 50)
        self.decoder = nn.Sequential(
            nn.Linear(50, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, 784)
        )

    def loss(self, x):
        h = self.encoder(x)
        loc, log_variance = self.loc(h), self.log_variance(h)
        eps = torch.randn(self.k, *loc.shape, device=x.device)
        z = loc + torch.exp(0.5 * log_variance) * eps
        logits = self.decoder(z)
        log_likelihood = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
        log_weight = log_likelihood + 0.5 * (eps.pow(2) + log_variance - z.pow(2)).sum(-1)
        return math.log(self.k) - torch.logsumexp(log_weight, dim=0).mean()


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def seconds_per_step(make, batch, compiled, device, steps):
    """A step takes its rows from data on the device in a random order, as a training loop does."""
    torch._dynamo.reset()
    model = make().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=device.type == "cuda", capturable=device.type == "cuda")
    data = (torch.rand(max(60_000, batch), 784) > 0.5).to(torch.uint8).to(device)
    order = torch.randperm(len(data), device=device)
    loss = torch.compile(model.loss, mode="reduce-overhead") if compiled else model.loss

    def step(i):
        start = i * batch % (len(data) - batch + 1)
        x = data[order[start : start + batch]].float()
        optimizer.zero_grad(set_to_none=True)
        loss(x).backward()
        optimizer.step()

    for i in range(20):
        step(i)
    wait(device)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for i in range(steps):
            step(i)
        wait(device)
        times.append((time.perf_counter() - begin) / steps)
    return sorted(times)[2]


def logistic(rows, columns, device):
    """Seconds of an L-BFGS fit with a penalty of 1e-4 to a gradient of 1e-6 per row, the data being on the device."""
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(rows, columns, generator=generator) * 2 - 1).to(device)
    weight = (torch.rand(columns, generator=generator) * 2 - 1).to(device)
    y = (x @ weight + (torch.rand(rows, generator=generator) * 4 - 2).to(device) > 0).float()

    def fit():
        w = torch.zeros(columns, device=device, requires_grad=True)
        b = torch.zeros(1, device=device, requires_grad=True)
        solver = torch.optim.LBFGS(
            [w, b], max_iter=500, tolerance_grad=1e-6, tolerance_change=0, history_size=10, line_search_fn="strong_wolfe"
        )

        def closure():
            solver.zero_grad()
            loss = F.binary_cross_entropy_with_logits(x @ w + b, y) + 0.5e-4 * w.square().sum()
            loss.backward()
            return loss

        loss = solver.step(closure)
        wait(device)
        return float(loss)

    fit()
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        loss = fit()
        times.append(time.perf_counter() - begin)
    return sorted(times)[1], loss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--smoke", action="store_true", help="a few small steps, to see that it runs")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    steps = 3 if arguments.smoke else 200
    results = {"library": f"torch {torch.__version__}", "cuda": torch.version.cuda}
    if device.type == "cuda":
        results["card"] = torch.cuda.get_device_name()
    for products, tf32 in [("f32", False), ("tf32", True)]:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        for name, make, batch in [("vae", Vae, 128), ("vae", Vae, 4096), ("iwae", Iwae, 20)]:
            for compiled in [False, True]:
                key = f"{name}-{batch}-{products}-{'compiled' if compiled else 'eager'}"
                try:
                    results[key] = seconds_per_step(make, batch, compiled, device, steps)
                except Exception as error:  # A compiler that is missing must not cost the other figures.
                    results[key] = None
                    results[f"{key}-error"] = str(error).splitlines()[-1][:200] if str(error) else repr(error)
    torch.backends.cuda.matmul.allow_tf32 = False
    rows = 10_000 if arguments.smoke else 1_000_000
    results["logistic-f32"], results["logistic-loss"] = logistic(rows, 100, device)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
