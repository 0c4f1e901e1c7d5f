//! ChaCha8 on the device: the words of [`Stream`](crate::Stream), each block by a thread of its own.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

/// Words of a block.
pub(super) const WORDS: usize = 16;

#[cube]
fn rotated(x: u32, #[comptime] by: u32) -> u32 {
    (x << by) | (x >> comptime!(32 - by))
}

#[cube]
fn quarter(x: &mut Array<u32>, #[comptime] a: usize, #[comptime] b: usize, #[comptime] c: usize, #[comptime] d: usize) {
    x[a] += x[b];
    x[d] = rotated(x[d] ^ x[a], 16u32);
    x[c] += x[d];
    x[b] = rotated(x[b] ^ x[c], 12u32);
    x[a] += x[b];
    x[d] = rotated(x[d] ^ x[a], 8u32);
    x[c] += x[d];
    x[b] = rotated(x[b] ^ x[c], 7u32);
}

/// Block `block` of the stream with this key of eight words.
#[cube]
pub(super) fn block(key: &Array<u32>, block: u32) -> Array<u32> {
    let mut start = Array::<u32>::new(WORDS);
    // "expand 32-byte k".
    start[0] = 0x6170_7865u32;
    start[1] = 0x3320_646eu32;
    start[2] = 0x7962_2d32u32;
    start[3] = 0x6b20_6574u32;
    #[unroll]
    for k in 0..8usize {
        start[4 + k] = key[k];
    }
    start[12] = block;
    start[13] = 0u32;
    start[14] = 0u32;
    start[15] = 0u32;
    let mut x = Array::<u32>::new(WORDS);
    #[unroll]
    for k in 0..WORDS {
        x[k] = start[k];
    }
    #[unroll]
    for _ in 0..4usize {
        quarter(&mut x, 0usize, 4usize, 8usize, 12usize);
        quarter(&mut x, 1usize, 5usize, 9usize, 13usize);
        quarter(&mut x, 2usize, 6usize, 10usize, 14usize);
        quarter(&mut x, 3usize, 7usize, 11usize, 15usize);
        quarter(&mut x, 0usize, 5usize, 10usize, 15usize);
        quarter(&mut x, 1usize, 6usize, 11usize, 12usize);
        quarter(&mut x, 2usize, 7usize, 8usize, 13usize);
        quarter(&mut x, 3usize, 4usize, 9usize, 14usize);
    }
    #[unroll]
    for k in 0..WORDS {
        x[k] += start[k];
    }
    x
}
