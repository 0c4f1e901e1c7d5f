//! What kernels do to the numbers of a linear map.

/// The activations whose derivative follows from their output, so that the kernel of a linear map applies them to its product in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(any(feature = "flex", feature = "cube")), allow(dead_code, reason = "for the kernels"))]
pub(super) enum Epilogue {
    Identity,
    Relu,
    Tanh,
}

/// The distribution function by which a number is multiplied, in a pass of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Φ(x).
    Normal,
    /// σ(x).
    Logistic,
}
