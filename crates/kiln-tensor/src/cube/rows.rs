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
    plan::{self, HEAD, Table},
};
use crate::Stream;

/// Numbers of a block of ChaCha: a word of 64 bits for each.
const DRAWS: usize = WORDS / 2;

#[cube(launch_unchecked)]
fn values_of<F: Float>(
    bytes: &[u32],
    control: &[u32],
    table: &[u32],
    values: &[F],
    output: &mut [F],
    table_width: u32,
    width: u32,
    count: u32,
) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        let width = width as usize;
        let row = table[plan::row(control, table_width) + HEAD + at / width];
        let from = row as usize * width + at % width;
        let byte = (bytes[from / 4] >> (8 * (from % 4) as u32)) & 255;
        output[at] = values[byte as usize];
    }
}

/// `below` has, for each byte, the whole number of 53 bits below which a draw is a 1, as its high and its low 32 bits.
#[cube(launch_unchecked)]
fn draws_of<F: Float>(
    bytes: &[u32],
    control: &[u32],
    table: &[u32],
    below: &[u32],
    key: &[u32],
    output: &mut [F],
    table_width: u32,
    width: u32,
    count: u32,
    #[comptime] of_epoch: bool,
) {
    let width = width as usize;
    let blocks = width.div_ceil(DRAWS);
    let place = ABSOLUTE_POS / blocks;
    let block = ABSOLUTE_POS % blocks;
    if place * width < count as usize {
        let planned = plan::row(control, table_width);
        let row = table[planned + HEAD + place];
        let mut stream = Array::<u32>::new(8usize);
        #[unroll]
        for k in 0..4usize {
            stream[k] = key[k];
        }
        #[unroll]
        for k in 0..2usize {
            if comptime!(of_epoch) {
                stream[4 + k] = table[planned + 1 + k];
            } else {
                stream[4 + k] = key[4 + k];
            }
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
    /// whole number, and a 0 otherwise. The random words of row r in an epoch are those of `Stream::new(seed, purpose, epoch, r)`. With a
    /// `fixed` epoch they are always those of that one.
    pub fn with_draws(self, below: &[u64; 256], seed: u64, purpose: &str, fixed: Option<u64>) -> DrawRows {
        let below: Vec<u32> = below.iter().flat_map(|limit| [(limit >> 32) as u32, *limit as u32]).collect();
        let below = self.uploaded(bytemuck::cast_slice(&below));
        // The last of the four numbers of a key is the row.
        let key = self.uploaded(&Stream::key(seed, purpose, fixed.unwrap_or(0), 0)[..24]);
        DrawRows { rows: self, below, key, of_epoch: fixed.is_none() }
    }

    fn uploaded(&self, table: &[u8]) -> Handle {
        let client = &self.buffer.client;
        let uploaded = get_client::<CubeBackend>(&self.buffer.device).run(|| client.create_from_slice(table));
        uploaded.expect("the device answers")
    }

    /// A tensor that `launch` fills on the device, with the table that has the indices of `rows` and the epoch, if that matters.
    fn make(&self, rows: &[usize], epoch: Option<u64>, launch: impl FnOnce(Table, &CubeTensor) + Send) -> Tensor<2> {
        let there = self.len / self.width;
        assert!(rows.iter().all(|row| *row < there), "a row below {there}");
        let (client, device) = (&self.buffer.client, &self.buffer.device);
        let shape = [rows.len(), self.width];
        let planned = plan::of_rows(rows, epoch);
        let output = get_client::<CubeBackend>(device).run(|| {
            let output = empty_device_contiguous_dtype(client.clone(), device.clone(), shape.into(), self.buffer.dtype);
            if !rows.is_empty() {
                launch(planned.unwrap_or_else(|| Table::once(client, epoch.unwrap_or(0), 0, rows)), &output);
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
        self.rows.make(rows, None, |table, output| unsafe {
            let count = output.meta.num_elements();
            let [control, planned] = table.args();
            values_of::launch_unchecked::<F>(
                &buffer.client,
                cubes(count),
                CubeDim::new_1d(UNITS as u32),
                BufferArg::from_raw_parts(bytes.clone(), len.div_ceil(4)),
                control,
                planned,
                BufferArg::from_raw_parts(self.table.clone(), 256),
                BufferArg::from_raw_parts(output.handle.clone(), count),
                table.width as u32,
                *width as u32,
                count as u32,
            );
        })
    }
}

/// Rows whose bytes stand for chances. [`ByteRows::with_draws`] returns it.
pub struct DrawRows {
    rows: ByteRows,
    below: Handle,
    key: Handle,
    of_epoch: bool,
}

impl DrawRows {
    /// Returns the given rows in an epoch, each byte replaced by a draw of 0 or 1.
    ///
    /// # Panics
    /// If a row is not there.
    pub fn rows(&self, rows: &[usize], epoch: u64) -> Tensor<2> {
        match self.rows.buffer.dtype {
            DType::F64 => self.make::<f64>(rows, epoch),
            _ => self.make::<f32>(rows, epoch),
        }
    }

    fn make<F: Number>(&self, rows: &[usize], epoch: u64) -> Tensor<2> {
        let ByteRows { buffer, bytes, len, width, .. } = &self.rows;
        #[allow(unsafe_code, reason = "the lengths are those of the buffers")]
        self.rows.make(rows, self.of_epoch.then_some(epoch), |table, output| unsafe {
            let count = output.meta.num_elements();
            let [control, planned] = table.args();
            draws_of::launch_unchecked::<F>(
                &buffer.client,
                cubes(rows.len() * width.div_ceil(DRAWS)),
                CubeDim::new_1d(UNITS as u32),
                BufferArg::from_raw_parts(bytes.clone(), len.div_ceil(4)),
                control,
                planned,
                BufferArg::from_raw_parts(self.below.clone(), 512),
                BufferArg::from_raw_parts(self.key.clone(), 6),
                BufferArg::from_raw_parts(output.handle.clone(), count),
                table.width as u32,
                *width as u32,
                count as u32,
                self.of_epoch,
            );
        })
    }
}

/// Enough cubes for `threads`.
fn cubes(threads: usize) -> CubeCount {
    spread(threads.div_ceil(UNITS))
}
