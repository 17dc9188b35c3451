//! What the operator is told, and for how long.

use super::{
    oversight::{answered, forget, from},
    world::*,
};
use crate::{
    alert::{Alert, AlertCode, Messaging},
    capability::Via,
    delivery::{DeliveryKind, Form},
    ids::{MessageId, ThreadId},
    reason::Reason,
    store::{HintRule, Intake, PlaceCommand, Settlement},
};

/// Raised again while it is open it counts; closed and raised again it is another.
pub async fn an_alert_is_one_record_while_it_is_open(world: &World) {
    let alert = |detail: &str| Alert { code: AlertCode::DiskFull, subject: "store".into(), detail: detail.into() };
    world.store.raise(&alert("first")).await.expect("raises");
    world.clock.advance_ms(5);
    world.store.raise(&alert("second")).await.expect("raises");
    let other = Alert { code: AlertCode::LastGasp, subject: "store".into(), detail: String::new() };
    world.store.raise(&other).await.expect("raises");
    let open = world.store.alerts(false, 10).await.expect("reads");
    assert_eq!(open.len(), 2);
    assert_eq!((open[1].count, &*open[1].alert.detail), (2, "second"));
    assert_eq!(open[1].last_at.since_ms(open[1].first_at), 5);
    assert!(world.store.resolve(AlertCode::DiskFull, "store").await.expect("resolves"));
    assert!(!world.store.resolve(AlertCode::DiskFull, "store").await.expect("resolves"));
    assert!(world.store.resolve_numbered(open[0].id).await.expect("resolves"));
    assert!(!world.store.resolve_numbered(open[0].id).await.expect("resolves"));
    assert!(world.store.alerts(false, 10).await.expect("reads").is_empty());
    world.store.raise(&alert("third")).await.expect("raises");
    let all = world.store.alerts(true, 10).await.expect("reads");
    assert_eq!(all.iter().filter(|one| one.alert.code == AlertCode::DiskFull).count(), 2);
    assert_eq!(world.store.alerts(true, 1).await.expect("reads").len(), 1);
    let measures = world.store.measures().await.expect("measures");
    assert_eq!((measures.alerts_raised["disk_full"], measures.alerts_open["disk_full"]), (3, 1));
}

/// A last word that will not come is told to the operator where it is known; a hint is not.
pub async fn what_is_given_up_is_an_alert(world: &World) {
    answered(world, "plain", "a secret").await;
    let claim = world.due().await.remove(0);
    world.settles(&claim, Settlement::GivenUp { cause: format!("kicked\n{}", "x".repeat(900)) }).await;
    let hint = HintRule { text: "Ask the operator.".into(), every_ms: 1 };
    let refused = Intake::Refuse { asked: asked("plain", "let me in"), reason: Reason::NotAllowed, hint };
    world.takes("refused", refused).await;
    let claim = world.due().await.remove(0);
    world.settles(&claim, Settlement::GivenUp { cause: "kicked".into() }).await;
    let alerts = world.store.alerts(false, 10).await.expect("reads");
    assert_eq!(alerts.len(), 1);
    let Alert { code, subject, detail } = &alerts[0].alert;
    assert_eq!((*code, &**subject), (AlertCode::DeliveryGivenUp, "bot/plain"));
    assert!(detail.contains("turn 1") && detail.contains("kicked\\n") && !detail.contains("secret"), "{detail}");
    assert!(detail.chars().count() < 600, "{detail}");
}

