//! The settings of a generalised linear model.

use kiln::{
    data::{Formula, did_you_mean},
    models::{
        GlmConfig,
        glm::{Family, Link, UnknownName},
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    base::{Failure, Result, require},
    names::Dtype,
    settings::{MissingValues, RunSettings, TableSettings, TabularData},
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GlmSettings {
    pub(crate) data: TabularData,
    pub(crate) table: TableSettings,
    pub(crate) model: GlmModelSettings,
    pub(crate) rows: RowSettings,
    pub(crate) inference: InferenceSettings,
    pub(crate) run: RunSettings,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct GlmModelSettings {
    pub(crate) family: String,
    /// Absent: the family's default.
    pub(crate) link: Option<String>,
    /// Response and terms. Absent: the target and all features.
    pub(crate) formula: Option<String>,
    /// A column that is added to the linear predictor.
    pub(crate) offset: Option<String>,
    /// A column whose logarithm is added to the linear predictor.
    pub(crate) exposure: Option<String>,
    /// The terms of the additional zeros' probability.
    pub(crate) inflation: Option<String>,
    /// θ of the negative binomial distribution. Absent: estimated.
    pub(crate) theta: Option<f64>,
    /// The classes in their order.
    pub(crate) levels: Vec<String>,
    /// Whether Firth's penalty is added.
    pub(crate) firth: bool,
    /// The penalty λ/2·‖b‖².
    pub(crate) l2: f64,
    /// The penalty λ·‖b‖₁.
    pub(crate) l1: f64,
    pub(crate) max_iter: usize,
    /// Absent: that of the solver.
    pub(crate) gtol: Option<f64>,
}

impl Default for GlmModelSettings {
    fn default() -> Self {
        Self {
            family: "gaussian".to_owned(),
            link: None,
            formula: None,
            offset: None,
            exposure: None,
            inflation: None,
            theta: None,
            levels: Vec::new(),
            firth: false,
            l2: 0.0,
            l1: 0.0,
            max_iter: GlmConfig::MAX_ITER,
            gtol: None,
        }
    }
}

/// How rows are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RowSettings {
    /// Whether rows are read in chunks, and kept in a temporary file.
    pub(crate) stream: bool,
    pub(crate) storage: Storage,
}

/// How features are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Storage {
    /// As f64, and sparse for LIBSVM files.
    #[default]
    Auto,
    F64,
    F32,
    Sparse,
}

/// How standard errors are estimated, and what else is computed of a fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct InferenceSettings {
    pub(crate) cov_type: CovType,
    /// The column of the clusters.
    pub(crate) cluster: Option<String>,
    pub(crate) information: Option<InformationName>,
    /// The level of confidence intervals.
    pub(crate) level: f64,
    /// Whether each term is tested by a fit without it.
    pub(crate) lr_tests: bool,
    /// Whether average marginal effects are computed.
    pub(crate) margins: bool,
    /// Whether intervals by the profile likelihood are computed.
    pub(crate) profile: bool,
    /// Whether residuals, leverages and Cook's distances are written.
    pub(crate) influence: bool,
}

