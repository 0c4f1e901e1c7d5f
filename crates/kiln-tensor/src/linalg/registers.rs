//! Vector registers after a call of `faer`.
//!
//! Its products are kernels in assembly (`private-gemm-x86`), which return without `vzeroupper`. On Intel's processors since Skylake, each
//! instruction of plain x86-64 code then has to keep the upper parts of the register that it writes, and waits for them: on a Xeon of 2023, a
//! loop over `exp` and `ln` took 32 times as long after such a call.

/// Returns what `work` returns, and leaves the upper parts of the vector registers clear.
pub(super) fn clearing<R>(work: impl FnOnce() -> R) -> R {
    let _clear = Clear;
    work()
}

/// Clears them at its end, after a panic too.
struct Clear;

impl Drop for Clear {
    #[cfg(target_arch = "x86_64")]
    fn drop(&mut self) {
        if std::arch::is_x86_feature_detected!("avx") {
            #[allow(
                unsafe_code,
                reason = "the processor has the instruction, and no value lives in an upper part across a call"
            )]
            unsafe {
                std::arch::x86_64::_mm256_zeroupper();
            }
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn drop(&mut self) {}
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use burn::tensor::{DType, Device, Tensor};

    use super::super::add_gram;

    /// The seconds of a loop of plain code, the best of nine.
    fn fastest() -> f64 {
        let time = |_| {
            let start = Instant::now();
            std::hint::black_box((0..100_000).map(|i| (1.0 + (f64::from(i % 1000) / -250.0).exp()).ln()).sum::<f64>());
            start.elapsed().as_secs_f64()
        };
        (0..9).map(time).fold(f64::INFINITY, f64::min)
    }

    /// Without `vzeroupper` the loop takes 30 times as long, on processors where it matters. Threads of this test alone, whose registers no
    /// other test has used.
    #[test]
    fn plain_code_is_as_fast_after_a_product() {
        let host = || {
            let (a, mut out) = (vec![0.5; 24 * 512], vec![0.0; 24 * 24]);
            add_gram(&mut out, &a, &a, 512, false);
        };
        // These products are not ours, but they are all that a training step runs.
        let of_tensors = |dtype: DType| {
            for n in [8, 64, 300] {
                let a = Tensor::<2>::ones([n, n], &Device::default()).cast(dtype);
                std::hint::black_box(a.clone().matmul(a).into_data());
            }
        };
        let products: [(&str, &(dyn Fn() + Sync)); 3] =
            [("gram", &host), ("f32", &|| of_tensors(DType::F32)), ("f64", &|| of_tensors(DType::F64))];
        for (name, product) in products {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
            let before = pool.broadcast(|_| fastest());
            pool.install(product);
            let after = pool.broadcast(|_| fastest());
            for (before, after) in before.into_iter().zip(after) {
                assert!(after < 5.0 * before, "{name}: {before:e} s before a product, {after:e} s after it");
            }
        }
    }
}
