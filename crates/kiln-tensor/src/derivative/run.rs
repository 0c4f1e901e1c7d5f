//! Runs a captured graph on dual numbers, with one line per operation.
//!
//! To support another operation, add a line to the table of its kind. If it is not a composition of existing rules, add a rule in
//! [`dual`](super::dual).

mod custom;
mod deformable;
mod expanded;
mod float;
mod layer;
mod numeric;
mod shape;
mod whole;

use std::collections::HashMap;

use burn::backend::{
    DispatchDevice, TensorMetadata,
    ir::{OperationIr as Operation, TensorId, TensorIr, TensorStatus},
};

use super::{
    DerivativeError,
    dual::Dual,
    num::{Num, Raw},
};

/// The tensors that are known so far.
pub(super) struct Machine<'a> {
    floats: HashMap<TensorId, Dual>,
    /// Integers and booleans, which have no derivative.
    others: HashMap<TensorId, Raw>,
    device: &'a DispatchDevice,
    /// Why the composition of an operation could not be recorded or run.
    pub(super) reason: Option<DerivativeError>,
}

/// The operation has no rule.
pub(super) struct NoRule;

type Step = Result<(), NoRule>;

impl<'a> Machine<'a> {
    pub(super) fn new(device: &'a DispatchDevice) -> Self {
        Self { floats: HashMap::new(), others: HashMap::new(), device, reason: None }
    }

    /// A machine that knows the same tensors.
    pub(super) fn copy(&self) -> Self {
        Self { floats: self.floats.clone(), others: self.others.clone(), device: self.device, reason: None }
    }

    pub(super) fn put(&mut self, id: TensorId, value: Dual) {
        self.floats.insert(id, value);
    }

    pub(super) fn put_any(&mut self, id: TensorId, value: Raw) {
        if value.dtype().is_float() {
            self.floats.insert(id, Dual::constant(Num(value)));
        } else {
            self.others.insert(id, value);
        }
    }

    pub(super) fn forget(&mut self, id: TensorId) {
        self.floats.remove(&id);
        self.others.remove(&id);
    }

    /// The float tensors that are known.
    pub(super) fn known(&mut self) -> impl Iterator<Item = (&TensorId, &mut Dual)> {
        self.floats.iter_mut()
    }

    pub(super) fn get(&self, id: TensorId) -> Option<&Dual> {
        self.floats.get(&id)
    }

    pub(super) fn take(&mut self, id: TensorId) -> Option<Dual> {
        self.floats.remove(&id)
    }

    /// The value of `tensor`. The last reader gets it without a second owner, so that it can be overwritten.
    pub(super) fn float(&mut self, tensor: &TensorIr) -> Dual {
        let value = if tensor.status == TensorStatus::ReadWrite {
            self.floats.remove(&tensor.id)
        } else {
            self.floats.get(&tensor.id).cloned()
        };
        value.expect("an operation comes after those that it reads from")
    }

    pub(super) fn other(&mut self, tensor: &TensorIr) -> Raw {
        self.others.get(&tensor.id).cloned().expect("an operation comes after those that it reads from")
    }

    pub(super) fn x(&mut self, tensor: &TensorIr) -> Raw {
        self.float(tensor).x.0
    }

    pub(super) fn put_float(&mut self, out: &TensorIr, value: Dual) {
        self.floats.insert(out.id, value);
    }

    pub(super) fn put_other(&mut self, out: &TensorIr, value: Raw) {
        self.others.insert(out.id, value);
    }

    /// Remembers why a composition fails.
    fn refuse(&mut self, error: DerivativeError) -> NoRule {
        self.reason = Some(error);
        NoRule
    }

    pub(super) fn step(&mut self, operation: &Operation) -> Step {
        match operation {
            Operation::BaseFloat(op) => self.base_float(op),
            Operation::NumericFloat(_, op) => self.numeric_float(op),
            Operation::Float(_, op) => self.float_only(op),
            Operation::Activation(op) => self.activation(op),
            Operation::Module(op) => self.layer(op),
            Operation::BaseInt(op) => self.base_int(op),
            Operation::NumericInt(_, op) => self.numeric_int(op),
            Operation::Int(op) => self.int_only(op),
            Operation::BaseBool(op) => self.base_bool(op),
            Operation::Bool(op) => self.bool_only(op),
            Operation::Init(_) | Operation::Drop(_) => Ok(()),
            Operation::Custom(op) => self.custom(op),
            Operation::Distributed(_) => Err(NoRule),
        }
    }

    pub(super) fn linear(&mut self, input: &TensorIr, out: &TensorIr, f: impl Fn(Raw) -> Raw) -> Step {
        let y = self.float(input).linear(f);
        self.put_float(out, y);
        Ok(())
    }
}
