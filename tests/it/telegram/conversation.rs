//! What people and the bot say to each other.

use lastword_tests::oracle::{Findings, Oracle};
use serde_json::json;

use super::network::{Telegram, answer, answer_in};

#[tokio::test]
async fn a_private_chat_a_group_and_a_topic_each_get_their_last_words() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    let group = telegram.does("chat", json!({ "kind": "group" })).await["id"].as_i64().unwrap();
    let forum = telegram.does("chat", json!({ "kind": "supergroup", "is_forum": true })).await["id"].as_i64().unwrap();
    let topic = telegram.does("topic", json!({ "chat": forum, "name": "Ideas" })).await["thread"].as_i64().unwrap();

    let asked = telegram.says(json!({ "text": "go #t1" })).await;
    assert_eq!(answer(&world, &telegram, alice, asked).await, "done #t1");
    let asked = telegram.says(json!({ "chat": group, "text": "@lastword_bot go #t2" })).await;
    assert_eq!(answer(&world, &telegram, group, asked).await, "done #t2");
    let asked = telegram.says(json!({ "chat": forum, "thread": topic, "text": "@lastword_bot go #t3" })).await;
    assert_eq!(answer_in(&world, &telegram, forum, Some(topic), asked).await, "done #t3");
    // A command, a reply to the bot, and talk among people, which a bot with privacy mode on does not even hear.
    let command = telegram.says(json!({ "chat": group, "text": "/whoami@lastword_bot" })).await;
    assert!(answer(&world, &telegram, group, command).await.contains(&format!("This conversation is {group}")));
    let ours = telegram.shown(group, None).await[0].id;
    let reply = telegram.says(json!({ "chat": group, "text": "go #t4", "reply_to": ours })).await;
    assert_eq!(answer(&world, &telegram, group, reply).await, "done #t4");
    telegram.says(json!({ "chat": group, "text": "among us" })).await;
    let last = telegram.says(json!({ "text": "go #t5" })).await;
    assert_eq!(answer(&world, &telegram, alice, last).await, "done #t5");

    world.judge().await;
    let book = telegram.book().await;
    let oracle = Oracle::new(|token| format!("done {token}"));
    assert_eq!(oracle.judge(&book.ledger(telegram.bot)), Findings::default());
    assert!(book.passing.iter().any(|passing| passing.what == "typing"), "people see that it is working");
    let polls: Vec<_> = book.calls.iter().filter(|call| call.method == "getupdates").collect();
    assert!(polls.len() >= 5);
    assert_eq!(telegram.network.violations().await, [], "nothing was sent that is not documented");
}

#[tokio::test]
async fn limits_slow_answers_down_and_lose_none() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    telegram.does("settings", json!({ "limits": { "chat_per_s": 1 } })).await;
    let asked = [1, 2, 3].map(|n| json!({ "text": format!("go #t{n}") }));
    for (n, asked) in asked.into_iter().enumerate() {
        let asked = telegram.says(asked).await;
        assert_eq!(answer(&world, &telegram, alice, asked).await, format!("done #t{}", n + 1));
    }
    world.judge().await;
    let book = telegram.book().await;
    let asked = book.calls.iter().filter(|call| ["sendmessage", "editmessagetext"].contains(&call.method.as_str()));
    let shown = telegram.shown(alice, None).await;
    let done: usize = shown.iter().map(|message| message.versions.len()).sum();
    assert!(asked.count() > done, "a limit was met");
    let oracle = Oracle::new(|token| format!("done {token}"));
    assert_eq!(oracle.judge(&book.ledger(telegram.bot)), Findings::default());
}

