//! Generalised linear models beside reference numbers of 54 digits, rounded to f64 (tests/reference/gen/glm).

mod families;
mod fits;
mod linear;
mod many_rows;
mod others;
mod penalised;
mod ranks;
mod storage;
mod tests;
