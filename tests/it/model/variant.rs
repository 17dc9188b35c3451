//! What is checked: a network, what is asked of it, what may go wrong, and at most one planted bug.

use lastword_core::{
    capability::{Capabilities, EditSupport, Idempotency, ReplyShape, TextLimit, TextUnit},
    decide::deliver::UnknownPolicy,
    faults,
    store::OnLost,
};

/// How long a request lives in the network. Much longer than any trace takes otherwise, so that only
/// [`super::action::Action::LifetimePasses`] makes a doubt old enough to be resolved.
pub const LIFETIME_MS: i64 = 10 * 3_600_000;

/// One thing to be checked.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What it is, as a heading.
    pub name: &'static str,
    /// What stops a repeated post from showing twice.
    pub idempotency: Idempotency,
    /// Whether replies are edits of a placeholder.
    pub has_placeholder: bool,
    /// Whether the placeholder shows progress.
    pub shows_progress: bool,
    /// What follows a doubtful post where the network can't help.
    pub unknown: UnknownPolicy,
    /// What becomes of a running turn whose worker is lost.
    pub on_lost: OnLost,
    /// The messages, in order, all to one place: how many parts the answer to each has.
    pub answers: &'static [u8],
    /// Whether a process may be frozen with a request in hand for longer than a request lives in the network.
    pub freezes_outlast_requests: bool,
    /// How often each thing may go wrong.
    pub faults: Faults,
    /// What is built wrongly.
    pub bug: Option<Bug>,
}

/// How often each thing may go wrong, or merely happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A process dies.
    pub crashes: u8,
    /// A process stands still for so long that it is decided as lost, and goes on later.
    pub freezes: u8,
    /// The network loses a request or its answer.
    pub losses: u8,
    /// The network refuses a request for now.
    pub refusals: u8,
    /// The network refuses the content of a request.
    pub invalids: u8,
    /// A person deletes a message of ours that is not a last word.
    pub deletions: u8,
    /// A commit of a write that is idempotent by its key stands, but who asked for it never hears so.
    pub unheard: u8,
    /// The same for the claim of a turn.
    pub unheard_claims: u8,
    /// The same for the claim of a delivery.
    pub unheard_takes: u8,
    /// A sweep finds a turn past a deadline.
    pub deadlines: u8,
    /// An agent shows progress.
    pub progress: u8,
    /// An agent fails.
    pub failures: u8,
}

/// What can be built wrongly. Each must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bug {
    /// One that the shipping code can be built with.
    Planted(faults::Bug),
    /// An update that was accepted already is accepted again.
    NoInbox,
    /// Whatever is due leaves, whatever precedes it.
    NoLanes,
    /// A doubtful post is looked up while its request may still be on its way.
    ReadBackTooEarly,
    /// Without a recorded placeholder the last word is posted afresh.
    FreshTerminal,
    /// The last word waits for no progress edit, and is not asserted again.
    UnguardedProgress,
    /// The last word waits for its own process's progress edits, but is not asserted again.
    NoAssertion,
}

impl Variant {
    /// One message, answered in one part, on a network where edits are idempotent, without any fault.
    pub const fn edits(name: &'static str) -> Self {
        Self {
            name,
            idempotency: Idempotency::EditOnly,
            has_placeholder: true,
            shows_progress: false,
            unknown: UnknownPolicy::Resend,
            on_lost: OnLost::Error,
            answers: &[1],
            freezes_outlast_requests: true,
            faults: Faults {
                crashes: 0,
                freezes: 0,
                losses: 0,
                refusals: 0,
                invalids: 0,
                deletions: 0,
                unheard: 0,
                unheard_claims: 0,
                unheard_takes: 0,
                deadlines: 0,
                progress: 0,
                failures: 0,
            },
            bug: None,
        }
    }

    /// The same on a network without placeholders, where this stops a post from showing twice.
    pub const fn posts(name: &'static str, idempotency: Idempotency) -> Self {
        Self { idempotency, has_placeholder: false, ..Self::edits(name) }
    }

    /// The network remembers our keys for as long as it takes.
    pub const NATIVE: Idempotency = Idempotency::Native { remembered_for_ms: 1_000 * LIFETIME_MS };

    pub fn has_bug(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub fn has_planted(&self, bug: faults::Bug) -> bool {
        self.has_bug(Bug::Planted(bug))
    }

    /// Has core itself, on this thread, built as this variant says.
    pub fn plant(&self) {
        let planted = self.bug.and_then(|bug| if let Bug::Planted(planted) = bug { Some(planted) } else { None });
        faults::plant(planted);
    }

    /// What core is told about the conversation.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities {
            text_max: TextLimit { max: 4_096, unit: TextUnit::Utf16 },
            edits: self.has_placeholder.then_some(EditSupport { interval_min_ms: 1_000, account_interval_min_ms: 0 }),
            idempotency: self.idempotency,
            request_lifetime_ms: LIFETIME_MS,
            is_streamed: false,
            keeps_unacked: true,
            journals_unacked: false,
            drafts: false,
            streams: None,
            files: None,
        }
    }

    /// How replies are posted, as core decides it.
    pub fn shape(&self) -> ReplyShape {
        self.capabilities().reply_shape(self.has_placeholder)
    }
}

impl Faults {
    /// What may go wrong at all may go wrong `more` times more often.
    pub fn more_often(self, more: u8) -> Self {
        let grown = |times: u8| if times == 0 { 0 } else { times + more };
        Self {
            crashes: grown(self.crashes),
            freezes: grown(self.freezes),
            losses: grown(self.losses),
            progress: grown(self.progress),
            ..self
        }
    }

    /// What is left after one more.
    pub fn minus(self, price: Self) -> Self {
        Self {
            crashes: self.crashes - price.crashes,
            freezes: self.freezes - price.freezes,
            losses: self.losses - price.losses,
            refusals: self.refusals - price.refusals,
            invalids: self.invalids - price.invalids,
            deletions: self.deletions - price.deletions,
            unheard: self.unheard - price.unheard,
            unheard_claims: self.unheard_claims - price.unheard_claims,
            unheard_takes: self.unheard_takes - price.unheard_takes,
            deadlines: self.deadlines - price.deadlines,
            progress: self.progress - price.progress,
            failures: self.failures - price.failures,
        }
    }
}
