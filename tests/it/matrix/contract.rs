//! The provider contract on Matrix: in a plain room with one event as the last word, and in an encrypted one with edits.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use futures_util::StreamExt;
use lastword_core::{
    capability::Capabilities,
    contract::provider::{Fault, Injected, Network, Shown},
    decide::policy::{AccountPolicy, Allow},
    ids::{AccountId, ConversationId, Cursor, MessageId},
    outcome::SendOutcome,
    provider::{
        Drafts, Edits, Files, Inbound, Presence, Provider, Receipts, ReceiveError, Reconcile, SendRequest, UpdateStream,
    },
    provider_contract,
};
use lastword_providers::matrix::{Login, MatrixProvider, MatrixSettings};
use lastword_store::SystemClock;
use lastword_tests::matrix::{Outage, Settings};
use serde_json::json;

use super::network::shown;
use crate::world::{Matrix, PASSWORD};

/// A provider on a homeserver, which has begun to receive before a rule does: its first start begins with what is said
/// then, and answers nothing that was said before.
struct Real {
    provider: Begun,
    matrix: Matrix,
    room: String,
}

struct Begun {
    provider: MatrixProvider,
    first: Cursor,
    _folder: tempfile::TempDir,
}

/// Where Synapse is not installed there is nothing to hold the provider against.
async fn maybe_real(has_edits: bool) -> Option<Real> {
    let matrix = Matrix::maybe_start().await?;
    let folder = tempfile::tempdir().unwrap();
    let user = matrix.bot().user.clone();
    let login = Login::Password { user: user.clone(), password: PASSWORD.to_owned().into() };
    let allowed = AccountPolicy { users: Allow::Everybody, ..AccountPolicy::default() };
    let settings = MatrixSettings {
        allowed,
        edits: has_edits,
        ..MatrixSettings::new(matrix.url(), login, folder.path().join("ada"))
    };
    let provider = MatrixProvider::new(AccountId::new("test"), settings, Arc::new(SystemClock));
    let alice = matrix.person("alice").await;
    let open = async { if has_edits { alice.secret(&user).await } else { alice.direct(&user).await } };
    let (room, first) = {
        tokio::pin!(open);
        let mut stream = provider.receive(None);
        let (mut room, mut first, mut admitted) = (None, None, BTreeSet::new());
        // Who receives accepts the invitation, and has to hear that it is in.
        while !room.as_ref().is_some_and(|room: &String| admitted.contains(room)) {
            tokio::select! {
                opened = &mut open, if room.is_none() => room = Some(opened),
                inbound = stream.next() => {
                    if let Inbound::Batch(batch) = inbound.expect("it receives").unwrap() {
                        admitted.extend(batch.updates.iter().map(|update| update.place.conversation.to_string()));
                        first = batch.cursor;
                        batch.ack.confirm();
                    }
                }
            }
        }
        (room.unwrap(), first.unwrap())
    };
    Some(Real { provider: Begun { provider, first, _folder: folder }, matrix, room })
}

#[async_trait]
impl Provider for Begun {
    fn account(&self) -> &AccountId {
        self.provider.account()
    }

    async fn identity(&self) -> Result<String, ReceiveError> {
        self.provider.identity().await
    }

    fn capabilities(&self, conversation: &ConversationId) -> Capabilities {
        self.provider.capabilities(conversation)
    }

    fn receive(&self, resume_from: Option<Cursor>) -> UpdateStream {
        self.provider.receive(Some(resume_from.unwrap_or_else(|| self.first.clone())))
    }

    async fn send(&self, request: &SendRequest) -> SendOutcome {
        self.provider.send(request).await
    }

    fn edits(&self) -> Option<&dyn Edits> {
        self.provider.edits()
    }

    fn presence(&self) -> Option<&dyn Presence> {
        self.provider.presence()
    }

    fn drafts(&self) -> Option<&dyn Drafts> {
        self.provider.drafts()
    }

    fn receipts(&self) -> Option<&dyn Receipts> {
        self.provider.receipts()
    }

    fn files(&self) -> Option<&dyn Files> {
        self.provider.files()
    }

    fn reconcile(&self) -> Option<&dyn Reconcile> {
        self.provider.reconcile()
    }
}

#[async_trait]
impl Network for Real {
    fn provider(&self) -> &dyn Provider {
        &self.provider
    }

    fn conversation(&self) -> ConversationId {
        ConversationId::new(self.room.clone())
    }

    async fn say(&self, text: &str) {
        self.matrix.of_name("alice").says(&self.room, text).await;
    }

    async fn shown(&self) -> Option<Vec<Shown>> {
        let alice = self.matrix.of_name("alice");
        alice.catches_up().await;
        let shown = shown(&self.matrix, &alice, &self.room).await.into_iter();
        let shown = shown.map(|message| {
            assert!(message.is_readable(), "{message:?}");
            Shown { text: message.now().text.clone(), id: MessageId::new(message.event.id) }
        });
        Some(shown.collect())
    }

    async fn inject(&self, fault: Fault) -> Injected {
        let fault = match fault {
            Fault::AnswerLost => json!({ "kind": "cut_after" }),
            Fault::Refused { after_ms } => json!({ "kind": "limited", "retry_after_ms": after_ms }),
            Fault::Rejected => json!({ "kind": "refused", "status": 403, "errcode": "M_FORBIDDEN" }),
            Fault::Outage => {
                self.matrix.set(&Settings { outage: Some(Outage::Refuse) }).await;
                return Injected::Ready;
            }
        };
        self.matrix.will(json!({ "faults": [fault] })).await;
        Injected::Ready
    }

    async fn recover(&self) {
        self.matrix.set(&Settings::default()).await;
    }

    fn lost_message(&self) -> MessageId {
        MessageId::new("$QWxhcywgdGhpcyBldmVudCBuZXZlciB3YXMgb25lLi4")
    }
}

async fn plain() -> Option<Real> {
    maybe_real(false).await
}

async fn secret_with_edits() -> Option<Real> {
    maybe_real(true).await
}

provider_contract!(matrix, maybe plain);
provider_contract!(matrix_secret_with_edits, maybe secret_with_edits);
