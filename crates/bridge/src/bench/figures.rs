//! Rates and percentiles, as the benches print them.

use std::time::Duration;

/// Things per second.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(super) fn per_second(things: usize, took: Duration) -> f64 {
    things as f64 / took.as_secs_f64()
}

/// The value below which `percent` of them lie; zero of nothing.
pub(super) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default()
}

/// A row with percentiles and what the design aims at.
pub(super) fn aimed_row(name: &str, times: &mut [Duration], aim: &str) {
    let max = times.iter().copied().max().unwrap_or_default();
    let (p50, p99) = (percentile(times, 50), percentile(times, 99));
    println!("{name:<44} {:>11} {:>11} {:>11}   {aim}", ms(p50), ms(p99), ms(max));
}

/// Milliseconds with two digits.
pub(super) fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}
