//! Rate limits: how much an app asked lately, and how long it must wait when that was too much.

use std::collections::{BTreeMap, VecDeque};

/// What was asked lately, by what is counted.
#[derive(Clone, Debug, Default)]
pub struct Limiter(BTreeMap<String, VecDeque<u64>>);

impl Limiter {
    /// Counts one request under `what`: at most `most` within the window.
    ///
    /// # Errors
    /// The seconds to wait. What is refused is not counted.
    pub fn count(&mut self, what: String, most: u32, window_ms: u64, now_ms: u64) -> Result<(), u64> {
        let times = self.0.entry(what).or_default();
        times.retain(|at_ms| at_ms + window_ms > now_ms);
        let over = (times.len() + 1).saturating_sub(most.max(1) as usize);
        if let Some(leaves) = over.checked_sub(1).and_then(|over| times.get(over)) {
            return Err((leaves + window_ms - now_ms).div_ceil(1_000).max(1));
        }
        times.push_back(now_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_waits_for_the_window_and_is_not_counted() {
        let mut limiter = Limiter::default();
        let mut ask = |at_ms| limiter.count("post".into(), 2, 10_000, at_ms);
        assert_eq!([ask(0), ask(3_000)], [Ok(()); 2]);
        assert_eq!([ask(3_500), ask(9_000)], [Err(7), Err(1)]);
        assert_eq!([ask(10_000), ask(12_999)], [Ok(()), Err(1)]);
        assert_eq!(ask(13_000), Ok(()));
    }
}
