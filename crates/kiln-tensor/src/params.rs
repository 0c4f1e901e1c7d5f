//! A module's parameters by name.
//!
//! A parameter's name is its path in the module, such as `encoder.0.weight`. These functions see float parameters only, in the
//! order of the module's fields.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Tensor, TensorData},
};

use crate::fused;

/// A parameter's name and values.
///
/// # Example
/// ```
/// use burn::{nn::LinearConfig, tensor::Device};
/// use kiln_tensor::params;
///
/// let layer = LinearConfig::new(3, 2).init(&Device::default());
/// let names: Vec<String> = params::named(&layer).into_iter().map(|parameter| parameter.name).collect();
/// assert_eq!(names, ["weight", "bias"]);
/// ```
#[derive(Clone, Debug)]
pub struct NamedTensor {
    /// The path in the module, joined by dots.
    pub name: String,
    /// Shape, type and values.
    pub data: TensorData,
}

/// Returns every float parameter of `module`, including frozen ones, read from the device.
pub fn named<M: Module>(module: &M) -> Vec<NamedTensor> {
    struct Reader {
        path: Path,
        found: Vec<NamedTensor>,
    }
    impl ModuleVisitor for Reader {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.enter(name);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found.push(NamedTensor { name: self.path.join(), data: param.val().into_data() });
        }
    }
    let mut reader = Reader { path: Path::default(), found: Vec::new() };
    module.visit(&mut reader);
    reader.found
}

/// Returns the name and the id of every float parameter of `module`, without reading from the device.
pub fn names<M: Module>(module: &M) -> Vec<(String, u64)> {
    struct Namer {
        path: Path,
        found: Vec<(String, u64)>,
    }
    impl ModuleVisitor for Namer {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.enter(name);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found.push((self.path.join(), param.id.val()));
        }
    }
    let mut namer = Namer { path: Path::default(), found: Vec::new() };
    module.visit(&mut namer);
    namer.found
}

/// Why values do not fit a module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The values lack a parameter of the module.
    #[error("the parameter '{0}' of this model is missing")]
    Missing(String),
    /// The values have a name that the module lacks.
    #[error("this model has no parameter '{0}'")]
    Unused(String),
    /// A parameter has another shape.
    #[error("the parameter '{name}' has shape {got:?}, but this model expects {expected:?}")]
    Shape {
        /// The parameter.
        name: String,
        /// The module's shape.
        expected: Vec<usize>,
        /// The shape that was given.
        got: Vec<usize>,
    },
}

/// Returns the module with new values of its float parameters, by name, converted to each parameter's type.
///
/// # Errors
/// Returns [`ReplaceError`] if the names or shapes are not those of the module.
pub fn replace<M: Module>(module: M, values: Vec<NamedTensor>) -> Result<M, ReplaceError> {
    struct Writer {
        path: Path,
        values: std::collections::BTreeMap<String, TensorData>,
    }
    impl ModuleMapper for Writer {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.enter(name);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let Some(data) = self.values.remove(&self.path.join()) else { return param };
            param.map(|old| {
                let new = Tensor::from_data(data, (&old.device(), old.dtype()));
                if old.is_require_grad() { new.require_grad() } else { new }
            })
        }
    }
    let mut shapes: std::collections::BTreeMap<String, Vec<usize>> =
        named(&module).into_iter().map(|p| (p.name, p.data.shape().to_vec())).collect();
    for NamedTensor { name, data } in &values {
        let expected = shapes.remove(name).ok_or_else(|| ReplaceError::Unused(name.clone()))?;
        let got = data.shape().to_vec();
        if got != expected {
            return Err(ReplaceError::Shape { name: name.clone(), expected, got });
        }
    }
    if let Some((name, _)) = shapes.into_iter().next() {
        return Err(ReplaceError::Missing(name));
    }
    let values = values.into_iter().map(|p| (p.name, p.data)).collect();
    Ok(module.map(&mut Writer { path: Path::default(), values }))
}

/// Returns the name of the first parameter with a NaN or an infinity, if there is one.
pub fn first_non_finite<M: Module>(module: &M) -> Option<String> {
    struct Finder {
        path: Path,
        found: Option<String>,
    }
    impl ModuleVisitor for Finder {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.enter(name);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.found.is_none() && !is_finite(param.val().without_autodiff()) {
                self.found = Some(self.path.join());
            }
        }
    }
    let mut finder = Finder { path: Path::default(), found: None };
    module.visit(&mut finder);
    finder.found
}

/// A summary of a module's gradients.
#[derive(Debug)]
pub struct GradientSummary {
    /// Number of parameters with a gradient.
    pub parameters: usize,
    /// The squared Euclidean norm of all gradients together, `[1]`; none without gradients.
    pub squared_norm: Option<Tensor<1>>,
    /// The largest absolute value of all gradients, `[1]`; none without gradients.
    pub max_abs: Option<Tensor<1>>,
}

