//! What admins ask to see in a chat, answered before the transaction that accepts their command.

use std::time::Duration;

use lastword_core::{
    alert::{Alert, AlertView},
    capability::TextLimit,
    decide::intake::{Look, error},
    ids::AccountId,
    reason::Reason,
    store::{Asked, Intake, StoreError, TraceOf},
};

use crate::{
    process::member::Member,
    report::{Zone, alerts_text, audit_text, trace_text},
};

/// How long a look may take: the command's whole batch waits for it.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// The most alerts in one answer.
const ALERTS_MAX: usize = 10;
/// Ends an answer that would not fit into one message.
const SHORTENED: &str = "… (shortened: the same command in the operator's terminal shows all of it)";

/// The answer, or an error that says why there is none.
pub(super) async fn answer(member: &Member, asked: Asked, look: Look) -> Intake {
    let text = tokio::time::timeout(LOOK_MAX, read(member, &asked.place.account, look)).await;
    match text.unwrap_or_else(|_| Err(Reason::LookFailed { detail: "it took too long".into() })) {
        Ok(text) => {
            let text = shortened(text, asked.shape.text_max);
            Intake::Answer { asked, text, reason: None }
        }
        Err(reason) => error(asked, reason),
    }
}

/// As many whole lines as fit into one message.
fn shortened(text: String, limit: TextLimit) -> String {
    if limit.fits(&text) {
        return text;
    }
    let room = (limit.max as usize).saturating_sub(limit.measure(SHORTENED));
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if limit.measure(&kept) + limit.measure(line) > room {
            break;
        }
        kept.push_str(line);
    }
    kept + SHORTENED
}

async fn read(member: &Member, account: &AccountId, look: Look) -> Result<String, Reason> {
    let failed = |error: StoreError| Reason::LookFailed { detail: error.to_string() };
    let zone = Zone::local();
    match look {
        Look::Trace(turn) => {
            let trace = member.oversight.trace(&TraceOf::Turn(turn)).await.map_err(failed)?;
            // An admin of one account sees that account.
            let trace = trace.filter(|trace| trace.account == *account).ok_or(Reason::NoSuchTurn { turn: turn.0 })?;
            Ok(trace_text(&trace, &zone))
        }
        Look::Audit => Ok(audit_text(&member.oversight.audit().await.map_err(failed)?)),
        Look::Alerts => {
            let stored: Vec<AlertView> = member.oversight.alerts(false, ALERTS_MAX).await.map_err(failed)?;
            let unstored: Vec<Alert> = member.alerts.unstored();
            Ok(alerts_text(&stored, &unstored, &zone))
        }
    }
}

#[cfg(test)]
mod tests {
    use lastword_core::capability::TextUnit;

    use super::*;

    #[test]
    fn an_answer_fits_into_one_message_by_whole_lines() {
        let limit = TextLimit { max: 100, unit: TextUnit::Chars };
        assert_eq!(shortened("short\n".repeat(3), limit), "short\n".repeat(3));
        let long = shortened("a line of text\n".repeat(30), limit);
        assert!(limit.fits(&long) && long.starts_with("a line of text\n…"), "{long}");
    }
}
