//! Penalties of a cross-validation.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lowercase")]
pub(crate) enum PenaltyName {
    None,
    L1,
    L2,
}

impl PenaltyName {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::L1 => "l1",
            Self::L2 => "l2",
        }
    }
}
