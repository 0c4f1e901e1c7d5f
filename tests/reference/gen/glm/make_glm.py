"""Builds glm.json. Every number is computed with ~50 digits (MPFR through gmpy2) by engine.py and then rounded to f64;
statsmodels is used only for starting values and as an independent check (the `check_statsmodels` entry of each fit).
Usage: python make_glm.py  (runs prep.py's data if data/ is there; NIST from nist.py)"""
import json, os, sys, time, warnings
warnings.filterwarnings('ignore')
from engine import *
import pandas as pd, statsmodels.api as sm
from scipy import stats
import statsmodels.discrete.discrete_model as dm
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.discrete.count_model import ZeroInflatedPoisson
HERE = os.path.dirname(os.path.abspath(__file__))
Z975 = mpfr('1.959963984540054235524594430520551770906640742')   # normal 0.975 quantile
CHI95 = Z975*Z975                                                  # chi2(1) 0.95 quantile
def F(x):
    if x is None: return None
    if isinstance(x, (list, tuple)) or isinstance(x, np.ndarray): return [F(t) for t in x]
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool): return int(x)
    return float(x)
def named(nm, v): return {k: F(x) for k, x in zip(nm, v)}
def load(name): return pd.read_csv(os.path.join(HERE, 'data', name + '.csv'), float_precision='round_trip')
def msqrt(d): return [gmpy2.sqrt(x) for x in d]
def chi2sf(x, df): return float(stats.chi2.sf(float(x), df))
def wald_ci(nm, th, se, crit=Z975): return {k: [F(b - crit*s), F(b + crit*s)] for k, b, s in zip(nm, th, se)}
def sandwich(bread, S, w, h=None, power=0, clusters=None):
    """bread S' diag(w (1-h)^-power) S bread; clusters: sum score rows (times w) within clusters first."""
    if clusters is not None:
        ids = sorted(set(clusters)); T = zeros(len(ids), S.shape[1])
        for r, c in enumerate(clusters): T[ids.index(c)] = T[ids.index(c)] + w[r]*S[r]
        return bread.dot(T.T.dot(T)).dot(bread), len(ids)
    f = w if power == 0 else w*np.array([ONE/(ONE-x)**power for x in h], dtype=object)
    return bread.dot(S.T.dot(S*f[:, None])).dot(bread)
def diag(A): return [A[i, i] for i in range(len(A))]

# ---------- GLM families: kernel ll per observation (phi = 1), as jets in eta
LINK = {
 'identity': (lambda e: e, lambda m: m), 'log': (jexp, log), 'logit': (lambda e: 1/(jexp(-e)+1), None), 'probit': (jPhi, None),
 'cloglog': (lambda e: 1 - jexp(-jexp(e)), None), 'inverse': (lambda e: 1/e, lambda m: ONE/m), 'inverse_squared': (lambda e: 1/jsqrt(e), lambda m: ONE/(m*m)),
 'sqrt': (lambda e: e*e, sqrt)}
VAR = {'gaussian': lambda m: ONE + 0*m, 'binomial': lambda m: m*(1-m), 'poisson': lambda m: m, 'gamma': lambda m: m*m, 'inverse_gaussian': lambda m: m*m*m}
SMLINK = dict(identity=sm.families.links.Identity, log=sm.families.links.Log, logit=sm.families.links.Logit, probit=sm.families.links.Probit, cloglog=sm.families.links.CLogLog,
  inverse=sm.families.links.InversePower, inverse_squared=sm.families.links.InverseSquared, sqrt=sm.families.links.Sqrt)
SMFAM = dict(gaussian=sm.families.Gaussian, binomial=sm.families.Binomial, poisson=sm.families.Poisson, gamma=sm.families.Gamma, inverse_gaussian=sm.families.InverseGaussian)
def kernel(fam, y):
    if fam == 'gaussian': return lambda mu: -(mu - y)*(mu - y)*mpfr('0.5')
    if fam == 'binomial':
        m = np.array([t == 1 for t in y]); return lambda mu: jlog(jwhere(m, mu, 1 - mu))
    if fam == 'poisson':
        m = np.array([t > 0 for t in y]); return lambda mu: jlog(mu)*y - mu
    if fam == 'gamma': return lambda mu: -(y/mu if False else (1/mu)*y) - jlog(mu)
    if fam == 'inverse_gaussian': return lambda mu: (1/(mu*mu))*y*mpfr('-0.5') + 1/mu
def ddev(fam, y, mu):
    """unit deviance"""
    if fam == 'gaussian': return (y-mu)**2
    if fam == 'binomial': return -2*(gmpy2.log(mu) if y == 1 else gmpy2.log(1-mu))
    if fam == 'poisson': return 2*((y*gmpy2.log(y/mu) if y > 0 else Z) - (y-mu))
    if fam == 'gamma': return 2*((y-mu)/mu - gmpy2.log(y/mu))
    if fam == 'inverse_gaussian': return (y-mu)**2/(y*mu*mu)
def fullll(fam, y, mu, phi):
    if fam == 'gaussian': return -((y-mu)**2/phi + gmpy2.log(2*PI*phi))/2
    if fam == 'binomial': return gmpy2.log(mu) if y == 1 else gmpy2.log(1-mu)
    if fam == 'poisson': return y*gmpy2.log(mu) - mu - gmpy2.lgamma(y+1)[0]
    if fam == 'gamma': k = 1/phi; return k*gmpy2.log(k*y/mu) - k*y/mu - gmpy2.log(y) - gmpy2.lgamma(k)[0]
    if fam == 'inverse_gaussian': return -((y-mu)**2/(y*mu*mu*phi) + gmpy2.log(2*PI*phi*y**3))/2
