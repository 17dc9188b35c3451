//! Files: what came with messages is waited for and told, what agents leave goes out behind the answer.

use super::world::*;
use crate::{
    capability::Via,
    delivery::DeliveryKind,
    file::{Fetched, OutFile, RemoteFile, TurnFile},
    ids::{AccountId, IncarnationId, TurnId, UserId},
    reason::Reason,
    store::{End, Intake, NewTurn, PlaceCommand, Replays, Verdict, WantedFile},
};

fn remote(name: &str) -> RemoteFile {
    RemoteFile { handle: format!("handle of {name}"), name: name.into(), size_bytes: Some(5) }
}

fn here(name: &str) -> Fetched {
    Fetched::Here { path: format!("inbox/{name}"), size_bytes: 5 }
}

fn told(name: &str, fetched: Fetched) -> TurnFile {
    TurnFile { name: name.into(), fetched }
}

async fn sends(world: &World, place: &str, text: &str, names: &[&str]) -> TurnId {
    let files = names.iter().map(|name| remote(name)).collect();
    world.takes(text, Intake::Turn(NewTurn { files, ..patient_turn(place, text) })).await.turn.expect("a turn")
}

async fn wanted_by(world: &World, bridge: &str) -> Vec<WantedFile> {
    world.store.wanted_files(&AccountId::new(ACCOUNT), &IncarnationId::new(bridge), 100).await.expect("what is wanted")
}

async fn fetched(world: &World, turn: TurnId, n: u32, fetched: Fetched) {
    world.store.file_fetched(turn, n, fetched).await.expect("is recorded");
}

/// A turn may be claimed once each of its files is there, or known not to be had; then its agent is told of all.
pub async fn a_turn_waits_for_its_files(world: &World) {
    let turn = sends(world, "a", "1", &["x", "y"]).await;
    assert!(world.claims().await.is_empty());
    let wanted = wanted_by(world, BRIDGE).await;
    let which: Vec<_> = wanted.iter().map(|wanted| (wanted.turn, wanted.n, &wanted.file)).collect();
    assert_eq!(which, [(turn, 1, &remote("x")), (turn, 2, &remote("y"))]);
    assert_eq!((&wanted[0].place, wanted[0].session), (&place("a"), 1));
    fetched(world, turn, 2, here("y")).await;
    assert!(world.claims().await.is_empty());
    assert_eq!(wanted_by(world, BRIDGE).await.len(), 1);
    fetched(world, turn, 1, Fetched::Failed { why: "gone".into() }).await;
    // Whoever is late changes nothing.
    fetched(world, turn, 1, here("x")).await;
    let claim = world.claims().await.remove(0);
    assert_eq!(claim.files, [told("x", Fetched::Failed { why: "gone".into() }), told("y", here("y"))]);
    assert_eq!(claim.place_id, wanted[0].place_id);
    world.answers(&claim, "ok").await;
}

/// Files are fetched by whoever holds the account; a turn that ended wants none.
pub async fn files_are_wanted_by_the_holder_of_the_account(world: &World) {
    sends(world, "a", "1", &["x"]).await;
    assert!(wanted_by(world, "bridge-2").await.is_empty());
    world.store.decide_lost(&IncarnationId::new(BRIDGE), Replays::Allow, 10).await.expect("is decided");
    assert!(world.leases("bridge-2").await);
    assert_eq!(wanted_by(world, "bridge-2").await.len(), 1);
    let owed = world.store.owed().await.expect("what is owed").remove(0);
    let waited = Reason::QueuedTooLong { after_ms: 1 };
    let end = Verdict {
        fence: owed.fence,
        end: End::Errored(waited.clone()),
        parts: vec![waited.last_word()],
        files: Vec::new(),
        if_progress: Some(owed.progress),
    };
    world.elects(end).await;
    assert!(wanted_by(world, "bridge-2").await.is_empty());
}