/// Summarises the gradients of `module`, without reading from the device.
pub fn gradient_summary<M: Module>(module: &M, gradients: &GradientsParams) -> GradientSummary {
    struct Summer<'a> {
        gradients: &'a GradientsParams,
        squares: Vec<Tensor<1>>,
        largest: Vec<Tensor<1>>,
    }
    impl ModuleVisitor for Summer<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.get::<D>(param.id) {
                let [square, largest] = fused::squared_norm_and_max_abs(gradient);
                self.squares.push(square);
                self.largest.push(largest);
            }
        }
    }
    let mut summer = Summer { gradients, squares: Vec::new(), largest: Vec::new() };
    module.visit(&mut summer);
    GradientSummary {
        parameters: summer.squares.len(),
        squared_norm: (!summer.squares.is_empty()).then(|| Tensor::cat(summer.squares, 0).sum()),
        max_abs: (!summer.largest.is_empty()).then(|| Tensor::cat(summer.largest, 0).max()),
    }
}

/// Returns the name of the first parameter whose gradient has a NaN or an infinity, if there is one.
pub fn first_non_finite_gradient<M: Module>(module: &M, gradients: &GradientsParams) -> Option<String> {
    struct Finder<'a> {
        path: Path,
        gradients: &'a GradientsParams,
        found: Option<String>,
    }
    impl ModuleVisitor for Finder<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.enter(name);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.found.is_none() && self.gradients.get::<D>(param.id).is_some_and(|g| !is_finite(g)) {
                self.found = Some(self.path.join());
            }
        }
    }
    let mut finder = Finder { path: Path::default(), gradients, found: None };
    module.visit(&mut finder);
    finder.found
}

fn is_finite<const D: usize>(tensor: Tensor<D>) -> bool {
    tensor.is_finite().all().into_scalar::<bool>()
}

#[derive(Default)]
pub(crate) struct Path(Vec<String>);

impl Path {
    pub(crate) fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }
    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }
    pub(crate) fn join(&self) -> String {
        self.0.join(".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Stream, init};
    use burn::{nn::Linear, tensor::Device};

    #[derive(Module, Debug)]
    struct Net {
        encoder: Vec<Linear>,
        head: Linear,
    }

    fn net(device: &Device) -> Net {
        let mut stream = Stream::new(0, "init", 0, 0);
        Net { encoder: vec![init::linear(3, 2, &mut stream, device)], head: init::linear(2, 1, &mut stream, device) }
    }

    #[test]
    fn names_follow_the_fields() {
        let names: Vec<String> = named(&net(&Device::default())).into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["encoder.0.weight", "encoder.0.bias", "head.weight", "head.bias"]);
    }

    #[test]
    fn replace_checks_names_and_shapes() {
        let device = Device::default();
        let values = named(&net(&device));
        let mut renamed = values.clone();
        renamed[0].name = "decoder.0.weight".into();
        assert!(matches!(replace(net(&device), renamed), Err(ReplaceError::Unused(n)) if n == "decoder.0.weight"));
        assert!(
            matches!(replace(net(&device), values[1..].to_vec()), Err(ReplaceError::Missing(n)) if n == "encoder.0.weight")
        );
        let mut reshaped = values;
        reshaped[3].data = TensorData::new(vec![0f32; 2], [2]);
        assert!(
            matches!(replace(net(&device), reshaped), Err(ReplaceError::Shape { name, .. }) if name == "head.bias")
        );
    }

    #[test]
    fn replaced_parameters_still_train() {
        let device = Device::default().autodiff();
        let model = replace(net(&device), named(&net(&device))).unwrap();
        let loss = model.head.forward(model.encoder[0].forward(Tensor::<2>::ones([4, 3], &device))).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        assert_eq!(gradient_summary(&model, &gradients).parameters, 4);
    }

    #[test]
    fn a_non_finite_value_is_named() {
        let device = Device::default();
        let mut values = named(&net(&device));
        assert_eq!(first_non_finite(&net(&device)), None);
        values[2].data = TensorData::new(vec![0.0, f32::NAN], [2, 1]);
        assert_eq!(first_non_finite(&replace(net(&device), values).unwrap()), Some("head.weight".to_owned()));
    }

    #[test]
    fn the_gradient_norm_is_that_of_all_parameters_together() {
        let device = Device::default().autodiff();
        let model = net(&device);
        // d/db of sum(x·W + b) over four rows is 4, and d/dW is 4 for inputs of 1.
        let loss = model.head.forward(Tensor::<2>::ones([4, 2], &device)).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let summary = gradient_summary(&model, &gradients);
        assert_eq!(summary.parameters, 2);
        assert_eq!(summary.squared_norm.unwrap().into_scalar::<f32>().to_bits(), 48f32.to_bits());
        assert_eq!(summary.max_abs.unwrap().into_scalar::<f32>().to_bits(), 4f32.to_bits());
    }
}
