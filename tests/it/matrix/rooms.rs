//! Rooms that move on, gaps in them, and messages that change or can't be read.

use serde_json::json;

use super::network::{account, is_answered_once, listens, says, shown, world, world_with};
use crate::world::{FakeClock, Matrix, Settings, World};

#[tokio::test]
async fn a_room_that_is_upgraded_is_followed() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let world = world(&matrix, "").await;
    let (alice, bob) = (matrix.person("alice").await, matrix.person("bob").await);
    let bot = matrix.bot().user.as_str();
    let kitchen = alice.opens(json!({ "name": "kitchen", "invite": [bot, bob.id()], "version": "10" })).await;
    bob.does("join", json!({ "room": kitchen })).await;
    alice.sees(&kitchen, bot).await;
    alice.says_to(&kitchen, bot, "go #t1").await;
    says(&world, &matrix, &alice, &kitchen, "done #t1").await;
    // Whoever may come, comes; the ids of the newest rooms name no server.
    let open = json!({ "method": "PUT", "path": format!("rooms/{kitchen}/state/m.room.join_rules"), "body": { "join_rule": "public" } });
    alice.does("ask", open).await;
    let upgrade =
        json!({ "method": "POST", "path": format!("rooms/{kitchen}/upgrade"), "body": { "new_version": "12" } });
    let upgraded = alice.does("ask", upgrade).await;
    let hall = upgraded["replacement_room"].as_str().unwrap();
    assert!(!hall.contains(':'), "{hall}");
    alice.sees(hall, bot).await;
    bob.does("join", json!({ "room": hall })).await;
    alice.says_to(hall, bot, "go #t2").await;
    says(&world, &matrix, &alice, hall, "done #t2").await;
    is_answered_once(&world, &matrix, &alice).await;
}

#[tokio::test]
async fn what_a_sync_leaves_out_of_a_room_is_answered_all_the_same() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let mut world = world(&matrix, "").await;
    let alice = matrix.person("alice").await;
    let room = alice.secret(&matrix.bot().user).await;
    alice.says(&room, "go #t0").await;
    says(&world, &matrix, &alice, &room, "done #t0").await;
    world.kill_supervisor().await;
    // More than one sync brings, and more than one page of the history; in threads, because each queue has its limit.
    let roots = [alice.says(&room, "go #a").await, alice.says(&room, "go #b").await, alice.says(&room, "go #c").await];
    for n in 0..117 {
        alice.says_in(&room, &roots[n % 3], &format!("go #t{n}")).await;
    }
    world.start_supervisor();
    listens(&world).await;
    says(&world, &matrix, &alice, &room, "done #t116").await;
    is_answered_once(&world, &matrix, &alice).await;
}

#[tokio::test]
async fn a_message_that_changes_or_is_taken_back_leaves_the_answers_as_they_are() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let world = world(&matrix, "edited: rerun").await;
    let alice = matrix.person("alice").await;
    let room = alice.secret(&matrix.bot().user).await;
    let asked = alice.says(&room, "go #t1").await;
    says(&world, &matrix, &alice, &room, "done #t1").await;
    alice.says_so(&room, "go #t2", json!({ "edits": asked })).await;
    says(&world, &matrix, &alice, &room, "done #t2").await;
    alice.does("redact", json!({ "room": room, "event": asked })).await;
    alice.says(&room, "go #t3").await;
    says(&world, &matrix, &alice, &room, "done #t3").await;
    world.judge().await;
    alice.catches_up().await;
    let words = shown(&matrix, &alice, &room).await;
    let texts: Vec<_> = words.iter().map(|word| word.now().text.as_str()).collect();
    assert_eq!(texts, ["done #t1", "done #t2", "done #t3"]);
}

#[tokio::test]
async fn a_long_answer_comes_in_parts_that_fit_into_events() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let world = world(&matrix, "").await;
    let alice = matrix.person("alice").await;
    let room = alice.secret(&matrix.bot().user).await;
    alice.says(&room, "tome #t1").await;
    says(&world, &matrix, &alice, &room, "done #t1").await;
    world.judge().await;
    alice.catches_up().await;
    let parts: Vec<_> = shown(&matrix, &alice, &room).await.iter().map(|part| part.now().text.clone()).collect();
    assert!(parts.len() > 2, "{} parts", parts.len());
    let lines: Vec<_> = parts.iter().flat_map(|part| part.lines()).filter(|line| line.starts_with("line ")).collect();
    let all: Vec<_> = (0..4_000).map(|n| format!("line {n} of a long answer")).collect();
    assert_eq!(lines, all, "nothing is lost or out of order");
}

