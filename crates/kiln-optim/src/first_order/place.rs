//! Optimisers that move a parameter to a place in another optimiser's state.
//!
//! Burn shows the state of a parameter to the optimiser alone. So the way to the iterate, or to the average, is an optimiser whose
//! state has the same entries in a record, and whose step returns one of them.

use std::marker::PhantomData;

use burn::{
    optim::{Optimizer, RecordState, StateSink, StateSource, join_path},
    tensor::{Device, Tensor},
};

use super::{Method, averaged::INNER, nesterov::LookAhead, wide::narrowed};

/// A place in the state of a method.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Iterate,
    Average,
}

/// Moves a parameter to a place in the state of `O`.
#[derive(Clone, Debug)]
pub(super) struct MoveTo<O> {
    place: Place,
    method: PhantomData<O>,
}

impl<O> MoveTo<O> {
    pub(super) fn new(place: Place) -> Self {
        Self { place, method: PhantomData }
    }
}

impl<O: Method> Optimizer for MoveTo<O> {
    type State<const D: usize> = O::State<D>;

    fn step<const D: usize>(
        &self,
        _lr: f64,
        tensor: Tensor<D>,
        _grad: Tensor<D>,
        state: Option<O::State<D>>,
    ) -> (Tensor<D>, Option<O::State<D>>) {
        let Some(state) = state else { return (tensor, None) };
        let average = match self.place {
            Place::Iterate => None,
            Place::Average => O::average(&state),
        };
        let dtype = tensor.dtype();
        (narrowed(average.unwrap_or_else(|| O::iterate(tensor, &state)), dtype), Some(state))
    }

    fn to_device<const D: usize>(state: O::State<D>, device: &Device) -> O::State<D> {
        O::to_device(state, device)
    }
}

/// Moves a parameter to its iterate, if the state of an unknown method turns out to be that of [`Nesterov`](super::Nesterov), with or
/// without an average.
#[derive(Clone, Debug)]
pub(super) struct MoveToFoundIterate;

/// The state of Nesterov's method, found among the entries of a record.
#[derive(Clone, Debug)]
pub(super) struct Found<const D: usize>(LookAhead<D>);

impl<const D: usize> RecordState for Found<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        self.0.state_flatten(prefix, out);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let places = [prefix.to_owned(), join_path(prefix, INNER)];
        places.into_iter().find_map(|place| LookAhead::state_unflatten(&place, source, device)).map(Self)
    }
}

impl Optimizer for MoveToFoundIterate {
    type State<const D: usize> = Found<D>;

    fn step<const D: usize>(
        &self,
        _lr: f64,
        tensor: Tensor<D>,
        _grad: Tensor<D>,
        state: Option<Found<D>>,
    ) -> (Tensor<D>, Option<Found<D>>) {
        let iterate = state.as_ref().map(|Found(state)| super::Nesterov::iterate(tensor.clone(), state));
        (iterate.unwrap_or(tensor), state)
    }

    fn to_device<const D: usize>(Found(state): Found<D>, device: &Device) -> Found<D> {
        Found(super::Nesterov::to_device(state, device))
    }
}
