//! The functions of expressions.

use burn::tensor::Tensor;
use kiln_tensor::special;

macro_rules! functions {
    ($($variant:ident $name:literal $arguments:literal)*) => {
        /// A function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function { $($variant),* }

        impl Function {
            pub(super) fn of(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    "ln" => Some(Self::Log),
                    _ => None,
                }
            }

            pub(super) fn arguments(self) -> usize {
                match self { $(Self::$variant => $arguments),* }
            }

            /// All names, for messages.
            pub(super) fn known() -> String {
                [$($name),*].join(", ")
            }
        }
    };
}

functions! {
    Exp "exp" 1
    Log "log" 1
    Log2 "log2" 1
    Log10 "log10" 1
    Log1p "log1p" 1
    Expm1 "expm1" 1
    Sqrt "sqrt" 1
    Abs "abs" 1
    Sin "sin" 1
    Cos "cos" 1
    Tan "tan" 1
    Asin "asin" 1
    Acos "acos" 1
    Atan "atan" 1
    Sinh "sinh" 1
    Cosh "cosh" 1
    Tanh "tanh" 1
    Erf "erf" 1
    LnGamma "lgamma" 1
    Sigmoid "sigmoid" 1
    Softplus "softplus" 1
    Min "min" 2
    Max "max" 2
    Hypot "hypot" 2
    Atan2 "atan2" 2
    Sum "sum" 1
    Mean "mean" 1
    Norm "norm" 1
    Prod "prod" 1
    Dot "dot" 2
}

impl Function {
    /// Applies a function of one vector.
    pub(super) fn apply(self, x: Tensor<1>) -> Tensor<1> {
        let over = |x: Tensor<1>, number: f64| x.clone() / (x.zeros_like() + number);
        match self {
            Self::Log => x.log(),
            Self::Log2 => over(x.log(), std::f64::consts::LN_2),
            Self::Log10 => over(x.log(), std::f64::consts::LN_10),
            Self::Log1p => x.log1p(),
            Self::Expm1 => special::expm1(x),
            Self::Sqrt => x.sqrt(),
            Self::Abs => x.abs(),
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Asin => x.asin(),
            Self::Acos => x.acos(),
            Self::Atan => x.atan(),
            Self::Sinh => x.sinh(),
            Self::Cosh => x.cosh(),
            Self::Tanh => x.tanh(),
            Self::Erf => special::erf(x),
            Self::LnGamma => special::ln_gamma(x),
            Self::Sigmoid => special::sigmoid(x),
            Self::Softplus => special::softplus(x),
            Self::Sum => x.sum(),
            Self::Mean => x.mean(),
            Self::Norm => x.square().sum().sqrt(),
            Self::Prod => {
                let [n] = x.dims();
                (1..n).fold(x.clone().slice(0..1), |product, i| product * x.clone().slice(i..=i))
            }
            _ => x.exp(),
        }
    }

    /// Applies a function of two vectors of the same length.
    pub(super) fn apply_to_two(self, x: Tensor<1>, y: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Min => x.min_pair(y),
            Self::Max => x.max_pair(y),
            Self::Hypot => x.hypot(y),
            Self::Atan2 => x.atan2(y),
            _ => (x * y).sum(),
        }
    }
}
