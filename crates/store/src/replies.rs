//! What people read when they ask about their place.

use lastword_core::{reason::span, store::Restart};

/// `/stop` ended the running turn.
pub(crate) const STOPPED: &str = "Stopped.";
/// `/stop` found nothing to end.
pub(crate) const NOTHING_RUNS: &str = "Nothing is running here.";
/// `/retry` while the last message is still owed its answer.
pub(crate) const STILL_WORKING: &str = "This is still being worked on; /stop ends it.";
/// `/retry` where nothing was asked yet.
pub(crate) const NOTHING_TO_RETRY: &str = "There is nothing to retry here yet.";

/// `/restart` was heard; its last word follows.
pub(crate) fn restarting(restart: Restart) -> String {
    format!("Restarting {} …", restart.shown())
}

/// `/new`.
pub(crate) fn started_afresh(one_runs: bool) -> String {
    let goes_on = if one_runs { " What is running now goes on in the old one." } else { "" };
    format!("Started afresh: the next message begins a new session.{goes_on}")
}

/// `/status`: lines about the bridge, then about this place.
pub(crate) fn status(about: &str, running_for_ms: Option<i64>, waiting: u32, session: u32) -> String {
    let running = match running_for_ms {
        Some(ms) => format!("Here: working for {}", span(ms)),
        None => "Here: nothing is running".to_owned(),
    };
    let waiting = match waiting {
        0 => "nothing waits".to_owned(),
        1 => "1 message waits".to_owned(),
        n => format!("{n} messages wait"),
    };
    let about = about.trim_end();
    let parted = if about.is_empty() { "" } else { "\n" };
    format!("{about}{parted}{running}; {waiting}. Session {session}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_sentences() {
        assert_eq!(status("", None, 0, 1), "Here: nothing is running; nothing waits. Session 1.");
        assert_eq!(
            status("Lastword 0.1\n", Some(61_000), 2, 3),
            "Lastword 0.1\nHere: working for 61 seconds; 2 messages wait. Session 3."
        );
    }

    #[test]
    fn a_fresh_start_says_what_goes_on() {
        assert!(started_afresh(true).ends_with("goes on in the old one."));
        assert!(started_afresh(false).ends_with("begins a new session."));
    }
}
