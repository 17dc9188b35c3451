//! What every agent must keep.
//!
//! An implementer writes a [`Subject`], which makes agents that play a given [`Act`], and lets
//! [`agent_contract!`](crate::agent_contract) turn each function here into a test. Nothing here needs a runtime:
//! waiting is the subject's.

use async_trait::async_trait;
use futures_util::future::{Either, select};

use crate::{
    agent::{Agent, AgentOutcome, AgentRequest, NotCurrent, ProcessGroup, Progress, Report},
    reason::Reason,
};

/// How often a wait looks before it gives up.
const LOOKS_MAX: u32 = 3_000;

/// What an agent under test does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Answers with the prompt, byte by byte as it arrived.
    Echo,
    /// Writes these pieces, each on its own, notes that it acted, and ends well.
    Write(Vec<Vec<u8>>),
    /// Says this line as its error and ends badly.
    Fail(String),
    /// Dies without a word.
    Die,
    /// Ends well without a word.
    Silent,
    /// Writes for ever.
    Flood,
    /// Starts helpers that try to get away, notes that it acted, and waits for ever.
    Linger,
    /// Starts helpers that try to get away, notes that it acted, answers something and ends well.
    LeaveBehind,
}

/// An implementation under test. A new one is made for each test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// An agent that plays `act`, and writes at most [`Subject::output_bytes_max`].
    fn agent(&self, act: Act) -> Box<dyn Agent>;

    /// A request with this prompt, its directory there.
    fn request(&self, prompt: &str) -> AgentRequest;

    /// How much its agents may write.
    fn output_bytes_max(&self) -> u64;

    /// Whether a NUL and 100 KB can be part of a prompt.
    fn takes_any_prompt(&self) -> bool;

    /// Whether its agents are processes, so that [`Report::started`] is called.
    fn has_processes(&self) -> bool;

    /// Whether an agent noted that it acted.
    fn has_acted(&self) -> bool;

    /// Whether nothing is left of what the agents started: processes, connections.
    fn is_gone(&self) -> bool;

    /// Waits some milliseconds.
    async fn pause(&self);
}

/// Turns the contract into tests: `agent_contract!(block_on: path, subject: expression)`, where `block_on` runs a
/// future to its end on a runtime that the agent can live on, and the expression makes a [`Subject`].
#[macro_export]
macro_rules! agent_contract {
    (block_on: $block_on:path, subject: $subject:expr $(,)?) => {
        $crate::agent_contract!(@tests $block_on, $subject,
            the_progress_put_together_is_the_answer,
            a_prompt_arrives_as_it_was_written,
            nothing_acts_before_its_start_is_recorded,
            a_refused_start_runs_nothing,
            a_dropped_run_ends_all_that_it_started,
            a_finished_run_leaves_nothing_behind,
            every_failure_has_its_reason,
            output_is_bounded,
            broken_text_is_harmless,
        );
    };
    (@tests $block_on:path, $subject:expr, $($name:ident),+ $(,)?) => {$(
        #[test]
        fn $name() {
            $block_on(async { $crate::contract::agent::$name(&$subject).await });
        }
    )+};
}

/// Answers end with one outcome, and what was shown before is its beginning.
pub async fn the_progress_put_together_is_the_answer(subject: &impl Subject) {
    let pieces = [&b"one\n"[..], b"\ntwo ", b"  three", b"\n\n"].map(<[u8]>::to_vec).to_vec();
    let mut notes = Notes::new(subject);
    let outcome = subject.agent(Act::Write(pieces)).run(&subject.request("go"), &mut notes).await;
    assert_eq!(outcome, AgentOutcome::Answered("one\n\ntwo   three".into()));
    assert_eq!(notes.text, "one\n\ntwo   three");
    assert!(notes.signs > 0, "an answer is progress");
}

/// Whatever people write is data.
pub async fn a_prompt_arrives_as_it_was_written(subject: &impl Subject) {
    let mut prompts = vec![
        "\"double\" 'single' `touch x` $(touch x) ; touch x | & > x \\ %s {prompt} ~ * !".to_owned(),
        "first line\n\n\tsecond line\n.".to_owned(),
        "שלום עולם، مرحبا, 👩‍👩‍👧‍👦 e\u{301} \u{feff}.".to_owned(),
    ];
    if subject.takes_any_prompt() {
        prompts.push(format!("{}.", "a line of a long prompt €\n".repeat(4_000)));
    }
    for prompt in &prompts {
        let outcome = subject.agent(Act::Echo).run(&subject.request(prompt), &mut Notes::new(subject)).await;
        assert_eq!(outcome, AgentOutcome::Answered(prompt.clone()));
    }
    if subject.takes_any_prompt() {
        // It arrives, but no answer shows it.
        let outcome = subject.agent(Act::Echo).run(&subject.request("a\0b"), &mut Notes::new(subject)).await;
        assert_eq!(outcome, AgentOutcome::Answered("ab".into()));
    }
}

/// `started` returns before the agent acts, however long it takes.
pub async fn nothing_acts_before_its_start_is_recorded(subject: &impl Subject) {
    let mut notes = Notes::new(subject);
    notes.hesitates = true;
    let outcome = subject.agent(Act::Write(vec![b"done".to_vec()])).run(&subject.request("go"), &mut notes).await;
    assert_eq!(outcome, AgentOutcome::Answered("done".into()));
    assert_eq!(!notes.groups.is_empty(), subject.has_processes());
    assert!(subject.has_acted());
}

