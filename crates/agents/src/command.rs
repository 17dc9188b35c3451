//! The command agent: any program, run under the [shim](crate::shim) in its own directory and environment.
//!
//! Guarantees: the prompt and everything else that people wrote reaches the program as data, never through a shell;
//! nothing of our environment but an allowlist does; the answer is what it wrote to stdout, as valid text without
//! terminal codes, and memory stays within the limit whatever it writes; nothing that it started outlives the attempt.
//!
//! * Exit code 0 is an answer; an empty one is [`Reason::AgentSilent`]. Any other code is [`Reason::AgentFailed`] with
//!   the last line of stderr.
//! * stderr is progress too: some agents work for minutes and say so only there.

mod arguments;
mod environment;
mod settings;

use std::{future::pending, time::Duration};

use async_trait::async_trait;
use lastword_core::{
    agent::{Agent, AgentOutcome, AgentRequest, Progress, Report},
    faults::{self, Point},
    ids::AgentId,
    reason::Reason,
};
use tokio::{io::AsyncReadExt, time::sleep};
use tokio_util::task::TaskTracker;

pub use arguments::ARGUMENT_BYTES_MAX;
pub use settings::{CommandSettings, ENV_ALLOWED, OUTPUT_BYTES_MAX, PromptBy};

use crate::{
    shim::{Run, Start, Status},
    text::{Answer, Tail},
};

/// Size of one read.
const READ_BYTES: usize = 16 * 1024;
/// How long output may still come after the shim has ended. Its end closes the pipes, unless something that nobody may
/// kill holds them.
const DRAIN_MS: u64 = 2_000;

/// Runs one configured program, once per attempt.
#[derive(Debug)]
pub struct CommandAgent {
    settings: CommandSettings,
    shims: TaskTracker,
}

impl CommandAgent {
    /// An agent that runs what `settings` say. See [`CommandSettings::problems`] for what can be wrong with them; an
    /// agent with wrong settings fails each attempt with [`Reason::AgentNotStarted`].
    #[must_use]
    pub fn new(settings: CommandSettings) -> Self {
        Self { settings, shims: TaskTracker::new() }
    }

    /// Waits until every shim that this agent started has ended, dropped runs included. For an orderly stop.
    pub async fn settled(&self) {
        self.shims.close();
        self.shims.wait().await;
        self.shims.reopen();
    }

    fn start(&self, request: &AgentRequest) -> Result<Run, Reason> {
        let not_started = |detail: String| Reason::AgentNotStarted { detail };
        if let Some(problem) = self.settings.problems().into_iter().next() {
            return Err(not_started(problem));
        }
        if !request.directory.is_dir() {
            return Err(not_started(format!("the working directory {} is not there", request.directory.display())));
        }
        let start = Start {
            shim: &self.settings.shim,
            argv: arguments::argv(&self.settings, &request.prompt)?,
            directory: &request.directory,
            env: environment::environment(&self.settings, request, |name| std::env::var_os(name)),
        };
        Run::start(&start, &self.shims).map_err(|error| {
            let shim = self.settings.shim.first().map(|shim| shim.to_string_lossy().into_owned()).unwrap_or_default();
            not_started(format!("the shim {shim} for {}: {error}", self.settings.program))
        })
    }
}

#[async_trait]
impl Agent for CommandAgent {
    fn id(&self) -> &AgentId {
        &self.settings.id
    }

    async fn run(&self, request: &AgentRequest, report: &mut dyn Report) -> AgentOutcome {
        let mut run = match self.start(request) {
            Ok(run) => run,
            Err(reason) => return AgentOutcome::Failed(reason),
        };
        faults::point(Point::RunBeforeGroup);
        if let Err(refused) = report.started(run.group).await {
            run.end().await;
            return AgentOutcome::Failed(Reason::AgentNotStarted { detail: refused.to_string() });
        }
        faults::point(Point::RunAfterGroup);
        let prompt = match self.settings.prompt {
            PromptBy::Stdin => request.prompt.as_bytes(),
            PromptBy::Argument => &[],
        };
        match listen(&mut run, prompt, self.settings.output_bytes_max, report).await {
            Ok((heard, ended)) => heard.outcome(ended),
            Err(too_large) => {
                run.end().await;
                AgentOutcome::Failed(too_large)
            }
        }
    }
}

/// What an agent said until it ended.
#[derive(Default)]
struct Heard {
    answer: Answer,
    stderr: Tail,
}

impl Heard {
    fn outcome(mut self, ended: Status) -> AgentOutcome {
        let reason = match ended {
            Status::Exited(0) => match self.answer.into_text() {
                answer if answer.is_empty() => Reason::AgentSilent,
                answer => return AgentOutcome::Answered(answer),
            },
            Status::Exited(_) => Reason::AgentFailed { line: self.stderr.last_line() },
            Status::Killed(signal) => Reason::AgentKilled { signal },
            Status::NotStarted(detail) => Reason::AgentNotStarted { detail },
        };
        AgentOutcome::Failed(reason)
    }
}

/// Feeds the prompt and hears the agent out, to its end or to the limit; the prompt waits for the agent, nothing waits
/// for the prompt.
async fn listen(
    run: &mut Run,
    prompt: &[u8],
    output_bytes_max: u64,
    report: &mut dyn Report,
) -> Result<(Heard, Status), Reason> {
    let Run { lifeline, stdout, stderr, exit, .. } = run;
    let mut heard = Heard::default();
    let mut ended = None;
    {
        let feeding = async {
            // An agent need not read its prompt.
            if lifeline.feed(prompt).await.is_ok() {
                let _ = lifeline.close().await;
            }
            pending::<()>().await;
        };
        let draining = async {
            let status = exit.wait().await;
            ended = Some(status);
            sleep(Duration::from_millis(DRAIN_MS)).await;
        };
        tokio::pin!(feeding, draining);
        let (mut out, mut err) = (vec![0; READ_BYTES], vec![0; READ_BYTES]);
        let (mut out_is_open, mut err_is_open, mut out_bytes) = (true, true, 0u64);
        while out_is_open || err_is_open {
            tokio::select! {
                () = &mut feeding => {}
                () = &mut draining => break,
                read = stdout.read(&mut out), if out_is_open => {
                    let read = read.unwrap_or(0);
                    out_is_open = read > 0;
                    out_bytes += read as u64;
                    if out_bytes > output_bytes_max {
                        return Err(Reason::OutputTooLarge { max_bytes: output_bytes_max });
                    }
                    if read > 0 {
                        report.progressed(heard.answer.push(&out[..read]).map_or(Progress::Step, Progress::Text));
                    }
                }
                read = stderr.read(&mut err), if err_is_open => {
                    let read = read.unwrap_or(0);
                    err_is_open = read > 0;
                    heard.stderr.push(&err[..read]);
                    if read > 0 {
                        report.progressed(Progress::Step);
                    }
                }
            }
        }
    }
    if let Some(rest) = heard.answer.finish() {
        report.progressed(Progress::Text(rest));
    }
    let status = match ended {
        Some(status) => status,
        None => exit.wait().await,
    };
    let said = lifeline.last_line().await;
    // Without its last line the shim was killed itself, and the agent with it.
    let killed = || Status::Killed(status.and_then(|status| signal_of(&status)).unwrap_or(9));
    Ok((heard, said.unwrap_or_else(killed)))
}

fn signal_of(status: &std::process::ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(status)
}