SCALED = ('gaussian', 'gamma', 'inverse_gaussian')
class GLM:
    def __init__(s, df, y, feats, fam, link, off=None, w=None):
        s.nm = ['const'] + list(feats); s.fam, s.link = fam, link
        s.y = M(df[y].to_numpy()); s.n = len(df)
        s.X = np.array([[ONE]*s.n] + [list(M(df[f].to_numpy())) for f in feats], dtype=object).T
        s.off = M(df[off].to_numpy()) if off else np.array([Z]*s.n, dtype=object)
        s.w = M(df[w].to_numpy()) if w else np.array([ONE]*s.n, dtype=object)
        mf = LINK[link][0]; k = kernel(fam, s.y)
        s.m = Model([s.X], [s.off], lambda e: k(mf(e)), s.w); s.jmu = mf
        s.sm = sm.GLM(df[y].to_numpy(float), np.c_[np.ones(s.n), df[list(feats)].to_numpy(float)] if feats else np.ones((s.n,1)), family=SMFAM[fam](SMLINK[link]()),
                      offset=df[off].to_numpy(float) if off else None, freq_weights=df[w].to_numpy(float) if w else None)
    def fit(s, start=None):
        if start is None:
            if s.link == 'inverse_squared' or (s.link == 'inverse'):
                start = zeros(s.X.shape[1]); mb = (s.w*s.y).sum()/s.w.sum(); start[0] = LINK[s.link][1](mb)
            else:
                r = s.sm.fit(maxiter=300, tol=1e-13) ; s.smr = r; start = M(r.params)
        s.th, s.kll, g, s.H = s.m.newton(start); s.grad = g
        if getattr(s, 'smr', None) is None:
            try: s.smr = s.sm.fit(maxiter=300, tol=1e-13, start_params=np.array(F(s.th)))
            except Exception as ex: s.smr = None; print('   statsmodels fails:', s.fam, s.link, repr(ex)[:80])
        eta = s.X.dot(s.th) + s.off; j = s.jmu(J.inputs([eta])[0]); bc = lambda x: np.array(np.broadcast_to(np.asarray(x, dtype=object), (s.n,)))
        s.eta, s.mu, s.dmu = eta, bc(j.v), bc(j.g[0])
        V = VAR[s.fam](s.mu); s.V = V
        s.W = s.dmu*s.dmu/V
        s.I = s.X.T.dot(s.X*(s.w*s.W)[:, None])            # expected information, phi = 1
        s.N = s.w.sum(); s.P = len(s.th); s.dfr = s.N - s.P
        s.pearson = (s.w*(s.y-s.mu)**2/V).sum()
        s.dev_i = np.array([ddev(s.fam, a, b) for a, b in zip(s.y, s.mu)], dtype=object); s.dev = (s.w*s.dev_i).sum()
        s.phi = s.pearson/s.dfr if s.fam in SCALED else ONE
        return s
    def ll(s, phi=None):
        if phi is None: phi = s.phi_ll()
        return sum(w*fullll(s.fam, a, b, phi) for w, a, b in zip(s.w, s.y, s.mu))
    def phi_ll(s):
        if s.fam == 'gaussian' : return s.dev/s.N
        return s.phi
def relmax(a, b):
    a = np.atleast_1d(np.asarray(F(a), float)).ravel(); b = np.atleast_1d(np.asarray(b, float)).ravel()
    sc = np.maximum(np.abs(b), 1e-6*np.max(np.abs(b)) + 1e-300)
    return float(np.max(np.abs(a-b)/sc))

def trig(k, phi): pass
def ml_shape(g):
    """ML dispersion for gamma (nu=1/phi) and inverse gaussian (phi=dev/n); Newton on log nu."""
    if g.fam == 'inverse_gaussian': return g.dev/g.N
    c = g.dev/(2*g.N)     # log nu - digamma(nu) = c
    nu = 1/(2*c)
    d = lambda x: gmpy2.digamma(x)
    for _ in range(60):
        e = mpfr('1e-25')*nu
        f = gmpy2.log(nu) - d(nu) - c; fp = (gmpy2.log(nu+e)-d(nu+e)-gmpy2.log(nu-e)+d(nu-e))/(2*e)
        st = -f/fp; nu = nu + st if nu+st > 0 else nu/2
        if abs(st) < mpfr('1e-40')*nu: break
    return 1/nu

