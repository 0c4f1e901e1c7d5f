"""Reads the weights of a VAE that Kiln trained, and reconstructs images in NumPy, PyTorch and JAX.

    python load_vae.py RUN_FOLDER

Needs numpy and safetensors; uses torch and jax where they are installed.
"""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


def layers(weights, name):
    """The dense layers `name.0`, `name.1`, …, in order: pairs of a weight [d_in, d_out] and a bias [d_out]."""
    count = sum(key.startswith(f"{name}.") and key.endswith(".weight") for key in weights)
    return [(weights[f"{name}.{i}.weight"], weights[f"{name}.{i}.bias"]) for i in range(count)]


def reconstruct_numpy(weights, x):
    """The mean of p(x | z) at the posterior mean z = μ(x), for images x [n, pixels] in [0, 1]."""
    h = x
    for weight, bias in layers(weights, "encoder"):
        h = np.maximum(h @ weight + bias, 0)
    h = h @ weights["latent_loc.weight"] + weights["latent_loc.bias"]
    *hidden, (weight, bias) = layers(weights, "decoder")
    for hidden_weight, hidden_bias in hidden:
        h = np.maximum(h @ hidden_weight + hidden_bias, 0)
    return 1 / (1 + np.exp(-(h @ weight + bias)))


def torch_vae(weights):
    """The same as a PyTorch module. `torch.nn.Linear` stores [d_out, d_in]: each weight is transposed."""
    import torch
    from torch import nn

    def linear(weight, bias):
        layer = nn.Linear(*weight.shape)
        layer.load_state_dict({"weight": torch.tensor(weight.T), "bias": torch.tensor(bias)})
        return layer

    def relu_layers(pairs):
        return [module for pair in pairs for module in (linear(*pair), nn.ReLU())]

    *hidden, output = layers(weights, "decoder")
    encoder = nn.Sequential(
        *relu_layers(layers(weights, "encoder")),
        linear(weights["latent_loc.weight"], weights["latent_loc.bias"]),
    )
    decoder = nn.Sequential(*relu_layers(hidden), linear(*output), nn.Sigmoid())
    return encoder, decoder


def reconstruct_jax(weights, x):
    """The same in JAX. Weights need no transpose."""
    import jax
    import jax.numpy as jnp

    @jax.jit
    def forward(x):
        h = x
        for weight, bias in layers(weights, "encoder"):
            h = jax.nn.relu(h @ weight + bias)
        h = h @ weights["latent_loc.weight"] + weights["latent_loc.bias"]
        *hidden, (weight, bias) = layers(weights, "decoder")
        for hidden_weight, hidden_bias in hidden:
            h = jax.nn.relu(h @ hidden_weight + hidden_bias)
        return jax.nn.sigmoid(h @ weight + bias)

    return np.asarray(forward(jnp.asarray(x)))


def main(folder):
    weights = load_file(Path(folder) / "model.safetensors")
    pixels = weights["encoder.0.weight"].shape[0]
    # Your images go here: rows of pixels, row by row from the top left, 0 is black and 1 is white.
    x = np.random.default_rng(0).random((4, pixels), dtype=np.float32)

    results = {"numpy": reconstruct_numpy(weights, x)}
    try:
        import torch

        encoder, decoder = torch_vae(weights)
        with torch.no_grad():
            results["torch"] = decoder(encoder(torch.from_numpy(x))).numpy()
    except ImportError:
        print("torch is not installed")
    try:
        results["jax"] = reconstruct_jax(weights, x)
    except ImportError:
        print("jax is not installed")
    for name, reconstruction in results.items():
        difference = np.abs(reconstruction - results["numpy"]).max()
        print(f"{name:<6} {reconstruction.shape}, largest difference from numpy {difference:.1e}")


if __name__ == "__main__":
    main(sys.argv[1])
