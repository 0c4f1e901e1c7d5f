//! Elementwise updates of several tensors in one pass over memory.
//!
//! An optimiser reads and writes each parameter, its state and its gradient once per step. As tensor operations, every `*` and `+`
//! is a pass with a temporary. Here the update is one loop, in place, on the CPU backend Flex. On other backends, and for unusual
//! layouts or float types, tensor operations do it, which a GPU backend fuses. Both give the same bits, because the loop rounds in
//! the same order.

#[cfg(any(feature = "cube", test))]
mod trace;

use burn::tensor::Tensor;

pub use crate::real::Real;

/// An elementwise update of `N` tensors along a gradient, written twice: for one element, and for tensors.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::pass::{Pass, Real, pass};
///
/// /// θ ← θ − εg.
/// #[derive(Clone, Copy)]
/// struct Step(f64);
///
/// impl Pass<1> for Step {
///     fn element<E: Real>(&self, [theta]: [E; 1], gradient: E) -> [E; 1] {
///         [theta - gradient * E::of(self.0)]
///     }
///     fn tensors<const D: usize>(&self, [theta]: [Tensor<D>; 1], gradient: Tensor<D>) -> [Tensor<D>; 1] {
///         [theta - gradient * self.0]
///     }
/// }
///
/// let ones = Tensor::<1>::ones([3], &Device::default());
/// let [theta] = pass(&Step(0.5), [ones.clone()], ones);
/// assert_eq!(theta.try_into_vec_as::<f32>().unwrap(), [0.5; 3]);
/// ```
pub trait Pass<const N: usize>: Copy + Sync {
    /// Returns the new value of an element of each tensor.
    fn element<E: Real>(&self, states: [E; N], gradient: E) -> [E; N];

    /// The same by tensor operations, with the same roundings in the same order.
    fn tensors<const D: usize>(&self, states: [Tensor<D>; N], gradient: Tensor<D>) -> [Tensor<D>; N];

    /// Updates all elements. An implementation that repeats this body has the loop compiled once, with its crate, and not with each
    /// program that uses it and at that program's level of optimisation.
    fn everywhere(&self, elements: Elements<'_, N>) {
        elements.update(self);
    }
}

/// The elements of `N` tensors and of a gradient.
pub struct Elements<'a, const N: usize> {
    #[cfg(feature = "flex")]
    states: &'a mut [burn::backend::flex::FlexTensor; N],
    #[cfg(feature = "flex")]
    gradient: &'a burn::backend::flex::FlexTensor,
    #[cfg(not(feature = "flex"))]
    none: std::marker::PhantomData<&'a ()>,
}

impl<const N: usize> Elements<'_, N> {
    /// Updates each element.
    #[inline(always)]
    pub fn update<P: Pass<N>>(self, update: &P) {
        #[cfg(feature = "flex")]
        flex::update(update, self.states, self.gradient);
        #[cfg(not(feature = "flex"))]
        let _ = (update, self.none);
    }
}

/// Makes the update. All tensors are plain (without autodiff) and have the same shape, type and device. Tensors that are not shared
/// are updated in place.
pub fn pass<P: Pass<N>, const N: usize, const D: usize>(
    update: &P,
    states: [Tensor<D>; N],
    gradient: Tensor<D>,
) -> [Tensor<D>; N] {
    #[cfg(feature = "flex")]
    if flex::takes(&states, &gradient) {
        return flex::run(update, states, gradient);
    }
    #[cfg(feature = "cube")]
    if crate::cube::recording::is_on() {
        return crate::cube::recording::take(|decay| trace::trace(update, decay), states, gradient);
    }
    update.tensors(states, gradient)
}

/// Returns `gradient` + `decay`·`parameter`, the gradient with a penalty of ½·`decay`·‖θ‖².
///
/// An optimiser adds a decay to the gradient of a [`pass`] by this function, whose first state is the parameter.
pub fn with_decay<const D: usize>(gradient: Tensor<D>, parameter: &Tensor<D>, decay: f64) -> Tensor<D> {
    #[cfg(feature = "cube")]
    if crate::cube::recording::is_on() {
        return crate::cube::recording::decay(gradient, decay);
    }
    gradient + parameter.clone() * decay
}

#[cfg(feature = "flex")]
mod flex {
    use burn::{
        backend::{Flex, flex::FlexTensor},
        tensor::{DType, Device, Tensor},
    };

    use super::{Elements, Pass, Real};
    use crate::{
        elementary::Float,
        flex::{GRAIN, numbers, numbers_mut, on_float, threads_for, vectorised, whole},
    };

    pub(super) fn takes<const N: usize, const D: usize>(states: &[Tensor<D>; N], gradient: &Tensor<D>) -> bool {
        let (shape, dtype) = (gradient.shape(), gradient.dtype());
        matches!(dtype, DType::F32 | DType::F64)
            && crate::fused::is_enabled()
            && gradient.device() == Device::flex()
            && !gradient.is_autodiff()
            && states.iter().all(|s| s.shape() == shape && s.dtype() == dtype && !s.is_autodiff())
    }

