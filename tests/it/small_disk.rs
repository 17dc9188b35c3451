//! The store and the journal on a real disk that gets full.

use std::{path::PathBuf, time::Duration};

use lastword_tests::oracle::Findings;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::world::{Settings, Who, World, can_mount};

async fn store_page(world: &World) -> Option<Value> {
    let page: Value = reqwest::get(world.url("/readyz")).await.ok()?.json().await.ok()?;
    Some(page["store"].clone())
}

#[tokio::test]
async fn a_full_disk_takes_nothing_new_and_still_keeps_every_answer() {
    if !can_mount() {
        eprintln!("not run: user and mount namespaces are not permitted here");
        return;
    }
    let world = World::start_with(Settings {
        disk: Some("12m"),
        top: "store: { reserve: 2 MiB }\nlimits: { max_concurrent: 16 }".into(),
        ..Settings::default()
    })
    .await;
    let mut running = Vec::new();
    for n in 0..8 {
        running.push(world.says("alice", &format!("c{n}"), &format!("gate #t{n}")).await);
        world.begun(&format!("#t{n}")).await;
    }
    let talking = world.says("bob", "talks", "talk #talk").await;
    world.begun("#talk").await;
    let confirmed = world.book().await.confirmed;
    world.on_its_disk("dd if=/dev/zero of=filler bs=4k 2>/dev/null; true").await;
    let late = world.alice_says("go #late").await;
    world.until("/readyz says so", async |world| (store_page(world).await?["disk_full"] == true).then_some(())).await;
    world.open_gate();
    for (n, message) in running.iter().enumerate() {
        assert_eq!(world.last_word(message).await, format!("done #t{n}"));
    }
    assert!(world.last_word(&talking).await.ends_with("done #talk"));
    world
        .until("people are told", async |world| {
            let book = world.book().await;
            book.bot.iter().any(|bot| bot.conversation == "main" && bot.text.contains("is kept")).then_some(())
        })
        .await;
    world.kill(Who::Bridge).await;
    world
        .until("the next bridge knows", async |world| (store_page(world).await?["disk_full"] == true).then_some(()))
        .await;
    // Longer than the next bridge would take to tell people once more.
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert!(!world.has_last_word(&late).await);
    assert_eq!(world.book().await.confirmed, confirmed.max(9), "nothing new was accepted");
    assert!(world.log().contains("alert=\"disk_full\""), "{}", world.log());
    world.on_its_disk("rm filler").await;
    assert_eq!(world.last_word(&late).await, "done #late");
    assert_eq!(world.judge().await, Findings::default());
    world.until("it is ready", async |world| world.is_ready().await.then_some(())).await;
    let told = world.book().await.bot.iter().filter(|bot| bot.text.contains("is kept")).count();
    assert_eq!(told, 1, "once, by two bridges");
}

/// A supervisor that nobody else looks after: the file with its process id. It ends with this value.
struct Background(PathBuf);

impl Drop for Background {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(&self.0).ok().and_then(|pid| pid.trim().parse().ok());
        if let Some(pid) = pid {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

#[tokio::test]
async fn a_start_on_a_read_only_disk_says_so_and_the_next_one_goes_on() {
    if !can_mount() {
        eprintln!("not run: user and mount namespaces are not permitted here");
        return;
    }
    let world = World::start_with(Settings { disk: Some("32m"), ..Settings::default() }).await;
    let running = world.alice_says("gate #t1").await;
    let waiting = world.alice_says("go #t2").await;
    world.begun("#t1").await;
    world.kill(Who::Supervisor).await;
    for who in [Who::Bridge, Who::Worker] {
        world.until("the children end", async |world| world.find(who).is_none().then_some(())).await;
    }
    let run = format!("{} --config {} run < /dev/null", world.program().display(), world.config().display());
    let code = world.file("code");
    // Who has just ended may still hold a file for a moment.
    world.on_its_disk("cd / && until mount -o remount,ro \"$STATE\" 2>/dev/null; do sleep 0.1; done").await;
    world.on_its_disk(&format!("{run}; echo $? > {}", code.display())).await;
    assert_eq!(std::fs::read_to_string(code).unwrap().trim(), "1");
    assert!(world.log().contains("Read-only file system"), "{}", world.log());
    world.on_its_disk("cd / && mount -o remount,rw \"$STATE\"").await;
    let second = Background(world.file("second"));
    world.on_its_disk(&format!("({run} & echo $! > {})", second.0.display())).await;
    assert!(world.last_word(&running).await.starts_with("Error: the work on this was interrupted"));
    assert_eq!(world.last_word(&waiting).await, "done #t2");
    assert_eq!(world.judge().await, Findings::default());
}
