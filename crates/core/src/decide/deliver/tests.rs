use super::*;
use crate::{
    capability::{EditSupport, TextLimit, TextUnit},
    file::OutFile,
    ids::{AccountId, ConversationId, DeliveryId, DeliveryKey, Place, TurnId},
};

const NOW: Timestamp = Timestamp(1_000_000);
const RESEND: UnknownPolicy = UnknownPolicy::Resend;

fn claim(via: Via) -> DeliveryClaim {
    DeliveryClaim {
        id: DeliveryId(1),
        key: DeliveryKey::new("k1"),
        attempt: 1,
        place: Place { account: AccountId::new("a"), conversation: ConversationId::new("c"), thread: None },
        kind: DeliveryKind::Terminal,
        turn: Some(TurnId(1)),
        via,
        form: Form::Formatted,
        text: "hello".into(),
        files: Vec::new(),
        reply_to: None,
        target: None,
        doubted_at: None,
        failed_at: None,
        others_succeed: false,
        is_taken_over: false,
        unheard_since: None,
        now: NOW,
    }
}

fn capabilities(idempotency: Idempotency) -> Capabilities {
    Capabilities {
        text_max: TextLimit { max: 100, unit: TextUnit::Chars },
        edits: Some(EditSupport { interval_min_ms: 1_000, account_interval_min_ms: 0 }),
        idempotency,
        request_lifetime_ms: 30_000,
        is_streamed: false,
        keeps_unacked: true,
        journals_unacked: false,
        drafts: false,
        streams: None,
        files: None,
    }
}

fn at() -> Circumstances {
    Circumstances {
        now: NOW,
        chance: 0.0,
        may_be_overwritten: false,
        request_lifetime_ms: 30_000,
        notify_after_ms: Some(60_000),
    }
}

fn unknown() -> SendOutcome {
    SendOutcome::Unknown("cut".into())
}

fn delivered() -> SendOutcome {
    SendOutcome::Delivered(MessageId::new("m9"))
}

#[test]
fn an_edit_without_a_recorded_message_posts_a_placeholder_then_edits_it() {
    let capabilities = capabilities(Idempotency::EditOnly);
    let first = claim(Via::Edit);
    assert_eq!(step(&first, &capabilities, RESEND), Step::PostPlaceholder);
    let target = MessageId::new("m9");
    assert_eq!(
        settle(&first, &Step::PostPlaceholder, delivered(), at()),
        Settlement::TargetRecorded { target: target.clone() }
    );
    let second = DeliveryClaim { target: Some(target.clone()), attempt: 2, ..first };
    assert_eq!(step(&second, &capabilities, RESEND), Step::Edit(target));
}

#[test]
fn an_unknown_edit_is_repeated_and_an_unknown_placeholder_leaves_no_doubt() {
    let edit = DeliveryClaim { target: Some(MessageId::new("m9")), ..claim(Via::Edit) };
    let capabilities = capabilities(Idempotency::EditOnly);
    let next = step(&edit, &capabilities, RESEND);
    assert!(matches!(settle(&edit, &next, unknown(), at()), Settlement::Doubted { .. }));
    let again = DeliveryClaim { doubted_at: Some(NOW), ..edit };
    assert_eq!(step(&again, &capabilities, RESEND), next);
    let bare = claim(Via::Edit);
    assert!(matches!(settle(&bare, &Step::PostPlaceholder, unknown(), at()), Settlement::Deferred { .. }));
}

#[test]
fn a_doubtful_post_follows_the_networks_idempotency() {
    let doubtful = |ago_ms| DeliveryClaim { doubted_at: Some(Timestamp(NOW.0 - ago_ms)), ..claim(Via::Post) };
    let native = capabilities(Idempotency::Native { remembered_for_ms: 60_000 });
    assert_eq!(step(&doubtful(1), &native, UnknownPolicy::Hold { limit_ms: 90_000 }), Step::Post);
    assert_eq!(
        step(&doubtful(60_000), &native, UnknownPolicy::Hold { limit_ms: 90_000 }),
        Step::Hold { until: Timestamp(NOW.0 + 30_000) }
    );
    let findable = capabilities(Idempotency::Findable);
    assert_eq!(step(&doubtful(10_000), &findable, RESEND), Step::Wait { until: Timestamp(NOW.0 + 20_000) });
    assert_eq!(step(&doubtful(30_000), &findable, RESEND), Step::Find);
    let none = capabilities(Idempotency::None);
    assert_eq!(step(&doubtful(1), &none, RESEND), Step::Post);
    let hold = UnknownPolicy::Hold { limit_ms: 5_000 };
    assert_eq!(step(&doubtful(1_000), &none, hold), Step::Hold { until: Timestamp(NOW.0 + 4_000) });
    assert!(matches!(step(&doubtful(5_000), &none, hold), Step::GiveUp(_)));
}

