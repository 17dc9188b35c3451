//! What people read when they ask about their place.

use lastword_core::{
    alert::{AlertCode, Messaging},
    ids::DeliveryId,
    reason::span,
    store::{Operation, Role},
};

/// The most alerts in one message, of those that are new and of those that are over.
const ALERTS_SHOWN: usize = 8;
/// The most characters of an alert's detail.
const DETAIL_CHARS_SHOWN: usize = 160;

/// `/stop` ended the running turn.
pub(crate) const STOPPED: &str = "Stopped.";
/// `/stop` found nothing to end.
pub(crate) const NOTHING_RUNS: &str = "Nothing is running here.";
/// `/retry` while the last message is still owed its answer.
pub(crate) const STILL_WORKING: &str = "This is still being worked on; /stop ends it.";
/// `/retry` where nothing was asked yet.
pub(crate) const NOTHING_TO_RETRY: &str = "There is nothing to retry here yet.";

/// What an operator asked for was heard; its last word follows.
pub(crate) fn begins(operation: Operation) -> String {
    match operation {
        Operation::Restart(restart) => format!("Restarting {} …", restart.shown()),
        Operation::Update => "Updating …".to_owned(),
        Operation::Rollback => "Going back to the build before …".to_owned(),
    }
}

/// What admins are told: alerts that are new, by code, subject and detail, those that are over, and the processes that
/// began, with their builds.
pub(crate) fn alerts(open: &[(AlertCode, &str, &str)], over: &[(AlertCode, &str)], began: &[(Role, String)]) -> String {
    let mut lines = Vec::new();
    if !open.is_empty() {
        let many = if open.len() == 1 { "An alert".to_owned() } else { format!("{} alerts", open.len()) };
        lines.push(format!("⚠️ {many}; /alerts lists what is open."));
        let shown = open.iter().take(ALERTS_SHOWN);
        lines.extend(shown.map(|(code, subject, detail)| format!("• {code}, {subject}: {}", short(detail))));
    }
    lines.extend(open.len().checked_sub(ALERTS_SHOWN + 1).map(|more| format!("… and {} more", more + 1)));
    if !over.is_empty() {
        let shown = over.iter().take(ALERTS_SHOWN).map(|(code, subject)| format!("{code}, {subject}"));
        let shown = shown.collect::<Vec<_>>().join("; ");
        let more = over.len().checked_sub(ALERTS_SHOWN + 1).map(|more| format!("; and {} more", more + 1));
        lines.push(format!("✅ Over: {shown}{}", more.unwrap_or_default()));
    }
    if !began.is_empty() {
        let shown = began.iter().take(ALERTS_SHOWN).map(|(role, build)| format!("{} (build {build})", role.as_str()));
        let shown = shown.collect::<Vec<_>>().join("; ");
        let more = began.len().checked_sub(ALERTS_SHOWN + 1).map(|more| format!("; and {} more", more + 1));
        lines.push(format!("▶️ Began: {shown}{}", more.unwrap_or_default()));
    }
    lines.join("\n")
}

/// `/messaging`: what an admin said last, if it is not left to the configuration.
pub(crate) fn messaging(said: Option<Messaging>, configured: Messaging) -> String {
    let means = match said.unwrap_or(configured) {
        Messaging::Quiet => "alerts that are errors",
        Messaging::Normal => "alerts",
        Messaging::Debug => "alerts, and which processes begin",
    };
    let whose = match said {
        Some(said) => {
            format!("`{}`, as an admin said; the configuration says `{}`", said.as_str(), configured.as_str())
        }
        None => format!("`{}`, as configured", configured.as_str()),
    };
    format!("Messaging is {whose}. Admins are told of {means}, where `alerts_to` names a conversation.")
}

/// The beginning of a detail.
fn short(detail: &str) -> String {
    let mut chars = detail.chars();
    let begin: String = chars.by_ref().take(DETAIL_CHARS_SHOWN).collect();
    if chars.next().is_some() { format!("{begin}…") } else { begin }
}

