//! `update:`, where newer builds come from.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::duration;

/// Where `/update` gets a newer build from, and how long that build has to prove itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateConfig {
    /// A git checkout of Lastword's source; a relative one is beside this file. Without it `/update` changes nothing.
    #[schemars(length(min = 1), extend("errorMessage" = "must be a folder, such as /srv/lastword"))]
    pub checkout: Option<String>,
    /// A release archive (`.tar.gz`) with the program `lastword` in it: a file, a relative one beside this file, or an http
    /// or https address. Beside it are its checksum (`.sha256`) and its signature (`.minisig`). Instead of `checkout`.
    #[schemars(length(min = 1), extend("errorMessage" = "must be a file or an address, such as https://example.org/lastword.tar.gz"))]
    pub archive: Option<String>,
    /// The minisign key of whoever makes the archives: the line under the comment in their `minisign.pub`.
    #[schemars(length(min = 1), extend("errorMessage" = "must be a minisign key: one line that begins with RW"))]
    pub public_key: Option<String>,
    /// What makes a newer build in the checkout, as the shell runs it. Its output is in `update.log` of the state directory.
    #[schemars(length(min = 1), extend("errorMessage" = "must be a command, such as cargo build --release"))]
    pub build_command: String,
    /// The program that it makes, seen from the checkout. Not the one that runs: that one is replaced by a copy.
    #[schemars(length(min = 1), extend("errorMessage" = "must be a file, such as target/release/lastword"))]
    pub binary: String,
    /// How long the build may take, or the archive to be fetched.
    #[serde(rename = "build_within", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub build_within_ms: i64,
    /// How long each trial of a new build beside the one that runs may take, and then its proof in its place.
    #[serde(rename = "confirm_within", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub confirm_within_ms: i64,
}

impl UpdateConfig {
    /// With the checkout and the archive as they are found from anywhere.
    pub(in crate::config) fn resolved(self, beside: &Path) -> Self {
        let found = |path: String| beside.join(path).to_string_lossy().into_owned();
        let archive = self.archive.map(|from| if from.contains("://") { from } else { found(from) });
        Self { checkout: self.checkout.map(found), archive, ..self }
    }
}

impl Default for UpdateConfig {
    fn default() -> Self {
        Self {
            checkout: None,
            archive: None,
            public_key: None,
            build_command: "git pull --ff-only && cargo build --release --workspace --locked".into(),
            binary: "target/release/lastword".into(),
            build_within_ms: 3_600_000,
            confirm_within_ms: 120_000,
        }
    }
}
