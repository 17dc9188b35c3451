//! The canary: a message of our own now and then, so that an account which nobody writes to is known to work.
//!
//! It is no turn and no delivery: one attempt under a key of its own, past the store, which the network has to confirm, and
//! to show again where it can be asked. One that fails is told, and not repeated before its time.

use std::{sync::Arc, time::Duration};

use lastword_core::{
    alert::AlertCode,
    delivery::Form,
    ids::{AccountId, DeliveryKey, Place},
    outcome::{Rejection, Retry, SendOutcome},
    provider::{Reconcile, SendRequest},
};
use tokio::time::Instant;

use super::{account::Account, deliver};
use crate::{
    config::{Canary, duration},
    process::member::Member,
};

/// The pause before the first one, if that is shorter: a bridge may not live for as long as the pause between two.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// How long the network may take to show what it confirmed.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Posts until the task is dropped; ends at once where nobody asked for it.
pub(super) async fn keep_posting(member: Arc<Member>, account: Arc<Account>) {
    let Some(canary) = &account.canary else {
        // An earlier bridge, which did, may have failed.
        member.alerts.resolve(AlertCode::CanaryFailed, account.id.as_str());
        return;
    };
    // One that did may have failed here, too: the first success closes that.
    let mut is_told_well = false;
    let every = Duration::from_millis(canary.every_ms.unsigned_abs());
    let mut pause = every.min(FIRST_AFTER);
    loop {
        tokio::time::sleep(pause).await;
        // While the link is down that is what is told.
        if !account.health.evidence().is_linked {
            continue;
        }
        let posted = post(&account, canary).await;
        if !matches!(posted, Err(Failed::Busy)) {
            pause = every;
        }
        match posted {
            Ok(()) => {
                account.health.posted();
                // While deliveries fail it is one of those that shows that the account can send.
                if account.health.evidence().failing_since.is_none() {
                    deliver::sends(&account, &member);
                }
                if !std::mem::replace(&mut is_told_well, true) {
                    member.alerts.resolve(AlertCode::CanaryFailed, account.id.as_str());
                }
            }
            Err(Failed::Busy) => tracing::debug!(account = %account.id, "no canary: the network asks for a pause"),
            Err(failed) => {
                is_told_well = false;
                if let Failed::Refused(rejection @ Rejection::Unauthorized) = &failed {
                    deliver::can_not_send(&account, &member, rejection);
                }
                member.alerts.raise(AlertCode::CanaryFailed, account.id.as_str(), failed.to_string());
            }
        }
    }
}

/// Why one did not make its way.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the network asks for a pause")]
    Busy,
    #[error("not taken: {0}")]
    NotTaken(String),
    #[error("refused: {0}")]
    Refused(Rejection),
    #[error("nobody knows whether it arrived: {0}")]
    Unknown(String),
    #[error("confirmed, and not to be seen: {0}")]
    NotShown(String),
}

async fn post(account: &Account, canary: &Canary) -> Result<(), Failed> {
    let request = request(&account.id, canary);
    match deliver::in_time(account.provider.send(&request)).await {
        SendOutcome::Delivered(_) => shown(account.provider.reconcile(), &request).await,
        SendOutcome::Retry(Retry { after_ms: Some(_), .. }) => Err(Failed::Busy),
        SendOutcome::Retry(Retry { cause, .. }) => Err(Failed::NotTaken(cause.to_string())),
        SendOutcome::Rejected(rejection) => Err(Failed::Refused(rejection)),
        SendOutcome::Unknown(cause) => Err(Failed::Unknown(cause.to_string())),
    }
}

fn request(account: &AccountId, canary: &Canary) -> SendRequest {
    SendRequest {
        key: DeliveryKey::new(format!("lw-canary-{}", uuid::Uuid::now_v7().simple())),
        attempt: 1,
        place: Place { account: account.clone(), conversation: canary.to.clone(), thread: None },
        reply_to: None,
        text: format!(
            "Lastword's canary: this account works. The next one is due in {}.",
            duration::spell(canary.every_ms)
        ),
        form: Form::Plain,
    }
}

/// Returns when the network shows it, or can't be asked.
async fn shown(network: Option<&dyn Reconcile>, posted: &SendRequest) -> Result<(), Failed> {
    let Some(network) = network else { return Ok(()) };
    let until = Instant::now() + SHOWN_WITHIN;
    loop {
        let why = match tokio::time::timeout_at(until, network.find(&posted.place, &posted.key)).await {
            Ok(Ok(Some(_))) => return Ok(()),
            Ok(Ok(None)) => "it is not there".to_owned(),
            Ok(Err(cause)) => cause.to_string(),
            Err(_) => "the network did not answer in time".to_owned(),
        };
        if until.duration_since(Instant::now()) <= LOOK_EVERY {
            return Err(Failed::NotShown(why));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use lastword_core::{
        ids::{ConversationId, MessageId},
        outcome::Cause,
    };

    use super::*;

    /// A network that shows a post only when it was asked so often.
    struct Slow(AtomicU32);

    #[async_trait]
    impl Reconcile for Slow {
        async fn find(&self, _: &Place, _: &DeliveryKey) -> Result<Option<MessageId>, Cause> {
            let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            Ok(left.is_err().then(|| MessageId::new("m1")))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_network_confirms_and_never_shows_is_no_success() {
        let canary = Canary { to: ConversationId::new("c"), every_ms: 1_000 };
        let posted = request(&AccountId::new("net"), &canary);
        let seen = async |after| shown(Some(&Slow(AtomicU32::new(after))), &posted).await;
        assert!(seen(0).await.is_ok() && seen(5).await.is_ok(), "it may take a while");
        let failed = seen(u32::MAX).await.unwrap_err();
        assert_eq!(failed.to_string(), "confirmed, and not to be seen: it is not there");
        assert!(shown(None, &posted).await.is_ok(), "who can't be asked is believed");
    }
}
