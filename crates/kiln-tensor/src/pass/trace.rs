//! The operations of an elementwise update, found by running it on symbols.

use std::{
    cell::RefCell,
    ops::{Add, Div, Mul, Neg, Sub},
};

use super::{Pass, Real};
use crate::program::{Op, Program};

/// Returns the operations of `update` in their order, and its coefficients. With a `decay`, that multiple of the first state is
/// added to the gradient first.
pub(crate) fn trace<P: Pass<N>, const N: usize>(update: &P, decay: Option<f64>) -> (Program, Vec<f64>) {
    let before = TAPE.replace(Tape::default());
    let states: [Symbol; N] = std::array::from_fn(|k| Symbol::push(Op::State(k)));
    let gradient = Symbol::push(Op::Gradient);
    let gradient = decay.map_or(gradient, |decay| gradient + states[0] * Symbol::of(decay));
    let outputs = update.element(states, gradient).map(|symbol| symbol.0).to_vec();
    let Tape { ops, coefficients } = TAPE.replace(before);
    (Program { ops, outputs }, coefficients)
}

#[derive(Default)]
struct Tape {
    ops: Vec<Op>,
    coefficients: Vec<f64>,
}

thread_local! {
    static TAPE: RefCell<Tape> = RefCell::default();
}

/// A number that is not known: the position of its operation on this thread's tape.
#[derive(Clone, Copy)]
struct Symbol(usize);

impl Symbol {
    fn push(op: Op) -> Self {
        TAPE.with_borrow_mut(|tape| {
            tape.ops.push(op);
            Self(tape.ops.len() - 1)
        })
    }
}

impl Real for Symbol {
    fn of(value: f64) -> Self {
        let index = TAPE.with_borrow_mut(|tape| {
            tape.coefficients.push(value);
            tape.coefficients.len() - 1
        });
        Self::push(Op::Coefficient(index))
    }

    fn sqrt(self) -> Self {
        Self::push(Op::Sqrt(self.0))
    }
}

macro_rules! binary {
    ($($name:ident $method:ident),*) => { $(
        impl $name for Symbol {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                Self::push(Op::$name(self.0, other.0))
            }
        }
    )* };
}

binary!(Add add, Sub sub, Mul mul, Div div);

impl Neg for Symbol {
    type Output = Self;
    fn neg(self) -> Self {
        Self::push(Op::Neg(self.0))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use super::*;

    #[derive(Clone, Copy)]
    struct Odd(f64);

    impl Pass<2> for Odd {
        fn element<E: Real>(&self, [a, b]: [E; 2], gradient: E) -> [E; 2] {
            let c = -(a * E::of(self.0) + gradient).sqrt() / b;
            [c - a, c]
        }
        fn tensors<const D: usize>(&self, _: [Tensor<D>; 2], _: Tensor<D>) -> [Tensor<D>; 2] {
            unreachable!("this test has no tensors")
        }
    }

    fn run(program: &Program, coefficients: &[f64], states: &[f64], gradient: f64) -> Vec<f64> {
        let mut done: Vec<f64> = Vec::new();
        for op in &program.ops {
            done.push(match *op {
                Op::State(k) => states[k],
                Op::Gradient => gradient,
                Op::Coefficient(i) => coefficients[i],
                Op::Add(a, b) => done[a] + done[b],
                Op::Sub(a, b) => done[a] - done[b],
                Op::Mul(a, b) => done[a] * done[b],
                Op::Div(a, b) => done[a] / done[b],
                Op::Neg(a) => -done[a],
                Op::Sqrt(a) => done[a].sqrt(),
            });
        }
        program.outputs.iter().map(|&at| done[at]).collect()
    }

    #[test]
    fn the_program_does_what_the_update_does() {
        for factor in [0.5, 3.0] {
            let (program, coefficients) = trace(&Odd(factor), None);
            assert_eq!(coefficients, [factor]);
            let expected = Odd(factor).element([2.0, 7.0], 0.25);
            assert_eq!(run(&program, &coefficients, &[2.0, 7.0], 0.25), expected);
        }
        let program = |factor| trace(&Odd(factor), None).0;
        assert_eq!(program(1.0), program(2.0), "coefficients are not part of the program");
        let (program, coefficients) = trace(&Odd(3.0), Some(0.5));
        assert_eq!(coefficients, [0.5, 3.0]);
        assert_eq!(run(&program, &coefficients, &[2.0, 7.0], 0.25), Odd(3.0).element([2.0, 7.0], 0.25 + 2.0 * 0.5));
    }
}
