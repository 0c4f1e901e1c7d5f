//! The captured step, and whether a module can have one.

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Distribution, Tensor},
};

/// The captured step.
#[derive(Default)]
pub(super) struct Captured {
    /// Its gradients, which every replay writes anew.
    pub(super) gradients: Option<GradientsParams>,
    /// Steps that were replayed, the captured ones among them.
    pub(super) replayed: u64,
}

impl Captured {
    /// Keeps the gradients of a step that may be the captured one.
    pub(super) fn keep<M: Module>(&mut self, gradients: &GradientsParams, model: &M) {
        self.gradients = Some(copied(gradients, model));
    }

    /// Forgets them: the step was not captured.
    pub(super) fn forget(&mut self) {
        self.gradients = None;
    }
}

/// Other handles of the same gradients.
pub(super) fn copied<M: Module>(gradients: &GradientsParams, model: &M) -> GradientsParams {
    struct Copier<'g>(&'g GradientsParams, GradientsParams);
    impl ModuleVisitor for Copier<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                self.1.register(param.id, gradient);
            }
        }
    }
    let mut copier = Copier(gradients, GradientsParams::new());
    model.visit(&mut copier);
    copier.1
}

/// Whether every float of the module is trained. Others, such as the running averages of `BatchNorm`, may change by themselves.
pub(super) fn is_all_trained<M: Module>(model: &M) -> bool {
    struct Finder(bool);
    impl ModuleVisitor for Finder {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0 &= param.val().is_require_grad();
        }
    }
    let mut finder = Finder(true);
    model.visit(&mut finder);
    finder.0
}

/// Whether `work` draws from the device's own random numbers.
pub(super) fn draws_from_device(device: &Device, work: impl FnOnce()) -> bool {
    let first = || Tensor::<1>::random([4], Distribution::Default, device).into_data();
    device.seed(1);
    let expected = first();
    device.seed(1);
    work();
    first() != expected
}
