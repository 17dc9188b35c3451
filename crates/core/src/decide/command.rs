//! Commands: what a line beginning with `/` or `!` asks for.

/// A command as typed: `/name arguments`, `!name arguments` or `/name@bot arguments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typed<'a> {
    /// The name, without sign and bot.
    pub name: &'a str,
    /// The bot that is meant, where one is named.
    pub bot: Option<&'a str>,
    /// Everything behind it, trimmed.
    pub args: &'a str,
}

/// The longest name of a command, in characters (Telegram's limit, the strictest).
pub const NAME_MAX_CHARS: usize = 32;

/// Reads a command; `None` is an ordinary message, for example one that begins with a path.
#[must_use]
pub fn parse(text: &str) -> Option<Typed<'_>> {
    let rest = trim(text).strip_prefix(['/', '!'])?;
    let end = rest.find(is_blank).unwrap_or(rest.len());
    let (word, args) = rest.split_at(end);
    let (name, bot) = match word.split_once('@') {
        Some((name, bot)) if !bot.is_empty() => (name, Some(bot)),
        Some(_) => return None,
        None => (word, None),
    };
    is_name(name).then(|| Typed { name, bot, args: trim(args) })
}

/// `text` without what nobody sees at its ends: keyboards and copying put marks of direction and spaces without a width
/// there, and a `/stop` that looks like one must be one.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

fn is_blank(c: char) -> bool {
    let is_invisible = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    c.is_whitespace() || is_invisible
}

/// Whether this may be a command's name: a letter, then letters, digits and underscores.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

macro_rules! built_in {
    ($($(#[$meta:meta])* $name:ident = $spelling:literal, $access:ident, $usage:literal, $help:literal;)+) => {
        /// The commands that every place knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum BuiltIn { $($(#[$meta])* $name),+ }

        impl BuiltIn {
            /// Every one, in the order of `/help`.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $spelling),+ }
            }

            /// Who may use it.
            #[must_use]
            pub fn access(self) -> Access {
                match self { $(Self::$name => Access::$access),+ }
            }

            /// How it is written, without the slash.
            #[must_use]
            pub fn usage(self) -> &'static str {
                match self { $(Self::$name => $usage),+ }
            }

            /// One line for `/help`.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$name => $help),+ }
            }
        }
    };
}

/// Who may use a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever may talk.
    Everyone,
    /// The account's admins.
    Admins,
}

built_in! {
    /// Lists the commands.
    Help = "help", Everyone, "help", "lists the commands";
    /// Says what is going on.
    Status = "status", Everyone, "status", "says what is going on here";
    /// Shows the ids an operator needs.
    WhoAmI = "whoami", Everyone, "whoami", "shows your id and this place's";
    /// Begins a fresh session.
    New = "new", Everyone, "new", "begins a fresh session";
    /// Ends the running turn.
    Stop = "stop", Everyone, "stop", "ends the running turn";
    /// Asks the last question again.
    Retry = "retry", Everyone, "retry", "asks your last question again";
    /// Names the builds that run.
    Version = "version", Everyone, "version", "says which build runs";
    /// Shows one message's life.
    Trace = "trace", Admins, "trace <turn>", "shows what happened to a message";
    /// Examines the store.
    Audit = "audit", Admins, "audit", "checks that nothing is lost or doubled";
    /// Lists what the operator should know.
    Alerts = "alerts", Admins, "alerts", "lists what needs an operator";
    /// Says of each account whether it works.
    Accounts = "accounts", Admins, "accounts", "says how each account is doing";
    /// How much admins are told unasked.
    Messaging = "messaging", Admins, "messaging [quiet|normal|debug|default]", "how much of what happens I tell admins unasked";
    /// Shows what the processes logged.
    Logs = "logs", Admins, "logs [bridge|worker|supervisor]", "shows the end of my log";
    /// Starts processes again.
    Restart = "restart", Admins, "restart [bridge|worker|all]", "starts my processes again; nothing is lost";
    /// Changes to a newer build.
    Update = "update", Admins, "update", "changes to a newer build; one that does not prove itself is put back";
    /// Changes back to the build before.
    Rollback = "rollback", Admins, "rollback", "changes back to the build before";
    /// Lists what is on its way, sends it again, or gives it up.
    Outbox = "outbox", Admins, "outbox [retry <id> | drop <id> <reason>]", "lists what is on its way, or sees to one of it";
    /// Keeps every turn from beginning.
    Pause = "pause", Admins, "pause [why]", "begins nothing new until /resume; messages are kept";
    /// Ends the pause.
    Resume = "resume", Admins, "resume", "answers what was kept during a pause";
}

