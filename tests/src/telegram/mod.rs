//! A fake Telegram in memory, and the only ledger of what people saw there.
//!
//! Guarantee: a bot meets the rules of the Bot API (<https://core.telegram.org/bots/api>) in Telegram's own words, and
//! every request is applied whole or not at all, under one lock. What a fault does is written down beside it in
//! [`Fault`]. Unmodified clients of others prove that it is Telegram they meet (`tests/it/telegram_clients.rs`).
//!
//! | for | see |
//! |---|---|
//! | addresses, polling, faults | `server`, `queue`, `fault` |
//! | one family of methods | `methods/` |
//! | who may read and write where | `chats`, `network` |
//! | entities and markup | `text`, `markup` |
//! | what a test may do | [`Deed`], [`Say`], [`FaultScript`], [`Settings`] |
//! | what a test may read | [`Book`], [`Violation`] |
//!
//! Not here: payments, inline mode, business accounts, stories, polls, stickers, ephemeral and rich messages. Files are
//! never fetched from an address, and nothing is sent to a webhook.

mod book;
mod chats;
mod control;
mod errors;
mod fault;
mod limits;
mod markup;
mod methods;
mod network;
mod queue;
mod render;
mod request;
mod server;
mod settings;
mod text;
mod validate;

pub use self::{
    book::{Attachment, Author, Book, Call, Message, Passing, Version, Waiting},
    chats::{Chat, ChatKey, Kind, Person, Standing, Topic},
    control::{Deed, File, Say},
    fault::{Fault, FaultScript},
    server::Server,
    settings::{Limits, Outage, Settings},
    validate::{Contract, Violation},
};
