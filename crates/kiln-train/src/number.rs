//! Numbers in JSON that may be infinite or NaN, which JSON itself cannot hold.
//!
//! A finite number is written as a JSON number. The others are written as the strings `"NaN"`, `"inf"` and `"-inf"`.
//! Use it with `#[serde(with = "crate::number")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() { serializer.serialize_f64(*value) } else { serializer.serialize_str(&value.to_string()) }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
        /// Earlier versions of Kiln wrote every number that is not finite as `null`.
        Null(()),
    }
    match Written::deserialize(deserializer)? {
        Written::Number(value) => Ok(value),
        Written::Text(text) => text.parse().map_err(D::Error::custom),
        Written::Null(()) => Ok(f64::NAN),
    }
}

/// A number that may be infinite or NaN, for use inside a collection.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Number(#[serde(with = "self")] pub(crate) f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_json() {
        for value in [0.0, -0.0, 0.1, 1e300, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY] {
            let text = serde_json::to_string(&Number(value)).unwrap();
            let Number(read) = serde_json::from_str(&text).unwrap();
            assert_eq!(read.to_bits(), value.to_bits(), "{text}");
        }
        for text in ["\"NaN\"", "null"] {
            let Number(read) = serde_json::from_str(text).unwrap();
            assert!(read.is_nan());
        }
        assert!(serde_json::from_str::<Number>("\"many\"").is_err());
    }
}
