//! What admins do, from a chat, about messages that don't get through.

use lastword_tests::ledger::{Fault, On};

use crate::world::{Network, Settings, World};

/// A deployment that posts its replies as they are, each under its key.
async fn world() -> World {
    let account = "placeholder: false".into();
    World::start_with(Settings { network: Network::Native, account, ..Settings::default() }).await
}

impl World {
    /// Alice, an admin, says something in a conversation of her own; returns what she is answered.
    async fn at_her_desk(&self, command: &str) -> String {
        let said = self.says("alice", "desk", command).await;
        self.reply(&said).await
    }

    /// The number of the delivery to `main` that the list shows like this.
    async fn listed(&self, how: &str) -> String {
        self.until(&format!("it {how}"), async |world| {
            let list = world.at_her_desk("/outbox").await;
            let line = list.lines().find(|line| line.contains(" to main, terminal of turn ") && line.contains(how))?;
            assert!(!list.contains("#t1"), "what people write is not shown: {list}");
            Some(line.split_whitespace().next()?.trim_start_matches('#').to_owned())
        })
        .await
    }
}

#[tokio::test]
async fn a_reply_that_was_given_up_is_sent_when_an_admin_says_so() {
    let world = world().await;
    world.network().will("main", On::Post, [Fault::Reject { code: "forbidden".into() }]).await;
    let asked = world.alice_says("go #t1").await;
    let id = world.listed(": given up, 1 attempt, ").await;
    assert!(!world.has_last_word(&asked).await);
    assert_eq!(world.at_her_desk(&format!("/outbox retry {id}")).await, format!("Delivery {id} is sent again."));
    assert_eq!(world.last_word(&asked).await, "done #t1");
    let late = world.at_her_desk(&format!("/outbox retry {id}")).await;
    assert!(late.starts_with(&format!("Delivery {id} is ")), "{late}");
    let findings = world.judge().await;
    assert!(findings.is_clean(), "{findings}");
    let audit = world.at_her_desk("/audit").await;
    assert!(audit.contains("nothing is lost"), "{audit}");
}

#[tokio::test]
async fn a_reply_that_waits_is_sent_at_once_or_dropped_with_a_reason() {
    let world = world().await;
    let limited = || Fault::Limited { retry_after_ms: 3_600_000, scope: "message".into() };
    world.network().will("main", On::Post, [limited()]).await;
    let asked = world.alice_says("go #t1").await;
    let id = world.listed(": waits, 1 attempt, ").await;
    let due = world.at_her_desk(&format!("/outbox retry {id}")).await;
    assert!(due.starts_with(&format!("Delivery {id} is due now")), "{due}");
    assert_eq!(world.last_word(&asked).await, "done #t1");
    world.network().will("main", On::Post, [limited()]).await;
    let dropped = world.alice_says("go #t2").await;
    let id = world.listed(": waits, 1 attempt, ").await;
    let why = world.at_her_desk(&format!("/outbox drop {id}")).await;
    assert!(why.starts_with("Error: please write it like this: /outbox"), "{why}");
    let said = world.at_her_desk(&format!("/outbox drop {id} she was told")).await;
    assert_eq!(said, format!("Delivery {id} is given up."));
    let next = world.alice_says("go #t3").await;
    assert_eq!(world.last_word(&next).await, "done #t3");
    assert!(!world.has_last_word(&dropped).await);
    world.listed(": given up, 1 attempt, ").await;
    let list = world.at_her_desk("/outbox").await;
    assert!(list.contains("dropped by an admin, with turn ") && list.contains(": she was told"), "{list}");
    let audit = world.at_her_desk("/audit").await;
    assert!(audit.contains("nothing is lost"), "{audit}");
}

#[tokio::test]
async fn only_admins_see_and_touch_the_outbox() {
    let world = world().await;
    world.network().will("main", On::Post, [Fault::Reject { code: "forbidden".into() }]).await;
    let asked = world.alice_says("go #t1").await;
    let id = world.listed(": given up, 1 attempt, ").await;
    for command in ["/outbox".to_owned(), format!("/outbox retry {id}"), format!("/outbox drop {id} why")] {
        let refused = world.says("bob", "desk", &command).await;
        assert_eq!(world.reply(&refused).await, "Error: /outbox is for admins.");
        world.says("mallory", "desk", &command).await;
    }
    world.listed(": given up, 1 attempt, ").await;
    assert!(!world.has_last_word(&asked).await);
}
