mod any_text;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    capability::{TextLimit, TextUnit, Via},
    decide::policy::{AccountPolicy, AgentPolicy, Allow, Route},
    ids::{AccountId, ConversationId, MessageId, Place, Timestamp, UpdateId, UserId},
    store::{OnLost, Operation},
    update::Sender,
};

const SHAPE: ReplyShape = ReplyShape {
    via: Via::Post,
    text_max: TextLimit { max: 4_000, unit: TextUnit::Chars },
    has_placeholder: false,
    files: None,
};

fn policy() -> Policy {
    let alice = UserId::new("alice");
    let agent = AgentPolicy { on_lost: OnLost::Error, may_collect: false };
    Policy {
        accounts: BTreeMap::from([(
            AccountId::new("main"),
            AccountPolicy {
                users: Allow::Only(BTreeSet::from([alice.clone(), UserId::new("bob")])),
                admins: BTreeSet::from([alice]),
                ..AccountPolicy::default()
            },
        )]),
        agents: BTreeMap::from([(AgentId::new("demo"), agent), (AgentId::new("coder"), agent)]),
        routes: vec![Route {
            account: None,
            conversation: Some(ConversationId::new("dev")),
            sender: None,
            agent: AgentId::new("coder"),
        }],
        default_agent: Some(AgentId::new("demo")),
        commands: vec![CustomCommand {
            name: "deploy".into(),
            help: "deploys".into(),
            agent: Some(AgentId::new("coder")),
            template: "Deploy {args}, please.".into(),
            is_for_admins: true,
        }],
        prompt_bytes_max: 1_000,
        queue_max: 5,
        is_supervised: true,
        messaging: Messaging::Normal,
    }
}

fn says(who: &str, conversation: &str, text: &str) -> Update {
    Update {
        id: UpdateId::new("u1"),
        place: Place { account: AccountId::new("main"), conversation: ConversationId::new(conversation), thread: None },
        sender: Sender { id: UserId::new(who), name: None, is_bot: false },
        sent_at: Timestamp(0),
        kind: UpdateKind::Posted(Message {
            id: MessageId::new("m1"),
            text: text.into(),
            is_addressed: true,
            goes_on: false,
            files: Vec::new(),
        }),
    }
}

fn decide(update: &Update) -> Intake {
    ready(intake(&policy(), SHAPE, "up", update))
}

fn ready(decision: Decision) -> Intake {
    match decision {
        Decision::Ready(intake) => intake,
        Decision::Look { look, .. } => panic!("{look:?} is to be looked up"),
    }
}

fn look(update: &Update) -> Look {
    match intake(&policy(), SHAPE, "up", update) {
        Decision::Look { look, .. } => look,
        Decision::Ready(intake) => panic!("decided already: {intake:?}"),
    }
}

fn last_word(update: &Update) -> String {
    match decide(update) {
        Intake::Answer { text, .. } => text,
        other => panic!("expected an answer, got {other:?}"),
    }
}

fn agent_and_prompt(update: &Update) -> (String, String) {
    match decide(update) {
        Intake::Turn(turn) => (turn.agent.as_str().to_owned(), turn.prompt),
        other => panic!("expected a turn, got {other:?}"),
    }
}

#[test]
fn the_first_matching_route_wins_and_the_default_takes_the_rest() {
    assert_eq!(agent_and_prompt(&says("bob", "dev", "hi")), ("coder".into(), "hi".into()));
    assert_eq!(agent_and_prompt(&says("bob", "main", "hi")), ("demo".into(), "hi".into()));
}

#[test]
fn a_stranger_is_refused_with_the_ids_an_operator_needs() {
    let Intake::Refuse { reason, hint, .. } = decide(&says("mallory", "main", "let me in")) else {
        panic!("a stranger got in");
    };
    assert_eq!(reason, Reason::NotAllowed);
    insta::assert_snapshot!(hint.text, @"I may not talk to you yet. The operator can allow you: your id is `mallory`, this conversation is `main` on account `main`.");
}

