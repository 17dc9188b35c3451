//! Synapse and the proxy in front of it, as a process of its own: `lastword-matrix <python> <directory> <home>`.
//!
//! Prints the addresses of the proxy, of the test's side and of Synapse, serves until its stdin closes, and takes Synapse
//! with it.

use std::{error::Error, io::Read, path::Path, process::ExitCode};

use lastword_tests::matrix::Server;

#[tokio::main]
async fn main() -> ExitCode {
    let server = match start().await {
        Ok(server) => server,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{} {} {}", server.url(), server.control_url(), server.home_url());
    // Whoever started us holds the other end; it closes however they die.
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().lock().read_to_end(&mut Vec::new())).await;
    drop(server);
    if ended.is_ok_and(|read| read.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn start() -> Result<Server, Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [python, directory, home] = args.as_slice() else {
        return Err("lastword-matrix <python> <directory> <home>".into());
    };
    Ok(Server::start(Path::new(python), Path::new(directory), &serde_json::from_str(home)?).await?)
}