#[tokio::test]
async fn progress_is_seen_and_the_answer_takes_its_place_formatted() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    let asked = telegram.says(json!({ "text": "talk #t1" })).await;
    world
        .until("the placeholder follows the agent", async |_| {
            let shown = telegram.shown(alice, None).await;
            shown.first().filter(|shown| shown.now().text.starts_with("step 1")).map(|_| ())
        })
        .await;
    world.open_gate();
    world
        .until("the answer is there", async |_| {
            let shown = telegram.shown(alice, None).await;
            let is_done =
                shown.len() == 1 && shown[0].reply_to == Some(asked) && shown[0].now().text.ends_with("done #t1");
            is_done.then_some(())
        })
        .await;
    // A command's answer is Markdown of ours: ids are code.
    let whoami = telegram.says(json!({ "text": "/whoami" })).await;
    answer(&world, &telegram, alice, whoami).await;
    let shown = telegram.shown(alice, None).await;
    assert!(shown[1].now().entities.iter().any(|entity| entity["type"] == "code"), "{:?}", shown[1]);
}

#[tokio::test]
async fn a_long_turn_ends_with_a_notice_that_is_given_once() {
    const NOTICE: &str = "Done: the answer is above.";
    let telegram = Telegram::start().await;
    let mut world = telegram.world("notify_after: 1ms").await;
    let alice = telegram.alice().await;
    let asked = telegram.says(json!({ "text": "gate #t1" })).await;
    world
        .until("the placeholder is there", async |_| (telegram.shown(alice, None).await.len() == 1).then_some(()))
        .await;
    world.open_gate();
    let shown = world
        .until("the notice is there", async |_| {
            let shown = telegram.shown(alice, None).await;
            (shown.len() == 2).then_some(shown)
        })
        .await;
    assert_eq!((&*shown[0].now().text, shown[0].reply_to), ("done #t1", Some(asked)));
    assert_eq!((&*shown[1].now().text, shown[1].reply_to), (NOTICE, Some(asked)));
    // Neither a restart, nor a command, nor a long answer, whose second part notifies, brings another.
    world.kill_supervisor().await;
    world.start_supervisor();
    let whoami = telegram.says(json!({ "text": "/whoami" })).await;
    answer(&world, &telegram, alice, whoami).await;
    telegram.says(json!({ "text": "long #t2" })).await;
    let last = telegram.says(json!({ "text": "/whoami" })).await;
    answer(&world, &telegram, alice, last).await;
    world.judge().await;
    let shown = telegram.shown(alice, None).await;
    assert!(shown.iter().any(|shown| shown.now().text.ends_with("done #t2")), "{shown:?}");
    assert_eq!(shown.iter().filter(|shown| shown.now().text == NOTICE).count(), 1, "{shown:?}");
    let oracle = Oracle::new(|token| format!("done {token}"));
    assert_eq!(oracle.judge(&telegram.book().await.ledger(telegram.bot)), Findings::default());
}

#[tokio::test]
async fn busy_topics_of_a_group_share_its_pace() {
    /// As the capability of a group says.
    const INTERVAL_MS: u64 = 4_000;
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let forum = telegram.does("chat", json!({ "kind": "supergroup", "is_forum": true })).await["id"].as_i64().unwrap();
    let mut topics = Vec::new();
    for (n, name) in ["Ideas", "Bugs"].into_iter().enumerate() {
        let topic = telegram.does("topic", json!({ "chat": forum, "name": name })).await["thread"].as_i64().unwrap();
        let text = format!("@lastword_bot talk #t{n}");
        let asked = telegram.says(json!({ "chat": forum, "thread": topic, "text": text })).await;
        topics.push((topic, asked));
    }
    world
        .until("both placeholders follow their agents", async |_| {
            for (topic, _) in &topics {
                let shown = telegram.shown(forum, Some(*topic)).await;
                shown.first().filter(|shown| shown.now().text.starts_with("step 1"))?;
            }
            Some(())
        })
        .await;
    let book = telegram.book().await;
    let edits = book.calls.iter().filter(|call| call.method == "editmessagetext" && call.chat == Some(forum));
    let times: Vec<_> = edits.map(|edit| edit.at_ms).collect();
    assert!(times.len() >= 2 && times.windows(2).all(|two| two[1] - two[0] >= INTERVAL_MS), "{times:?}");
    world.open_gate();
    world
        .until("both answers are there", async |_| {
            for (n, (topic, asked)) in topics.iter().enumerate() {
                let shown = telegram.shown(forum, Some(*topic)).await;
                let done = format!("done #t{n}");
                shown.first().filter(|shown| shown.reply_to == Some(*asked) && shown.now().text.ends_with(&done))?;
            }
            Some(())
        })
        .await;
}

