//! What people and the bot say to each other.

use serde_json::json;

use super::network::{is_answered_once, listens, says, shown, world, world_with};
use crate::world::{Matrix, Settings};

#[tokio::test]
async fn a_direct_room_a_group_and_its_threads_each_get_their_last_words() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let world = world(&matrix, "").await;
    let (alice, bob) = (matrix.person("alice").await, matrix.person("bob").await);
    let bot = matrix.bot().user.as_str();
    let direct = alice.direct(bot).await;
    let asked = alice.says(&direct, "go #t1").await;
    let word = says(&world, &matrix, &alice, &direct, "done #t1").await;
    assert_eq!((word.versions.len(), &word.thread), (1, &None), "one event");
    matrix
        .until("it is marked as read", async || {
            let read = alice.does("read_up_to", json!({ "room": direct })).await;
            (read[bot] == asked.as_str()).then_some(())
        })
        .await;
    matrix
        .until("it types no more", async || {
            let typing = alice.does("typing", json!({ "room": direct })).await;
            (typing == json!([])).then_some(())
        })
        .await;

    let kitchen = alice.opens(json!({ "name": "kitchen", "invite": [bot, bob.id()] })).await;
    bob.does("join", json!({ "room": kitchen })).await;
    alice.sees(&kitchen, bot).await;
    alice.says(&kitchen, "among us").await;
    let asked = alice.says_to(&kitchen, bot, "go #t2").await;
    says(&world, &matrix, &alice, &kitchen, "done #t2").await;
    let pill = format!("<a href=\"https://matrix.to/#/{bot}\">bot</a>: go #t3");
    bob.says_so(&kitchen, "bot: go #t3", json!({ "html": pill })).await;
    let third = says(&world, &matrix, &alice, &kitchen, "done #t3").await;
    bob.says_so(&kitchen, "go #t4", json!({ "reply_to": third.event.id })).await;
    says(&world, &matrix, &alice, &kitchen, "done #t4").await;
    bob.says_to(&kitchen, alice.id(), "what do you think?").await;
    // A thread goes on without a mention.
    alice.says_so(&kitchen, "go #t5", json!({ "thread": asked, "mentions": [bot] })).await;
    says(&world, &matrix, &alice, &kitchen, "done #t5").await;
    bob.says_in(&kitchen, &asked, "go #t6").await;
    let sixth = says(&world, &matrix, &alice, &kitchen, "done #t6").await;
    assert_eq!(sixth.thread.as_ref(), Some(&asked));
    // Nobody is called by what an agent writes.
    alice.says_so(&kitchen, &format!("go @room {} #t7", bob.id()), json!({ "mentions": [bot] })).await;
    let seventh = says(&world, &matrix, &alice, &kitchen, "done #t7").await;
    assert_eq!(seventh.now().mentions, [""; 0]);
    is_answered_once(&world, &matrix, &alice).await;
    let words: Vec<_> = shown(&matrix, &alice, &kitchen).await.iter().map(|word| word.now().text.clone()).collect();
    assert_eq!(words.len(), 6, "{words:?}");
}

#[tokio::test]
async fn who_is_a_stranger_and_what_was_said_before_the_first_start_gets_no_answer() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let (alice, mallory) = (matrix.person("alice").await, matrix.person("mallory").await);
    let bot = matrix.bot().user.clone();
    let old = alice.opens(json!({ "name": "old", "invite": [bot] })).await;
    matrix.bot_joins(&old).await;
    alice.says_to(&old, &bot, "go #old").await;
    let waiting = alice.opens(json!({ "invite": [bot], "is_direct": true })).await;

    let lines = "allow: { users: ['@alice:localhost'] }\nedited: rerun";
    let mut world = world_with(&matrix, lines, Settings::default()).await;
    alice.sees(&waiting, &bot).await;
    let trap = mallory.opens(json!({ "invite": [bot], "is_direct": true })).await;
    let asked = alice.says_to(&old, &bot, "go #t1").await;
    says(&world, &matrix, &alice, &old, "done #t1").await;
    alice.says_so(&old, "go #t2", json!({ "edits": asked, "mentions": [bot] })).await;
    says(&world, &matrix, &alice, &old, "done #t2").await;
    // While it is away everything waits for it.
    world.kill_supervisor().await;
    let meanwhile = alice.opens(json!({ "invite": [bot], "is_direct": true })).await;
    alice.says_to(&old, &bot, "go #t3").await;
    world.start_supervisor();
    listens(&world).await;
    says(&world, &matrix, &alice, &old, "done #t3").await;
    alice.sees(&meanwhile, &bot).await;
    alice.says(&meanwhile, "go #t4").await;
    says(&world, &matrix, &alice, &meanwhile, "done #t4").await;
    world.judge().await;
    alice.catches_up().await;
    let words: Vec<_> = shown(&matrix, &alice, &old).await.iter().map(|word| word.now().text.clone()).collect();
    assert_eq!(words, ["done #t1", "done #t2", "done #t3"], "what is old is left alone");
    mallory.catches_up().await;
    let members = mallory.does("members", json!({ "room": trap })).await;
    assert!(members.get(&bot).is_none(), "{members}");
    assert_eq!(shown(&matrix, &mallory, &trap).await, []);
}

#[tokio::test]
async fn progress_is_shown_by_edits_where_the_operator_says_so_and_never_overwrites_the_answer() {
    let Some(matrix) = Matrix::maybe_start().await else { return };
    let world = world(&matrix, "edits: true").await;
    let alice = matrix.person("alice").await;
    let room = alice.secret(&matrix.bot().user).await;
    alice.says(&room, "talk #t1").await;
    says(&world, &matrix, &alice, &room, "step 1").await;
    world.open_gate();
    let word = says(&world, &matrix, &alice, &room, "done #t1").await;
    assert_eq!(word.versions[0].text, "…");
    alice.says(&room, "!whoami").await;
    says(&world, &matrix, &alice, &room, &room).await;
    is_answered_once(&world, &matrix, &alice).await;
    assert_eq!(shown(&matrix, &alice, &room).await.len(), 2);
}
