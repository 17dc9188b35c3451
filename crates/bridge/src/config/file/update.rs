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
    /// What makes a newer build there, as the shell runs it. Its output is in `update.log` of the state directory.
    #[schemars(length(min = 1), extend("errorMessage" = "must be a command, such as cargo build --release"))]
    pub build_command: String,
    /// The program that it makes, seen from the checkout. Not the one that runs: that one is replaced by a copy.
    #[schemars(length(min = 1), extend("errorMessage" = "must be a file, such as target/release/lastword"))]
    pub binary: String,
    /// How long the build may take.
    #[serde(rename = "build_within", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub build_within_ms: i64,
    /// How long a new build may take to be tried out beside the one that runs, and again to prove itself in its place.
    #[serde(rename = "confirm_within", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub confirm_within_ms: i64,
}

impl UpdateConfig {
    /// With the checkout as it is found from anywhere.
    pub(in crate::config) fn resolved(self, beside: &Path) -> Self {
        let checkout = self.checkout.map(|checkout| beside.join(checkout).to_string_lossy().into_owned());
        Self { checkout, ..self }
    }
}

impl Default for UpdateConfig {
    fn default() -> Self {
        Self {
            checkout: None,
            build_command: "git pull --ff-only && cargo build --release --workspace --locked".into(),
            binary: "target/release/lastword".into(),
            build_within_ms: 3_600_000,
            confirm_within_ms: 120_000,
        }
    }
}
