//! The program `kiln` with damaged files and senseless flags. Whatever it reads, it must end with exit code 0, 2, 3 or 4: never
//! with 1 (an internal error), 101 (a panic), 134 (an abort) or by a signal, and `eval`, `predict` and `verify` within 20 seconds
//! and 1 GiB.
//!
//! `KILN_BIN` names the program; `KILN_FUZZ_SECONDS` and `KILN_FUZZ_SEED` are as for the libraries. With `KILN_FUZZ_STRICT=1`,
//! `train` and `resume` that reach a limit are failures too; a flag may well ask for a long run.
#![cfg(unix)]

mod flags;
mod inputs;
mod runs;
mod words;
mod workshop;
