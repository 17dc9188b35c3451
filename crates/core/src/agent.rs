//! The seam between the worker and what answers: a command, an ACP agent, a model endpoint.
//!
//! Contract: an agent runs one attempt per call, reports every sign of progress, never outlives the future it returned
//! (dropping the future ends it, with everything it started), and ends with exactly one [`AgentOutcome`].

use std::{collections::BTreeMap, path::PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{AgentId, Fence, Place},
    reason::Reason,
};

/// What answers.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// The configured name.
    fn id(&self) -> &AgentId;

    /// Runs one attempt of one turn to its end.
    ///
    /// Cancel-safe in one sense: dropping the future kills whatever was started for it.
    async fn run(&self, request: &AgentRequest, report: &mut dyn Report) -> AgentOutcome;
}

/// One attempt of one turn, as an agent sees it. Everything in it that people wrote is data.
#[derive(Clone, Debug)]
pub struct AgentRequest {
    /// The turn and its attempt.
    pub fence: Fence,
    /// Where the answer goes.
    pub place: Place,
    /// What was asked.
    pub prompt: String,
    /// The asking person's display name, if the network gave one.
    pub sender_name: Option<String>,
    /// The working directory: exists, private to this place and session, with `inbox/` and `outbox/` in it.
    pub directory: PathBuf,
    /// Facts about the bridge for agents that are told about it (the demo agent), by name.
    pub about: BTreeMap<String, String>,
}

/// How an agent tells the worker what it does.
#[async_trait]
pub trait Report: Send {
    /// A process group was started for this attempt. Returns once it is recorded; only then may the agent act.
    /// An `Err` says that it could not be recorded or that the attempt is no longer current: end the group.
    async fn started(&mut self, group: ProcessGroup) -> Result<(), NotCurrent>;

    /// Output or a sign of work. Never blocks; the receiver coalesces.
    fn progressed(&mut self, progress: Progress);
}

/// The attempt may not go on: somebody else decided the turn, or its start could not be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this attempt is no longer current")]
pub struct NotCurrent;

/// Evidence of progress; only this moves the idle deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A piece of the answer, to be appended to what came before.
    Text(String),
    /// A tool call, a plan step: something was done, nothing is to be shown yet.
    Step,
}

/// A process group, named so that it can be confirmed gone even after its number was given away again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessGroup {
    /// The id of the group and of its leader.
    pub pid: i32,
    /// When the leader started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`); 0 where unknown.
    pub started_ticks: u64,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentOutcome {
    /// With an answer: Markdown, complete, whatever was reported as progress before.
    Answered(String),
    /// Without one.
    Failed(Reason),
}
