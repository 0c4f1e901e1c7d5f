"""Compares the reconstructions of load_vae.py with those that Kiln computed: python compare_reconstructions.py FOLDER

FOLDER has model.safetensors and reconstructions.safetensors (images and reconstructions).
"""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from load_vae import reconstruct_jax, reconstruct_numpy, torch_vae

folder = Path(sys.argv[1])
weights, kiln = load_file(folder / "model.safetensors"), load_file(folder / "reconstructions.safetensors")
images, expected = kiln["images"], kiln["reconstructions"]

results = {"numpy": reconstruct_numpy(weights, images)}
try:
    import torch

    encoder, decoder = torch_vae(weights)
    with torch.no_grad():
        results["torch"] = decoder(encoder(torch.from_numpy(images))).numpy()
except ImportError:
    print("torch is not installed")
try:
    results["jax"] = reconstruct_jax(weights, images)
except ImportError:
    print("jax is not installed")
for name, reconstruction in results.items():
    difference = float(np.abs(reconstruction - expected).max())
    print(f"{name}: largest difference from Kiln {difference:.1e}")
    assert reconstruction.shape == expected.shape and difference < 1e-5, name
