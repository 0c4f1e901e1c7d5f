"""Two groups of parameters with learning rates and weight decays of their own, Nesterov's momentum, a cosine schedule."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y))
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

loader = DataLoader(data, batch_size=32, shuffle=True)
groups = [
    {"params": model[0].parameters(), "weight_decay": 1e-3},
    {"params": model[2].parameters(), "lr": 0.005},
]
optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20 * len(loader))
for epoch in range(20):
    total = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(targets)
print(f"loss {total / len(data):.4f}")
