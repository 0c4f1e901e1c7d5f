"""Coordinate ascent's fixed points and bounds, from scikit-learn, SciPy's integrals and minimisers, and Bishop's formulas term by term.

Run: python make_cavi.py [OUT_DIR]    Needs: pip install scikit-learn scipy
"""
import json
import sys
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import integrate, optimize, stats
from scipy.special import digamma, gammaln, multigammaln
from sklearn.datasets import load_iris
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.mixture import BayesianGaussianMixture

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
rng = np.random.default_rng(3)


def gamma_of(shape, rate):
    return stats.gamma(shape, scale=1 / rate)


# A normal sample. The bound is an integral; its greatest value is found by a minimiser that knows nothing of the updates.
x = np.round(rng.normal(2.0, 1.5, 12), 3)
loc, kappa, shape, rate = 0.5, 0.7, 1.3, 0.9


def log_joint(mu, tau):
    prior = stats.norm(loc, 1 / np.sqrt(kappa * tau)).logpdf(mu) + gamma_of(shape, rate).logpdf(tau)
    return stats.norm(mu, 1 / np.sqrt(tau)).logpdf(x).sum() + prior


def elbo(parameters):
    m, log_p, log_a, log_b = parameters
    p, a, b = np.exp([log_p, log_a, log_b])
    e_tau, e_log_tau = a / b, digamma(a) - np.log(b)
    def squares(data, centre):
        return ((data - centre) ** 2 + 1 / p).sum()
    likelihood = len(x) / 2 * (e_log_tau - np.log(2 * np.pi)) - e_tau / 2 * squares(x, m)
    prior = 0.5 * (np.log(kappa) + e_log_tau - np.log(2 * np.pi)) - e_tau * kappa / 2 * squares(np.array([loc]), m)
    prior += shape * np.log(rate) - gammaln(shape) + (shape - 1) * e_log_tau - rate * e_tau
    return likelihood + prior + stats.norm(m, 1 / np.sqrt(p)).entropy() + gamma_of(a, b).entropy()


best = optimize.minimize(lambda z: -elbo(z), np.array([1.0, 1.0, 1.0, 1.0]), method="BFGS", options=dict(gtol=1e-10))
m, p, a, b = best.x[0], *np.exp(best.x[1:])
q_mu, q_tau = stats.norm(m, 1 / np.sqrt(p)), gamma_of(a, b)
by_integral = integrate.dblquad(
    lambda tau, mu: q_mu.pdf(mu) * q_tau.pdf(tau) * (log_joint(mu, tau) - q_mu.logpdf(mu) - q_tau.logpdf(tau)),
    m - 9 / np.sqrt(p), m + 9 / np.sqrt(p), 1e-9, q_tau.ppf(1 - 1e-13), epsabs=1e-9)[0]
assert abs(by_integral + best.fun) < 1e-6, (by_integral, best.fun)
# x is multivariate t with 2·shape degrees of freedom.
n = len(x)
evidence = stats.multivariate_t(np.full(n, loc), rate / shape * (np.eye(n) + 1 / kappa), df=2 * shape).logpdf(x)
normal = dict(x=x.tolist(), prior=[loc, kappa, shape, rate], best=[m, p, a, b], elbo=-best.fun, evidence=float(evidence))
print("normal", normal["best"], normal["elbo"], evidence)

# Linear regression. With the weights' precision fixed, y is multivariate t; with a prior for it too, the bound by its terms, maximised.
n, d = 25, 3
X = np.round(np.column_stack([np.ones(n), rng.normal(size=(n, 2))]), 3)
y = np.round(X @ [0.5, -1.0, 2.0] + 0.4 * rng.normal(size=n), 3)
a0, b0, alpha = 1.2, 0.8, 0.3
evidence = stats.multivariate_t(np.zeros(n), b0 / a0 * (np.eye(n) + X @ X.T / alpha), df=2 * a0).logpdf(y)
c0, d0 = 0.6, 0.4


