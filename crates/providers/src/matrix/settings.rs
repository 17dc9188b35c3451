//! What an operator decides about an account.

use std::path::PathBuf;

use lastword_core::decide::policy::AccountPolicy;
use secrecy::SecretString;

/// The largest file that is uploaded, unless the homeserver takes less: Synapse's own default.
/// <https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html#max_upload_size>
pub const UPLOAD_BYTES_MAX: u64 = 52_428_800;

/// Settings of an account on a homeserver.
#[derive(Clone, Debug)]
pub struct MatrixSettings {
    /// Where its client-server API is, such as `https://matrix.example.org`.
    pub homeserver: String,
    /// How it logs in.
    pub login: Login,
    /// Where its device and its keys are kept. Two accounts never share one.
    pub folder: PathBuf,
    /// What the files in it are encrypted with; `None`: a key of our own, kept beside them.
    pub store_key: Option<SecretString>,
    /// Opens the backup of its keys and its cross-signing identity, where another device made them.
    pub recovery_key: Option<SecretString>,
    /// Who may talk to it: invitations of nobody else are accepted.
    pub allowed: AccountPolicy,
    /// Whether a message shows the answer as it grows, by edits; otherwise "is typing" is all.
    pub edits: bool,
    /// What follows an edit of a message.
    pub edited: Edited,
    /// Whether a message that waits for an agent is marked as read.
    pub receipts: bool,
    /// How old a message may be that was said while nobody listened; `None`: as old as it may.
    pub update_age_max_ms: Option<i64>,
    /// The largest file that is uploaded, in bytes.
    pub upload_bytes_max: u64,
}

/// How an account logs in.
#[derive(Clone, Debug)]
pub enum Login {
    /// With an access token: its device is ours.
    Token(SecretString),
    /// With a name and a password; the device that this makes is kept.
    Password {
        /// The name: `@ada:example.org`, or only `ada`.
        user: String,
        /// The password.
        password: SecretString,
    },
}

/// What follows when somebody changes a message that was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edited {
    /// Nothing: the answer to what was written first stands.
    #[default]
    Ignore,
    /// It is asked again, as it reads now.
    Rerun,
}

impl MatrixSettings {
    /// The defaults for this account, with its files in `folder`.
    #[must_use]
    pub fn new(homeserver: impl Into<String>, login: Login, folder: impl Into<PathBuf>) -> Self {
        Self {
            homeserver: homeserver.into(),
            login,
            folder: folder.into(),
            store_key: None,
            recovery_key: None,
            allowed: AccountPolicy::default(),
            edits: false,
            edited: Edited::default(),
            receipts: true,
            update_age_max_ms: Some(86_400_000),
            upload_bytes_max: UPLOAD_BYTES_MAX,
        }
    }
}
