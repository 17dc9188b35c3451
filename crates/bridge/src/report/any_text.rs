//! Whatever the store holds, a report is lines of text for people: nothing in it steers a terminal, and nothing in it
//! can pass for another line of the report.

use lastword_core::{
    alert::{Alert, AlertCode, AlertView},
    ids::{AccountId, AgentId, Attempt, ConversationId, Place, Timestamp, TurnId, UpdateId, UserId},
    reason::Reason,
    store::{Audit, Counts, Trace, TraceEvent, TurnView, Violation},
    turn::TurnState,
};
use proptest::prelude::*;

use super::{time::offset, *};

fn said() -> impl Strategy<Value = String> {
    "([\\PC\\pC]|\u{1b}\\[2J|\u{9b}31m|\u{202e}|\u{2066}|\r|\n|[a-z ]{1,9}){0,12}"
}

/// Lines of people's characters, as many as expected.
fn is_report(text: &str, lines: usize) {
    assert!(!text.chars().any(|c| steers(c) && c != '\n'), "{text:?}");
    assert_eq!(text.lines().count(), lines, "{text}");
}

/// The same in JSON, which reads back as what it was made of.
fn is_json_report(json: &Value) {
    let text = json_text(json);
    assert!(!text.chars().any(|c| steers(c) && c != '\n'), "{text:?}");
    assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), json);
}

prop_compose! {
    fn traces()(
        (account, update, sender, agent) in (said(), proptest::option::of(said()), proptest::option::of(said()), proptest::option::of(said())),
        state in prop::sample::select(TurnState::ALL.to_vec()),
        (turn, attempt) in (any::<i64>(), any::<u32>()),
        line in proptest::option::of(said()),
        events in prop::collection::vec((any::<i64>(), said(), said()), 0..5),
    ) -> Trace {
        let account = AccountId::new(account);
        let place = Place { account: account.clone(), conversation: ConversationId::new("main"), thread: None };
        Trace {
            account,
            update: update.map(UpdateId::new),
            turn: Some(TurnView {
                id: TurnId(turn),
                place,
                state,
                attempt: Attempt(attempt),
                text: "what was asked".into(),
                reply: Some("what was answered".into()),
                reason: line.map(|detail| Reason::AgentNotStarted { detail }),
                merged_into: None,
                accepted_at: Timestamp(0),
                ended_at: None,
            }),
            sender: sender.map(UserId::new),
            agent: agent.map(AgentId::new),
            dropped: None,
            events: events.into_iter().map(|(at, what, detail)| TraceEvent { at: Timestamp(at), what, detail }).collect(),
        }
    }
}

proptest! {
    #[test]
    fn any_trace_is_a_report(trace in traces()) {
        let who = usize::from(trace.update.is_some() || trace.sender.is_some() || trace.agent.is_some());
        let reason = usize::from(trace.turn.as_ref().unwrap().reason.is_some());
        let events = if trace.events.is_empty() { 0 } else { 2 + trace.events.len() };
        let text = trace_text(&trace, &Zone::utc());
        is_report(&text, 1 + who + reason + events);
        prop_assert!(!text.contains("what was asked") && !text.contains("what was answered"));
        is_json_report(&trace_json(&trace));
    }

    #[test]
    fn any_alert_is_a_report(
        alerts in prop::collection::vec((prop::sample::select(AlertCode::ALL.to_vec()), said(), said(), any::<u64>(), any::<[i64; 3]>()), 1..4),
    ) {
        let views: Vec<_> = alerts
            .into_iter()
            .map(|(code, subject, detail, count, [id, first, last])| AlertView {
                id,
                alert: Alert { code, subject, detail },
                count,
                first_at: Timestamp(first),
                last_at: Timestamp(last),
                resolved_at: (id % 2 == 0).then_some(Timestamp(last)),
            })
            .collect();
        let unstored: Vec<_> = views.iter().map(|view| view.alert.clone()).collect();
        is_report(&alerts_text(&views, &unstored, &Zone::utc()), 6 * views.len());
        is_json_report(&Value::Array(alerts_json(&views)));
        is_json_report(&unstored_json(&unstored[0]));
    }

    #[test]
    fn any_audit_is_a_report(counts in any::<[u64; 7]>(), subjects in prop::collection::vec(said(), 0..80)) {
        let [accepted, replied, errored, stopped, merged, queued, running] = counts;
        let counts = Counts { accepted, replied, errored, stopped, merged, queued, running, ..Counts::default() };
        let violations: Vec<_> = subjects.into_iter().map(|subject| Violation { rule: "a rule", subject }).collect();
        let listed = violations.len().min(50) + usize::from(violations.len() > 50);
        let audit = Audit { counts, examined: accepted, violations };
        is_report(&audit_text(&audit), 3 + listed);
        is_json_report(&audit_json(&audit));
    }

    #[test]
    fn any_moment_and_any_length_can_be_said(at in any::<i64>(), near in -1_000_000_000_000_000_i64..1_000_000_000_000_000) {
        for at in [at, near, i64::MIN, i64::MAX] {
            let zone = Zone::utc();
            prop_assert!(!zone.full(Timestamp(at)).is_empty() && !zone.of_day(Timestamp(at)).is_empty());
            let said = offset(at);
            let (number, unit) = said[1..].split_once(' ').unwrap();
            let unit_ms = [("ms", 1.0), ("s", 1e3), ("min", 6e4), ("h", 3.6e6), ("d", 8.64e7)].into_iter().find(|(name, _)| *name == unit).unwrap().1;
            #[expect(clippy::cast_precision_loss, reason = "compared as people read it")]
            let error = (number.parse::<f64>().unwrap() * unit_ms - at as f64).abs();
            prop_assert!(error <= unit_ms * 0.051, "{} is {}", at, said);
        }
    }
}
