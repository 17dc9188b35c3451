//! The store of the model: what its transactions do, with core's own transitions.
//!
//! Each function is one transaction of `lastword_core::store::Store`. What core would refuse here is a flaw of the
//! model or of the protocol, and panics.

use lastword_core::{
    capability::Via,
    delivery::{DeliveryHappened, DeliveryKind, DeliveryState, Form},
    election::{Election, ElectionHappened},
    faults::Bug as Planted,
    ids::Attempt,
    lease::{Lease, LeaseHappened},
    store::{Elected, OnLost, Settlement, Standing},
    turn::{TurnHappened, TurnState},
};

use super::{
    spell::{self, bubble_of},
    state::{Delivery, Doubt, Due, Hand, Overdue, Phase, Run, Says, Store, Text, Turn, Word},
    variant::{Bug, LIFETIME_MS, Variant},
};

/// The attempt from which on a claim that never started its agent is an error after all.
const ATTEMPTS_WITHOUT_START_MAX: u32 = 3;

impl Store {
    /// A bridge takes the lease, or waits while another holds it.
    pub fn lease(&mut self, bridge: usize) {
        let by = spell::bridge(bridge);
        if let Some(lease) = self.lease.clone().after(LeaseHappened::Asked { by }) {
            self.lease = lease;
        }
    }

    pub fn is_leased_by(&self, bridge: usize) -> bool {
        matches!(&self.lease, Lease::Held { holder, .. } if *holder == spell::bridge(bridge))
    }

    /// Accepts a message, unless the inbox has it already.
    pub fn accept(&mut self, variant: &Variant, message: u8) {
        if !variant.has_bug(Bug::NoInbox) && self.turns.iter().any(|turn| turn.message == message) {
            return;
        }
        self.turns.push(Turn {
            message,
            state: TurnState::Queued,
            marker: Election::Owed { attempt: Attempt::NONE },
            attempt: Attempt::NONE,
            owner: None,
            progress: 0,
            has_group: false,
            has_placeholder: false,
            placeholder: None,
        });
    }

    /// The turn that may be claimed: the oldest queued one, if none runs.
    pub fn head(&self) -> Option<usize> {
        let runs = self.turns.iter().any(|turn| turn.state == TurnState::Running);
        if runs { None } else { self.turns.iter().position(|turn| turn.state == TurnState::Queued) }
    }

    /// A worker claims the head, with its placeholder.
    pub fn claim(&mut self, variant: &Variant, worker: usize) -> Option<Run> {
        let head = self.head()?;
        let turn = &mut self.turns[head];
        turn.state = turn.state.after(TurnHappened::Claimed).expect("a queued turn may be claimed");
        turn.marker = turn.marker.after(ElectionHappened::Claimed).expect("a queued turn owes its last word");
        let Election::Owed { attempt } = turn.marker else { unreachable!("claimed") };
        (turn.attempt, turn.owner, turn.progress) = (attempt, Some(worker as u8), 0);
        let wants_placeholder = variant.shape().has_placeholder && !turn.has_placeholder;
        turn.has_placeholder |= wants_placeholder;
        if wants_placeholder {
            let form = Form::Plain;
            self.insert(Delivery { form, ..new(head, DeliveryKind::Placeholder, Via::Post, Text::Dots) });
        }
        Some(Run { turn: head as u8, attempt, is_started: false, says: None, is_half_elected: false })
    }

    /// The turn of an attempt, while it runs and that attempt is current.
    fn current(&mut self, run: &Run) -> Option<&mut Turn> {
        let turn = &mut self.turns[usize::from(run.turn)];
        (turn.marker == Election::Owed { attempt: run.attempt } && turn.owner.is_some()).then_some(turn)
    }

    /// An attempt starts its agent.
    pub fn record_group(&mut self, run: &Run) -> Standing {
        let Some(turn) = self.current(run) else { return Standing::Superseded };
        turn.has_group = true;
        Standing::Current
    }

    /// An attempt shows progress.
    pub fn progress(&mut self, run: &Run) -> Standing {
        let Some(turn) = self.current(run) else { return Standing::Superseded };
        turn.progress += 1;
        Standing::Current
    }

    /// The turns that a worker runs and still owes.
    pub fn running(&self, worker: usize) -> impl Iterator<Item = usize> {
        let owner = Some(worker as u8);
        self.turns.iter().enumerate().filter(move |(_, turn)| turn.owner == owner).map(|(n, _)| n)
    }

    /// What a sweep looks at: what runs, or the head of the queue.
    pub fn owed(&self) -> Option<Overdue> {
        let turn = self.turns.iter().position(|turn| turn.state == TurnState::Running).or_else(|| self.head())?;
        let Turn { marker: Election::Owed { attempt }, progress, .. } = self.turns[turn] else { return None };
        Some(Overdue { turn: turn as u8, attempt, progress })
    }

