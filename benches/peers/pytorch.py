"""PyTorch's side of the comparison; run.py starts it. Its protocol is that of protocol.rs."""

import argparse
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 400)
        self.loc = nn.Linear(400, 20)
        self.log_variance = nn.Linear(400, 20)
        self.hidden = nn.Linear(20, 400)
        self.output = nn.Linear(400, 784)

    def forward(self, x):
        h = F.relu(self.encoder(x))
        loc, log_variance = self.loc(h), self.log_variance(h)
        z = loc + torch.exp(0.5 * log_variance) * torch.randn_like(loc)
        return self.output(F.relu(self.hidden(z))), loc, log_variance


def loss_of(model, x):
    logits, loc, log_variance = model(x)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + log_variance - loc.pow(2) - log_variance.exp())
    return (cross_entropy + kl) / x.shape[0]


def optimizer_of(name, parameters, fused, lr=1e-4):
    options = {"fused": True} if fused else {}
    if name == "adam":
        return torch.optim.Adam(parameters, lr=lr, **options)
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=lr, **options)
    if name == "nesterov":
        return torch.optim.SGD(parameters, lr=lr, momentum=0.9, nesterov=True, **options)
    raise ValueError(name)


def serve(warm_up, work):
    for _ in range(warm_up):
        work()
    print("ready", flush=True)
    for line in sys.stdin:
        units = int(line.split()[1])
        start = time.perf_counter()
        for _ in range(units):
            work()
        print(time.perf_counter() - start, flush=True)


def vae_step(arguments):
    model = Vae()
    optimizer = optimizer_of(arguments.optimizer, model.parameters(), arguments.fused)
    x = torch.rand(arguments.batch, 784)
    loss = torch.compile(loss_of) if arguments.compile else loss_of

    def work():
        optimizer.zero_grad()
        loss(model, x).backward()
        optimizer.step()

    serve(50, work)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--fused", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    {"vae-step": vae_step}[arguments.work](arguments)