def parts(z):
    L = np.zeros((d, d))
    L[np.tril_indices(d)] = z[d : d + 6]
    L[np.diag_indices(d)] = np.exp(np.diag(L))
    return z[:d], L @ L.T, *np.exp(z[d + 6 :])


def linear_elbo(z):
    m, V, a, b, c, dd = parts(z)
    tau, log_tau, al, log_al = a / b, digamma(a) - np.log(b), c / dd, digamma(c) - np.log(dd)
    log_det = np.linalg.slogdet(V)[1]
    energy = tau * m @ m + np.trace(V)
    value = n / 2 * (log_tau - np.log(2 * np.pi)) - 0.5 * (tau * ((y - X @ m) ** 2).sum() + np.trace(X.T @ X @ V))
    value += d / 2 * (log_tau + log_al - np.log(2 * np.pi)) - 0.5 * al * energy
    value += a0 * np.log(b0) - gammaln(a0) + (a0 - 1) * log_tau - b0 * tau
    value += c0 * np.log(d0) - gammaln(c0) + (c0 - 1) * log_al - d0 * al
    value += d / 2 * (1 + np.log(2 * np.pi)) + 0.5 * log_det - d / 2 * log_tau
    return value + gamma_of(a, b).entropy() + gamma_of(c, dd).entropy()


start = np.concatenate([np.zeros(d), np.zeros(6), [2.0, 1.0, 0.5, 0.5]])
best = optimize.minimize(lambda z: -linear_elbo(z), start, method="BFGS", options=dict(gtol=1e-9, maxiter=5000))
mean, V, a, b, c, dd = parts(best.x)
linear = dict(x=X.ravel().tolist(), y=y.tolist(), noise=[a0, b0], alpha=alpha, evidence=float(evidence), weights=[c0, d0],
              mean=mean.tolist(), covariance=(V * b / (a - 1)).ravel().tolist(), noise_posterior=[a, b], weight_posterior=[c, dd], elbo=-best.fun)
print("linear", best.message, mean, a, b, c, dd, -best.fun, evidence)

# A Bayesian mixture of Gaussians: scikit-learn's fixed point from given responsibilities, and Bishop's (10.71) to (10.77) there.
x = load_iris().data
n, d = x.shape
k = 4
nearest = ((x[:, None, :] - x[[10, 70, 120, 140]]) ** 2).sum(-1).argmin(1)
shares = np.eye(k)[nearest]


class FromShares(BayesianGaussianMixture):
    def _initialize_parameters(self, X, random_state, xp=None):
        self._initialize(X, shares)


def log_b(W, nu):
    return -nu / 2 * np.linalg.slogdet(W)[1] - nu * d / 2 * np.log(2) - multigammaln(nu / 2, d)


mixtures = []
for concentration in [1.0, 0.01]:
    model = FromShares(n_components=k, weight_concentration_prior_type="dirichlet_distribution", weight_concentration_prior=concentration, tol=1e-14, max_iter=20000,
                       reg_covar=0.0)
    model.fit(x)
    r = model.predict_proba(x)
    al, be, me, nu = model.weight_concentration_, model.mean_precision_, model.means_, model.degrees_of_freedom_
    W = np.stack([np.linalg.inv(c * v) for c, v in zip(model.covariances_, nu)])
    a0, b0, m0, nu0, W0 = concentration, 1.0, x.mean(0), float(d), np.linalg.inv(np.cov(x.T))
    N = r.sum(0)
    ln_pi = digamma(al) - digamma(al.sum())
    ln_lambda = np.array([digamma((v + 1 - np.arange(1, d + 1)) / 2).sum() + d * np.log(2) + np.linalg.slogdet(w)[1] for v, w in zip(nu, W)])
    total = 0.0
    for j in range(k):
        gap = x - me[j]
        mahalanobis = np.einsum("ni,ij,nj->n", gap, W[j], gap)
        total += (r[:, j] * 0.5 * (ln_lambda[j] - d / be[j] - nu[j] * mahalanobis - d * np.log(2 * np.pi))).sum()
        total += N[j] * ln_pi[j]
        total -= (r[:, j] * np.log(np.maximum(r[:, j], 1e-300))).sum()
        away = me[j] - m0
        total += 0.5 * (d * np.log(b0 / (2 * np.pi)) + ln_lambda[j] - d * b0 / be[j] - b0 * nu[j] * away @ W[j] @ away)
        total += log_b(W0, nu0) + (nu0 - d - 1) / 2 * ln_lambda[j] - nu[j] / 2 * np.trace(np.linalg.inv(W0) @ W[j])
        entropy = -log_b(W[j], nu[j]) - (nu[j] - d - 1) / 2 * ln_lambda[j] + nu[j] * d / 2
        total -= 0.5 * ln_lambda[j] + d / 2 * np.log(be[j] / (2 * np.pi)) - d / 2 - entropy
    total += gammaln(k * a0) - k * gammaln(a0) + (a0 - 1) * ln_pi.sum()
    total -= ((al - 1) * ln_pi).sum() + gammaln(al.sum()) - gammaln(al).sum()
    print("mixture", concentration, model.n_iter_, model.converged_, N, total)
    mixtures.append(dict(concentration=concentration, concentrations=al.tolist(), mean_precisions=be.tolist(), means=me.ravel().tolist(), dof=nu.tolist(),
                         covariances=model.covariances_.ravel().tolist(), counts=N.tolist(), elbo=float(total), sweeps=int(model.n_iter_)))
