//! The terminal's side: `lastword chat` against the real bridge.

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use crate::world::{Who, World};

#[tokio::test]
async fn one_question_prints_one_answer() {
    let world = World::start().await;
    let chat = world.lastword(&["chat", "who are you?"]).output().unwrap();
    assert!(chat.status.success(), "{}", String::from_utf8_lossy(&chat.stderr));
    assert!(!String::from_utf8_lossy(&chat.stdout).trim().is_empty());
}

#[tokio::test]
async fn one_question_that_fails_exits_with_1() {
    let world = World::start().await;
    let chat = world.lastword(&["chat", "crash"]).output().unwrap();
    assert_eq!(chat.status.code(), Some(1));
    let said = String::from_utf8_lossy(&chat.stderr);
    assert!(said.contains("Error: the agent died"), "{said}");
}

#[tokio::test]
async fn a_chat_goes_on_through_the_death_of_the_bridge() {
    let world = World::start().await;
    let mut chat =
        world.lastword(&["chat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut typed = chat.stdin.take().unwrap();
    writeln!(typed, "slow 3").unwrap();
    let mut shown = BufReader::new(chat.stdout.take().unwrap()).lines();
    let first = shown.next().unwrap().unwrap();
    world.kill(Who::Bridge).await;
    drop(typed);
    let rest: Vec<_> = shown.map(Result::unwrap).collect();
    assert!(chat.wait().unwrap().success());
    let all = format!("{first}\n{}", rest.join("\n"));
    assert_eq!(all.matches("1 of 3").count(), 1, "shown twice or never:\n{all}");
    assert_eq!(all.matches("Done, after 3 s").count(), 1, "shown twice or never:\n{all}");
}
