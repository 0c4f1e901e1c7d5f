//! Codings of categories as numbers (contrasts).

use super::polynomial;

/// How categories become numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Contrast {
    /// One feature per category but the reference, by default the first one.
    Treatment(Option<String>),
    /// One feature per category but the last one.
    Sas,
    /// Deviations from the mean of all categories; the last one is −1 everywhere.
    Sum,
    /// Each category against the mean of those before it.
    Helmert,
    /// Each category against the one before it.
    Diff,
    /// Orthogonal polynomials of the category's number.
    Poly,
}

impl Contrast {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Treatment(_) => "Treatment",
            Self::Sas => "contr.SAS",
            Self::Sum => "Sum",
            Self::Helmert => "Helmert",
            Self::Diff => "Diff",
            Self::Poly => "Poly",
        }
    }

    /// Returns whether each feature stands for one category, so that its name is `column=category`.
    pub(super) fn is_treatment(&self) -> bool {
        matches!(self, Self::Treatment(_) | Self::Sas)
    }

    /// Returns the names of the columns of [`coding`](Self::coding).
    pub(super) fn labels(&self, n: usize, reference: usize, reduced: bool) -> Vec<Label> {
        let power = |power: usize| match power {
            1 => ".L".to_owned(),
            2 => ".Q".to_owned(),
            3 => ".C".to_owned(),
            _ => format!("^{power}"),
        };
        match self {
            _ if !reduced => (0..n).map(Label::Category).collect(),
            Self::Treatment(_) | Self::Sas => (0..n).filter(|at| *at != reference).map(Label::Category).collect(),
            Self::Sum => (0..n.saturating_sub(1)).map(Label::Category).collect(),
            Self::Helmert | Self::Diff => (1..n).map(Label::Category).collect(),
            Self::Poly => (1..n).map(|at| Label::Text(power(at))).collect(),
        }
    }

    /// Returns the columns of the coding of `n` categories: the number for each category. One of them, `reference`, has no
    /// column in treatment coding.
    ///
    /// Without `reduced` there is one column per category, which is 1 for that category.
    pub(super) fn coding(&self, n: usize, reference: usize, reduced: bool) -> Vec<Vec<f64>> {
        let width = n.saturating_sub(1);
        let indicator = |of: usize| (0..n).map(|level| f64::from(u8::from(level == of))).collect::<Vec<f64>>();
        if !reduced || self.is_treatment() {
            return (0..n).filter(|level| !reduced || *level != reference).map(indicator).collect();
        }
        if *self == Self::Poly {
            let scores: Vec<f64> = (0..n).map(|level| level as f64).collect();
            let values = polynomial::evaluate(&scores, &polynomial::learn(&scores, width));
            return (0..width).map(|at| values.iter().skip(at).step_by(width).copied().collect()).collect();
        }
        let value = |at: usize, level: usize| match self {
            Self::Sum if level + 1 == n => -1.0,
            Self::Sum => f64::from(u8::from(level == at)),
            Self::Helmert if level <= at => -1.0,
            Self::Helmert if level == at + 1 => level as f64,
            Self::Diff => (at + 1) as f64 / n as f64 - f64::from(u8::from(level <= at)),
            _ => 0.0,
        };
        (0..width).map(|at| (0..n).map(|level| value(at, level)).collect()).collect()
    }
}

/// The name of a column of a coding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// The category with this index.
    Category(usize),
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_those_of_r() {
        let coding = |contrast: Contrast| contrast.coding(3, 0, true);
        assert_eq!(coding(Contrast::Treatment(None)), [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        assert_eq!(coding(Contrast::Sum), [[1.0, 0.0, -1.0], [0.0, 1.0, -1.0]]);
        assert_eq!(coding(Contrast::Helmert), [[-1.0, 1.0, 0.0], [-1.0, -1.0, 2.0]]);
        let polynomial = coding(Contrast::Poly);
        let expected =
            [[-0.5f64.sqrt(), 0.0, 0.5f64.sqrt()], [1.0 / 6f64.sqrt(), -2.0 / 6f64.sqrt(), 1.0 / 6f64.sqrt()]];
        for (found, expected) in polynomial.iter().flatten().zip(expected.iter().flatten()) {
            // Two operations at the scale 1 after a sum of three.
            assert!((found - expected).abs() < 4.0 * f64::EPSILON, "{found} {expected}");
        }
        assert!(Contrast::Sum.coding(1, 0, true).is_empty());
        assert_eq!(Contrast::Sum.coding(2, 0, false)[1], [0.0, 1.0]);
    }
}
