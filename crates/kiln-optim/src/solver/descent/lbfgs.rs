//! BFGS with limited memory.

use std::collections::VecDeque;

use burn::tensor::Tensor;
use kiln_tensor::device::compiles_kernels;

use super::{Descent, First, Heading, bfgs::curves, stacked::Stack};
use crate::solver::{
    EvaluationError, Objective, SolverError,
    error::at_least_one,
    line::Trial,
    problem::{Counted, Point, dot, dots, epsilon, read_all},
    snapshot::{Remember, Snapshot, SnapshotError, counted},
};

/// L-BFGS: d = −B·∇f, with the B that BFGS builds from the last steps, starting from s·y / y·y times the identity.
///
/// All vectors stay on the device. On a GPU the steps and changes of the gradient are the rows of one matrix, and a direction takes two
/// products with it; elsewhere it takes the two loops over them. The two agree to rounding.
///
/// # Example
/// ```
/// use kiln_optim::solver::{Lbfgs, LineSearch, Stop, StrongWolfe, minimize_fn};
///
/// let solver = LineSearch::new(Lbfgs { history_size: 20 }, StrongWolfe::default());
/// let square = |x: &[f64], g: &mut [f64]| {
///     g[0] = 2.0 * x[0];
///     x[0] * x[0]
/// };
/// assert!(minimize_fn(square, &[3.0], &solver, &Stop::default())?.success);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Nocedal (1980). Nocedal and Wright, *Numerical Optimization* (2006), algorithm 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lbfgs {
    /// Number of steps that are remembered, at least 1. Default 10.
    pub history_size: usize,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self { history_size: 10 }
    }
}

/// A step s, the change y of the gradient, and 1 / s·y.
#[derive(Clone, Debug)]
struct Pair {
    s: Tensor<1>,
    y: Tensor<1>,
    rho: f64,
}

/// Least fraction of ‖s‖² in the free subspace for a pair to count there.
const MOSTLY: f64 = 0.01;

/// The last steps.
#[derive(Clone, Debug)]
pub struct Memory {
    pairs: VecDeque<Pair>,
    /// s·y / y·y of the last step.
    scale: f64,
    /// The same as one matrix, in place of `pairs`.
    stack: Option<Stack>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { pairs: VecDeque::new(), scale: 1.0, stack: None }
    }
}

