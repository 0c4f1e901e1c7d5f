//! Segments save memory.

mod memory;

use burn::tensor::{Device, Tensor};
use kiln_tensor::{Stream, derivative::Function};

use memory::most_memory;

/// Thirty-six layers whose outputs take 2 MiB each.
#[test]
fn a_product_in_segments_takes_a_third_of_the_memory() {
    const LAYERS: usize = 36;
    const WIDTH: usize = 64;
    const ROWS: usize = 8192;
    let device = Device::default();
    let mut stream = Stream::new(1, "test", 0, 0);
    let x: Tensor<2> = stream.normal([ROWS, WIDTH], &device);
    let w: Tensor<1> = stream.normal::<1>([WIDTH * WIDTH], &device) * 0.1;
    let v: Tensor<1> = stream.normal([WIDTH * WIDTH], &device);
    let plain = Function::of_vector_with(w.clone(), x, |w: Tensor<1>, x: Tensor<2>| {
        let w = w.reshape([WIDTH, WIDTH]);
        (0..LAYERS).fold(x, |x, _| x.matmul(w.clone()).tanh()).square().mean()
    });
    let before = most_memory();
    let frugal = plain.clone().with_segments(6).hvp(&w, &v).unwrap();
    let between = most_memory();
    let product = plain.hvp(&w, &v).unwrap();
    // The same numbers in f32, added in another order over 8192 rows: each sum rounds by some units of 1.2e-7.
    let difference = (frugal - product.clone()).abs().max().into_scalar::<f64>();
    assert!(difference <= 1e-5 * product.abs().max().into_scalar::<f64>(), "{difference}");
    if let (Some(before), Some(between), Some(after)) = (before, between, most_memory()) {
        assert!(between - before < (after - before) / 3.0, "{before}, {between} and {after} MiB");
    }
}
