//! Moments and lengths of time as operators read them.

use jiff::{Timestamp as Moment, tz::TimeZone};
use lastword_core::ids::Timestamp;

/// The time zone of whoever reads.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// This machine's.
    #[must_use]
    pub fn local() -> Self {
        Self(TimeZone::system())
    }

    /// Coordinated Universal Time.
    #[cfg(test)]
    pub(crate) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// With the zone: where a report says it once.
    pub(crate) fn full(&self, at: Timestamp) -> String {
        self.spell(at, "%Y-%m-%d %H:%M:%S %Z")
    }

    /// The time of the day alone, with milliseconds.
    pub(super) fn of_day(&self, at: Timestamp) -> String {
        self.spell(at, "%H:%M:%S%.3f")
    }

    fn spell(&self, at: Timestamp, format: &str) -> String {
        match Moment::from_millisecond(at.0) {
            Ok(moment) => moment.to_zoned(self.0.clone()).strftime(format).to_string(),
            Err(_) => format!("{} ms after 1970", at.0),
        }
    }
}

/// A length of time since the beginning of something: `+0 ms`, `+1.2 s`, `+5 min`, `+3.5 h`.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(super) fn offset(ms: i64) -> String {
    match ms {
        ..1_000 => format!("+{ms} ms"),
        1_000..120_000 => format!("+{:.1} s", ms as f64 / 1_000.0),
        120_000..7_200_000 => format!("+{:.1} min", ms as f64 / 60_000.0),
        7_200_000..172_800_000 => format!("+{:.1} h", ms as f64 / 3_600_000.0),
        _ => format!("+{:.1} d", ms as f64 / 86_400_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_the_unit_that_people_think_in() {
        let spelled: Vec<_> = [0, 999, 1_250, 119_000, 120_000, 9_000_000, 172_800_000].map(offset).into();
        assert_eq!(spelled, ["+0 ms", "+999 ms", "+1.2 s", "+119.0 s", "+2.0 min", "+2.5 h", "+2.0 d"]);
    }

    #[test]
    fn a_moment_that_no_calendar_has_is_no_panic() {
        assert_eq!(Zone::utc().full(Timestamp(i64::MAX)), "9223372036854775807 ms after 1970");
    }
}
