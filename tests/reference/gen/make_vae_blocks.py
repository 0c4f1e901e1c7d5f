"""Bound and gradients of VAEs with GELU and SiLU, layer normalisation, residual blocks and classes, by PyTorch in float64.

Run: python make_vae_blocks.py [OUT_DIR]    Needs: pip install torch
"""
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(31)


def rounded(*shape, scale=1.0):
    return (torch.randn(*shape, generator=generator) * scale * 1000).round() / 1000


class Parameters(dict):
    """Parameters by Kiln's names, drawn when they are first used."""

    def get(self, name, *shape):
        if name not in self:
            self[name] = rounded(*shape, scale=0.4).requires_grad_()
        return self[name]


def dense(p, name, x, d_out):
    return x @ p.get(f"{name}.weight", x.shape[-1], d_out) + p.get(f"{name}.bias", d_out)


def norm(p, name, x):
    """Of vectors or images: one mean for all of a row."""
    channels = x.shape[1]
    return F.group_norm(x, 1, p.get(f"{name}.gamma", channels), p.get(f"{name}.beta", channels))


def convolution(p, name, x, channels, side, **how):
    return F.conv2d(x, p.get(f"{name}.weight", channels, x.shape[1], side, side), p.get(f"{name}.bias", channels), **how)


def block(p, name, h, act):
    def apply(which, rows):
        rows = act(norm(p, f"{name}.norms.{0 if which == 'first' else 1}", rows))
        if rows.dim() == 2:
            return dense(p, f"{name}.{which}", rows, rows.shape[1])
        return convolution(p, f"{name}.{which}", rows, rows.shape[1], 3, padding=1)

    return h + apply("second", apply("first", h))


def after(p, name, rows, act, normalise=True):
    h = act(norm(p, f"{name}.norm", rows)) if normalise else rows
    return block(p, f"{name}.blocks.0", h, act)


def told(act, classes):
    """Images of 5 by 7 through convolutions of 2 and 3 channels, 6 hidden units and 2 latent dimensions."""
    p, n = Parameters(), 4
    x = torch.rand(n, 35, generator=generator).mul(1000).round() / 1000
    eps = rounded(n, 2)
    given = F.one_hot(torch.arange(n) % classes, classes).double() if classes else torch.zeros(n, 0)
    h = x.reshape(n, 1, 5, 7)
    for i, channels in enumerate((2, 3)):
        h = convolution(p, f"image_encoder.convolutions.{i}", h, channels, 4, stride=2, padding=1)
        h = after(p, f"image_encoder.after.{i}", h, act)
    h = after(p, "encoder_after.0", dense(p, "encoder.0", torch.cat([h.flatten(1), given], 1), 6), act)
    mu, lv = dense(p, "latent_loc", h, 2), dense(p, "latent_log_variance", h, 2)
    z = mu + torch.exp(0.5 * lv) * eps
    h = after(p, "decoder_after.0", dense(p, "decoder.0", torch.cat([z, given], 1), 6), act)
    h = act(dense(p, "decoder.1", h, 3)).reshape(n, 3, 1, 1)
    h = after(p, "image_decoder.after.0", h, act, normalise=False)
    weight = p.get("image_decoder.convolutions.0.weight", 3, 2, 4, 4)
    h = F.conv_transpose2d(h, weight, p.get("image_decoder.convolutions.0.bias", 2), stride=2, padding=1, output_padding=(0, 1))
    h = after(p, "image_decoder.after.1", h, act)
    h = F.conv_transpose2d(h, p.get("image_decoder.convolutions.1.weight", 2, 1, 4, 4), stride=2, padding=1, output_padding=(1, 1))
    logits = h.reshape(n, 35) + p.get("image_decoder.bias", 35)
    likelihood = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    kl = 0.5 * (lv.exp() + mu**2 - 1 - lv).sum(-1)
    loss = (kl - likelihood).mean()
    loss.backward()
    of = lambda tensors: {name: t.detach().flatten().tolist() for name, t in tensors.items()}
    gradients = {name: value.grad for name, value in p.items()}
    return dict(n=n, classes=classes, x=x.flatten().tolist(), eps=eps.flatten().tolist(), given=given.flatten().tolist(),
                params=of(p), elbo=-loss.item(), gradients=of(gradients))


result = dict(gelu=told(F.gelu, 0), silu=told(F.silu, 3))
(OUT / "vae_blocks.json").write_text(json.dumps(result, separators=(",", ":")))