def glm(ident, csvn, y, feats, fam, link, off=None, w=None, cluster=None, terms=None, profile=False, ame=False, drops=False, vif=False):
    t0 = time.time(); df = load(csvn); g = GLM(df, y, feats, fam, link, off, w).fit(); nm = g.nm; n, P, N = g.n, g.P, g.N
    o = dict(id=ident, family=fam, link=link, csv='data/%s.csv' % csvn, response=y, features=list(feats), offset=off, freq_weights=w, cluster=cluster, intercept=True, n_rows=n, n=F(N), p=P, names=nm)
    o['coef'] = named(nm, g.th); o['max_abs_score'] = float(max(abs(x) for x in g.grad))
    phi = g.phi; Ci = inv(g.I); Co = inv(-g.H)
    se = msqrt(x*phi for x in diag(Ci)); seo = msqrt(x*phi for x in diag(Co))
    S = g.X*((g.y-g.mu)/g.V*g.dmu)[:, None]
    h1 = np.array([(g.X[i].dot(Ci)).dot(g.X[i])*g.W[i] for i in range(n)], dtype=object)       # one copy
    ll_, gg, HH = g.kll, None, None
    # observed working weight per row: -d2 kernel/d eta2
    j = g.m.f(*J.inputs([g.eta])); d2 = np.array(np.broadcast_to(np.asarray(j.h[0][0], dtype=object), (n,)))
    h1o = np.array([(g.X[i].dot(Co)).dot(g.X[i])*(-d2[i]) for i in range(n)], dtype=object)
    o['se'] = dict(nonrobust=named(nm, se), nonrobust_oim=named(nm, seo))
    o['cov'] = [F(list(r*phi)) for r in Ci]
    bread = {'': Ci, '_oim': Co}
    for sfx, B in bread.items():
        h = h1 if sfx == '' else h1o
        V0 = sandwich(B, S, g.w); o['se']['HC0'+sfx] = named(nm, msqrt(diag(V0))); o['se']['HC1'+sfx] = named(nm, msqrt(x*N/g.dfr for x in diag(V0)))
        o['se']['HC2'+sfx] = named(nm, msqrt(diag(sandwich(B, S, g.w, h, 1)))); o['se']['HC3'+sfx] = named(nm, msqrt(diag(sandwich(B, S, g.w, h, 2))))
        if cluster and not w:
            cl = df[cluster].tolist(); Vc, G = sandwich(B, S, g.w, clusters=cl); cf = mpfr(G)/(G-1)*(N-1)/(N-P)
            o['se']['cluster'+sfx] = named(nm, msqrt(x*cf for x in diag(Vc))); o['se']['cluster_nocorr'+sfx] = named(nm, msqrt(diag(Vc))); o['n_clusters'] = G
    # likelihood
    g0 = GLM(df, y, [], fam, link, off, w).fit()
    ll = g.ll(); ll0_samephi = g0.ll(g.phi_ll() if fam in ('gamma','inverse_gaussian') else (g0.dev/N if fam == 'gaussian' else ONE))
    o.update(llf=F(ll), llf_null=F(ll0_samephi), deviance=F(g.dev), null_deviance=F(g0.dev), pearson_chi2=F(g.pearson), dispersion=F(phi), df_resid=F(g.dfr), df_null=F(N-1),
      aic=F(-2*ll+2*P), bic=F(-2*ll+gmpy2.log(N)*P), bic_deviance=F(g.dev - g.dfr*gmpy2.log(N)), mcfadden_r2=F(1-ll/ll0_samephi), cox_snell_r2=F(1-gmpy2.exp(2*(ll0_samephi-ll)/N)))
    o['nagelkerke_r2'] = F((1-gmpy2.exp(2*(ll0_samephi-ll)/N))/(1-gmpy2.exp(2*ll0_samephi/N))) if fam in ('binomial','poisson') else None
    if fam in SCALED:
        o['aic_counting_dispersion'] = F(-2*ll+2*(P+1)); o['bic_counting_dispersion'] = F(-2*ll+gmpy2.log(N)*(P+1)); o['sigma'] = F(gmpy2.sqrt(phi))
        if fam != 'gaussian':
            lr = g.ll(g.dev/N); pm = ml_shape(g); pm0 = ml_shape(g0); lm = g.ll(pm)
            o['alt_llf'] = dict(dispersion_dev_over_n=F(g.dev/N), llf_dev_over_n=F(lr), aic_R=F(-2*lr+2*(P+1)), dispersion_ml=F(pm), llf_ml=F(lm), llf_null_ml=F(g0.ll(pm0)), dispersion_ml_null=F(pm0), dispersion_dev_over_df=F(g.dev/g.dfr))
        else:
            s2 = g.dev/N; o['sigma2_ml'] = F(s2); lp = g.ll(phi); l0p = g0.ll(phi); o['alt_llf'] = dict(llf_at_dispersion=F(lp), llf_null_at_dispersion=F(l0p), mcfadden_at_dispersion=F(1-lp/l0p))
            if link == 'identity':
                r2 = 1-g.dev/g0.dev; o['r2'] = F(r2); o['adj_r2'] = F(1-(1-r2)*(N-1)/g.dfr); fs = (g0.dev-g.dev)/(P-1)/phi; o['f_stat'] = F(fs); o['f_pvalue'] = float(stats.f.sf(float(fs), P-1, float(g.dfr)))
    else: o['lr_vs_null'] = dict(stat=F(2*(ll-ll0_samephi)), df=P-1, pvalue=chi2sf(2*(ll-ll0_samephi), P-1))
    # rows
    hr = h1*g.w
    rp = (g.y-g.mu)/np.array(msqrt(g.V), dtype=object)
    rd = np.array([gmpy2.sqrt(x) if a > b else -gmpy2.sqrt(x) for x, a, b in zip(g.dev_i, g.y, g.mu)], dtype=object)
    k = 5
    o['rows'] = dict(fitted=F(list(g.mu[:k])), linear_predictor=F(list(g.eta[:k])), leverage=F(list(h1[:k])), leverage_oim=F(list(h1o[:k])), resid_response=F(list((g.y-g.mu)[:k])), resid_pearson=F(list(rp[:k])), resid_deviance=F(list(rd[:k])),
       cooks=F([rp[i]**2*h1[i]/((1-h1[i])**2*phi*P) for i in range(k)]), cooks_oim=F([rp[i]**2*h1o[i]/((1-h1o[i])**2*phi*P) for i in range(k)]),
       resid_std_pearson=F([rp[i]/gmpy2.sqrt(phi*(1-h1[i])) for i in range(k)]), resid_std_deviance=F([rd[i]/gmpy2.sqrt(phi*(1-h1[i])) for i in range(k)]), leverage_sum=F(hr.sum()))
    if w: o['rows']['note'] = 'per single copy; the leverages of a row with weight w add up to w times this'
    o['wald_ci'] = wald_ci(nm, g.th, se); 
    tq = mpfr(float(stats.t.ppf(0.975, float(g.dfr)))); 
    if fam in SCALED: o['t_ci'] = wald_ci(nm, g.th, se, tq); o['t_quantile'] = float(tq)
    o['zvalues'] = named(nm, [b/s for b, s in zip(g.th, se)])
    # predictions
    pr = []
    mu_of = lambda e: g.jmu(J.inputs([np.array([e], dtype=object)])[0]).v[0]
    for i in range(k):
        v = phi*(g.X[i].dot(Ci)).dot(g.X[i]); s_ = gmpy2.sqrt(v); d = dict(eta=F(g.eta[i]), se_eta=F(s_), mean=F(g.mu[i]), se_mean_delta=F(abs(g.dmu[i])*s_))
        a, b = mu_of(g.eta[i]-Z975*s_), mu_of(g.eta[i]+Z975*s_)
        bad = link in ('inverse','inverse_squared') and g.eta[i]-Z975*s_ <= 0
        d['mean_ci_z'] = None if bad else F(sorted([a, b]))
        if fam == 'gaussian' and link == 'identity':
            d['mean_ci_t'] = F([g.eta[i]-tq*s_, g.eta[i]+tq*s_]); sp = gmpy2.sqrt(v+phi); d['pred_int_t'] = F([g.eta[i]-tq*sp, g.eta[i]+tq*sp])
        pr.append(d)
    o['predictions'] = pr
    if profile:
        if fam == 'gaussian':
            rss = g.dev; o['profile_ci'] = {a: [F(b - d), F(b + d)] for a, b, d in zip(nm, g.th, [gmpy2.sqrt(rss*c*(gmpy2.exp(CHI95/N)-1)) for c in diag(Ci)])}
            o['profile_ci_note'] = 'sigma profiled out (ML): n log(RSS(b)/RSS) = chi2_1(0.95)'
        else:
            pc = g.m.profile(g.th, g.kll, g.H, CHI95); o['profile_ci'] = {a: F(pc[i]) for i, a in enumerate(nm)}
    terms = terms or {}; alld = {f: [f] for f in feats}; alld.update(terms)
    if drops:
        o['drop_tests'] = {}
        for tn, cols in alld.items():
            rest = [f for f in feats if f not in cols]; gr = GLM(df, y, rest, fam, link, off, w)
            gr.fit(); ix = [nm.index(c) for c in cols]; b = g.th[ix]; q = len(ix)
            wd = b.dot(solve(Ci[np.ix_(ix, ix)]*phi, b)); d = dict(columns=cols, df=q, wald_chi2=F(wd), wald_p=chi2sf(wd, q))
            if fam == 'gaussian':
                lr = N*gmpy2.log(gr.dev/g.dev); fst = (gr.dev-g.dev)/q/phi; d.update(f_stat=F(fst), f_df=[q, F(g.dfr)], f_p=float(stats.f.sf(float(fst), q, float(g.dfr))))
            else:
                lr = gr.dev-g.dev; wo = b.dot(solve(Co[np.ix_(ix, ix)]*phi, b)); d['wald_chi2_oim'] = F(wo)
            d.update(lr_chi2=F(lr), lr_p=chi2sf(lr, q)); o['drop_tests'][tn] = d
    if ame and not w:
        e = g.eta; j = g.jmu(J.inputs([e])[0]); d1 = np.array(j.g[0]); d2m = np.array(j.h[0][0]); A = d1.sum()/N; am = {}
        Dg = g.X.T.dot(d2m)/N                      # d A / d beta
        for kk in range(1, P):
            gr_ = Dg*g.th[kk]; gr_ = gr_.copy(); gr_[kk] = gr_[kk] + A
            am[nm[kk]] = dict(dydx=F(A*g.th[kk]), se_oim=F(gmpy2.sqrt(gr_.dot(Co).dot(gr_)*phi)), se_eim=F(gmpy2.sqrt(gr_.dot(Ci).dot(gr_)*phi)))
        o['ame'] = am
    if vif:
        o['vif'] = {}
        for f in feats:
            r = GLM(df, f, [t for t in feats if t != f], 'gaussian', 'identity').fit(); tss = ((r.y-r.y.sum()/n)**2).sum(); o['vif'][f] = F(tss/r.dev)
    # statsmodels check
    r = g.smr; ck = dict(coef=float('nan')) if r is None else dict(coef=relmax(g.th, r.params), se=relmax(se, r.bse), deviance=relmax(g.dev, r.deviance), null_deviance=relmax(g0.dev, r.null_deviance), llf=relmax(ll, r.llf), pearson=relmax(g.pearson, r.pearson_chi2), aic=relmax(o['aic'], r.aic), bic=relmax(o['bic'], r.bic_llf))
    if fam == 'gaussian' and link != 'identity':
        ck['llf'] = relmax(o['alt_llf']['llf_at_dispersion'], r.llf); ck.pop('aic'); ck.pop('bic')
    try: ck['llnull'] = relmax(o['alt_llf']['llf_null_at_dispersion'] if fam == 'gaussian' else ll0_samephi, r.llnull)
    except Exception as ex: ck['llnull'] = str(ex)
    try:
        sp_ = np.array(F(g.th)); rh = g.sm.fit(maxiter=300, tol=1e-13, cov_type='HC0', start_params=sp_); ck['HC0_oim'] = relmax(list(o['se']['HC0_oim'].values()), rh.bse)
        if cluster and not w: rc = g.sm.fit(maxiter=300, tol=1e-13, start_params=sp_, cov_type='cluster', cov_kwds=dict(groups=df[cluster].to_numpy())); ck['cluster_oim'] = relmax(list(o['se']['cluster_oim'].values()), rc.bse)
        if not w:
            inf = r.get_influence(observed=False); ck['leverage'] = relmax(o['rows']['leverage'], inf.hat_matrix_diag[:5]); ck['cooks'] = relmax(o['rows']['cooks'], inf.cooks_distance[0][:5])
        ck['resid_deviance'] = relmax(o['rows']['resid_deviance'], np.asarray(r.resid_deviance)[:5])
        if fam == 'gaussian' and link == 'identity':
            ro = sm.OLS(g.sm.endog, g.sm.exog).fit(); ck['HC'] = max(relmax(list(o['se'][t].values()), getattr(ro, t+'_se')) for t in ('HC0','HC1','HC2','HC3'))
            ck['aic'] = relmax(o['aic'], ro.aic); ck['cooks_ols'] = relmax(o['rows']['cooks'], ro.get_influence().cooks_distance[0][:5])
            pf = ro.get_prediction().summary_frame(alpha=.05); ck['pred_int'] = relmax([t['pred_int_t'] for t in pr], pf[['obs_ci_lower','obs_ci_upper']].to_numpy()[:5])
        if ame and not w:
            mdl = {'logit': sm.Logit, 'probit': sm.Probit, 'log': sm.Poisson}[link]; kw = dict(offset=df[off].to_numpy(float)) if off else {}
            me = mdl(g.sm.endog, g.sm.exog, **kw).fit(method='newton', start_params=r.params, disp=0, tol=1e-14).get_margeff(); ck['ame'] = relmax([v['dydx'] for v in am.values()], me.margeff); ck['ame_se'] = relmax([v['se_oim'] for v in am.values()], me.margeff_se)
    except Exception as ex: ck['error'] = repr(ex)
    o['check_statsmodels'] = ck; bad = {a: b for a, b in ck.items() if not isinstance(b, float) or not b < 1e-7}
    print('%-34s %.1fs  coef %.0e  %s' % (ident, time.time()-t0, ck['coef'], bad)); sys.stdout.flush()
    return o

