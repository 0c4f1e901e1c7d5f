"""An own network for digits: minibatches, Nesterov's method, early stopping, test accuracy."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, 64)
        self.output = nn.Linear(64, 10)

    def forward(self, inputs):
        return self.output(F.relu(self.hidden(inputs)))


torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(
    torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y), test_size=0.2, stratify=y, random_state=0
)
model = Mlp()

loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, nesterov=True)
best, waited = float("inf"), 0
for epoch in range(200):
    for inputs, targets in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    with torch.no_grad():
        logits = model(x_test)
        loss = F.cross_entropy(logits, y_test).item()
    best, waited = (loss, 0) if loss < best else (best, waited + 1)
    if waited == 5:
        break

accuracy = (logits.argmax(1) == y_test).float().mean().item()
print(f"test accuracy {accuracy:.3f} after {epoch + 1} epochs")
