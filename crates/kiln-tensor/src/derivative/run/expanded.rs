//! Layers that Burn composes of other operations: the composition is recorded once per shape, and run on dual numbers.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use burn::{
    backend::{
        Dispatch,
        ir::{AttentionOpIr, CtcLossOpIr, GridSample2dOpIr, TensorIr},
        ops::{attention::attention_fallback, ctc::ctc_loss_default, grid_sample::float_grid_sample_2d_ref},
    },
    module::Param,
    tensor::{Bool, Device, Int, Tensor, TensorCreationOptions, ops::InterpolateMode},
};

use super::{
    super::{Inputs, capture::Graph},
    Machine, NoRule, Step,
};
use crate::flat::Layout;

/// Recordings by layer, options, types and shapes.
static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Graph>>>> = LazyLock::new(Mutex::default);
/// Maximum number of recordings that are kept.
const KEPT: usize = 64;

impl Machine<'_> {
    pub(super) fn attention(&mut self, d: &AttentionOpIr) -> Step {
        let mut floats = vec![&d.query, &d.key, &d.value];
        floats.extend(&d.attn_bias);
        let mask = d.mask.as_ref().map(|mask| self.bools::<4>(mask));
        let options = d.options.clone();
        self.expand(&format!("attention {options:?}"), &floats, mask, &d.out, move |x: &[Tensor<4>], mask| {
            let raw = |i: usize| x[i].clone().into_dispatch();
            let bias = (x.len() == 4).then(|| raw(3));
            let mask = mask.map(Tensor::into_dispatch);
            Tensor::<4>::from_dispatch(attention_fallback::<Dispatch>(
                raw(0),
                raw(1),
                raw(2),
                mask,
                bias,
                options.clone().into(),
            ))
        })
    }

    pub(super) fn ctc_loss(&mut self, d: &CtcLossOpIr) -> Step {
        let whole = (self.ints::<2>(&d.targets), self.ints::<1>(&d.input_lengths), self.ints::<1>(&d.target_lengths));
        let blank = d.blank;
        self.expand(
            &format!("ctc {blank}"),
            &[&d.log_probs],
            whole,
            &d.out,
            move |x: &[Tensor<3>], (targets, inputs, lengths)| {
                let [targets, inputs, lengths] =
                    [targets.into_dispatch(), inputs.into_dispatch(), lengths.into_dispatch()];
                Tensor::<1>::from_dispatch(ctc_loss_default::<Dispatch>(
                    x[0].clone().into_dispatch(),
                    targets,
                    inputs,
                    lengths,
                    blank,
                ))
            },
        )
    }

    /// Burn has a composition for bilinear interpolation only.
    pub(super) fn grid_sample(&mut self, d: &GridSample2dOpIr) -> Step {
        let options: burn::tensor::ops::GridSampleOptions = d.options.clone().into();
        if !matches!(options.mode, InterpolateMode::Bilinear) {
            return Err(NoRule);
        }
        self.expand(&format!("grid {:?}", d.options), &[&d.tensor, &d.grid], (), &d.out, move |x: &[Tensor<4>], ()| {
            let raw = |i: usize| x[i].clone().into_dispatch();
            Tensor::<4>::from_dispatch(float_grid_sample_2d_ref::<Dispatch>(raw(0), raw(1), options.clone()))
        })
    }

    fn bools<const D: usize>(&mut self, tensor: &TensorIr) -> Tensor<D, Bool> {
        Tensor::from_dispatch(self.other(tensor))
    }

    fn ints<const D: usize>(&mut self, tensor: &TensorIr) -> Tensor<D, Int> {
        Tensor::from_dispatch(self.other(tensor))
    }

    /// Runs a composition of float tensors and of other data.
    fn expand<I: Inputs, const D: usize, const R: usize>(
        &mut self,
        name: &str,
        floats: &[&TensorIr],
        others: I,
        out: &TensorIr,
        compose: impl Fn(&[Tensor<D>], I) -> Tensor<R>,
    ) -> Step {
        let device = Device::new(self.device.clone());
        let shapes: Vec<Vec<usize>> = floats.iter().map(|tensor| tensor.shape.to_vec()).collect();
        let mut key = format!("{name} {shapes:?} {:?} {device:?} ", out.dtype);
        others.describe(&mut key);
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let graph = match known {
            Some(graph) => graph,
            None => {
                let options = || TensorCreationOptions::new(device.clone()).with_dtype(out.dtype);
                let zeros = |shape: &Vec<usize>| {
                    Param::from_tensor(Tensor::<D>::zeros(
                        <[usize; D]>::try_from(shape.clone()).expect("the layer's rank"),
                        options(),
                    ))
                };
                let module: Vec<Param<Tensor<D>>> = shapes.iter().map(zeros).collect();
                let graph = Graph::record(&module, &Layout::of(&module), &others, &device, |module, others| {
                    compose(&module.iter().map(Param::val).collect::<Vec<_>>(), others)
                });
                let graph = Arc::new(graph.map_err(|_| NoRule)?);
                let mut kept = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() >= KEPT {
                    kept.clear();
                }
                kept.insert(key, graph.clone());
                graph
            }
        };
        let inputs = floats.iter().map(|tensor| self.float(tensor)).collect();
        let y = graph.run(inputs, &others).map_err(|_| NoRule)?;
        self.put_float(out, y);
        Ok(())
    }
}
