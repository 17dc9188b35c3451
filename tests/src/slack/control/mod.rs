//! The test's side: people who act, and a hand that breaks things. `POST /control/<deed>` with the deed's fields as JSON.
//!
//! An app that is left out is the first, a workspace that is left out is the first, and a channel that is left out is
//! the direct message between the person and the app. Apps and people are named by name or id.

mod act;
mod hand;
mod say;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::{
    act::carry_out,
    say::{File, Say},
};
use super::people::TokenState;

/// What a test asks for. What it returns is a JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Deed {
    /// Makes a workspace; returns `id`.
    Workspace {
        /// The name.
        name: String,
    },
    /// Makes a person, or finds them; returns `id`.
    Person {
        /// The name.
        name: String,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
    },
    /// Makes an app and installs it; returns `id`, `app_token`, `token`, `team`, `user` and `bot`.
    App {
        /// The name.
        #[serde(default = "lastword")]
        name: String,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
        /// The scopes of its bot token, if other than the usual.
        #[serde(default)]
        scopes: Option<BTreeSet<String>>,
        /// The events it is subscribed to, if other than the usual.
        #[serde(default)]
        events: Option<BTreeSet<String>>,
    },
    /// Installs an app in another workspace; returns as `app` does.
    Install {
        /// Which app.
        app: String,
        /// Where.
        workspace: String,
        /// The scopes of its bot token, if other than the usual.
        #[serde(default)]
        scopes: Option<BTreeSet<String>>,
    },
    /// Makes a channel with people and, unless they are kept out, every app of the workspace in it; returns `id`.
    Channel {
        /// The name.
        #[serde(default = "kitchen")]
        name: String,
        /// Whether it is private.
        #[serde(default)]
        is_private: bool,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
        /// Who makes it, and who else is in it.
        #[serde(default = "just_alice")]
        people: Vec<String>,
        /// Whether no app is in it.
        #[serde(default)]
        is_without_apps: bool,
    },
    /// Makes a direct message of many, with an app among them; returns `id`.
    Group {
        /// Who.
        people: Vec<String>,
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
    },
    /// Makes the direct message between a person and an app, or finds it; returns `id`.
    Direct {
        /// Who.
        #[serde(default = "alice")]
        person: String,
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
    },
    /// A person or an app comes into a channel, by themselves or invited.
    Join {
        /// Which channel.
        channel: String,
        /// Who, if it is a person.
        #[serde(default)]
        person: Option<String>,
        /// Which app, if it is one.
        #[serde(default)]
        app: Option<String>,
        /// Who invites, if somebody does.
        #[serde(default)]
        by: Option<String>,
    },
    /// A person or an app goes out of a channel, by themselves or put out.
    Leave {
        /// Which channel.
        channel: String,
        /// Who, if it is a person.
        #[serde(default)]
        person: Option<String>,
        /// Which app, if it is one.
        #[serde(default)]
        app: Option<String>,
        /// Who does it, if it is another.
        #[serde(default)]
        by: Option<String>,
    },
    /// Archives a channel, or takes it back.
    Archive {
        /// Which channel.
        channel: String,
        /// Whether it is taken back.
        #[serde(default)]
        is_undone: bool,
        /// Who does it.
        #[serde(default = "alice")]
        by: String,
    },
    /// A person says something; returns `channel`, `ts`, the ledger's `id`, and `delivered_to`.
    Say(Box<Say>),
    /// A person edits what they said.
    Edit {
        /// Where.
        channel: String,
        /// Which message.
        ts: String,
        /// The new text, as in `say`.
        text: String,
    },
    /// A person deletes a message.
    Delete {
        /// Where.
        channel: String,
        /// Which message.
        ts: String,
    },
    /// A person reacts, or takes it back.
    React {
        /// Where.
        channel: String,
        /// To which message.
        ts: String,
        /// The emoji's name.
        name: String,
        /// Who.
        #[serde(default = "alice")]
        person: String,
        /// Whether it is taken back.
        #[serde(default)]
        is_undone: bool,
    },
    /// A person uses a slash command, which can't be done in a thread.
    Command {
        /// With its slash.
        command: String,
        /// What stands behind it.
        #[serde(default)]
        text: String,
        /// Where.
        #[serde(default)]
        channel: Option<String>,
        /// Who.
        #[serde(default = "alice")]
        person: String,
        /// Whose command it is.
        #[serde(default)]
        app: Option<String>,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
    },
    /// A person presses a button of a message.
    Press {
        /// Where.
        channel: String,
        /// Below which message.
        ts: String,
        /// The button's `action_id`.
        action: String,
        /// Who.
        #[serde(default = "alice")]
        person: String,
    },
    /// A person opens the assistant's pane; returns `channel` and `thread_ts`.
    OpenAssistant {
        /// Who.
        #[serde(default = "alice")]
        person: String,
        /// Whose pane.
        #[serde(default)]
        app: Option<String>,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
        /// The channel they look at meanwhile, if any.
        #[serde(default)]
        beside: Option<String>,
    },
    /// A person looks at another channel while the pane is open.
    ChangeContext {
        /// The pane's channel.
        channel: String,
        /// The pane's thread.
        thread_ts: String,
        /// The channel they look at now.
        beside: String,
    },
    /// A person stops whatever streams in a thread; returns the `ts` of what it stopped.
    Stop {
        /// Where.
        channel: String,
        /// In which thread.
        thread_ts: String,
        /// Who.
        #[serde(default = "alice")]
        person: String,
    },
    /// Closes a person's account.
    Deactivate {
        /// Who.
        person: String,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
    },
    /// Slack keeps none of the files any more that it has so far.
    LoseFiles {},
    /// Sets what an app's bot token is worth.
    Token {
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
        /// What it is worth now.
        state: TokenState,
    },
    /// Takes an app's bot token away and makes a new one; returns `token`.
    Rotate {
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
    },
    /// Sets the scopes of an app's bot token.
    Scopes {
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// Where.
        #[serde(default)]
        workspace: Option<String>,
        /// All of them.
        scopes: BTreeSet<String>,
    },
    /// Sets what an app is subscribed to.
    Subscribe {
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// All of it.
        events: BTreeSet<String>,
    },
    /// Tells an app's sockets to go: first `warning`, or `refresh_requested`, after which the network closes them.
    Refresh {
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// `warning`, `refresh_requested` or whatever else.
        #[serde(default = "refresh_requested")]
        reason: String,
        /// Which socket; all if left out.
        #[serde(default)]
        socket: Option<u64>,
    },
    /// Closes an app's sockets.
    CloseSockets {
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// Which socket; all if left out.
        #[serde(default)]
        socket: Option<u64>,
        /// Whether they are cut without a word.
        #[serde(default)]
        is_rude: bool,
    },
    /// Makes an app's sockets zombies.
    Silence {
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// Which socket; all if left out.
        #[serde(default)]
        socket: Option<u64>,
    },
    /// Switches Socket Mode off, which disconnects with `link_disabled`, or on.
    SocketMode {
        /// Which app.
        #[serde(default)]
        app: Option<String>,
        /// Whether it is on now.
        is_on: bool,
    },
}

fn alice() -> String {
    "alice".into()
}

fn just_alice() -> Vec<String> {
    vec![alice()]
}

fn kitchen() -> String {
    "kitchen".into()
}

fn lastword() -> String {
    "lastword".into()
}

fn refresh_requested() -> String {
    "refresh_requested".into()
}

/// The scopes of an app that says nothing else.
const SCOPES: [&str; 24] = [
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "chat:write.public",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "groups:write",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "mpim:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "users:read",
    "users:write",
];

/// The events of an app that says nothing else.
const EVENTS: [&str; 16] = [
    "agent_session_stopped",
    "app_mention",
    "assistant_thread_context_changed",
    "assistant_thread_started",
    "channel_archive",
    "channel_left",
    "channel_unarchive",
    "group_archive",
    "group_left",
    "group_unarchive",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
];

fn all_of(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What a deed returns.
type Done = Result<Value, String>;
