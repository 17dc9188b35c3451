//! Lastword from outside: the real binary, real processes, real kills, and what the source tree must keep.

mod agents;
mod commands;
mod crash_points;
mod kills;
mod network_faults;
mod operator;
mod oversight;
mod packaging;
mod provider_contract;
mod supervision;
mod terminal;
mod tidy;
mod world;
