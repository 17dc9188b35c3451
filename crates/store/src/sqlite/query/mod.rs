//! Every query, one function each, in the hands of a write transaction ([`super::tx::Tx`]) or a read connection.

pub(crate) mod account;
pub(crate) mod claim;
pub(crate) mod claim_deliveries;
pub(crate) mod collect;
pub(crate) mod command;
pub(crate) mod counts;
pub(crate) mod decide_lost;
pub(crate) mod delivery;
pub(crate) mod deployment;
pub(crate) mod elect;
pub(crate) mod hint;
pub(crate) mod incarnation;
pub(crate) mod ingest;
pub(crate) mod owed;
pub(crate) mod place;
pub(crate) mod progress;
pub(crate) mod settle;
pub(crate) mod stream;
pub(crate) mod tally;
pub(crate) mod turn;
pub(crate) mod view;
