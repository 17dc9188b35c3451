//! In which order deliveries leave.

use super::world::*;
use crate::{
    capability::Via,
    delivery::DeliveryKind,
    ids::{IncarnationId, MessageId},
    store::{Intake, Verdict},
};

/// One lane per place, in the order of its turns.
pub async fn replies_leave_in_the_order_of_their_turns(world: &World) {
    for text in ["1", "2", "3"] {
        world.asks("plain", text).await;
        let claim = world.claims().await.remove(0);
        world.answers(&claim, &format!("answer {text}")).await;
    }
    let head = world.due().await;
    assert_eq!(texts(&head), ["answer 1"], "one at a time");
    assert!(world.due().await.is_empty());
    world.settles(&head[0], delivered("m1")).await;
    assert_eq!(world.delivers_all().await, ["answer 2", "answer 3"]);
}

/// A long reply's parts follow each other, and all follow the placeholder.
pub async fn parts_leave_in_order_behind_the_placeholder(world: &World) {
    let turn = world.asks("a", "hello").await;
    let claim = world.claims().await.remove(0);
    let placeholder = world.due().await;
    assert_eq!(texts(&placeholder), ["…"]);
    let parts = vec!["part 1".into(), "part 2".into(), "part 3".into()];
    world.elects(Verdict { parts, ..answer(&claim, "") }).await;
    assert!(world.due().await.is_empty(), "the placeholder is on its way");
    world.settles(&placeholder[0], delivered("p")).await;
    assert_eq!(world.delivers_all().await, ["part 1", "part 2", "part 3"]);
    assert_eq!(world.last_word(turn).await.as_deref(), Some("part 1\npart 2\npart 3"));
}

/// A turn that ended first needs no placeholder any more.
pub async fn an_unposted_placeholder_is_superseded(world: &World) {
    world.asks("a", "hello").await;
    let claim = world.claims().await.remove(0);
    world.answers(&claim, "quick").await;
    let due = world.due().await;
    assert_eq!(texts(&due), ["quick"]);
    assert_eq!((due[0].via, &due[0].target), (Via::Edit, &None));
}

/// The terminal replaces the placeholder, and knows when another bridge had posted it.
pub async fn a_posted_placeholder_is_the_terminals_target(world: &World) {
    world.asks("a", "hello").await;
    let claim = world.claims().await.remove(0);
    let placeholder = world.due().await.remove(0);
    assert_eq!((placeholder.kind, placeholder.via), (DeliveryKind::Placeholder, Via::Post));
    assert_eq!(placeholder.reply_to, Some(claim.message.clone()));
    world.settles(&placeholder, delivered("p1")).await;
    world.answers(&claim, "done").await;
    let terminal = world.due().await.remove(0);
    assert_eq!(terminal.target, Some(MessageId::new("p1")));
    assert!(!terminal.is_taken_over);
    world.store.decide_lost(&IncarnationId::new(BRIDGE), crate::store::Replays::Allow, 1).await.expect("is decided");
    assert!(world.leases("bridge-2").await);
    let taken_over = world.due_for("bridge-2").await.remove(0);
    assert_eq!(taken_over.key, terminal.key);
    assert!(taken_over.is_taken_over);
}

/// Commands and refusals do not wait for an agent's lane.
pub async fn commands_overtake_the_lane(world: &World) {
    world.asks("a", "hello").await;
    world.claims().await;
    assert_eq!(texts(&world.due().await), ["…"]);
    let help = Intake::Answer { asked: asked("a", "/help"), text: "Help.".into(), reason: None };
    world.takes("help", help).await;
    assert_eq!(texts(&world.due().await), ["Help."]);
}

/// Keys fit every network and are never used twice.
pub async fn keys_are_short_and_never_repeat(world: &World) {
    for n in 0..5 {
        world.asks("a", &format!("text {n}")).await;
        let claim = world.claims().await.remove(0);
        world.answers(&claim, "done").await;
    }
    let mut keys = Vec::new();
    loop {
        let due = world.due().await;
        if due.is_empty() {
            break;
        }
        for claim in due {
            world.settles(&claim, delivered("m")).await;
            keys.push(claim.key);
        }
    }
    assert!(keys.iter().all(|key| key.as_str().is_ascii() && key.as_str().len() <= 64), "{keys:?}");
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count);
    assert_eq!(count, 5);
}
