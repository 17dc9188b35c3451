//! A fake chat network in memory, and the only ledger of what people saw.
//!
//! Guarantee: every request is applied whole or not at all, under one lock, in the order of `order`; what a fault does
//! is written down beside it in [`Fault`]. The network's side is `GET /updates`, `POST /messages`,
//! `POST /messages/{id}/edit`, `GET /find` and `GET /identity`; the test's side is `/admin`.

mod book;
mod fault;
mod http;

pub use self::{
    book::{Book, BotMessage, PersonMessage, Post, Say, Settings, Version},
    fault::{Fault, FaultScript, On},
    http::Server,
};
