//! Messages with everything people saw in them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// A person, `U…`.
    Person(String),
    /// An app's bot.
    Bot {
        /// `A…`.
        app: String,
        /// `U…`.
        user: String,
        /// `B…`.
        bot: String,
    },
}

impl Author {
    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::Person(user) | Self::Bot { user, .. } => user,
        }
    }

    /// The app, if it is a bot.
    #[must_use]
    pub fn app(&self) -> Option<&str> {
        match self {
            Self::Person(_) => None,
            Self::Bot { app, .. } => Some(app),
        }
    }
}

/// One state of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// What people read.
    pub shown: String,
    /// The field `text`.
    pub text: String,
    /// The blocks, if there are any.
    pub blocks: Vec<Value>,
    /// The attachments, if there are any.
    pub attachments: Vec<Value>,
    /// Real broadcasts that people hear of: `channel`, `here`, `everyone`.
    pub pings: Vec<String>,
    /// Whether anything in it looks other than plain.
    pub is_formatted: bool,
    /// Its place in the order of everything that happened.
    pub order: u64,
    /// Milliseconds since the server started.
    pub at_ms: u64,
}

/// A reaction and who left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// The emoji's name.
    pub name: String,
    /// Users of both kinds.
    pub users: Vec<String>,
}

/// How far a streamed message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Streaming {
    /// More may come.
    Running,
    /// The app ended it.
    Stopped,
    /// A person ended it.
    StoppedByPerson,
}

/// What was streamed into a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// How far it is.
    pub state: Streaming,
    /// The Markdown so far.
    pub markdown: String,
    /// Tasks, plans and blocks among the chunks.
    pub chunks: Vec<Value>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Where.
    pub channel: String,
    /// Its name within the channel.
    pub ts: String,
    /// The workspace.
    pub team: String,
    /// Who.
    pub author: Author,
    /// The root of the thread it replies in, if any.
    pub thread: Option<String>,
    /// Such as `file_share` or `channel_join`.
    pub subtype: Option<String>,
    /// What people read before, and now; never empty.
    pub versions: Vec<Version>,
    /// `metadata`, if there is any.
    pub metadata: Option<Value>,
    /// Files, `F…`.
    pub files: Vec<String>,
    /// Reactions.
    pub reactions: Vec<Reaction>,
    /// The only user who sees it, if it is ephemeral.
    pub only_for: Option<String>,
    /// What was streamed into it, if it was.
    pub stream: Option<Stream>,
    /// Whether nobody sees it any more.
    pub is_deleted: bool,
    /// The apps to which it was sent as an event.
    pub delivered_to: Vec<String>,
    /// The apps that it speaks to.
    pub addressed_to: Vec<String>,
    /// Further fields of its JSON.
    pub more: Value,
    /// Its place in the order of everything that happened.
    pub order: u64,
}

impl Message {
    /// What people read now.
    #[must_use]
    pub fn now(&self) -> &Version {
        // Every message is made with its first version.
        &self.versions[self.versions.len() - 1]
    }

    /// What the oracle calls it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.channel, self.ts)
    }

    /// The thread it stands in, be it as the root.
    #[must_use]
    pub fn root(&self) -> &str {
        self.thread.as_deref().unwrap_or(&self.ts)
    }

    /// Whether it stands in the channel itself.
    #[must_use]
    pub fn is_in_channel(&self) -> bool {
        self.thread.is_none() || self.subtype.as_deref() == Some("thread_broadcast")
    }
}

/// The microseconds of a `ts`; `None` if it is none.
#[must_use]
pub fn microseconds(ts: &str) -> Option<u64> {
    let (seconds, rest) = ts.split_once('.').unwrap_or((ts, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(seconds) || !is_number(rest) || rest.len() > 6 {
        return None;
    }
    let rest: u64 = format!("{rest:0<6}").parse().ok()?;
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(rest)
}

/// The `ts` of these microseconds.
#[must_use]
pub fn ts_of(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ts_is_read_and_written_to_the_microsecond() {
        assert_eq!(microseconds("1512085950.000216"), Some(1_512_085_950_000_216));
        assert_eq!(ts_of(1_512_085_950_000_216), "1512085950.000216");
        assert_eq!(microseconds("1512085950.5"), Some(1_512_085_950_500_000));
        assert_eq!([microseconds("p1512"), microseconds("1.0000001"), microseconds("1.")], [None; 3]);
    }
}
