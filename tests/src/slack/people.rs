//! Who and what there is: workspaces, people, apps and where they are installed, conversations.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// `T…`.
    pub id: String,
    /// The name.
    pub name: String,
}

/// A person in one workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// `U…`.
    pub id: String,
    /// The workspace.
    pub team: String,
    /// The name, in small letters.
    pub name: String,
    /// Whether the account is closed.
    pub is_deactivated: bool,
}

/// An app, wherever it is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// `A…`.
    pub id: String,
    /// The name, which is also that of its bot users.
    pub name: String,
    /// The app-level token with `connections:write`.
    pub app_token: String,
    /// The events it is subscribed to.
    pub events: BTreeSet<String>,
    /// Whether Socket Mode is on.
    pub has_socket_mode: bool,
}

/// What the bot token of an installation is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It works.
    Live,
    /// `token_revoked`.
    Revoked,
    /// `account_inactive`.
    Inactive,
}

/// An app in one workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Install {
    /// `A…`.
    pub app: String,
    /// `T…`.
    pub team: String,
    /// The bot user, `U…`.
    pub user: String,
    /// The bot, `B…`.
    pub bot: String,
    /// The name.
    pub name: String,
    /// The bot token.
    pub token: String,
    /// What it may do.
    pub scopes: BTreeSet<String>,
    /// What it is worth.
    pub state: TokenState,
}

impl Install {
    /// The scopes in one line, as headers carry them.
    #[must_use]
    pub fn provided(&self) -> String {
        self.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(",")
    }

    /// As `bot_profile` in messages.
    #[must_use]
    pub fn profile(&self) -> Value {
        json!({ "id": self.bot, "app_id": self.app, "user_id": self.user, "name": self.name, "deleted": false,
                "updated": 1_700_000_000, "team_id": self.team, "icons": {} })
    }
}

/// What kind of a conversation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A public channel.
    Public,
    /// A private channel.
    Private,
    /// A direct message of many.
    Group,
    /// A direct message of two.
    Direct,
}

impl Kind {
    /// As `channel_type` in events.
    #[must_use]
    pub fn channel_type(self) -> &'static str {
        match self {
            Self::Public => "channel",
            Self::Private => "group",
            Self::Group => "mpim",
            Self::Direct => "im",
        }
    }

    /// As in the names of scopes and of subscriptions.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Public => "channels",
            Self::Private => "groups",
            Self::Group => "mpim",
            Self::Direct => "im",
        }
    }

    /// As in the argument `types`.
    #[must_use]
    pub fn listed_as(self) -> &'static str {
        match self {
            Self::Public => "public_channel",
            Self::Private => "private_channel",
            Self::Group => "mpim",
            Self::Direct => "im",
        }
    }
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// `C…`, `G…` or `D…`.
    pub id: String,
    /// The workspace.
    pub team: String,
    /// What kind.
    pub kind: Kind,
    /// The name, if it has one.
    pub name: String,
    /// Who made it.
    pub creator: String,
    /// Users of both kinds in it.
    pub members: BTreeSet<String>,
    /// Whether it is closed for good.
    pub is_archived: bool,
    /// Unix time in seconds.
    pub created: u64,
    /// Microseconds of the last `ts` in it.
    pub last_ts_us: u64,
}

impl Conversation {
    /// As a conversation object, seen by a user. <https://docs.slack.dev/reference/objects/conversation-object>
    #[must_use]
    pub fn shown(&self, viewer: &str) -> Value {
        if self.kind == Kind::Direct {
            let other = self.members.iter().find(|user| *user != viewer);
            return json!({ "id": self.id, "created": self.created, "is_im": true, "is_org_shared": false,
                           "is_archived": self.is_archived, "context_team_id": self.team, "user": other,
                           "is_open": true, "is_user_deleted": false, "priority": 0 });
        }
        let text = json!({ "value": "", "creator": "", "last_set": 0 });
        json!({ "id": self.id, "name": self.name, "name_normalized": self.name, "created": self.created,
                "creator": self.creator, "is_channel": self.kind == Kind::Public, "is_im": false,
                "is_group": self.kind != Kind::Public, "is_mpim": self.kind == Kind::Group,
                "is_private": self.kind != Kind::Public, "is_archived": self.is_archived, "is_general": false,
                "is_shared": false, "is_org_shared": false, "is_ext_shared": false, "is_pending_ext_shared": false,
                "pending_shared": [], "unlinked": 0, "context_team_id": self.team, "shared_team_ids": [self.team],
                "topic": text, "purpose": text, "previous_names": [],
                "is_member": self.members.contains(viewer) })
    }
}
