from make_glm import *
import nist
def jobs():
    bw = ['age','lwt','race2','race3','smoke','ptl','ht','ui']; inf_ = ['age','parity','edu6_11','edu12p','induced','spontaneous']
    bac = ['drug','drugp','week']; T = dict
    A = lambda *a, **k: ('glm', a, k)
    D = dict(profile=True, drops=True)
    pen = ['bill_length_mm','bill_depth_mm','flipper_length_mm','chinstrap','gentoo','male']; ins = ['district2','district3','district4','group2','group3','group4','age2','age3','age4']
    qn = ['ethN','sexM','ageF1','ageF2','ageF3','lrnSL']; bio = ['women','married','kid5','phd','ment']; scf = ['COUTAX','UNEMPF','MOR','ACT','GDP','AGE','COUTAX_FEMALEUNEMP']
    import json as _j
    sc = [c for c in load('scotland').columns][1:]; scy = load('scotland').columns[0]
    return [
     A('gaussian_mtcars','mtcars','mpg',['wt','hp','qsec','am'],'gaussian','identity',cluster='carb',vif=True,**D),
     A('gaussian_swiss','swiss','Fertility',['Agriculture','Examination','Education','Catholic','Infant_Mortality'],'gaussian','identity',vif=True,**D),
     A('gaussian_stackloss','stackloss','stack_loss',['air_flow','water_temp','acid_conc'],'gaussian','identity',**D),
     A('gaussian_penguins','penguins','body_mass_g',pen,'gaussian','identity',cluster='year',terms=T(species=['chinstrap','gentoo']),**D),
     A('logit_birthwt','birthwt','low',bw,'binomial','logit',cluster='ftv',terms=T(race=['race2','race3']),ame=True,**D),
     A('logit_infert','infert','case',inf_,'binomial','logit',cluster='stratum',terms=T(education=['edu6_11','edu12p']),ame=True,**D),
     A('logit_bacteria','bacteria','y',bac,'binomial','logit',cluster='id',terms=T(trt=['drug','drugp']),ame=True,**D),
     A('logit_vaso','vaso','y',['log_volume','log_rate'],'binomial','logit',ame=True,**D),
     A('logit_esoph_freq','esoph_freq','case',['age','alc','tob'],'binomial','logit',w='freq',**D),
     A('probit_birthwt','birthwt','low',bw,'binomial','probit',cluster='ftv',terms=T(race=['race2','race3']),ame=True,**D),
     A('probit_kyphosis','kyphosis','present',['age','number','start'],'binomial','probit',ame=True,**D),
     A('probit_spector','spector','grade',['gpa','tuce','psi'],'binomial','probit',ame=True,**D),
     A('probit_bacteria','bacteria','y',bac,'binomial','probit',cluster='id',terms=T(trt=['drug','drugp']),ame=True,**D),
     A('cloglog_birthwt','birthwt','low',bw,'binomial','cloglog',cluster='ftv',terms=T(race=['race2','race3']),**D),
     A('cloglog_bacteria','bacteria','y',bac,'binomial','cloglog',cluster='id',terms=T(trt=['drug','drugp']),**D),
     A('cloglog_vaso','vaso','y',['log_volume','log_rate'],'binomial','cloglog',**D),
     A('cloglog_menarche_freq','menarche_freq','y',['age'],'binomial','cloglog',w='freq',**D),
     A('logit_menarche_freq','menarche_freq','y',['age'],'binomial','logit',w='freq',**D),
     A('probit_menarche_freq','menarche_freq','y',['age'],'binomial','probit',w='freq',**D),
     A('poisson_warpbreaks','warpbreaks','breaks',['woolB','tensionM','tensionH','woolB_tensionM','woolB_tensionH'],'poisson','log',terms=T(interaction=['woolB_tensionM','woolB_tensionH']),ame=True,**D),
     A('poisson_insurance','insurance','claims',ins,'poisson','log',off='log_holders',cluster='district',terms=T(district=ins[:3],group=ins[3:6],age=ins[6:]),ame=True,**D),
     A('poisson_biochemists','biochemists','art',bio,'poisson','log',ame=True,**D),
     A('poisson_epil','epil','y',['progabide','lbase','lage','V4'],'poisson','log',cluster='subject',ame=True,**D),
     A('poisson_ships','ships','accident',['op','co65','co70','co75'],'poisson','log',off='log_service',cluster='ship',terms=T(construction=['co65','co70','co75']),ame=True,**D),
     A('poisson_sqrt_warpbreaks','warpbreaks','breaks',['woolB','tensionM','tensionH'],'poisson','sqrt',**D),
     A('poisson_identity_warpbreaks','warpbreaks','breaks',['woolB','tensionM','tensionH'],'poisson','identity',**D),
     A('poisson_sqrt_quine','quine','days',qn,'poisson','sqrt',**D),
     A('gamma_log_clotting','clotting','time',['log_u','lot2','lot2_log_u'],'gamma','log'),
     A('gamma_log_scotland','scotland',scy,sc,'gamma','log'),
     A('gamma_log_cpus','cpus','perf',['log_syct','log_mmax','cach','chmin','chmax'],'gamma','log'),
     A('gamma_log_trees','trees','volume',['log_girth','log_height'],'gamma','log'),
     A('gamma_log_medpar','medpar','los',['hmo','white','type2','type3'],'gamma','log',cluster='provnum'),
     A('gamma_inverse_clotting_lot1','clotting_lot1','time',['log_u'],'gamma','inverse'),
     A('gamma_inverse_clotting','clotting','time',['log_u','lot2','lot2_log_u'],'gamma','inverse'),
     A('gamma_inverse_scotland','scotland',scy,sc,'gamma','inverse'),
     A('gamma_inverse_rubber','rubber','loss',['hard','tens'],'gamma','inverse'),
     A('ig_log_clotting','clotting','time',['log_u','lot2','lot2_log_u'],'inverse_gaussian','log'),
     A('ig_log_scotland','scotland',scy,sc,'inverse_gaussian','log'),
     A('ig_log_cpus','cpus','perf',['log_syct','log_mmax','cach','chmin','chmax'],'inverse_gaussian','log'),
     A('ig_log_medpar','medpar','los',['hmo','white','type2','type3'],'inverse_gaussian','log',cluster='provnum'),
     A('ig_inverse_squared_clotting_lot1','clotting_lot1','time',['log_u'],'inverse_gaussian','inverse_squared'),
     A('ig_inverse_squared_scotland','scotland',scy,sc,'inverse_gaussian','inverse_squared'),
     A('ig_inverse_squared_rubber','rubber','loss',['hard','tens'],'inverse_gaussian','inverse_squared'),
     A('ig_inverse_squared_medpar','medpar','los',['hmo','white','type2','type3'],'inverse_gaussian','inverse_squared',cluster='provnum'),
     A('gaussian_log_cars','cars','dist',['speed'],'gaussian','log'),
     A('gaussian_log_trees','trees','volume',['log_girth','log_height'],'gaussian','log'),
     A('gaussian_log_wtloss','wtloss','weight',['days'],'gaussian','log'),
     ('negbin',('nb_quine','quine','days',qn),{}), ('negbin',('nb_biochemists','biochemists','art',bio),{}), ('negbin',('nb_epil','epil','y',['progabide','lbase','lage','V4']),dict(cluster='subject')),
     ('negbin',('nb_medpar','medpar','los',['hmo','white','type2','type3']),dict(cluster='provnum')), ('negbin',('nb_fishing_offset','fishing','totabund',['meandepth_km','late']),dict(off='log_sweptarea')),
     ('mnlogit',('mnl_womenlf','womenlf','partic',['hincome','children']),dict(cluster='region')), ('mnlogit',('mnl_vote92','vote92','vote',['dem','rep','female','persfinance','natlecon']),{}), ('mnlogit',('mnl_arthritis','arthritis','improved',['treated','male','age']),{}), ('mnlogit',('mnl_anes96','anes96','PID',['logpopul','selfLR','age','educ','income']),{}),
    ] + [('ordinal',('ordinal_%s_%s' % (d, nm), nm, y, fe, d),kw) for d in ('logit','probit') for nm, y, fe, kw in [('arthritis','improved',['treated','male','age'],{}),('admit','score',['gre_quant','gre_verbal','ap','pt','female'],{}),('anes96','PID',['logpopul','selfLR','age','educ','income'],{}),('womenlf','partic',['hincome','children'],dict(cluster='region'))]] + [
     ('zip_',('zip_biochemists','biochemists','art',bio,[]),{}), ('zip_',('zip_biochemists_infl','biochemists','art',bio,bio),{}), ('zip_',('zip_badhealth','badhealth','numvisit',['badh','age'],[]),{}), ('zip_',('zip_badhealth_infl','badhealth','numvisit',['badh','age'],['badh','age']),{}),
     ('zip_',('zip_affairs','affairs','naffairs',['kids','avgmarr','hapavg','smerel','vryrel','yrsmarr5','yrsmarr6'],[]),{}), ('zip_',('zip_epil','epil','y',['progabide','lbase','lage','V4'],[]),dict(cluster='subject')),
     ('firth',('firth_birthwt','birthwt','low',bw,False),{}), ('firth',('firth_iris_separated','iris_sep','versicolor',['sepal_length','sepal_width'],True),{}), ('firth',('firth_vaso','vaso','y',['log_volume','log_rate'],False),{}),
    ]
if __name__ == '__main__':
    only = sys.argv[1:] ; J_ = jobs(); res, err = {}, {}
    for kind, a, k in J_:
        if only and not any(t in a[0] for t in only): continue
        try: res.setdefault({'glm':'glm','negbin':'negbin','mnlogit':'mnlogit','ordinal':'ordinal','zip_':'zip','firth':'firth'}[kind], []).append(globals()[kind](*a, **k))
        except Exception as ex:
            import traceback; err[a[0]] = repr(ex); print('ERR', a[0], repr(ex)); traceback.print_exc(limit=3)
        if not only: json.dump(dict(version=1, fits=res, errors=err), open(os.path.join(HERE, 'glm_partial.json'), 'w'))
    if not only:
        out = dict(version=1, sources=json.load(open(os.path.join(HERE,'data','sources.json'))), conventions='see README.md', fits=res, nist_linear=nist.run(), errors=err)
        json.dump(out, open(os.path.join(HERE, 'glm.json'), 'w'), indent=1); print('errors', err, 'written', flush=True)
