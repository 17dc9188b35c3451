//! Evidence of ability: when each account last did its work, and what stands in its way.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lastword_core::{ids::DeliveryId, provider::ALIVE_WITHIN_MS};
use tokio::time::Instant;

/// How long a network may keep updates and offer none: longer than it takes to answer a poll that waits.
const WITHHELD_MIN: Duration = Duration::from_secs(30);
/// What is told then.
pub(super) const WITHHELD: &str = "the network keeps messages for us, and offers none";

/// What is known about one account. Ages, not flags: a reader sees how old the evidence is.
#[derive(Debug, Default)]
pub struct AccountHealth(Mutex<Evidence>);

/// The evidence at one moment.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The last successful round with the network.
    pub received_at: Option<Instant>,
    /// The last time that the network offered something.
    pub offered_at: Option<Instant>,
    /// How many updates the network kept for us, and when it said so; `None` where it can't be asked or did not answer.
    pub pending: Option<(u64, Instant)>,
    /// Since when it keeps some and offers none.
    pub withheld_since: Option<Instant>,
    /// The last delivery that the network confirmed.
    pub delivered_at: Option<Instant>,
    /// Whether the link stands as far as we know.
    pub is_linked: bool,
    /// What stands in the way of receiving, for the operator.
    pub trouble: Option<String>,
    /// What stood in the way of the last attempt to send, until one succeeds.
    pub send_trouble: Option<String>,
    /// Deliveries whose last attempt came to nothing, or nobody knows to what, since the last success.
    pub failing: HashSet<DeliveryId>,
    /// Since when there are such, without a success in between.
    pub failing_since: Option<Instant>,
    /// Whether the account can send, as the operator was told last.
    pub can_send: Option<bool>,
}

impl Evidence {
    /// Whether the link stands, by evidence that is young enough to count.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        // Twice, as for the link itself: one late round is no silence.
        let fresh = Duration::from_millis(2 * ALIVE_WITHIN_MS);
        self.is_linked && !self.is_withheld() && self.received_at.is_some_and(|at| at.elapsed() <= fresh)
    }

    /// Whether the network keeps updates for so long and offers none that the link can't be what it seems.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        self.withheld_for() >= WITHHELD_MIN
    }

    /// For how long it is known to keep updates and offer none: between its first answer that says so and its last.
    #[must_use]
    pub fn withheld_for(&self) -> Duration {
        let last = self.pending.filter(|(pending, _)| *pending > 0).map(|(_, at)| at);
        last.zip(self.withheld_since).map_or(Duration::ZERO, |(last, since)| last.duration_since(since))
    }

    /// What stands in the way of receiving, for the operator.
    #[must_use]
    pub fn receive_trouble(&self) -> Option<String> {
        let withheld = || self.is_withheld().then(|| WITHHELD.to_owned());
        self.trouble.clone().or_else(withheld)
    }

    /// For how long nothing but failures came of what is being sent; `None` while nothing fails.
    #[must_use]
    pub fn fails_for(&self, now: Instant) -> Option<Duration> {
        self.failing_since.map(|since| now.duration_since(since))
    }
}

impl AccountHealth {
    /// The network answered.
    pub fn received(&self) {
        self.update(|evidence| {
            evidence.received_at = Some(Instant::now());
            evidence.is_linked = true;
            evidence.trouble = None;
        });
    }

    /// The network offered something: whatever becomes of it, the link brings what there is.
    pub fn offered(&self) {
        self.update(|evidence| {
            evidence.offered_at = Some(Instant::now());
            evidence.withheld_since = None;
        });
    }

    /// The network said how many updates it keeps for us, asked at `asked_at`.
    pub fn keeps(&self, pending: u64, asked_at: Instant) {
        self.update(|evidence| {
            // What was offered since the last answer may be what was counted.
            let since = evidence.pending.map(|(_, at)| at);
            let is_offered = evidence.offered_at.is_some_and(|at| since.is_none_or(|since| at >= since));
            evidence.pending = Some((pending, asked_at));
            match pending > 0 && !is_offered {
                true => _ = evidence.withheld_since.get_or_insert(asked_at),
                false => evidence.withheld_since = None,
            }
        });
    }

