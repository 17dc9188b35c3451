//! The fake Slack as a process of its own: prints its address and that of the test's side, serves until its stdin closes.

use std::{io::Read, process::ExitCode};

use lastword_tests::slack::Server;

#[tokio::main]
async fn main() -> ExitCode {
    let server = match Server::start().await {
        Ok(server) => server,
        Err(error) => {
            eprintln!("the network can't listen: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{} {}", server.url(), server.control_url());
    // Whoever started us holds the other end; it closes however they die.
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().lock().read_to_end(&mut Vec::new())).await;
    if ended.is_ok_and(|read| read.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
