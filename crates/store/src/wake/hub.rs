//! Subscribers of this process, and the way to the others.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use lastword_core::store::{Subscription, Topic};
use tokio::sync::watch;

use super::{Topics, index, peers::Peers};

/// Tells whoever waits for commits. Nobody misses one that happens between two waits.
pub(crate) struct Hub {
    commits: [watch::Sender<u64>; Topic::ALL.len()],
    peers: Option<Mutex<Peers>>,
}

impl Hub {
    pub(crate) fn new(peers: Option<Peers>) -> Self {
        Self { commits: std::array::from_fn(|_| watch::Sender::new(0)), peers: peers.map(Mutex::new) }
    }

    pub(crate) fn subscribe(&self, topic: Topic) -> Box<dyn Subscription> {
        Box::new(Subscriber(self.commits[index(topic)].subscribe()))
    }

    /// Wakes the subscribers of this process.
    pub(crate) fn notify_here(&self, topics: Topics) {
        for topic in Topic::ALL.into_iter().filter(|topic| topics.has(*topic)) {
            self.commits[index(topic)].send_modify(|commits| *commits = commits.wrapping_add(1));
        }
    }

    /// Wakes the other processes, as far as they can be reached without waiting.
    pub(crate) fn notify_others(&self, topics: Topics) {
        if topics.is_empty() {
            return;
        }
        if let Some(peers) = &self.peers {
            peers.lock().unwrap_or_else(PoisonError::into_inner).send(topics);
        }
    }
}

struct Subscriber(watch::Receiver<u64>);

#[async_trait]
impl Subscription for Subscriber {
    async fn woken(&mut self) {
        if self.0.changed().await.is_err() {
            // The store is gone: nothing is ever committed again.
            std::future::pending::<()>().await;
        }
    }
}
