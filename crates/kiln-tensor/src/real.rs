//! The float types of kernels.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// f32 or f64.
pub trait Real:
    Copy
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// Returns the nearest value.
    fn of(value: f64) -> Self;

    /// Returns √x.
    fn sqrt(self) -> Self;
}

macro_rules! real {
    ($($float:ty),*) => { $(
        impl Real for $float {
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                <$float>::sqrt(self)
            }
        }
    )* };
}

real!(f32, f64);
