"""Weights to a file and back, and training resumed from a checkpoint."""

import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
path = Path(tempfile.mkdtemp()) / "checkpoint.pt"
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
loader = DataLoader(TensorDataset(x, y), batch_size=128, shuffle=True)


def train(model, optimizer, epochs):
    for _ in range(epochs):
        total = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
    return total / len(y)


model = nn.Linear(64, 10)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
train(model, optimizer, epochs=5)
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 5}, path)

checkpoint = torch.load(path)
loaded = nn.Linear(64, 10)
loaded.load_state_dict(checkpoint["model"])
print("same predictions:", torch.equal(loaded(x).argmax(1), model(x).argmax(1)))

optimizer = torch.optim.Adam(loaded.parameters(), lr=0.01)
optimizer.load_state_dict(checkpoint["optimizer"])
loss = train(loaded, optimizer, epochs=10 - checkpoint["epoch"])
print(f"loss {loss:.4f} after 10 epochs")
