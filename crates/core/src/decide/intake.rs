//! What becomes of an update: dropped with a reason, refused with a hint, answered at once, or queued for an agent.
//!
//! Nothing is dropped in silence: every way out carries a [`Reason`] or owes a last word.

use crate::{
    alert::Messaging,
    capability::ReplyShape,
    decide::{
        command::{self, Access, BuiltIn, Typed},
        policy::{CustomCommand, Policy},
        split,
    },
    ids::{AgentId, DeliveryId, Timestamp, TurnId},
    reason::Reason,
    store::{Asked, HintRule, Intake, NewTurn, Operation, PlaceCommand, Restart},
    update::{Message, Update, UpdateKind},
};

/// The least time between two hints to somebody who is refused, in milliseconds.
pub const HINT_EVERY_MS: i64 = 3_600_000;

/// The most characters of a reason that an admin gives.
const WHY_CHARS_MAX: usize = 200;

/// Ends an answer that would not fit into one message.
const SHORTENED: &str = "… (shortened)";

/// What is decided about an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Everything is known.
    Ready(Intake),
    /// The answer has to be looked up first; its text becomes an [`Intake::Answer`] to `asked`.
    Look {
        /// Who asked, and where.
        asked: Asked,
        /// What to look up.
        look: Look,
    },
}

/// What somebody asks to see. The answer holds nothing that people or agents wrote; what networks said stands in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What happened to a turn of the asker's account.
    Trace(TurnId),
    /// Whether every rule of the store holds.
    Audit,
    /// The open alerts.
    Alerts,
    /// How the accounts are doing.
    Accounts,
    /// What the asker's account has on its way.
    Outbox,
    /// Which builds run.
    Version,
    /// What one process logged last, or all of them.
    Logs(Option<Logger>),
}

/// A process that logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logger {
    /// Which starts the others.
    Supervisor,
    /// Which talks to networks.
    Bridge,
    /// Which runs agents.
    Worker,
}

impl Logger {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Supervisor, Self::Bridge, Self::Worker];

    /// As admins and the names of files spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Bridge => "bridge",
            Self::Worker => "worker",
        }
    }
}

/// Decides about one update. `about` are lines on the bridge for `/status`, written by who knows them.
#[must_use]
pub fn intake(policy: &Policy, shape: ReplyShape, about: &str, update: &Update) -> Decision {
    match message(policy, shape, update) {
        Ok((asked, message)) => match command::parse(&message.text) {
            Some(typed) => answer_command(policy, about, update, asked, message, typed),
            None => Decision::Ready(match policy.route(update) {
                Some(agent) => queue(policy, asked.text.clone(), agent, asked, message),
                None => error(asked, Reason::Unroutable),
            }),
        },
        Err(no) => Decision::Ready(*no),
    }
}

/// A message that somebody who may sent to us, or what becomes of the update otherwise.
fn message<'u>(policy: &Policy, shape: ReplyShape, update: &'u Update) -> Result<(Asked, &'u Message), Box<Intake>> {
    let drop = |reason| Err(Box::new(Intake::Drop(reason)));
    let message = match &update.kind {
        UpdateKind::Posted(message) => message,
        UpdateKind::Edited(_) => return drop(Reason::NothingAsked { kind: "edited".into() }),
        UpdateKind::Deleted(_) => return drop(Reason::NothingAsked { kind: "deleted".into() }),
        UpdateKind::Barred { how } | UpdateKind::Admitted { how } => {
            return drop(Reason::StandingChanged { how: how.clone() });
        }
        UpdateKind::Other { name } => return drop(Reason::NothingAsked { kind: name.clone() }),
    };
    if update.sender.is_bot {
        return drop(Reason::FromBot);
    }
    if !message.is_addressed {
        return drop(Reason::NotAddressed);
    }
    let asked = asked(shape, update, message);
    if !policy.allows(update) {
        let hint = HintRule { text: refusal(update), every_ms: HINT_EVERY_MS };
        return Err(Box::new(Intake::Refuse { asked, reason: Reason::NotAllowed, hint }));
    }
    if message.text.len() as u64 > policy.prompt_bytes_max {
        let reason = Reason::TooLong { max_bytes: policy.prompt_bytes_max };
        // The text is over the limit: what is kept of it is only enough to recognise it.
        let text = asked.text.chars().take(200).collect();
        return Err(Box::new(error(Asked { text, ..asked }, reason)));
    }
    if command::trim(&message.text).is_empty() && message.files.is_empty() {
        return Err(Box::new(error(asked, Reason::Unsupported)));
    }
    Ok((asked, message))
}

