//! Accounts, ready for use.

use std::{collections::BTreeSet, fmt};

use lastword_core::{
    decide::{deliver::UnknownPolicy, policy::Allow},
    ids::{ConversationId, UserId},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::file::{AccountFile, AllowFile, Id, NetworkConfig, UnknownFile, notify_after_ms};

/// The user of the web API on this machine.
pub const LOCAL_USER: &str = "local";

/// One bot identity on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountConfig {
    /// The network, with its settings.
    pub network: NetworkConfig,
    /// What the network knows it by, where it has one.
    pub token: Option<Token>,
    /// What the network knows its app by, where that has a token of its own.
    pub app_token: Option<Token>,
    /// What it logs in with, where that is no token.
    pub password: Option<Token>,
    /// What its own files are encrypted with.
    pub store_key: Option<Token>,
    /// What opens the backup of its keys.
    pub recovery_key: Option<Token>,
    /// Who may talk, besides the admins.
    pub users: Allow<UserId>,
    /// In which conversations everybody may talk.
    pub conversations: Allow<ConversationId>,
    /// Who may use the commands for admins.
    pub admins: BTreeSet<UserId>,
    /// Where admins are told of alerts.
    pub alerts_to: Option<ConversationId>,
    /// The account's own messages that show that it works.
    pub canary: Option<Canary>,
    /// Whether a placeholder is posted when a turn starts.
    pub placeholder: bool,
    /// Whether the placeholder shows what the agent has written so far.
    pub progress: bool,
    /// After how long an edited last word is followed by a notice; `None`: never.
    pub notify_after_ms: Option<i64>,
    /// What follows an unknown post where the network can't tell.
    pub unknown: UnknownPolicy,
}

/// Short messages that an account posts of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Where.
    pub to: ConversationId,
    /// How often, in milliseconds.
    pub every_ms: i64,
}

/// A secret that can be compared and never shown.
#[derive(Clone)]
pub struct Token(pub SecretString);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Token {}

impl AccountConfig {
    /// The account that is there when none is configured: the web API for its local user.
    #[must_use]
    pub fn web() -> Self {
        Self {
            network: NetworkConfig::Web {},
            token: None,
            app_token: None,
            password: None,
            store_key: None,
            recovery_key: None,
            users: Allow::Only(local()),
            conversations: Allow::default(),
            admins: local(),
            alerts_to: None,
            canary: None,
            placeholder: true,
            progress: true,
            notify_after_ms: notify_after_ms(),
            unknown: UnknownPolicy::Resend,
        }
    }

    pub(super) fn read(file: AccountFile) -> Self {
        let is_web = file.network == NetworkConfig::Web {};
        let local_only = || if is_web { vec![Id(LOCAL_USER.into())] } else { Vec::new() };
        let AllowFile { users, conversations } =
            file.allow.unwrap_or_else(|| AllowFile { users: local_only(), conversations: Vec::new() });
        let admins = file.admins.unwrap_or_else(local_only);
        Self {
            network: file.network,
            token: None,
            app_token: None,
            password: None,
            store_key: None,
            recovery_key: None,
            users: allowed(users, UserId::new),
            conversations: allowed(conversations, ConversationId::new),
            admins: admins.into_iter().map(|id| UserId::new(id.0)).collect(),
            alerts_to: file.alerts_to.map(|id| ConversationId::new(id.0)),
            canary: file.canary_to.map(|id| Canary { to: ConversationId::new(id.0), every_ms: file.canary_every_ms }),
            placeholder: file.placeholder,
            progress: file.progress,
            notify_after_ms: file.notify_after_ms,
            unknown: match file.unknown {
                UnknownFile::Resend => UnknownPolicy::Resend,
                UnknownFile::Hold => UnknownPolicy::Hold { limit_ms: file.hold_limit_ms },
            },
        }
    }
}

/// `"*"` is everybody.
fn allowed<T: Ord>(ids: Vec<Id>, make: impl Fn(String) -> T) -> Allow<T> {
    if ids.iter().any(|id| id.0 == "*") {
        Allow::Everybody
    } else {
        Allow::Only(ids.into_iter().map(|id| make(id.0)).collect())
    }
}

fn local() -> BTreeSet<UserId> {
    BTreeSet::from([UserId::new(LOCAL_USER)])
}
