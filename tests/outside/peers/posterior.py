"""Bayesian logistic regression of the breast cancer data on minibatches, with a mean-field guide."""

import numpyro
import numpyro.distributions as dist
from jax import random
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoNormal
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale


def model(x, y):
    weights = numpyro.sample("weights", dist.Normal(0, 1).expand([x.shape[1]]).to_event(1))
    intercept = numpyro.sample("intercept", dist.Normal(0, 1))
    with numpyro.plate("rows", len(y), subsample_size=64):
        x, y = numpyro.subsample(x, event_dim=1), numpyro.subsample(y, event_dim=0)
        numpyro.sample("y", dist.Bernoulli(logits=x @ weights + intercept), obs=y)


x, y = load_breast_cancer(return_X_y=True)
svi = SVI(model, AutoNormal(model), numpyro.optim.Adam(0.002), Trace_ELBO())
params = svi.run(random.key(0), 20_000, scale(x), y, progress_bar=False).params
print("means", params["weights_auto_loc"], params["intercept_auto_loc"])
print("standard deviations", params["weights_auto_scale"], params["intercept_auto_scale"])
