//! The machine's clock jumps; nobody is failed by it, and nothing waits for it to come back.

use std::{collections::BTreeSet, path::PathBuf};

use lastword_tests::oracle::Findings;

use crate::world::{Settings, World};

/// The library that fakes the clock, where it is installed.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.exists())
}

#[tokio::test]
async fn a_clock_that_jumps_fails_nobody_and_holds_up_nothing() {
    let Some(library) = library() else {
        eprintln!("not run: the package faketime is not installed");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let clock = directory.path().join("clock");
    // Renamed into its place: read while it is half written, it would say anything.
    let set = |offset: &str| {
        let draft = directory.path().join("draft");
        std::fs::write(&draft, offset).unwrap();
        std::fs::rename(draft, &clock).unwrap();
    };
    set("+0");
    let env = vec![
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", clock.display().to_string()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("DONT_FAKE_MONOTONIC", "1".into()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DISABLE_SHM", "1".into()),
    ];
    let top = "deadlines: { idle: 30s, queue: 30s }".to_owned();
    let world = World::start_with(Settings { env, top, ..Settings::default() }).await;
    for (n, offset) in ["+1d", "-1d", "+0"].into_iter().enumerate() {
        let talks = world.alice_says(&format!("talk #t{n}")).await;
        let waits = world.alice_says(&format!("go #w{n}")).await;
        world.begun(&format!("#t{n}")).await;
        set(offset);
        let asked = world.says("bob", "other", &format!("go #o{n}")).await;
        assert_eq!(world.last_word(&asked).await, format!("done #o{n}"));
        assert!(!world.has_last_word(&talks).await, "it goes on");
        world.open_gate();
        assert!(world.last_word(&talks).await.ends_with(&format!("done #t{n}")));
        assert_eq!(world.last_word(&waits).await, format!("done #w{n}"));
        std::fs::remove_file(world.file("gate")).unwrap();
    }
    assert_eq!(world.judge().await, Findings::default());
    let log = world.log();
    assert!(!log.contains("was taken for lost"));
    let days: BTreeSet<_> = log.lines().filter_map(|line| line.get(..10)).filter(|day| day.starts_with("20")).collect();
    assert!(days.len() >= 3, "the clock did not jump: {days:?}");
}
