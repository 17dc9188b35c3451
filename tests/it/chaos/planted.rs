//! Chaos that can't find a planted bug does not count: each of them turns it red, and without the bug the same is green.
//!
//! Nothing is left to luck here: every story aims at its bug, by a crash point, by what the network does, or by waiting
//! for the moment.

use std::time::Duration;

use lastword_core::faults::Bug;
use lastword_tests::{
    ledger::{Fault, On},
    telegram,
};

use super::{
    judge::Judgement,
    people::Said,
    run::{Red, Run, settings},
    schedule::Event,
};
use crate::world::{Faults, Network, Settings, Who};

/// Tells the story that meets `bug`, with it planted or without it.
async fn tell(bug: Bug, network: Network, is_planted: bool) -> Result<(), Red> {
    let directory = tempfile::tempdir().unwrap();
    let once = directory.path().join("once");
    std::fs::write(&once, "").unwrap();
    let mut env = vec![("LASTWORD_CRASH_ONCE", once.display().to_string())];
    if is_planted {
        env.push(("LASTWORD_PLANTED", bug.as_str().to_owned()));
    }
    let crash_at = match bug {
        Bug::ElectionInTwoTransactions => Some("elect.after"),
        Bug::StolenClaimIsFresh => Some("deliver.before_settle"),
        Bug::AckBeforeCommit | Bug::NoAttemptFence | Bug::BlindRetry | Bug::NeverRetry => None,
    };
    env.extend(crash_at.map(|point| ("LASTWORD_CRASH_AT", point.to_owned())));
    let mut run = Run::start(Settings { env, ..settings(network) }, None).await;
    match bug {
        Bug::AckBeforeCommit => refuse_a_batch_and_die(&mut run).await,
        Bug::NoAttemptFence => bring_a_lost_journal_back(&mut run).await,
        Bug::BlindRetry => answer_after(&mut run, Faults::Scripted(On::Post, vec![Fault::CutAfter])).await,
        Bug::NeverRetry => answer_after(&mut run, never_arrives(network)).await,
        Bug::ElectionInTwoTransactions | Bug::StolenClaimIsFresh => {
            says(&mut run, "s0", "go #t1").await;
            run.world.until("a process died", async |_| (!once.exists()).then_some(())).await;
        }
    }
    run.settle().await.map(|_| ())
}

async fn says(run: &mut Run, conversation: &'static str, text: &str) {
    let said = Said { who: "alice", conversation, thread: None, text: text.to_owned() };
    run.act(&Event::Says(said)).await;
}

/// What is posted first does not arrive; on Telegram that is a placeholder, and then the reply's own.
fn never_arrives(network: Network) -> Faults {
    match network {
        Network::Telegram => Faults::Telegram(None, vec![telegram::Fault::DropBefore; 2]),
        _ => Faults::Scripted(On::Post, vec![Fault::DropBefore]),
    }
}

/// What is posted for an answer meets faults.
async fn answer_after(run: &mut Run, faults: Faults) {
    let count = faults.count() as u64;
    run.act(&Event::Trouble(Some("s0"), faults)).await;
    says(run, "s0", "go #t1").await;
    run.world.until("it met them", async |world| (world.book().await.requests >= count).then_some(())).await;
}

/// While the store is out a message is offered for as long as one may be, and offered again; then the bridge dies.
async fn refuse_a_batch_and_die(run: &mut Run) {
    run.act(&Event::LockStore).await;
    says(run, "s0", "go #t1").await;
    // Forgotten by the network, or offered for longer than one offer lasts.
    for _ in 0..80 {
        if run.world.book().await.confirmed == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    run.act(&Event::Kill(Who::Bridge)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    run.act(&Event::UnlockStore).await;
}

/// A worker dies with its answer in a journal that is out of sight; its turn runs again, and the journal comes back.
async fn bring_a_lost_journal_back(run: &mut Run) {
    says(run, "r0", "second #t1").await;
    let world = &run.world;
    let notes = || std::fs::read_to_string(world.file("notes")).unwrap_or_default();
    world.until("the first attempt has begun", async |_| notes().contains("#t1 1\n").then_some(())).await;
    run.act(&Event::LockStore).await;
    run.world.open_gate();
    let world = &run.world;
    let in_journal = |world: &crate::world::World| {
        let entries = std::fs::read_dir(world.file("state/journal")).ok()?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        paths.find(|path| path.extension().is_some_and(|extension| extension == "journal"))
    };
    let journal = world
        .until("the answer is in the journal", async |world| {
            in_journal(world).filter(|path| std::fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n')))
        })
        .await;
    let away = world.file("away.journal");
    std::fs::rename(&journal, &away).unwrap();
    run.world.kill(Who::Worker).await;
    run.act(&Event::UnlockStore).await;
    let world = &run.world;
    let notes = || std::fs::read_to_string(world.file("notes")).unwrap_or_default();
    world.until("the second attempt has begun", async |_| notes().contains("#t1 2\n").then_some(())).await;
    std::fs::rename(&away, &journal).unwrap();
    world.until("the journal was replayed", async |_| (!journal.exists()).then_some(())).await;
    // Without the bug the second attempt still runs, and somebody has to end it.
    says(run, "r0", "/stop").await;
}

/// Whether a verdict is what this bug does to people.
fn is_its_doing(bug: Bug, judgement: &Judgement) -> bool {
    match bug {
        Bug::AckBeforeCommit | Bug::ElectionInTwoTransactions | Bug::NeverRetry => {
            !judgement.findings.missing.is_empty()
        }
        Bug::NoAttemptFence => !judgement.stale.is_empty(),
        Bug::BlindRetry | Bug::StolenClaimIsFresh => !judgement.findings.duplicate.is_empty(),
    }
}

async fn is_found(bug: Bug, network: Network) {
    let red = tell(bug, network, true).await.expect_err("the bug is not found");
    println!("{}: {red:?}", bug.as_str());
    assert!(matches!(&red, Red::Broken(judgement) if is_its_doing(bug, judgement)), "{red:?}");
    let without = tell(bug, network, false).await;
    assert!(without.is_ok(), "without the bug: {without:?}");
}

macro_rules! every_bug {
    ($($name:ident: $bug:ident),+ $(,)?) => {
        /// Every bug has its test.
        const FOUND: &[Bug] = &[$(Bug::$bug),+];

        $(
            #[tokio::test]
            async fn $name() {
                is_found(Bug::$bug, Network::Findable).await;
            }
        )+
    };
}

every_bug! {
    an_ack_before_the_commit_is_found: AckBeforeCommit,
    an_election_in_two_transactions_is_found: ElectionInTwoTransactions,
    a_missing_attempt_fence_is_found: NoAttemptFence,
    a_blind_retry_is_found: BlindRetry,
    a_post_that_is_never_retried_is_found: NeverRetry,
    a_stolen_claim_that_is_sent_as_fresh_is_found: StolenClaimIsFresh,
}

#[tokio::test]
async fn an_ack_before_the_commit_is_found_on_telegram() {
    is_found(Bug::AckBeforeCommit, Network::Telegram).await;
}

#[tokio::test]
async fn a_post_that_is_never_retried_is_found_on_telegram() {
    is_found(Bug::NeverRetry, Network::Telegram).await;
}

#[test]
fn every_bug_that_can_be_planted_is_found() {
    assert_eq!(FOUND, Bug::ALL);
}
