//! The provider contract on Telegram.

use async_trait::async_trait;
use lastword_core::{
    contract::provider::{Fault, Injected, Network, Shown},
    delivery::Form,
    ids::{AccountId, ConversationId, DeliveryKey, MessageId, Place},
    outcome::SendOutcome,
    provider::{Provider, SendRequest},
    provider_contract,
};
use lastword_providers::telegram::{TelegramProvider, TelegramSettings};
use serde_json::json;

use super::network::Telegram;

pub(super) struct Fake {
    pub(super) provider: TelegramProvider,
    pub(super) telegram: Telegram,
    pub(super) alice: i64,
}

pub(super) async fn fake() -> Fake {
    let telegram = Telegram::start().await;
    let alice = telegram.does("person", json!({ "name": "alice" })).await["id"].as_i64().unwrap();
    // A bot may write only to people who wrote to it: that message is taken before the rules begin.
    telegram.says(json!({ "text": "/start" })).await;
    let taken = telegram.asks("getUpdates", json!({})).await;
    let last = taken["result"].as_array().unwrap().last().unwrap()["update_id"].as_i64().unwrap();
    telegram.asks("getUpdates", json!({ "offset": last + 1 })).await;
    let settings = TelegramSettings::new(telegram.token().to_owned(), telegram.url());
    let provider = TelegramProvider::new(AccountId::new("test"), settings);
    Fake { provider, telegram, alice }
}

#[async_trait]
impl Network for Fake {
    fn provider(&self) -> &dyn Provider {
        &self.provider
    }

    fn conversation(&self) -> ConversationId {
        ConversationId::new(self.alice.to_string())
    }

    async fn say(&self, text: &str) {
        self.telegram.says(json!({ "text": text })).await;
    }

    async fn shown(&self) -> Option<Vec<Shown>> {
        let shown = self.telegram.shown(self.alice, None).await.into_iter();
        let shown =
            shown.map(|message| Shown { id: MessageId::new(message.id.to_string()), text: message.now().text.clone() });
        Some(shown.collect())
    }

    async fn inject(&self, fault: Fault) -> Injected {
        let fault = match fault {
            Fault::AnswerLost => json!({ "kind": "cut_after" }),
            Fault::Refused { after_ms } => json!({ "kind": "limited", "retry_after_s": after_ms / 1_000 }),
            Fault::Rejected => {
                json!({ "kind": "reject", "code": 403, "description": "Forbidden: bot was blocked by the user" })
            }
            Fault::Outage => {
                self.telegram.is_out(true).await;
                return Injected::Ready;
            }
        };
        self.telegram.does("faults", json!({ "faults": [fault] })).await;
        Injected::Ready
    }

    async fn recover(&self) {
        self.telegram.is_out(false).await;
    }
}

provider_contract!(telegram, fake);

/// Texts made of what may mean something to Markdown or to Telegram, the same in every run.
fn printed() -> impl Iterator<Item = String> {
    const PIECES: [&str; 24] = [
        "word ",
        "**",
        "_",
        "`",
        "```",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "> ",
        "# ",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "~~",
        "[",
        "](",
        ")",
        "https://example.org",
        "<b>",
        "👨‍👩‍👧‍👦",
        "\u{202e}",
        "\0",
        "    ",
        "\\",
        "é",
    ];
    let mut state = 7_u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    (0..150).map(move |_| {
        let pieces = 2 + next(40);
        let text: String = (0..pieces).map(|_| PIECES[next(PIECES.len())]).collect();
        text + "."
    })
}

#[tokio::test]
async fn whatever_an_agent_prints_is_taken() {
    let fake = fake().await;
    let place = Place { account: AccountId::new("test"), conversation: fake.conversation(), thread: None };
    let mut post = SendRequest {
        key: DeliveryKey::new("k"),
        attempt: 1,
        place,
        reply_to: None,
        text: String::new(),
        form: Form::Formatted,
    };
    for text in printed() {
        post.text = text;
        let outcome = fake.provider.send(&post).await;
        assert!(matches!(outcome, SendOutcome::Delivered(_)), "{:?}: {outcome:?}", post.text);
    }
    assert_eq!(fake.shown().await.unwrap().len(), 150);
}

/// After a week of silence Telegram counts from somewhere else, perhaps from lower numbers.
#[tokio::test]
async fn updates_that_are_counted_anew_are_heard() {
    use futures_util::StreamExt as _;
    use lastword_core::provider::Inbound;
    let fake = fake().await;
    let mut cursor = None;
    for (next, text) in [(Some(5_000_000), "before"), (Some(700), "after"), (None, "later")] {
        if let Some(next) = next {
            fake.telegram.does("renumber", json!({ "next": next })).await;
        }
        fake.say(text).await;
        let mut stream = fake.provider.receive(cursor.clone());
        loop {
            if let Some(Ok(Inbound::Batch(batch))) = stream.next().await {
                assert_eq!(batch.updates.len(), 1, "{text}");
                cursor = batch.cursor;
                batch.ack.confirm();
                // As the next poll does.
                let after: i64 = cursor.as_ref().unwrap().as_str().parse().unwrap();
                fake.telegram.asks("getUpdates", json!({ "offset": after + 1 })).await;
                break;
            }
        }
    }
}