impl Memory {
    pub(in crate::solver) fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.stack.as_ref().is_none_or(Stack::is_empty)
    }

    /// As [`learn`](Self::learn), into one matrix.
    fn learn_stacked(&mut self, from: &Point, to: &Point, size: usize) -> bool {
        // A memory that was loaded has a list.
        let pairs = &mut self.pairs;
        let stack = self.stack.get_or_insert_with(|| {
            let mut stack = Stack::new(&to.x, size);
            for Pair { s, y, .. } in pairs.drain(..) {
                stack.add(s, y);
            }
            stack
        });
        stack.learn(from, to)
    }

    /// Adds a step and drops all but the last `size`. Returns false if the curvature along the step is not positive.
    pub(in crate::solver) fn learn(&mut self, from: &Point, to: &Point, size: usize) -> bool {
        let s = to.x.clone() - from.x.clone();
        let y = to.gradient.clone() - from.gradient.clone();
        let [sy, yy, ss] = dots([[&s, &y], [&y, &y], [&s, &s]]);
        if !curves(sy, yy, ss, epsilon(&s)) {
            return false;
        }
        while self.pairs.len() >= size {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { s, y, rho: 1.0 / sy });
        self.scale = sy / yy;
        true
    }

    /// s·y / y·y of the last step, the length of a step along the gradient.
    pub(in crate::solver) fn scale(&self) -> f64 {
        self.stack.as_ref().map_or(self.scale, Stack::scale)
    }

    pub(in crate::solver) fn forget_oldest(&mut self) {
        self.pairs.pop_front();
    }

    /// Restricts the pairs to the coordinates where `mask` is 1. Pairs that are mostly outside are dropped, because the other
    /// coordinates caused their change of the gradient.
    pub(in crate::solver) fn masked(&self, mask: &Tensor<1>) -> Self {
        let mut memory = Self::default();
        let masked: Vec<_> =
            self.pairs.iter().map(|Pair { s, y, .. }| (s.clone() * mask.clone(), y.clone() * mask.clone())).collect();
        let whole = self.pairs.iter().map(|pair| dot(&pair.s, &pair.s));
        let products =
            masked.iter().zip(whole).flat_map(|((s, y), whole)| [dot(s, y), dot(y, y), dot(s, s), whole]).collect();
        for ((s, y), numbers) in masked.into_iter().zip(read_all(products).chunks_exact(4)) {
            let (sy, yy, ss, whole) = (numbers[0], numbers[1], numbers[2], numbers[3]);
            if ss >= MOSTLY * whole && curves(sy, yy, ss, epsilon(&s)) {
                memory.pairs.push_back(Pair { s, y, rho: 1.0 / sy });
                memory.scale = sy / yy;
            }
        }
        memory
    }

    /// B·v, by the two-loop recursion.
    pub(in crate::solver) fn times(&self, v: &Tensor<1>) -> Tensor<1> {
        if let Some(stack) = &self.stack {
            return stack.times(v);
        }
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

impl Remember for Memory {
    fn save(&self, snapshot: &mut Snapshot) {
        let listed = self.pairs.iter().map(|pair| (pair.s.clone(), pair.y.clone(), pair.rho));
        let pairs: Vec<_> = listed.chain(self.stack.iter().flat_map(Stack::pairs)).collect();
        snapshot.put_number("l-bfgs.pairs", counted(pairs.len()));
        snapshot.put_number("l-bfgs.scale", self.scale());
        for (i, (s, y, rho)) in pairs.iter().enumerate() {
            snapshot.put(format!("l-bfgs.{i}.s"), s);
            snapshot.put(format!("l-bfgs.{i}.y"), y);
            snapshot.put_number(format!("l-bfgs.{i}.rho"), *rho);
        }
    }

    fn load(snapshot: &Snapshot, x: &Tensor<1>) -> Result<Self, SnapshotError> {
        let pair = |i| {
            let s = snapshot.vector(&format!("l-bfgs.{i}.s"), x)?;
            let y = snapshot.vector(&format!("l-bfgs.{i}.y"), x)?;
            Ok(Pair { s, y, rho: snapshot.number(&format!("l-bfgs.{i}.rho"))? })
        };
        let pairs = (0..snapshot.count("l-bfgs.pairs")?).map(pair).collect::<Result<_, SnapshotError>>()?;
        Ok(Self { pairs, scale: snapshot.number("l-bfgs.scale")?, stack: None })
    }
}

impl<P: Objective> Descent<P> for Lbfgs {
    type State = Memory;

    fn validate(&self) -> Result<(), SolverError> {
        at_least_one("history_size", self.history_size)
    }

    fn start(&self) -> Memory {
        Memory::default()
    }

    fn heading(&self, _: &Counted<'_, P>, at: &Point, memory: &mut Memory) -> Result<Heading, EvaluationError> {
        if memory.is_empty() {
            let first = First::Given(at.gradient_norm.recip().min(1.0));
            return Ok(Heading { first, ..Heading::steepest(at) });
        }
        let direction = memory.times(&at.gradient).neg();
        let [slope] = dots([[&direction, &at.gradient]]);
        Ok(Heading { direction, slope, first: First::One })
    }

    fn moved(&self, memory: &mut Memory, _: &Heading, from: &Point, to: &Trial) {
        let _ = if compiles_kernels(&from.x.device()) {
            memory.learn_stacked(from, &to.point, self.history_size)
        } else {
            memory.learn(from, &to.point, self.history_size)
        };
    }
}

#[cfg(test)]
mod tests {
    use burn::{
        nn::{Linear, LinearConfig},
        tensor::{DType, Device, Int, activation},
    };
    use kiln_tensor::{Stream, derivative::Function};

    use crate::solver::{Stop, lbfgs, minimize, problem::READS};

    use super::*;

    /// The same directions after each of twenty steps, of which seven are remembered. A step of negative curvature is forgotten by both.
    #[test]
    fn the_stack_is_the_two_loops() {
        let n = 30;
        let vector = |x: &[f64]| Tensor::<1>::from_data(x, (&Device::default(), DType::F64));
        let drawn = |purpose: &str, i: u64| Stream::new(1, purpose, i, 0).normal_vec(n);
        let scaled = |x: &[f64]| x.iter().enumerate().map(|(i, x)| x * (i + 1) as f64).collect::<Vec<_>>();
        let point = |x: Vec<f64>, gradient: Vec<f64>| Point {
            x: vector(&x),
            value: 0.0,
            gradient: vector(&gradient),
            gradient_max: 1.0,
            gradient_norm: 1.0,
        };
        let mut listed = Memory::default();
        let mut stacked = Memory::default();
        let mut from = point(vec![0.0; n], vec![0.0; n]);
        for i in 0..20 {
            let x = drawn("x", i);
            let mut gradient = scaled(&x);
            if i == 9 {
                gradient.iter_mut().for_each(|g| *g *= -100.0);
            }
            let to = point(x, gradient);
            assert_eq!(listed.learn(&from, &to, 7), stacked.learn_stacked(&from, &to, 7), "step {i}");
            let v = vector(&drawn("v", i));
            let [a, b] = [&listed, &stacked].map(|memory| kiln_testkit::values(memory.times(&v)));
            // The condition of B is near 30; 20 steps of a recursion.
            kiln_testkit::assert_close(&b, &a, 1e-12, 1e-12, &format!("after step {i}"));
            from = to;
        }
        // A snapshot has the same pairs, and a memory that is loaded goes on alike.
        let mut snapshot = Snapshot::default();
        stacked.save(&mut snapshot);
        let loaded = Memory::load(&snapshot, &from.x).unwrap();
        let v = vector(&drawn("v", 99));
        let [a, b] = [&loaded, &stacked].map(|memory| kiln_testkit::values(memory.times(&v)));
        kiln_testkit::assert_close(&b, &a, 1e-12, 1e-12, "loaded");
    }

    #[derive(burn::module::Module, Debug)]
    struct Mlp {
        hidden: Linear,
        output: Linear,
    }

    /// 784-800-10, 636,010 parameters. An iteration reads the slope, each trial, the new pair and the step's length, all through
    /// `read`, which takes single numbers.
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
        // One of the trials is the start. The first direction is the gradient, whose slope is known.
        assert_eq!(READS.get(), trials + 3 * iterations - 1);
    }
}
