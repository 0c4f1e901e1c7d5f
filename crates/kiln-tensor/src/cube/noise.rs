//! Normal numbers on the device: the transform of Box and Muller, a block of ChaCha8 by a thread.

use burn::{
    backend::fusion::get_client,
    tensor::{DType, Shape, Tensor, TensorCreationOptions},
};
use burn_cubecl::{
    CubeBackend,
    cubecl::{self, prelude::*},
    ops::numeric::empty_device_contiguous_dtype,
};

use super::{
    buffer::{Number, Place, adopted, tensor},
    chacha::{self, WORDS},
    layout::{UNITS, spread},
    plan::{self, Table},
};

/// Numbers of a thread: a word of 32 bits for each.
const NORMALS: usize = WORDS;

/// ln 2 in three parts. The first has few digits, so that its product with a small whole number is exact.
const LN_2: [f32; 3] = [0.693_145_75, 1.428_606_8e-6, 5.497_923e-14];
/// π/2²³ in three parts.
const ANGLE: [f32; 3] = [3.745_070_4e-7, -1.042_160_7e-14, -4.089_175_5e-22];

/// The sum of three parts; f32 has room for the first only.
#[cube]
fn sum_of<F: Float>(#[comptime] parts: [f32; 3]) -> F {
    F::new(comptime!(parts[0])) + (F::new(comptime!(parts[1])) + F::new(comptime!(parts[2])))
}

/// ln(k·2⁻³²), with k the word with at most 24 significant bits, and at least 1: see `random/normals.rs`.
#[cube]
fn log_uniform<F: Float>(word: u32) -> F {
    let k = if word < 16_777_216u32 { max(word, 1u32) } else { word & 0xffff_ff00u32 };
    let bits = u32::reinterpret(f32::cast_from(k));
    let e = (bits - 0x3f35_04f3u32) >> 23u32;
    let m = F::cast_from(f32::reinterpret(bits - (e << 23u32)));
    let s = (m - F::new(1.0)) / (m + F::new(1.0));
    let square = s * s;
    let bits_of_number = F::size_bits().comptime();
    let terms = comptime!(if bits_of_number == 64 { 11 } else { 5 });
    let mut sum = F::new(0.0);
    #[unroll]
    for step in 0..terms {
        let odd = comptime!((2 * (terms - step) - 1) as f32);
        sum = sum * square + F::new(2.0) / F::new(odd);
    }
    let e = F::cast_from(e) - F::new(32.0);
    let low = F::new(comptime!(LN_2[1])) + F::new(comptime!(LN_2[2]));
    e * F::new(comptime!(LN_2[0])) + (e * low + s * sum)
}

/// The series 1 − x²/(2·3)·(1 − x²/(4·5)·(…)) for `odd` = 1, of sin x / x, and that of cos x for 0.
#[cube]
fn circular<F: Float>(square: F, #[comptime] odd: usize) -> F {
    let bits_of_number = F::size_bits().comptime();
    let terms = comptime!(if bits_of_number == 64 { 9 } else { 5 });
    let mut sum = F::new(1.0);
    #[unroll]
    for step in 0..terms {
        let k = comptime!(2 * (terms - step) + odd);
        sum = F::new(1.0) - square * sum * (F::new(1.0) / F::new(comptime!((k * (k - 1)) as f32)));
    }
    sum
}

