"""PyTorch's side of the comparison; run.py starts it."""

import argparse
import gzip
import math
import pathlib
import sys

import torch
import torch.nn.functional as F
from protocol import serve
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


class Convolutional(nn.Module):
    """1 → 32 → 64 channels by 4×4 kernels of stride 2, 128 hidden units, 10 latent dimensions."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(),
        )
        self.loc, self.log_variance = nn.Linear(128, 10), nn.Linear(128, 10)
        self.decoder = nn.Sequential(
            nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Flatten(),
        )

    def forward(self, x):
        h = self.encoder(x)
        loc, log_variance = self.loc(h), self.log_variance(h)
        z = loc + torch.exp(0.5 * log_variance) * torch.randn_like(loc)
        return self.decoder(z), loc, log_variance


def model_of(arguments):
    return Convolutional() if arguments.convolutions else Vae()


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


def vae_step(arguments):
    model = model_of(arguments)
    optimizer = optimizer_of(arguments.optimizer, model.parameters(), arguments.fused)
    x = torch.rand(arguments.batch, 784)
    loss = torch.compile(loss_of) if arguments.compile else loss_of

    def work():
        optimizer.zero_grad()
        loss(model, x).backward()
        optimizer.step()

    serve(50, work)


class Iwae(nn.Module):
    """784-200-200-50 with tanh, as Burda, Grosse and Salakhutdinov (2016) have it."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh())
        self.loc = nn.Linear(200, 50)
        self.log_variance = nn.Linear(200, 50)
        self.decoder = nn.Sequential(
            nn.Linear(50, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, 784)
        )

    def bound(self, x, k):
        h = self.encoder(x)
        loc, log_variance = self.loc(h), self.log_variance(h)
        eps = torch.randn(k, *loc.shape)
        z = loc + torch.exp(0.5 * log_variance) * eps
        logits = self.decoder(z)
        log_likelihood = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
        log_prior_over_posterior = 0.5 * (eps.pow(2) + log_variance - z.pow(2)).sum(-1)
        return -torch.logsumexp(log_likelihood + log_prior_over_posterior, dim=0).mean() + math.log(k)


def iwae_step(arguments):
    model = Iwae()
    optimizer = optimizer_of(arguments.optimizer, model.parameters(), arguments.fused)
    x = (torch.rand(arguments.batch, 784) > 0.5).float()
    bound = torch.compile(Iwae.bound) if arguments.compile else Iwae.bound

    def work():
        optimizer.zero_grad()
        bound(model, x, arguments.k).backward()
        optimizer.step()

    serve(10, work)


def read(folder, stem):
    with gzip.open(pathlib.Path(folder) / f"{stem}.gz") as file:
        content = bytearray(file.read())
    if "images" in stem:
        return torch.frombuffer(content, dtype=torch.uint8, offset=16).reshape(-1, 784)
    return torch.frombuffer(content, dtype=torch.uint8, offset=8).long()


class Images(torch.utils.data.Dataset):
    """One image at a time, made floating-point when it is asked for, as torchvision's datasets do."""

    def __init__(self, pixels):
        self.pixels = pixels

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, i):
        return self.pixels[i].float() / 255


def vae_epoch(arguments):
    # The last minibatch and the test images have sizes of their own, and get a compiled function of their own.
    loss_of_batch = torch.compile(loss_of, dynamic=False) if arguments.compile else loss_of

    def work():
        train = read(arguments.data, "train-images-idx3-ubyte")
        test = read(arguments.data, "t10k-images-idx3-ubyte").float() / 255
        model = model_of(arguments)
        optimizer = optimizer_of(arguments.optimizer, model.parameters(), arguments.fused, lr=1e-3)
        if arguments.loader:
            batches = torch.utils.data.DataLoader(Images(train), batch_size=128, shuffle=True)
        else:
            images, order = train.float() / 255, torch.randperm(len(train))
            batches = (images[order[i : i + 128]] for i in range(0, len(order), 128))
        for x in batches:
            optimizer.zero_grad()
            loss_of_batch(model, x).backward()
            optimizer.step()
            if arguments.first_step:
                pathlib.Path(arguments.first_step).write_text("done\n")
                sys.exit()
        with torch.no_grad():
            losses = [loss_of_batch(model, x).item() * len(x) for x in test.split(1000)]
        assert sum(losses) / len(test) < 150

    serve(1, work)


def softmax_epoch(arguments):
    x = read(arguments.data, "train-images-idx3-ubyte").float() / 255
    y = read(arguments.data, "train-labels-idx1-ubyte")

    def work():
        model = nn.Linear(784, 10)
        optimizer = optimizer_of("sgd", model.parameters(), arguments.fused, lr=0.1)
        order = torch.randperm(len(x))
        for i in range(0, len(order), 128):
            rows = order[i : i + 128]
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()

    serve(2, work)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--k", type=int, default=1, help="samples in the bound")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--fused", action="store_true")
    parser.add_argument("--convolutions", action="store_true", help="the VAE with convolutions")
    parser.add_argument("--loader", action="store_true")
    parser.add_argument("--data", help="the folder with MNIST's files")
    parser.add_argument("--first-step", help="the file to write after the first step, which is the last then")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    works = {"vae-step": vae_step, "iwae-step": iwae_step, "vae-epoch": vae_epoch, "softmax-epoch": softmax_epoch}
    works[arguments.work](arguments)
