//! The provider contract on the scripted network, in every kind of idempotency.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use async_trait::async_trait;
use lastword_core::{
    contract::provider::{Fault, Injected, Network, Shown},
    delivery::Form,
    ids::{AccountId, ConversationId, DeliveryKey, MessageId, Place},
    outcome::SendOutcome,
    provider::{Provider, SendRequest},
    provider_contract,
};
use lastword_providers::scripted::{Repeats, ScriptedProvider, ScriptedSettings};
use lastword_tests::ledger::{Book, Server};
use serde_json::{Value, json};

const CONVERSATION: &str = "kitchen";

/// A ledger in this process, or the real one in its own.
enum Ledger {
    Here(Server),
    Process { child: Child, url: String },
}

impl Ledger {
    async fn here() -> Self {
        Self::Here(Server::start().await.unwrap())
    }

    fn process() -> Self {
        let command = &mut Command::new(env!("CARGO_BIN_EXE_lastword-ledger"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self::Process { child, url: url.trim_end().to_owned() }
    }

    fn url(&self) -> &str {
        match self {
            Self::Here(server) => server.url(),
            Self::Process { url, .. } => url,
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Self::Process { child, .. } = self {
            drop(child.stdin.take());
            let ended = child.wait().expect("the ledger can be waited for");
            assert!(ended.success() || std::thread::panicking(), "the ledger ends with its stdin: {ended}");
        }
    }
}

struct Scripted {
    provider: ScriptedProvider,
    ledger: Ledger,
    http: reqwest::Client,
    is_native: bool,
}

impl Scripted {
    async fn start(ledger: Ledger, repeats: Repeats, edits: bool) -> Self {
        let settings = ScriptedSettings { repeats, edits, ..ScriptedSettings::new(ledger.url()) };
        let provider = ScriptedProvider::new(AccountId::new("test"), settings);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let scripted = Self { provider, ledger, http, is_native: repeats == Repeats::Native };
        scripted.recover().await;
        scripted
    }

    async fn admin(&self, path: &str, body: Value) {
        let request = self.http.post(format!("{}/admin/{path}", self.ledger.url())).json(&body);
        request.send().await.unwrap().error_for_status().unwrap();
    }

    async fn settings(&self, is_out: bool) {
        self.admin("settings", json!({ "is_native": self.is_native, "is_out": is_out })).await;
    }

    async fn fault(&self, fault: Value) {
        self.admin("faults", json!({ "conversation": CONVERSATION, "faults": [fault] })).await;
    }
}

#[async_trait]
impl Network for Scripted {
    fn provider(&self) -> &dyn Provider {
        &self.provider
    }

    fn conversation(&self) -> ConversationId {
        ConversationId::new(CONVERSATION)
    }

    async fn say(&self, text: &str) {
        self.admin("say", json!({ "conversation": CONVERSATION, "text": text })).await;
    }

    async fn shown(&self) -> Option<Vec<Shown>> {
        let ledger = self.http.get(format!("{}/admin/ledger", self.ledger.url())).send().await.unwrap();
        let book: Book = ledger.json().await.unwrap();
        let shown = book.bot.into_iter().map(|said| Shown { id: MessageId::new(said.id), text: said.text });
        Some(shown.collect())
    }

    async fn inject(&self, fault: Fault) -> Injected {
        match fault {
            Fault::AnswerLost => self.fault(json!({ "kind": "cut_after" })).await,
            Fault::Refused { after_ms } => {
                let limited = json!({ "kind": "limited", "retry_after_ms": after_ms, "scope": "conversation" });
                self.fault(limited).await;
            }
            Fault::Rejected => self.fault(json!({ "kind": "reject", "code": "forbidden" })).await,
            Fault::Outage => self.settings(true).await,
        }
        Injected::Ready
    }

    async fn recover(&self) {
        self.settings(false).await;
    }
}

async fn native() -> Scripted {
    Scripted::start(Ledger::process(), Repeats::Native, false).await
}

async fn edit_only() -> Scripted {
    Scripted::start(Ledger::here().await, Repeats::EditOnly, true).await
}

async fn findable_with_edits() -> Scripted {
    Scripted::start(Ledger::here().await, Repeats::Findable, true).await
}

async fn neither() -> Scripted {
    Scripted::start(Ledger::here().await, Repeats::None, false).await
}

provider_contract!(scripted_native, native);
provider_contract!(scripted_edit_only, edit_only);
provider_contract!(scripted_findable, findable_with_edits);
provider_contract!(scripted_without_idempotency, neither);

#[tokio::test]
async fn a_server_error_is_unknown_whether_or_not_it_was_applied() {
    for (kind, is_shown) in [("fail_before", 0), ("fail_after", 1), ("drop_before", 0)] {
        let network = neither().await;
        network.fault(json!({ "kind": kind })).await;
        let request = SendRequest {
            key: DeliveryKey::new("k"),
            attempt: 1,
            place: Place { account: AccountId::new("test"), conversation: network.conversation(), thread: None },
            reply_to: None,
            text: "hello?".into(),
            form: Form::Plain,
        };
        let outcome = network.provider.send(&request).await;
        assert!(matches!(outcome, SendOutcome::Unknown(_)), "{kind}: {outcome:?}");
        assert_eq!(network.shown().await.unwrap().len(), is_shown, "{kind}");
    }
}
