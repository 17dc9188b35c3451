//! Wake-ups: a hint after each commit, here and in other processes. Polling stays the truth.

mod hub;
mod peers;
mod socket;

use lastword_core::store::Topic;

pub(crate) use hub::Hub;
pub(crate) use socket::Wakes;

/// A set of topics, one bit each; also the datagram that tells other processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topics(u8);

impl Topics {
    pub(crate) fn add(&mut self, topic: Topic) {
        self.0 |= bit(topic);
    }

    pub(crate) fn has(self, topic: Topic) -> bool {
        self.0 & bit(topic) != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

fn bit(topic: Topic) -> u8 {
    1 << index(topic)
}

fn index(topic: Topic) -> usize {
    match topic {
        Topic::Turns => 0,
        Topic::Deliveries => 1,
        Topic::Streams => 2,
        Topic::Decided => 3,
        Topic::Requests => 4,
    }
}
