//! Lengths of time as people write them: `90s`, `10m`, `1h 30m`.
//!
//! In the file they are text with a unit; in the program, milliseconds.

use std::borrow::Cow;

use jiff::{Span, SpanRelativeTo, Unit};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// The name of the check in the schema.
pub(super) const FORMAT: &str = "lastword-duration";
/// What is expected, for messages here and in editors.
const EXPECTED: &str = "must be a length of time with its unit, such as 90s, 10m or 1h";
/// Longest accepted length: sums of deadlines stay far from the end of an `i64`.
const MS_MAX: f64 = 366.0 * 24.0 * 3_600_000.0;

/// Milliseconds, or `None` where `text` is no length of time, is not more than zero, or is longer than a year.
#[must_use]
pub fn parse_ms(text: &str) -> Option<i64> {
    let span: Span = text.trim().parse().ok()?;
    let ms = span.total((Unit::Millisecond, SpanRelativeTo::days_are_24_hours())).ok()?.round();
    (1.0..=MS_MAX).contains(&ms).then_some(ms as i64)
}

/// The shortest spelling with one unit, such as `90s`.
#[must_use]
pub fn spell(ms: i64) -> String {
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.into_iter().find(|(unit, _)| ms % unit == 0 && ms > 0) {
        Some((unit, name)) => format!("{}{name}", ms / unit),
        None => format!("{ms}ms"),
    }
}

/// Stands for a length of time in the schema.
pub(super) struct Text;

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": FORMAT, "errorMessage": EXPECTED })
    }
}

pub(super) fn serialize<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&spell(*ms))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_ms(&text).ok_or_else(|| D::Error::custom(EXPECTED))
}

/// The same where nothing may be written.
pub(super) mod maybe {
    use super::{Deserialize, Deserializer, EXPECTED, Error, parse_ms};

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        parse_ms(&text).map(Some).ok_or_else(|| D::Error::custom(EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_ms, spell};

    #[test]
    fn lengths_read_as_people_write_them() {
        for (text, ms) in [
            ("90s", 90_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("2 days", 172_800_000),
            ("1.5h", 5_400_000),
        ] {
            assert_eq!(parse_ms(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_has_no_unit_or_no_length_is_refused() {
        for text in ["", "10", "0s", "-5m", "soon", "1 month", "9999999h", "99999999999999999999s"] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }

    #[test]
    fn every_spelling_reads_back() {
        for ms in [1, 999, 1_000, 90_000, 600_000, 3_600_000, 5_400_000] {
            assert_eq!(parse_ms(&spell(ms)), Some(ms));
        }
    }
}
