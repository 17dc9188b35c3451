//! The provider contract on Slack.

use std::sync::Arc;

use async_trait::async_trait;
use lastword_core::{
    contract::provider::{Fault, Injected, Network, Shown},
    ids::{AccountId, ConversationId, MessageId},
    provider::Provider,
    provider_contract,
};
use lastword_providers::slack::{SlackProvider, SlackSettings};
use lastword_store::SystemClock;
use serde_json::{Value, json};

use super::network::{direct, retries, shown};
use crate::world::Slack;

struct Fake {
    provider: SlackProvider,
    slack: Slack,
    direct: String,
}

async fn fake() -> Fake {
    let slack = Slack::start().await;
    slack.act("settings", often()).await;
    let direct = direct(&slack).await;
    let me = slack.me();
    let settings = SlackSettings::new(me.token.clone(), me.app_token.clone(), format!("{}/api", slack.url()));
    let provider = SlackProvider::new(AccountId::new("test"), settings, Arc::new(SystemClock));
    Fake { provider, slack, direct }
}

/// What is not acknowledged is offered again soon.
fn often() -> Value {
    retries(&[0, 200, 200, 500, 500, 1_000, 1_000, 1_000, 1_000])
}

#[async_trait]
impl Network for Fake {
    fn provider(&self) -> &dyn Provider {
        &self.provider
    }

    fn conversation(&self) -> ConversationId {
        ConversationId::new(self.direct.clone())
    }

    async fn say(&self, text: &str) {
        self.slack.says(json!({ "text": text })).await;
    }

    async fn shown(&self) -> Option<Vec<Shown>> {
        let shown = shown(&self.slack, &self.slack.me().id, &self.direct, None).await.into_iter();
        Some(shown.map(|message| Shown { text: message.now().shown.clone(), id: MessageId::new(message.ts) }).collect())
    }

    async fn inject(&self, fault: Fault) -> Injected {
        let fault = match fault {
            Fault::AnswerLost => json!({ "kind": "cut_after" }),
            Fault::Refused { after_ms } => json!({ "kind": "limited", "retry_after_s": after_ms / 1_000 }),
            Fault::Rejected => json!({ "kind": "error_before", "error": "not_in_channel" }),
            Fault::Outage => {
                self.slack.act("settings", json!({ "outage": "cut" })).await;
                return Injected::Ready;
            }
        };
        self.slack.act("faults", json!({ "faults": [fault] })).await;
        Injected::Ready
    }

    async fn recover(&self) {
        self.slack.act("settings", often()).await;
    }

    fn lost_message(&self) -> MessageId {
        MessageId::new("1512085950.000216")
    }
}

provider_contract!(slack, fake);
