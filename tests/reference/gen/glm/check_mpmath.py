"""Independent check with mpmath (50 digits): log-likelihoods written again from their textbook form, central differences for score and
Hessian, one or two Newton steps from the stored f64 coefficients; reports the largest relative change (must be < 1e-11; f64 rounding alone is 1e-16)."""
import json, os, sys, csv
import mpmath as mp
mp.mp.dps = 60
HERE = os.path.dirname(os.path.abspath(__file__)); R = json.load(open(os.path.join(HERE, sys.argv[1] if len(sys.argv) > 1 else 'glm.json')))
def tab(c):
    with open(os.path.join(HERE, c)) as f: return [{k: mp.mpf(float(v)) for k, v in r.items()} for r in csv.DictReader(f)]
def lin(t, b, fe, off=None): return [b[0] + sum(bi*r[f] for bi, f in zip(b[1:], fe)) + (r[off] if off else 0) for r in t]
Phi = lambda x: mp.erfc(-x/mp.sqrt(2))/2
ILINK = dict(identity=lambda e: e, log=mp.exp, logit=lambda e: 1/(1+mp.exp(-e)), probit=Phi, cloglog=lambda e: -mp.expm1(-mp.exp(e)), inverse=lambda e: 1/e, inverse_squared=lambda e: e**-mp.mpf('0.5'), sqrt=lambda e: e*e)
def glm_ll(o):
    t = tab(o['csv']); y = [r[o['response']] for r in t]; w = [r[o['freq_weights']] if o['freq_weights'] else mp.mpf(1) for r in t]; fam = o['family']; phi = mp.mpf(o['dispersion'])
    def ll(b):
        s = mp.mpf(0)
        for yy, ww, e in zip(y, w, lin(t, b, o['features'], o['offset'])):
            m = ILINK[o['link']](e)
            if fam == 'gaussian': l = -(yy-m)**2/(2*phi) - mp.log(2*mp.pi*phi)/2
            elif fam == 'binomial': l = mp.log(m) if yy == 1 else mp.log(1-m)
            elif fam == 'poisson': l = yy*mp.log(m) - m - mp.loggamma(yy+1)
            elif fam == 'gamma': k = 1/phi; l = (k-1)*mp.log(yy) - yy*k/m - k*mp.log(m/k) - mp.loggamma(k)
            else: l = mp.log(1/(2*mp.pi*phi*yy**3))/2 - (yy-m)**2/(2*m*m*yy*phi)
            s += ww*l
        return s
    return ll, list(o['coef'].values())
def nb_ll(o):
    t = tab(o['csv']); 
    def ll(p):
        a = p[-1]; r = 1/a; s = 0
        for q, e in zip(t, lin(t, p[:-1], o['features'], o['offset'])):
            y = q[o['response']]; m = mp.exp(e); s += mp.loggamma(y+r) - mp.loggamma(r) - mp.loggamma(y+1) + r*mp.log(r/(r+m)) + y*mp.log(m/(r+m))
        return s
    return ll, list(o['params'].values())
def mnl_ll(o):
    t = tab(o['csv']); k = len(o['features'])+1; K = o['n_categories']
    def ll(p):
        E = [lin(t, p[a*k:(a+1)*k], o['features']) for a in range(K-1)]; s = 0
        for i, r in enumerate(t):
            e = [mp.mpf(0)]+[E[a][i] for a in range(K-1)]; s += e[int(r[o['response']])] - mp.log(sum(mp.exp(x) for x in e))
        return s
    return ll, list(o['params'].values())
def ord_ll(o):
    t = tab(o['csv']); K = o['n_categories']; c = ILINK[o['link']]; k = len(o['features'])
    def ll(p):
        s = 0
        for r in t:
            e = sum(b*r[f] for b, f in zip(p, o['features'])); y = int(r[o['response']])
            s += mp.log((c(p[k+y]-e) if y < K-1 else 1) - (c(p[k+y-1]-e) if y > 0 else 0))
        return s
    return ll, list(o['params'].values())
