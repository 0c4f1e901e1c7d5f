"""Maps, mixtures and transformed distributions, by PyTorch in float64.

Run: python make_bijectors.py [OUT_DIR]    Needs: pip install torch
"""
import json
import sys
from pathlib import Path

import torch
from torch import distributions as D
from torch.distributions import transforms as T

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
torch.set_default_dtype(torch.float64)
x = torch.tensor([-3.0, -0.4, 0.0, 0.7, 2.5])
maps = {}
for name, transform in [
    ("exp", T.ExpTransform()), ("sigmoid", T.SigmoidTransform()), ("softplus", T.SoftplusTransform()),
    ("affine", T.AffineTransform(0.5, -2.0)), ("stick_breaking", T.StickBreakingTransform()),
    ("correlation_cholesky", T.CorrCholeskyTransform()),
    ("interval", T.ComposeTransform([T.SigmoidTransform(), T.AffineTransform(-1.0, 4.0)])),
]:
    x = torch.tensor([-3.0, -0.4, 0.0, 0.7, 2.5, 0.9]) if "cholesky" in name else x
    y = transform(x)
    maps[name] = dict(x=x.tolist(), y=y.flatten().tolist(), log_abs_det=transform.log_abs_det_jacobian(x, y).reshape(-1).tolist())
# Four rows from six numbers; PyTorch has no determinant for its own map of covariances' factors.
lkj = []
for k, eta in [(2, 1.0), (3, 0.7), (4, 2.5)]:
    free = torch.linspace(-1.0, 1.3, k * (k - 1) // 2)
    factor = T.CorrCholeskyTransform()(free)
    eta = torch.tensor(eta, requires_grad=True)
    log_prob = D.LKJCholesky(k, eta).log_prob(factor)
    log_prob.backward()
    lkj.append(dict(k=k, concentration=eta.item(), x=factor.flatten().tolist(), log_prob=log_prob.item(), slope=eta.grad.item()))
logits, loc, scale = torch.tensor([0.3, -0.5, 1.1]), torch.tensor([-2.0, 0.5, 3.0]), torch.tensor([0.7, 1.5, 0.4])
mixture = D.MixtureSameFamily(D.Categorical(logits=logits), D.Normal(loc, scale))
at = torch.tensor([-3.0, -1.0, 0.6, 2.9, 8.0])
mixture = dict(logits=logits.tolist(), loc=loc.tolist(), scale=scale.tolist(), x=at.tolist(), log_prob=mixture.log_prob(at).tolist(),
               cdf=mixture.cdf(at).tolist(), mean=mixture.mean.item(), variance=mixture.variance.item())
base = D.Independent(D.Normal(torch.tensor([0.2, -0.4]), torch.tensor([0.6, 1.3])), 1)
simplex = D.TransformedDistribution(base, [T.StickBreakingTransform()])
values = torch.tensor([[0.2, 0.3, 0.5], [0.9, 0.06, 0.04]])
logistic_normal = dict(loc=[0.2, -0.4], scale=[0.6, 1.3], x=values.tolist(), log_prob=simplex.log_prob(values).tolist())
(OUT / "bijectors.json").write_text(json.dumps(dict(torch=torch.__version__, maps=maps, mixture=mixture, logistic_normal=logistic_normal, lkj=lkj), separators=(",", ":")))
print(json.dumps(maps, indent=1)[:400])
