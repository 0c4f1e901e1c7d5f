//! The macro that declares a family of distributions, and helpers for supports.

use burn::tensor::{Bool, Tensor, kind::Basic};

use crate::DistError;

/// Broadcasts named tensors to their common shape.
pub(crate) fn broadcast<const D: usize, const N: usize>(
    named: [(&'static str, Tensor<D>); N],
) -> Result<[Tensor<D>; N], DistError> {
    let mut shape = [1; D];
    for (name, tensor) in &named {
        let dims = tensor.dims();
        let fits = dims.iter().zip(&shape).all(|(size, common)| size == common || *size == 1 || *common == 1);
        if !fits {
            let (first, first_shape) = (named[0].0, named[0].1.dims().to_vec());
            return Err(DistError::Shape { first, first_shape, second: name, second_shape: dims.to_vec() });
        }
        shape.iter_mut().zip(dims).for_each(|(common, size)| *common = if *common == 1 { size } else { *common });
    }
    Ok(named.map(|(_, tensor)| if tensor.dims() == shape { tensor } else { tensor.expand(shape) }))
}

/// The range of a parameter's values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) words: &'static str,
    low: f64,
    high: f64,
    /// Whether the range includes its lower end. It never includes its upper end.
    closed: bool,
}

pub(crate) const FINITE: Range = Range { words: "finite", low: f64::NEG_INFINITY, high: f64::INFINITY, closed: false };
pub(crate) const POSITIVE: Range = Range { words: "finite and positive", low: 0.0, ..FINITE };
pub(crate) const COUNT: Range = Range { words: "finite and not negative", low: 0.0, closed: true, ..FINITE };
pub(crate) const PROBABILITY: Range = Range { words: "inside (0, 1)", low: 0.0, high: 1.0, closed: false };

impl Range {
    pub(crate) fn holds<const D: usize>(self, x: Tensor<D>) -> Tensor<D, Bool> {
        let above =
            if self.closed { x.clone().greater_equal_scalar(self.low) } else { x.clone().greater_scalar(self.low) };
        above.bool_and(x.lower_scalar(self.high))
    }
}

/// Declares a family by its parameters and their ranges: the struct, `new`, `validated`, and an accessor per parameter.
macro_rules! family {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $parameter:ident: $range:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<const D: usize> {
            $($parameter: burn::tensor::Tensor<D>),+
        }

        impl<const D: usize> $name<D> {
            /// Builds the distribution from its parameters, whose shapes broadcast.
            ///
            /// The values are not checked, because that would wait for the device. A value out of its range gives NaN or
            /// meaningless results; [`validated`](Self::validated) checks the ranges.
            ///
            /// # Errors
            /// Returns [`DistError::Shape`](crate::DistError::Shape) if the shapes do not broadcast.
            pub fn new($($parameter: burn::tensor::Tensor<D>),+) -> Result<Self, crate::DistError> {
                let [$($parameter),+] = crate::family::broadcast([$((stringify!($parameter), $parameter)),+])?;
                Ok(Self { $($parameter),+ })
            }

            /// Checks the ranges of all parameters and returns the distribution. Waits for the device.
            ///
            /// # Errors
            /// Returns [`DistError::Value`](crate::DistError::Value) with the first value out of its range.
            pub fn validated(self) -> Result<Self, crate::DistError> {
                $({
                    let range = crate::family::$range;
                    crate::error::check_values(stringify!($parameter), range.words, &self.$parameter, |x| range.holds(x))?;
                })+
                Ok(self)
            }

            $($(#[$of])*
            pub fn $parameter(&self) -> burn::tensor::Tensor<D> {
                self.$parameter.clone()
            })+

        }

        impl<const D: usize> crate::Batch for $name<D> {
            fn detached(&self) -> Self {
                Self { $($parameter: self.$parameter.clone().without_autodiff()),+ }
            }

            fn repeated(&self, count: usize) -> Self {
                Self { $($parameter: self.$parameter.clone().repeat_dim(0, count.max(1))),+ }
            }
        }
    };
}

pub(crate) use family;

/// Broadcasts two tensors to their common shape.
fn together<const D: usize, A: Basic, B: Basic>(a: Tensor<D, A>, b: Tensor<D, B>) -> (Tensor<D, A>, Tensor<D, B>) {
    let (of_a, of_b) = (a.dims(), b.dims());
    if of_a == of_b {
        return (a, b);
    }
    let shape: [usize; D] = std::array::from_fn(|i| of_a[i].max(of_b[i]));
    (a.expand(shape), b.expand(shape))
}

/// Returns `f(x)` where `inside` holds, and `outside` elsewhere.
///
/// Elsewhere `f` sees `stand_in`, so that its gradient stays finite.
pub(crate) fn on_support<const D: usize>(
    x: Tensor<D>,
    inside: Tensor<D, Bool>,
    stand_in: f64,
    outside: f64,
    f: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    let (x, inside) = together(x, inside);
    let not = inside.bool_not();
    let (value, not_there) = together(f(x.mask_fill(not.clone(), stand_in)), not);
    value.mask_fill(not_there, outside)
}

/// Returns x·ln y, and 0 where x is 0. Shapes broadcast.
pub(crate) fn x_ln_y<const D: usize>(x: Tensor<D>, y: Tensor<D>) -> Tensor<D> {
    let (x, y) = together(x, y);
    let zero = x.clone().equal_scalar(0.0);
    x * y.mask_fill(zero, 1.0).log()
}

/// Returns x·ln(1 + y), and 0 where x is 0. Shapes broadcast.
pub(crate) fn x_ln1p_y<const D: usize>(x: Tensor<D>, y: Tensor<D>) -> Tensor<D> {
    let (x, y) = together(x, y);
    let zero = x.clone().equal_scalar(0.0);
    x * y.mask_fill(zero, 0.0).log1p()
}
