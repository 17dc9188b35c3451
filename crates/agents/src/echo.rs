//! The echo agent: answers with what it was asked, in the worker's own process.
//!
//! For trying out routes without starting anything, and for benchmarks: what it measures is the bridge alone.

use async_trait::async_trait;
use lastword_core::{
    agent::{Agent, AgentOutcome, AgentRequest, Report},
    ids::AgentId,
};

/// Answers with the prompt, at once.
#[derive(Clone, Debug)]
pub struct EchoAgent {
    id: AgentId,
}

impl EchoAgent {
    /// An agent of this name.
    #[must_use]
    pub fn new(id: AgentId) -> Self {
        Self { id }
    }
}

#[async_trait]
impl Agent for EchoAgent {
    fn id(&self) -> &AgentId {
        &self.id
    }

    async fn run(&self, request: &AgentRequest, _report: &mut dyn Report) -> AgentOutcome {
        AgentOutcome::Answered(request.prompt.clone())
    }
}
