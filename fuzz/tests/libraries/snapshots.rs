//! Weights, and the snapshots of solvers.

use kiln::{
    optim::solver::{self, Minimization, Snapshot, Stop},
    prelude::*,
    tensor::{params, weights},
};
use kiln_fuzz::{Session, mutate, session::scratch};

use crate::{checkpoints::layer, ensure, file, variant};

/// `model.safetensors`: decoded, encoded again, and loaded into a module.
#[test]
fn safetensors() {
    let folder = scratch();
    let device = DeviceChoice::Cpu.resolve().expect("a CPU").device();
    let module = layer(&device);
    Session::new("safetensors")
        .seed(weights::to_bytes(&module).expect("float parameters"))
        .mutated_by(mutate::safetensors)
        .run(|input| {
            let decoded = match weights::decode(input) {
                Ok(tensors) => tensors,
                Err(reason) => return Ok(reason.chars().filter(|c| c.is_alphabetic()).take(30).collect()),
            };
            for tensor in &decoded {
                let elements: usize = tensor.data.shape().iter().product();
                let size = tensor.data.dtype().size();
                ensure(tensor.data.bytes().len() == elements * size, || "a tensor has a wrong number of bytes".into())?;
            }
            let bytes = weights::encode(&decoded).map_err(|e| format!("what was decoded cannot be encoded: {e}"))?;
            let again = weights::decode(&bytes).map_err(|e| format!("what was encoded cannot be decoded: {e}"))?;
            ensure(again.len() == decoded.len(), || "a tensor was lost".into())?;
            match weights::load(layer(&device), &file(&folder, "model.safetensors", input)) {
                Ok(loaded) => {
                    ensure(params::named(&loaded).len() == 2, || "the module lost a parameter".into())?;
                    Ok("loaded".into())
                }
                Err(error) => Ok(variant(&error)),
            }
        });
}

/// A solver's snapshot, and three more iterations from there.
#[test]
fn snapshot() {
    let device = DeviceChoice::Cpu.resolve().expect("a CPU").device();
    let start = Tensor::<1>::from_data([-1.2, 1.0], &device);
    let valley = Function::of_vector(start.clone(), |x: Tensor<1>| {
        let (x, y) = (x.clone().slice(0..1), x.slice(1..2));
        (y - x.clone().square()).square() * 100.0 + (x - 1.0).square()
    });
    let stop = |max_iter| Stop { max_iter, gtol: 1e-3, ..Stop::default() };
    let mut session = Session::new("snapshot").mutated_by(mutate::safetensors);
    macro_rules! seed {
        ($solver:expr) => {{
            let solver = $solver;
            let mut run = Minimization::new(&valley, start.clone(), &solver, stop(5)).expect("sound settings");
            run.run(|_| std::ops::ControlFlow::Continue(())).expect("a function without faults");
            session = session.seed(run.save().to_bytes());
        }};
    }
    seed!(solver::lbfgs());
    seed!(solver::bfgs());
    seed!(solver::nonlinear_cg());
    seed!(solver::trust_ncg());
    session.run(|input| {
        let snapshot = match Snapshot::from_bytes(input) {
            Ok(snapshot) => snapshot,
            Err(error) => return Ok(error.to_string().chars().filter(|c| c.is_alphabetic()).take(60).collect()),
        };
        let mut outcomes = String::new();
        macro_rules! resume {
            ($solver:expr) => {{
                let solver = $solver;
                match Minimization::resume(&valley, &snapshot, &solver, stop(8), &device) {
                    Ok(mut run) => {
                        let outcome = run
                            .run(|_| std::ops::ControlFlow::Continue(()))
                            .map_err(|e| format!("a function without faults failed: {e}"))?;
                        ensure(!outcome.success || outcome.value.is_finite(), || {
                            "success without a finite value".into()
                        })?;
                        outcomes += &format!("{:?} ", outcome.status);
                    }
                    Err(error) => {
                        let text = error.to_string();
                        outcomes.extend(text.chars().filter(|c| c.is_alphabetic()).take(60));
                    }
                }
            }};
        }
        resume!(solver::lbfgs());
        resume!(solver::bfgs());
        resume!(solver::nonlinear_cg());
        resume!(solver::trust_ncg());
        Ok(outcomes)
    });
}
