//! Slack, by its Web API and Socket Mode: one app in one workspace.
//!
//! Guarantee: it keeps the provider contract. An envelope is acknowledged to Slack once what it brings is committed, and
//! by nothing else. A call is one request: nothing is repeated and nothing waits in here. The last word is an update of
//! a message whose timestamp is recorded, and the same update again changes nothing.
//!
//! Types of the Web API are slack-morphism's; requests and sockets are ours, because its own wait for ever on a peer
//! that says nothing, and acknowledge what they can't read. What comes in is read field by field: with its types one
//! odd field would cost the whole message.

mod client;
#[cfg(test)]
mod contract_data;
mod fetch;
mod hosts;
mod markdown;
mod outcome;
#[cfg(test)]
mod prepared;
mod render;
mod settings;
mod upload;

pub use self::settings::{API_URL, Edited, Prompt, SlackCommandSettings, SlackSettings, UPLOAD_BYTES_MAX};

use self::client::Client;

/// What everything that talks to Slack shares.
struct Link {
    client: Client,
}
