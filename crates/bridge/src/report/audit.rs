//! Whether the promise was kept, as far as the store can tell.

use std::fmt::Write as _;

use lastword_core::store::Audit;
use serde_json::{Value, json};

use super::line;

/// The most broken rules that a text lists.
const VIOLATIONS_MAX: usize = 50;

/// The conservation law with its terms, then every rule that is broken.
#[must_use]
pub fn audit_text(audit: &Audit) -> String {
    let counts = &audit.counts;
    let sign = if counts.conserve() { "=" } else { "≠" };
    let mut text = format!(
        "accepted {} {sign} replied {} + errored {} + stopped {} + merged {} + queued {} + running {}",
        counts.accepted, counts.replied, counts.errored, counts.stopped, counts.merged, counts.queued, counts.running
    );
    let dropped = counts.dropped.values().fold(0_u64, |sum, n| sum.saturating_add(*n));
    // Writing to a String can't fail.
    let _ = write!(
        text,
        "\ndeliveries: {} on their way, {} given up; updates that made no turn: {dropped}",
        counts.deliveries_open, counts.deliveries_dead
    );
    let examined = audit.examined;
    if audit.violations.is_empty() {
        let _ = write!(text, "\n{examined} turns examined: nothing is lost, nothing is doubled.");
        return text;
    }
    let _ = write!(text, "\n{examined} turns examined; broken rules: {}", audit.violations.len());
    for violation in audit.violations.iter().take(VIOLATIONS_MAX) {
        let _ = write!(text, "\n- {}: {}", line(&violation.subject), violation.rule);
    }
    if let Some(more) = audit.violations.len().checked_sub(VIOLATIONS_MAX).filter(|more| *more > 0) {
        let _ = write!(text, "\n… and {more} more");
    }
    text
}

/// The same for programs.
#[must_use]
pub fn audit_json(audit: &Audit) -> Value {
    let counts = &audit.counts;
    let violations: Vec<_> =
        audit.violations.iter().map(|broken| json!({ "rule": broken.rule, "subject": broken.subject })).collect();
    json!({
        "is_clean": audit.violations.is_empty(),
        "examined": audit.examined,
        "turns": {
            "accepted": counts.accepted,
            "replied": counts.replied,
            "errored": counts.errored,
            "stopped": counts.stopped,
            "merged": counts.merged,
            "queued": counts.queued,
            "running": counts.running,
        },
        "deliveries": { "open": counts.deliveries_open, "dead": counts.deliveries_dead },
        "dropped": counts.dropped,
        "violations": violations,
    })
}

#[cfg(test)]
mod tests {
    use lastword_core::store::{Counts, Violation};

    use super::*;

    fn audit() -> Audit {
        let counts = Counts { accepted: 5, replied: 3, errored: 1, queued: 1, ..Counts::default() };
        Audit { counts, examined: 5, violations: Vec::new() }
    }

    #[test]
    fn a_clean_store_shows_the_terms_of_the_law() {
        insta::assert_snapshot!(audit_text(&audit()), @r"
        accepted 5 = replied 3 + errored 1 + stopped 0 + merged 0 + queued 1 + running 0
        deliveries: 0 on their way, 0 given up; updates that made no turn: 0
        5 turns examined: nothing is lost, nothing is doubled.
        ");
    }

    #[test]
    fn every_broken_rule_is_named_with_its_place() {
        let mut broken = audit();
        broken.counts.accepted = 6;
        broken.violations = vec![Violation { rule: "accepted turns ended or are owed", subject: "counts".into() }];
        insta::assert_snapshot!(audit_text(&broken), @r"
        accepted 6 ≠ replied 3 + errored 1 + stopped 0 + merged 0 + queued 1 + running 0
        deliveries: 0 on their way, 0 given up; updates that made no turn: 0
        5 turns examined; broken rules: 1
        - counts: accepted turns ended or are owed
        ");
        broken.violations = vec![broken.violations[0].clone(); 60];
        assert!(audit_text(&broken).ends_with("… and 10 more"));
        assert_eq!(audit_json(&broken)["is_clean"], false);
    }
}
