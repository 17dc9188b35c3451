//! The hearts of the other processes, as this one has seen them beat: by its own clock, so no clock step fools it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use lastword_core::{ids::IncarnationId, store::Incarnation};
use tokio::time::Instant;

/// Every process that was seen lately.
#[derive(Debug, Default)]
pub struct Vitals(Mutex<BTreeMap<IncarnationId, Vital>>);

/// One process and when its heart was last seen to beat.
#[derive(Clone, Debug)]
pub struct Vital {
    /// The process, with its count of beats as last read.
    pub process: Incarnation,
    /// When the count was last seen to have grown.
    pub beaten_at: Instant,
}

impl Vitals {
    /// Takes note of a reading; who is no longer in it is forgotten.
    pub fn read(&self, living: &[Incarnation]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = BTreeMap::new();
        for process in living {
            let beaten_at = match seen.remove(&process.id) {
                Some(earlier) if earlier.process.beats == process.beats => earlier.beaten_at,
                Some(_) | None => Instant::now(),
            };
            next.insert(process.id.clone(), Vital { process: process.clone(), beaten_at });
        }
        *seen = next;
    }

    /// Everyone as last seen.
    #[must_use]
    pub fn all(&self) -> Vec<Vital> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
