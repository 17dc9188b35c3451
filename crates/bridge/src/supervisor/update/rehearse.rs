//! A deployment of the new build with nobody in it: that it starts as a supervisor, too, which what it does below this one
//! does not show.

use std::{
    ffi::OsString,
    fs,
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use lastword_core::faults::{UpdatePoint, point_of_update};
use serde_json::{Value, json};

use super::run::run_until;

/// How often to ask whether it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it is set up where its port is taken by somebody else.
const TRIES_MAX: u32 = 3;
/// How long one answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Runs the `program`, which calls itself `build`, in `folder` until all of it is ready, and no longer. Says for people why it
/// did not get there.
pub(super) async fn rehearse(
    program: &Path,
    build: &str,
    folder: &Path,
    log: &Path,
    within: Duration,
) -> Result<(), String> {
    let mut tries = 1;
    loop {
        let (config, listen) =
            configure(folder).map_err(|error| format!("can't be set up in the state directory: {error}"))?;
        let argv: [OsString; 4] = [program.into(), "--config".into(), config, "run".into()];
        let done = run_until(ready(listen, build), &argv, folder, log, within).await;
        // Somebody took its port: that says nothing of the build.
        if done.is_ok() || tries == TRIES_MAX || TcpListener::bind(listen).is_ok() {
            return done;
        }
        tries += 1;
    }
}

/// A configuration of nobody's.
fn configure(folder: &Path) -> io::Result<(OsString, SocketAddr)> {
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let config = folder.join("lastword.yaml");
    let state_dir = folder.join("state").to_string_lossy().replace("${", "$${");
    fs::write(&config, json!({ "state_dir": state_dir, "http": { "listen": listen } }).to_string())?;
    Ok((config.into(), listen))
}

/// Returns when it is, and never otherwise.
async fn ready(listen: SocketAddr, build: &str) {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWERED_WITHIN).build();
    let Ok(client) = client else { return pending().await };
    let page = format!("http://{listen}/readyz");
    loop {
        if let Ok(page) = client.get(&page).send().await
            && page.status().is_success()
            && let Ok(page) = page.json::<Value>().await
            && page["build"] == build
        {
            point_of_update(UpdatePoint::InRehearsal);
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
