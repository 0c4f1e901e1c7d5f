"""Values, gradients and products H·v of four networks by JAX in float64: tests/reference/curvature_of_layers.json.

    pip install jax numpy
    python tests/reference/gen/make_curvature_of_layers.py

The networks are those of crates/kiln-tensor/tests/derivative/peers.rs, written from their formulas. The parameters are one vector in Kiln's
order, w[k] = sin(1.3·k + 0.7)/2, and the direction is v[k] = sin(0.9·k + 0.2).
"""

import json
from pathlib import Path

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402


def waves(n, a, b):
    return jnp.sin(a * jnp.arange(n, dtype=jnp.float64) + b)


class Parts:
    """Takes parameters from a vector, one after the other."""

    def __init__(self, w):
        self.w, self.at = w, 0

    def take(self, *shape):
        n = int(np.prod(shape))
        self.at += n
        return self.w[self.at - n : self.at].reshape(shape)

    def linear(self, inputs, outputs):
        return self.take(inputs, outputs), self.take(outputs)


def dense(x, layer):
    return x @ layer[0] + layer[1]


def sigmoid(x):
    return 1 / (1 + jnp.exp(-x))


def softplus(x):
    return jnp.logaddexp(x, 0.0)


def recurrent(w):
    parts = Parts(w)
    lstm = [(parts.linear(3, 4), parts.linear(4, 4)) for _ in range(4)]  # input, forget, output, cell
    gru = [(parts.linear(4, 3), parts.linear(3, 3)) for _ in range(3)]  # update, reset, new
    head = parts.linear(3, 2)
    assert parts.at == len(w)
    x = waves(30, 0.4, 0.1).reshape(2, 5, 3)
    h, c, states = jnp.zeros((2, 4)), jnp.zeros((2, 4)), []
    for t in range(5):
        i, f, o, g = (dense(x[:, t], a) + dense(h, b) for a, b in lstm)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        h = sigmoid(o) * jnp.tanh(c)
        states.append(h)
    h, outputs = jnp.zeros((2, 3)), []
    for state in states:
        z, r = (sigmoid(dense(state, a) + dense(h, b)) for a, b in gru[:2])
        n = jnp.tanh(dense(state, gru[2][0]) + r * dense(h, gru[2][1]))
        h = (1 - z) * n + z * h
        outputs.append(h)
    return jnp.mean(dense(jnp.stack(outputs, 1), head) ** 2)


def layer_norm(x, gamma, beta):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * gamma + beta


def transformer(w):
    parts = Parts(w)
    query, key, value, output = (parts.linear(8, 8) for _ in range(4))
    first = parts.take(8), parts.take(8)
    widen, narrow = parts.linear(8, 12), parts.linear(12, 8)
    second = parts.take(8), parts.take(8)
    head = parts.linear(8, 2)
    assert parts.at == len(w)
    x = waves(64, 0.4, 0.1).reshape(2, 4, 8)
    padded = jnp.array([[0, 0, 0, 0], [0, 0, 0, 1]], bool)
    q, k, v = (dense(x, layer).reshape(2, 4, 2, 4).transpose(0, 2, 1, 3) for layer in (query, key, value))
    scores = jnp.where(padded[:, None, None, :], -1e4, q @ k.transpose(0, 1, 3, 2) / 2.0)
    context = jax.nn.softmax(scores, -1) @ v
    x = layer_norm(x + dense(context.transpose(0, 2, 1, 3).reshape(2, 4, 8), output), *first)
    wide = dense(jax.nn.gelu(dense(x, widen), approximate=False), narrow)
    return jnp.mean(dense(layer_norm(x + wide, *second), head) ** 2)


def convolution(x, weight, bias, stride, padding):
    y = jax.lax.conv_general_dilated(x, weight, (stride, stride), [(padding, padding)] * 2)
    return y + bias[:, None, None]


def residual(w):
    parts = Parts(w)
    blocks = [(parts.take(2, 2, 3, 3), parts.take(2), parts.take(2), parts.take(2)) for _ in range(2)]
    head = parts.linear(2, 3)
    assert parts.at == len(w)
    x = waves(120, 0.4, 0.1).reshape(3, 2, 5, 4)

    def normalised(x, gamma, beta):
        mean = x.mean((0, 2, 3), keepdims=True)
        variance = ((x - mean) ** 2).mean((0, 2, 3), keepdims=True)
        return (x - mean) / jnp.sqrt(variance + 1e-5) * gamma[:, None, None] + beta[:, None, None]

    (a, b, gamma, beta), (c, d, gamma2, beta2) = blocks
    y = softplus(normalised(convolution(x, a, b, 1, 1), gamma, beta))
    y = softplus(normalised(convolution(y, c, d, 1, 1), gamma2, beta2) + x)
    return jnp.mean(jax.nn.log_softmax(dense(y.mean((2, 3)), head), -1) ** 2)


def autoencoder(w):
    parts = Parts(w)
    encode = parts.take(3, 1, 3, 3), parts.take(3)
    mean, log_variance, start = parts.linear(27, 2), parts.linear(27, 2), parts.linear(2, 27)
    decode = parts.take(3, 1, 2, 2), parts.take(1)
    assert parts.at == len(w)
    x = (waves(72, 0.4, 0.1) + 1).reshape(2, 1, 6, 6) * 0.5
    noise = waves(4, 0.8, 0.3).reshape(2, 2)
    code = jnp.tanh(convolution(x, *encode, 2, 1)).reshape(2, 27)
    m, s = dense(code, mean), dense(code, log_variance)
    hidden = dense(m + jnp.exp(0.5 * s) * noise, start)
    hidden = (hidden * sigmoid(hidden)).reshape(2, 3, 3, 3)
    # Each entry spreads over a square of 2 × 2: squares do not overlap.
    logits = jnp.einsum("ncij,cokl->noikjl", hidden, decode[0]).reshape(2, 1, 6, 6) + decode[1][:, None, None]
    return 0.5 * jnp.sum(m**2 + jnp.exp(s) - s - 1) - jnp.sum(x * logits - softplus(logits))


def size(f):
    """The number of parameters, which each network checks."""
    sizes = {"recurrent": 233, "transformer": 550, "residual": 93, "autoencoder": 236}
    return sizes[f.__name__]


rows = {}
for f in (recurrent, transformer, residual, autoencoder):
    n = size(f)
    w, v = 0.5 * waves(n, 1.3, 0.7), waves(n, 0.9, 0.2)
    gradient, product = jax.jvp(jax.grad(f), (w,), (v,))
    rows[f.__name__] = {"value": float(f(w)), "gradient": gradient.tolist(), "hvp": product.tolist()}
    print(f.__name__, n, rows[f.__name__]["value"])
path = Path(__file__).parents[1] / "curvature_of_layers.json"
path.write_text(json.dumps({"jax": jax.__version__, **rows}) + "\n")