impl Default for InferenceSettings {
    fn default() -> Self {
        Self {
            cov_type: CovType::Nonrobust,
            cluster: None,
            information: None,
            level: 0.95,
            lr_tests: false,
            margins: false,
            profile: false,
            influence: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CovType {
    Nonrobust,
    Hc0,
    Hc1,
    Hc2,
    Hc3,
    Cluster,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InformationName {
    Expected,
    Observed,
}

impl GlmSettings {
    pub(super) fn check(&self) -> Result<()> {
        self.table.check()?;
        let (family, _) = (self.family()?, self.link()?);
        let formula = self.formula()?;
        self.inflation()?;
        let model = &self.model;
        require(model.max_iter >= 1, "max-iter", "at least 1", model.max_iter)?;
        let gtol = model.gtol.unwrap_or(GlmConfig::GTOL);
        require(gtol > 0.0 && gtol.is_finite(), "gtol", "positive and finite", gtol)?;
        require(model.l2 >= 0.0 && model.l2.is_finite(), "l2", "finite and not negative", model.l2)?;
        require(model.l1 >= 0.0 && model.l1.is_finite(), "l1", "finite and not negative", model.l1)?;
        self.check_penalties(family)?;
        self.check_stream()?;
        let level = self.inference.level;
        require(level > 0.0 && level < 1.0, "level", "above 0 and below 1", level)?;
        if let Some(theta) = model.theta {
            require(theta > 0.0 && theta.is_finite(), "theta", "positive and finite", theta)?;
        }
        let is_zip = family == Family::ZeroInflatedPoisson;
        let has_profile = !matches!(family, Family::Gamma | Family::InverseGaussian | Family::Multinomial);
        for (wrong, message) in [
            (
                self.run.dtype.is_some_and(|dtype| dtype != Dtype::F64),
                "--dtype f32 is not for generalized linear models, which are computed in f64",
            ),
            (
                self.inference.profile && !has_profile,
                "--profile is not for the families gamma, inverse-gaussian and multinomial",
            ),
            (
                formula.is_some() && (self.data.target.is_some() || !self.table.features.is_empty()),
                "--formula has the response and the terms: omit --target and --features",
            ),
            (formula.is_some() && self.data.standardize, "--standardize is for fits without --formula: use scale(x)"),
            (
                formula.is_some() && (self.table.coding.is_some() || !self.table.reference.is_empty()),
                "--coding and --reference are for fits without --formula: use C(x, ref=\"category\")",
            ),
            (model.inflation.is_some() && !is_zip, "--inflation is for --family zero-inflated-poisson"),
            (
                model.theta.is_some() && !matches!(family, Family::NegativeBinomial { .. }),
                "--theta is for --family negative-binomial",
            ),
            (
                !model.levels.is_empty() && !matches!(family, Family::Multinomial | Family::Ordinal | Family::Binomial),
                "--levels is for the families binomial, multinomial and ordinal",
            ),
            (
                model.firth && (family != Family::Binomial || self.link()? != Link::Logit),
                "--firth is for --family binomial with the logit link",
            ),
            (model.firth && self.inference.profile, "--profile is not for fits with --firth"),
            (model.firth && self.inference.lr_tests, "--lr-tests is not for fits with --firth"),
            (
                self.inference.cluster.is_some() != (self.inference.cov_type == CovType::Cluster),
                "--cov-type cluster and --cluster COLUMN need each other",
            ),
        ] {
            if wrong {
                return Err(Failure::usage(message));
            }
        }
        Ok(())
    }

    fn check_penalties(&self, family: Family) -> Result<()> {
        let (model, inference) = (&self.model, &self.inference);
        if model.l1 + model.l2 == 0.0 {
            return Ok(());
        }
        if family == Family::Multinomial {
            return Err(Failure::usage("--l1 and --l2 are not for --family multinomial: use `kiln train logistic`"));
        }
        let others = [
            (model.firth, "--firth"),
            (inference.lr_tests, "--lr-tests"),
            (inference.margins, "--margins"),
            (inference.profile, "--profile"),
            (inference.influence, "--influence"),
            (inference.cov_type != CovType::Nonrobust, "--cov-type"),
        ];
        match others.iter().find(|(given, _)| *given) {
            Some((_, flag)) => Err(Failure::usage(format!(
                "{flag} is for fits without --l1 and --l2: a penalised fit is biased and has no standard errors"
            ))),
            None => Ok(()),
        }
    }

    /// Refuses what needs all rows in memory.
    fn check_stream(&self) -> Result<()> {
        if self.rows.stream { self.reads_in_chunks() } else { Ok(()) }
    }

    /// Returns an error if something needs all rows at once.
    pub(super) fn reads_in_chunks(&self) -> Result<()> {
        let (model, inference) = (&self.model, &self.inference);
        let others = [
            (self.data.test_fraction.is_some_and(|fraction| fraction > 0.0), "--test-fraction"),
            (self.data.standardize, "--standardize"),
            (model.inflation.is_some(), "--inflation"),
            (model.firth, "--firth"),
            (inference.lr_tests, "--lr-tests"),
            (inference.margins, "--margins"),
            (inference.profile, "--profile"),
            (inference.influence, "--influence"),
            (inference.cluster.is_some(), "--cluster"),
            (matches!(inference.cov_type, CovType::Hc2 | CovType::Hc3), "--cov-type hc2 and hc3"),
            (
                !matches!(self.table.missing, MissingValues::Drop | MissingValues::Error),
                "--missing mean, median and indicator",
            ),
        ];
        match others.iter().find(|(given, _)| *given) {
            Some((_, flag)) => {
                Err(Failure::usage(format!("{flag}: not with --stream, because it needs all rows at once")))
            }
            None => Ok(()),
        }
    }

    pub(super) fn family(&self) -> Result<Family> {
        let family: Family = self
            .model
            .family
            .parse()
            .map_err(|error| unknown("--family", &self.model.family, Family::ALL.map(Family::name), &error))?;
        Ok(match family {
            Family::NegativeBinomial { .. } => Family::NegativeBinomial { theta: self.model.theta },
            other => other,
        })
    }

    pub(super) fn link(&self) -> Result<Link> {
        let family = self.family()?;
        let links = family.links();
        let Some(name) = &self.model.link else { return Ok(links[0]) };
        let link: Link = name.parse().map_err(|error| unknown("--link", name, Link::ALL.map(Link::name), &error))?;
        if links.contains(&link) {
            return Ok(link);
        }
        let names: Vec<&str> = links.iter().map(|link| link.name()).collect();
        Err(Failure::usage(format!("--family {family} has no --link {link}: choose {}", names.join(", "))))
    }

    pub(super) fn formula(&self) -> Result<Option<Formula>> {
        let parse = |text: &String| {
            let formula: Formula = text.parse().map_err(|e| Failure::usage(format!("--formula: {e}")))?;
            if formula.response().is_none() {
                let terms = text.trim_start().trim_start_matches('~').trim_start();
                return Err(Failure::usage(format!("--formula needs a response, as in 'y ~ {terms}'")));
            }
            Ok(formula)
        };
        self.model.formula.as_ref().map(parse).transpose()
    }

    pub(super) fn inflation(&self) -> Result<Option<Formula>> {
        let parse = |text: &String| {
            let formula: Formula = text.parse().map_err(|e| Failure::usage(format!("--inflation: {e}")))?;
            if formula.response().is_some() {
                return Err(Failure::usage("--inflation has terms only: omit the '~' and what stands before it"));
            }
            Ok(formula)
        };
        self.model.inflation.as_ref().map(parse).transpose()
    }
}

/// A name that is none of `known`.
fn unknown<const N: usize>(flag: &str, name: &str, known: [&'static str; N], error: &UnknownName) -> Failure {
    Failure::usage(format!("{flag}: {error}{}", did_you_mean(name, known)))
}
