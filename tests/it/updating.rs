//! `/update` and `/rollback` from the chat: another build proves itself, or is put back, and the admin is told once,
//! whatever is killed in between.

use std::path::Path;

use axum::routing::get;
use flate2::{Compression, write::GzEncoder};
use lastword_core::faults::UpdatePoint;
use lastword_tests::oracle::Findings;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::world::{ChatKind, Matrix, Network, Settings, Who, World};

/// Beside the configuration; what is at `candidate` there becomes the new build.
const UPDATE: &str =
    "update: { checkout: source, build_command: 'cp candidate made', binary: made, confirm_within: 20s }
restart: { healthy_after: 1s, start_within: 5s, kill_after: 500ms, pause: 50ms, pause_max: 100ms, failures_max: 3 }";

/// A build that works.
const NEXT: &str = "LASTWORD_TEST_BUILD=next exec {program} \"$@\"";

fn settings() -> Settings {
    Settings { is_copied: true, top: UPDATE.into(), ..Settings::default() }
}

/// A deployment with a checkout, whose next build is this script.
async fn world_with(settings: Settings, candidate: &str) -> World {
    let world = World::start_with(settings).await;
    offers(&world, candidate);
    world
}

fn offers(world: &World, candidate: &str) {
    std::fs::create_dir_all(world.file("source")).unwrap();
    world.write_program(&world.file("source/candidate"), candidate);
}

/// Everything that was said to a message, in order.
async fn replies(world: &World, message: &str) -> Vec<String> {
    let book = world.book().await;
    let replies = book.bot.into_iter().filter(|bot| bot.reply_to.as_deref() == Some(message));
    replies.map(|bot| bot.text).collect()
}

fn is_last_word(text: &str) -> bool {
    ["Updated from ", "Went back from ", "Nothing to do", "Error: "].iter().any(|begin| text.starts_with(begin))
}

/// Waits for the one last word, starting the supervisor again whenever it is gone.
async fn last_word(world: &mut World, message: &str) -> String {
    let begin = std::time::Instant::now();
    while !replies(world, message).await.iter().any(|text| is_last_word(text)) {
        assert!(begin.elapsed().as_secs() < 120, "no last word: {:?}\n{}", replies(world, message).await, world.log());
        world.keep_running();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    world.judge().await;
    let mut words = replies(world, message).await;
    words.retain(|text| is_last_word(text));
    assert_eq!(words.len(), 1, "{words:?}");
    words.remove(0)
}

/// What the bridge that serves now calls itself.
async fn build(world: &World) -> String {
    world.until("a bridge serves", async |world| world.page().await?["build"].as_str().map(ToOwned::to_owned)).await
}

fn program_is(world: &World) -> &'static str {
    let is_script = std::fs::read(world.program()).unwrap().starts_with(b"#!");
    if is_script { "next" } else { "first" }
}

/// Whether there are processes of a deployment that a new build was given to itself.
fn is_trying(world: &World) -> bool {
    let folder = world.file("state/update-").display().to_string();
    let calls = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| std::fs::read(entry.path().join("cmdline")));
    calls.flatten().any(|call| String::from_utf8_lossy(&call).contains(&folder))
}

