//! What is stored reads back as it was written, for every value; anything else is refused and never guessed at.

use std::{collections::HashSet, fmt::Debug};

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    alert::AlertCode,
    capability::{ReplyShape, TextLimit, TextUnit, Via},
    delivery::{DeliveryKind, DeliveryState, Form},
    file::{FileLimits, OutFile},
    ids::{Attempt, Fence, TurnId},
    reason::{Reason, size, span},
    store::{End, Role, StreamPosition, Verdict},
    turn::TurnState,
};

/// The values of a closed set with their spellings, and the reader of them.
macro_rules! closed {
    ($seen:expr, $($type:ident: $values:expr),+ $(,)?) => {$(
        let values: Vec<$type> = $values;
        closed(stringify!($type), &values, |value| value.as_str(), $type::from_stored, $seen);
    )+};
}

fn closed<T: Copy + Debug + PartialEq>(
    name: &str,
    values: &[T],
    spell: fn(T) -> &'static str,
    read: fn(&str) -> Option<T>,
    stranger: Option<&str>,
) {
    let spellings: HashSet<&str> = values.iter().map(|value| spell(*value)).collect();
    assert_eq!(spellings.len(), values.len(), "{name}: two are spelt alike");
    for value in values {
        let spelled = spell(*value);
        assert_eq!(read(spelled), Some(*value), "{name}");
        for near in [spelled.to_uppercase(), format!(" {spelled}"), format!("{spelled}\0"), spelled[1..].to_owned()] {
            assert_eq!(read(&near), None, "{name}: {near:?}");
        }
    }
    if let Some(stranger) = stranger.filter(|stranger| !spellings.contains(stranger)) {
        assert_eq!(read(stranger), None, "{name}: {stranger:?}");
    }
}

fn every_set(stranger: Option<&str>) {
    closed!(stranger,
        TurnState: TurnState::ALL.into(),
        DeliveryState: DeliveryState::ALL.into(),
        DeliveryKind: DeliveryKind::ALL.into(),
        Form: Form::ALL.into(),
        Via: vec![Via::Post, Via::Edit],
        Role: vec![Role::Bridge, Role::Worker],
        AlertCode: AlertCode::ALL.into(),
    );
}

/// Whether JSON gives back what was put into it.
fn reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
    assert!(serde_json::from_str::<T>(&json[..json.len() - 1]).is_err(), "a part of it: {json}");
}

