//! Rows of bytes on the device, as numbers or as draws.

use burn::{
    backend::fusion::get_client,
    tensor::{DType, Device, Tensor},
};
use burn_cubecl::{
    CubeBackend,
    cubecl::{self, prelude::*, server::Handle},
    ops::numeric::empty_device_contiguous_dtype,
    tensor::CubeTensor,
};

use super::{
    buffer::{Number, adopted, computed, lazy, takes, tensor},
    chacha::{self, WORDS},
    layout::{UNITS, spread},
};
use crate::Stream;

/// Numbers of a block of ChaCha: a word of 64 bits for each.
const DRAWS: usize = WORDS / 2;

#[cube(launch_unchecked)]
fn values_of<F: Float>(bytes: &[u32], rows: &[u32], values: &[F], output: &mut [F], width: u32, count: u32) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        let width = width as usize;
        let from = rows[at / width] as usize * width + at % width;
        let byte = (bytes[from / 4] >> (8 * (from % 4) as u32)) & 255;
        output[at] = values[byte as usize];
    }
}

/// `below` has, for each byte, the whole number of 53 bits below which a draw is a 1, as its high and its low 32 bits.
#[cube(launch_unchecked)]
fn draws_of<F: Float>(
    bytes: &[u32],
    rows: &[u32],
    below: &[u32],
    key: &[u32],
    output: &mut [F],
    width: u32,
    count: u32,
) {
    let width = width as usize;
    let blocks = width.div_ceil(DRAWS);
    let place = ABSOLUTE_POS / blocks;
    let block = ABSOLUTE_POS % blocks;
    if place * width < count as usize {
        let row = rows[place];
        let mut stream = Array::<u32>::new(8usize);
        #[unroll]
        for k in 0..6usize {
            stream[k] = key[k];
        }
        stream[6] = row;
        stream[7] = 0u32;
        let words = chacha::block(&stream, block as u32);
        #[unroll]
        for k in 0..DRAWS {
            let column = block * DRAWS + k;
            if column < width {
                let from = row as usize * width + column;
                let byte = ((bytes[from / 4] >> (8 * (from % 4) as u32)) & 255) as usize;
                // The highest 53 of 64 bits, as `rand` makes a number in [0, 1) of them.
                let high = words[2 * k + 1] >> 11;
                let low = (words[2 * k + 1] << 21) | (words[2 * k] >> 11);
                let limit = below[2 * byte];
                let is_one = high < limit || (high == limit && low < below[2 * byte + 1]);
                output[place * width + column] = F::cast_from(is_one);
            }
        }
    }
}

/// Rows of bytes that stay on a GPU.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_tensor::byte_rows::ByteRows;
///
/// let images = [0, 51, 255, 102];
/// // None without a GPU.
/// if let Some(rows) = ByteRows::new(&images, 2, &Device::default()) {
///     let grey = rows.with_values(&std::array::from_fn(|byte| byte as f64 / 255.0));
///     assert_eq!(grey.rows(&[1, 1, 0]).dims(), [3, 2]);
/// }
/// ```
pub struct ByteRows {
    like: Tensor<1>,
    buffer: CubeTensor,
    bytes: Handle,
    len: usize,
    width: usize,
}

impl ByteRows {
    /// Copies rows of `width` bytes to `device`, or returns none if it is not a GPU's, or the bytes are too many for one buffer.
    pub fn new(bytes: &[u8], width: usize, device: &Device) -> Option<Self> {
        let device = device.clone().without_autodiff();
        let like = Tensor::<1>::zeros([1], &device);
        if width == 0 || !takes(&like) || bytes.len() > u32::MAX as usize {
            return None;
        }
        let buffer = computed(lazy(like.clone())?);
        let most = buffer.client.properties().memory.max_page_size;
        if bytes.len() as u64 > most / 2 {
            return None;
        }
        let (client, mut padded) = (buffer.client.clone(), bytes.to_vec());
        padded.resize(bytes.len().next_multiple_of(4), 0);
        let handle = get_client::<CubeBackend>(&buffer.device).sync(move || client.create_from_slice(&padded));
        Some(Self { like, buffer, bytes: handle, len: bytes.len(), width })
    }

    /// Says which number each byte stands for.
    pub fn with_values(self, values: &[f64; 256]) -> ValueRows {
        let table = match self.buffer.dtype {
            DType::F64 => self.uploaded(bytemuck::cast_slice(values)),
            _ => self.uploaded(bytemuck::cast_slice(&values.map(|value| value as f32))),
        };
        ValueRows { rows: self, table }
    }

