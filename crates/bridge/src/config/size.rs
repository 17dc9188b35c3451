//! Sizes as people write them: `256 KiB`, `1MiB`, or a number of bytes.

use std::borrow::Cow;

use bytesize::ByteSize;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// The name of the check in the schema.
pub(super) const FORMAT: &str = "lastword-size";
/// What is expected, for messages here and in editors.
const EXPECTED: &str = "must be a size of at least one byte, such as 256 KiB, 1MiB or 4096";
/// The same where 0 is accepted.
pub(super) const FORMAT_OR_ZERO: &str = "lastword-size-or-zero";
const EXPECTED_OR_ZERO: &str = "must be a size, such as 16 MiB or 4096, or 0 for none";
/// Largest accepted size: whatever it limits is held in memory.
const BYTES_MAX: u64 = 4 << 30;

/// Bytes, or `None` where `text` is no size, is zero, or is more than 4 GiB.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    let size: ByteSize = text.trim().parse().ok()?;
    (1..=BYTES_MAX).contains(&size.as_u64()).then_some(size.as_u64())
}

/// The same, where nothing at all is a size too.
#[must_use]
pub fn parse_bytes_or_zero(text: &str) -> Option<u64> {
    if text.trim() == "0" { Some(0) } else { parse_bytes(text) }
}

/// The shortest spelling with one unit, such as `256 KiB`.
#[must_use]
pub fn spell(bytes: u64) -> String {
    let units = [(1 << 20, " MiB"), (1 << 10, " KiB")];
    match units.into_iter().find(|(unit, _)| bytes.is_multiple_of(*unit) && bytes > 0) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// Stands for a size in the schema.
pub(super) struct Text;

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"], "format": FORMAT, "minimum": 1, "maximum": BYTES_MAX,
            "errorMessage": EXPECTED,
        })
    }
}

/// Stands for a size that may be nothing.
pub(super) struct TextOrZero;

impl JsonSchema for TextOrZero {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SizeOrZero".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"], "format": FORMAT_OR_ZERO, "minimum": 0, "maximum": BYTES_MAX,
            "errorMessage": EXPECTED_OR_ZERO,
        })
    }
}

/// The same as a `with` of serde.
pub(super) mod or_zero {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        super::serialize(bytes, serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        read(deserializer, parse_bytes_or_zero, EXPECTED_OR_ZERO)
    }
}

pub(super) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&spell(*bytes))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    read(deserializer, parse_bytes, EXPECTED)
}

fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
    parse: impl Fn(&str) -> Option<u64>,
    expected: &str,
) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Bytes(u64),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Bytes(bytes) => Some(bytes),
        Written::Text(text) => parse(&text),
    }
    .ok_or_else(|| D::Error::custom(expected))
}

#[cfg(test)]
mod tests {
    use super::{parse_bytes, spell};

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in [("256 KiB", 262_144), ("1MiB", 1_048_576), ("4096", 4_096), ("10 kB", 10_000)] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "0", "big", "-1", "1e99 GiB", "9 EiB"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn every_spelling_reads_back() {
        for bytes in [1, 1_000, 1_024, 262_144, 1_048_576] {
            assert_eq!(parse_bytes(&spell(bytes)), Some(bytes));
        }
    }
}
