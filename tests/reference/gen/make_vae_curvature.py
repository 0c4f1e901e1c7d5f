"""Products with the Hessian of the VAE's negative ELBO of vae.json, by PyTorch in float64.

Run: python make_vae_curvature.py [DIR]    Needs: pip install torch.    DIR has vae.json, and gets vae_curvature.json.
"""
import json
import sys
from pathlib import Path

import torch

DIR = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
torch.set_default_dtype(torch.float64)
vae = json.loads((DIR / "vae.json").read_text())
x, eps = torch.tensor(vae["x"]), torch.tensor(vae["eps"][0])
names = list(vae["params"])
values = tuple(torch.tensor(vae["params"][name]) for name in names)


def loss(*values):
    p = dict(zip(names, values))
    h = torch.relu(x @ p["enc_w"] + p["enc_b"])
    mu, lv = h @ p["mu_w"] + p["mu_b"], h @ p["lv_w"] + p["lv_b"]
    z = mu + torch.exp(0.5 * lv) * eps
    logits = torch.relu(z @ p["dec_w"] + p["dec_b"]) @ p["out_w"] + p["out_b"]
    nll = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    return (nll + 0.5 * (lv.exp() + mu**2 - 1 - lv).sum(-1)).mean()


assert abs(loss(*values).item() + vae["elbo"]) < 1e-12
generator = torch.Generator().manual_seed(11)
direction = tuple(torch.randn(v.shape, generator=generator) for v in values)
_, hvp = torch.autograd.functional.hvp(loss, values, direction)
flat = lambda tensors: {name: t.flatten().tolist() for name, t in zip(names, tensors)}
out = dict(torch=torch.__version__, direction=flat(direction), hvp=flat(hvp))
(DIR / "vae_curvature.json").write_text(json.dumps(out, separators=(",", ":")))
print(hvp)