/// People read an error in the place of a reply that counts as given: the operator is told, and it is counted.
pub async fn a_reply_that_is_replaced_is_an_alert_and_counted(world: &World) {
    let turn = answered(world, "plain", "1").await;
    let reshaped = |form, text: Option<&str>| Settlement::Reshaped {
        form,
        via: Via::Post,
        text: text.map(str::to_owned),
        cause: "too odd".into(),
    };
    let claim = world.due().await.remove(0);
    world.settles(&claim, reshaped(Form::Plain, None)).await;
    assert!(world.store.alerts(false, 10).await.expect("reads").is_empty(), "the reply still goes out");
    let claim = world.due().await.remove(0);
    world.settles(&claim, reshaped(Form::Apology, Some("Error: it could not be posted"))).await;
    assert_eq!(world.delivers_all().await, ["Error: it could not be posted"]);
    let alerts = world.store.alerts(false, 10).await.expect("reads");
    let Alert { code, subject, detail } = &alerts[0].alert;
    assert_eq!((alerts.len(), *code, &**subject), (1, AlertCode::ReplyNotPosted, "bot/plain"));
    assert!(detail.contains(&format!("turn {turn}")) && detail.contains("too odd"), "{detail}");
    let measures = world.store.measures().await.expect("measures");
    assert_eq!((measures.replies_not_posted, measures.counts.replied), (1, 1));
}

/// What is held is held for the operator, who hears of it once, until nothing of the conversation is held.
pub async fn what_is_held_is_an_alert_until_it_ends(world: &World) {
    let of_thread = |thread: &str| {
        let mut turn = turn("plain", thread);
        turn.asked.place.thread = Some(ThreadId::new(thread));
        Intake::Turn(turn)
    };
    for thread in ["1", "2"] {
        world.takes(thread, of_thread(thread)).await;
    }
    for claim in world.claims().await {
        world.answers(&claim, "perhaps there").await;
    }
    let open = async || {
        let open = world.store.alerts(false, 10).await.expect("reads").into_iter();
        open.map(|open| (open.alert.code, open.alert.subject, open.count)).collect::<Vec<_>>()
    };
    let told = |count| [(AlertCode::DeliveryHeld, "bot/plain".to_owned(), count)];
    for claim in world.due().await {
        world.settles(&claim, Settlement::Held { until: claim.now.plus_ms(100) }).await;
    }
    assert_eq!(open().await, told(2));
    world.clock.advance_ms(100);
    let mut due = world.due().await;
    assert_eq!(due.len(), 2);
    assert!(due.iter().all(|claim| claim.doubted_at.is_some()));
    let again = due.remove(0);
    world.settles(&again, Settlement::Held { until: again.now.plus_ms(100) }).await;
    world.settles(&due.remove(0), Settlement::GivenUp { cause: "held for too long".into() }).await;
    assert_eq!(open().await[1..], told(2), "one is still held, and that is no news");
    world.clock.advance_ms(100);
    world.delivers_all().await;
    let codes: Vec<_> = open().await.into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, [AlertCode::DeliveryGivenUp]);
}

/// What was to put a text right for certain, and did not.
pub async fn an_assertion_that_is_given_up_is_an_alert(world: &World) {
    answered(world, "plain", "1").await;
    let claim = world.due().await.remove(0);
    let assert_at = Some(claim.now);
    world.settles(&claim, Settlement::Delivered { message: MessageId::new("m"), assert_at, notice: None }).await;
    let assertion = world.due().await.remove(0);
    assert_eq!(assertion.kind, DeliveryKind::Assertion);
    world.settles(&assertion, Settlement::GivenUp { cause: "gone".into() }).await;
    let alerts = world.store.alerts(false, 10).await.expect("reads");
    let codes: Vec<_> = alerts.iter().map(|open| open.alert.code).collect();
    assert_eq!(codes, [AlertCode::TextPerhapsStale]);
}

/// A network's cause may quote what was posted: it goes with the person, and that there was an alert stays.
pub async fn forgetting_erases_what_alerts_quote(world: &World) {
    let alices = answered(world, "plain", "1").await;
    let claim = world.due().await.remove(0);
    world.settles(&claim, Settlement::GivenUp { cause: "can't parse `a secret`".into() }).await;
    world.takes("2", from("bob", turn("plain bob", "2"))).await;
    world.answers(&world.claims().await[0], "for bob").await;
    let claim = world.due().await.remove(0);
    world.settles(&claim, Settlement::GivenUp { cause: "bob's cause".into() }).await;
    let details = async || -> Vec<_> {
        let alerts = world.store.alerts(false, 10).await.expect("reads").into_iter();
        alerts.map(|open| (open.alert.code, open.alert.subject, open.alert.detail)).collect()
    };
    let before = details().await;
    assert_eq!(before.len(), 2);
    forget(world, "alice").await;
    let after = details().await;
    assert_eq!(before[0], after[0], "bob's stays as it is");
    assert_eq!((before[1].0, &before[1].1), (after[1].0, &after[1].1));
    assert!(after[1].2.starts_with(&format!("turn {alices}, ")) && !after[1].2.contains("secret"), "{after:?}");
}