#[test]
fn a_doubt_from_before_the_clock_was_set_back_waits_for_one_lifetime_and_no_longer() {
    let ahead = DeliveryClaim { doubted_at: Some(Timestamp(NOW.0 + 3_600_000)), ..claim(Via::Post) };
    let findable = capabilities(Idempotency::Findable);
    assert_eq!(step(&ahead, &findable, RESEND), Step::Wait { until: Timestamp(NOW.0 + 30_000) });
}

#[test]
fn a_look_up_ends_the_doubt_only_with_proof() {
    let claim = DeliveryClaim { doubted_at: Some(Timestamp(0)), ..claim(Via::Post) };
    assert!(matches!(settle_find(&claim, Ok(Some(MessageId::new("m"))), at()), Settlement::Delivered { .. }));
    assert!(matches!(settle_find(&claim, Ok(None), at()), Settlement::Deferred { .. }));
    assert!(matches!(settle_find(&claim, Err("timeout".into()), at()), Settlement::Doubted { .. }));
}

#[test]
fn a_certain_refusal_after_a_doubt_keeps_the_doubt() {
    let claim = DeliveryClaim { doubted_at: Some(Timestamp(0)), ..claim(Via::Post) };
    let retry = Retry { after_ms: Some(7_000), scope: RetryScope::Conversation, cause: "slow down".into() };
    let Settlement::Doubted { pause, .. } = settle(&claim, &Step::Post, SendOutcome::Retry(retry), at()) else {
        panic!("the doubt was forgotten");
    };
    assert_eq!(pause, Pause { until: NOW.plus_ms(7_000), scope: RetryScope::Conversation });
}

#[test]
fn a_lost_target_permits_one_fresh_post() {
    let edit = DeliveryClaim { target: Some(MessageId::new("m9")), ..claim(Via::Edit) };
    let lost = SendOutcome::Rejected(Rejection::TargetLost);
    let settled = settle(&edit, &Step::Edit(MessageId::new("m9")), lost, at());
    assert!(matches!(settled, Settlement::Reshaped { via: Via::Post, form: Form::Formatted, .. }));
}

#[test]
fn refused_content_falls_back_to_plain_text_then_to_an_apology_then_is_given_up() {
    let invalid = || SendOutcome::Rejected(Rejection::Invalid { detail: "can't parse entities".into() });
    let formatted = claim(Via::Post);
    let Settlement::Reshaped { form: Form::Plain, text: None, .. } = settle(&formatted, &Step::Post, invalid(), at())
    else {
        panic!("formatting was not dropped")
    };
    let plain = DeliveryClaim { form: Form::Plain, ..formatted };
    let Settlement::Reshaped { form: Form::Apology, text: Some(text), .. } =
        settle(&plain, &Step::Post, invalid(), at())
    else {
        panic!("no apology")
    };
    insta::assert_snapshot!(text, @"Error: the reply could not be posted: the network refused the content: can't parse entities");
    let apology = DeliveryClaim { form: Form::Apology, ..plain };
    assert!(matches!(settle(&apology, &Step::Post, invalid(), at()), Settlement::GivenUp { .. }));
}

#[test]
fn a_delivery_that_fails_while_others_succeed_does_not_block_its_lane_for_ever() {
    let refused = || SendOutcome::Retry(Retry { after_ms: None, scope: RetryScope::Message, cause: "later".into() });
    let stuck = DeliveryClaim { attempt: ATTEMPTS_BEFORE_FALLBACK, others_succeed: true, ..claim(Via::Post) };
    assert!(matches!(settle(&stuck, &Step::Post, refused(), at()), Settlement::Reshaped { .. }));
    let outage = DeliveryClaim { others_succeed: false, attempt: 500, ..stuck };
    assert!(matches!(settle(&outage, &Step::Post, refused(), at()), Settlement::Deferred { .. }));
}

