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
    let rest = text.trim().strip_prefix(['/', '!'])?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (word, args) = rest.split_at(end);
    let (name, bot) = match word.split_once('@') {
        Some((name, bot)) if !bot.is_empty() => (name, Some(bot)),
        Some(_) => return None,
        None => (word, None),
    };
    is_name(name).then(|| Typed { name, bot, args: args.trim() })
}

/// Whether this may be a command's name: a letter, then letters, digits and underscores.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The commands that every place knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// Lists the commands.
    Help,
    /// Says what is going on.
    Status,
    /// Shows the ids an operator needs.
    WhoAmI,
    /// Begins a fresh session.
    New,
    /// Ends the running turn.
    Stop,
    /// Asks the last question again.
    Retry,
}

impl BuiltIn {
    /// Every one, in the order of `/help`.
    pub const ALL: [Self; 6] = [Self::Help, Self::Status, Self::WhoAmI, Self::New, Self::Stop, Self::Retry];

    /// What some networks send when a chat is opened; it means [`BuiltIn::Help`].
    pub const START: &str = "start";

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Help => "help",
            Self::Status => "status",
            Self::WhoAmI => "whoami",
            Self::New => "new",
            Self::Stop => "stop",
            Self::Retry => "retry",
        }
    }

    /// One line for `/help`.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::Help => "lists the commands",
            Self::Status => "says what is going on here",
            Self::WhoAmI => "shows your id and this place's",
            Self::New => "begins a fresh session",
            Self::Stop => "ends the running turn",
            Self::Retry => "asks your last question again",
        }
    }

    /// Finds one by name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case(Self::START) {
            return Some(Self::Help);
        }
        Self::ALL.into_iter().find(|command| command.name().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
