//! The recorded operations of a function.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    ops::Range,
    sync::{LazyLock, Mutex, PoisonError},
};

use burn::{
    backend::{
        BackendTensor, Capture, Dispatch, DispatchDevice, DispatchKindConversion, DispatchTensor,
        ir::{OperationIr, TensorId},
        ops::{BoolTensorOps, FloatTensorOps, IntTensorOps},
    },
    module::{Module, ModuleMapper, Param},
    tensor::{Device, DeviceConfig, Tensor, TensorData},
};

use super::{DerivativeError, Inputs, dual::Dual, num::Raw, run::Machine};
use crate::{
    flat::Layout,
    quiet::{Caught, catch_quietly},
};

/// A recorded function from a module's trainable parameters and data to one tensor.
pub(super) struct Graph {
    operations: Vec<OperationIr>,
    /// For each operation, the tensors that no later operation reads.
    last_uses: Vec<Vec<TensorId>>,
    /// The tensors that depend on the parameters.
    dependent: HashSet<TensorId>,
    parameters: Vec<TensorId>,
    inputs: Vec<TensorId>,
    /// Frozen parameters, and tensors that the function makes.
    constants: Vec<(TensorId, Raw)>,
    output: TensorId,
    device: DispatchDevice,
}

/// Capture devices by their number types: a device's types can be set once, and the number of devices is limited.
static DEVICES: LazyLock<Mutex<HashMap<String, Device>>> = LazyLock::new(Mutex::default);

thread_local! {
    static RECORDS: Cell<bool> = const { Cell::new(false) };
}

/// A recording on this thread. It must not start another one, because it would wait for itself.
struct Recording;

impl Recording {
    fn start() -> Result<Self, DerivativeError> {
        if RECORDS.replace(true) {
            let reason =
                "it takes a second derivative of another function, which cannot be recorded at the same time".into();
            return Err(DerivativeError::Capture { reason });
        }
        Ok(Self)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDS.set(false);
    }
}

impl Graph {
    /// Records what `forward` does with `module`, a module without autodiff on `device`.
    pub(super) fn record<M: Module, I: Inputs, const D: usize>(
        module: &M,
        layout: &Layout,
        inputs: &I,
        device: &Device,
        forward: impl Fn(&M, I) -> Tensor<D>,
    ) -> Result<Self, DerivativeError> {
        let _recording = Recording::start()?;
        // One recording at a time: a capture device has one scope.
        let mut devices = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = device.settings();
        let key = format!("{:?} {:?} {:?}", settings.float_dtype, settings.int_dtype, settings.bool_dtype);
        let fresh = !devices.contains_key(&key);
        let mut capture = devices.entry(key).or_insert_with(Device::capture).clone();
        let mut parameters = Vec::new();
        let mut given = Vec::new();
        let mut output = None;
        let recorded = catch_quietly(|| {
            capture.clone().capture_scope(|scope| {
                if fresh {
                    let config = DeviceConfig::new(
                        Some(settings.float_dtype),
                        Some(settings.int_dtype),
                        Some(settings.bool_dtype),
                    );
                    capture.configure(config).expect("a device that is new has no settings yet");
                }
                let mut mover = Mover { device: &capture, ids: Vec::new() };
                // A validation copy has running averages of its own, which can be moved.
                let module = module.valid().map(&mut mover);
                parameters = layout.select(&mover.ids);
                let inputs = inputs.to_device(&capture);
                inputs.visit(&mut |tensor| given.push(id(tensor)));
                output = Some(id(forward(&module, inputs).into_dispatch()));
                scope.complete([], [])
            })
        });
        let captured = match recorded {
            Ok(captured) => captured.map_err(|error| DerivativeError::Capture { reason: error.to_string() })?,
            Err(caught) => return Err(refused(caught)),
        };
        let output = output.expect("the scope ran to its end");
        let operations = needed(captured.graph.operations, output);
        let mut reads = HashSet::from([output]);
        reads.extend(operations.iter().flat_map(|operation| operation.inputs().map(|tensor| tensor.id)));
        let device = device.as_dispatch().clone();
        let known: HashSet<TensorId> = parameters.iter().chain(&given).copied().collect();
        let constants = captured.values.into_iter().filter(|(id, _)| reads.contains(id) && !known.contains(id));
        let constants = constants.map(|(id, data)| (id, on_device(data, &device))).collect();
        let last_uses = last_uses(&operations, output);
        let dependent = dependent(&operations, &parameters);
        Ok(Self { operations, last_uses, dependent, parameters, inputs: given, constants, output, device })
    }

    /// Computes the function's value and its derivative in the direction of the parameters' tangents.
    pub(super) fn run<I: Inputs>(&self, parameters: Vec<Dual>, inputs: &I) -> Result<Dual, DerivativeError> {
        let mut machine = self.machine(parameters, inputs);
        self.advance(&mut machine, 0..self.operations.len())?;
        Ok(self.output_of(&mut machine))
    }

    pub(super) fn operations(&self) -> &[OperationIr] {
        &self.operations
    }

    pub(super) fn depends(&self, tensor: TensorId) -> bool {
        self.dependent.contains(&tensor)
    }

    pub(super) fn parameters(&self) -> &[TensorId] {
        &self.parameters
    }