mixture = dict(x=x.ravel().tolist(), shares=shares.ravel().tolist(), rows=mixtures)

# Topics: scikit-learn's fixed point, at which Blei's bound is taken term by term, with q(z) written out.
docs, words, topics = 30, 12, 3
truth = rng.dirichlet(np.full(words, 0.3), topics)
counts = np.stack([rng.multinomial(40, rng.dirichlet(np.full(topics, 0.4)) @ truth) for _ in range(docs)]).astype(float)
alpha, eta = 0.4, 0.3
settings = dict(doc_topic_prior=alpha, topic_word_prior=eta, learning_method="batch", max_doc_update_iter=2000, mean_change_tol=1e-13, random_state=1)
lam0 = eta + 100 * truth


class FromTopics(LatentDirichletAllocation):
    """From given topics: from draws of its own it and another schedule of updates end at different maxima."""

    def _init_latent_vars(self, *arguments, **named):
        super()._init_latent_vars(*arguments, **named)
        self.components_ = lam0.copy()
        self.exp_dirichlet_component_ = np.exp(digamma(lam0) - digamma(lam0.sum(1, keepdims=True)))


fit = FromTopics(n_components=topics, max_iter=4000, **settings).fit(counts)
lam, gam = fit.components_, fit._unnormalized_transform(counts)
e_theta, e_beta = digamma(gam) - digamma(gam.sum(1, keepdims=True)), digamma(lam) - digamma(lam.sum(1, keepdims=True))
phi = np.exp(e_theta[:, :, None] + e_beta[None])
phi /= phi.sum(1, keepdims=True)
bound = (counts[:, None, :] * phi * (e_theta[:, :, None] + e_beta[None] - np.log(phi))).sum()


def dirichlet_terms(q, e, prior):
    size = q.shape[1]
    p = len(q) * (gammaln(size * prior) - size * gammaln(prior)) + ((prior - 1) * e).sum()
    return p - (gammaln(q.sum(1)).sum() - gammaln(q).sum() + ((q - 1) * e).sum())


bound += dirichlet_terms(gam, e_theta, alpha) + dirichlet_terms(lam, e_beta, eta)
print("topics", bound)
lda = dict(counts=counts.ravel().tolist(), words=words, topics=topics, alpha=alpha, eta=eta, start=lam0.ravel().tolist(), lam=lam.ravel().tolist(), gamma=gam.ravel().tolist(),
           elbo=float(bound))

told = dict(sklearn=sklearn.__version__, scipy=scipy.__version__, normal=normal, linear=linear, mixture=mixture, topics=lda)
(OUT / "cavi.json").write_text(json.dumps(told, separators=(",", ":")))
