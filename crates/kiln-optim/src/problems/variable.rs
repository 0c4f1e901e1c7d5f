//! Numbers with which formulas can be written as they are printed.

use std::ops::{Add, Div, Mul, Neg, Sub};

use burn::tensor::Tensor;

/// A number of a formula, `[1]`.
#[derive(Clone, Debug)]
pub(super) struct Var(Tensor<1>);

impl Var {
    /// The entries of a vector.
    pub(super) fn entries<const N: usize>(x: &Tensor<1>) -> [Self; N] {
        std::array::from_fn(|i| Self(x.clone().slice(i..=i)))
    }

    /// Stacks numbers to a vector.
    pub(super) fn stack(values: Vec<Self>) -> Tensor<1> {
        Tensor::cat(values.into_iter().map(|value| value.0).collect(), 0)
    }

    pub(super) fn tensor(self) -> Tensor<1> {
        self.0
    }

    pub(super) fn sq(&self) -> Self {
        Self(self.0.clone().square())
    }

    pub(super) fn cube(&self) -> Self {
        self.sq() * self
    }

    pub(super) fn pow(&self, exponent: u32) -> Self {
        (1..exponent).fold(self.clone(), |power, _| power * self)
    }

    pub(super) fn exp(&self) -> Self {
        Self(self.0.clone().exp())
    }

    pub(super) fn ln(&self) -> Self {
        Self(self.0.clone().log())
    }

    pub(super) fn sin(&self) -> Self {
        Self(self.0.clone().sin())
    }

    pub(super) fn cos(&self) -> Self {
        Self(self.0.clone().cos())
    }

    pub(super) fn sqrt(&self) -> Self {
        Self(self.0.clone().sqrt())
    }

    /// A constant.
    pub(super) fn constant(&self, value: f64) -> Self {
        Self(self.0.zeros_like() + value)
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $operator:tt;)*) => {
        $(
            operators!(@pair $trait $method $operator, Var, Var);
            operators!(@pair $trait $method $operator, Var, &Var);
            operators!(@pair $trait $method $operator, &Var, Var);
            operators!(@pair $trait $method $operator, &Var, &Var);
        )*
    };
    (@pair $trait:ident $method:ident $operator:tt, $left:ty, $right:ty) => {
        impl $trait<$right> for $left {
            type Output = Var;
            fn $method(self, other: $right) -> Var {
                Var(self.0.clone() $operator other.0.clone())
            }
        }
    };
}
operators! {
    Add add +;
    Sub sub -;
    Mul mul *;
    Div div /;
}

macro_rules! with_numbers {
    ($($var:ty),*) => {
        $(
            impl Add<f64> for $var {
                type Output = Var;
                fn add(self, number: f64) -> Var {
                    Var(self.0.clone() + number)
                }
            }
            impl Sub<f64> for $var {
                type Output = Var;
                fn sub(self, number: f64) -> Var {
                    Var(self.0.clone() - number)
                }
            }
            impl Mul<f64> for $var {
                type Output = Var;
                fn mul(self, number: f64) -> Var {
                    Var(self.0.clone() * number)
                }
            }
            impl Mul<$var> for f64 {
                type Output = Var;
                fn mul(self, var: $var) -> Var {
                    Var(var.0.clone() * self)
                }
            }
            impl Add<$var> for f64 {
                type Output = Var;
                fn add(self, var: $var) -> Var {
                    Var(var.0.clone() + self)
                }
            }
            impl Sub<$var> for f64 {
                type Output = Var;
                fn sub(self, var: $var) -> Var {
                    Var((var.0.clone() - self).neg())
                }
            }
            impl Div<$var> for f64 {
                type Output = Var;
                fn div(self, var: $var) -> Var {
                    Var((var.0.zeros_like() + self) / var.0.clone())
                }
            }
            impl Neg for $var {
                type Output = Var;
                fn neg(self) -> Var {
                    Var(self.0.clone().neg())
                }
            }
        )*
    };
}
with_numbers!(Var, &Var);
