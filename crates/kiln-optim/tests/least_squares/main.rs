//! Nonlinear least squares beside certified values, MINPACK and SciPy.

mod bounds;
mod curves;
mod minpack;
mod nist;