fn answer_command(
    policy: &Policy,
    about: &str,
    update: &Update,
    asked: Asked,
    message: &Message,
    typed: Typed<'_>,
) -> Decision {
    let Some(command) = BuiltIn::named(typed.name) else {
        return Decision::Ready(answer_custom(policy, update, asked, message, typed));
    };
    let is_admin = policy.is_admin(update);
    if command.access() == Access::Admins && !is_admin {
        return Decision::Ready(error(asked, Reason::AdminsOnly { command: command.name().into() }));
    }
    let answer = |asked, text| said(asked, text, None);
    Decision::Ready(match command {
        BuiltIn::Help => answer(asked, help(policy, is_admin)),
        BuiltIn::WhoAmI => answer(asked, who_am_i(policy, update)),
        BuiltIn::Status => Intake::Command { asked, command: PlaceCommand::Status { about: about.into() } },
        BuiltIn::New => Intake::Command { asked, command: PlaceCommand::New },
        BuiltIn::Stop => Intake::Command { asked, command: PlaceCommand::Stop },
        BuiltIn::Outbox => return outbox(asked, typed.args),
        BuiltIn::Pause => Intake::Command { asked, command: PlaceCommand::Pause { why: why(typed.args) } },
        BuiltIn::Resume => Intake::Command { asked, command: PlaceCommand::Resume },
        BuiltIn::Retry => Intake::Command { asked, command: PlaceCommand::Retry { queue_max: policy.queue_max } },
        BuiltIn::Audit => return Decision::Look { asked, look: Look::Audit },
        BuiltIn::Alerts => return Decision::Look { asked, look: Look::Alerts },
        BuiltIn::Accounts => return Decision::Look { asked, look: Look::Accounts },
        BuiltIn::Messaging => match messaging(policy, typed.args) {
            Some(command) => Intake::Command { asked, command },
            None => error(asked, Reason::BadArgument { usage: command.usage().into() }),
        },
        BuiltIn::Logs => match logger(typed.args) {
            Some(of) => return Decision::Look { asked, look: Look::Logs(of) },
            None => error(asked, Reason::BadArgument { usage: command.usage().into() }),
        },
        BuiltIn::Version => return Decision::Look { asked, look: Look::Version },
        BuiltIn::Restart | BuiltIn::Update | BuiltIn::Rollback => match operation(command, typed.args) {
            None => error(asked, Reason::BadArgument { usage: command.usage().into() }),
            Some(_) if !policy.is_supervised => error(asked, Reason::Unsupervised),
            Some(operation) => Intake::Command { asked, command: PlaceCommand::Operate(operation) },
        },
        BuiltIn::Trace => match typed.args.trim_start_matches('#').parse() {
            Ok(turn) => return Decision::Look { asked, look: Look::Trace(TurnId(turn)) },
            Err(_) => error(asked, Reason::BadArgument { usage: command.usage().into() }),
        },
    })
}

/// What is to be done with the processes; all of them are started again, if none is named.
fn operation(command: BuiltIn, args: &str) -> Option<Operation> {
    match (command, args) {
        (BuiltIn::Update, "") => Some(Operation::Update),
        (BuiltIn::Rollback, "") => Some(Operation::Rollback),
        (BuiltIn::Restart, "") => Some(Operation::Restart(Restart::All)),
        (BuiltIn::Restart, named) => Restart::named(&named.to_ascii_lowercase()).map(Operation::Restart),
        _ => None,
    }
}

/// `/messaging`, or with a level, or `default` for the configured one.
fn messaging(policy: &Policy, args: &str) -> Option<PlaceCommand> {
    let change = match args.to_ascii_lowercase().as_str() {
        "" => None,
        "default" => Some(None),
        level => Some(Some(Messaging::named(level)?)),
    };
    Some(PlaceCommand::Messaging { change, configured: policy.messaging })
}

/// Whose log is meant; `Some(None)` is everybody's.
fn logger(args: &str) -> Option<Option<Logger>> {
    let named = |who: &&Logger| who.as_str().eq_ignore_ascii_case(args);
    if args.is_empty() { Some(None) } else { Logger::ALL.iter().find(named).map(|who| Some(*who)) }
}

/// `/outbox`, `/outbox retry <id>` or `/outbox drop <id> <reason>`.
fn outbox(asked: Asked, args: &str) -> Decision {
    let mut words = args.splitn(3, char::is_whitespace);
    let (verb, id, rest) = (words.next().unwrap_or_default(), words.next(), words.next().and_then(why));
    let delivery = id.and_then(|id| id.trim_start_matches('#').parse().ok()).map(DeliveryId);
    let command = match (verb, delivery, rest) {
        ("", ..) => return Decision::Look { asked, look: Look::Outbox },
        ("retry", Some(delivery), None) => PlaceCommand::SendAgain { delivery },
        ("drop", Some(delivery), Some(reason)) => PlaceCommand::Drop { delivery, reason },
        _ => return Decision::Ready(error(asked, Reason::BadArgument { usage: BuiltIn::Outbox.usage().into() })),
    };
    Decision::Ready(Intake::Command { asked, command })
}

/// What somebody gave as their reason, in one line that is not too long; `None` if they gave none.
fn why(args: &str) -> Option<String> {
    let line = args.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then(|| line.chars().take(WHY_CHARS_MAX).collect())
}

