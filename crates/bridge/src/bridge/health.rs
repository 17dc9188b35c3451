//! Evidence of ability: when each account last did its work, and what stands in its way.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lastword_core::provider::ALIVE_WITHIN_MS;

/// What is known about one account. Ages, not flags: a reader sees how old the evidence is.
#[derive(Debug, Default)]
pub struct AccountHealth(Mutex<Evidence>);

/// The evidence at one moment.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The last successful round with the network.
    pub received_at: Option<Instant>,
    /// The last delivery that the network confirmed.
    pub delivered_at: Option<Instant>,
    /// Whether the link stands as far as we know.
    pub is_linked: bool,
    /// What stands in the way of receiving, for the operator.
    pub trouble: Option<String>,
    /// What stood in the way of the last attempt to send, until one succeeds.
    pub send_trouble: Option<String>,
    /// Whether the network took our credentials when it last said anything about them.
    pub is_authorized: Option<bool>,
}

impl Evidence {
    /// Whether the link stands, by evidence that is young enough to count.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        // Twice, as for the link itself: one late round is no silence.
        let fresh = Duration::from_millis(2 * ALIVE_WITHIN_MS);
        self.is_linked && self.received_at.is_some_and(|at| at.elapsed() <= fresh)
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

    /// The network confirmed a delivery.
    pub fn delivered(&self) {
        self.update(|evidence| {
            evidence.delivered_at = Some(Instant::now());
            evidence.send_trouble = None;
        });
    }

    /// The network took our credentials, or refused them; says whether that is news.
    pub fn authorized(&self, is_authorized: bool) -> bool {
        let mut is_news = false;
        self.update(|evidence| is_news = evidence.is_authorized.replace(is_authorized) != Some(is_authorized));
        is_news
    }

    /// An attempt to send came to nothing, or nobody knows to what.
    pub fn not_delivered(&self, trouble: &str) {
        self.update(|evidence| evidence.send_trouble = Some(trouble.to_owned()));
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