# ---------- general ML models
def ml(ident, model, csvn, y, m, th0, nm, df, cluster=None, null=None, extra=None, smres=None, smmap=None, profile=None):
    t0 = time.time(); th, ll, g, H = m.newton(M(np.asarray(th0, float))); _, _, _, S = m.eval(th, obs=True); C = inv(-H); n = m.n; P = m.P; N = mpfr(n)
    se = msqrt(diag(C)); V0 = sandwich(C, S, m.w)
    o = dict(id=ident, model=model, csv='data/%s.csv' % csvn, response=y, n=n, p=P, names=nm, params=named(nm, th), max_abs_score=float(max(abs(x) for x in g)),
        se=dict(nonrobust=named(nm, se), HC0=named(nm, msqrt(diag(V0))), HC1=named(nm, msqrt(x*N/(N-P) for x in diag(V0)))), cov=[F(list(r)) for r in C], llf=F(ll), aic=F(-2*ll+2*P), bic=F(-2*ll+gmpy2.log(N)*P), df_resid=n-P, wald_ci=wald_ci(nm, th, se), zvalues=named(nm, [b/s for b, s in zip(th, se)]), cluster=cluster)
    if cluster:
        Vc, G = sandwich(C, S, m.w, clusters=df[cluster].tolist()); cf = mpfr(G)/(G-1)*(N-1)/(N-P); o['n_clusters'] = G
        o['se']['cluster'] = named(nm, msqrt(x*cf for x in diag(Vc))); o['se']['cluster_nocorr'] = named(nm, msqrt(diag(Vc)))
    if null is not None:
        m0, t00, nm0 = null; th_0, ll0, _, _ = m0.newton(M(np.asarray(t00, float))); o.update(llf_null=F(ll0), null_params=named(nm0, th_0), mcfadden_r2=F(1-ll/ll0), cox_snell_r2=F(1-gmpy2.exp(2*(ll0-ll)/N)), lr_vs_null=dict(stat=F(2*(ll-ll0)), df=P-m0.P, pvalue=chi2sf(2*(ll-ll0), P-m0.P)))
    if profile:
        pc = m.profile(th, ll, H, CHI95, [nm.index(k) for k in profile]); o['profile_ci'] = {nm[i]: F(v) for i, v in pc.items()}
    if extra: extra(o, th, C, S)
    if smres is not None:
        try:
            sp, sb, sl = smres(th); ck = dict(params=relmax([th[i] for i in smmap], sp), llf=relmax(ll, sl))
            if sb is not None: ck['se'] = relmax([se[i] for i in smmap], sb)
        except Exception as ex: ck = dict(error=repr(ex))
        o['check_statsmodels'] = ck
    print('%-34s %.1fs %s' % (ident, time.time()-t0, {a: (('%.0e' % b) if isinstance(b, float) else b) for a, b in o.get('check_statsmodels', {}).items()})); sys.stdout.flush()
    return o