/// `/pause`.
pub(crate) const PAUSED: &str = "Paused: what runs now goes on to its end, what comes in is kept until /resume.";
/// `/resume` ended a pause.
pub(crate) const RESUMED: &str = "Resumed: what was kept is answered now.";
/// `/resume` found nothing to end.
pub(crate) const NOT_PAUSED: &str = "Nothing is paused.";
/// What people are told whose message is queued during a pause. No last word, so it does not look like one.
pub(crate) const WAITS_FOR_RESUME: &str = "Paused by an admin; your message is kept and will be answered.";

/// `/pause` during a pause.
pub(crate) fn paused_already(for_ms: i64) -> String {
    format!("This is paused already, for {}; /resume goes on.", span(for_ms.max(0)))
}

/// `/status` during a pause.
pub(crate) fn paused(for_ms: i64, why: Option<&str>) -> String {
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("Paused by an admin for {}{why}", span(for_ms.max(0)))
}

/// `/outbox` about a delivery that is not there, or not the account's.
pub(crate) fn no_such_delivery(id: DeliveryId) -> String {
    format!("There is no delivery {id} here; /outbox lists them.")
}

/// `/outbox` about one of which an attempt is under way.
pub(crate) fn delivery_is_sent_now(id: DeliveryId) -> String {
    format!("Delivery {id} is being sent at this moment; look again with /outbox.")
}

/// `/outbox` about one of which nothing can be decided any more.
pub(crate) fn delivery_is_over(id: DeliveryId) -> String {
    format!("Delivery {id} is over; nothing was changed.")
}

/// `/outbox retry` of one whose text was erased since.
pub(crate) fn delivery_is_erased(id: DeliveryId) -> String {
    format!("What delivery {id} said is erased; it can't be sent any more.")
}

/// `/outbox retry` of one that was given up or held.
pub(crate) fn delivery_readmitted(id: DeliveryId) -> String {
    format!("Delivery {id} is sent again.")
}

/// `/outbox retry` of an assertion.
pub(crate) fn delivery_has_its_time(id: DeliveryId) -> String {
    format!(
        "Delivery {id} only says once more what is there already, after whatever may come late; nothing was changed."
    )
}

/// `/outbox retry` of one that waited.
pub(crate) fn delivery_is_due(id: DeliveryId) -> String {
    format!("Delivery {id} is due now, as far as its network lets it.")
}

/// `/outbox drop`.
pub(crate) fn delivery_dropped(id: DeliveryId) -> String {
    format!("Delivery {id} is given up.")
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
    fn alerts_are_few_lines_however_many_there_are() {
        assert_eq!(
            alerts(&[(AlertCode::ChildDied, "worker", "killed")], &[], &[]),
            "⚠️ An alert; /alerts lists what is open.\n• child_died, worker: killed"
        );
        assert_eq!(alerts(&[], &[(AlertCode::ChildDied, "worker")], &[]), "✅ Over: child_died, worker");
        let began = [(Role::Bridge, "0.1.0 (abc)".to_owned()), (Role::Worker, "0.1.0 (abc)".to_owned())];
        assert_eq!(alerts(&[], &[], &began), "▶️ Began: bridge (build 0.1.0 (abc)); worker (build 0.1.0 (abc))");
        let long = "x".repeat(1_000);
        let many =
            alerts(&vec![(AlertCode::ChildHung, "bridge", &*long); 20], &[(AlertCode::DiskFull, "store"); 20], &[]);
        assert!(many.lines().count() == 11 && many.contains("\n… and 12 more\n"), "{many}");
        assert!(many.ends_with("; and 12 more") && many.chars().count() < 2_000, "{many}");
    }

    #[test]
    fn a_pause_says_how_long_and_why() {
        assert_eq!(paused(300_000, Some("deploying")), "Paused by an admin for 5 minutes: deploying");
        assert_eq!(paused(-7, None), "Paused by an admin for 0 ms");
        assert_eq!(paused_already(5_000), "This is paused already, for 5 seconds; /resume goes on.");
        assert!(!WAITS_FOR_RESUME.starts_with("Error:"));
    }

    #[test]
    fn a_fresh_start_says_what_goes_on() {
        assert!(started_afresh(true).ends_with("goes on in the old one."));
        assert!(started_afresh(false).ends_with("begins a new session."));
    }
}
