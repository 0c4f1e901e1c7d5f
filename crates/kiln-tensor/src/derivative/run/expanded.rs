//! Layers that Burn composes of other operations: the composition is recorded once per shape, and run on dual numbers.

use std::sync::Arc;

use burn::{
    backend::{
        Dispatch,
        ir::{AttentionOpIr, CtcLossOpIr, DeformConv2dOpIr, GridSample2dOpIr, TensorIr},
        ops::{attention::attention_fallback, ctc::ctc_loss_default, grid_sample::float_grid_sample_2d_ref},
    },
    module::Param,
    tensor::{
        Bool, DType, Device, Int, Tensor, TensorCreationOptions,
        ops::{DeformConvOptions, InterpolateMode},
    },
};

use super::{
    super::{Inputs, capture::Graph, dual::Dual, recordings::Recordings},
    Machine, NoRule, Step,
    deformable::deformable,
};
use crate::flat::Layout;

/// Recordings by layer, options, types and shapes.
static KNOWN: Recordings = Recordings::new(64);

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

    pub(super) fn deformable_convolution(&mut self, d: &DeformConv2dOpIr) -> Step {
        let mut floats = vec![&d.x, &d.offset, &d.weight];
        floats.extend(&d.mask);
        let options: DeformConvOptions<2> = d.options.clone().into();
        let name = format!("deformable {:?}", d.options);
        self.expand(&name, &floats, (), &d.out, move |x: &[Tensor<4>], ()| {
            deformable(&x[0], &x[1], &x[2], x.get(3), &options)
        })?;
        if let Some(bias) = &d.bias {
            let (y, channels) = (self.float(&d.out), d.weight.shape[0]);
            let bias = self.float(bias).reshape([1, channels, 1, 1]);
            self.put_float(&d.out, y.add(bias));
        }
        Ok(())
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
        let values = floats.iter().map(|tensor| self.float(tensor)).collect();
        let y = self.composed(name, values, others, out.dtype, compose)?;
        self.put_float(out, y);
        Ok(())
    }

    /// The value of a composition, which is recorded once per name, shapes and types.
    pub(super) fn composed<I: Inputs, const D: usize, const R: usize>(
        &mut self,
        name: &str,
        values: Vec<Dual>,
        others: I,
        dtype: DType,
        compose: impl Fn(&[Tensor<D>], I) -> Tensor<R>,
    ) -> Result<Dual, NoRule> {
        let device = Device::new(self.device.clone());
        let shapes: Vec<Vec<usize>> = values.iter().map(|value| value.x.shape().to_vec()).collect();
        let mut key = format!("{name} {shapes:?} {dtype:?} {device:?} ");
        others.describe(&mut key);
        let graph = match KNOWN.get(&key) {
            Some(graph) => graph,
            None => {
                let options = || TensorCreationOptions::new(device.clone()).with_dtype(dtype);
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
                let graph = Arc::new(graph.map_err(|error| self.refuse(error))?);
                KNOWN.put(key, graph.clone());
                graph
            }
        };
        graph.run(values, &others).map_err(|error| self.refuse(error))
    }
}
