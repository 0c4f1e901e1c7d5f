//! A method that keeps an average of its iterates.

use burn::{
    optim::{Optimizer, RecordState, StateSink, StateSource, join_path},
    tensor::{Device, Tensor},
};
use kiln_tensor::pass::{Elements, Pass, Real, pass};

use super::{Averaged, Method, state, wide::widened};

/// The method's own state and the average, which is in f32 for a parameter below f32.
#[derive(Clone, Debug)]
pub struct AveragedState<S, const D: usize> {
    pub(super) inner: Option<S>,
    pub(super) average: Tensor<D>,
    iterates: u64,
}

impl<O: Method> Optimizer for Averaged<O> {
    type State<const D: usize> = AveragedState<O::State<D>, D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let (inner, average, iterates) = match state {
            Some(state) => (state.inner, Some(state.average), state.iterates + 1),
            None => (None, None, 1),
        };
        let (tensor, inner) = self.method.step(lr, tensor, grad, inner);
        let iterate = inner.as_ref().map_or_else(|| tensor.clone(), |s| O::iterate(tensor.clone(), s));
        let iterate = widened(iterate);
        let average = match average.map(widened) {
            Some(average) if self.average.weight(iterates) < 1.0 => {
                let [average] = pass(&Towards { weight: self.average.weight(iterates) }, [average], iterate);
                average
            }
            _ => iterate,
        };
        (tensor, Some(AveragedState { inner, average, iterates }))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        AveragedState {
            inner: state.inner.map(|inner| O::to_device(inner, device)),
            average: state.average.to_device(device),
            ..state
        }
    }
}

/// θ̄ ← θ̄ + w(θ − θ̄).
#[derive(Clone, Copy)]
struct Towards {
    weight: f64,
}

impl Pass<1> for Towards {
    #[inline(always)]
    fn element<E: Real>(&self, [average]: [E; 1], iterate: E) -> [E; 1] {
        [average + (iterate - average) * E::of(self.weight)]
    }

    fn tensors<const D: usize>(&self, [average]: [Tensor<D>; 1], iterate: Tensor<D>) -> [Tensor<D>; 1] {
        [average.clone() + (iterate - average) * self.weight]
    }

    #[inline(never)]
    fn everywhere(&self, elements: Elements<'_, 1>) {
        elements.update(self);
    }
}

impl<O: Method> Method for Averaged<O> {
    const NAME: &'static str = O::NAME;
    const BY_PASSES: bool = O::BY_PASSES;
    const IS_AHEAD: bool = O::IS_AHEAD;
    const KEEPS_AVERAGE: bool = true;

    fn iterate<const D: usize>(tensor: Tensor<D>, state: &Self::State<D>) -> Tensor<D> {
        state.inner.as_ref().map_or_else(|| tensor.clone(), |inner| O::iterate(tensor.clone(), inner))
    }

    fn average<const D: usize>(state: &Self::State<D>) -> Option<Tensor<D>> {
        Some(state.average.clone())
    }

    fn momentum_at(&self, step: u64) -> Option<f64> {
        self.method.momentum_at(step)
    }
}

impl<S: RecordState, const D: usize> RecordState for AveragedState<S, D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        state::push_tensor(out, prefix, "average", &self.average);
        state::push_count(out, prefix, "iterates", self.iterates);
        if let Some(inner) = &self.inner {
            inner.state_flatten(&join_path(prefix, INNER), out);
        }
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let average = state::take_tensor(source, prefix, "average", device)?;
        let iterates = state::take_count(source, prefix, "iterates")?;
        Some(Self { inner: S::state_unflatten(&join_path(prefix, INNER), source, device), average, iterates })
    }
}

/// The name of the averaged method's state in a record.
pub(super) const INNER: &str = "method";
