//! What an account has on its way.

use std::fmt::Write as _;

use lastword_core::{delivery::DeliveryState, reason::span, store::Outbound};

use super::line;

/// The most characters of a cause.
const CAUSE_CHARS_MAX: usize = 200;

/// One line each of the first `max`, and what can be done about them.
#[must_use]
pub fn outbox_text(found: &[Outbound], max: usize) -> String {
    if found.is_empty() {
        return "Nothing is on its way, and nothing was given up lately.".to_owned();
    }
    let mut text = String::new();
    for one in found.iter().take(max) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{}", one_line(one));
    }
    if found.len() > max {
        text.push_str("… and more after these\n");
    }
    text.push_str("/outbox retry <id> sends one now; /outbox drop <id> <reason> gives up one that waits");
    text
}

fn one_line(one: &Outbound) -> String {
    let Outbound { id, conversation, thread, turn, kind, state, attempts, age_ms, cause } = one;
    let thread = thread.as_ref().map(|thread| format!(", thread {}", line(thread.as_str()))).unwrap_or_default();
    let turn = turn.map(|turn| format!(" of turn {turn}")).unwrap_or_default();
    let cause: String = cause.as_deref().map(line).unwrap_or_default().chars().take(CAUSE_CHARS_MAX).collect();
    let cause = if cause.is_empty() { cause } else { format!(": {cause}") };
    let attempts = if *attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
    let (place, kind, state, age) = (line(conversation.as_str()), kind.as_str(), said(*state), span(*age_ms));
    format!("#{id} to {place}{thread}, {kind}{turn}: {state}, {attempts}, {age} old{cause}")
}

fn said(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "waits",
        DeliveryState::Sending => "is being sent",
        DeliveryState::Ambiguous => "may have arrived",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Superseded => "not needed",
        DeliveryState::Dead => "given up",
    }
}

#[cfg(test)]
mod tests {
    use lastword_core::{
        delivery::DeliveryKind,
        ids::{ConversationId, DeliveryId, ThreadId, TurnId},
    };

    use super::*;

    #[test]
    fn each_is_one_line_and_what_is_left_out_is_said() {
        let given_up = Outbound {
            id: DeliveryId(7),
            conversation: ConversationId::new("main"),
            thread: None,
            turn: Some(TurnId(3)),
            kind: DeliveryKind::Terminal,
            state: DeliveryState::Dead,
            attempts: 1,
            age_ms: 300_000,
            cause: Some("kicked\n\u{1b}[2Jout".into()),
        };
        let waits = Outbound {
            id: DeliveryId(8),
            thread: Some(ThreadId::new("t")),
            turn: None,
            kind: DeliveryKind::Hint,
            state: DeliveryState::Pending,
            attempts: 2,
            cause: None,
            ..given_up.clone()
        };
        insta::assert_snapshot!(outbox_text(&[given_up.clone(), waits, given_up], 2), @r"
        #7 to main, terminal of turn 3: given up, 1 attempt, 5 minutes old: kicked out
        #8 to main, thread t, hint: waits, 2 attempts, 5 minutes old
        … and more after these
        /outbox retry <id> sends one now; /outbox drop <id> <reason> gives up one that waits
        ");
        assert!(outbox_text(&[], 2).starts_with("Nothing is on its way"));
    }
}
