//! The machine's clock jumps; nobody is failed by it, and nothing waits for it to come back.

use std::collections::BTreeSet;

use lastword_tests::oracle::Findings;

use crate::world::{FakeClock, Settings, World};

#[tokio::test]
async fn a_clock_that_jumps_fails_nobody_and_holds_up_nothing() {
    let Some(clock) = FakeClock::maybe_new() else {
        eprintln!("not run: the package faketime is not installed");
        return;
    };
    let top = "deadlines: { idle: 30s, queue: 30s }".to_owned();
    let world = World::start_with(Settings { env: clock.env(), top, ..Settings::default() }).await;
    for (n, offset) in ["+1d", "-1d", "+0"].into_iter().enumerate() {
        let talks = world.alice_says(&format!("talk #t{n}")).await;
        let waits = world.alice_says(&format!("go #w{n}")).await;
        world.begun(&format!("#t{n}")).await;
        clock.set(offset);
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
