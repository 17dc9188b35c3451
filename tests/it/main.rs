//! Lastword from outside: the real binary, real processes, real kills, and what the source tree must keep. Beside
//! them, from inside: the protocol as a model.

mod agents;
mod builds;
mod chaos;
mod clock_steps;
mod commands;
mod crash_points;
mod impatient;
mod kills;
mod matrix;
mod model;
mod network_faults;
mod operator;
mod outage;
mod outbox;
mod oversight;
mod packaging;
mod pausing;
mod provider_contract;
mod restart;
mod simulate;
mod slack;
mod slack_clients;
mod small_disk;
mod supervision;
mod telegram;
mod telegram_clients;
mod telling;
mod terminal;
mod tidy;
mod tiers;
mod updating;
mod world;