#[test]
fn refused_credentials_hold_the_account_and_lose_nothing() {
    let settled = settle(&claim(Via::Post), &Step::Post, SendOutcome::Rejected(Rejection::Unauthorized), at());
    assert!(matches!(settled, Settlement::Deferred { pause: Pause { scope: RetryScope::Account, .. }, .. }));
}

#[test]
fn a_terminal_edit_that_may_be_overwritten_is_asserted_once_more() {
    let edit = DeliveryClaim { target: Some(MessageId::new("m9")), ..claim(Via::Edit) };
    let circumstances = Circumstances { may_be_overwritten: true, ..at() };
    assert_eq!(
        settle(&edit, &Step::Edit(MessageId::new("m9")), delivered(), circumstances),
        Settlement::Delivered { message: MessageId::new("m9"), assert_at: Some(NOW.plus_ms(30_000)), notice: None }
    );
}

#[test]
fn an_unknown_placeholder_is_given_up_so_that_one_orphan_is_the_worst() {
    let placeholder = DeliveryClaim { kind: DeliveryKind::Placeholder, ..claim(Via::Post) };
    let doubted = settle(&placeholder, &Step::Post, unknown(), at());
    assert!(matches!(doubted, Settlement::Doubted { pause, .. } if pause.until == NOW), "{doubted:?}");
    let stolen = DeliveryClaim { doubted_at: Some(NOW), ..placeholder };
    assert!(matches!(step(&stolen, &capabilities(Idempotency::EditOnly), RESEND), Step::GiveUp(_)));
}

#[test]
fn an_unknown_placeholder_is_looked_for_where_that_can_be_done() {
    let doubted =
        DeliveryClaim { kind: DeliveryKind::Placeholder, doubted_at: Some(NOW), attempt: 2, ..claim(Via::Post) };
    let findable = capabilities(Idempotency::Findable);
    assert_eq!(step(&doubted, &findable, RESEND), Step::Find);
    let found = MessageId::new("m9");
    assert_eq!(
        settle_find(&doubted, Ok(Some(found.clone())), at()),
        Settlement::Delivered { message: found, assert_at: None, notice: None }
    );
    assert!(matches!(settle_find(&doubted, Ok(None), at()), Settlement::GivenUp { .. }));
    assert!(matches!(settle_find(&doubted, Err("out".into()), at()), Settlement::Doubted { .. }));
    let looked_often = DeliveryClaim { attempt: PLACEHOLDER_ATTEMPTS_MAX + 1, ..doubted };
    assert!(matches!(step(&looked_often, &findable, RESEND), Step::GiveUp(_)), "a reply waits behind it");
}

#[test]
fn files_in_doubt_are_not_looked_for_because_they_carry_no_key() {
    let file = OutFile { kept: "1-1/1".into(), name: "a.txt".into(), size_bytes: 1 };
    let doubted = DeliveryClaim { files: vec![file], doubted_at: Some(NOW), ..claim(Via::Post) };
    let findable = capabilities(Idempotency::Findable);
    assert_eq!(step(&doubted, &findable, RESEND), Step::Post);
    let hold = UnknownPolicy::Hold { limit_ms: 1_000 };
    assert_eq!(step(&doubted, &findable, hold), Step::Hold { until: NOW.plus_ms(1_000) });
    let named = DeliveryClaim { form: Form::Apology, ..doubted };
    assert!(matches!(step(&named, &findable, RESEND), Step::Wait { .. }), "that they could not be sent is a message");
}