    /// The election: the marker goes, and the last word's deliveries come, in one transaction.
    pub fn elect(&mut self, variant: &Variant, word: Word, if_progress: Option<u8>) -> Elected {
        let elected = self.delete_marker(variant, word, if_progress);
        if elected == Elected::Won {
            self.insert_last_word(variant, word);
        }
        elected
    }

    /// The first half of the election.
    pub fn delete_marker(&mut self, variant: &Variant, word: Word, if_progress: Option<u8>) -> Elected {
        let number = usize::from(word.turn);
        let turn = &mut self.turns[number];
        let by = if variant.has_planted(Planted::NoAttemptFence) { turn.attempt } else { word.attempt };
        let Some(decided) = turn.marker.after(ElectionHappened::Spoken { attempt: by }) else { return Elected::Lost };
        let has_moved = if_progress.is_some_and(|seen| seen != turn.progress);
        // Back in the queue an attempt keeps its number until the next claim, but nobody hears it any more.
        let waits_again = turn.state == TurnState::Queued && turn.attempt != Attempt::NONE;
        let is_deaf = waits_again && if_progress.is_none() && !variant.has_planted(Planted::NoAttemptFence);
        let happened = match word.says {
            Says::Answer => TurnHappened::Answered,
            Says::Failure | Says::Overdue | Says::Lost => TurnHappened::Errored,
        };
        let Some(ended) = turn.state.after(happened).filter(|_| !has_moved && !is_deaf) else { return Elected::Lost };
        (turn.state, turn.marker, turn.owner, turn.has_group, turn.progress) = (ended, decided, None, false, 0);
        if turn.placeholder.is_none() {
            self.supersede_placeholder(number);
        }
        Elected::Won
    }

    /// The second half of the election.
    pub fn insert_last_word(&mut self, variant: &Variant, word: Word) {
        let parts = match word.says {
            Says::Answer => variant.answers[usize::from(self.turns[usize::from(word.turn)].message)],
            Says::Failure | Says::Overdue | Says::Lost => 1,
        };
        for part in 1..=parts {
            let kind = if part == 1 { DeliveryKind::Terminal } else { DeliveryKind::Part };
            let text = Text::Word(Word { part, ..word });
            self.insert(new(usize::from(word.turn), kind, variant.shape().via, text));
        }
    }

    /// Takes back a placeholder that nobody is posting now.
    fn supersede_placeholder(&mut self, turn: usize) {
        let is_it =
            |delivery: &&mut Delivery| usize::from(delivery.turn) == turn && delivery.kind == DeliveryKind::Placeholder;
        if let Some(placeholder) = self.deliveries.iter_mut().find(is_it)
            && let Some(superseded) = placeholder.state.after(DeliveryHappened::Superseded)
        {
            placeholder.state = superseded;
        }
    }

    fn insert(&mut self, delivery: Delivery) {
        self.deliveries.push(delivery);
    }

    /// What a lost worker left behind gets its `Error:`, or goes back to the queue.
    pub fn decide_lost_worker(&mut self, variant: &Variant, worker: usize) {
        self.workers_lost += 1;
        let left: Vec<usize> = self.running(worker).collect();
        for number in left {
            let turn = &mut self.turns[number];
            let by_policy = match variant.on_lost {
                OnLost::Error => false,
                OnLost::Replay { max_attempts } => turn.attempt.0 < max_attempts,
            };
            let never_acted = turn.progress == 0 && !turn.has_group;
            if by_policy || (never_acted && turn.attempt.0 < ATTEMPTS_WITHOUT_START_MAX) {
                turn.state = turn.state.after(TurnHappened::Requeued).expect("a running turn may go back");
                (turn.owner, turn.has_group) = (None, false);
                turn.progress += 1;
            } else {
                let word = Word { turn: number as u8, attempt: turn.attempt, says: Says::Lost, part: 1 };
                assert_eq!(self.elect(variant, word, None), Elected::Won, "nobody else spoke for a running turn");
            }
        }
    }

    /// What a lost bridge had in its hands is in doubt, and its lease is free.
    pub fn decide_lost_bridge(&mut self, variant: &Variant, bridge: usize) {
        for delivery in self.deliveries.iter_mut().filter(|delivery| delivery.holder == Some(bridge as u8)) {
            let is_fresh = variant.has_planted(Planted::StolenClaimIsFresh);
            let happened = if is_fresh { DeliveryHappened::Deferred } else { DeliveryHappened::HolderLost };
            delivery.state = delivery.state.after(happened).expect("what is held is being sent");
            delivery.holder = None;
            if !is_fresh {
                delivery.doubt = delivery.doubt.or(Some(Doubt::Young));
            }
        }
        let ended = LeaseHappened::Ended { of: spell::bridge(bridge) };
        self.lease = self.lease.clone().after(ended).expect("only the holder of the lease is ever lost");
    }

