//! Contract suites: what every implementation of a seam must keep, as functions that a macro turns into tests.

pub mod agent;
pub mod provider;
pub mod store;
