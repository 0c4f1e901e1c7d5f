//! Second derivatives on the backends beside Flex, against PyTorch's: in f64 on ndarray, in f32 on a GPU.
//!
//! Without an adapter the GPU's part is skipped, and says so; with the variable `KILN_EXPECT_ADAPTER` set that is a failure.
#![cfg(any(feature = "ndarray", feature = "wgpu"))]

use kiln::{prelude::*, tensor::derivative::Function};
use kiln_testkit::{assert_close, curvature, numbers};

/// The derivative, H·v, and the Hessian of the first `hessians` activations, within `tolerance` of the largest entry.
fn check(device: &Device, tolerance: f64, hessians: usize) {
    for (index, case) in curvature::cases(device).into_iter().enumerate() {
        let name = case.name.clone();
        let loss = Function::new(&case.network, case.data, |net: &curvature::Network, (x, targets)| {
            net.loss(x, targets, &name)
        });
        let (w, v) = (loss.parameters(), case.direction);
        let (_, jvp) = loss.jvp(&w, &v).unwrap();
        let mut all = vec![(jvp, "jvp"), (loss.hvp(&w, &v).unwrap(), "hvp")];
        if index < hessians {
            all.push((loss.hessian(&w).unwrap().flatten(0, 1), "hessian"));
        }
        for (got, key) in all {
            let expected = numbers(&case.expected[key]);
            let scale = expected.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
            let got: Vec<f64> = got.try_into_vec_as().unwrap();
            assert_close(&got, &expected, 0.0, tolerance * scale, &format!("{name}: {key}"));
        }
    }
}

#[cfg(feature = "ndarray")]
#[test]
fn second_derivatives_on_ndarray() {
    use kiln::{burn::tensor::FloatDType, tensor::device::with_dtype};
    let info = "ndarray".parse::<DeviceChoice>().unwrap().resolve().unwrap();
    check(&with_dtype(&info, FloatDType::F64).unwrap(), 1e-10, usize::MAX);
}

#[cfg(feature = "wgpu")]
#[test]
fn second_derivatives_on_a_gpu() {
    use kiln::tensor::device::{Backend, available};
    let found = available().into_iter().find(|info| info.backend == Backend::Wgpu);
    match found {
        // A software driver takes a minute for a Hessian.
        Some(info) => check(&info.device(), 1e-3, 1),
        None => {
            assert!(std::env::var_os("KILN_EXPECT_ADAPTER").is_none(), "wgpu finds no adapter on this machine");
            eprintln!("skipped: wgpu finds no adapter on this machine");
        }
    }
}