    /// The network confirmed a delivery.
    pub fn delivered(&self) {
        self.update(|evidence| {
            evidence.delivered_at = Some(Instant::now());
            evidence.send_trouble = None;
            evidence.failing.clear();
            evidence.failing_since = None;
        });
    }

    /// The network confirmed a message that is no delivery: nothing is known of those that fail.
    pub fn posted(&self) {
        self.update(|evidence| evidence.delivered_at = Some(Instant::now()));
    }

    /// The operator is to hear whether the account can send; says whether that is news.
    pub fn can_send(&self, can_send: bool) -> bool {
        let mut is_news = false;
        self.update(|evidence| is_news = evidence.can_send.replace(can_send) != Some(can_send));
        is_news
    }

    /// An attempt to send came to nothing, or nobody knows to what; it is made again.
    pub fn not_delivered(&self, delivery: DeliveryId, trouble: &str) {
        self.update(|evidence| {
            evidence.send_trouble = Some(trouble.to_owned());
            evidence.failing.insert(delivery);
            evidence.failing_since.get_or_insert_with(Instant::now);
        });
    }

    /// A delivery is no longer attempted: what is told of it is told on its own.
    pub fn not_attempted(&self, delivery: DeliveryId, trouble: &str) {
        self.update(|evidence| {
            evidence.send_trouble = Some(trouble.to_owned());
            evidence.failing.remove(&delivery);
            if evidence.failing.is_empty() {
                evidence.failing_since = None;
            }
        });
    }

    /// The link is down or could not be made.
    pub fn lost(&self, trouble: String) {
        self.update(|evidence| {
            evidence.is_linked = false;
            evidence.trouble = Some(trouble);
        });
    }

    /// The evidence now.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update(&self, change: impl FnOnce(&mut Evidence)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_for_long_count_and_only_while_something_is_on_its_way() {
        let health = AccountHealth::default();
        let later = Instant::now() + Duration::from_secs(400);
        let fails = || health.evidence().fails_for(later).is_some_and(|span| span >= Duration::from_secs(300));
        assert!(!fails());
        health.not_delivered(DeliveryId(1), "no route");
        health.not_delivered(DeliveryId(2), "no route");
        assert!(fails());
        health.not_attempted(DeliveryId(1), "kicked");
        assert!(fails(), "another is still on its way");
        health.not_attempted(DeliveryId(2), "kicked");
        assert!(!fails(), "nothing is on its way");
        health.not_delivered(DeliveryId(3), "no route");
        health.delivered();
        assert!(!fails());
    }

    #[test]
    fn that_an_account_sends_again_is_news_once() {
        let health = AccountHealth::default();
        assert!(health.can_send(true), "an earlier bridge may have told the opposite");
        assert!(!health.can_send(true));
        assert!(health.can_send(false) && !health.can_send(false));
        assert!(health.can_send(true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_keeps_messages_and_offers_none_is_not_heard() {
        let health = AccountHealth::default();
        let keeps = async |pending, after_s| {
            tokio::time::advance(Duration::from_secs(after_s)).await;
            health.received();
            health.keeps(pending, Instant::now());
            health.evidence().is_ready()
        };
        assert!(keeps(0, 0).await && keeps(2, 10).await && keeps(3, 10).await);
        health.offered();
        assert!(keeps(3, 10).await && keeps(3, 10).await && keeps(3, 19).await);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(health.evidence().is_ready(), "it has not said so for as long");
        assert!(!keeps(3, 10).await);
        assert_eq!(health.evidence().receive_trouble().as_deref(), Some(WITHHELD));
        health.offered();
        assert!(health.evidence().is_ready() && keeps(0, 10).await);
    }
}
