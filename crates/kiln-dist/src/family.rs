//! What all families of distributions with a few tensors of parameters have in common.

use burn::tensor::{Bool, Tensor, kind::Basic};

use crate::DistError;

/// Tensors with names, brought to the one shape that all of theirs broadcast to.
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

/// The range of a parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) words: &'static str,
    low: f64,
    high: f64,
    /// Whether the lower end belongs to it; the upper one never does.
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

/// Declares a family by its parameters, each with its range: the struct, `new` (shapes broadcast), `validated`, and a method for
/// each parameter.
macro_rules! family {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $parameter:ident: $range:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<const D: usize> {
            $($parameter: burn::tensor::Tensor<D>),+
        }

        impl<const D: usize> $name<D> {
            /// From its parameters, whose shapes broadcast. Ranges are not checked here, since that would wait for the device: see
            /// [`validated`](Self::validated).
            ///
            /// # Errors
            /// [`DistError::Shape`](crate::DistError::Shape).
            pub fn new($($parameter: burn::tensor::Tensor<D>),+) -> Result<Self, crate::DistError> {
                let [$($parameter),+] = crate::family::broadcast([$((stringify!($parameter), $parameter)),+])?;
                Ok(Self { $($parameter),+ })
            }

            /// Checks the ranges, which waits for the device.
            ///
            /// # Errors
            /// [`DistError::Value`](crate::DistError::Value), with the first number outside.
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

/// Two tensors of the one shape that theirs broadcast to.
fn together<const D: usize, A: Basic, B: Basic>(a: Tensor<D, A>, b: Tensor<D, B>) -> (Tensor<D, A>, Tensor<D, B>) {
    let (of_a, of_b) = (a.dims(), b.dims());
    if of_a == of_b {
        return (a, b);
    }
    let shape: [usize; D] = std::array::from_fn(|i| of_a[i].max(of_b[i]));
    (a.expand(shape), b.expand(shape))
}

/// `f` of x where `inside` holds, and `outside` elsewhere; `f` sees `stand_in` there, so that its gradient is a number.
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

/// x·ln y, and 0 where x is 0; shapes broadcast.
pub(crate) fn x_ln_y<const D: usize>(x: Tensor<D>, y: Tensor<D>) -> Tensor<D> {
    let (x, y) = together(x, y);
    let zero = x.clone().equal_scalar(0.0);
    x * y.mask_fill(zero, 1.0).log()
}

/// x·ln(1 + y), and 0 where x is 0; shapes broadcast.
pub(crate) fn x_ln1p_y<const D: usize>(x: Tensor<D>, y: Tensor<D>) -> Tensor<D> {
    let (x, y) = together(x, y);
    let zero = x.clone().equal_scalar(0.0);
    x * y.mask_fill(zero, 0.0).log1p()
}