impl BuiltIn {
    /// What some networks send when a chat is opened; it means [`BuiltIn::Help`].
    pub const START: &str = "start";

    /// Whether it makes sense with something behind its name, or without.
    #[must_use]
    pub fn takes(self, has_arguments: bool) -> bool {
        match self.usage().split_once(' ') {
            Some((_, arguments)) => has_arguments || arguments.starts_with('['),
            None => !has_arguments,
        }
    }

    /// Finds one by name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case(Self::START) {
            return Some(Self::Help);
        }
        Self::ALL.iter().copied().find(|command| command.name().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus;

    /// What holds for every text.
    fn holds(text: &str) {
        let typed = parse(text);
        assert_eq!(parse(trim(text)), typed, "{text:?}");
        let Some(Typed { name, bot, args }) = typed else { return };
        assert!(is_name(name) && bot != Some("") && args == trim(args), "{text:?}");
        assert!(trim(text).ends_with(args), "{text:?}");
        let at = bot.map(|bot| format!("@{bot}")).unwrap_or_default();
        assert_eq!(parse(&format!("/{name}{at} {args}")), typed, "{text:?}");
    }

    #[test]
    fn every_seed_is_read_as_any_text_is() {
        for (name, text) in corpus::texts(env!("CARGO_MANIFEST_DIR"), "messages") {
            holds(&text);
            let is_stop = parse(&text).and_then(|typed| BuiltIn::named(typed.name)) == Some(BuiltIn::Stop);
            assert_eq!(is_stop, name.starts_with("stop"), "{name}");
        }
    }

    #[test]
    fn what_looks_like_a_command_is_one() {
        for text in ["\u{200e}/stop", "/stop\u{200f}", "\u{feff}/stop\u{200b}", "\u{2067}/stop\u{2069} "] {
            assert_eq!(parse(text), Some(Typed { name: "stop", bot: None, args: "" }), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_whole_command_or_none(text in "[\\PC\\pC]{0,40}", sign in "[ \u{200e}]?[/!][a-z_0-9@ \n\u{200b}]{0,40}") {
            holds(&text);
            holds(&sign);
            holds(&format!("{sign}{text}"));
        }

        #[test]
        fn a_command_that_is_written_reads_back(
            sign in "[/!]",
            name in "[a-zA-Z][a-zA-Z0-9_]{0,31}",
            bot in proptest::option::of("[^\\s\\pC@]{1,20}"),
            (before, between, after) in ("[ \n\t\u{a0}\u{3000}\u{200e}\u{feff}]{0,4}", "[ \n\u{a0}]{1,3}", "[ \r\n\u{200b}]{0,4}"),
            args in "(\\PC[\\PC\n]{0,20}\\PC)?",
        ) {
            let at = bot.as_ref().map(|bot| format!("@{bot}")).unwrap_or_default();
            let text = format!("{before}{sign}{name}{at}{between}{args}{after}");
            prop_assert_eq!(parse(&text), Some(Typed { name: &name, bot: bot.as_deref(), args: trim(&args) }));
        }
    }

    #[test]
    fn commands_are_read_with_and_without_a_bot() {
        assert_eq!(parse("/help"), Some(Typed { name: "help", bot: None, args: "" }));
        assert_eq!(parse(" !new  now "), Some(Typed { name: "new", bot: None, args: "now" }));
        assert_eq!(
            parse("/ask@lastword_bot why\nnot"),
            Some(Typed { name: "ask", bot: Some("lastword_bot"), args: "why\nnot" })
        );
    }

    #[test]
    fn paths_and_exclamations_are_no_commands() {
        for text in ["/etc/passwd has what in it?", "!!", "/", "/ help", "/1st", "/help@", "hello /help", "!"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