def design(df, feats): return np.array([[ONE]*len(df)] + [list(M(df[f].to_numpy())) for f in feats], dtype=object).T
def blk(n, P, parts):
    D = zeros(n, P)
    for c0, X in parts: D[:, c0:c0+X.shape[1]] = X
    return D

def negbin(ident, csvn, y, feats, off=None, cluster=None):
    df = load(csvn); n = len(df); yv = [int(t) for t in df[y]]; Y = M(df[y].to_numpy()); ofs = M(df[off].to_numpy()) if off else np.array([Z]*n, dtype=object); z0 = np.array([Z]*n, dtype=object)
    ymax = max(yv); lg = np.array([gmpy2.lgamma(t+1)[0] for t in Y], dtype=object); idx = np.array(yv)
    def ff(e, a):
        al = a.v[0]; c0, c1, c2 = [Z], [Z], [Z]
        for jj in range(ymax):                       # sum_{j<y} log(1+alpha j)
            d = 1+al*jj; c0.append(c0[-1]+gmpy2.log(d)); c1.append(c1[-1]+jj/d); c2.append(c2[-1]-jj*jj/(d*d))
        pick = lambda c: np.array(c, dtype=object)[idx]
        s = J(pick(c0), [Z, pick(c1)], [[Z, Z], [Z, pick(c2)]])
        mu = jexp(e)
        return s + e*Y - (Y + 1/a)*jlog(1 + a*mu) - lg
    def mk(fe):
        X = design(df, fe); P = X.shape[1]+1; A = zeros(n, P); A[:, P-1] = ONE
        return Model([blk(n, P, [(0, X)]), A], [ofs, z0], ff), X
    m, X = mk(feats); nm = ['const']+list(feats)+['alpha']
    sm_m = dm.NegativeBinomial(df[y].to_numpy(float), np.c_[np.ones(n), df[list(feats)].to_numpy(float)], loglike_method='nb2', offset=df[off].to_numpy(float) if off else None)
    r0 = sm_m.fit(disp=0, maxiter=500, method='bfgs')
    def smr(th): r = sm_m.fit(disp=0, start_params=np.array(F(th)), method='newton', maxiter=50, tol=1e-14); return r.params, r.bse, r.llf
    m0, _ = mk([]); a0 = np.array([np.log(df[y].mean()) if not off else np.log(df[y].sum()/np.exp(df[off]).sum()), 1.0])
    def ext(o, th, C, S):
        al = th[-1]; the = 1/al; mu = exp(X.dot(th[:-1])+ofs); o['alpha'] = F(al); o['theta'] = F(the); o['se_theta_joint_delta'] = F(gmpy2.sqrt(C[-1, -1])/al**2)
        info = Z
        for yy, mm in zip(yv, mu):
            info += sum((ONE/(the+jj)**2 for jj in range(yy)), Z)      # trigamma(th)-trigamma(th+y)
            info += -1/the + 2/(the+mm) - (yy+the)/(the+mm)**2
        o['se_theta_MASS'] = F(1/gmpy2.sqrt(info))
        W = mu/(1+al*mu); Ce = inv(X.T.dot(X*W[:, None])); o['se']['MASS_fixed_theta_expected'] = named(nm[:-1], msqrt(diag(Ce)))
        dv = [2*((yy*gmpy2.log(yy/mm) if yy else Z) - (yy+the)*gmpy2.log((yy+the)/(mm+the))) for yy, mm in zip(yv, mu)]
        o['deviance_fixed_alpha'] = F(sum(dv)); o['pearson_chi2'] = F(sum((yy-mm)**2/(mm+al*mm*mm) for yy, mm in zip(yv, mu))); o['fitted'] = F(list(mu[:5]))
        o['resid_deviance'] = F([gmpy2.sqrt(d) if yy > mm else -gmpy2.sqrt(d) for d, yy, mm in zip(dv[:5], yv, mu)]); o['resid_pearson'] = F([(yy-mm)/gmpy2.sqrt(mm+al*mm*mm) for yy, mm in list(zip(yv, mu))[:5]])
        o['leverage_fixed_alpha'] = F([X[i].dot(Ce).dot(X[i])*W[i] for i in range(5)])
        # null deviance with theta of the full model: intercept-only mean at that theta
        e = mpfr(a0[0])
        for _ in range(80):
            m_ = exp(ofs+e); sc = sum((Y-m_)/(1+al*m_)); ii = sum(m_/(1+al*m_)); st = sc/ii; e += st
            if abs(st) < mpfr('1e-45'): break
        m_ = exp(ofs+e); o['null_deviance_fixed_alpha'] = F(sum(2*((yy*gmpy2.log(yy/mm) if yy else Z) - (yy+the)*gmpy2.log((yy+the)/(mm+the))) for yy, mm in zip(yv, m_)))
        pr = []
        for i in range(5):
            v = X[i].dot(C[:-1, :-1]).dot(X[i]); s_ = gmpy2.sqrt(v); e_ = X[i].dot(th[:-1])+ofs[i]; pr.append(dict(eta=F(e_), se_eta=F(s_), mean=F(mu[i]), mean_ci_z=F([gmpy2.exp(e_-Z975*s_), gmpy2.exp(e_+Z975*s_)])))
        o['predictions'] = pr; o['features'] = list(feats); o['offset'] = off
    return ml(ident, 'negative_binomial_nb2_log', csvn, y, m, r0.params, nm, df, cluster, (m0, a0, ['const','alpha']), ext, smr, list(range(len(nm))), profile=[nm[1]])

