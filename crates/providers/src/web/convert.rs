//! From a request body to an update, with errors that name the field and the cure.

use lastword_core::{
    ids::{AccountId, ConversationId, MessageId, Place, ThreadId, Timestamp, UpdateId, UserId},
    update::{Message, Sender, Update, UpdateKind},
};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The conversation of a caller who names none.
pub(super) const CONVERSATION_DEFAULT: &str = "main";
/// The longest identifier a caller may choose.
const ID_CHARS_MAX: usize = 128;

/// The longest refusal: what the JSON reader says may hold all of the body.
pub(super) const REFUSAL_CHARS_MAX: usize = 300;

const FIELDS: [&str; 4] = ["text", "conversation", "thread", "id"];

/// What a caller posted, checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Posted {
    text: String,
    conversation: String,
    thread: Option<String>,
    id: Option<String>,
}

impl Posted {
    /// Reads a JSON object; `Err` is a sentence for the caller.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let mut fields: Map<String, Value> =
            serde_json::from_slice(body).map_err(|error| short(&format!("the body is not a JSON object: {error}")))?;
        let text = string(&mut fields, "text")?.ok_or("`text` is missing; it holds the message")?;
        if text.trim().is_empty() {
            return Err("`text` is empty; it holds the message".into());
        }
        if text.contains('\0') {
            return Err("`text` contains the character U+0000; take it out".into());
        }
        let conversation = id(&mut fields, "conversation")?.unwrap_or_else(|| CONVERSATION_DEFAULT.into());
        let (thread, id) = (id(&mut fields, "thread")?, id(&mut fields, "id")?);
        if let Some(name) = fields.keys().next() {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(format!("unknown field `{shown}`; the fields are {}", FIELDS.join(", ")));
        }
        Ok(Self { text, conversation, thread, id })
    }

    /// The update that it is. Without a chosen id it gets a fresh one.
    pub(super) fn into_update(self, account: &AccountId, user: &UserId, sent_at: Timestamp) -> Update {
        let id = self.id.unwrap_or_else(|| Uuid::now_v7().to_string());
        Update {
            place: Place {
                account: account.clone(),
                conversation: ConversationId::new(self.conversation),
                thread: self.thread.map(ThreadId::new),
            },
            sender: Sender { id: user.clone(), name: None, is_bot: false },
            sent_at,
            kind: UpdateKind::Posted(Message {
                id: MessageId::new(id.as_str()),
                text: self.text,
                is_addressed: true,
                goes_on: false,
                files: Vec::new(),
            }),
            id: UpdateId::new(id),
        }
    }
}

/// Checks an identifier that a caller chose; `Err` is a sentence for the caller.
pub(super) fn check_id(field: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("`{field}` is empty; leave it out or give it 1 to {ID_CHARS_MAX} characters"));
    }
    if value.chars().nth(ID_CHARS_MAX).is_some() {
        return Err(format!("`{field}` is longer than {ID_CHARS_MAX} characters; shorten it"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("`{field}` contains control characters; take them out"));
    }
    Ok(())
}

/// A refusal as one line that ends somewhere, whatever of the request it says back.
pub(super) fn short(why: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    if why.chars().nth(REFUSAL_CHARS_MAX).is_none() {
        return why.chars().map(plain).collect();
    }
    why.chars().map(plain).take(REFUSAL_CHARS_MAX - 1).chain(['…']).collect()
}

fn string(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(format!("`{name}` is not a string; put it in quotes")),
    }
}

fn id(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    let value = string(fields, name)?;
    value.as_deref().map_or(Ok(()), |value| check_id(name, value))?;
    Ok(value)
}

#[cfg(test)]
mod tests;
