//! The web provider as callers see it: over a socket, with a bridge that commits into a fake store.

mod any_request;
mod api;
mod contract;
mod fixture;
mod store;
