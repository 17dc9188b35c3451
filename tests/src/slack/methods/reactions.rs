//! Reactions.

use serde_json::{Value, json};

use super::Call;
use crate::slack::{
    errors::{Answer, Refusal},
    message::Reaction,
};

impl Call<'_> {
    /// <https://docs.slack.dev/reference/methods/reactions.add>
    pub(super) fn react(self) -> Answer {
        let (channel, ts) = self.item()?;
        let (name, user) = (self.emoji()?, self.me.user.clone());
        if self.network.conversations.get(&channel).is_some_and(|known| known.is_archived) {
            return Err(Refusal::new("is_archived"));
        }
        if !self.network.react(&channel, &ts, &user, &name) {
            return Err(Refusal::new("already_reacted"));
        }
        Ok(json!({}))
    }

    /// <https://docs.slack.dev/reference/methods/reactions.remove>
    pub(super) fn unreact(self) -> Answer {
        let (channel, ts) = self.item()?;
        let (name, user) = (self.emoji()?, self.me.user.clone());
        if !self.network.unreact(&channel, &ts, &user, &name) {
            return Err(Refusal::new("no_reaction"));
        }
        Ok(json!({}))
    }

    /// <https://docs.slack.dev/reference/methods/reactions.get>
    pub(super) fn reactions(self) -> Answer {
        let (channel, ts) = self.item()?;
        let mut shown = self.shown(&channel, &ts);
        if shown["reactions"].is_null() {
            shown["reactions"] = json!([]);
        }
        Ok(json!({ "type": "message", "channel": channel, "message": shown }))
    }

    /// The message that a request names.
    fn item(&self) -> Result<(String, String), Refusal> {
        let (Some(channel), Some(ts)) = (self.args.given("channel"), self.args.given("timestamp")) else {
            return Err(Refusal::new("no_item_specified"));
        };
        self.visible(&channel)?;
        if crate::slack::message::microseconds(&ts).is_none() {
            return Err(Refusal::new("bad_timestamp"));
        }
        self.message(&channel, &ts)?;
        Ok((channel, ts))
    }

    fn emoji(&self) -> Result<String, Refusal> {
        let name = self.args.text("name");
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_+-':".contains(&byte);
        let is_name = !name.is_empty() && name.bytes().all(is_letter) && !name.starts_with(':');
        if is_name { Ok(name) } else { Err(Refusal::new("invalid_name")) }
    }
}

impl crate::slack::network::Network {
    /// Adds a reaction and tells of it; whether it is new.
    pub fn react(&mut self, channel: &str, ts: &str, user: &str, name: &str) -> bool {
        let Some(message) = self.message_mut(channel, ts) else { return false };
        let author = message.author.user().to_owned();
        match message.reactions.iter_mut().find(|reaction| reaction.name == name) {
            Some(reaction) if reaction.users.iter().any(|known| known == user) => return false,
            Some(reaction) => reaction.users.push(user.to_owned()),
            None => message.reactions.push(Reaction { name: name.to_owned(), users: vec![user.to_owned()] }),
        }
        self.publish_event(channel, reaction_event("reaction_added", [channel, ts, user, name, &author]));
        true
    }

    /// Takes a reaction away and tells of it; whether there was one.
    pub fn unreact(&mut self, channel: &str, ts: &str, user: &str, name: &str) -> bool {
        let Some(message) = self.message_mut(channel, ts) else { return false };
        let author = message.author.user().to_owned();
        let Some(reaction) = message.reactions.iter_mut().find(|reaction| reaction.name == name) else { return false };
        let Some(place) = reaction.users.iter().position(|known| known == user) else { return false };
        reaction.users.remove(place);
        message.reactions.retain(|reaction| !reaction.users.is_empty());
        self.publish_event(channel, reaction_event("reaction_removed", [channel, ts, user, name, &author]));
        true
    }
}

fn reaction_event(kind: &str, [channel, ts, user, name, author]: [&str; 5]) -> Value {
    json!({ "type": kind, "user": user, "reaction": name, "item_user": author,
            "item": { "type": "message", "channel": channel, "ts": ts } })
}
