"""Fits a logistic regression with torch.distributed (gloo), each process with its rows. `run.py` starts two of them by mpirun.

Both methods end at a gradient of 1e-8 of the mean loss, in f64. `newton` adds up Hessians, as Kiln does; `lbfgs` is torch's with a strong Wolfe
search. Process 0 prints the seconds of the fit and the largest coefficient.
"""

import json
import os
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import torch
import torch.distributed as dist

method, path = sys.argv[1:]
rank, size = int(os.environ["OMPI_COMM_WORLD_RANK"]), int(os.environ["OMPI_COMM_WORLD_SIZE"])
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29517")
torch.set_num_threads(1)
dist.init_process_group("gloo", rank=rank, world_size=size)

file = pq.ParquetFile(path)
groups = [group for group in range(file.num_row_groups) if group * size // file.num_row_groups == rank]
names = [name for name in file.schema.names if name != "y"]
rows = sum(file.metadata.row_group(group).num_rows for group in groups)
x, y, at = torch.ones(rows, len(names) + 1, dtype=torch.float64), torch.empty(rows, dtype=torch.float64), 0
for group in groups:
    table = file.read_row_group(group)
    end = at + table.num_rows
    for j, name in enumerate(names):
        x[at:end, j] = torch.from_numpy(table[name].to_numpy())
    y[at:end] = torch.from_numpy(table["y"].to_numpy().astype(np.float64))
    at = end
total = torch.tensor([float(rows)], dtype=torch.float64)
dist.all_reduce(total)
started = time.perf_counter()
b = torch.zeros(x.shape[1], dtype=torch.float64)


def summed(*tensors):
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors]) / total
    dist.all_reduce(flat)
    return [part.reshape(tensor.shape) for part, tensor in zip(flat.split([t.numel() for t in tensors]), tensors)]


def loss_and_gradient(b):
    eta = x @ b
    loss = torch.nn.functional.binary_cross_entropy_with_logits(eta, y, reduction="sum")
    return loss, x.T @ (torch.sigmoid(eta) - y)


if method == "newton":
    for _ in range(50):
        p = torch.sigmoid(x @ b)
        gradient, hessian = summed(x.T @ (p - y), (x * (p * (1 - p))[:, None]).T @ x)
        if gradient.abs().max() <= 1e-8:
            break
        b -= torch.linalg.solve(hessian, gradient)
else:
    b.requires_grad_()
    optimizer = torch.optim.LBFGS(
        [b], max_iter=500, max_eval=1000, tolerance_grad=1e-8, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        with torch.no_grad():
            loss, b.grad = summed(*loss_and_gradient(b.detach()))
        return loss

    optimizer.step(closure)
    assert b.grad.abs().max() <= 1e-7, b.grad.abs().max()
if rank == 0:
    print(json.dumps({"fit": time.perf_counter() - started, "largest": b.detach().abs().max().item()}))
dist.destroy_process_group()