/// An attempt that is no longer current does nothing, and still ends with a reason.
pub async fn a_refused_start_runs_nothing(subject: &impl Subject) {
    if !subject.has_processes() {
        return;
    }
    let mut notes = Notes::new(subject);
    notes.refuses = true;
    let outcome = subject.agent(Act::Write(vec![b"done".to_vec()])).run(&subject.request("go"), &mut notes).await;
    assert!(matches!(outcome, AgentOutcome::Failed(_)), "{outcome:?}");
    eventually(subject, "the group is gone", || subject.is_gone()).await;
    assert!(!subject.has_acted(), "a refused start ran the agent");
    assert_eq!(notes.text, "");
}

/// Dropping the future ends everything, helpers that tried to get away too.
pub async fn a_dropped_run_ends_all_that_it_started(subject: &impl Subject) {
    let (agent, request, mut notes) = (subject.agent(Act::Linger), subject.request("go"), Notes::new(subject));
    let run = agent.run(&request, &mut notes);
    let acted = Box::pin(eventually(subject, "the agent acts", || subject.has_acted()));
    match select(run, acted).await {
        Either::Left((outcome, _)) => panic!("it should have waited for ever: {outcome:?}"),
        Either::Right(((), run)) => {
            assert!(!subject.is_gone(), "nothing was started that could be ended");
            drop(run);
        }
    }
    eventually(subject, "everything is gone", || subject.is_gone()).await;
}

/// The end of an agent is the end of its helpers, and none of them holds the turn up.
pub async fn a_finished_run_leaves_nothing_behind(subject: &impl Subject) {
    let outcome = subject.agent(Act::LeaveBehind).run(&subject.request("go"), &mut Notes::new(subject)).await;
    assert!(matches!(outcome, AgentOutcome::Answered(_)), "{outcome:?}");
    assert!(subject.has_acted());
    eventually(subject, "everything is gone", || subject.is_gone()).await;
}

/// No failure is silent, and no silence is an answer.
pub async fn every_failure_has_its_reason(subject: &impl Subject) {
    let fails = Act::Fail("the model is overloaded".into());
    let failed = AgentOutcome::Failed(Reason::AgentFailed { line: "the model is overloaded".into() });
    assert_eq!(subject.agent(fails).run(&subject.request("go"), &mut Notes::new(subject)).await, failed);
    let silent = subject.agent(Act::Silent).run(&subject.request("go"), &mut Notes::new(subject)).await;
    assert_eq!(silent, AgentOutcome::Failed(Reason::AgentSilent));
    match subject.agent(Act::Die).run(&subject.request("go"), &mut Notes::new(subject)).await {
        AgentOutcome::Failed(Reason::AgentKilled { .. }) => assert!(subject.has_processes()),
        AgentOutcome::Failed(Reason::AgentFailed { .. }) => assert!(!subject.has_processes()),
        other => panic!("an agent that died: {other:?}"),
    }
}

/// An agent that never stops writing is ended at its limit, and no more than that was passed on.
pub async fn output_is_bounded(subject: &impl Subject) {
    let mut notes = Notes::new(subject);
    let outcome = subject.agent(Act::Flood).run(&subject.request("go"), &mut notes).await;
    let max_bytes = subject.output_bytes_max();
    assert_eq!(outcome, AgentOutcome::Failed(Reason::OutputTooLarge { max_bytes }));
    assert!(notes.text.len() as u64 <= max_bytes, "{} bytes were passed on", notes.text.len());
    eventually(subject, "the flood ends", || subject.is_gone()).await;
}

/// Bytes that are no text, and characters that arrive in two pieces.
pub async fn broken_text_is_harmless(subject: &impl Subject) {
    let pieces = [&b"a\xff\xe2\x82"[..], b"\xac\xf0\x9f", b"\x98\x80 \xc3", b"."].map(<[u8]>::to_vec).to_vec();
    let mut notes = Notes::new(subject);
    let outcome = subject.agent(Act::Write(pieces)).run(&subject.request("go"), &mut notes).await;
    assert_eq!(outcome, AgentOutcome::Answered("a\u{fffd}€😀 \u{fffd}.".into()));
    assert_eq!(notes.text, "a\u{fffd}€😀 \u{fffd}.");
}

/// Waits until `holds`, or fails.
async fn eventually(subject: &impl Subject, what: &str, holds: impl Fn() -> bool) {
    for _ in 0..LOOKS_MAX {
        if holds() {
            return;
        }
        subject.pause().await;
    }
    panic!("not within {LOOKS_MAX} looks: {what}");
}

/// A report that remembers, and can hesitate or refuse.
struct Notes<'a, S> {
    subject: &'a S,
    groups: Vec<ProcessGroup>,
    text: String,
    signs: u32,
    hesitates: bool,
    refuses: bool,
}

impl<'a, S: Subject> Notes<'a, S> {
    fn new(subject: &'a S) -> Self {
        Self { subject, groups: Vec::new(), text: String::new(), signs: 0, hesitates: false, refuses: false }
    }
}

#[async_trait]
impl<S: Subject> Report for Notes<'_, S> {
    async fn started(&mut self, group: ProcessGroup) -> Result<(), NotCurrent> {
        assert!(self.text.is_empty() && self.signs == 0, "progress before the start");
        assert!(group.pid > 1, "{group:?} is no group");
        if self.hesitates {
            for _ in 0..20 {
                assert!(!self.subject.has_acted(), "the agent acted before its start was recorded");
                self.subject.pause().await;
            }
        }
        self.groups.push(group);
        if self.refuses { Err(NotCurrent) } else { Ok(()) }
    }

    fn progressed(&mut self, progress: Progress) {
        self.signs += 1;
        if let Progress::Text(piece) = progress {
            self.text.push_str(&piece);
        }
    }
}
