//! Where a model computes.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{DType, Device, Tensor},
};

/// Returns the device of the first float parameter, with its autodiff setting, or `None` for a module without parameters.
///
/// It also initialises every parameter that Burn initialises on first use. Training seeds the device's random numbers at
/// every step, so the initial weights must be drawn before.
pub(crate) fn device_of<M: Module>(model: &M) -> Option<Device> {
    first_of(model).map(|(device, _)| device)
}

/// Returns the float type of the first float parameter, or `None` for a module without parameters.
pub(crate) fn float_type_of<M: Module>(model: &M) -> Option<DType> {
    first_of(model).map(|(_, dtype)| dtype)
}

fn first_of<M: Module>(model: &M) -> Option<(Device, DType)> {
    struct First(Option<(Device, DType)>);
    impl ModuleVisitor for First {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            self.0.get_or_insert_with(|| (value.device(), value.dtype()));
        }
    }
    let mut first = First(None);
    model.visit(&mut first);
    first.0
}

/// Returns the model ready to be trained, and the autodiff device that it is on.
pub(crate) fn for_training<M: Module>(model: M) -> Option<(M, Device)> {
    let device = device_of(&model)?;
    if device.is_autodiff() {
        return Some((model, device));
    }
    Some((model.train(), device.autodiff()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::LinearConfig;

    #[test]
    fn a_model_on_a_plain_device_is_made_ready_for_training() {
        let device = Device::default();
        let linear = LinearConfig::new(2, 3).init(&device);
        let before = linear.weight.val().into_data();
        let (linear, device) = for_training(linear).unwrap();
        assert!(device.is_autodiff() && linear.weight.val().is_require_grad());
        assert_eq!(linear.weight.val().into_data(), before);
    }
}
