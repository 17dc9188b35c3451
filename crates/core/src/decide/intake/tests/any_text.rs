//! Whatever is said, by whomever: who may ask gets a last word, and who may not gets nothing of it.

use proptest::prelude::*;

use super::*;
use crate::corpus;

/// What holds for every update: everything posted to us by a person who may talk ends in something with a last word.
fn holds(update: &Update) {
    let decision = intake(&policy(), SHAPE, "up", update);
    let who = update.sender.id.as_str();
    let asked = match (&update.kind, update.sender.is_bot) {
        (UpdateKind::Posted(message), false) if message.is_addressed => message,
        _ => {
            assert!(matches!(decision, Decision::Ready(Intake::Drop(_))), "{decision:?}");
            return;
        }
    };
    if !["alice", "bob"].contains(&who) {
        assert!(matches!(decision, Decision::Ready(Intake::Refuse { .. })), "{decision:?}");
        return;
    }
    let limit = usize::try_from(policy().prompt_bytes_max).unwrap();
    let kept = match &decision {
        Decision::Look { asked, look } => {
            assert!(*look == Look::Version || who == "alice", "only admins look further: {decision:?}");
            asked
        }
        Decision::Ready(Intake::Answer { asked, text, reason }) => {
            assert_eq!(text.starts_with("Error: "), reason.is_some(), "{text:?}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            asked
        }
        Decision::Ready(Intake::Command { asked, .. }) => asked,
        Decision::Ready(Intake::Turn(turn)) => {
            assert!(!turn.prompt.trim().is_empty() && turn.prompt.len() <= limit + 30, "{:?}", turn.prompt);
            let is_deploy = turn.prompt != asked.text;
            assert!(!is_deploy || who == "alice", "only admins deploy");
            &turn.asked
        }
        other => panic!("nobody answers: {other:?}"),
    };
    assert_eq!((&kept.place, &kept.sender), (&update.place, &update.sender.id));
    let is_kept = if asked.text.len() <= limit { kept.text == asked.text } else { kept.text.chars().count() <= 200 };
    assert!(is_kept && asked.text.starts_with(&kept.text), "{:?}", kept.text);
}

fn people() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["alice", "bob", "mallory", "alice ", "Alice", ""])
}

/// Texts near those that mean something.
fn said() -> impl Strategy<Value = String> {
    let names: Vec<String> = BuiltIn::ALL
        .iter()
        .map(|command| command.name().to_owned())
        .chain(["deploy", "start", "x"].map(String::from))
        .collect();
    let command = (
        "[ \n\u{a0}\u{200e}\u{feff}]{0,2}[/!]",
        prop::sample::select(names),
        "(@[a-z_]{0,9})?",
        "[ \n\u{3000}]{0,2}",
        "([#+-]{0,3}[0-9]{0,25}|[\\PC\n]{0,30}|\\{args\\}){0,2}",
    );
    prop_oneof![
        command.prop_map(|(sign, name, bot, blank, args)| format!("{sign}{name}{bot}{blank}{args}")),
        "[\\PC\\pC]{0,50}",
        ("[a-zé\u{200b} ]{1,4}", 200_usize..600).prop_map(|(text, times)| text.repeat(times)),
    ]
}

#[test]
fn every_seed_gets_what_any_text_gets() {
    for (_, text) in corpus::texts(env!("CARGO_MANIFEST_DIR"), "messages") {
        for who in ["alice", "bob", "mallory"] {
            holds(&says(who, "main", &text));
        }
    }
}

#[test]
fn what_nobody_can_see_asks_nothing() {
    for text in ["\u{200b}", " \u{feff}\u{2060} ", "\u{200e}\n"] {
        assert!(matches!(decide(&says("bob", "main", text)), Intake::Answer { reason: Some(Reason::Unsupported), .. }));
    }
}

proptest! {
    #[test]
    fn who_may_talk_gets_a_last_word_and_nobody_else(
        who in people(),
        place in prop::sample::select(vec!["main", "dev", "\u{202e}", ""]),
        text in said(),
        (is_bot, is_addressed, is_edit) in (prop::bool::weighted(0.1), prop::bool::weighted(0.9), prop::bool::weighted(0.1)),
    ) {
        let mut update = says(who, place, &text);
        update.sender.is_bot = is_bot;
        let message = Message { id: MessageId::new("m1"), text, is_addressed, goes_on: false, files: Vec::new() };
        update.kind = if is_edit { UpdateKind::Edited(message) } else { UpdateKind::Posted(message) };
        holds(&update);
    }

    #[test]
    fn a_trace_shows_the_turn_that_was_named(turn in any::<i64>(), hashes in "#{0,2}", blank in "[ \n\u{a0}]{1,3}") {
        let asked = says("alice", "main", &format!("/trace{blank}{hashes}{turn}"));
        prop_assert_eq!(look(&asked), Look::Trace(TurnId(turn)));
    }
}
