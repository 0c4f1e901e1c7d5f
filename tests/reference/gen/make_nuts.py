"""The posterior of a Bayesian logistic regression by NumPyro's NUTS, in float64.

Breast cancer, columns standardised by their population deviation; coefficients and intercept N(0, 1).

Run: python make_nuts.py [OUT_DIR]    Needs: pip install numpyro scikit-learn
"""
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.diagnostics import summary
from numpyro.infer import MCMC, NUTS
from sklearn.datasets import load_breast_cancer

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
numpyro.enable_x64()
x, y = load_breast_cancer(return_X_y=True)
x = (x - x.mean(0)) / x.std(0)
# Last, the intercept.
x = jnp.asarray(np.hstack([x, np.ones((len(x), 1))]))


def model():
    beta = numpyro.sample("beta", dist.Normal(jnp.zeros(x.shape[1]), 1.0).to_event(1))
    numpyro.sample("y", dist.Bernoulli(logits=x @ beta), obs=jnp.asarray(y))


chains = 4
mcmc = MCMC(NUTS(model), num_warmup=2000, num_samples=25000, num_chains=chains, chain_method="sequential", progress_bar=False)
mcmc.run(jax.random.PRNGKey(0))
draws = np.asarray(mcmc.get_samples(group_by_chain=True)["beta"])
told = summary(draws)["Param:0"] if "Param:0" in summary(draws) else list(summary(draws).values())[0]
print("least n_eff", told["n_eff"].min(), "greatest r_hat", told["r_hat"].max())
flat = draws.reshape(-1, draws.shape[-1])
result = dict(numpyro=numpyro.__version__, draws=len(flat), least_n_eff=float(told["n_eff"].min()), greatest_r_hat=float(told["r_hat"].max()),
              mean=flat.mean(0).tolist(), sd=flat.std(0, ddof=1).tolist())
(OUT / "nuts.json").write_text(json.dumps(result, separators=(",", ":")))
