//! How the homeserver is set up, and how the way to it behaves.

use serde::{Deserialize, Serialize};

use crate::door::Outage;

/// How the homeserver is set up, for as long as it lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Home {
    /// Whether Synapse's own rate limits hold, as they are by default.
    ///
    /// <https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html#ratelimiting>
    pub has_limits: bool,
    /// Whether the answer to a `/sync` is kept for two minutes, as Synapse does by default, and told again to whoever asks
    /// from the same token.
    ///
    /// <https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html#caching>
    pub keeps_syncs: bool,
}

/// Replaced as a whole by `POST /control/settings`: what is left out goes back to its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Nothing gets through, and it fails like this.
    pub outage: Option<Outage>,
}
