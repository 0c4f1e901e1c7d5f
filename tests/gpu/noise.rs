//! Normal numbers that a GPU draws are those of the CPU.

use kiln::{prelude::*, tensor::Stream};

use super::gpu;

fn draw(stream: &mut Stream, n: usize, device: &Device) -> Vec<f64> {
    let numbers: Tensor<1> = stream.normal([n], device);
    numbers.try_into_vec_as().unwrap()
}

/// The CPU computes in f64 and rounds once; the GPU in f32. A division, a series and a root make the radius, and a product and a series the
/// sine: some 16 roundings of 6e-8, relative. Numbers below 1e-3 are compared as if they were that large.
#[test]
fn a_gpu_draws_the_normals_of_the_cpu() {
    let Some(info) = gpu() else { return };
    let mut furthest = 0f64;
    for (step, n) in [(0, 1), (1, 16), (2, 17), (3, 33), (4, 100_003), (5, 0)] {
        let stream = || Stream::new(5, "noise", 2, step);
        let (mut here, mut there) = (stream(), stream());
        // The second draw begins where the first has ended.
        for _ in 0..2 {
            let (a, b) = (draw(&mut here, n, &Device::flex()), draw(&mut there, n, &info.device()));
            assert_eq!((a.len(), b.len()), (n, n));
            for (i, (a, b)) in a.iter().zip(&b).enumerate() {
                let off = (a - b).abs() / a.abs().max(1e-3);
                furthest = furthest.max(off);
                assert!(off <= 1e-6, "number {i} of {n}: {a} and {b}");
            }
        }
        assert_eq!(here.next_u64(), there.next_u64(), "both streams go on at the same word");
    }
    eprintln!("furthest apart, relative: {furthest:e}");
}