#[tokio::test]
async fn people_see_that_it_is_working_where_no_progress_is_shown() {
    let telegram = Telegram::start().await;
    let world = telegram.world("progress: false").await;
    let alice = telegram.alice().await;
    let asked = telegram.says(json!({ "text": "talk #t1" })).await;
    world
        .until("it is typing", async |_| {
            let book = telegram.book().await;
            book.passing.iter().any(|passing| passing.what == "typing" && passing.chat == alice).then_some(())
        })
        .await;
    world.open_gate();
    let answered = world
        .until("the answer is there", async |_| {
            let shown = telegram.shown(alice, None).await;
            shown.into_iter().find(|shown| shown.now().text.ends_with("done #t1"))
        })
        .await;
    assert_eq!((answered.versions.len(), answered.reply_to), (2, Some(asked)), "the placeholder, then the answer");
}

#[tokio::test]
async fn a_private_chat_may_see_a_draft_grow_and_then_one_message() {
    let telegram = Telegram::start().await;
    let world = telegram.world("drafts: true").await;
    let alice = telegram.alice().await;
    let asked = telegram.says(json!({ "text": "talk #t1" })).await;
    world
        .until("the draft follows the agent", async |_| {
            let passing = telegram.book().await.passing;
            let drafts: Vec<_> = passing.into_iter().filter(|passing| passing.draft == 1).collect();
            (drafts.len() > 1 && drafts[1].what.contains("step 2")).then_some(())
        })
        .await;
    assert_eq!(telegram.shown(alice, None).await, [], "nothing is posted before the answer");
    world.open_gate();
    world
        .until("the answer is there", async |_| {
            let shown = telegram.shown(alice, None).await;
            let is_done =
                shown.len() == 1 && shown[0].reply_to == Some(asked) && shown[0].now().text.ends_with("done #t1");
            is_done.then_some(())
        })
        .await;
    // A group sees a message grow, as ever.
    let group = telegram.does("chat", json!({ "kind": "group" })).await["id"].as_i64().unwrap();
    let asked = telegram.says(json!({ "chat": group, "text": "@lastword_bot go #t2" })).await;
    assert_eq!(answer(&world, &telegram, group, asked).await, "done #t2");
    world.judge().await;
    assert_eq!(telegram.network.violations().await, []);
}

#[tokio::test]
async fn what_is_taken_gets_a_reaction_where_the_operator_says_so() {
    let telegram = Telegram::start().await;
    let world = telegram.world("receipts: true").await;
    let alice = telegram.alice().await;
    let asked = telegram.says(json!({ "text": "gate #t1" })).await;
    world
        .until("there is a reaction", async |_| {
            let book = telegram.book().await;
            let said = book.messages.iter().find(|message| message.chat.id == alice && message.id == asked)?;
            (said.reactions == [(telegram.bot, "👀".to_owned())]).then_some(())
        })
        .await;
    world.open_gate();
    assert_eq!(answer(&world, &telegram, alice, asked).await, "done #t1");
}

#[tokio::test]
async fn a_long_answer_comes_in_parts_that_fit() {
    let telegram = Telegram::start().await;
    let world = telegram.world("").await;
    let alice = telegram.alice().await;
    telegram.says(json!({ "text": "long #t1" })).await;
    let shown = world
        .until("the last part is there", async |_| {
            let shown = telegram.shown(alice, None).await;
            let ends = shown.last().is_some_and(|last| last.now().text.ends_with("done #t1"));
            // one alone may still be the progress, which ends the same way
            (shown.len() > 1 && ends).then_some(shown)
        })
        .await;
    assert!(shown.len() >= 3, "{} parts", shown.len());
    let all: Vec<_> = shown.iter().map(|part| part.now().text.clone()).collect();
    let all = all.join("\n");
    assert!((0..400).all(|n| all.contains(&format!("line {n} of a long answer"))));
}

