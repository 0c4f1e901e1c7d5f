//! A small mutation fuzzer that runs on stable Rust, and the targets of Kiln's libraries.
//!
//! `cargo-fuzz` needs a nightly compiler. `bolero` and `proptest` do not mutate a corpus on stable Rust: they only generate
//! random values. A parser needs inputs that are almost right, so this crate mutates the files in `corpus/` and keeps the inputs
//! that lead to an outcome not seen before.
//!
//! - [`random`]: the random numbers.
//! - [`mutate`]: bytes, text, JSON and safetensors files with a few changes.
//! - [`memory`]: an allocator that counts.
//! - [`session`]: one target for some seconds; failures become files.
//! - [`program`]: a run of the program `kiln` under limits of time and memory.

pub mod memory;
pub mod mutate;
pub mod program;
pub mod random;
pub mod session;

pub use random::Random;
pub use session::{Check, Session};