def mnlogit(ident, csvn, y, feats, cluster=None):
    df = load(csvn); n = len(df); K = int(df[y].max())+1; yv = df[y].to_numpy(); X = design(df, feats)
    def mk(X):
        p = X.shape[1]; q = K-1; P = p*q
        def ff(*es):
            ex = [jexp(e) for e in es]; s = ex[0]+1
            for e in ex[1:]: s = s+e
            out = -jlog(s)
            for a in range(q): out = out + jwhere(yv == a+1, es[a], Z)
            return out
        return Model([blk(n, P, [(a*p, X)]) for a in range(q)], [np.array([Z]*n, dtype=object)]*q, ff)
    m = mk(X); c = ['const']+list(feats); nm = ['y=%d:%s' % (a, t) for a in range(1, K) for t in c]
    sm_m = sm.MNLogit(df[y].to_numpy(), np.c_[np.ones(n), df[list(feats)].to_numpy(float)]); r = sm_m.fit(method='newton', maxiter=100, disp=0, tol=1e-14)
    m0 = mk(X[:, :1]); cnt = np.bincount(yv.astype(int)); t00 = np.log(cnt[1:]/cnt[0])
    def ext(o, th, C, S):
        p = X.shape[1]; E = [exp(X.dot(th[a*p:(a+1)*p])) for a in range(K-1)]; s = 1+sum(E); pr = [1/s]+[e/s for e in E]; o['fitted_probs'] = [F([q[i] for q in pr]) for i in range(5)]; o['features'] = list(feats); o['base_category'] = 0; o['n_categories'] = K
    return ml(ident, 'multinomial_logit', csvn, y, m, np.asarray(r.params).T.ravel(), nm, df, cluster, (m0, t00, ['y=%d:const' % a for a in range(1, K)]), ext, lambda th: (np.asarray(r.params).T.ravel(), np.asarray(r.bse).T.ravel(), r.llf), list(range(len(nm))), profile=[nm[1]] if n < 500 else None)

