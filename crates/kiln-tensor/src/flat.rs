//! A module's trainable parameters as one vector, for solvers.
//!
//! The order is that of the module's fields, each parameter in row-major order. Frozen parameters, and buffers such as the running
//! averages of a batch normalisation, are not included.
//!
//! # Example
//!
//! ```
//! use burn::{nn::LinearConfig, tensor::{Device, Tensor}};
//! use kiln_tensor::flat::Layout;
//!
//! let device = Device::default();
//! let layer = LinearConfig::new(3, 2).init(&device);
//! let layout = Layout::of(&layer);
//! assert_eq!(layout.len(), 8);
//! assert_eq!(layout.slots()[1].name, "bias");
//! let layer = layout.unflatten(layer, &Tensor::ones([8], &device))?;
//! assert_eq!(layer.bias.unwrap().val().sum().into_scalar::<f32>(), 2.0);
//! # Ok::<(), kiln_tensor::flat::LengthError>(())
//! ```

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Gradients, Tensor},
};

use crate::params::Path;

/// The place of one parameter in the vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its path in the module, such as `encoder.0.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The index of its first entry.
    pub start: usize,
}

impl Slot {
    /// Returns the range of its entries in the vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.shape.iter().product::<usize>()
    }
}

/// The parameters of a module that make up the vector, and their places.
///
/// # Example
/// ```
/// use burn::{nn::LinearConfig, tensor::Device};
/// use kiln_tensor::flat::Layout;
///
/// let layer = LinearConfig::new(3, 2).init(&Device::default());
/// let layout = Layout::of(&layer);
/// assert_eq!(layout.flatten(&layer).dims(), [8]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    slots: Vec<Slot>,
    /// For each float parameter in the order of a visit, whether it has a slot.
    trainable: Vec<bool>,
}

/// A vector does not fit a module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the vector has {got} entries, but the module has {expected} trainable parameters")]
pub struct LengthError {
    /// The length of the layout.
    pub expected: usize,
    /// The length of the vector.
    pub got: usize,
}

impl Layout {
    /// Returns the layout of `module`. It initialises parameters that were not used yet.
    pub fn of<M: Module>(module: &M) -> Self {
        struct Reader {
            path: Path,
            len: usize,
            layout: Layout,
        }
        impl ModuleVisitor for Reader {
            fn enter_module(&mut self, name: &str, _: &str) {
                self.path.enter(name);
            }
            fn exit_module(&mut self, _: &str, _: &str) {
                self.path.exit();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let value = param.val();
                self.layout.trainable.push(value.is_require_grad());
                if value.is_require_grad() {
                    let slot = Slot { name: self.path.join(), shape: value.dims().to_vec(), start: self.len };
                    self.len = slot.range().end;
                    self.layout.slots.push(slot);
                }
            }
        }
        // On a device without autodiff a parameter does not show whether it is frozen; in training mode it does. The visit before
        // initialises lazy parameters, so that `module` and its clone share them.
        touch(module);
        let mut reader =
            Reader { path: Path::default(), len: 0, layout: Layout { slots: Vec::new(), trainable: Vec::new() } };
        module.clone().train().visit(&mut reader);
        reader.layout
    }

    /// Returns the number of trainable parameters, which is the length of the vector.
    pub fn len(&self) -> usize {
        self.slots.last().map_or(0, |slot| slot.range().end)
    }