#[test]
fn an_account_that_is_not_configured_allows_nobody() {
    let mut update = says("alice", "main", "hi");
    update.place.account = AccountId::new("other");
    assert!(matches!(decide(&update), Intake::Refuse { .. }));
}

#[test]
fn a_custom_command_fills_its_template_for_admins_only() {
    let (agent, prompt) = agent_and_prompt(&says("alice", "main", "/deploy the site"));
    assert_eq!((agent.as_str(), prompt.as_str()), ("coder", "Deploy the site, please."));
    assert_eq!(last_word(&says("bob", "main", "/deploy the site")), "Error: /deploy is for admins.");
}

#[test]
fn an_unknown_command_suggests_the_nearest() {
    insta::assert_snapshot!(last_word(&says("bob", "main", "/statsu")), @"Error: there is no command /statsu; did you mean /status? /help lists them.");
    insta::assert_snapshot!(last_word(&says("bob", "main", "/xyz")), @"Error: there is no command /xyz. /help lists them.");
}

#[test]
fn help_lists_what_the_asker_may_use() {
    insta::assert_snapshot!(last_word(&says("alice", "main", "/help")), @r"
    Write to me and your agent answers. Commands, also with `!`:

    /help – lists the commands
    /status – says what is going on here
    /whoami – shows your id and this place's
    /new – begins a fresh session
    /stop – ends the running turn
    /retry – asks your last question again
    /version – says which build runs
    /trace <turn> – shows what happened to a message
    /audit – checks that nothing is lost or doubled
    /alerts – lists what needs an operator
    /accounts – says how each account is doing
    /messaging [quiet|normal|debug|default] – how much of what happens I tell admins unasked
    /logs [bridge|worker|supervisor] – shows the end of my log
    /restart [bridge|worker|all] – starts my processes again; nothing is lost
    /update – changes to a newer build; one that does not prove itself is put back
    /rollback – changes back to the build before
    /outbox [retry <id> | drop <id> <reason>] – lists what is on its way, or sees to one of it
    /pause [why] – begins nothing new until /resume; messages are kept
    /resume – answers what was kept during a pause
    /deploy – deploys
    ");
    let plain = last_word(&says("bob", "main", "!help"));
    assert!(!plain.contains("deploy") && !plain.contains("audit"), "{plain}");
}

#[test]
fn what_admins_ask_to_see_is_looked_up_for_them_only() {
    assert_eq!(look(&says("alice", "main", "/trace 12")), Look::Trace(TurnId(12)));
    assert_eq!(look(&says("alice", "main", "!trace #12")), Look::Trace(TurnId(12)));
    assert_eq!(look(&says("alice", "main", "/audit")), Look::Audit);
    assert_eq!(look(&says("alice", "main", "/Alerts")), Look::Alerts);
    assert_eq!(look(&says("alice", "main", "/accounts")), Look::Accounts);
    assert_eq!(look(&says("bob", "main", "/version")), Look::Version);
    assert_eq!(look(&says("alice", "main", "/logs")), Look::Logs(None));
    assert_eq!(look(&says("alice", "main", "!logs Worker")), Look::Logs(Some(Logger::Worker)));
    assert!(last_word(&says("alice", "main", "/logs ../x")).ends_with("/logs [bridge|worker|supervisor]"));
    assert_eq!(last_word(&says("bob", "main", "/logs")), "Error: /logs is for admins.");
    insta::assert_snapshot!(last_word(&says("alice", "main", "/trace me")), @"Error: please write it like this: /trace <turn>");
    insta::assert_snapshot!(last_word(&says("bob", "main", "/trace 12")), @"Error: /trace is for admins.");
    assert_eq!(last_word(&says("bob", "main", "/trace me")), "Error: /trace is for admins.");
    assert!(matches!(decide(&says("mallory", "main", "/audit")), Intake::Refuse { .. }));
}

#[test]
fn a_restart_names_processes_and_needs_somebody_who_starts_them() {
    let restart = |text: &str| match decide(&says("alice", "main", text)) {
        Intake::Command { command: PlaceCommand::Operate(Operation::Restart(restart)), .. } => Some(restart),
        _ => None,
    };
    assert_eq!(restart("/restart"), Some(Restart::All));
    assert_eq!(restart("/restart all"), Some(Restart::All));
    assert_eq!(restart("!restart Worker"), Some(Restart::Worker));
    assert_eq!(restart("/restart bridge"), Some(Restart::Bridge));
    assert_eq!(restart("/restart bridge now"), None);
    for (text, means) in
        [("/update", Some(Operation::Update)), ("!rollback", Some(Operation::Rollback)), ("/update now", None)]
    {
        let asked = match decide(&says("alice", "main", text)) {
            Intake::Command { command: PlaceCommand::Operate(operation), .. } => Some(operation),
            _ => None,
        };
        assert_eq!(asked, means, "{text}");
    }
    let alone = Policy { is_supervised: false, ..policy() };
    let Intake::Answer { reason, .. } = ready(intake(&alone, SHAPE, "", &says("alice", "main", "/restart"))) else {
        panic!("it is carried out");
    };
    assert_eq!(reason, Some(Reason::Unsupervised));
}

#[test]
fn how_much_admins_are_told_is_one_of_three_levels_or_as_configured() {
    let loud = Policy { messaging: Messaging::Debug, ..policy() };
    let change = |text: &str| match ready(intake(&loud, SHAPE, "", &says("alice", "main", text))) {
        Intake::Command { command: PlaceCommand::Messaging { change, configured: Messaging::Debug }, .. } => {
            Some(change)
        }
        _ => None,
    };
    assert_eq!(change("/messaging"), Some(None));
    assert_eq!(change("/messaging default"), Some(Some(None)));
    assert_eq!(change("!messaging Quiet"), Some(Some(Some(Messaging::Quiet))));
    assert_eq!(change("/messaging loud"), None);
    assert_eq!(last_word(&says("bob", "main", "/messaging quiet")), "Error: /messaging is for admins.");
}

#[test]
fn whoami_shows_ids() {
    insta::assert_snapshot!(last_word(&says("alice", "dev", "/whoami")), @r"
    You are `alice`, an admin.
    This conversation is `dev` on account `main`.
    Agent `coder` answers here.
    ");
}

#[test]
fn a_retry_waits_in_the_queue_that_everybody_waits_in() {
    let Intake::Command { command, .. } = decide(&says("alice", "dm", "/retry")) else { panic!("no command") };
    assert_eq!(command, PlaceCommand::Retry { queue_max: 5 });
}

#[test]
fn admins_pause_with_or_without_a_reason_and_nobody_else_does() {
    let command = |text: &str| match decide(&says("alice", "main", text)) {
        Intake::Command { command, .. } => command,
        other => panic!("expected a command, got {other:?}"),
    };
    assert_eq!(command("/pause"), PlaceCommand::Pause { why: None });
    assert_eq!(command("!pause  the disk\nis new "), PlaceCommand::Pause { why: Some("the disk is new".into()) });
    let PlaceCommand::Pause { why: Some(why) } = command(&format!("/pause {}", "ä ".repeat(300))) else { panic!() };
    assert_eq!(why.chars().count(), 200);
    assert_eq!(command("/resume"), PlaceCommand::Resume);
    for (text, name) in [("/pause now", "pause"), ("/resume", "resume")] {
        assert_eq!(last_word(&says("bob", "main", text)), format!("Error: /{name} is for admins."));
        assert!(matches!(decide(&says("mallory", "main", text)), Intake::Refuse { .. }));
    }
}

#[test]
fn admins_see_to_the_outbox_and_a_reason_is_wanted_where_something_is_dropped() {
    let command = |text: &str| match decide(&says("alice", "main", text)) {
        Intake::Command { command, .. } => command,
        other => panic!("expected a command, got {other:?}"),
    };
    assert_eq!(look(&says("alice", "main", "/outbox")), Look::Outbox);
    assert_eq!(command("/outbox retry 7"), PlaceCommand::SendAgain { delivery: DeliveryId(7) });
    let dropped = PlaceCommand::Drop { delivery: DeliveryId(7), reason: "it is there".into() };
    assert_eq!(command("/outbox drop #7 it  is there"), dropped);
    for wrong in ["/outbox drop 7", "/outbox retry", "/outbox retry it", "/outbox retry 7 now", "/outbox mend 7"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(last_word(&says("alice", "main", wrong)), @"Error: please write it like this: /outbox [retry <id> | drop <id> <reason>]");
        }
    }
    for text in ["/outbox", "/outbox retry 7", "/outbox drop 7 why"] {
        assert_eq!(last_word(&says("bob", "main", text)), "Error: /outbox is for admins.");
    }
}

#[test]
fn what_nobody_can_answer_is_an_error_reply() {
    assert!(last_word(&says("bob", "main", "  \n")).starts_with("Error: "));
    assert!(last_word(&says("bob", "main", &"x".repeat(1_001))).starts_with("Error: this message is longer"));
    let mut nowhere = policy();
    nowhere.default_agent = Some(AgentId::new("gone"));
    let Intake::Answer { reason, .. } = ready(intake(&nowhere, SHAPE, "", &says("bob", "main", "hi"))) else {
        panic!("routed to an agent that is not there");
    };
    assert_eq!(reason, Some(Reason::Unroutable));
}

#[test]
fn bots_and_a_groups_own_talk_never_start_a_turn() {
    let mut bot = says("bob", "main", "hi");
    bot.sender.is_bot = true;
    assert_eq!(decide(&bot), Intake::Drop(Reason::FromBot));
    let mut talk = says("bob", "main", "hi");
    talk.kind = UpdateKind::Posted(Message {
        id: MessageId::new("m1"),
        text: "hi all".into(),
        is_addressed: false,
        goes_on: false,
        files: Vec::new(),
    });
    assert_eq!(decide(&talk), Intake::Drop(Reason::NotAddressed));
}

#[test]
fn what_waited_too_long_is_not_done_any_more() {
    let asked = says("alice", "chat", "buy it");
    let at = |now, max_ms| unless_too_old(decide(&asked), &asked, Timestamp(now), max_ms);
    assert!(matches!(at(1_001, Some(1_000)), Intake::Answer { reason: Some(Reason::TooOld { max_ms: 1_000 }), .. }));
    assert!(matches!(at(1_000, Some(1_000)), Intake::Turn(_)));
    assert!(matches!(at(i64::MAX, None), Intake::Turn(_)));
    let stop = says("alice", "chat", "/stop");
    let late = unless_too_old(decide(&stop), &stop, Timestamp(5_000), Some(1_000));
    assert!(matches!(late, Intake::Answer { reason: Some(Reason::TooOld { .. }), .. }), "it meant another turn");
    let help = says("alice", "chat", "/help");
    let late = unless_too_old(decide(&help), &help, Timestamp(5_000), Some(1_000));
    assert!(matches!(late, Intake::Answer { reason: None, .. }), "nothing comes too late for help");
}

#[test]
fn an_answer_at_once_fits_into_one_message() {
    let mut policy = policy();
    policy.commands = (0..40)
        .map(|n| CustomCommand { name: format!("ask{n}"), help: "asks ".repeat(40), ..policy.commands[0].clone() })
        .collect();
    let Intake::Answer { text, .. } = ready(intake(&policy, SHAPE, "", &says("alice", "main", "/help"))) else {
        panic!("help is an answer");
    };
    assert!(SHAPE.text_max.fits(&text), "{}", text.len());
    assert!(text.contains("/help – ") && text.ends_with("\n… (shortened)"), "{text}");
}
