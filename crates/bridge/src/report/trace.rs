//! One message's life, as a timeline.

use std::fmt::Write as _;

use lastword_core::store::{Trace, TraceEvent};
use serde_json::{Value, json};

use super::{Zone, line, time::offset};

/// A headline, then one line per event with its time and how long after acceptance it was.
#[must_use]
pub fn trace_text(trace: &Trace, zone: &Zone) -> String {
    let mut text = headline(trace);
    let who = [
        trace.update.as_ref().map(|update| format!("update {}", line(update.as_str()))),
        trace.sender.as_ref().map(|sender| format!("asked by {}", line(sender.as_str()))),
        trace.agent.as_ref().map(|agent| format!("agent {}", line(agent.as_str()))),
    ];
    let who: Vec<_> = who.into_iter().flatten().collect();
    if !who.is_empty() {
        let _ = write!(text, "\n{}", who.join(", "));
    }
    if let Some(reason) = reason(trace) {
        let _ = write!(text, "\nreason {}: {}", reason.code(), line(&reason.for_operator()));
    }
    let Some(begin) = trace.events.first().map(|event| event.at) else { return text };
    let _ = write!(text, "\nfrom {}\n", zone.full(begin));
    for TraceEvent { at, what, detail } in &trace.events {
        let (time, after) = (zone.of_day(*at), offset(at.since_ms(begin)));
        let written = format!("{time}  {after:>9}  {:<18} {}", line(what), line(detail));
        let _ = write!(text, "\n{}", written.trim_end());
    }
    text
}

fn headline(trace: &Trace) -> String {
    let account = line(trace.account.as_str());
    match &trace.turn {
        Some(turn) => {
            let merged = turn.merged_into.map(|lead| format!(" into turn {lead}")).unwrap_or_default();
            format!("Turn {} on account {account}: {}{merged}, attempt {}", turn.id, turn.state.as_str(), turn.attempt)
        }
        None => format!("No turn on account {account}"),
    }
}

/// The same for programs. Times are milliseconds since the Unix epoch.
#[must_use]
pub fn trace_json(trace: &Trace) -> Value {
    let events: Vec<_> = trace
        .events
        .iter()
        .map(|event| json!({ "at": event.at, "what": event.what, "detail": event.detail }))
        .collect();
    json!({
        "account": trace.account,
        "update": trace.update,
        "turn": trace.turn.as_ref().map(|turn| turn.id),
        "state": trace.turn.as_ref().map(|turn| turn.state),
        "attempt": trace.turn.as_ref().map(|turn| turn.attempt),
        "merged_into": trace.turn.as_ref().and_then(|turn| turn.merged_into),
        "sender": trace.sender,
        "agent": trace.agent,
        "reason": reason(trace).map(lastword_core::reason::Reason::code),
        "events": events,
    })
}

fn reason(trace: &Trace) -> Option<&lastword_core::reason::Reason> {
    trace.dropped.as_ref().or_else(|| trace.turn.as_ref().and_then(|turn| turn.reason.as_ref()))
}

#[cfg(test)]
mod tests {
    use lastword_core::{
        ids::{AccountId, AgentId, Attempt, ConversationId, Place, Timestamp, TurnId, UpdateId, UserId},
        reason::Reason,
        store::TurnView,
        turn::TurnState,
    };

    use super::*;

    fn event(at: i64, what: &str, detail: &str) -> TraceEvent {
        TraceEvent { at: Timestamp(1_789_000_000_000 + at), what: what.into(), detail: detail.into() }
    }

    fn trace() -> Trace {
        let account = AccountId::new("net");
        let place = Place { account: account.clone(), conversation: ConversationId::new("main"), thread: None };
        Trace {
            account,
            update: Some(UpdateId::new("u\u{1b}[31m7")),
            turn: Some(TurnView {
                id: TurnId(12),
                place,
                state: TurnState::Failed,
                attempt: Attempt(1),
                text: "a secret question".into(),
                reply: Some("a secret reply".into()),
                reason: Some(Reason::WorkerLost),
                merged_into: None,
                accepted_at: Timestamp(1_789_000_000_000),
                ended_at: None,
            }),
            sender: Some(UserId::new("alice")),
            agent: Some(AgentId::new("sh")),
            dropped: None,
            events: vec![
                event(0, "accepted", ""),
                event(12, "claimed", "attempt 1 by\nworker w1"),
                event(3_456, "elected", "worker_lost"),
                event(7_300_000, "delivered", "terminal, attempt 2"),
            ],
        }
    }

    #[test]
    fn a_life_reads_as_a_timeline_without_what_was_said() {
        let text = trace_text(&trace(), &Zone::utc());
        insta::assert_snapshot!(text, @r"
        Turn 12 on account net: failed, attempt 1
        update u7, asked by alice, agent sh
        reason worker_lost: its worker died; set on_lost: replay if the agent may run twice
        from 2026-09-10 00:26:40 UTC

        00:26:40.000      +0 ms  accepted
        00:26:40.012     +12 ms  claimed            attempt 1 by worker w1
        00:26:43.456     +3.5 s  elected            worker_lost
        02:28:20.000     +2.0 h  delivered          terminal, attempt 2
        ");
        assert!(!text.contains("secret") && !trace_json(&trace()).to_string().contains("secret"));
    }

    #[test]
    fn an_update_that_made_no_turn_says_why() {
        let dropped = Trace {
            turn: None,
            agent: None,
            dropped: Some(Reason::NotAllowed),
            events: vec![event(0, "refused", "not_allowed")],
            ..trace()
        };
        insta::assert_snapshot!(trace_text(&dropped, &Zone::utc()), @r"
        No turn on account net
        update u7, asked by alice
        reason not_allowed: the sender is not in the account's allow list; /whoami shows the id to add
        from 2026-09-10 00:26:40 UTC

        00:26:40.000      +0 ms  refused            not_allowed
        ");
    }
}