#[cube(launch_unchecked)]
fn normals<F: Float>(
    control: &[u32],
    table: &[u32],
    output: &mut [F],
    width: u32,
    key_0: u32,
    key_1: u32,
    key_2: u32,
    key_3: u32,
    first: u32,
    count: u32,
) {
    let thread = ABSOLUTE_POS;
    if thread * NORMALS < count as usize {
        let from = plan::row(control, width);
        let mut key = Array::<u32>::new(8usize);
        key[0] = key_0;
        key[1] = key_1;
        key[2] = key_2;
        key[3] = key_3;
        #[unroll]
        for k in 0..4usize {
            key[4 + k] = table[from + 1 + k];
        }
        let words = chacha::block(&key, first + thread as u32);
        #[unroll]
        for pair in 0..comptime!(NORMALS / 2) {
            let radius = (log_uniform::<F>(words[2 * pair]) * F::new(-2.0)).sqrt();
            let v = words[2 * pair + 1] >> 8u32;
            // The nearest quarter of the circle, and the rest, in [−π/4, π/4].
            let quarter = (v + 2_097_152u32) >> 22u32;
            let x = F::cast_from(i32::cast_from(v) - i32::cast_from(quarter << 22u32)) * sum_of::<F>(ANGLE);
            let (cos, sin) = (circular::<F>(x * x, 0usize), x * circular::<F>(x * x, 1usize));
            let even = quarter & 1u32 == 0u32;
            let a = if even { cos } else { sin };
            let b = if even { sin } else { cos };
            let a = if (quarter + 1u32) & 2u32 == 0u32 { a } else { -a };
            let b = if quarter & 2u32 == 0u32 { b } else { -b };
            let at = thread * NORMALS + 2 * pair;
            if at < count as usize {
                output[at] = radius * a;
            }
            if at + 1 < count as usize {
                output[at + 1] = radius * b;
            }
        }
    }
}

/// Normal numbers of the stream with this key, from this block on. None if it is not f32 or f64 on a GPU. The key may be that of the
/// current step.
pub(crate) fn normal<const D: usize>(
    key: &[u8; 32],
    of_step: bool,
    block: u128,
    shape: Shape,
    options: &TensorCreationOptions,
) -> Option<Tensor<D>> {
    let device = &options.device;
    let dtype = options.dtype.unwrap_or_else(|| device.settings().float_dtype.into());
    let place = Place::of(device, dtype)?;
    let count = u32::try_from(shape.num_elements()).ok()?;
    let first = u32::try_from(block).ok().filter(|first| first.checked_add(count).is_some())?;
    let numbers: Tensor<D> = match dtype {
        DType::F64 => made::<f64, D>(key, of_step, first, shape, place),
        _ => made::<f32, D>(key, of_step, first, shape, place),
    };
    Some(numbers.to_device(device))
}

fn made<F: Number, const D: usize>(key: &[u8; 32], of_step: bool, first: u32, shape: Shape, at: Place) -> Tensor<D> {
    let Place { like, client, device, dtype } = at;
    let count = shape.num_elements();
    let word = |k: usize| u32::from_le_bytes(key[4 * k..4 * k + 4].try_into().expect("four bytes"));
    let long = |k: usize| u64::from(word(k)) | u64::from(word(k + 1)) << 32;
    let (epoch, place) = (long(4), long(6));
    let planned = if of_step {
        plan::of_step(epoch, place)
    } else {
        plan::needs_the_host();
        None
    };
    let keys = [0, 1, 2, 3].map(word);
    #[allow(unsafe_code, reason = "the lengths are those of the buffers")]
    let output = get_client::<CubeBackend>(&device).run(|| {
        let output = empty_device_contiguous_dtype(client.clone(), device.clone(), shape, dtype);
        if count > 0 {
            let table = planned.unwrap_or_else(|| Table::once(&client, epoch, place, &[]));
            let [control, words] = table.args();
            unsafe {
                normals::launch_unchecked::<F>(
                    &client,
                    spread(count.div_ceil(NORMALS).div_ceil(UNITS)),
                    CubeDim::new_1d(UNITS as u32),
                    control,
                    words,
                    BufferArg::from_raw_parts(output.handle.clone(), count),
                    table.width as u32,
                    keys[0],
                    keys[1],
                    keys[2],
                    keys[3],
                    first,
                    count as u32,
                );
            }
        }
        output
    });
    tensor(adopted(like, output.expect("the device answers")))
}