def ordinal(ident, csvn, y, feats, dist, cluster=None):
    df = load(csvn); n = len(df); K = int(df[y].max())+1; yv = df[y].to_numpy().astype(int); X = design(df, feats)[:, 1:]; p = len(feats)
    cdf = jPhi if dist == 'probit' else (lambda e: 1/(jexp(-e)+1))
    def mk(X):
        p = X.shape[1]; P = p+K-1; U = zeros(n, P); L = zeros(n, P)
        for i in range(n):
            if p: U[i, :p] = -X[i]; L[i, :p] = -X[i]
            U[i, p+min(yv[i], K-2)] = ONE; L[i, p+max(yv[i]-1, 0)] = ONE
        def ff(u, l): return jlog(jwhere(yv == K-1, ONE, cdf(u)) - jwhere(yv == 0, Z, cdf(l)))
        z0 = np.array([Z]*n, dtype=object); return Model([U, L], [z0, z0], ff)
    m = mk(X); nm = list(feats)+['cut%d' % (k+1) for k in range(K-1)]
    sm_m = OrderedModel(df[y].to_numpy(), df[list(feats)].to_numpy(float), distr=dist); r = sm_m.fit(method='bfgs', disp=0, maxiter=2000, gtol=1e-9)
    cuts = sm_m.transform_threshold_params(np.asarray(r.params))[1:-1]; th0 = np.r_[np.asarray(r.params)[:p], cuts]
    cp = np.cumsum(np.bincount(yv))[:-1]/n; t00 = stats.norm.ppf(cp) if dist == 'probit' else np.log(cp/(1-cp))
    def ext(o, th, C, S):
        pr = []
        for i in range(5):
            e = X[i].dot(th[:p]); cc = [Z]+[(Phi(th[p+k]-e) if dist == 'probit' else 1/(1+gmpy2.exp(e-th[p+k]))) for k in range(K-1)]+[ONE]; pr.append(F([cc[k+1]-cc[k] for k in range(K)]))
        o['fitted_probs'] = pr; o['features'] = list(feats); o['link'] = dist; o['n_categories'] = K; o['thresholds'] = F(list(th[p:]))
    return ml(ident, 'ordinal_'+dist, csvn, y, m, th0, nm, df, cluster, (mk(X[:, :0]), t00, nm[p:]), ext, lambda th: (th0, np.asarray(r.bse)[:p].tolist()+F(msqrt(diag(inv(-m.eval(M(np.array(F(th))))[2])))[p:]), r.llf), list(range(len(nm))), profile=[nm[0]])