/// A lead brings the files of what it collected, also to its next attempt; what waits for a file is not collected yet.
pub async fn a_lead_brings_the_files_of_what_it_collected(world: &World) {
    sends(world, "a", "1", &[]).await;
    let second = sends(world, "a", "2", &["x"]).await;
    let third = sends(world, "a", "3", &["y"]).await;
    fetched(world, second, 1, here("x")).await;
    let claims = world.claims().await;
    assert_eq!((claims[0].prompt.as_str(), &claims[0].files), ("1\n\n2", &vec![told("x", here("x"))]));
    world.starts(claims).await;
    world.store.decide_lost(&IncarnationId::new(WORKER), Replays::Allow, 10).await.expect("is decided");
    let again = world.claims_as("worker-2", 10).await.remove(0);
    assert_eq!((again.prompt.as_str(), &again.files), ("1\n\n2", &vec![told("x", here("x"))]));
    world.answers(&again, "both").await;
    assert!(world.claims_as("worker-2", 10).await.is_empty());
    fetched(world, third, 1, here("y")).await;
    assert_eq!(world.claims_as("worker-2", 10).await[0].files, [told("y", here("y"))]);
}

/// What is asked again comes with its files: those that lie there, and those that have to be fetched again, because they
/// never came or their working directory is another by now.
pub async fn retry_brings_the_files_again(world: &World) {
    let retry = || PlaceCommand::Retry { queue_max: 10 };
    // A message of files only is one, too.
    let turn = sends(world, "a", "", &["x", "y"]).await;
    fetched(world, turn, 1, here("x")).await;
    fetched(world, turn, 2, Fetched::Failed { why: "gone".into() }).await;
    world.answers(&world.claims().await[0], "one").await;
    world.commands("a", "again", retry()).await;
    let wanted = wanted_by(world, BRIDGE).await;
    assert_eq!((wanted.len(), wanted[0].n, &wanted[0].file), (1, 2, &remote("y")));
    fetched(world, wanted[0].turn, 2, here("y")).await;
    let claim = world.claims().await.remove(0);
    assert_eq!((claim.prompt.as_str(), &claim.files), ("", &vec![told("x", here("x")), told("y", here("y"))]));
    world.answers(&claim, "one").await;
    world.commands("a", "afresh", PlaceCommand::New).await;
    world.commands("a", "and again", retry()).await;
    let wanted = wanted_by(world, BRIDGE).await;
    assert_eq!((wanted.len(), wanted[0].session), (2, 2));
}

/// Files follow the text of their answer, in order, each message a post of its own.
pub async fn files_leave_behind_the_text_of_their_answer(world: &World) {
    world.asks("a", "1").await;
    let claim = world.claims().await.remove(0);
    let file = |name: &str| OutFile { kept: format!("1-1/{name}"), name: name.into(), size_bytes: 7 };
    let files = vec![vec![file("x.png"), file("y.png")], vec![file("z.pdf")]];
    world.elects(Verdict { files: files.clone(), ..answer(&claim, "here") }).await;
    let mut sent = Vec::new();
    while let Some(due) = world.due().await.pop() {
        assert!(world.settles(&due, delivered(&format!("m-{}", due.key))).await);
        if due.kind == DeliveryKind::Part {
            assert_eq!(due.via, Via::Post);
            sent.push((due.text, due.files));
        }
    }
    let names = ["📎 x.png, y.png", "📎 z.pdf"].map(str::to_owned);
    assert_eq!(sent, names.into_iter().zip(files).collect::<Vec<_>>());
    assert_eq!(world.last_word(claim.fence.turn).await.as_deref(), Some("here\n📎 x.png, y.png\n📎 z.pdf"));
}

/// What is forgotten takes the names of its files along.
pub async fn forgetting_erases_what_files_were_called(world: &World) {
    let turn = sends(world, "a", "1", &["private.pdf"]).await;
    fetched(world, turn, 1, here("private.pdf")).await;
    let claim = world.claims().await.remove(0);
    let file = OutFile { kept: "1-1/1".into(), name: "private too.pdf".into(), size_bytes: 7 };
    world.elects(Verdict { files: vec![vec![file]], ..answer(&claim, "here") }).await;
    world.delivers_all().await;
    let account = AccountId::new(ACCOUNT);
    world.store.forget(&account, &UserId::new("alice"), 10).await.expect("is forgotten");
    assert_eq!(world.last_word(turn).await, None);
    world.commands("a", "again", PlaceCommand::Retry { queue_max: 10 }).await;
    assert!(world.claims().await.is_empty());
}
