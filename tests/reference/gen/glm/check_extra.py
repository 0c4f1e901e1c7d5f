"""Checks with other code than engine.py: profile bounds by a constrained statsmodels refit, NB/MNL/ordinal sandwich vs statsmodels, AME with offset by finite differences, separation by LP, None hunting."""
import warnings; warnings.filterwarnings('ignore')
import json, os, numpy as np, pandas as pd, statsmodels.api as sm
from scipy.optimize import linprog
HERE = os.path.dirname(os.path.abspath(__file__)); R = json.load(open(os.path.join(HERE, 'glm.json'))); out = {}
G = {o['id']: o for v in R['fits'].values() for o in v}
load = lambda o: pd.read_csv(os.path.join(HERE, o['csv']), float_precision='round_trip')
L = sm.families.links; LK = dict(logit=L.Logit, probit=L.Probit, cloglog=L.CLogLog, log=L.Log, sqrt=L.Sqrt, identity=L.Identity); FM = dict(binomial=sm.families.Binomial, poisson=sm.families.Poisson)
worst = 0; nb = 0; fails = []
for o in R['fits']['glm']:
    if 'profile_ci' not in o or o['family'] == 'gaussian': continue
    df = load(o); X = np.c_[np.ones(len(df)), df[o['features']].to_numpy(float)]; off = df[o['offset']].to_numpy(float) if o['offset'] else np.zeros(len(df)); w = df[o['freq_weights']].to_numpy(float) if o['freq_weights'] else None
    th = np.array(list(o['coef'].values()))
    for j, nm in enumerate(o['names']):
        for s, v in zip((-1, 1), o['profile_ci'][nm]):
            if v is None: print('NO BOUND', o['id'], nm, s); continue
            keep = [k for k in range(len(th)) if k != j]
            try: r = sm.GLM(df[o['response']].to_numpy(float), X[:, keep], family=FM[o['family']](LK[o['link']]()), offset=off+X[:, j]*v, freq_weights=w).fit(maxiter=500, tol=1e-13, start_params=th[keep] + np.array(o['cov'])[keep, j]/o['cov'][j][j]*(v-th[j]))
            except Exception as ex: print('refit', o['id'], nm, s, repr(ex)[:60]); nb += 1; fails.append([o['id'], nm, s, 'refit error']); continue
            d = abs(2*(o['llf']-r.llf) - 3.841458820694124)
            if d > 1e-6: print('profile', o['id'], nm, s, d)
            worst = max(worst, d if d < 1e-6 else 0); nb += 1; fails += [] if d < 1e-6 else [[o['id'], nm, s, d]]
out['profile_bounds'] = dict(checked=nb, max_abs_error_in_drop_excluding_failures=float(worst), refit_failures=fails); print(out)
# NB sandwich
o = G['nb_epil']; df = load(o); X = np.c_[np.ones(len(df)), df[o['features']].to_numpy(float)]
for ct, kw, key in (('HC0', None, 'HC0'), ('cluster', dict(groups=df.subject.to_numpy()), 'cluster')):
    r = sm.NegativeBinomial(df.y.to_numpy(float), X).fit(start_params=list(o['params'].values()), disp=0, method='newton', tol=1e-14, cov_type=ct, cov_kwds=kw)
    out['nb_epil_'+key] = float(np.max(np.abs(r.bse/np.array(list(o['se'][key].values()))-1)))
o = G['mnl_womenlf']; df = load(o); X = np.c_[np.ones(len(df)), df[o['features']].to_numpy(float)]
for ct, kw, key in (('HC0', None, 'HC0'), ('cluster', dict(groups=df.region.to_numpy()), 'cluster')):
    try:
        r = sm.MNLogit(df.partic.to_numpy(), X).fit(disp=0, method='newton', tol=1e-14, cov_type=ct, cov_kwds=kw); out['mnl_womenlf_'+key] = float(np.max(np.abs(np.asarray(r.bse).T.ravel()/np.array(list(o['se'][key].values()))-1)))
    except Exception as ex: out['mnl_womenlf_'+key] = repr(ex)
# AME with offset
for i in ('poisson_ships', 'poisson_insurance'):
    o = G[i]; df = load(o); X = np.c_[np.ones(len(df)), df[o['features']].to_numpy(float)]; th = np.array(list(o['coef'].values())); C = np.array(o['cov']); off = df[o['offset']].to_numpy(float); e = 0
    for j, f in enumerate(o['features'], 1):
        fn = lambda b: np.mean(np.exp(X@b+off))*b[j]; g = np.array([(fn(th+d)-fn(th-d))/(2e-6) for d in np.eye(len(th))*1e-6]); e = max(e, abs(fn(th)/o['ame'][f]['dydx']-1), abs(np.sqrt(g@C@g)/o['ame'][f]['se_eim']-1))
    out['ame_'+i] = float(e)
# separation
for i in [k for k in G if k.startswith('firth')]:
    o = G[i]; df = load(o); X = np.c_[np.ones(len(df)), df[o['features']].to_numpy(float)]; s = 2*df[o['response']].to_numpy(float)-1
    r = linprog(np.zeros(X.shape[1]), A_ub=-(s[:, None]*X), b_ub=-np.ones(len(df)), bounds=(None, None)); out['complete_separation_'+i] = bool(r.status == 0)
def hunt(x, p):
    if x is None or (isinstance(x, float) and not np.isfinite(x)): yield p
    elif isinstance(x, dict):
        for k, v in x.items(): yield from hunt(v, p+'/'+k)
    elif isinstance(x, list):
        for k, v in enumerate(x): yield from hunt(v, p+'/'+str(k))
out['null_or_nan'] = [t for o in G.values() for t in hunt(o, o['id']) if not t.endswith(('/offset','/freq_weights','/cluster','/nagelkerke_r2'))]
json.dump(out, open(os.path.join(HERE, 'check_extra.json'), 'w'), indent=1); print(json.dumps(out, indent=1))