    /// A machine that knows the parameters, the data and the constants.
    pub(super) fn machine<I: Inputs>(&self, parameters: Vec<Dual>, inputs: &I) -> Machine<'_> {
        let mut machine = Machine::new(&self.device);
        for (id, value) in self.parameters.iter().zip(parameters) {
            machine.put(*id, value);
        }
        let mut ids = self.inputs.iter();
        inputs.visit(&mut |tensor| {
            let id = ids.next().expect("data with as many tensors as were recorded");
            machine.put_any(*id, tensor);
        });
        for (id, value) in &self.constants {
            machine.put_any(*id, value.clone());
        }
        machine
    }

    /// Runs some of the operations.
    pub(super) fn advance(&self, machine: &mut Machine<'_>, range: Range<usize>) -> Result<(), DerivativeError> {
        for (operation, dead) in self.operations[range.clone()].iter().zip(&self.last_uses[range]) {
            if machine.step(operation).is_err() {
                return Err(machine.reason.take().unwrap_or_else(|| no_rule(operation)));
            }
            dead.iter().for_each(|id| machine.forget(*id));
        }
        Ok(())
    }

    /// The function's value, once all operations were run.
    pub(super) fn output_of(&self, machine: &mut Machine<'_>) -> Dual {
        machine.take(self.output).expect("the output is float, and the last operation made it")
    }
}

struct Mover<'a> {
    device: &'a Device,
    ids: Vec<TensorId>,
}

impl ModuleMapper for Mover<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| {
            let moved = value.to_device(self.device);
            self.ids.push(id(moved.clone().into_dispatch()));
            moved
        })
    }
    fn map_int<const D: usize>(
        &mut self,
        param: Param<Tensor<D, burn::tensor::Int>>,
    ) -> Param<Tensor<D, burn::tensor::Int>> {
        param.map(|value| value.to_device(self.device))
    }
    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, burn::tensor::Bool>>,
    ) -> Param<Tensor<D, burn::tensor::Bool>> {
        param.map(|value| value.to_device(self.device))
    }
}

fn id(tensor: DispatchTensor) -> TensorId {
    let tensor = <DispatchTensor as DispatchKindConversion<Capture>>::try_into_backend(tensor);
    match tensor.unwrap_or_else(|_| panic!("{FOREIGN}")) {
        BackendTensor::Float(tensor) => tensor.id(),
        BackendTensor::Int(tensor) => tensor.id(),
        BackendTensor::Bool(tensor) => tensor.id(),
        _ => panic!("quantised tensors have no derivative"),
    }
}

/// The operations that the output depends on.
fn needed(operations: Vec<OperationIr>, output: TensorId) -> Vec<OperationIr> {
    let mut wanted = HashSet::from([output]);
    let mut kept: Vec<OperationIr> = operations
        .into_iter()
        .rev()
        .filter(|operation| {
            let keep = operation.outputs().any(|tensor| wanted.contains(&tensor.id));
            if keep {
                wanted.extend(operation.inputs().map(|tensor| tensor.id));
            }
            keep && !matches!(operation, OperationIr::Init(_))
        })
        .collect();
    kept.reverse();
    kept
}

fn last_uses(operations: &[OperationIr], output: TensorId) -> Vec<Vec<TensorId>> {
    let mut seen = HashSet::from([output]);
    let mut all: Vec<Vec<TensorId>> = operations
        .iter()
        .rev()
        .map(|operation| operation.nodes().into_iter().map(|tensor| tensor.id).filter(|id| seen.insert(*id)).collect())
        .collect();
    all.reverse();
    all
}

fn dependent(operations: &[OperationIr], parameters: &[TensorId]) -> HashSet<TensorId> {
    let mut all: HashSet<TensorId> = parameters.iter().copied().collect();
    for operation in operations {
        if operation.inputs().any(|tensor| all.contains(&tensor.id)) {
            all.extend(operation.outputs().map(|tensor| tensor.id));
        }
    }
    all
}

fn on_device(data: TensorData, device: &DispatchDevice) -> Raw {
    let dtype = data.dtype();
    if dtype.is_float() {
        Dispatch::float_from_data(data, device)
    } else if dtype.is_bool() {
        Dispatch::bool_from_data(data, device)
    } else {
        Dispatch::int_from_data(data, device)
    }
}

/// The operation's name, from its debug text: the innermost name of `Float(F32, Cross(CrossOpIr {`.
fn no_rule(operation: &OperationIr) -> DerivativeError {
    let text = format!("{operation:?}");
    let head = text.split('{').next().unwrap_or_default();
    let mut names = head.split(['(', ' ', ',']).filter(|name| !name.is_empty()).rev();
    let operation = match operation {
        OperationIr::Custom(custom) => custom.id.clone(),
        // The last name is that of the operation's description.
        _ => names.nth(1).unwrap_or("unknown").to_owned(),
    };
    DerivativeError::NoRule { operation }
}

/// The panic message of [`id`] for a tensor that was not made from the function's parameters and data.
const FOREIGN: &str = "the value is not on the device of the function's parameters and data";

/// Burn's panic messages for an operation on tensors of two devices, one of which is the recording device.
const TWO_DEVICES: [&str; 4] =
    ["not on the same device", "not on the same backend", "on the wrong backend", "must be on the same device"];

fn refused(Caught { message, place }: Caught) -> DerivativeError {
    let place = place.map_or_else(String::new, |place| format!(" (at {place})"));
    if message.contains(FOREIGN) || TWO_DEVICES.iter().any(|text| message.contains(text)) {
        return DerivativeError::CapturedTensor;
    }
    DerivativeError::Capture { reason: format!("it panicked: {}{place}", message.trim_end()) }
}