#[tokio::test]
async fn what_was_written_while_nobody_ran_is_answered_unless_it_is_too_old() {
    let telegram = Telegram::start().await;
    let mut world = telegram.world("max_update_age: 2h").await;
    let alice = telegram.alice().await;
    world.stop().await;
    let recent = telegram.says(json!({ "text": "go #t1", "age_s": 3_600 })).await;
    let old = telegram.says(json!({ "text": "go #t2", "age_s": 7_260 })).await;
    world.start_supervisor();
    assert_eq!(answer(&world, &telegram, alice, recent).await, "done #t1");
    let refused = answer(&world, &telegram, alice, old).await;
    assert_eq!(refused, "Error: this message is more than 2 hours old; please send it again.");
}

#[tokio::test]
async fn a_bridge_that_is_killed_hears_what_it_had_not_committed_and_nothing_twice() {
    let telegram = Telegram::start().await;
    let mut world = telegram.world("").await;
    let alice = telegram.alice().await;
    for n in 0..3 {
        let asked = telegram.says(json!({ "text": format!("go #k{n}") })).await;
        world.kill_supervisor().await;
        world.start_supervisor();
        let word = answer(&world, &telegram, alice, asked).await;
        assert!(word == format!("done #k{n}") || word.starts_with("Error: the work on this was interrupted"), "{word}");
    }
    world.judge().await;
    let oracle = Oracle::new(|token| format!("done {token}"));
    let book = telegram.book().await.ledger(telegram.bot);
    assert!(oracle.judge(&book).duplicate.is_empty(), "{}", oracle.judge(&book));
    assert!(oracle.judge(&book).missing.is_empty(), "{}", oracle.judge(&book));
}

#[tokio::test]
async fn a_group_that_becomes_a_supergroup_stays_one_conversation() {
    let telegram = Telegram::start().await;
    let group = telegram.does("chat", json!({ "kind": "group" })).await["id"].as_i64().unwrap();
    let mut world = telegram.world("").await;
    let first = telegram.says(json!({ "chat": group, "text": "@lastword_bot gate #t1" })).await;
    world.begun("#t1").await;
    let moved = telegram.does("migrate", json!({ "chat": group })).await["id"].as_i64().unwrap();
    world.open_gate();
    // The placeholder stayed behind, so the answer is posted where everybody is now.
    world
        .until("the answer follows", async |_| {
            telegram.shown(moved, None).await.iter().any(|shown| shown.now().text == "done #t1").then_some(first)
        })
        .await;
    let asked = telegram.says(json!({ "chat": moved, "text": "/whoami@lastword_bot" })).await;
    assert!(answer(&world, &telegram, moved, asked).await.contains(&format!("This conversation is {group}")));
    world.kill_supervisor().await;
    world.start_supervisor();
    let asked = telegram.says(json!({ "chat": moved, "text": "/whoami@lastword_bot" })).await;
    let said = answer(&world, &telegram, moved, asked).await;
    assert!(said.contains(&format!("This conversation is {group}")), "the next bridge knows it, too: {said}");
}

#[tokio::test]
async fn the_menu_has_our_commands_and_the_operators() {
    let telegram = Telegram::start().await;
    let alice = telegram.alice().await;
    telegram.says(json!({ "text": "go #t1" })).await;
    let world = telegram.world(&format!("admins: [{alice}]")).await;
    let names = async |scope: serde_json::Value| {
        let menu = telegram.asks("getMyCommands", json!({ "scope": scope })).await;
        let menu = menu["result"].as_array().cloned().unwrap_or_default();
        menu.iter().map(|command| command["command"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let everybody = world
        .until("the menu is there", async |_| {
            Some(names(json!({ "type": "default" })).await).filter(|names| !names.is_empty())
        })
        .await;
    assert!(everybody.contains(&"stop".to_owned()) && !everybody.contains(&"audit".to_owned()), "{everybody:?}");
    world
        .until("an admin sees all", async |_| {
            let menu = names(json!({ "type": "chat", "chat_id": alice })).await;
            menu.contains(&"audit".to_owned()).then_some(())
        })
        .await;
}