#[test]
fn an_answer_that_nobody_heard_of_for_long_is_followed_by_a_notice() {
    let target = MessageId::new("m9");
    let edit = |ago_ms| DeliveryClaim {
        target: Some(target.clone()),
        unheard_since: Some(Timestamp(NOW.0 - ago_ms)),
        ..claim(Via::Edit)
    };
    let notice_of = |claim: &DeliveryClaim, step: &Step, at| match settle(claim, step, delivered(), at) {
        Settlement::Delivered { notice, .. } => notice,
        other => panic!("{other:?}"),
    };
    let by_edit = Step::Edit(target.clone());
    assert_eq!(notice_of(&edit(59_999), &by_edit, at()), None);
    assert_eq!(notice_of(&edit(60_000), &by_edit, at()), Some(NOTICE_TEXT));
    assert_eq!(notice_of(&edit(-1), &by_edit, at()), None, "the clock was set back");
    let never = Circumstances { notify_after_ms: None, ..at() };
    assert_eq!(notice_of(&edit(3_600_000), &by_edit, never), None);
    let error = DeliveryClaim { text: "Error: stopped".into(), ..edit(60_000) };
    assert_eq!(notice_of(&error, &by_edit, at()), Some(NOTICE_OF_ERROR_TEXT));
    // A post notifies by itself, and an assertion repeats what was heard of.
    assert_eq!(notice_of(&DeliveryClaim { via: Via::Post, ..edit(60_000) }, &Step::Post, at()), None);
    let assertion = DeliveryClaim { kind: DeliveryKind::Assertion, ..edit(60_000) };
    assert_eq!(notice_of(&assertion, &by_edit, at()), None);
    assert!([NOTICE_TEXT, NOTICE_OF_ERROR_TEXT].iter().all(|text| !text.starts_with("Error:")));
}

#[test]
fn a_notice_that_may_have_arrived_is_not_given_twice() {
    let notice = DeliveryClaim { kind: DeliveryKind::Hint, ..claim(Via::Post) };
    assert!(matches!(settle(&notice, &Step::Post, unknown(), at()), Settlement::GivenUp { .. }));
    let stolen = DeliveryClaim { doubted_at: Some(NOW), ..notice };
    assert!(matches!(step(&stolen, &capabilities(Idempotency::EditOnly), RESEND), Step::GiveUp(_)));
    let refusal = DeliveryClaim { turn: None, ..stolen };
    assert_eq!(step(&refusal, &capabilities(Idempotency::EditOnly), RESEND), Step::Post);
}

#[test]
fn only_what_breaks_again_and_again_is_given_up() {
    for broken in 1..ATTEMPTS_BEFORE_FALLBACK {
        assert!(matches!(settle_broken(broken, NOW, 0.0), Settlement::Doubted { .. }));
    }
    assert!(matches!(settle_broken(ATTEMPTS_BEFORE_FALLBACK, NOW, 0.0), Settlement::GivenUp { .. }));
}

#[test]
fn only_a_doubtful_post_that_nobody_recognises_may_show_twice() {
    let in_doubt = DeliveryClaim { doubted_at: Some(NOW), ..claim(Via::Post) };
    let native = capabilities(Idempotency::Native { remembered_for_ms: 1_000 });
    let none = capabilities(Idempotency::None);
    assert!(may_show_twice(&in_doubt, &none, &Step::Post, &delivered()));
    assert!(may_show_twice(&in_doubt, &none, &Step::Post, &unknown()));
    assert!(!may_show_twice(&in_doubt, &native, &Step::Post, &delivered()));
    let forgotten = DeliveryClaim { now: NOW.plus_ms(1_000), ..in_doubt.clone() };
    assert!(may_show_twice(&forgotten, &native, &Step::Post, &delivered()));
    assert!(!may_show_twice(&claim(Via::Post), &none, &Step::Post, &delivered()));
    assert!(!may_show_twice(&in_doubt, &none, &Step::Edit(MessageId::new("m9")), &delivered()));
    let refused = SendOutcome::Rejected(Rejection::Gone);
    assert!(!may_show_twice(&in_doubt, &none, &Step::Post, &refused));
}

#[test]
fn where_drafts_are_shown_no_placeholder_is_posted_and_the_reply_posts_its_own() {
    let capabilities = Capabilities { drafts: true, ..capabilities(Idempotency::EditOnly) };
    let placeholder = DeliveryClaim { kind: DeliveryKind::Placeholder, ..claim(Via::Post) };
    assert_eq!(step(&placeholder, &capabilities, RESEND), Step::Draft);
    // One that may stand already is not taken back.
    let doubted = DeliveryClaim { doubted_at: Some(NOW), ..placeholder };
    assert!(matches!(step(&doubted, &capabilities, RESEND), Step::GiveUp(_)));
    assert_eq!(step(&claim(Via::Edit), &capabilities, RESEND), Step::PostPlaceholder);
    assert_eq!(step(&claim(Via::Post), &capabilities, RESEND), Step::Post);
}
