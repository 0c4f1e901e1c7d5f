//! Burn's Adam and AdamW, as they are.
//!
//! Burn's default ε is 1e-5, where the papers and PyTorch have 1e-8: ask for `with_epsilon(1e-8)` to get those.

pub use burn::optim::{Adam, AdamConfig, AdamW, AdamWConfig};
