//! The provider contract, with a browser that repeats its POST under one id until it is accepted.

use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use lastword_core::{
    contract::provider::{Fault, Injected, Network, Shown},
    ids::ConversationId,
    provider::Provider,
};
use serde_json::json;
use tokio::task::JoinSet;

use super::fixture::Web;

struct Browser {
    web: Web,
    tabs: Mutex<JoinSet<()>>,
    said: AtomicU32,
}

async fn browser() -> Browser {
    Browser { web: Web::start().await, tabs: Mutex::default(), said: AtomicU32::new(0) }
}

#[async_trait]
impl Network for Browser {
    fn provider(&self) -> &dyn Provider {
        &*self.web.provider
    }

    fn conversation(&self) -> ConversationId {
        ConversationId::new("main")
    }

    async fn say(&self, text: &str) {
        let id = format!("said-{}", self.said.fetch_add(1, Ordering::SeqCst));
        let request = self.web.post(json!({ "text": text, "id": id }));
        self.tabs.lock().unwrap().spawn(async move {
            // 503 is the only answer to come back for; with a fake store that knows no turn, a commit ends in 403.
            while request.try_clone().unwrap().send().await.unwrap().status() == 503 {
                tokio::task::yield_now().await;
            }
        });
    }

    async fn shown(&self) -> Option<Vec<Shown>> {
        None
    }

    async fn inject(&self, _fault: Fault) -> Injected {
        Injected::Impossible
    }

    async fn recover(&self) {}
}

lastword_core::provider_contract!(rules, browser);
