//! How long something is kept, or waited for: a length of time, or `forever`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

use super::duration;

/// The name of the check in the schema.
pub(super) const FORMAT: &str = "lastword-kept";
/// What is expected, for messages here and in editors.
const EXPECTED: &str = "must be a length of time with its unit, such as 12h or 90d, or forever";
/// The word for no end.
const FOREVER: &str = "forever";

/// Milliseconds, or `Some(None)` for ever; `None` where `text` is neither.
#[must_use]
pub(super) fn parse(text: &str) -> Option<Option<i64>> {
    if text.trim() == FOREVER { Some(None) } else { duration::parse_ms(text).map(Some) }
}

/// The shortest spelling with one unit.
#[must_use]
pub(super) fn spell(kept_ms: Option<i64>) -> String {
    const DAY_MS: i64 = 86_400_000;
    match kept_ms {
        None => FOREVER.into(),
        Some(ms) if ms % DAY_MS == 0 => format!("{}d", ms / DAY_MS),
        Some(ms) => duration::spell(ms),
    }
}

/// Stands for it in the schema.
pub(super) struct Text;

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Kept".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": FORMAT, "errorMessage": EXPECTED })
    }
}

#[expect(clippy::ref_option, reason = "as serde calls it")]
pub(super) fn serialize<S: Serializer>(kept_ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&spell(*kept_ms))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| D::Error::custom(EXPECTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_or_for_ever() {
        assert_eq!(parse("forever"), Some(None));
        assert_eq!(parse("90d"), Some(Some(90 * 86_400_000)));
        assert_eq!(parse("12h"), Some(Some(12 * 3_600_000)));
        for text in ["", "never", "0d", "90"] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["forever", "90d", "12h", "1500ms"] {
            assert_eq!(spell(parse(text).unwrap()), text);
        }
    }
}
