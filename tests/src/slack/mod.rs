//! A fake Slack in memory, and the only ledger of what people saw there.
//!
//! Guarantee: an app meets the rules of the Web API and of Socket Mode (<https://docs.slack.dev/apis/>) in Slack's own
//! words, and every request is applied whole or not at all, under one lock. What a fault does is written down beside
//! it in [`Fault`]. Unmodified clients of others prove that it is Slack they meet (`tests/it/slack_clients.rs`).
//!
//! | for | see |
//! |---|---|
//! | addresses, sockets, faults | `server/`, `fault` |
//! | envelopes, acknowledgements, retries | `links` |
//! | one family of methods | `methods/` |
//! | who there is, and who sees what | `people`, `network`, `events` |
//! | blocks and mrkdwn | `blocks/`, `text` |
//! | what a test may do | [`Deed`], [`Say`], [`FaultScript`], [`Settings`] |
//! | what a test may read | [`Book`], [`Violation`] |
//!
//! Where the documentation is silent, the harder of two readings holds: each attempt to deliver an event has an envelope
//! of its own, an update that brings no blocks keeps those there are, and an acknowledgement that is late is none.
//!
//! Not here: OAuth, user tokens, HTTP request URLs, views, canvases, lists, Slack Connect, enterprise grids, and what
//! unfurls.

mod blocks;
mod book;
mod control;
mod errors;
mod events;
mod fault;
mod limits;
mod links;
mod message;
mod methods;
mod network;
mod people;
mod render;
mod request;
mod server;
mod settings;
mod text;
mod validate;

pub use self::{
    book::{Book, Call, Passing},
    control::{Deed, File, Say},
    fault::{Fault, FaultScript},
    links::{Attempt, Delivery, Socket, SocketState, State},
    message::{Author, Message, Reaction, Stream, Streaming, Version},
    people::{App, Conversation, Install, Kind, Person, TokenState, Workspace},
    server::Server,
    settings::{Greeting, Limits, Outage, Settings},
    validate::{Contract, Violation},
};
