//! `http:`, the web page and the API.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::config::{listen, size};

/// The web page, the API and the health checks.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// The address to listen on. Anything but this machine itself needs a token.
    #[serde(deserialize_with = "listen_address")]
    #[schemars(with = "String", extend(
        "format" = listen::FORMAT,
        "errorMessage" = "must be an IP address with a port, such as 127.0.0.1:7717"
    ))]
    pub listen: SocketAddr,
    /// What a client must show, as `Authorization: Bearer …`. Keep it out of the file: ${LASTWORD_TOKEN}.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true, "errorMessage" = "must be text, such as ${LASTWORD_TOKEN}"))]
    pub token: Option<SecretString>,
    /// A file that holds the token, in place of `token`. A relative one is looked for beside the configuration.
    #[serde(skip_serializing)]
    #[schemars(length(min = 1))]
    pub(in super::super) token_file: Option<String>,
    /// The largest request body.
    #[serde(with = "size")]
    #[schemars(with = "size::Text")]
    pub body_bytes_max: u64,
    /// Origins besides its own whose pages may use the API, such as `https://chat.example.org`.
    #[schemars(extend("items" = {
        "type": "string",
        "format": listen::ORIGIN_FORMAT,
        "errorMessage": "must be a scheme and a host in small letters, such as https://chat.example.org"
    }))]
    pub origins: Vec<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 7717).into(),
            token: None,
            token_file: None,
            body_bytes_max: 1 << 20,
            origins: Vec::new(),
        }
    }
}

fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    listen::parse_listen(&text).ok_or_else(|| D::Error::custom("not an address with a port"))
}
