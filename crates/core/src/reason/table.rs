//! The table of reasons.

use serde::{Deserialize, Serialize};

use super::{macros::reasons, size, span};

reasons! {
    /// The agent ended with an error of its own.
    AgentFailed {
        /// The last line it wrote to stderr, shortened; empty if it said nothing.
        line: String = String::new(),
    } = "agent_failed",
        person: if line.is_empty() {
            "the agent ended with an error and did not say why. /retry asks it again."
        } else {
            line.as_str()
        },
        operator: "the agent exited with a code other than 0; its stderr says why";

    /// The agent was killed by a signal.
    AgentKilled {
        /// The signal's number.
        signal: i32 = 9,
    } = "agent_killed",
        person: "the agent died before it could answer. /retry asks it again.",
        operator: format!("the agent was killed by signal {signal}; 9 without a deadline is often a memory limit");

    /// The agent could not be started.
    AgentNotStarted {
        /// What the system said, for the operator.
        detail: String = "No such file or directory".into(),
    } = "agent_not_started",
        person: "the agent could not be started; the operator can see why.",
        operator: format!("the agent could not be started: {detail}; see `agents:` in the configuration");

    /// The agent ended well but said nothing.
    AgentSilent = "agent_silent",
        person: "the agent ended without an answer. /retry asks it again.",
        operator: "the agent exited with code 0 and wrote nothing to stdout";

    /// The agent wrote more than it may.
    OutputTooLarge {
        /// The limit.
        max_bytes: u64 = 1 << 20,
    } = "output_too_large",
        person: format!("the agent wrote more than {} and was ended. Ask for a shorter answer.", size(*max_bytes)),
        operator: format!("the agent wrote more than limits.output_bytes_max ({max_bytes}) and was ended");

    /// The agent showed no progress for too long.
    Idle {
        /// The deadline.
        after_ms: i64 = 300_000,
    } = "idle",
        person: format!(
            "the agent showed no sign of work for {} and was ended. /retry asks it again.",
            span(*after_ms)
        ),
        operator: format!("no progress within deadlines.idle ({after_ms} ms)");

    /// The turn took too long altogether.
    TooSlow {
        /// The deadline.
        after_ms: i64 = 3_600_000,
    } = "too_slow",
        person: format!(
            "the agent was not done after {} and was ended. Ask for less at once, or /retry.",
            span(*after_ms)
        ),
        operator: format!("not done within deadlines.total ({after_ms} ms)");

    /// The turn waited too long for a worker.
    QueuedTooLong {
        /// The deadline.
        after_ms: i64 = 600_000,
    } = "queued_too_long",
        person: format!("nobody was free to answer within {}. Please send it again.", span(*after_ms)),
        operator: format!(
            "head of its place for deadlines.queue ({after_ms} ms) and not claimed; is a worker running?"
        );

    /// The worker that ran the turn is gone, and the agent may not run twice.
    WorkerLost = "worker_lost",
        person: "the work on this was interrupted. What was done so far may stand; /retry asks again.",
        operator: "its worker died; set on_lost: replay if the agent may run twice";

    /// `/stop`.
    Stopped = "stopped",
        person: "stopped",
        operator: "somebody said /stop";

    /// The bridge was stopped before the agent finished.
    ShutDown = "shut_down",
        person: "the bridge was stopped before the agent was done. /retry asks it again.",
        operator: "shutdown_grace ended before the agent did";

    /// A backup was restored, and what was owed in it was not to be answered any more.
    Restored = "restored",
        person: "the bridge was set back to an earlier state. Please send it again.",
        operator: "it was owed in a backup that was restored without what was owed";

    /// Something of ours broke.
    Broken = "broken",
        person: "something broke inside the bridge; the operator can see what. /retry asks again.",
        operator: "a task of the worker panicked; the log has the panic, please report it";

    /// The agent that the turn was routed to is no longer configured.
    AgentUnknown {
        /// Its name.
        agent: String = "coder".into(),
    } = "agent_unknown",
        person: "the agent for this place is no longer there.",
        operator: format!("agent {agent:?} is not in this worker's configuration; it was when the message arrived");

    /// Nobody would start the processes again.
    Unsupervised = "unsupervised",
        person: "nobody would start me again: I run without a supervisor. Restart me where you started me.",
        operator: "`lastword bridge` and `lastword worker` run by themselves; `lastword run` supervises them";

    /// What would be started again would not take the configuration.
    RestartRefused = "restart_refused",
        person: "the configuration on the disk does not work, so nothing was restarted; the operator can see why.",
        operator: "what would be started does not take the configuration; `lastword check` says why";

    /// What was to be started again did not get ready.
    RestartFailed = "restart_failed",
        person: "what was to be started again does not get ready; the operator can see why.",
        operator: "the supervisor gave up after a /restart; the log says what the processes died of";

    /// No other build was changed to.
    NotUpdated {
        /// Why not, for people.
        why: String = "the build command failed; its output is in `update.log` of the state directory".into(),
    } = "not_updated",
        person: format!("nothing was changed: {why}."),
        operator: format!("an /update or /rollback changed nothing: {why}");

    /// A build did not prove itself.
    PutBack {
        /// What it calls itself.
        build: String = "0.2.0 (0123456789ab)".into(),
        /// What runs instead.
        runs: String = "0.1.0 (ba9876543210)".into(),
        /// Why.
        why: String = "it did not get ready".into(),
    } = "put_back",
        person: format!("build {build} did not prove itself, and {runs} is back: {why}."),
        operator: format!("an /update to {build} was taken back: {why}; the log says more");

    /// The sender is not on the account's list.
    NotAllowed = "not_allowed",
        person: "I may not talk to you yet.",
        operator: "the sender is not in the account's allow list; /whoami shows the id to add";

    /// The command is for admins.
    AdminsOnly {
        /// The command's name.
        command: String = "audit".into(),
    } = "admins_only",
        person: format!("/{command} is for admins."),
        operator: format!("/{command} by somebody who is not in the account's admins");

    /// There is no such command.
    CommandUnknown {
        /// What was typed.
        command: String = "statsu".into(),
        /// The nearest one there is.
        nearest: Option<String> = Some("status".into()),
    } = "command_unknown",
        person: match nearest {
            None => format!("there is no command /{command}. /help lists them."),
            Some(nearest) => format!("there is no command /{command}; did you mean /{nearest}? /help lists them."),
        },
        operator: format!("no command /{command}; see `commands:`");

    /// The command needs another argument.
    BadArgument {
        /// How it is used, without the slash.
        usage: String = "trace <turn>".into(),
    } = "bad_argument",
        person: format!("please write it like this: /{usage}"),
        operator: format!("a command with an argument that it can't read; its use is /{usage}");

    /// What an admin asked for could not be read.
    LookFailed {
        /// What the store said, for the operator.
        detail: String = "the store is unavailable: disk I/O error".into(),
    } = "look_failed",
        person: "this can't be looked up at the moment. Please ask again soon.",
        operator: format!("a look into the store failed: {detail}");

    /// There is no such turn, or not on this account.
    NoSuchTurn {
        /// The number that was asked for.
        turn: i64 = 12,
    } = "no_such_turn",
        person: format!("there is no turn {turn} here."),
        operator: format!("turn {turn} was never here, belongs to another account, or is past `retention`");

    /// No route leads to an agent.
    Unroutable = "unroutable",
        person: "no agent is set up for this place.",
        operator: "no route matches and there is no default; see `routes:`";

    /// Too many messages wait in this place.
    Busy {
        /// How many may wait.
        max: u32 = 50,
    } = "busy",
        person: format!("{max} messages are waiting here already. Please send it again when they are answered."),
        operator: format!("limits.queue_max ({max}) turns of this place are waiting");

    /// The message is longer than may be.
    TooLong {
        /// The limit.
        max_bytes: u64 = 256 << 10,
    } = "too_long",
        person: format!("this message is longer than {}. Please send less at once.", size(*max_bytes)),
        operator: format!("longer than limits.prompt_bytes_max ({max_bytes})");

    /// The message was written too long ago.
    TooOld {
        /// The limit.
        max_ms: i64 = 86_400_000,
    } = "too_old",
        person: format!("this message is more than {} old; please send it again.", span(*max_ms)),
        operator: format!("written longer ago than the account's max_update_age ({max_ms} ms)");

    /// The message holds nothing that an agent could read.
    Unsupported = "unsupported",
        person: "I can't read this kind of message yet; please send text.",
        operator: "a message without text";

    /// Of a message without text, none of the files could be had.
    NoFile {
        /// Why not, for people: a file's name and what is wrong with it.
        why: String = "`film.mp4` is larger than 20 MB".into(),
    } = "no_file",
        person: format!("I could not take what you sent: {why}."),
        operator: "a message without text whose files could not be fetched; the log says why";

    /// The store can't keep the message as it is.
    Unstorable = "unstorable",
        person: "I could not keep this message as it is; please write it differently.",
        operator: "the store refused what is in the message; the log says why";

    /// Nobody spoke to us: a group's own talk.
    NotAddressed = "not_addressed",
        person: "nothing was asked of me.",
        operator: "a message in a group that does not address us";

    /// Written by a bot, ours or another's.
    FromBot = "from_bot",
        person: "nothing was asked of me.",
        operator: "a message written by a bot";

    /// An edit, a deletion or another kind of update that asks nothing.
    NothingAsked {
        /// The kind.
        kind: String = "edited".into(),
    } = "nothing_asked",
        person: "nothing was asked of me.",
        operator: format!("an update of kind {kind:?} asks nothing");

    /// We were put out of a conversation or let into it, which asks nothing.
    StandingChanged {
        /// What was done.
        how: String = "kicked".into(),
    } = "standing_changed",
        person: "nothing was asked of me.",
        operator: format!("what the bot may do in the conversation changed: it was {how}");
}
