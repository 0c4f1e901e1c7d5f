//! Names of the files in a run folder.

pub(crate) const CONFIG: &str = "config.toml";
pub(crate) const RUN: &str = "run.json";
pub(crate) const RESULT: &str = "result.json";
pub(crate) const METRICS: &str = "metrics.jsonl";
pub(crate) const MODEL: &str = "model.safetensors";
pub(crate) const ENCODER: &str = "encoder.json";
pub(crate) const CERTIFICATE: &str = "certificate.json";
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(crate) const REPORT: &str = "report.html";
/// How the names of the files for TensorBoard begin.
pub(super) const EVENTS: &str = "events.out.tfevents.";
