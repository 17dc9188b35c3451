//! Posting, editing and looking: one request each.

use lastword_core::{
    ids::{DeliveryKey, MessageId, Place},
    outcome::{Cause, SendOutcome},
    provider::SendRequest,
};
use serde_json::{Value, json};

use super::{
    client::{Answer, Client, ask},
    outcome::classify,
};

pub(super) async fn post(client: &Client, request: &SendRequest) -> SendOutcome {
    classify(ask(client.post("/messages").json(&spelled(request))).await, None)
}

pub(super) async fn edit(client: &Client, target: &MessageId, request: &SendRequest) -> SendOutcome {
    let path = format!("/messages/{target}/edit");
    classify(ask(client.post(&path).json(&spelled(request))).await, Some(target))
}

/// Absence is proven only by a whole, healthy answer that says so.
pub(super) async fn find(client: &Client, place: &Place, key: &DeliveryKey) -> Result<Option<MessageId>, Cause> {
    let query = [("conversation", place.conversation.as_str()), ("key", key.as_str())];
    match ask(client.get("/find").query(&query)).await {
        Answer::Whole { status: 200, body } => match body.get("id") {
            Some(Value::String(id)) => Ok(Some(MessageId::new(id))),
            Some(Value::Null) => Ok(None),
            _ => Err("the ledger's answer holds no id".into()),
        },
        Answer::Whole { status, .. } => Err(format!("HTTP {status}").into()),
        Answer::NotSent(cause) | Answer::Lost(cause) => Err(cause),
    }
}

fn spelled(request: &SendRequest) -> Value {
    json!({
        "key": request.key,
        "conversation": request.place.conversation,
        "thread": request.place.thread,
        "reply_to": request.reply_to,
        "text": request.text,
        "form": request.form,
    })
}

#[cfg(test)]
mod tests {
    use lastword_core::{
        delivery::Form,
        ids::{AccountId, ConversationId},
        outcome::RetryScope,
    };

    use super::*;

    #[tokio::test]
    async fn a_refused_connection_is_certainly_not_accepted() {
        // A port that was free a moment ago, and that nobody listens on.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
        drop(listener);
        let place = Place { account: AccountId::new("test"), conversation: ConversationId::new("c"), thread: None };
        let (key, text, form) = (DeliveryKey::new("k"), "hello?".to_owned(), Form::Plain);
        let request = SendRequest { key, attempt: 1, place, reply_to: None, text, form };
        match post(&client, &request).await {
            SendOutcome::Retry(retry) => assert_eq!(retry.scope, RetryScope::Account),
            other => panic!("nothing was written; got {other:?}"),
        }
    }
}
