//! The command agent: what reaches the program, and what becomes of what it says and does.

use lastword_agents::command::{CommandAgent, PromptBy};
use lastword_core::{
    agent::{Agent, AgentOutcome},
    reason::Reason,
};

use crate::world::{HELPERS, Said, World, block_on, eventually, script_settings};

fn failed_line(outcome: AgentOutcome) -> String {
    match outcome {
        AgentOutcome::Failed(Reason::AgentFailed { line }) => line,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_agent_that_never_reads_its_prompt_still_answers() {
    let world = World::new();
    let (outcome, _) = world.asks("echo done", &"x".repeat(2_000_000));
    assert_eq!(outcome, AgentOutcome::Answered("done".into()));
}

#[test]
fn an_agent_that_never_reads_its_prompt_ends_when_dropped() {
    let world = World::new();
    block_on(async {
        let agent = CommandAgent::new(script_settings("echo $$ > pid.agent; exec sleep 1000"));
        let (request, mut said) = (world.request(&"x".repeat(2_000_000)), Said::default());
        let run = agent.run(&request, &mut said);
        let acted = async {
            while world.pids().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            outcome = run => panic!("{outcome:?}"),
            () = acted => {}
        }
        agent.settled().await;
        assert!(world.living().is_empty());
    });
}

#[test]
fn a_long_prompt_comes_through_while_the_answer_flows_back() {
    let world = World::new();
    let prompt = "round and round it goes.\n".repeat(40_000);
    let (outcome, said) = world.asks("cat", &prompt);
    assert_eq!(outcome, AgentOutcome::Answered(prompt.trim_end().to_owned()));
    assert!(said.pieces.len() > 1, "streamed in {} pieces", said.pieces.len());
}

#[test]
fn exit_codes_fail_with_the_last_line_of_stderr() {
    let world = World::new();
    for code in [1, 2, 126, 127, 137, 255] {
        let (outcome, _) = world.asks(&format!("echo partial; echo 'code {code}' >&2; exit {code}"), "");
        assert_eq!(failed_line(outcome), format!("code {code}"));
    }
    assert_eq!(failed_line(world.asks("exit 1", "").0), "");
}

#[test]
fn a_signal_is_told_apart_from_an_exit_code() {
    let world = World::new();
    for signal in [1, 6, 9, 11, 13, 15] {
        let (outcome, _) = world.asks(&format!("kill -{signal} $$"), "");
        assert_eq!(outcome, AgentOutcome::Failed(Reason::AgentKilled { signal }));
    }
}

#[test]
fn an_agent_that_kills_its_own_group_has_died() {
    let world = World::new();
    for signal in [9, 15] {
        let (outcome, _) = world.asks(&format!("{HELPERS} kill -{signal} 0; sleep 1000"), "");
        assert_eq!(outcome, AgentOutcome::Failed(Reason::AgentKilled { signal }));
        eventually("its helpers are gone", || world.living().is_empty());
    }
}

#[test]
fn a_flood_of_stderr_leaves_its_last_line_and_counts_as_work() {
    let world = World::new();
    let (outcome, said) =
        world.asks("yes noise | head -c 5000000 >&2; printf '\\n\\033[31mthe end\\033[0m\\n' >&2; exit 1", "");
    assert_eq!(failed_line(outcome), "the end");
    assert!(said.steps > 0);
}

#[test]
fn a_missing_program_is_named() {
    let world = World::new();
    let mut settings = script_settings("");
    settings.program = "no-such-program-anywhere".to_owned();
    match world.asks_agent(settings, "hello").0 {
        AgentOutcome::Failed(Reason::AgentNotStarted { detail }) => {
            assert!(detail.starts_with("no-such-program-anywhere: No such file"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_shim_and_a_missing_directory_are_named() {
    let world = World::new();
    let mut settings = script_settings("");
    settings.shim = vec!["/no/such/shim".into()];
    let detail = |outcome| match outcome {
        AgentOutcome::Failed(Reason::AgentNotStarted { detail }) => detail,
        other => panic!("{other:?}"),
    };
    assert!(detail(world.asks_agent(settings, "").0).starts_with("the shim /no/such/shim for /bin/sh"));
    let agent = CommandAgent::new(script_settings(""));
    let mut request = world.request("");
    request.directory = world.path().join("nowhere");
    let outcome = block_on(agent.run(&request, &mut Said::default()));
    assert!(detail(outcome).ends_with("nowhere is not there"));
}

#[test]
fn our_secrets_are_not_in_its_environment() {
    let world = World::new();
    let ours: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    assert!(ours.iter().any(|name| name.starts_with("CARGO")), "cargo sets variables that the agent must not see");
    let mut settings = script_settings("env | cut -d= -f1 | sort | grep -v -e ^PWD$ -e ^OLDPWD$ -e ^_$ -e ^SHLVL$");
    settings.env_allow = vec!["PATH".to_owned()];
    settings.env = [("API_KEY".to_owned(), "given".to_owned())].into();
    let (outcome, _) = world.asks_agent(settings, "");
    let names = [
        "API_KEY",
        "LASTWORD_ACCOUNT",
        "LASTWORD_ATTEMPT",
        "LASTWORD_CONVERSATION",
        "LASTWORD_GROUP",
        "LASTWORD_INBOX",
        "LASTWORD_OUTBOX",
        "LASTWORD_SENDER",
        // Of these tests only.
        "LASTWORD_TEST_ROLE",
        "LASTWORD_TURN",
        "PATH",
    ];
    assert_eq!(outcome, AgentOutcome::Answered(names.join("\n")));
}

#[test]
fn it_runs_in_its_directory_and_finds_its_folders() {
    let world = World::new();
    let (outcome, _) = world.asks("pwd; test -d \"$LASTWORD_INBOX\" -a -d \"$LASTWORD_OUTBOX\" && echo both", "");
    let here = world.path().canonicalize().unwrap();
    assert_eq!(outcome, AgentOutcome::Answered(format!("{}\nboth", here.display())));
}

#[test]
fn a_prompt_too_long_for_an_argument_is_refused_before_anything_runs() {
    let world = World::new();
    let mut settings = script_settings(": > acted");
    settings.prompt = PromptBy::Argument;
    let (outcome, said) = world.asks_agent(settings, &"x".repeat(200_000));
    assert!(matches!(outcome, AgentOutcome::Failed(Reason::TooLong { .. })), "{outcome:?}");
    assert!(said.groups.is_empty() && !world.has("acted"));
}

#[test]
fn the_longest_prompt_for_an_argument_fits() {
    let world = World::new();
    let mut settings = script_settings("printf %s \"$1\" | wc -c");
    settings.prompt = PromptBy::Argument;
    settings.args.push("name".to_owned());
    let longest = "-".repeat(lastword_agents::command::ARGUMENT_BYTES_MAX);
    let (outcome, _) = world.asks_agent(settings, &longest);
    assert_eq!(outcome, AgentOutcome::Answered((longest.len() + 1).to_string()));
}

#[test]
fn a_helper_that_holds_stdout_does_not_hold_the_turn() {
    let world = World::new();
    let (outcome, _) = world.asks(&format!("{HELPERS} echo done"), "");
    assert_eq!(outcome, AgentOutcome::Answered("done".into()));
    assert_eq!(world.pids().len(), 4);
    assert!(world.living().is_empty(), "the shim is done only when they are");
}
