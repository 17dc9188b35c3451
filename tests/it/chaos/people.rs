//! Who says what where, and the agent that hears it.

use std::fmt;

use fastrand::Rng;

use crate::world::{ChatKind, Network};

/// Reads `<verb> [number] #token`, notes token and attempt, does as the verb says, and answers `done #token`.
/// What is bold there proves, where no form is told, that it is no progress: that is shown as it is.
pub const SCRIPT: &str = r##"read -r prompt || true
token=$${prompt##* }
echo "$token $LASTWORD_ATTEMPT" >> "$NOTES"
set -- $prompt
n=0
case "$1" in
  work) while [ $n -lt $2 ]; do n=$((n + 1)); echo "step $n"; sleep 0.2; done ;;
  long) while [ $n -lt $2 ]; do echo "line $n of $${token#?};"; n=$((n + 1)); done ;;
  gate) while [ ! -e "$GATE" ]; do sleep 0.02; done ;;
  second) while [ $LASTWORD_ATTEMPT -gt 1 ] || [ ! -e "$GATE" ]; do sleep 0.02; done ;;
esac
echo "done $token (attempt $LASTWORD_ATTEMPT), **over**"
"##;

/// Who answers in a conversation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// The script; a lost turn ends in an error.
    Once,
    /// The script; a lost turn runs again.
    Again,
    /// The built-in echo, for the bulk.
    Echo,
}

/// Every conversation that people use, and what it is on Telegram; on Slack groups and forums are channels.
pub const CHATS: &[(&str, ChatKind)] = &[
    ("s0", ChatKind::Forum(&["a"])),
    ("s1", ChatKind::Private),
    ("s2", ChatKind::Group),
    ("r0", ChatKind::Forum(&["a"])),
    ("r1", ChatKind::Private),
    ("e0", ChatKind::Forum(&["a"])),
    ("e1", ChatKind::Private),
    ("e2", ChatKind::Group),
    ("e3", ChatKind::Group),
];

/// Every conversation and thread that people use.
const PLACES: &[(&str, Option<&str>, Answers)] = &[
    ("s0", None, Answers::Once),
    ("s0", Some("a"), Answers::Once),
    ("s1", None, Answers::Once),
    ("s2", None, Answers::Once),
    ("r0", None, Answers::Again),
    ("r0", Some("a"), Answers::Again),
    ("r1", None, Answers::Again),
    ("e0", None, Answers::Echo),
    ("e0", Some("a"), Answers::Echo),
    ("e1", None, Answers::Echo),
    ("e2", None, Answers::Echo),
    ("e3", None, Answers::Echo),
];

/// Which agent answers where, as a world's settings say it.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    let other = |(conversation, _, answers): &(&'static str, _, Answers)| match answers {
        Answers::Once => None,
        Answers::Again => Some((*conversation, "again")),
        Answers::Echo => Some((*conversation, "echo")),
    };
    let mut routes: Vec<_> = PLACES.iter().filter_map(other).collect();
    routes.dedup();
    routes
}

/// How many lines an answer has that comes in several parts.
fn lines_of_several_parts(network: Network) -> usize {
    match network {
        Network::Telegram | Network::Slack => 400,
        Network::Matrix => 1_600,
        Network::Native | Network::EditOnly | Network::Findable | Network::Careless => 40,
    }
}

/// How many lines the answer to this has, if it is to come in several parts.
pub fn long_lines(text: &str) -> Option<usize> {
    let mut words = text.split(' ').skip_while(|word| *word != "long");
    words.nth(1)?.parse().ok()
}

/// Something that a person says.
#[derive(Clone, Debug)]
pub struct Said {
    pub who: &'static str,
    pub conversation: &'static str,
    pub thread: Option<&'static str>,
    pub text: String,
}

impl Said {
    /// Drawn at random, with this token; one in twenty is a `/stop` instead.
    pub fn draw(rng: &mut Rng, token: &str, network: Network) -> Self {
        let (conversation, thread, answers) = PLACES[rng.usize(..PLACES.len())];
        let text = match (rng.u8(..20), answers) {
            (0, _) => "/stop".to_owned(),
            (_, Answers::Echo) => format!("done {token}, **over**"),
            (1..=7, _) => format!("work {} {token}", rng.u8(1..10)),
            (8..=10, _) => format!("long {} {token}", lines_of_several_parts(network)),
            _ => format!("go {token}"),
        };
        let who = if rng.bool() { "alice" } else { "bob" };
        Self { who, conversation, thread, text }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thread = self.thread.map(|thread| format!("/{thread}")).unwrap_or_default();
        write!(f, "{} says in {}{thread}: {}", self.who, self.conversation, self.text)
    }
}
