//! What answers in a story: it does what its prompt says, in virtual time.

use std::time::Duration;

use async_trait::async_trait;
use lastword_core::{
    agent::{Agent, AgentOutcome, AgentRequest, ProcessGroup, Progress, Report},
    faults::{self, Point},
    ids::{AgentId, Attempt},
    reason::Reason,
};
use lastword_tests::oracle::token;

/// A group that no machine has: nothing of it is ever left.
const NO_GROUP: ProcessGroup = ProcessGroup { pid: 0, started_ticks: 0 };

/// The agent of a story, by one of its configured names.
pub struct SimulatedAgent(AgentId);

impl SimulatedAgent {
    pub fn new(name: &str) -> Self {
        Self(AgentId::new(name))
    }
}

#[async_trait]
impl Agent for SimulatedAgent {
    fn id(&self) -> &AgentId {
        &self.0
    }

    async fn run(&self, request: &AgentRequest, report: &mut dyn Report) -> AgentOutcome {
        let wishes = Wishes::of(&request.prompt);
        if wishes.group {
            faults::point(Point::RunBeforeGroup);
            if report.started(NO_GROUP).await.is_err() {
                return AgentOutcome::Failed(Reason::WorkerLost);
            }
            faults::point(Point::RunAfterGroup);
        }
        let pieces = wishes.pieces + 1;
        for piece in 0..pieces {
            tokio::time::sleep(Duration::from_millis(wishes.wait_ms / pieces)).await;
            if piece < wishes.pieces {
                report.progressed(Progress::Text(format!("piece {piece} ")));
            }
        }
        if wishes.fails {
            return AgentOutcome::Failed(Reason::AgentFailed { line: "it had to".to_owned() });
        }
        AgentOutcome::Answered(answer(&request.prompt, wishes.parts, request.fence.attempt))
    }
}

/// What a prompt asks for: words such as `wait=300`, in any order.
struct Wishes {
    wait_ms: u64,
    pieces: u64,
    parts: u64,
    fails: bool,
    group: bool,
}

impl Wishes {
    fn of(prompt: &str) -> Self {
        let number = |name: &str| {
            let mut words = prompt.split_whitespace();
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        let has = |name: &str| prompt.split_whitespace().any(|word| word == name);
        Self {
            wait_ms: number("wait").unwrap_or(0),
            pieces: number("pieces").unwrap_or(0),
            parts: number("parts").unwrap_or(1),
            fails: has("fail"),
            group: has("group"),
        }
    }
}

/// One paragraph per part, each too long for a message to hold two; the last words hold the final form of every token.
fn answer(prompt: &str, parts: u64, attempt: Attempt) -> String {
    let tokens: Vec<&str> = prompt.lines().filter_map(token).collect();
    let done = tokens.iter().map(|token| final_form(token)).collect::<Vec<_>>().join(" ");
    let mut text = String::new();
    if let Some(token) = tokens.first() {
        for part in 1..parts {
            text.push_str(&format!("{:.<50}\n\n", part_mark(token, part)));
        }
    }
    text + done.as_str() + by_attempt(attempt).as_str()
}

/// Ends every answer: which attempt gave it.
pub fn by_attempt(attempt: Attempt) -> String {
    format!(" (attempt {attempt})")
}

/// What only the finished answer to a token holds.
pub fn final_form(token: &str) -> String {
    format!("done {token}")
}

/// What only this part of the answer to a token holds.
pub fn part_mark(token: &str, part: u64) -> String {
    format!("part {part} of {}", token.trim_start_matches('#'))
}