/// Nothing is owed or doubled, nothing is left of an update, and messages are answered.
async fn is_sound(world: &World, token: &str) {
    let asked = world.alice_says(&format!("go {token}")).await;
    assert_eq!(world.last_word(&asked).await, format!("done {token}"));
    assert_eq!(world.judge().await, Findings::default());
    world.until("the record is cleared", async |world| (!world.file("state/update.json").exists()).then_some(())).await;
    assert!(!world.file("lastword.next").exists());
    world.until("nothing tried out lives", async |world| (!is_trying(world)).then_some(())).await;
    let state = std::fs::read_dir(world.file("state")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = state.filter(|name| name.as_encoded_bytes().starts_with(b"update-")).collect();
    assert!(left.is_empty(), "{left:?}");
    let audit = world.lastword(&["audit"]).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

async fn updates_and_goes_back_on(network: Network) {
    let chats = vec![("main", ChatKind::Group), ("other", ChatKind::Group)];
    let mut world = world_with(Settings { network, chats, ..settings() }, NEXT).await;
    let sign = if network == Network::Matrix { "!" } else { "/" };
    let first = build(&world).await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let worker = world.pid(Who::Worker).await;
    let asked = world.says("alice", "other", &format!("{sign}update")).await;
    let word = last_word_while_one_runs(&mut world, &asked).await;
    let next = build(&world).await;
    assert!(next.contains("(next") && program_is(&world) == "next", "{next}");
    assert!(word.starts_with(&format!("Updated from {first} to {next} in ")), "{word}");
    assert!(!worker.is_gone(), "the old worker has a turn to end");
    world.open_gate();
    assert_eq!(world.last_word(&running).await, "done #t1");
    assert_eq!(world.runs_of("#t1"), 1);
    let said = replies(&world, &asked).await;
    for text in
        ["Updating …".to_owned(), format!("Changing from {first} to {next} …"), format!("Build {next} runs now.")]
    {
        assert!(said.contains(&text), "{text}: {said:?}");
    }
    is_sound(&world, "#t2").await;
    let children = [world.pid(Who::Bridge).await, world.pid(Who::Worker).await];
    let inherited = async |world: &World| (world.log().matches(" inherited role=").count() == 2).then_some(());
    world.until("the supervisor has changed, too", inherited).await;
    assert!(children.iter().all(|child| !child.is_gone()), "nobody else notices");
    let asked = world.alice_says(&format!("{sign}rollback")).await;
    let word = last_word(&mut world, &asked).await;
    assert!(word.starts_with(&format!("Went back from {next} to {first} in ")), "{word}");
    assert_eq!((build(&world).await, program_is(&world)), (first, "first"));
    is_sound(&world, "#t3").await;
}

/// The last word of an update while something else is still owed, so that the book can't be judged yet.
async fn last_word_while_one_runs(world: &mut World, asked: &str) -> String {
    world
        .until("it is answered", async |world| replies(world, asked).await.into_iter().find(|text| is_last_word(text)))
        .await
}

#[tokio::test]
async fn a_build_proves_itself_and_one_can_go_back() {
    updates_and_goes_back_on(Network::EditOnly).await;
}

#[tokio::test]
async fn a_build_proves_itself_on_telegram() {
    updates_and_goes_back_on(Network::Telegram).await;
}

#[tokio::test]
async fn a_build_proves_itself_on_matrix() {
    if Matrix::is_installed() {
        updates_and_goes_back_on(Network::Matrix).await;
    }
}

#[tokio::test]
async fn strangers_and_wrong_words_change_nothing() {
    let world = world_with(settings(), NEXT).await;
    for command in ["/update", "/rollback"] {
        let asked = world.says("bob", "main", command).await;
        assert_eq!(world.reply(&asked).await, format!("Error: {command} is for admins."));
        let asked = world.alice_says(&format!("{command} now")).await;
        assert_eq!(world.reply(&asked).await, format!("Error: please write it like this: {command}"));
    }
    assert_eq!(program_is(&world), "first");
}

#[tokio::test]
async fn without_another_build_nothing_is_changed() {
    let mut world = World::start_with(Settings { is_copied: true, ..Settings::default() }).await;
    let asked = world.alice_says("/update").await;
    let word = last_word(&mut world, &asked).await;
    assert!(word.starts_with("Error: nothing was changed: no source of newer builds is set up"), "{word}");
    let asked = world.alice_says("/rollback").await;
    assert_eq!(last_word(&mut world, &asked).await, "Error: nothing was changed: there is no build to go back to.");
    let mut world = world_with(settings(), "exec {program} \"$@\"").await;
    let first = build(&world).await;
    let asked = world.alice_says("/update").await;
    assert_eq!(last_word(&mut world, &asked).await, format!("Nothing to do: build {first} runs already."));
    assert_eq!(program_is(&world), "first");
    is_sound(&world, "#t1").await;
}

#[tokio::test]
async fn a_build_that_fails_before_it_runs_changes_nothing() {
    let mut world = world_with(settings(), NEXT).await;
    let (bridge, worker) = (world.pid(Who::Bridge).await, world.pid(Who::Worker).await);
    let version = "case \"$*\" in --version) echo 'lastword 9.9.9 (broken)';;";
    for (candidate, why) in [
        ("exit 4", "the new build does not work: "),
        ("echo 'lastword [9](http://evil)'", "the new build does not work: it does not say which build it is"),
        (
            &format!("{version} *) exit 78;; esac"),
            "the new build 9.9.9 (broken) does not take the configuration: it ended",
        ),
        (&format!("{version} *check) ;; *) exit 1;; esac"), "the new build 9.9.9 (broken) failed its canary: it ended"),
        (
            &format!("{version} *check) ;; *) sleep 1000;; esac"),
            "the new build 9.9.9 (broken) failed its canary: it was not",
        ),
        (
            &format!("case \"$*\" in *\" run\") exit 3;; esac; {NEXT}"),
            "the new build 0.1.0 (next, testing) failed in a deployment of its own: it ended with exit code 3; `update.log`",
        ),
    ] {
        offers(&world, candidate);
        let asked = world.alice_says("/update").await;
        let word = last_word(&mut world, &asked).await;
        assert!(word.starts_with(&format!("Error: nothing was changed: {why}")), "{candidate}: {word}");
        assert!(!world.file("lastword.next").exists());
    }
    std::fs::remove_file(world.file("source/candidate")).unwrap();
    let asked = world.alice_says("/update").await;
    let word = last_word(&mut world, &asked).await;
    assert!(word.contains("the build command ended with exit code 1; `update.log`"), "{word}");
    let log = std::fs::read_to_string(world.file("state/update.log")).unwrap();
    assert!(log.starts_with("$ sh -c cp candidate made\n") && log.contains("candidate"), "{log}");
    assert!(!bridge.is_gone() && !worker.is_gone());
    assert_eq!(program_is(&world), "first");
    is_sound(&world, "#t1").await;
}

/// A release on a server of this machine.
struct Release {
    address: String,
    /// Of who signed it.
    key: String,
    _serving: JoinSet<std::io::Result<()>>,
}

/// A release of this script.
async fn release(script: &str) -> Release {
    let script = script.replace("{program}", World::binary().to_str().unwrap());
    let script = format!("#!/bin/sh\n{script}\n");
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(script.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, "lastword-9/lastword", script.as_bytes()).unwrap();
    let archive = tar.into_inner().unwrap().finish().unwrap();
    let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let signature = minisign::sign(None, &keys.sk, &*archive, None, None).unwrap().to_string();
    let sum = format!("{:x}  lastword.tar.gz\n", Sha256::digest(&archive));
    let server = axum::Router::new()
        .route("/lastword.tar.gz", get(async || archive))
        .route("/lastword.tar.gz.sha256", get(async || sum))
        .route("/lastword.tar.gz.minisig", get(async || signature));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}/lastword.tar.gz", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(axum::serve(listener, server).into_future());
    Release { address, key: keys.pk.to_base64(), _serving: serving }
}

#[tokio::test]
async fn a_release_is_fetched_if_it_is_signed_by_who_is_trusted() {
    let (release, other) = (release(NEXT).await, release(NEXT).await);
    let top = format!("update: {{ archive: '{}', public_key: '{}' }}", release.address, other.key);
    let mut world = World::start_with(Settings { top, ..settings() }).await;
    let asked = world.alice_says("/update").await;
    let word = last_word(&mut world, &asked).await;
    assert!(
        word.starts_with("Error: nothing was changed: the release archive is not signed by `update.public_key`"),
        "{word}"
    );
    assert_eq!(program_is(&world), "first");
    let config = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), config.replace(&other.key, &release.key)).unwrap();
    world.kill_supervisor().await;
    world.start_supervisor();
    let asked = world.alice_says("/update").await;
    assert!(last_word(&mut world, &asked).await.starts_with("Updated from "));
    assert_eq!(program_is(&world), "next");
    is_sound(&world, "#t1").await;
}