    pub(super) fn run<P: Pass<N>, const N: usize, const D: usize>(
        update: &P,
        states: [Tensor<D>; N],
        gradient: Tensor<D>,
    ) -> [Tensor<D>; N] {
        let mut states = states.map(raw);
        let gradient = raw(gradient);
        update.everywhere(Elements { states: &mut states, gradient: &gradient });
        states.map(Tensor::from_primitive::<Flex>)
    }

    pub(super) fn update<P: Pass<N>, const N: usize>(update: &P, states: &mut [FlexTensor; N], gradient: &FlexTensor) {
        on_float!(gradient.dtype(), E => in_place::<P, E, N>(update, states, gradient));
    }

    fn raw<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
        whole(tensor.try_into_primitive::<Flex>().expect("`takes` has seen that it is of Flex"))
    }

    fn in_place<P: Pass<N>, E: Float, const N: usize>(update: &P, states: &mut [FlexTensor; N], gradient: &FlexTensor) {
        let gradient = numbers::<E>(gradient);
        split(update, states.each_mut().map(numbers_mut::<E>), gradient, threads_for(gradient.len(), GRAIN));
    }

    fn split<P: Pass<N>, E: Real, const N: usize>(update: &P, states: [&mut [E]; N], gradient: &[E], threads: usize) {
        let n = gradient.len();
        if threads <= 1 {
            return vectorised(
                #[inline(always)]
                || every(update, states, gradient),
            );
        }
        let at = n * (threads / 2) / threads;
        let (mut left, mut right) = (Vec::with_capacity(N), Vec::with_capacity(N));
        for state in states {
            let (a, b) = state.split_at_mut(at);
            left.push(a);
            right.push(b);
        }
        let (first, second) = gradient.split_at(at);
        let array = |slices: Vec<_>| <[&mut [E]; N]>::try_from(slices).ok().expect("one slice a state");
        let (left, right) = (array(left), array(right));
        rayon::join(|| split(update, left, first, threads / 2), || split(update, right, second, threads - threads / 2));
    }

    #[inline(always)]
    fn every<P: Pass<N>, E: Real, const N: usize>(update: &P, states: [&mut [E]; N], gradient: &[E]) {
        // Numbers of a copy cannot be in the memory of the states, so that they are read and rounded once.
        let update = *update;
        let n = gradient.len();
        // With slices of one known length the loop below has no bounds checks.
        let mut states = states.map(|state| &mut state[..n]);
        for i in 0..n {
            // No closure: the compiler may leave its call in the loop, which then has no vector instructions.
            let mut old = [E::of(0.0); N];
            for (old, state) in old.iter_mut().zip(&states) {
                *old = state[i];
            }
            let new = update.element(old, gradient[i]);
            for (state, value) in states.iter_mut().zip(&new) {
                state[i] = *value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{DType, Device, TensorData};

    /// v ← αv − εg, θ ← θ + v.
    #[derive(Clone, Copy)]
    struct Momentum;

    impl Pass<2> for Momentum {
        fn element<E: Real>(&self, [theta, v]: [E; 2], gradient: E) -> [E; 2] {
            let v = v * E::of(0.9) - gradient * E::of(0.1);
            [theta + v, v]
        }

        fn tensors<const D: usize>(&self, [theta, v]: [Tensor<D>; 2], gradient: Tensor<D>) -> [Tensor<D>; 2] {
            let v = v * 0.9 - gradient * 0.1;
            [theta + v.clone(), v]
        }
    }

    fn tensors(n: usize, dtype: DType) -> [Tensor<2>; 3] {
        let mut stream = crate::Stream::new(0, "pass", 0, 0);
        [(); 3]
            .map(|()| Tensor::from_data(TensorData::new(stream.normal_vec(2 * n), [2, n]), (&Device::default(), dtype)))
    }

    fn bits(tensors: [Tensor<2>; 2]) -> Vec<Vec<u64>> {
        let of = |t: Tensor<2>| t.try_into_vec_as::<f64>().unwrap().into_iter().map(f64::to_bits).collect();
        tensors.map(of).to_vec()
    }

    /// Sizes below and above the one from which threads share the work; also transposed and sliced tensors.
    #[test]
    fn one_pass_gives_the_bits_of_tensor_operations() {
        for dtype in [DType::F32, DType::F64] {
            for n in [1, 7, 1000, 100_001] {
                let [theta, v, gradient] = tensors(n, dtype);
                let expected = bits(Momentum.tensors([theta.clone(), v.clone()], gradient.clone()));
                assert_eq!(bits(pass(&Momentum, [theta.clone(), v.clone()], gradient.clone())), expected, "{n}");
                // The shared inputs have not changed.
                assert_eq!(bits([theta.clone(), v.clone()]), bits(tensors(n, dtype)[..2].to_vec().try_into().unwrap()));

                let odd = |t: &Tensor<2>| t.clone().transpose().narrow(0, n / 3, n - n / 3);
                let expected = bits(Momentum.tensors([odd(&theta), odd(&v)], odd(&gradient)));
                assert_eq!(bits(pass(&Momentum, [odd(&theta), odd(&v)], odd(&gradient))), expected, "{n}, in parts");
            }
        }
    }
}
