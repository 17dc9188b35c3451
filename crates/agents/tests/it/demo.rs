//! The demo agent, run as the program that it is.

use std::path::Path;

use lastword_agents::{
    command::CommandSettings,
    demo::{FACT_DATA, demo_settings},
};
use lastword_core::{
    agent::{Agent, AgentOutcome},
    ids::AgentId,
    reason::Reason,
};

use crate::{
    entry,
    world::{Said, World, block_on},
};

fn demo() -> CommandSettings {
    let mut settings = demo_settings(AgentId::new("demo"), Path::new("/opt/lastword"));
    assert_eq!(
        (settings.program.as_str(), settings.args.as_slice()),
        ("/opt/lastword", &["demo-agent".to_owned()][..])
    );
    assert_eq!(settings.shim, ["/opt/lastword", "exec-agent", "--"]);
    // Those subcommands belong to the binary; here this very executable plays them.
    let mut line = entry::command_line("demo-agent");
    settings.program = line.remove(0);
    settings.args = line;
    settings.shim = entry::shim();
    settings
}

fn says(prompt: &str) -> (AgentOutcome, Said) {
    World::new().asks_agent(demo(), prompt)
}

fn answer(prompt: &str) -> String {
    match says(prompt).0 {
        AgentOutcome::Answered(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_says_back_what_it_does_not_understand() {
    assert_eq!(answer("hello \"there\""), "You said: hello \"there\"\n\nTry `help`, or `stream`, `slow 5`, `crash`.");
}

#[test]
fn it_tells_what_it_was_told() {
    let world = World::new();
    let mut request = world.request("where is my data?");
    request.about = [(FACT_DATA.to_owned(), "SQLite, state/lastword.db".to_owned())].into();
    let agent = lastword_agents::command::CommandAgent::new(demo());
    let outcome = block_on(agent.run(&request, &mut Said::default()));
    let AgentOutcome::Answered(text) = outcome else { panic!("{outcome:?}") };
    assert!(text.starts_with("Your messages and their answers are kept here: `SQLite, state/lastword.db`"), "{text}");
    assert!(answer("status").starts_with("I am up: your message reached me as turn 7, attempt 1, through"));
}

#[test]
fn it_streams() {
    let (outcome, said) = says("stream");
    assert!(matches!(outcome, AgentOutcome::Answered(_)));
    assert!(said.pieces.len() > 20, "{} pieces", said.pieces.len());
}

#[test]
fn it_is_slow_when_asked() {
    assert_eq!(answer("slow 2"), "still at it, 1 of 2 s\nDone, after 2 s.");
}

#[test]
fn it_crashes_and_fails_when_asked() {
    let (outcome, said) = says("crash");
    assert_eq!(outcome, AgentOutcome::Failed(Reason::AgentKilled { signal: 9 }));
    assert!(said.pieces.concat().starts_with("I feel fine"));
    let (outcome, _) = says("fail");
    let AgentOutcome::Failed(Reason::AgentFailed { line }) = outcome else { panic!("{outcome:?}") };
    assert!(line.starts_with("the demo agent failed because you asked it to."));
}

#[test]
fn it_floods_until_the_limit_and_is_long_within_it() {
    let mut settings = demo();
    settings.output_bytes_max = 100_000;
    let (outcome, _) = World::new().asks_agent(settings, "flood");
    assert_eq!(outcome, AgentOutcome::Failed(Reason::OutputTooLarge { max_bytes: 100_000 }));
    assert!(answer("long").chars().count() > 20_000);
}

#[test]
fn it_hangs_until_it_is_dropped() {
    let world = World::new();
    block_on(async {
        let agent = lastword_agents::command::CommandAgent::new(demo());
        let (request, mut said) = (world.request("hang"), Said::default());
        let heard = said.heard.clone();
        tokio::select! {
            outcome = agent.run(&request, &mut said) => panic!("{outcome:?}"),
            () = heard.notified() => {}
        }
        assert!(said.pieces.concat().starts_with("I say nothing more"));
        agent.settled().await;
        assert!(said.groups.iter().all(|group| lastword_agents::shim::is_gone(*group)));
    });
}
