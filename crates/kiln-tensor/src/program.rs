//! An elementwise update as a list of operations, from which a kernel for a GPU is made.

/// One operation. The numbers are positions of earlier results in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// The element of a state.
    State(usize),
    /// The element of the gradient.
    Gradient,
    /// A number that may differ from step to step, by its position among the coefficients.
    Coefficient(usize),
    Add(usize, usize),
    Sub(usize, usize),
    Mul(usize, usize),
    Div(usize, usize),
    Neg(usize),
    Sqrt(usize),
}

/// The operations of an update, and the results that are the new states.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Program {
    pub(crate) ops: Vec<Op>,
    pub(crate) outputs: Vec<usize>,
}
