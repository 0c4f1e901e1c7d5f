"""A VAE of digits: test ELBO, pictures of samples and of reconstructions."""

import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader
from torchvision.utils import save_image


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 200), nn.ReLU())
        self.loc, self.log_variance = nn.Linear(200, 10), nn.Linear(200, 10)
        self.decoder = nn.Sequential(nn.Linear(10, 200), nn.ReLU(), nn.Linear(200, 64))

    def loss(self, x):
        hidden = self.encoder(x)
        loc, log_variance = self.loc(hidden), self.log_variance(hidden)
        z = loc + (0.5 * log_variance).exp() * torch.randn_like(loc)
        reconstruction = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        kl = 0.5 * (loc**2 + log_variance.exp() - 1 - log_variance).sum()
        return (reconstruction + kl) / len(x)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z)).reshape(-1, 1, 8, 8)


torch.manual_seed(0)
folder = Path(tempfile.mkdtemp())
x, y = load_digits(return_X_y=True)
train, test = train_test_split(torch.tensor(x / 16, dtype=torch.float32), test_size=0.2, stratify=y, random_state=0)
model = Vae()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(50):
    for images in DataLoader(train, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        model.loss(images).backward()
        optimizer.step()

with torch.no_grad():
    print(f"test ELBO {-model.loss(test).item():.2f} nats")
    images = test[:8]
    reconstructions = model.decode(model.loc(model.encoder(images)))
    save_image(model.decode(torch.randn(64, 10)), folder / "samples.png")
    save_image(torch.cat([images.reshape(-1, 1, 8, 8), reconstructions]), folder / "reconstructions.png")
