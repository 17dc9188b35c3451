//! Slack's timestamps: when something was said, and its name in its conversation.
//!
//! <https://docs.slack.dev/messaging/retrieving-messages>

use lastword_core::ids::Timestamp;

/// Seconds since 1970 with six digits behind a point, such as `1712345678.000200`; in order of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ts(i64);

impl Ts {
    /// `None` for what is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (seconds, micros) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.len() <= 12 && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(seconds) || !is_number(micros) || micros.len() > 6 {
            return None;
        }
        let micros: i64 = format!("{micros:0<6}").parse().ok()?;
        seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros).map(Self)
    }

    pub(super) fn of(at: Timestamp) -> Self {
        Self(at.0.saturating_mul(1_000))
    }

    pub(super) fn at(self) -> Timestamp {
        Timestamp(self.0 / 1_000)
    }

    pub(super) fn minus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms.saturating_mul(1_000)).max(0))
    }
}

impl std::fmt::Display for Ts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_back_and_is_in_order() {
        for text in ["1712345678.000200", "0.000000", "1.999999"] {
            assert_eq!(Ts::read(text).unwrap().to_string(), text);
        }
        assert!(Ts::read("1712345678.000200") > Ts::read("1712345678.000199"));
        assert_eq!(Ts::read("5.25").unwrap().at(), Timestamp(5_250));
        assert_eq!(Ts::of(Timestamp(5_250)).minus_ms(250).to_string(), "5.000000");
        for text in ["", ".", "a.b", "-1.0", "1.0000001", "99999999999999.0"] {
            assert_eq!(Ts::read(text), None, "{text}");
        }
    }
}
