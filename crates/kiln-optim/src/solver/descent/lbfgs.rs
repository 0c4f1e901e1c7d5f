//! BFGS with limited memory.

use std::collections::VecDeque;

use burn::tensor::Tensor;

use super::{Descent, First, Heading, bfgs::curves};
use crate::solver::{
    Objective, SolverError,
    line::Trial,
    problem::{Counted, Point, dot, read, rounding},
};

/// d = −B·∇f with the B that BFGS makes of the last steps, from the multiple s·y / y·y of the identity, by two loops over
/// them (Nocedal, 1980; Nocedal and Wright, Numerical Optimization, 2nd ed., Algorithm 7.4). The vectors stay on the
/// device, and so do the loops' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lbfgs {
    /// How many steps are remembered, at least 1. Default 10.
    pub history_size: usize,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self { history_size: 10 }
    }
}

/// A step, the change of the gradient along it, and 1 / s·y.
#[derive(Clone, Debug)]
struct Pair {
    s: Tensor<1>,
    y: Tensor<1>,
    rho: f64,
}

/// The last steps.
#[derive(Clone, Debug)]
pub struct Memory {
    pairs: VecDeque<Pair>,
    size: usize,
    /// s·y / y·y of the last one.
    scale: f64,
}

impl Memory {
    pub(in crate::solver) fn new(size: usize) -> Result<Self, SolverError> {
        if size == 0 {
            return Err(SolverError::Option { name: "history_size", expected: "at least 1", got: 0.0 });
        }
        Ok(Self { pairs: VecDeque::new(), size, scale: 1.0 })
    }

    pub(in crate::solver) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Remembers a step, unless the function does not curve up along it.
    pub(in crate::solver) fn learn(&mut self, from: &Point, to: &Point) {
        let s = to.x.clone() - from.x.clone();
        let y = to.gradient.clone() - from.gradient.clone();
        let [sy, yy, ss] = read([dot(&s, &y), dot(&y, &y), dot(&s, &s)]);
        if !curves(sy, yy, ss, rounding(&s)) {
            return;
        }
        if self.pairs.len() == self.size {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { s, y, rho: 1.0 / sy });
        self.scale = sy / yy;
    }

    /// The same steps on the coordinates where `mask` is 1, as if there were no others.
    pub(in crate::solver) fn masked(&self, mask: &Tensor<1>) -> Self {
        let mut memory = Self { pairs: VecDeque::new(), size: self.size, scale: 1.0 };
        for Pair { s, y, .. } in &self.pairs {
            let (s, y) = (s.clone() * mask.clone(), y.clone() * mask.clone());
            let [sy, yy, ss] = read([dot(&s, &y), dot(&y, &y), dot(&s, &s)]);
            if curves(sy, yy, ss, rounding(&s)) {
                memory.pairs.push_back(Pair { s, y, rho: 1.0 / sy });
                memory.scale = sy / yy;
            }
        }
        memory
    }

    /// B·v, by the two loops.
    pub(in crate::solver) fn times(&self, v: &Tensor<1>) -> Tensor<1> {
        let mut q = v.clone();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for Pair { s, y, rho } in self.pairs.iter().rev() {
            let alpha = dot(s, &q) * *rho;
            q = q - y.clone() * alpha.clone();
            alphas.push(alpha);
        }
        q = q * self.scale;
        for (Pair { s, y, rho }, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = dot(y, &q) * *rho;
            q = q + s.clone() * (alpha - beta);
        }
        q
    }
}

impl<P: Objective> Descent<P> for Lbfgs {
    type State = Memory;

    fn start(&self, _: &Point) -> Result<Memory, SolverError> {
        Memory::new(self.history_size)
    }

    fn heading(&self, _: &Counted<'_, P>, at: &Point, memory: &mut Memory) -> Result<Heading, SolverError> {
        if memory.is_empty() {
            let first = First::Given(at.gradient_norm.recip().min(1.0));
            return Ok(Heading { first, ..Heading::steepest(at) });
        }
        let direction = memory.times(&at.gradient).neg();
        let [slope] = read([dot(&direction, &at.gradient)]);
        Ok(Heading { direction, slope, first: First::One })
    }

    fn moved(&self, memory: &mut Memory, _: &Heading, from: &Point, to: &Trial) -> Result<(), SolverError> {
        memory.learn(from, &to.point);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use burn::{
        nn::{Linear, LinearConfig},
        tensor::{Device, Int, activation},
    };
    use kiln_tensor::{Stream, derivative::Function};

    use crate::solver::{Stop, lbfgs, minimize, problem::READS};

    use super::*;

    #[derive(burn::module::Module, Debug)]
    struct Mlp {
        hidden: Linear,
        output: Linear,
    }

    /// 784-800-10, 636,010 parameters. An iteration reads the slope, each trial, the new pair, and the step's length: all
    /// through `read`, which takes single numbers.
    #[test]
    fn a_large_network_is_trained_without_host_copies() {
        let device = Device::default();
        let net =
            Mlp { hidden: LinearConfig::new(784, 800).init(&device), output: LinearConfig::new(800, 10).init(&device) };
        let x = Stream::new(0, "test", 0, 0).normal::<2>([16, 784], &device);
        let labels = Tensor::<1, Int>::arange(0..16, &device).remainder_scalar(10).unsqueeze_dim::<2>(1);
        let loss = Function::new(&net, (x, labels), |net: &Mlp, (x, labels): (Tensor<2>, Tensor<2, Int>)| {
            let logits = net.output.forward(net.hidden.forward(x).tanh());
            -activation::log_softmax(logits, 1).gather(1, labels).mean()
        });
        let start = loss.parameters();
        assert_eq!(start.dims(), [636_010]);
        READS.set(0);
        let outcome = minimize(&loss, start, &lbfgs(), &Stop { max_iter: 12, gtol: 1e-6, ..Stop::default() }).unwrap();
        assert!(outcome.value < 0.05 * outcome.history[0].value, "{outcome:?}");
        let (iterations, trials) = (outcome.iterations, outcome.evaluations.values);
        // One of the trials is the start; the first heading is the gradient, whose slope is known.
        assert_eq!(READS.get(), trials + 3 * iterations - 1);
    }
}
