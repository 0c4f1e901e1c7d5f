"""Multiprecision (MPFR, ~50 digits) likelihood engine: object arrays of gmpy2.mpfr in numpy; second-order forward AD over a few linear predictors."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'pylib'))
import numpy as np, gmpy2
from gmpy2 import mpfr
gmpy2.get_context().precision = 180
def _u(f): 
    g = np.frompyfunc(f, 1, 1)
    return lambda a: g(np.asarray(a, dtype=object)) if isinstance(a, np.ndarray) else f(a)
exp = _u(gmpy2.exp); log = _u(gmpy2.log); sqrt = _u(gmpy2.sqrt); erfc = _u(gmpy2.erfc); lgam = _u(lambda x: gmpy2.lgamma(x)[0]); log1p=_u(gmpy2.log1p); expm1=_u(gmpy2.expm1)
PI = gmpy2.const_pi()
def M(a):
    a = np.asarray(a)
    f = np.frompyfunc(lambda x: mpfr(x) if not isinstance(x, (np.floating, np.integer)) else mpfr(float(x)), 1, 1)
    r = f(a.astype(object))
    return r
Z = mpfr(0); ONE = mpfr(1)
def Phi(x): return erfc(-x/gmpy2.sqrt(mpfr(2)))/2
def phi(x): return exp(-x*x/2)/gmpy2.sqrt(2*PI)
def zeros(*s):
    a = np.empty(s, dtype=object); a[...] = Z; return a
def solve(A, B):
    """Gauss-Jordan with partial pivoting on object arrays."""
    A = A.copy(); B = B.copy(); one = B.ndim == 1
    if one: B = B[:, None]
    n = len(A)
    for c in range(n):
        p = c + max(range(n - c), key=lambda i: abs(A[c+i, c]))
        if p != c: A[[c, p]] = A[[p, c]]; B[[c, p]] = B[[p, c]]
        pv = A[c, c]; A[c] = A[c]/pv; B[c] = B[c]/pv
        for r in range(n):
            if r != c and A[r, c] != 0:
                f = A[r, c]; A[r] = A[r] - f*A[c]; B[r] = B[r] - f*B[c]
    return B[:, 0] if one else B
def eye(n):
    a = zeros(n, n)
    for i in range(n): a[i, i] = ONE
    return a
def inv(A): return solve(A, eye(len(A)))
def logdet(A):
    A = A.copy(); n = len(A); s = Z
    for c in range(n):
        s += gmpy2.log(abs(A[c, c]))
        for r in range(c+1, n):
            A[r] = A[r] - (A[r, c]/A[c, c])*A[c]
    return s

class J:
    """value, gradient list g[a], Hessian dict h[a][b] (full, symmetric), arrays over observations; q inputs."""
    __slots__ = ('v', 'g', 'h')
    __array_ufunc__ = None
    def __init__(s, v, g, h): s.v, s.g, s.h = v, g, h
    @staticmethod
    def inputs(us):
        q = len(us); out = []
        for a in range(q):
            out.append(J(us[a], [ONE if b == a else Z for b in range(q)], [[Z]*q for _ in range(q)]))
        return out
    def lift(s, f, f1, f2):
        q = len(s.g)
        return J(f, [f1*s.g[a] for a in range(q)], [[f2*s.g[a]*s.g[b] + f1*s.h[a][b] for b in range(q)] for a in range(q)])
    def __neg__(s): return s.lift(-s.v, -ONE, Z)
    def __add__(s, o):
        if not isinstance(o, J): return J(s.v + o, s.g, s.h)
        q = len(s.g)
        return J(s.v+o.v, [s.g[a]+o.g[a] for a in range(q)], [[s.h[a][b]+o.h[a][b] for b in range(q)] for a in range(q)])
    __radd__ = __add__
    def __sub__(s, o): return s + (-o)
    def __rsub__(s, o): return (-s) + o
    def __mul__(s, o):
        if not isinstance(o, J): return J(s.v*o, [x*o for x in s.g], [[x*o for x in r] for r in s.h])
        q = len(s.g)
        return J(s.v*o.v, [s.g[a]*o.v + s.v*o.g[a] for a in range(q)],
                 [[s.h[a][b]*o.v + s.g[a]*o.g[b] + s.g[b]*o.g[a] + s.v*o.h[a][b] for b in range(q)] for a in range(q)])
    __rmul__ = __mul__
    def rec(s): r = ONE/s.v; return s.lift(r, -r*r, 2*r*r*r)
    def __truediv__(s, o): return s*o.rec() if isinstance(o, J) else s*(ONE/o)
    def __rtruediv__(s, o): return s.rec()*o
def jexp(s): e = exp(s.v); return s.lift(e, e, e)
def jlog(s): r = ONE/s.v; return s.lift(log(s.v), r, -r*r)
def jPhi(s): p = phi(s.v); return s.lift(Phi(s.v), p, -s.v*p)
def jsqrt(s): r = sqrt(s.v); return s.lift(r, ONE/(2*r), -ONE/(4*r*s.v))
def jwhere(m, a, b):
    if not isinstance(a, J): q = len(b.g); a = J(a, [Z]*q, [[Z]*q for _ in range(q)])
    if not isinstance(b, J): q = len(a.g); b = J(b, [Z]*q, [[Z]*q for _ in range(q)])
    w = lambda x, y: np.where(m, x, y); q = len(a.g)
    return J(w(a.v, b.v), [w(a.g[i], b.g[i]) for i in range(q)], [[w(a.h[i][j], b.h[i][j]) for j in range(q)] for i in range(q)])

class Model:
    """ll(theta) = sum_i w_i f(u_i), u_i[a] = D[a][i] . theta + off[a][i]"""
    def __init__(s, D, off, f, w=None):
        s.D, s.off, s.f, s.n, s.P = D, off, f, len(D[0]), D[0].shape[1]
        s.c = [np.array([k for k in range(s.P) if any(x != 0 for x in d[:, k])], dtype=int) for d in D]; s.d = [d[:, c] for d, c in zip(D, s.c)]
        s.w = w if w is not None else np.array([ONE]*s.n, dtype=object)
    def eval(s, th, obs=False):
        us = [s.d[a].dot(th[s.c[a]]) + s.off[a] if len(s.c[a]) else s.off[a] for a in range(len(s.D))]
        j = s.f(*J.inputs(us)); q = len(us)
        bc = lambda x: np.broadcast_to(np.asarray(x, dtype=object), (s.n,))
        ll = (s.w*bc(j.v)).sum()
        S = zeros(s.n, s.P)                                        # unweighted score rows
        for a in range(q): S[:, s.c[a]] = S[:, s.c[a]] + s.d[a]*bc(j.g[a])[:, None]
        g = (S*s.w[:, None]).sum(0)
        H = zeros(s.P, s.P)
        for a in range(q):
            for b in range(q):
                if b < a: continue
                B = s.d[a].T.dot(s.d[b]*(s.w*bc(j.h[a][b]))[:, None]); ix = np.ix_(s.c[a], s.c[b])
                H[ix] = H[ix] + B
                if b > a: ix = np.ix_(s.c[b], s.c[a]); H[ix] = H[ix] + B.T
        return (ll, g, H, S) if obs else (ll, g, H)
    def newton(s, th, free=None, maxit=60, tol=1e-42):
        th = np.array(th, dtype=object); fr = np.arange(s.P) if free is None else np.array(free)
        ll, g, H = s.eval(th)
        for it in range(maxit):
            st = solve(-H[np.ix_(fr, fr)], g[fr]); t = ONE
            rel = max(abs(x)/(abs(y)+mpfr('1e-8')) for x, y in zip(st, th[fr]))
            while True:
                th2 = th.copy(); th2[fr] = th[fr] + t*st
                try:
                    ll2, g2, H2 = s.eval(th2); ok = gmpy2.is_finite(ll2) and (ll2 >= ll or rel < 1e-12)
                except (ValueError, ZeroDivisionError): ok = False
                if ok: break
                t = t/2
                if t < 1e-12: raise RuntimeError('no ascent; rel %s' % float(rel))
            th, ll, g, H = th2, ll2, g2, H2
            if rel*t < tol or rel < mpfr('1e-45'): return th, ll, g, H
        raise RuntimeError('newton did not end, rel %s' % float(rel))
    def profile(s, th, ll, H, qcrit, idx=None):
        """profile-likelihood bounds: score of the others = 0 and 2(ll - ll(b)) = qcrit, by Newton from the Wald bound."""
        C = inv(-H); out = {}
        for j in (range(s.P) if idx is None else idx):
            se = gmpy2.sqrt(C[j, j]); z = gmpy2.sqrt(qcrit); r = []
            for sg in (-1, 1):
                b = th + sg*z*C[:, j]/se
                for it in range(60):
                    l, g, Hh = s.eval(b)
                    F = g.copy(); F[j] = 2*(ll - l) - qcrit
                    Jm = Hh.copy(); Jm[j] = -2*g
                    st = solve(Jm, -F)
                    # damping: no coordinate moves more than 1.5 profile half widths
                    big = max(abs(st[k])/gmpy2.sqrt(C[k, k]) for k in range(s.P))
                    if big > 2: st = st*(2/big)
                    b = b + st
                    if max(abs(st[k])/gmpy2.sqrt(C[k, k]) for k in range(s.P)) < mpfr('1e-25'): break
                else: r.append(None); continue
                l, g, Hh = s.eval(b)
                okk = abs(2*(ll-l)-qcrit) < mpfr('1e-20') and sg*(b[j]-th[j]) > 0
                r.append(b[j] if okk else None)
            out[j] = r
        return out
