//! Commits of one process wake the subscribers of another.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use lastword_core::store::{Store, Topic};

use super::*;

/// A deadline for what happens at once, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(20);

fn waking(folder: &Path, name: &str) -> SqliteStore {
    let sockets = folder.join("d".repeat(90)).join("sockets");
    fs::create_dir_all(sockets.parent().unwrap()).unwrap();
    SqliteStore::open(options(folder, HandClock::at(0)).waking(sockets, name)).unwrap()
}

fn sockets(folder: &Path) -> Vec<std::path::PathBuf> {
    let directory = folder.join("d".repeat(90)).join("sockets");
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_commit_wakes_the_other_process() {
    let folder = folder();
    let hears = waking(folder.path(), "hears");
    let mut turns = hears.subscribe(Topic::Turns);
    let world = World::new(|_| (Box::new(waking(folder.path(), "tells")) as Box<dyn Deployment>, ())).await;
    world.asks("a", "hello").await;
    tokio::time::timeout(PATIENCE, turns.woken()).await.expect("is woken");
}

#[tokio::test]
async fn sockets_are_private_and_go_with_their_process() {
    let folder = folder();
    let store = waking(folder.path(), "one");
    let socket = sockets(folder.path()).remove(0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
    assert_eq!(mode(&folder.path().join("lastword.db")), 0o600);
    drop(store);
    assert!(sockets(folder.path()).is_empty());
}

#[tokio::test]
async fn a_dead_processs_socket_is_removed() {
    let folder = folder();
    let world = World::new(|_| (Box::new(waking(folder.path(), "alive")) as Box<dyn Deployment>, ())).await;
    let directory = sockets(folder.path()).remove(0).parent().unwrap().to_owned();
    // As if by SIGKILL: bound, then closed, but not removed. Its short name fits an address only from inside.
    let dead = directory.join("dead.sock");
    let short = tempfile::Builder::new().prefix("s").tempdir_in("/tmp").unwrap();
    drop(std::os::unix::net::UnixDatagram::bind(short.path().join("x")).unwrap());
    fs::rename(short.path().join("x"), &dead).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut n = 0;
    while dead.exists() {
        assert!(Instant::now() < deadline, "the dead socket is still there");
        n += 1;
        world.asks("a", &format!("{n}")).await;
    }
}
