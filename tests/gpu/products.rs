//! Products of matrices on a GPU, in each precision.

use std::sync::Mutex;

use kiln::{
    prelude::*,
    tensor::{
        device::compiles_kernels,
        fused::{Activation, MatmulPrecision, linear, matmul, set_matmul_precision},
    },
};

use super::{
    fused::{alike, normals, run},
    gpu,
};

/// The precision belongs to the process.
static SETTING: Mutex<()> = Mutex::new(());

fn with_precision<T>(precision: MatmulPrecision, work: impl FnOnce() -> T) -> T {
    let _own = SETTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    set_matmul_precision(precision);
    let result = work();
    set_matmul_precision(MatmulPrecision::F32);
    result
}

/// Vectors, tall, wide, and square; more than one tile in each direction.
const SHAPES: [[usize; 3]; 4] = [[300, 20, 1], [1, 50, 90], [7, 300, 70], [130, 65, 140]];

#[test]
fn products_and_their_gradients_are_those_of_the_cpu() {
    let Some(info) = gpu() else { return };
    assert!(compiles_kernels(&info.device()) && !compiles_kernels(&Device::flex()));
    with_precision(MatmulPrecision::F32, || {
        for [n, k, m] in SHAPES {
            let inputs = [normals([n, k], "lhs"), normals([k, m], "rhs")];
            alike(&info.device(), inputs, |[a, b]| matmul(a, b), &format!("{n}×{k}×{m}"));
        }
        // Without a bias, and from transposed and cut matrices.
        let [n, k, m] = [7, 300, 70];
        let f = |[a, b]: [Tensor<2>; 2]| linear(a, b, None, Activation::Relu);
        alike(&info.device(), [normals([n, k], "lhs"), normals([k, m], "rhs")], f, "without a bias");
        let wide = [normals([k + 3, n], "lhs"), normals([m, k + 1], "rhs")];
        let f = |[a, b]: [Tensor<2>; 2]| matmul(a.transpose().narrow(1, 2, k), b.transpose().narrow(0, 1, k));
        alike(&info.device(), wide, f, "transposed");
    });
}

/// The sums over many rows are taken in parts. Few, several and many entries of the product.
#[test]
fn products_with_many_rows_are_those_of_the_cpu() {
    let Some(info) = gpu() else { return };
    for [rows, columns, by] in [[4096, 1, 1], [10_001, 30, 1], [5000, 40, 10], [4100, 3, 7]] {
        let inputs = [normals([rows, columns], "a"), normals([rows, by], "b")];
        let f = |[a, b]: [Tensor<2>; 2]| matmul(a.transpose(), b);
        alike(&info.device(), inputs, f, &format!("{rows} rows, {columns}×{by}"));
    }
}

#[test]
fn a_product_over_no_columns_is_zero() {
    let Some(info) = gpu() else { return };
    for precision in [MatmulPrecision::F32, MatmulPrecision::Tf32] {
        with_precision(precision, || {
            let (a, b) = (Tensor::zeros([3, 0], &info.device()), Tensor::zeros([0, 2], &info.device()));
            assert_eq!(matmul(a, b).try_into_vec_as::<f32>().unwrap(), [0.0; 6], "{precision}");
            // No columns of a matrix with many rows.
            let (a, b) = (Tensor::zeros([5000, 0], &info.device()), Tensor::zeros([5000, 2], &info.device()));
            assert_eq!(matmul(a.transpose(), b).dims(), [0, 2], "{precision}");
        });
    }
}

/// The bound is that of the format: two factors that are rounded to p bits give a relative error of at most about 2·2⁻ᵖ of Σ|a||b|.
#[test]
fn coarser_products_are_as_close_as_their_format() {
    let Some(info) = gpu() else { return };
    let [n, k, m] = [7, 300, 70];
    let inputs = [normals([n, k], "lhs"), normals([k, m], "rhs")];
    let sizes = inputs.clone().map(|data| Tensor::<2>::from_data(data, &Device::flex()).abs());
    let [a, b] = sizes;
    let size = matmul(a, b).try_into_vec_as::<f64>().unwrap();
    let exact = run(&Device::flex(), &inputs, |[a, b]| matmul(a, b));
    for (precision, bits) in [(MatmulPrecision::Tf32, 11), (MatmulPrecision::Bf16, 8)] {
        if precision == MatmulPrecision::Bf16 && !info.dtypes.contains(&"bf16") {
            eprintln!("{} has no bf16", info.name);
            continue;
        }
        let got = with_precision(precision, || run(&info.device(), &inputs, |[a, b]| matmul(a, b)));
        let bound = 2.0 * 0.5f64.powi(bits) + 1e-5;
        for ((got, exact), size) in got[0].iter().zip(&exact[0]).zip(&size) {
            assert!((got - exact).abs() <= bound * size, "{precision}: {got} and {exact}");
        }
        if precision == MatmulPrecision::Bf16 {
            let off = |(got, exact): (&f64, &f64)| (got - exact).abs() > 1e-5 * exact.abs();
            assert!(got[0].iter().zip(&exact[0]).any(off), "the factors are rounded");
        }
        // The gradients are there, in the type of the factors.
        assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), [n * m, n * k, k * m]);
    }
}
