from engine import *
import os, csv, fractions
from fractions import Fraction as Fr
HERE = os.path.dirname(os.path.abspath(__file__))
CERT = {
'norris': dict(model='y ~ 1 + x', b=['-0.262323073774029','1.00211681802045'], se=['0.232818234301152','0.429796848199937E-03'], rsd='0.884796396144373', r2='0.999993745883712'),
'pontius': dict(model='y ~ 1 + x + x^2', b=['0.673565789473684E-03','0.732059160401003E-06','-0.316081871345029E-14'], se=['0.107938612033077E-03','0.157817399981659E-09','0.486652849992036E-16'], rsd='0.205177424076185E-03', r2='0.999999900178537'),
'noint1': dict(model='y ~ 0 + x', b=['2.07438016528926'], se=['0.165289256198347E-01'], rsd='3.56753034006338', r2='0.999365492298663'),
'noint2': dict(model='y ~ 0 + x', b=['0.727272727272727'], se=['0.420827318078432E-01'], rsd='0.369274472937998', r2='0.993348115299335'),
'filip': dict(model='y ~ 1 + x + ... + x^10', b=['-1467.48961422980','-2772.17959193342','-2316.37108160893','-1127.97394098372','-354.478233703349','-75.1242017393757','-10.8753180355343','-1.06221498588947','-0.670191154593408E-01','-0.246781078275479E-02','-0.402962525080404E-04'],
  se=['298.084530995537','559.779865474950','466.477572127796','227.204274477751','71.6478660875927','15.2897178747400','2.23691159816033','0.221624321934227','0.142363763154724E-01','0.535617408889821E-03','0.896632837373868E-05'], rsd='0.334801051324544E-02', r2='0.996727416185620'),
'longley': dict(model='y ~ 1 + x1..x6', b=['-3482258.63459582','15.0618722713733','-0.358191792925910E-01','-2.02022980381683','-1.03322686717359','-0.511041056535807E-01','1829.15146461355'],
  se=['890420.383607373','84.9149257747669','0.334910077722432E-01','0.488399681651699','0.214274163161675','0.226073200069370','455.478499142212'], rsd='304.854073561965', r2='0.995479004577296'),
'wampler1': dict(b=['1']*6, se=['0']*6, rsd='0', r2='1'),
'wampler2': dict(b=['1','0.1','0.01','0.001','0.0001','0.00001'], se=['0']*6, rsd='0', r2='1'),
'wampler3': dict(b=['1']*6, se=['2152.32624678170','2363.55173469681','779.343524331583','101.475507550350','5.64566512170752','0.112324854679312'], rsd='2360.14502379268', r2='0.999995559025820'),
'wampler4': dict(b=['1']*6, se=['215232.624678170','236355.173469681','77934.3524331583','10147.5507550350','564.566512170752','11.2324854679312'], rsd='236014.502379268', r2='0.957478440825662'),
'wampler5': dict(b=['1']*6, se=['21523262.4678170','23635517.3469681','7793435.24331583','1014755.07550350','56456.6512170752','1123.24854679312'], rsd='23601450.2379268', r2='0.224668921574940E-02'),
}
NORRIS_X="0.2 337.4 118.2 884.6 10.1 226.5 666.3 996.3 448.6 777.0 558.2 0.4 0.6 775.5 666.9 338.0 447.5 11.6 556.0 228.1 995.8 887.6 120.2 0.3 0.3 556.8 339.1 887.2 999.0 779.0 11.1 118.3 229.2 669.1 448.9 0.5".split()
NORRIS_Y="0.1 338.8 118.1 888.0 9.2 228.1 668.5 998.5 449.1 778.9 559.2 0.3 0.1 778.1 668.8 339.3 448.9 10.8 557.7 228.3 998.0 888.8 119.6 0.3 0.6 557.6 339.3 888.0 998.5 778.9 10.2 117.6 228.9 668.4 449.2 0.2".split()
DELTA=[759,-2048,2048,-2048,2523,-2048,2048,-2048,1838,-2048,2048,-2048,1838,-2048,2048,-2048,2523,-2048,2048,-2048,759]
def load(name):
    """rows of decimal strings: header, rows (y first)"""
    p = os.path.join(HERE, 'data', 'nist_%s.csv' % name)
    if name == 'norris': rows = list(zip(NORRIS_Y, NORRIS_X)); hd = ['y','x']
    elif name == 'noint1': rows = [(str(130+i), str(60+i)) for i in range(11)]; hd=['y','x']
    elif name == 'noint2': rows = [('3','4'),('4','5'),('4','6')]; hd=['y','x']
    elif name.startswith('wampler'):
        hd=['y','x']; k = int(name[-1]); rows = []
        for x in range(21):
            if k == 2: y = '%.5f' % float(sum(Fr(x**j, 10**j) for j in range(6)))
            else: y = str(sum(x**j for j in range(6)) + {1:0,3:1,4:100,5:10000}[k]*DELTA[x])
            rows.append((y, str(x)))
    elif name == 'longley':
        import statsmodels.api as sm
        d = sm.datasets.longley.load_pandas().data
        hd = ['y','x1','x2','x3','x4','x5','x6']
        rows = [tuple(repr(float(r[c])) for c in ['TOTEMP','GNPDEFL','GNP','UNEMP','ARMED','POP','YEAR']) for _, r in d.iterrows()]
    else:
        rr = list(csv.reader(open(p))); hd, rows = rr[0], rr[1:]
    if name not in ('filip','pontius'):
        with open(p, 'w') as f:
            f.write(','.join(hd) + '\n'); [f.write(','.join(r) + '\n') for r in rows]
    return hd, rows
