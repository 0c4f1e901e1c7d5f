"""JAX's side of the comparison on a GPU: seconds per step as one JSON object.

    python jax_peer.py [--smoke]
"""

import argparse
import json
import math
import time
from functools import partial

import jax
import jax.numpy as jnp


def layers(key, sizes):
    parameters = []
    for key, (rows, columns) in zip(jax.random.split(key, len(sizes)), sizes):
        bound = 1 / math.sqrt(rows)
        parameters.append(
            (jax.random.uniform(key, (rows, columns), minval=-bound, maxval=bound), jnp.zeros(columns))
        )
    return parameters


def dense(x, layer):
    return x @ layer[0] + layer[1]


def cross_entropy(logits, x):
    return jnp.sum(jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits))), axis=-1)


def vae(parameters, x, key):
    encoder, loc, log_variance, hidden, output = parameters
    h = jax.nn.relu(dense(x, encoder))
    loc, log_variance = dense(h, loc), dense(h, log_variance)
    z = loc + jnp.exp(0.5 * log_variance) * jax.random.normal(key, loc.shape)
    logits = dense(jax.nn.relu(dense(z, hidden)), output)
    kl = -0.5 * jnp.sum(1 + log_variance - loc**2 - jnp.exp(log_variance), axis=-1)
    return jnp.mean(cross_entropy(logits, x) + kl)


def iwae(parameters, x, key, k=50):
    e1, e2, loc, log_variance, d1, d2, output = parameters
    h = jnp.tanh(dense(jnp.tanh(dense(x, e1)), e2))
    loc, log_variance = dense(h, loc), dense(h, log_variance)
    eps = jax.random.normal(key, (k, *loc.shape))
    z = loc + jnp.exp(0.5 * log_variance) * eps
    logits = dense(jnp.tanh(dense(jnp.tanh(dense(z, d1)), d2)), output)
    log_weight = -cross_entropy(logits, x) + 0.5 * jnp.sum(eps**2 + log_variance - z**2, axis=-1)
    return math.log(k) - jnp.mean(jax.scipy.special.logsumexp(log_weight, axis=0))


VAE = [(784, 400), (400, 20), (400, 20), (20, 400), (400, 784)]
IWAE = [(784, 200), (200, 200), (200, 50), (200, 50), (50, 200), (200, 200), (200, 784)]


@partial(jax.jit, static_argnames=("objective", "batch"), donate_argnums=(0,))
def step(state, data, objective, batch):
    """Adam (Kingma and Ba, 2015), with the rows from data on the device in a random order."""
    parameters, first, second, order, count, key = state
    key, noise = jax.random.split(key)
    start = count * batch % (data.shape[0] - batch + 1)
    x = data[jax.lax.dynamic_slice(order, (start,), (batch,))].astype(jnp.float32)
    gradient = jax.grad(objective)(parameters, x, noise)
    count += 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), parameters, first, second)
    return parameters, first, second, order, count, key


def seconds_per_step(objective, sizes, batch, steps):
    key = jax.random.key(0)
    data = (jax.random.uniform(key, (max(60_000, batch), 784)) > 0.5).astype(jnp.uint8)
    parameters = layers(key, sizes)
    zeros = lambda: jax.tree.map(jnp.zeros_like, parameters)
    order = jax.random.permutation(key, data.shape[0])
    state = (parameters, zeros(), zeros(), order, jnp.int32(0), jax.random.key(1))
    for _ in range(20):
        state = step(state, data, objective, batch)
    jax.block_until_ready(state)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(steps):
            state = step(state, data, objective, batch)
        jax.block_until_ready(state)
        times.append((time.perf_counter() - begin) / steps)
    return sorted(times)[2]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true", help="a few small steps, to see that it runs")
    arguments = parser.parse_args()
    steps = 3 if arguments.smoke else 200
    results = {"library": f"jax {jax.__version__}", "card": jax.devices()[0].device_kind}
    for products, precision in [("f32", "highest"), ("tf32", "tensorfloat32")]:
        with jax.default_matmul_precision(precision):
            for name, objective, sizes, batch in [
                ("vae", vae, VAE, 128),
                ("vae", vae, VAE, 4096),
                ("iwae", iwae, IWAE, 20),
            ]:
                results[f"{name}-{batch}-{products}-jit"] = seconds_per_step(objective, sizes, batch, steps)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
