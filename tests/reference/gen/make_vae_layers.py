"""Bounds and gradients of a VAE with two stochastic layers, and of a convolutional one over grey levels, by PyTorch in float64.

Run: python make_vae_layers.py [OUT_DIR]    Needs: pip install torch
"""
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Normal

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(29)


def rounded(*shape, scale=1.0):
    return (torch.randn(*shape, generator=generator) * scale * 1000).round() / 1000


def parameters(shapes):
    return {name: rounded(*shape, scale=0.4).requires_grad_() for name, shape in shapes.items()}


def linear(shapes, name, d_in, d_out):
    shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (d_in, d_out), (d_out,)


def dense(p, name, x):
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def told(p, objective):
    for value in p.values():
        value.grad = None
    objective.backward()
    return dict(value=-objective.item(), gradients={name: value.grad.flatten().tolist() for name, value in p.items()})


def flat(tensors):
    return {name: t.detach().flatten().tolist() for name, t in tensors.items()}


# x (6) -> 5 -> 4 -> z1 (3) -> 4 -> z2 (2), tanh.
shapes = {}
for name, sizes in [("encoder.0", (6, 5)), ("encoder.1", (5, 4)), ("latent_loc", (4, 3)), ("latent_log_variance", (4, 3))]:
    linear(shapes, name, *sizes)
for way, (d_in, d_out) in [("up", (3, 2)), ("down", (2, 3))]:
    linear(shapes, f"above.0.{way}.hidden.0", d_in, 4)
    linear(shapes, f"above.0.{way}.loc", 4, d_out)
    linear(shapes, f"above.0.{way}.log_variance", 4, d_out)
for name, sizes in [("decoder.0", (3, 4)), ("decoder.1", (4, 5)), ("decoder.2", (5, 6))]:
    linear(shapes, name, *sizes)
p = parameters(shapes)
n, k = 5, 3
x = (torch.rand(n, 6, generator=generator) > 0.5).double()
eps = rounded(k, n, 5)


def gaussian(name, h):
    h = torch.tanh(dense(p, f"{name}.hidden.0", h))
    return Normal(dense(p, f"{name}.loc", h), torch.exp(0.5 * dense(p, f"{name}.log_variance", h)))


def log_weights(eps):
    h = torch.tanh(dense(p, "encoder.1", torch.tanh(dense(p, "encoder.0", x))))
    q1 = Normal(dense(p, "latent_loc", h), torch.exp(0.5 * dense(p, "latent_log_variance", h)))
    z1 = q1.loc + q1.scale * eps[..., :3]
    q2 = gaussian("above.0.up", z1)
    z2 = q2.loc + q2.scale * eps[..., 3:]
    logits = dense(p, "decoder.2", torch.tanh(dense(p, "decoder.1", torch.tanh(dense(p, "decoder.0", z1)))))
    likelihood = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
    prior = Normal(0.0, 1.0).log_prob(z2).sum(-1) + gaussian("above.0.down", z2).log_prob(z1).sum(-1)
    return likelihood + prior - q1.log_prob(z1).sum(-1) - q2.log_prob(z2).sum(-1)


two = dict(n=n, k=k, x=x.flatten().tolist(), eps=eps.flatten().tolist(), params=flat(p))
two["log_weights"] = log_weights(eps).flatten().tolist()
two["iwae"] = told(p, -(torch.logsumexp(log_weights(eps), 0) - torch.log(torch.tensor(float(k)))).mean())
two["elbo"] = told(p, -log_weights(eps[0]).mean())

# Images of 5 by 7, two convolutions (2 and 3 channels), hidden 6, z of 2, four grey levels, relu.
levels, n = 4, 4
shapes = {"image_encoder.convolutions.0.weight": (2, 1, 4, 4), "image_encoder.convolutions.0.bias": (2,),
          "image_encoder.convolutions.1.weight": (3, 2, 4, 4), "image_encoder.convolutions.1.bias": (3,)}
linear(shapes, "encoder.0", 3, 6)
for head in ("latent_loc", "latent_log_variance"):
    linear(shapes, head, 6, 2)
linear(shapes, "decoder.0", 2, 6)
linear(shapes, "decoder.1", 6, 3)
shapes |= {"image_decoder.convolutions.0.weight": (3, 2, 4, 4), "image_decoder.convolutions.0.bias": (2,),
           "image_decoder.convolutions.1.weight": (2, levels, 4, 4), "image_decoder.bias": (35 * levels,)}
p = parameters(shapes)
x = torch.randint(0, levels, (n, 35), generator=generator) / (levels - 1)
eps = rounded(n, 2)
h = x.reshape(n, 1, 5, 7)
for i in range(2):
    h = torch.relu(F.conv2d(h, p[f"image_encoder.convolutions.{i}.weight"], p[f"image_encoder.convolutions.{i}.bias"], stride=2, padding=1))
h = torch.relu(dense(p, "encoder.0", h.flatten(1)))
mu, lv = dense(p, "latent_loc", h), dense(p, "latent_log_variance", h)
z = mu + torch.exp(0.5 * lv) * eps
h = torch.relu(dense(p, "decoder.1", torch.relu(dense(p, "decoder.0", z)))).reshape(n, 3, 1, 1)
h = torch.relu(F.conv_transpose2d(h, p["image_decoder.convolutions.0.weight"], p["image_decoder.convolutions.0.bias"], stride=2, padding=1, output_padding=(0, 1)))
h = F.conv_transpose2d(h, p["image_decoder.convolutions.1.weight"], stride=2, padding=1, output_padding=(1, 1))
logits = h.permute(0, 2, 3, 1).reshape(n, 35 * levels) + p["image_decoder.bias"]
d = Categorical(logits=logits.reshape(n, 35, levels))
log_likelihood = d.log_prob((x * (levels - 1)).round()).sum(-1)
kl = 0.5 * (lv.exp() + mu**2 - 1 - lv).sum(-1)
greys = torch.arange(levels) / (levels - 1)
conv = dict(n=n, levels=levels, x=x.flatten().tolist(), eps=eps.flatten().tolist(), params=flat(p))
conv["log_likelihood"] = log_likelihood.tolist()
mean = (d.probs * greys).sum(-1)
conv["mean"] = mean.flatten().tolist()
conv["variance"] = ((d.probs * greys**2).sum(-1) - mean**2).flatten().tolist()
conv["entropy"] = d.entropy().flatten().tolist()
conv["elbo"] = told(p, (kl - log_likelihood).mean())
(OUT / "vae_layers.json").write_text(json.dumps(dict(two_layers=two, convolutional=conv), separators=(",", ":")))