def frsolve(A, B):
    n = len(A); A = [r[:] + b[:] for r, b in zip(A, B)]
    for c in range(n):
        p = next(i for i in range(c, n) if A[i][c] != 0); A[c], A[p] = A[p], A[c]
        v = A[c][c]; A[c] = [x/v for x in A[c]]
        for r in range(n):
            if r != c and A[r][c] != 0:
                f = A[r][c]; A[r] = [x - f*y for x, y in zip(A[r], A[c])]
    return [r[n:] for r in A]
def mq(fr): return mpfr(fr.numerator)/mpfr(fr.denominator)
def run():
    out = {}
    for name, c in CERT.items():
        hd, rows = load(name); deg = {'filip':10,'pontius':2}.get(name, 5 if name.startswith('wampler') else 1)
        res = {}
        for mode in ('decimal', 'double'):
            cv = (lambda t: Fr(t)) if mode == 'decimal' else (lambda t: Fr(float(t)))
            Y = [cv(r[0]) for r in rows]
            if name == 'longley': X = [[Fr(1)] + [cv(t) for t in r[1:]] for r in rows]; nm = ['const']+hd[1:]
            elif name.startswith('noint'): X = [[cv(r[1])] for r in rows]; nm = ['x']
            else: X = [[cv(r[1])**k for k in range(deg+1)] for r in rows]; nm = ['const'] + ['x' if k==1 else 'x^%d'%k for k in range(1,deg+1)]
            p = len(nm); n = len(Y)
            XtX = [[sum(r[a]*r[b] for r in X) for b in range(p)] for a in range(p)]; Xty = [sum(r[a]*y for r, y in zip(X, Y)) for a in range(p)]
            S = frsolve(XtX, [[t] + [Fr(int(i==a)) for i in range(p)] for a, t in enumerate(Xty)])
            b = [r[0] for r in S]; inv_d = [S[a][1+a] for a in range(p)]
            rss = sum((y - sum(x*q for x, q in zip(r, b)))**2 for r, y in zip(X, Y))
            ic = not name.startswith('noint'); yb = sum(Y)/n if ic else Fr(0)
            tss = sum((y-yb)**2 for y in Y); s2 = rss/(n-p)
            res[mode] = dict(coef=[mq(t) for t in b], se=[gmpy2.sqrt(mq(s2*d)) for d in inv_d], resid_sd=gmpy2.sqrt(mq(s2)), r2=mq(1-rss/tss), rss=mq(rss))
        f = lambda t: '{0:.20e}'.format(t)
        def rel(a, b): a, b = mpfr(a), mpfr(b); return float(abs(a-b)) if b == 0 else float(abs(a/b-1))
        D = res['decimal']
        chk = max([rel(x, y) for x, y in zip(D['coef'], c['b'])] + [rel(x, y) for x, y in zip(D['se'], c['se'])] + [rel(D['resid_sd'], c['rsd']), rel(D['r2'], c['r2'])])
        out[name] = dict(csv='data/nist_%s.csv' % name, response='y', n=len(rows), p=p, df_resid=len(rows)-p, names=nm, intercept=ic,
            model=c.get('model', 'y ~ 1 + x + ... + x^5'),
            certified=dict(coef=[float(x) for x in c['b']], se=[float(x) for x in c['se']], resid_sd=float(c['rsd']), r2=float(c['r2'])),
            certified_text=dict(coef=c['b'], se=c['se'], resid_sd=c['rsd'], r2=c['r2']),
            exact={m: {k: ([float(t) for t in v] if isinstance(v, list) else float(v)) for k, v in res[m].items()} for m in res},
            exact_text={k: ([f(t) for t in v] if isinstance(v, list) else f(v)) for k, v in D.items()},
            max_rel_diff_exact_vs_certified=chk)
        print(name, 'exact vs certified', chk, 'double-rounded data shift', max(rel(x, y) for x, y in zip(res['double']['coef'], c['b'])))
    return out
if __name__ == '__main__': run()