#[tokio::test]
async fn the_program_that_runs_is_not_built_over() {
    let top = UPDATE.replace("binary: made", "binary: ../lastword");
    let mut world = world_with(Settings { top, ..settings() }, NEXT).await;
    let asked = world.alice_says("/update").await;
    let word = last_word(&mut world, &asked).await;
    assert!(word.contains("`update.binary` is the very program that runs"), "{word}");
    is_sound(&world, "#t1").await;
}

/// Builds that pass every trial beside the one that runs, and fail in its place.
async fn is_put_back(candidate: &str, why: &str) {
    let mut world = world_with(settings(), candidate).await;
    let first = build(&world).await;
    let asked = world.alice_says("/update").await;
    let word = last_word(&mut world, &asked).await;
    let begin = format!("Error: build 0.1.0 (next, testing) did not prove itself, and {first} is back: ");
    assert!(word.starts_with(&begin) && word.contains(why), "{word}\n{}", world.log());
    assert_eq!((build(&world).await, program_is(&world)), (first, "first"));
    is_sound(&world, "#t1").await;
}

#[tokio::test]
async fn a_build_whose_bridge_dies_is_put_back() {
    let candidate = format!("case \"$*\" in *\" bridge\") exit 3;; esac; {NEXT}");
    is_put_back(&candidate, "ended before it did its work").await;
}

#[tokio::test]
async fn a_build_whose_worker_dies_is_put_back() {
    let candidate = format!("case \"$*\" in *\" worker\") exit 3;; esac; {NEXT}");
    is_put_back(&candidate, "ended before it did its work").await;
}

#[tokio::test]
async fn a_build_that_hangs_is_put_back() {
    let candidate = format!("case \"$*\" in *\" bridge\") exec sleep 1000;; esac; {NEXT}");
    is_put_back(&candidate, "ended before it did its work").await;
}

#[tokio::test]
async fn a_build_that_delivers_nothing_is_put_back() {
    // Its bridge does its work, and is held before it posts anything.
    let candidate = format!(
        "case \"$*\" in *\" bridge\") export LASTWORD_CRASH_AT=deliver.after_claim LASTWORD_CRASH_HOW=stop;; esac; {NEXT}"
    );
    is_put_back(&candidate, "").await;
}