/// The JSON spelling, where one value has two readers.
fn in_json(value: impl Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

fn reasons() -> impl Strategy<Value = Reason> {
    let text = "[\\PC\\pC]{0,30}";
    prop_oneof![
        prop::sample::select(Reason::examples()),
        text.prop_map(|line| Reason::AgentFailed { line }),
        any::<i32>().prop_map(|signal| Reason::AgentKilled { signal }),
        any::<u64>().prop_map(|max_bytes| Reason::OutputTooLarge { max_bytes }),
        any::<i64>().prop_map(|after_ms| Reason::Idle { after_ms }),
        (text, proptest::option::of(text)).prop_map(|(command, nearest)| Reason::CommandUnknown { command, nearest }),
        any::<i64>().prop_map(|turn| Reason::NoSuchTurn { turn }),
        any::<u32>().prop_map(|max| Reason::Busy { max }),
        text.prop_map(|detail| Reason::LookFailed { detail }),
    ]
}

#[test]
fn every_stored_spelling_reads_back() {
    every_set(None);
    for state in TurnState::ALL {
        assert_eq!(in_json(state), state.as_str());
    }
    for kind in DeliveryKind::ALL {
        assert_eq!(in_json(kind), kind.as_str());
    }
    for form in Form::ALL {
        assert_eq!(in_json(form), form.as_str());
    }
    for via in [Via::Post, Via::Edit] {
        assert_eq!(in_json(via), via.as_str());
    }
}

/// A new value has to be added to the lists above: this stops compiling until somebody looked.
#[test]
fn no_value_is_forgotten() {
    let turns = TurnState::ALL.map(|state| match state {
        TurnState::Queued
        | TurnState::Running
        | TurnState::Done
        | TurnState::Failed
        | TurnState::Cancelled
        | TurnState::Merged => 6,
    });
    let deliveries = DeliveryState::ALL.map(|state| match state {
        DeliveryState::Pending
        | DeliveryState::Sending
        | DeliveryState::Ambiguous
        | DeliveryState::Delivered
        | DeliveryState::Superseded
        | DeliveryState::Dead => 6,
    });
    let kinds = DeliveryKind::ALL.map(|kind| match kind {
        DeliveryKind::Placeholder
        | DeliveryKind::Terminal
        | DeliveryKind::Part
        | DeliveryKind::Assertion
        | DeliveryKind::Hint => 5,
    });
    let forms = Form::ALL.map(|form| match form {
        Form::Formatted | Form::Plain | Form::Apology => 3,
    });
    assert_eq!(
        (turns[0], deliveries[0], kinds[0], forms[0]),
        (turns.len(), deliveries.len(), kinds.len(), forms.len())
    );
}

proptest! {
    #[test]
    fn no_other_word_is_a_stored_spelling(word in "[a-z_.]{0,12}|\\PC{0,8}") {
        every_set(Some(&word));
    }

    #[test]
    fn a_position_in_a_stream_reads_back(attempt in any::<u32>(), n in any::<u32>(), other in "[0-9.+-]{0,12}|\\PC{0,8}") {
        for position in [StreamPosition { attempt: Attempt(attempt), n }, StreamPosition::END] {
            prop_assert_eq!(StreamPosition::parse(&position.to_string()), Some(position));
        }
        if let Some(position) = StreamPosition::parse(&other) {
            prop_assert_eq!(StreamPosition::parse(&position.to_string()), Some(position));
        }
    }

    #[test]
    fn a_reason_reads_back_whatever_it_holds(reason in reasons()) {
        reads_back(&reason);
        prop_assert!(reason.last_word().starts_with("Error: "));
    }

    #[test]
    fn a_verdict_reads_back(
        fence in (any::<i64>(), any::<u32>()),
        reason in proptest::option::of(reasons()),
        parts in prop::collection::vec("[\\PC\\pC]{0,20}", 0..4),
        if_progress in any::<Option<u64>>(),
        name in "[\\PC\\pC]{0,20}",
    ) {
        let file = OutFile { kept: "1-1/1-1-1".into(), name, size_bytes: 7 };
        let end = reason.map_or(End::Answered, End::Errored);
        reads_back(&Verdict { fence: Fence { turn: TurnId(fence.0), attempt: Attempt(fence.1) }, end, parts, files: vec![vec![file]], if_progress });
    }

    #[test]
    fn how_a_place_is_answered_reads_back(max in any::<u32>(), has_placeholder in any::<bool>(), album_max in any::<Option<u32>>()) {
        let files = album_max.map(|album_max| FileLimits { upload_bytes_max: u64::from(max), album_max });
        for unit in [TextUnit::Bytes, TextUnit::Utf16, TextUnit::Chars] {
            for via in [Via::Post, Via::Edit] {
                reads_back(&ReplyShape { via, text_max: TextLimit { max, unit }, has_placeholder, files });
            }
        }
    }

    #[test]
    fn lengths_and_sizes_are_said_in_the_unit_that_they_have(ms in 0..i64::MAX, bytes in any::<u64>()) {
        let said = |text: &str, units: &[(&str, u64)]| {
            let (number, unit) = text.split_once(' ').unwrap();
            let unit = units.iter().find(|(name, _)| unit.trim_end_matches('s') == name.trim_end_matches('s')).unwrap().1;
            (number.parse::<u64>().unwrap(), unit)
        };
        let spans = [("ms", 1), ("second", 1_000), ("minute", 60_000), ("hour", 3_600_000), ("day", 86_400_000)];
        let (number, unit) = said(&span(ms), &spans);
        prop_assert_eq!(number, ms.unsigned_abs() / unit);
        let (number, unit) = said(&size(bytes), &[("bytes", 1), ("KiB", 1 << 10), ("MiB", 1 << 20)]);
        prop_assert_eq!(number, bytes / unit);
    }
}
