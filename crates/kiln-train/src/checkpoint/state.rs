//! The file `state.json` of a checkpoint.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Position;

/// The format that this version writes. It grows whenever an older Kiln could not read what a newer one writes.
pub(super) const FORMAT: u64 = 4;

/// The content of `state.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) method: String,
    pub(super) position: Position,
    pub(super) model_sha256: String,
    pub(super) optimizer_sha256: String,
}

/// Format 2: one flat object, without a checksum.
#[derive(Deserialize)]
struct State2 {
    method: String,
    #[serde(flatten)]
    position: Position,
    model_sha256: String,
    optimizer_sha256: String,
}

/// Why `state.json` cannot be used.
#[derive(Debug)]
pub(super) enum StateError {
    /// The file is damaged.
    Damaged(String),
    /// The file has a format that this version does not read.
    Format(u64),
}

impl State {
    /// Returns the file's bytes: the format, the SHA-256 of the state, and the state.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let state = serde_json::to_value(self)?;
        let file = serde_json::json!({ "format": FORMAT, "sha256": checksum(&state), "state": state });
        serde_json::to_vec_pretty(&file)
    }

    /// Reads this format, and formats 3 and 2 of Kiln 0.2 and 0.1, whose runs make their noise in another way.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let damaged = |e: serde_json::Error| StateError::Damaged(e.to_string());
        let mut file: Value = serde_json::from_slice(bytes).map_err(damaged)?;
        if has_absurd_count(&file) {
            return Err(StateError::Damaged("it has a count that no run reaches".to_owned()));
        }
        match file["format"].as_u64() {
            Some(3 | FORMAT) => {
                let state = file["state"].take();
                if file["sha256"].as_str() != Some(&checksum(&state)) {
                    return Err(StateError::Damaged("its content does not match its SHA-256".to_owned()));
                }
                serde_json::from_value(state).map_err(damaged)
            }
            Some(2) => {
                let State2 { method, position, model_sha256, optimizer_sha256 } =
                    serde_json::from_value(file).map_err(damaged)?;
                Ok(Self { method, position, model_sha256, optimizer_sha256 })
            }
            Some(other) => Err(StateError::Format(other)),
            None => Err(StateError::Damaged("it has no format number".to_owned())),
        }
    }
}

/// Whether there is an integer so large that counting on would overflow.
fn has_absurd_count(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_some_and(|count| i64::try_from(count).is_err()),
        Value::Array(items) => items.iter().any(has_absurd_count),
        Value::Object(fields) => fields.values().any(has_absurd_count),
        _ => false,
    }
}

/// The SHA-256 of the compact JSON with sorted keys. Numbers and order survive reading, so it does not depend on white space.
fn checksum(state: &Value) -> String {
    sha256(state.to_string().as_bytes())
}

/// Returns the SHA-256 in lower-case hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Metrics, TrainStatus};

    fn state() -> State {
        let terms = [("elbo".to_owned(), f64::NEG_INFINITY), ("kl".to_owned(), 0.1)];
        let mut position = Position::start();
        position.running.add(3, 1.5, [("elbo", f64::NEG_INFINITY)].into_iter());
        position.train = Some(Metrics { loss: 1.0 / 3.0, terms: terms.into() });
        position.score = Some(0.1);
        position.ended = Some(TrainStatus::Converged);
        State { method: "sgd".into(), position, model_sha256: "m".into(), optimizer_sha256: "o".into() }
    }

    #[test]
    fn a_state_survives_its_file() {
        let read = State::from_bytes(&state().to_bytes().unwrap()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", state()));
    }

    #[test]
    fn every_changed_digit_is_noticed() {
        let bytes = state().to_bytes().unwrap();
        let digits = (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit());
        let mut tried = 0;
        for at in digits {
            let mut damaged = bytes.clone();
            damaged[at] = if damaged[at] == b'9' { b'8' } else { damaged[at] + 1 };
            assert!(State::from_bytes(&damaged).is_err(), "byte {at}: {}", String::from_utf8_lossy(&damaged));
            tried += 1;
        }
        assert!(tried > 60);
    }

    /// Found by fuzzing: counting on overflowed.
    #[test]
    fn a_count_that_no_run_reaches_is_refused() {
        let mut far = state();
        far.position.batch = u64::MAX;
        let read = State::from_bytes(&far.to_bytes().unwrap());
        assert!(matches!(&read, Err(StateError::Damaged(reason)) if reason.contains("count")), "{read:?}");
    }

    #[test]
    fn format_2_is_read() {
        let text = r#"{ "format": 2, "method": "adam", "step": 12, "epoch": 1, "batch": 2, "row": 16, "wall_s": 0.5,
            "gradients": 12, "skipped_in_a_row": 0, "plateau": null, "score": 0.25,
            "running": { "examples": 16.0, "loss": 8.0, "terms": [["nll", 8.0], ["elbo", null]] },
            "model_sha256": "m", "optimizer_sha256": "o" }"#;
        let State { method, position, .. } = State::from_bytes(text.as_bytes()).unwrap();
        assert_eq!((method.as_str(), position.step, position.row, position.score), ("adam", 12, 16, Some(0.25)));
        assert_eq!((position.train, position.ended), (None, None));
        assert!(matches!(State::from_bytes(br#"{"format": 5}"#), Err(StateError::Format(5))));
        assert!(matches!(State::from_bytes(b"{}"), Err(StateError::Damaged(_))));
    }
}