/// New alerts come in one message, further ones after a while with those that are over; what nobody need know does not
/// come at all, and what was over before anybody was told neither.
pub async fn admins_are_told_of_alerts_together_and_not_too_often(world: &World) {
    const EVERY_MS: i64 = 60_000;
    let to = [place("plain admins"), place("admins")];
    let raise = async |code, subject: &str| {
        let alert = Alert { code, subject: subject.into(), detail: "**why**".into() };
        world.store.raise(&alert).await.expect("raises");
    };
    let tell = async || world.store.tell(&to, EVERY_MS, Messaging::Normal).await.expect("tells");
    assert_eq!(tell().await, 0);
    raise(AlertCode::ChildDied, "worker").await;
    raise(AlertCode::ChildDied, "worker").await;
    raise(AlertCode::DiskFull, "store").await;
    raise(AlertCode::ChildHung, "bridge").await;
    world.store.resolve(AlertCode::ChildHung, "bridge").await.expect("resolves");
    assert_eq!(world.store.tell(&[], EVERY_MS, Messaging::Normal).await.expect("tells"), 0, "nobody wants to know");
    assert_eq!(tell().await, 2);
    let due = world.due().await;
    let [one, other] = &due[..] else { panic!("{due:?}") };
    assert_eq!((one.kind, one.form, &one.text), (DeliveryKind::Hint, Form::Plain, &other.text));
    let text = "⚠️ 2 alerts; /alerts lists what is open.\n• child_died, worker: **why**\n• disk_full, store: **why**";
    assert_eq!(one.text, text);
    assert_eq!((&one.place, &other.place), (&to[0], &to[1]));
    for claim in &due {
        world.settles(claim, delivered("told")).await;
    }
    world.store.resolve(AlertCode::DiskFull, "store").await.expect("resolves");
    raise(AlertCode::ChildHung, "bridge").await;
    world.clock.advance_ms(EVERY_MS - 1);
    assert_eq!(tell().await, 0);
    world.clock.advance_ms(1);
    assert_eq!((tell().await, tell().await), (2, 0));
    let text = "⚠️ An alert; /alerts lists what is open.\n• child_hung, bridge: **why**\n✅ Over: disk_full, store";
    assert_eq!(world.delivers_all().await, [text, text]);
    world.store.resolve(AlertCode::ChildDied, "worker").await.expect("resolves");
    raise(AlertCode::ChildDied, "worker").await;
    world.clock.advance_ms(EVERY_MS);
    assert_eq!(tell().await, 1);
    let text = "⚠️ An alert; /alerts lists what is open.\n• child_died, worker: **why**";
    assert_eq!(world.delivers_all().await, [text, text], "what is open again is not over");
    // A clock that was set back keeps nobody waiting.
    world.clock.advance_ms(-100_000_000);
    raise(AlertCode::LastGasp, "deployment").await;
    assert_eq!(tell().await, 1);
    world.delivers_all().await;
}

/// A conversation in which nobody spoke yet is one all the same, and how replies are posted there is learnt later.
pub async fn admins_are_told_where_nobody_has_spoken_yet(world: &World) {
    let alert = Alert { code: AlertCode::DiskFull, subject: "store".into(), detail: "x".repeat(400) };
    world.store.raise(&alert).await.expect("raises");
    assert_eq!(world.store.tell(&[place("a")], 0, Messaging::Normal).await.expect("tells"), 1);
    world.asks("a", "what is that?").await;
    let claim = world.claims().await.remove(0);
    assert_eq!(claim.shape, shape("a"));
    assert_eq!(of_kind(world.due().await, DeliveryKind::Hint).len(), 1);
    world.answers(&claim, "a full disk").await;
}