    /// Says with which chance each byte is drawn as 1: byte b is a 1 if the highest 53 bits of a random word are below `below[b]`, as a
    /// whole number, and a 0 otherwise.
    pub fn with_draws(self, below: &[u64; 256]) -> DrawRows {
        let below: Vec<u32> = below.iter().flat_map(|limit| [(limit >> 32) as u32, *limit as u32]).collect();
        let table = self.uploaded(bytemuck::cast_slice(&below));
        DrawRows { rows: self, table }
    }

    fn uploaded(&self, table: &[u8]) -> Handle {
        let client = &self.buffer.client;
        let uploaded = get_client::<CubeBackend>(&self.buffer.device).run(|| client.create_from_slice(table));
        uploaded.expect("the device answers")
    }

    /// A tensor that `launch` fills on the device, from the buffer of the indices of `rows`.
    fn make(&self, rows: &[usize], launch: impl FnOnce(Handle, &CubeTensor) + Send) -> Tensor<2> {
        let there = self.len / self.width;
        assert!(rows.iter().all(|row| *row < there), "a row below {there}");
        let indices: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        let (client, device) = (&self.buffer.client, &self.buffer.device);
        let shape = [rows.len(), self.width];
        let output = get_client::<CubeBackend>(device).run(|| {
            let output = empty_device_contiguous_dtype(client.clone(), device.clone(), shape.into(), self.buffer.dtype);
            if !rows.is_empty() {
                launch(client.create_from_slice(bytemuck::cast_slice(&indices)), &output);
            }
            output
        });
        tensor(adopted(self.like.clone(), output.expect("the device answers")))
    }
}

/// Rows whose bytes stand for numbers. [`ByteRows::with_values`] returns it.
pub struct ValueRows {
    rows: ByteRows,
    table: Handle,
}

impl ValueRows {
    /// Returns the given rows, each byte replaced by its number.
    ///
    /// # Panics
    /// If a row is not there.
    pub fn rows(&self, rows: &[usize]) -> Tensor<2> {
        match self.rows.buffer.dtype {
            DType::F64 => self.make::<f64>(rows),
            _ => self.make::<f32>(rows),
        }
    }

    fn make<F: Number>(&self, rows: &[usize]) -> Tensor<2> {
        let ByteRows { buffer, bytes, len, width, .. } = &self.rows;
        #[allow(unsafe_code, reason = "the lengths are those of the buffers")]
        self.rows.make(rows, |indices, output| unsafe {
            let count = output.meta.num_elements();
            values_of::launch_unchecked::<F>(
                &buffer.client,
                cubes(count),
                CubeDim::new_1d(UNITS as u32),
                BufferArg::from_raw_parts(bytes.clone(), len.div_ceil(4)),
                BufferArg::from_raw_parts(indices, rows.len()),
                BufferArg::from_raw_parts(self.table.clone(), 256),
                BufferArg::from_raw_parts(output.handle.clone(), count),
                *width as u32,
                count as u32,
            );
        })
    }
}

/// Rows whose bytes stand for chances. [`ByteRows::with_draws`] returns it.
pub struct DrawRows {
    rows: ByteRows,
    table: Handle,
}

impl DrawRows {
    /// Returns the given rows, each byte replaced by a draw of 0 or 1. The random words of row r are those of
    /// `Stream::new(seed, purpose, epoch, r)`.
    ///
    /// # Panics
    /// If a row is not there.
    pub fn rows(&self, rows: &[usize], seed: u64, purpose: &str, epoch: u64) -> Tensor<2> {
        let key = Stream::key(seed, purpose, epoch, 0);
        match self.rows.buffer.dtype {
            DType::F64 => self.make::<f64>(rows, key),
            _ => self.make::<f32>(rows, key),
        }
    }

    fn make<F: Number>(&self, rows: &[usize], key: [u8; 32]) -> Tensor<2> {
        let ByteRows { buffer, bytes, len, width, .. } = &self.rows;
        let client = &buffer.client;
        #[allow(unsafe_code, reason = "the lengths are those of the buffers")]
        self.rows.make(rows, |indices, output| unsafe {
            // The last of the four numbers of a key is the row.
            let key = client.create_from_slice(&key[..24]);
            let count = output.meta.num_elements();
            draws_of::launch_unchecked::<F>(
                client,
                cubes(rows.len() * width.div_ceil(DRAWS)),
                CubeDim::new_1d(UNITS as u32),
                BufferArg::from_raw_parts(bytes.clone(), len.div_ceil(4)),
                BufferArg::from_raw_parts(indices, rows.len()),
                BufferArg::from_raw_parts(self.table.clone(), 512),
                BufferArg::from_raw_parts(key, 6),
                BufferArg::from_raw_parts(output.handle.clone(), count),
                *width as u32,
                count as u32,
            );
        })
    }
}

/// Enough cubes for `threads`.
fn cubes(threads: usize) -> CubeCount {
    spread(threads.div_ceil(UNITS))
}