def zip_ll(o):
    t = tab(o['csv']); q = len(o['inflation_features'])+1
    def ll(p):
        s = 0
        for r, a, e in zip(t, lin(t, p[:q], o['inflation_features']), lin(t, p[q:], o['features'], o['offset'])):
            pi = 1/(1+mp.exp(-a)); m = mp.exp(e); y = r[o['response']]
            s += mp.log(pi+(1-pi)*mp.exp(-m)) if y == 0 else mp.log(1-pi) + y*e - m - mp.loggamma(y+1)
        return s
    return ll, list(o['params'].values())
def firth_ll(o):
    t = tab(o['csv']); P = len(o['names']); X = [[mp.mpf(1)]+[r[f] for f in o['features']] for r in t]
    def ll(b):
        s = 0; I = mp.zeros(P)
        for x, r in zip(X, t):
            p = 1/(1+mp.exp(-sum(u*v for u, v in zip(x, b)))); s += mp.log(p) if r[o['response']] == 1 else mp.log(1-p)
            for a in range(P):
                for c in range(P): I[a, c] += p*(1-p)*x[a]*x[c]
        return s + mp.log(mp.det(I))/2
    return ll, list(o['coef'].values())
def check(ll, b):
    b = [mp.mpf(x) for x in b]; P = len(b); h = [mp.mpf('1e-13')*(abs(x)+mp.mpf('1e-3')) for x in b]
    l0 = ll(b); up, dn = [], []
    for j in range(P):
        for sg, L in ((1, up), (-1, dn)):
            c = b[:]; c[j] += sg*h[j]; L.append(ll(c))
    g = mp.matrix([(up[j]-dn[j])/(2*h[j]) for j in range(P)]); H = mp.zeros(P)
    for j in range(P): H[j, j] = (up[j]-2*l0+dn[j])/h[j]**2
    for j in range(P):
        for k in range(j):
            c = b[:]; c[j] += h[j]; c[k] += h[k]; d = b[:]; d[j] -= h[j]; d[k] -= h[k]
            H[j, k] = H[k, j] = (ll(c)+ll(d)-up[j]-dn[j]-up[k]-dn[k]+2*l0)/(2*h[j]*h[k])
    st = mp.lu_solve(-H, g); C = (-H)**-1
    return float(max(abs(s/x) for s, x in zip(st, b))), float(l0), [float(mp.sqrt(C[j, j])) for j in range(P)]
F = {o['id']: (k, o) for k, v in R['fits'].items() for o in v}
pick = sys.argv[2:] or ['gaussian_mtcars','gaussian_log_cars','gaussian_log_trees','logit_vaso','logit_esoph_freq','probit_spector','probit_menarche_freq','cloglog_vaso','cloglog_menarche_freq','poisson_ships','poisson_warpbreaks','poisson_sqrt_warpbreaks','poisson_identity_warpbreaks','gamma_log_clotting','gamma_log_trees','gamma_inverse_clotting','gamma_inverse_scotland','ig_log_clotting','ig_log_scotland','ig_inverse_squared_scotland','ig_inverse_squared_clotting_lot1','nb_quine','nb_fishing_offset','mnl_womenlf','mnl_arthritis','ordinal_logit_arthritis','ordinal_probit_arthritis','ordinal_logit_admit','ordinal_probit_admit','zip_epil','zip_badhealth','zip_badhealth_infl','firth_vaso','firth_iris_separated']
out = {}
for i in pick:
    if i not in F: print('missing', i); continue
    k, o = F[i]; ll, b = dict(glm=glm_ll, negbin=nb_ll, mnlogit=mnl_ll, ordinal=ord_ll, zip=zip_ll, firth=firth_ll)[k](o)
    st, l0, se = check(ll, b)
    ref = o.get('llf', o.get('penalised_loglik')); so = o['se'].get('nonrobust_oim', o['se'].get('nonrobust')) if k != 'firth' else None
    if o.get('family') == 'gaussian': ref = None          # stored llf uses the ML sigma
    dse = max(abs(a/c-1) for a, c in zip(se, so.values())) if so else None
    out[i] = dict(max_rel_newton_step=st, rel_llf=None if ref is None else abs(l0/ref-1), rel_se_oim=dse); print(i, out[i], flush=True)
json.dump(out, open(os.path.join(HERE, 'check_mpmath.json'), 'w'), indent=1)