def zip_(ident, csvn, y, feats, infl, cluster=None, off=None):
    df = load(csvn); n = len(df); Y = M(df[y].to_numpy()); X = design(df, feats); G = design(df, infl); lg = np.array([gmpy2.lgamma(t+1)[0] for t in Y], dtype=object); zero = np.array([t == 0 for t in Y]); z0 = np.array([Z]*n, dtype=object)
    ofs = M(df[off].to_numpy()) if off else z0
    def mk(X, G):
        q = G.shape[1]; P = q+X.shape[1]
        def ff(a, e):
            mu = jexp(e); ea = jexp(a); return jwhere(zero, jlog(ea + jexp(-mu)), e*Y - mu - lg) - jlog(1+ea)
        return Model([blk(n, P, [(0, G)]), blk(n, P, [(q, X)])], [z0, ofs], ff)
    m = mk(X, G); nm = ['inflate_const']+['inflate_'+t for t in infl]+['const']+list(feats)
    sm_m = ZeroInflatedPoisson(df[y].to_numpy(float), np.c_[np.ones(n), df[list(feats)].to_numpy(float)], exog_infl=np.c_[np.ones(n), df[list(infl)].to_numpy(float)] if infl else np.ones((n, 1)), offset=df[off].to_numpy(float) if off else None)
    r = sm_m.fit(method='bfgs', maxiter=2000, disp=0, gtol=1e-8); q = G.shape[1]
    z_ = (df[y] == 0).mean(); p1 = df[y][df[y] > 0].mean()
    def smr(th): rr = sm_m.fit(start_params=np.array(F(th)), method='newton', maxiter=30, disp=0, tol=1e-14); return rr.params, rr.bse, rr.llf
    def ext(o, th, C, S):
        a = G.dot(th[:q]); mu = exp(X.dot(th[q:])+ofs); pi = 1/(1+exp(-a)); o['fitted_mean'] = F(list(((1-pi)*mu)[:5])); o['fitted_pi'] = F(list(pi[:5])); o['fitted_poisson_mean'] = F(list(mu[:5])); o['prob_zero'] = F(list((pi+(1-pi)*exp(-mu))[:5])); o['features'] = list(feats); o['inflation_features'] = list(infl); o['offset'] = off; o['inflation_link'] = 'logit'
    return ml(ident, 'zero_inflated_poisson', csvn, y, m, r.params, nm, df, cluster, (mk(X[:, :1], G[:, :1]), [np.log(z_/(1-z_)), np.log(p1)], ['inflate_const','const']), ext, smr, list(range(len(nm))), profile=['inflate_const', nm[q+1]])

def firth(ident, csvn, y, feats, separated):
    df = load(csvn); n = len(df); X = design(df, feats); Y = M(df[y].to_numpy()); P = X.shape[1]; nm = ['const']+list(feats)
    def parts(b):
        pi = 1/(1+exp(-X.dot(b))); W = pi*(1-pi); I = X.T.dot(X*W[:, None]); C = inv(I); h = np.array([X[i].dot(C).dot(X[i])*W[i] for i in range(n)], dtype=object)
        U = X.T.dot(Y-pi+h*(mpfr('0.5')-pi)); ll = sum(gmpy2.log(p) if t == 1 else gmpy2.log(1-p) for t, p in zip(Y, pi)); return pi, W, C, h, U, ll, ll+logdet(I)/2
    def fit(b, fr):
        fr = np.array(fr); pl = parts(b)[6]
        for it in range(400):
            pi, W, C, h, U, ll, pl = parts(b)
            I = inv(C); st = solve(I[np.ix_(fr, fr)], U[fr]); mx = max(abs(t) for t in st)
            if mx > 1: st = st/mx
            t = ONE
            while mx > 1e-8:
                b2 = b.copy(); b2[fr] = b[fr]+t*st
                if parts(b2)[6] > pl: break
                t /= 2
                if t < 1e-10: break
            b = b.copy(); b[fr] = b[fr]+t*st
            if mx < mpfr('1e-32'): break
        else: print(ident, 'firth slow', float(mx))
        return b, parts(b)
    t0 = time.time(); b, (pi, W, C, h, U, ll, pl) = fit(zeros(P), range(P))
    def fitoff(j, val, b0):   # penalised lik. with b_j fixed, penalty of the full information (logistf)
        b1 = b0.copy(); b1[j] = val; return fit(b1, [k for k in range(P) if k != j])
    o = dict(id=ident, model='firth_logistic', csv='data/%s.csv' % csvn, response=y, features=list(feats), separated=separated, names=nm, coef=named(nm, b), loglik=F(ll), penalised_loglik=F(pl), se=named(nm, msqrt(diag(C))), cov=[F(list(r)) for r in C], max_abs_modified_score=float(max(abs(t) for t in U)), fitted=F(list(pi[:5])), leverage=F(list(h[:5])))
    b0, r0 = fit(zeros(P), [0]); o['null_penalised_loglik_full_penalty'] = F(r0[6]); o['lr_test_vs_null'] = dict(stat=F(2*(pl-r0[6])), df=P-1, pvalue=chi2sf(2*(pl-r0[6]), P-1))
    o['penalised_lr_tests'] = {}
    for j in range(1, P):
        bj, rj = fitoff(j, Z, b); s = 2*(pl-rj[6]); o['penalised_lr_tests'][nm[j]] = dict(stat=F(s), pvalue=chi2sf(s, 1))
    o['profile_penalised_ci'] = {}
    for j in range(P):
        rr = []
        for sg in (-1, 1):    # secant on q(v) = 2(pl - pl(v)) - crit, warm started
            se = gmpy2.sqrt(C[j, j]); bb = b; 
            f = lambda v, bb: fitoff(j, v, bb)
            lo, hi = b[j], b[j]+sg*2*se; rb = f(hi, b)
            while 2*(pl-rb[1][6]) < CHI95: lo, hi = hi, hi+sg*se; rb = f(hi, rb[0])
            v0 = hi
            for it in range(80):          # Newton: d q/dv = -2 U_j
                q = 2*(pl-rb[1][6])-CHI95; Uj = rb[1][4][j]; st = q/(2*Uj); v1 = v0+st
                if abs(st) < mpfr('1e-22')*max(ONE, abs(v1)): break
                v0 = v1; rb = f(v0, rb[0])
            rr.append(F(v1))
        o['profile_penalised_ci'][nm[j]] = rr
    print('%-34s %.1fs score %.0e' % (ident, time.time()-t0, o['max_abs_modified_score'])); sys.stdout.flush()
    return o
if __name__ == '__main__':
    import runpy; runpy.run_path(os.path.join(HERE, 'runall.py'), run_name='__main__')