    /// The delivery that a bridge would claim next.
    pub fn due(&self, variant: &Variant, bridge: usize) -> Option<usize> {
        if !self.is_leased_by(bridge) {
            return None;
        }
        let is_first = |number: usize| {
            variant.has_bug(Bug::NoLanes)
                || self.deliveries[number].kind == DeliveryKind::Assertion
                || self.deliveries[..number].iter().all(|e| e.kind == DeliveryKind::Assertion || !e.state.is_open())
        };
        (0..self.deliveries.len()).find(|&number| {
            let delivery = &self.deliveries[number];
            matches!(delivery.state, DeliveryState::Pending | DeliveryState::Ambiguous)
                && delivery.due == Due::Now
                && is_first(number)
        })
    }

    /// A bridge claims what is due: its row, with what the store says about it.
    pub fn take(&mut self, variant: &Variant, bridge: usize) -> Option<Hand> {
        let number = self.due(variant, bridge)?;
        let delivery = &mut self.deliveries[number];
        delivery.state = delivery.state.after(DeliveryHappened::Claimed).expect("it waits");
        delivery.attempts += 1;
        delivery.holder = Some(bridge as u8);
        let mut seen = *delivery;
        let mut is_taken_over = false;
        if seen.kind == DeliveryKind::Terminal
            && let Some((bubble, posted_by)) = self.turns[usize::from(seen.turn)].placeholder
        {
            if seen.via == Via::Edit {
                seen.target = seen.target.or(Some(bubble));
            }
            is_taken_over = usize::from(posted_by) != bridge;
        }
        Some(Hand { delivery: number as u8, seen, is_taken_over, may_be_overwritten: false, phase: Phase::Ready })
    }

    /// Records what an attempt achieved; `false` if it is not this bridge's any more.
    pub fn settle(&mut self, bridge: usize, hand: &Hand, settlement: &Settlement) -> bool {
        let delivery = &mut self.deliveries[usize::from(hand.delivery)];
        let is_ours = (delivery.holder, delivery.attempts) == (Some(bridge as u8), hand.seen.attempts);
        if !is_ours {
            return false;
        }
        let happened = match settlement {
            Settlement::Delivered { .. } => DeliveryHappened::Accepted,
            Settlement::TargetRecorded { .. } => DeliveryHappened::TargetRecorded,
            Settlement::Deferred { .. } => DeliveryHappened::Deferred,
            Settlement::Doubted { .. } | Settlement::Held { .. } => DeliveryHappened::Doubted,
            Settlement::Reshaped { .. } => DeliveryHappened::Reshaped,
            Settlement::NotNeeded => DeliveryHappened::NotNeeded,
            Settlement::GivenUp { .. } => DeliveryHappened::GivenUp,
        };
        delivery.state = delivery.state.after(happened).expect("it is being sent");
        delivery.holder = None;
        delivery.due = Due::Now;
        match settlement {
            Settlement::Delivered { message, assert_at, notice: _ } => {
                let (delivery, bubble) = (*delivery, bubble_of(message));
                if delivery.kind == DeliveryKind::Placeholder {
                    self.turns[usize::from(delivery.turn)].placeholder = Some((bubble, bridge as u8));
                }
                if assert_at.is_some() && delivery.kind != DeliveryKind::Assertion {
                    let again = new(usize::from(delivery.turn), DeliveryKind::Assertion, Via::Edit, delivery.text);
                    let (form, target) = (delivery.form, Some(bubble));
                    self.insert(Delivery { form, target, due: Due::AfterLifetime, ..again });
                }
            }
            Settlement::TargetRecorded { target } => delivery.target = Some(bubble_of(target)),
            Settlement::Deferred { .. } => delivery.doubt = None,
            Settlement::Doubted { pause, .. } => {
                delivery.doubt = delivery.doubt.or(Some(Doubt::Young));
                if pause.until.since_ms(spell::NOW) >= LIFETIME_MS {
                    delivery.due = Due::AfterLifetime;
                }
            }
            Settlement::Held { until } => {
                delivery.doubt = delivery.doubt.or(Some(Doubt::Young));
                if until.since_ms(spell::NOW) >= LIFETIME_MS {
                    delivery.due = Due::AfterLifetime;
                }
            }
            Settlement::Reshaped { form, via, text, cause: _ } => {
                (delivery.form, delivery.via) = (*form, *via);
                if *via == Via::Post {
                    delivery.target = None;
                }
                if let (Some(_), Some((turn, part))) = (text, delivery.text.last_word()) {
                    delivery.text = Text::Apology { turn, part };
                }
            }
            Settlement::NotNeeded | Settlement::GivenUp { .. } => {}
        }
        true
    }

    /// Every request that was on its way has died.
    pub fn lifetime_passes(&mut self) {
        for delivery in self.deliveries.iter_mut().filter(|delivery| delivery.state.is_open()) {
            delivery.doubt = delivery.doubt.map(|_| Doubt::Old);
            delivery.due = Due::Now;
        }
    }
}

fn new(turn: usize, kind: DeliveryKind, via: Via, text: Text) -> Delivery {
    Delivery {
        turn: turn as u8,
        kind,
        text,
        via,
        form: Form::Formatted,
        state: DeliveryState::Pending,
        attempts: 0,
        holder: None,
        target: None,
        doubt: None,
        due: Due::Now,
    }
}