fn answer_custom(policy: &Policy, update: &Update, asked: Asked, message: &Message, typed: Typed<'_>) -> Intake {
    match custom(policy, typed.name) {
        Some(command) if command.is_for_admins && !policy.is_admin(update) => {
            error(asked, Reason::AdminsOnly { command: command.name.clone() })
        }
        Some(command) => match command.agent.as_ref().or_else(|| policy.route(update)) {
            Some(agent) => queue(policy, command.prompt(typed.args), agent, asked, message),
            None => error(asked, Reason::Unroutable),
        },
        None => {
            let nearest = nearest(policy, typed.name);
            error(asked, Reason::CommandUnknown { command: typed.name.into(), nearest })
        }
    }
}

fn queue(policy: &Policy, prompt: String, agent: &AgentId, asked: Asked, message: &Message) -> Intake {
    let Some(how) = policy.agents.get(agent) else {
        return error(asked, Reason::Unroutable);
    };
    Intake::Turn(NewTurn {
        asked,
        agent: agent.clone(),
        prompt,
        files: message.files.clone(),
        on_lost: how.on_lost,
        may_collect: how.may_collect,
        queue_max: policy.queue_max,
    })
}

/// An update that is answered at once with why not.
#[must_use]
pub fn error(asked: Asked, reason: Reason) -> Intake {
    said(asked, reason.last_word(), Some(reason))
}

/// An answer that fits into one message.
fn said(asked: Asked, text: String, reason: Option<Reason>) -> Intake {
    let text = split::head(&text, asked.shape.text_max, SHORTENED);
    Intake::Answer { asked, text, reason }
}

/// What was asked longer ago than `max_ms` is not done any more: whoever asked is told to ask again.
///
/// `now` and when it was sent are on different clocks, so the limit is no fine one.
#[must_use]
pub fn unless_too_old(intake: Intake, update: &Update, now: Timestamp, max_ms: Option<i64>) -> Intake {
    match (intake, max_ms) {
        (Intake::Turn(NewTurn { asked, .. }) | Intake::Command { asked, .. }, Some(max_ms))
            if now.since_ms(update.sent_at) > max_ms =>
        {
            error(asked, Reason::TooOld { max_ms })
        }
        (intake, _) => intake,
    }
}

fn asked(shape: ReplyShape, update: &Update, message: &Message) -> Asked {
    Asked {
        place: update.place.clone(),
        shape,
        sender: update.sender.id.clone(),
        sender_name: update.sender.name.clone(),
        message: message.id.clone(),
        text: message.text.clone(),
    }
}

fn custom<'a>(policy: &'a Policy, name: &str) -> Option<&'a CustomCommand> {
    policy.commands.iter().find(|command| command.name.eq_ignore_ascii_case(name))
}

/// A command that somebody who typed `name` may have meant: one that shares its beginning.
fn nearest(policy: &Policy, name: &str) -> Option<String> {
    let known = BuiltIn::ALL
        .iter()
        .map(|command| command.name())
        .chain(policy.commands.iter().map(|command| command.name.as_str()));
    let shared = |known: &str| known.chars().zip(name.chars()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    known.filter(|known| shared(known) >= 2).max_by_key(|known| shared(known)).map(str::to_owned)
}

fn help(policy: &Policy, is_admin: bool) -> String {
    let built_in = BuiltIn::ALL
        .iter()
        .filter(|command| is_admin || command.access() == Access::Everyone)
        .map(|command| (command.usage(), command.help()));
    let custom = policy
        .commands
        .iter()
        .filter(|command| is_admin || !command.is_for_admins)
        .map(|command| (command.name.as_str(), command.help.as_str()));
    let lines = built_in.chain(custom).map(|(usage, help)| format!("/{usage} – {help}"));
    let mut text = String::from("Write to me and your agent answers. Commands, also with `!`:\n");
    for line in lines {
        text.push('\n');
        text.push_str(&line);
    }
    text
}

fn who_am_i(policy: &Policy, update: &Update) -> String {
    let mut lines = vec![
        format!("You are `{}`{}.", update.sender.id, if policy.is_admin(update) { ", an admin" } else { "" }),
        format!("This conversation is `{}` on account `{}`.", update.place.conversation, update.place.account),
    ];
    if let Some(thread) = &update.place.thread {
        lines.push(format!("This thread is `{thread}`."));
    }
    if let Some(agent) = policy.route(update) {
        lines.push(format!("Agent `{agent}` answers here."));
    }
    lines.join("\n")
}

/// What a stranger is told: the ids that the operator needs to let them in.
fn refusal(update: &Update) -> String {
    format!(
        "I may not talk to you yet. The operator can allow you: your id is `{}`, this conversation is `{}` on account `{}`.",
        update.sender.id, update.place.conversation, update.place.account
    )
}

#[cfg(test)]
mod tests;
