//! What people, mostly admins, ask to see in a chat, answered before the transaction that accepts their command.

use std::{fmt::Display, time::Duration};

use lastword_core::{
    alert::{Alert, AlertView},
    decide::{
        intake::{Look, error},
        split,
    },
    reason::Reason,
    store::{Asked, Intake, StoreError, TraceOf},
};
use tokio::time::Instant;

use super::account::Accounts;
use crate::{
    process::{blocking::blocking, member::Member},
    report::{Zone, alerts_text, audit_text, builds_text, logs_text, outbox_text, trace_text},
};

/// How long the looks of a batch may take together: everybody in it waits for them.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// The most alerts in one answer.
const ALERTS_MAX: usize = 10;
/// The most deliveries in one answer.
const OUTBOX_MAX: usize = 10;
/// The least length of a secret that is looked for in what is shown: a shorter one would hide ordinary words.
const SECRET_BYTES_MIN: usize = 8;
/// Ends an answer that would not fit into one message.
const SHORTENED: &str = "… (shortened)";

/// The looks that one batch asks for.
pub(super) struct Looks {
    until: Instant,
    /// The answer to the first `/audit`, which answers the others, too.
    audit: Option<Result<String, Reason>>,
}

impl Looks {
    /// No look yet.
    pub(super) fn begin() -> Self {
        Self { until: Instant::now() + LOOK_MAX, audit: None }
    }

    /// The answer, or an error that says why there is none.
    pub(super) async fn answer(&mut self, member: &Member, accounts: &Accounts, asked: Asked, look: Look) -> Intake {
        let text = match (look, &self.audit) {
            (Look::Audit, Some(known)) => known.clone(),
            _ => in_time(self.until, read(member, accounts, &asked, look)).await,
        };
        if look == Look::Audit {
            self.audit = Some(text.clone());
        }
        match text {
            Ok(text) => {
                let text = split::head(&text, asked.shape.text_max, SHORTENED);
                Intake::Answer { asked, text, reason: None }
            }
            Err(reason) => error(asked, reason),
        }
    }
}

async fn in_time(until: Instant, read: impl Future<Output = Result<String, Reason>>) -> Result<String, Reason> {
    let text = tokio::time::timeout_at(until, read).await;
    text.unwrap_or_else(|_| Err(Reason::LookFailed { detail: "it took too long".into() }))
}

async fn read(member: &Member, accounts: &Accounts, asked: &Asked, look: Look) -> Result<String, Reason> {
    let account = &asked.place.account;
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
        Look::Outbox => {
            let found = member.oversight.outbox(account, OUTBOX_MAX + 1).await.map_err(failed)?;
            Ok(outbox_text(&found, OUTBOX_MAX))
        }
        Look::Logs(of) => {
            let (root, limit) = (member.state.root().to_owned(), asked.shape.text_max);
            let secrets = member.config.secrets().filter(|secret| secret.len() >= SECRET_BYTES_MIN);
            let mut hide: Vec<String> = secrets.map(str::to_owned).collect();
            // One may be a part of another.
            hide.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
            let read = blocking(move || logs_text(&root, of, limit, &hide)).await;
            let detail = |error: &dyn Display| Reason::LookFailed { detail: error.to_string() };
            read.map_err(|panic| detail(&panic))?.map_err(|error| detail(&error))
        }
        Look::Accounts => Ok(accounts.standing()),
        Look::Version => {
            let living = member.store.living().await.map_err(failed)?;
            Ok(format!("{}\n{}", accounts.build(), builds_text(&living)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_looks_of_a_batch_share_one_deadline() {
        let until = Instant::now() + Duration::from_millis(5);
        for _ in 0..3 {
            let late = in_time(until, std::future::pending()).await;
            assert!(matches!(late, Err(Reason::LookFailed { .. })) && Instant::now() >= until);
        }
        // What is known already is said even then.
        assert_eq!(in_time(until, async { Ok("known".to_owned()) }).await, Ok("known".to_owned()));
    }
}