/// Dies once where `point` says, is started again, and goes on.
fn dying_at(point: UpdatePoint, once: &Path) -> Vec<(&'static str, String)> {
    std::fs::write(once, "").unwrap();
    vec![("LASTWORD_CRASH_AT", point.as_str().to_owned()), ("LASTWORD_CRASH_ONCE", once.display().to_string())]
}

async fn dies_at_each_point(points: &[UpdatePoint], candidate: &str, ends: &str) {
    for point in points {
        let once = tempfile::NamedTempFile::new().unwrap();
        let env = dying_at(*point, once.path());
        let mut world = world_with(Settings { env, ..settings() }, candidate).await;
        let asked = world.alice_says("/update").await;
        let word = last_word(&mut world, &asked).await;
        assert!(world.log().contains(&format!("crash point {} reached", point.as_str())), "{}", world.log());
        assert!(word.starts_with(ends), "{}: {word}\n{}", point.as_str(), world.log());
        let works = ends.starts_with("Updated");
        assert_eq!(program_is(&world), if works { "next" } else { "first" }, "{}", point.as_str());
        assert_eq!(build(&world).await.contains("(next"), works);
        is_sound(&world, "#t1").await;
    }
}

#[tokio::test]
async fn an_update_is_answered_wherever_its_supervisor_dies() {
    dies_at_each_point(UpdatePoint::ALL, NEXT, "Updated from ").await;
}

#[tokio::test]
async fn a_build_is_put_back_wherever_its_supervisor_dies() {
    // Started as a supervisor, too, its bridge dies of its first post.
    let candidate = format!("export LASTWORD_CRASH_AT=deliver.after_claim; unset LASTWORD_CRASH_ONCE; {NEXT}");
    let points = [UpdatePoint::BeforeSwap, UpdatePoint::AfterSwap, UpdatePoint::BeforeLastWord];
    dies_at_each_point(&points, &candidate, "Error: build 0.1.0 (next, testing) did not prove itself").await;
}

#[tokio::test]
async fn a_build_that_does_not_say_its_name_in_its_place_is_judged_by_what_it_does() {
    let candidate = format!("case \"$0 $*\" in */lastword\\ --version) exit 4;; esac; {NEXT}");
    let mut world = world_with(settings(), &candidate).await;
    let asked = world.alice_says("/update").await;
    let word = last_word(&mut world, &asked).await;
    assert!(word.starts_with("Updated from ") && program_is(&world) == "next", "{word}");
    is_sound(&world, "#t1").await;
}

#[tokio::test]
async fn what_was_never_swapped_is_not_taken_for_done() {
    let mut world = world_with(settings(), NEXT).await;
    let first = build(&world).await;
    world.freeze(Who::Supervisor).await;
    let asked = world.alice_says("/update").await;
    world.until("it was heard", async |world| (!replies(world, &asked).await.is_empty()).then_some(())).await;
    world.kill_supervisor().await;
    let change = serde_json::json!({ "program": world.program(), "from": first, "to": "9.9.9 (never)" });
    let record = serde_json::json!({ "turn": 1, "stage": { "swapping": change } });
    std::fs::write(world.file("state/update.json"), record.to_string()).unwrap();
    world.start_supervisor();
    let word = last_word(&mut world, &asked).await;
    let expected = format!("Error: nothing was changed: it was interrupted, and the program's file is {first}.");
    assert_eq!((word, build(&world).await, program_is(&world)), (expected, first, "first"));
    is_sound(&world, "#t1").await;
}

#[tokio::test]
async fn a_build_command_ends_with_its_supervisor_and_is_run_again() {
    let command = "echo begun >> runs; echo $$ > pid; while [ ! -e go ]; do sleep 0.1; done; cp candidate made";
    let top = UPDATE.replace("cp candidate made", command);
    let mut world = world_with(Settings { top, ..settings() }, NEXT).await;
    let asked = world.alice_says("/update").await;
    let builds = async |world: &World, n: usize| {
        let runs = world.file("source/runs");
        world
            .until("it builds", async |_| {
                let text = std::fs::read_to_string(&runs).unwrap_or_default();
                (text.lines().count() == n).then_some(())
            })
            .await;
    };
    builds(&world, 1).await;
    let shell = std::fs::read_to_string(world.file("source/pid")).unwrap();
    world.kill_supervisor().await;
    world.until("it is gone", async |_| (!Path::new("/proc").join(shell.trim()).exists()).then_some(())).await;
    world.start_supervisor();
    builds(&world, 2).await;
    std::fs::write(world.file("source/go"), "").unwrap();
    assert!(last_word(&mut world, &asked).await.starts_with("Updated from "));
    is_sound(&world, "#t1").await;
}
