//! What a run prints at its end.

use std::{collections::BTreeMap, fmt, time::Duration};

/// What happened in a run.
#[derive(Debug, Default)]
pub struct Report {
    pub rounds: Vec<Round>,
    /// What the whole book says, as of the last round.
    pub verdict: String,
    /// How often each fault was done.
    pub done: BTreeMap<String, usize>,
    /// How often the supervisor was started again.
    pub starts: usize,
}

/// What one round came to.
#[derive(Debug)]
pub struct Round {
    pub seed: u64,
    pub said: usize,
    /// From the last fault until all was quiet.
    pub quiet: Duration,
    /// From the last fault to each last word that came after it, in milliseconds.
    pub late_ms: Vec<u64>,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {} said, last words after the last fault: {}; quiet after {:.1} s",
            self.seed,
            self.said,
            spread(self.late_ms.clone()),
            self.quiet.as_secs_f64()
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let late_ms = self.rounds.iter().flat_map(|round| &round.late_ms).copied().collect();
        writeln!(f, "{} rounds, last words after the last fault: {}", self.rounds.len(), spread(late_ms))?;
        let kills: usize = self.done.iter().filter(|(what, _)| what.starts_with("killed")).map(|(_, n)| n).sum();
        writeln!(f, "{kills} kills, {} starts of the supervisor", self.starts)?;
        for (what, times) in &self.done {
            writeln!(f, "  {times:>6} × {what}")?;
        }
        write!(f, "{}", self.verdict)
    }
}

/// How many, and how long they took.
fn spread(mut ms: Vec<u64>) -> String {
    ms.sort_unstable();
    let seconds = |ms: Option<&u64>| ms.map_or(0.0, |ms| *ms as f64 / 1_000.0);
    format!("{}, p50 {:.1} s, max {:.1} s", ms.len(), seconds(ms.get(ms.len() / 2)), seconds(ms.last()))
}