#[tokio::test]
async fn a_message_that_can_not_be_read_is_marked_and_answered_once_its_key_comes() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let Some(clock) = FakeClock::maybe_new() else {
        eprintln!("not run: libfaketime is not installed");
        return;
    };
    let settings = Settings { env: clock.env(), ..Settings::default() };
    let world = world_with(&matrix, "allow: { users: ['*'] }", settings).await;
    let alice = matrix.person("alice").await;
    let room = alice.secret(&matrix.bot().user).await;
    let asked = alice.says_so(&room, "go #t1", json!({ "holds_keys": true })).await;
    alice.does("rotate_keys", json!({ "room": room })).await;
    alice.says(&room, "go #t2").await;
    says(&world, &matrix, &alice, &room, "done #t2").await;
    clock.set("+6m");
    // Another key comes, so that it looks again.
    alice.does("rotate_keys", json!({ "room": room })).await;
    alice.says(&room, "go #t3").await;
    says(&world, &matrix, &alice, &room, "done #t3").await;
    let is_mark = |event: &lastword_tests::matrix::room::Event| {
        event.related("m.annotation") == Some(&asked) && event.content["m.relates_to"]["key"] == "❓"
    };
    matrix.until("it is marked", async || alice.events_of(&room).await.iter().any(is_mark).then_some(())).await;
    alice.does("release_keys", json!({ "room": room })).await;
    says(&world, &matrix, &alice, &room, "done #t1").await;
    world.judge().await;
    assert_eq!(alice.events_of(&room).await.iter().filter(|event| is_mark(event)).count(), 1);
}

#[tokio::test]
async fn a_token_is_enough_and_keeps_its_device() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let bot = matrix.bot();
    let lines = account(&matrix, "allow: { users: ['*'] }");
    let of_token = lines
        .replace(&format!("  user: '{}'\n", bot.user), "")
        .replace(&format!("  password: '{}'\n", crate::world::PASSWORD), &format!("  token: '{}'\n", bot.token));
    assert!(of_token.contains("token:") && !of_token.contains("user:"), "{of_token}");
    let mut world = World::start_with(Settings { accounts: of_token, ..Settings::default() }).await;
    listens(&world).await;
    let alice = matrix.person("alice").await;
    let room = alice.secret(&bot.user).await;
    alice.says(&room, "go #t1").await;
    says(&world, &matrix, &alice, &room, "done #t1").await;
    let devices = alice.does("members", json!({ "room": room })).await[&bot.user].clone();
    world.kill_supervisor().await;
    world.start_supervisor();
    listens(&world).await;
    alice.says(&room, "go #t2").await;
    says(&world, &matrix, &alice, &room, "done #t2").await;
    assert_eq!(alice.does("members", json!({ "room": room })).await[&bot.user], devices);
    is_answered_once(&world, &matrix, &alice).await;
}

/// The keys that signed a device, by their names.
async fn signed_by(matrix: &Matrix, device: &str) -> Vec<String> {
    let bot = matrix.bot().user.as_str();
    let keys = json!({ "method": "POST", "path": "keys/query", "body": { "device_keys": { bot: [] } } });
    let keys = matrix.of_name("alice").does("ask", keys).await;
    let signatures = &keys["device_keys"][bot][device]["signatures"][bot];
    signatures.as_object().map(|signatures| signatures.keys().cloned().collect()).unwrap_or_default()
}

#[tokio::test]
async fn the_account_gets_an_identity_and_a_backup_that_its_recovery_key_opens_for_another_device() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let mut world = world(&matrix, "").await;
    let alice = matrix.person("alice").await;
    let bot = matrix.bot().user.as_str();
    let room = alice.secret(bot).await;
    let members = alice.does("members", json!({ "room": room })).await;
    let first = members[bot][0].as_str().unwrap().to_owned();
    let key = world.file("state/accounts/ada/recovery.key");
    let key = matrix
        .until("there is a recovery key", async || {
            std::fs::read_to_string(&key).ok().filter(|key| !key.trim().is_empty())
        })
        .await;
    matrix
        .until("the identity signed its device", async || (signed_by(&matrix, &first).await.len() == 2).then_some(()))
        .await;
    world.stop().await;

    let other = super::network::world(&matrix, &format!("recovery_key: '{}'", key.trim())).await;
    let second = matrix
        .until("there is another device", async || {
            let members = alice.does("members", json!({ "room": room })).await;
            members[bot].as_array()?.iter().find_map(|one| one.as_str().filter(|one| *one != first)).map(str::to_owned)
        })
        .await;
    matrix
        .until("the same identity signed it", async || (signed_by(&matrix, &second).await.len() == 2).then_some(()))
        .await;
    alice.says(&room, "go #t1").await;
    says(&other, &matrix, &alice, &room, "done #t1").await;
    other.judge().await;
}
