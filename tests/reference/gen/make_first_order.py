"""Reference values for schedules, averages of iterates and gradient transforms, in float64, by PyTorch and optax.

Run: python make_first_order.py OUT_DIR    Needs: pip install torch optax jax numpy
"""
import json, math, sys, warnings
from pathlib import Path
import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np, optax, torch

warnings.simplefilter("ignore")
torch.set_default_dtype(torch.float64)
OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
L = lambda x: np.asarray(x, dtype=np.float64).tolist()


def torch_schedule(make, base, n):
    p = torch.nn.Parameter(torch.zeros(1)); o = torch.optim.SGD([p], lr=base); s = make(o); out = []
    for _ in range(n):
        out.append(o.param_groups[0]["lr"]); o.step(); s.step()
    return out


def schedules():
    S = torch.optim.lr_scheduler
    rows = []
    add = lambda spec, base, total, values, witness: rows.append(
        dict(spec=spec, base=base, total=total, values=L(values), witness=witness))
    add("linear:last=0.1,steps=20", 0.5, 30, torch_schedule(lambda o: S.LinearLR(o, 1.0, 0.1, 20), 0.5, 30), "torch LinearLR")
    add("polynomial:power=2.5,last=0,steps=20", 0.5, 30, torch_schedule(lambda o: S.PolynomialLR(o, 20, 2.5), 0.5, 30), "torch PolynomialLR")
    add("polynomial:power=3,last=0.2,steps=20", 0.5, 30,
        [float(optax.polynomial_schedule(0.5, 0.1, 3, 20)(k)) for k in range(30)], "optax polynomial_schedule")
    add("exponential:factor=0.9,every=1", 0.5, 30, torch_schedule(lambda o: S.ExponentialLR(o, 0.9), 0.5, 30), "torch ExponentialLR")
    add("exponential:factor=0.5,every=7", 0.5, 30,
        [float(optax.exponential_decay(0.5, 7, 0.5)(k)) for k in range(30)], "optax exponential_decay")
    add("step:factor=0.3,every=7", 0.5, 30, torch_schedule(lambda o: S.StepLR(o, 7, 0.3), 0.5, 30), "torch StepLR")
    add("multi-step:factor=0.1,at=3/9/20", 0.5, 30, torch_schedule(lambda o: S.MultiStepLR(o, [3, 9, 20], 0.1), 0.5, 30), "torch MultiStepLR")
    add("cosine:last=0.02,steps=20", 0.5, 21, torch_schedule(lambda o: S.CosineAnnealingLR(o, 20, 0.01), 0.5, 21), "torch CosineAnnealingLR")
    add("cosine:last=0.1,steps=20", 0.5, 30,
        [float(optax.cosine_decay_schedule(0.5, 20, 0.1)(k)) for k in range(30)], "optax cosine_decay_schedule")
    for growth in (1, 2):
        add(f"cosine-restarts:period=5,growth={growth},last=0.02", 0.5, 40,
            torch_schedule(lambda o: S.CosineAnnealingWarmRestarts(o, 5, growth, 0.01), 0.5, 40), "torch CosineAnnealingWarmRestarts")
    # PyTorch counts the peak at pct_start·T − 1 and the end at T − 1.
    add("one-cycle:start=0.04,rise=0.30508474576271188,last=4e-6,steps=59", 0.5, 60,
        torch_schedule(lambda o: S.OneCycleLR(o, 0.5, total_steps=60, pct_start=19 / 60), 0.5, 60)[:60], "torch OneCycleLR")
    add("cosine:last=0.1,steps=20,warm-up=8,from=0.25", 0.5, 40,
        [float(optax.warmup_cosine_decay_schedule(0.125, 0.5, 8, 28, 0.05)(k)) for k in range(40)], "optax warmup_cosine_decay_schedule")
    add("inverse-time:kappa=10,power=0.75", 0.5, 30, [0.5 * (1 + k / 10) ** -0.75 for k in range(30)], "formula")
    add("inverse-sqrt:kappa=4", 0.5, 30, [0.5 / math.sqrt(1 + k / 4) for k in range(30)], "formula")
    add("sutskever", 0.99, 3000, [min(1 - 2 ** (-1 - math.log2(k // 250 + 1)), 0.99) for k in range(3000)], "formula, with its log2")
    return rows


def plateau():
    rng = np.random.default_rng(3); rows = []
    for kw in (dict(), dict(patience=2), dict(patience=1, cooldown=3, factor=0.5), dict(patience=0, threshold=0.05, min_lr=0.02)):
        losses = np.round(np.abs(3 * np.exp(-np.arange(60) / 12) + 0.3 * rng.standard_normal(60)) + 0.5, 3)
        p = torch.nn.Parameter(torch.zeros(1)); o = torch.optim.SGD([p], lr=1.0)
        s = torch.optim.lr_scheduler.ReduceLROnPlateau(o, **kw); lrs = []
        for loss in losses:
            s.step(float(loss)); lrs.append(o.param_groups[0]["lr"])
        rows.append(dict(factor=kw.get("factor", 0.1), patience=kw.get("patience", 10), threshold=kw.get("threshold", 1e-4),
                         cooldown=kw.get("cooldown", 0), least=kw.get("min_lr", 0.0), losses=L(losses), multiples=lrs))
    return rows


def averages():
    """Gradient descent on a quadratic, and the averages of its iterates after every step."""
    a = np.array([1.0, 5.0]); x = np.array([3.0, -2.0]); xs = []
    model = torch.nn.Linear(1, 1); model.weight.data = torch.zeros(2); model.bias = None
    uniform = torch.optim.swa_utils.AveragedModel(model)
    ema = optax.ema(0.8, debias=True); state = ema.init(jnp.zeros(2)); out = dict(uniform=[], ema=[])
    for k in range(25):
        x = x - 0.15 * a * x
        model.weight.data = torch.tensor(x); uniform.update_parameters(model)
        mean, state = ema.update(jnp.asarray(x), state)
        xs.append(L(x)); out["uniform"].append(L(uniform.module.weight.detach())); out["ema"].append(L(mean))
    return dict(curvature=L(a), start=[3.0, -2.0], lr=0.15, decay=0.8, iterates=xs, **out)


def clipping():
    rng = np.random.default_rng(5)
    tree = dict(a=rng.standard_normal((2, 3)), b=rng.standard_normal(4) * 3)
    flat = lambda t: L(np.concatenate([np.ravel(t["a"]), np.ravel(t["b"])]))
    run = lambda t: flat(t.update({k: jnp.asarray(v) for k, v in tree.items()}, t.init(tree))[0])
    return dict(gradient=flat(tree), norm=float(optax.global_norm({k: jnp.asarray(v) for k, v in tree.items()})),
                by_norm={str(m): run(optax.clip_by_global_norm(m)) for m in (0.5, 100.0)},
                by_value={str(m): run(optax.clip(m)) for m in (0.5, 2.0)})


(OUT / "first_order.json").write_text(json.dumps(
    dict(schedules=schedules(), plateau=plateau(), averages=averages(), clipping=clipping()), separators=(",", ":")))