/// What an admin said counts for the whole deployment, until one of them leaves it to the configuration again.
pub async fn admins_say_how_much_they_are_told(world: &World) {
    let to = [place("plain admins")];
    let raise = async |code, subject: &str| {
        let alert = Alert { code, subject: subject.into(), detail: "why".into() };
        world.store.raise(&alert).await.expect("raises");
    };
    let tell = async |configured| world.store.tell(&to, 0, configured).await.expect("tells");
    let says = async |update: &str, change| {
        let command = PlaceCommand::Messaging { change, configured: Messaging::Normal };
        let turn = world.commands("plain admins", update, command).await;
        world.delivers_all().await;
        world.last_word(turn).await.expect("is answered")
    };
    assert!(says("1", None).await.starts_with("Messaging is `normal`, as configured."));
    let said = says("2", Some(Some(Messaging::Quiet))).await;
    assert!(said.starts_with("Messaging is `quiet`, as an admin said; the configuration says `normal`."), "{said}");
    raise(AlertCode::ChildDied, "worker").await;
    raise(AlertCode::ChildHung, "bridge").await;
    assert_eq!(tell(Messaging::Debug).await, 1, "a warning is no error");
    let text = "⚠️ An alert; /alerts lists what is open.\n• child_hung, bridge: why";
    assert_eq!(world.delivers_all().await, [text]);
    for (code, subject) in [(AlertCode::ChildDied, "worker"), (AlertCode::ChildHung, "bridge")] {
        world.store.resolve(code, subject).await.expect("resolves");
    }
    assert_eq!(tell(Messaging::Debug).await, 1, "nobody was told of the other");
    world.delivers_all().await;
    assert!(says("3", Some(Some(Messaging::Debug))).await.starts_with("Messaging is `debug`, as an admin said"));
    assert_eq!(tell(Messaging::Quiet).await, 4, "every process of this world");
    let told = world.delivers_all().await.remove(0);
    assert!(
        told.starts_with("▶️ Began: ") && told.contains("bridge (build ") && told.contains("worker (build "),
        "{told}"
    );
    assert_eq!(tell(Messaging::Quiet).await, 0, "once");
    assert!(says("4", Some(None)).await.starts_with("Messaging is `normal`, as configured."));
}

/// The webhook hears of every alert once that it is open and once that it is over, whenever it can be reached.
pub async fn a_webhook_hears_of_every_alert_and_of_its_end(world: &World) {
    let raise = async |code, subject: &str| {
        let alert = Alert { code, subject: subject.into(), detail: "why".into() };
        world.store.raise(&alert).await.expect("raises");
    };
    let unposted = async || world.store.unposted(10).await.expect("reads");
    let news = async || -> Vec<_> {
        unposted().await.into_iter().map(|one| (one.alert.code, one.resolved_at.is_some())).collect()
    };
    raise(AlertCode::ChildDied, "worker").await;
    raise(AlertCode::DiskFull, "store").await;
    world.store.resolve(AlertCode::DiskFull, "store").await.expect("resolves");
    assert_eq!(news().await, [(AlertCode::ChildDied, false), (AlertCode::DiskFull, true)]);
    assert_eq!(world.store.unposted(1).await.expect("reads").len(), 1);
    let seen = unposted().await;
    // It ends while the webhook is told that it is open.
    world.store.resolve(AlertCode::ChildDied, "worker").await.expect("resolves");
    world.store.posted(&seen).await.expect("is noted");
    assert_eq!(news().await, [(AlertCode::ChildDied, true)]);
    world.clock.advance_ms(86_400_000);
    assert_eq!(news().await.len(), 1, "however long it can't be reached");
    world.store.posted(&unposted().await).await.expect("is noted");
    raise(AlertCode::ChildLate, "worker").await;
    world.store.resolve(AlertCode::ChildLate, "worker").await.expect("resolves");
    world.clock.advance_ms(3_600_001);
    assert_eq!(news().await, [], "what nobody heard of and is long over");
}