    /// Returns whether there are no trainable parameters.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns the parameters, in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Returns the parameters of `module`, a module with this layout, as a vector without autodiff.
    pub fn flatten<M: Module>(&self, module: &M) -> Tensor<1> {
        struct Reader<'a> {
            trainable: std::slice::Iter<'a, bool>,
            parts: Vec<Tensor<1>>,
        }
        impl ModuleVisitor for Reader<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if next(&mut self.trainable) {
                    self.parts.push(param.val().without_autodiff().flatten(0, D - 1));
                }
            }
        }
        let mut reader = Reader { trainable: self.trainable.iter(), parts: Vec::new() };
        module.visit(&mut reader);
        assert!(!reader.parts.is_empty(), "a module without trainable parameters has no vector");
        Tensor::cat(reader.parts, 0)
    }

    /// Returns `module` with its trainable parameters from `vector`. Each keeps its `require_grad`.
    ///
    /// # Errors
    /// Returns [`LengthError`] if the vector does not have the length of the layout.
    pub fn unflatten<M: Module>(&self, module: M, vector: &Tensor<1>) -> Result<M, LengthError> {
        self.check(vector)?;
        Ok(self.place(module, vector, None))
    }

    /// As [`unflatten`](Self::unflatten), with or without gradients for all parameters.
    pub(crate) fn place<M: Module>(&self, module: M, vector: &Tensor<1>, tracked: Option<bool>) -> M {
        struct Writer<'a> {
            trainable: std::slice::Iter<'a, bool>,
            vector: &'a Tensor<1>,
            start: usize,
            tracked: Option<bool>,
        }
        impl ModuleMapper for Writer<'_> {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                if !next(&mut self.trainable) {
                    return param;
                }
                let start = self.start;
                param.map(|old| {
                    self.start += old.shape().num_elements();
                    let new = self.vector.clone().slice(start..self.start).reshape(old.shape());
                    if self.tracked.unwrap_or(old.is_require_grad()) { new.autodiff().require_grad() } else { new }
                })
            }
        }
        let vector = &vector.clone().without_autodiff();
        module.map(&mut Writer { trainable: self.trainable.iter(), vector, start: 0, tracked })
    }

    /// Returns the gradients of the trainable parameters of `module` as a vector; 0 for parameters without one.
    pub fn gradients<M: Module>(&self, module: &M, gradients: &Gradients) -> Tensor<1> {
        struct Reader<'a> {
            trainable: std::slice::Iter<'a, bool>,
            gradients: &'a Gradients,
            parts: Vec<Tensor<1>>,
        }
        impl ModuleVisitor for Reader<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if next(&mut self.trainable) {
                    let value = param.val();
                    let gradient = value.grad(self.gradients).unwrap_or_else(|| value.without_autodiff().zeros_like());
                    self.parts.push(gradient.flatten(0, D - 1));
                }
            }
        }
        let mut reader = Reader { trainable: self.trainable.iter(), gradients, parts: Vec::new() };
        module.visit(&mut reader);
        Tensor::cat(reader.parts, 0)
    }

    /// Returns a vector as gradients of the trainable parameters of `module`, for a Burn optimiser.
    ///
    /// # Errors
    /// Returns [`LengthError`] if the vector does not have the length of the layout.
    pub fn gradients_of<M: Module>(&self, module: &M, vector: &Tensor<1>) -> Result<GradientsParams, LengthError> {
        struct Writer<'a> {
            trainable: std::slice::Iter<'a, bool>,
            vector: Tensor<1>,
            start: usize,
            gradients: GradientsParams,
        }
        impl ModuleVisitor for Writer<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if next(&mut self.trainable) {
                    let shape = param.val().shape();
                    let start = self.start;
                    self.start += shape.num_elements();
                    self.gradients.register::<D>(param.id, self.vector.clone().slice(start..self.start).reshape(shape));
                }
            }
        }
        self.check(vector)?;
        let (trainable, vector) = (self.trainable.iter(), vector.clone().without_autodiff());
        let mut writer = Writer { trainable, vector, start: 0, gradients: GradientsParams::new() };
        module.visit(&mut writer);
        Ok(writer.gradients)
    }

    /// Selects the items of the trainable parameters, given one item per float parameter.
    pub(crate) fn select<T: Copy>(&self, items: &[T]) -> Vec<T> {
        items.iter().zip(&self.trainable).filter(|(_, trainable)| **trainable).map(|(item, _)| *item).collect()
    }

    pub(crate) fn check(&self, vector: &Tensor<1>) -> Result<(), LengthError> {
        let [got] = vector.dims();
        if got == self.len() { Ok(()) } else { Err(LengthError { expected: self.len(), got }) }
    }
}

fn next(trainable: &mut std::slice::Iter<'_, bool>) -> bool {
    *trainable.next().expect("a module with the layout's parameters")
}

fn touch<M: Module>(module: &M) {
    struct Toucher;
    impl ModuleVisitor for Toucher {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let _ = param.val();
        }
    }
    module.visit(&mut Toucher);
}
