//! What tests of the whole program need from outside it: a fake network that is the only ledger, and an oracle that
//! reads it.
//!
//! Nothing here shares code with the bridge, so that a mistake in the one can't hide in the other.

mod door;
pub mod ledger;
pub mod matrix;
pub mod oracle;
pub mod slack;
pub mod telegram;
