//! What apps are told of, and who is: the subscribed ones whose bot is in the conversation.
//!
//! <https://docs.slack.dev/apis/events-api/>. A mention makes two events of one message, `app_mention` and `message`,
//! in no order that anybody may rely on.

use serde_json::{Value, json};

use super::{
    links::{Delivery, State},
    message::{Author, Message, ts_of},
    network::Network,
    people::{Install, Kind},
};

/// What an event is about.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The conversation.
    pub channel: Option<String>,
    /// The message.
    pub ts: Option<String>,
}

impl Network {
    /// Adds a message and tells of it; returns its `ts`.
    pub fn publish(&mut self, message: Message) -> String {
        let n = self.add(message);
        let message = &self.messages[n];
        let (about, ts) = (about(message), message.ts.clone());
        if message.only_for.is_some() {
            return ts;
        }
        let subscription = self.subscription(message);
        let (mut told, mut addressed) = (Vec::new(), Vec::new());
        let event = self.event_of(message);
        let mentioned = mentions(message);
        for install in self.readers(&message.channel) {
            let is_own = message.author.app() == Some(&install.app);
            let is_direct = event["channel_type"] == "im";
            let is_mention = mentioned.contains(&install.user) && !is_direct && !is_own;
            if is_mention || (is_direct && !is_own) {
                addressed.push(install.app.clone());
            }
            if is_mention && self.is_subscribed(&install, "app_mention") {
                told.push((install.clone(), mention_of(&event)));
            }
            if self.is_subscribed(&install, &subscription) {
                told.push((install, event.clone()));
            }
        }
        // Nobody may rely on the order of the two.
        fastrand::shuffle(&mut told);
        let mut delivered: Vec<_> = told.iter().map(|(install, _)| install.app.clone()).collect();
        delivered.sort();
        delivered.dedup();
        (self.messages[n].delivered_to, self.messages[n].addressed_to) = (delivered, addressed);
        for (install, event) in told {
            self.tell(&install, event, about.clone());
        }
        ts
    }

    /// Tells of a new version of a message; `before` is the message as it was shown.
    pub fn publish_change(&mut self, channel: &str, ts: &str, before: &Value) {
        let Some(message) = self.message(channel, ts).cloned() else { return };
        let shown = self.shown(&message, false);
        let event = json!({ "type": "message", "subtype": "message_changed", "hidden": true, "message": shown,
                            "previous_message": before });
        let was_meant = |install: &Install| {
            let at = format!("<@{}>", install.user);
            before["text"].as_str().is_some_and(|text| text.contains(&at))
        };
        // A mention that an edit brings in is one.
        let mentioned = mentions(&message);
        for install in self.readers(channel) {
            if mentioned.contains(&install.user) && !was_meant(&install) && self.is_subscribed(&install, "app_mention")
            {
                let event = mention_of(&self.event_of(&message));
                self.tell(&install, event, about(&message));
            }
        }
        self.publish_hidden(&message, event);
    }

    /// Tells that a message is gone.
    pub fn publish_deletion(&mut self, message: &Message) {
        let event = json!({ "type": "message", "subtype": "message_deleted", "hidden": true,
                            "deleted_ts": message.ts, "previous_message": self.shown(message, false) });
        self.publish_hidden(message, event);
    }

    fn publish_hidden(&mut self, message: &Message, mut event: Value) {
        let now = self.event_ts();
        event["channel"] = message.channel.clone().into();
        event["ts"] = now.clone().into();
        event["event_ts"] = now.into();
        event["channel_type"] = self.channel_type(&message.channel).into();
        let subscription = self.subscription(message);
        for install in self.readers(&message.channel) {
            if self.is_subscribed(&install, &subscription) {
                self.tell(&install, event.clone(), about(message));
            }
        }
    }

    /// Tells everybody in a conversation who is subscribed.
    pub fn publish_event(&mut self, channel: &str, mut event: Value) {
        if event["event_ts"].is_null() {
            event["event_ts"] = self.event_ts().into();
        }
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        for install in self.readers(channel) {
            if self.is_subscribed(&install, &kind) {
                self.tell(&install, event.clone(), About { channel: Some(channel.to_owned()), ts: None });
            }
        }
    }

    /// Has an installation told of an event.
    pub fn tell(&mut self, install: &Install, event: Value, about: About) {
        let event_id = self.next_id("Ev");
        let what = event["type"].as_str().unwrap_or_default().to_owned();
        let payload = json!({
            "token": "no-longer-of-use", "team_id": install.team, "context_team_id": install.team,
            "context_enterprise_id": null, "api_app_id": install.app, "event": event, "type": "event_callback",
            "event_id": event_id, "event_time": self.date(), "is_ext_shared_channel": false,
            "event_context": format!("4-{event_id}"),
            "authorizations": [{ "enterprise_id": null, "team_id": install.team, "user_id": install.user,
                                 "is_bot": true, "is_enterprise_install": false }],
        });
        self.deliver("events_api", &install.app, what, Some(event_id), about, payload);
    }

    /// Has a slash command or an interaction delivered.
    pub fn deliver(
        &mut self,
        kind: &str,
        app: &str,
        what: String,
        event_id: Option<String>,
        about: About,
        payload: Value,
    ) {
        let delivery = Delivery {
            app: app.to_owned(),
            kind: kind.to_owned(),
            what,
            event_id,
            channel: about.channel,
            ts: about.ts,
            state: State::Due(self.now_ms()),
            attempts: Vec::new(),
            response: None,
            payload,
        };
        self.links.deliver(delivery);
    }

    /// The installations whose bot is in a conversation, and whose app is still there.
    fn readers(&self, channel: &str) -> Vec<Install> {
        let Some(conversation) = self.conversations.get(channel) else { return Vec::new() };
        self.installs.iter().filter(|install| conversation.members.contains(&install.user)).cloned().collect()
    }

    /// Whether an app wants events of this name.
    #[must_use]
    pub fn is_subscribed(&self, install: &Install, event: &str) -> bool {
        self.apps.get(&install.app).is_some_and(|app| app.events.contains(event))
    }

    fn subscription(&self, message: &Message) -> String {
        let kind = self.conversations.get(&message.channel).map_or("channels", |known| known.kind.plural());
        format!("message.{kind}")
    }

    /// As `channel_type`.
    #[must_use]
    pub fn channel_type(&self, channel: &str) -> &'static str {
        self.conversations.get(channel).map_or("channel", |known| known.kind.channel_type())
    }

    /// A message as the event that tells of it.
    fn event_of(&self, message: &Message) -> Value {
        let mut event = self.shown(message, false);
        event["channel"] = message.channel.clone().into();
        event["event_ts"] = message.ts.clone().into();
        event["channel_type"] = self.channel_type(&message.channel).into();
        event
    }

    /// A time for what has no message of its own.
    #[must_use]
    pub fn event_ts(&self) -> String {
        ts_of(self.date() * 1_000_000 + self.now_ms() * 1_000 % 1_000_000)
    }

    /// Puts a user of either kind into a conversation, and tells.
    pub fn join(&mut self, channel: &str, user: &str, inviter: Option<&str>) {
        let Some(conversation) = self.conversations.get_mut(channel) else { return };
        if !conversation.members.insert(user.to_owned()) {
            return;
        }
        let (kind, team) = (conversation.kind, conversation.team.clone());
        let subtype = if kind == Kind::Public { "channel_join" } else { "group_join" };
        self.service(channel, user, subtype, &format!("<@{user}> has joined the channel"));
        let channel_type = if kind == Kind::Public { "C" } else { "G" };
        let mut event = json!({ "type": "member_joined_channel", "user": user, "channel": channel,
                                "channel_type": channel_type, "team": team });
        if let Some(inviter) = inviter {
            event["inviter"] = inviter.into();
        }
        self.publish_event(channel, event);
    }

    /// Takes a user of either kind out of a conversation, and tells.
    pub fn leave(&mut self, channel: &str, user: &str, by: &str) {
        let Some(kind) = self.conversations.get(channel).map(|known| known.kind) else { return };
        let subtype = if kind == Kind::Public { "channel_leave" } else { "group_leave" };
        self.service(channel, user, subtype, &format!("<@{user}> has left the channel"));
        let gone = self.install_of(user).cloned();
        self.conversations.entry(channel.to_owned()).and_modify(|known| known.members.retain(|known| known != user));
        if let Some(install) = gone {
            let event = if kind == Kind::Public { "channel_left" } else { "group_left" };
            if self.is_subscribed(&install, event) {
                let body = json!({ "type": event, "channel": channel, "actor_id": by, "event_ts": self.event_ts() });
                self.tell(&install, body, About { channel: Some(channel.to_owned()), ts: None });
            }
        }
        let channel_type = if kind == Kind::Public { "C" } else { "G" };
        let event = json!({ "type": "member_left_channel", "user": user, "channel": channel,
                            "channel_type": channel_type });
        self.publish_event(channel, event);
    }

    /// A message that the network writes for a user.
    fn service(&mut self, channel: &str, user: &str, subtype: &str, text: &str) {
        let content = super::network::Content::text(text);
        let mut message = self.new_message(channel, Author::Person(user.to_owned()), content);
        message.subtype = Some(subtype.to_owned());
        self.publish(message);
    }
}

fn about(message: &Message) -> About {
    About { channel: Some(message.channel.clone()), ts: Some(message.ts.clone()) }
}

/// The event of a message as a mention.
fn mention_of(event: &Value) -> Value {
    let mut event = event.clone();
    event["type"] = "app_mention".into();
    if let Some(fields) = event.as_object_mut() {
        fields.remove("channel_type");
        fields.remove("subtype");
    }
    event
}

/// The users that a message names. What joins and leaves names nobody in this sense.
fn mentions(message: &Message) -> Vec<String> {
    if message.subtype.as_deref().is_some_and(|subtype| subtype.ends_with("_join") || subtype.ends_with("_leave")) {
        return Vec::new();
    }
    let now = message.now();
    let named = |piece: &str| {
        let id = piece.split(['>', '|']).next()?;
        piece.contains('>').then(|| id.to_owned())
    };
    let mut found: Vec<_> = now.text.split("<@").skip(1).filter_map(named).collect();
    now.blocks.iter().for_each(|block| users(block, &mut found));
    found
}

fn users(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "user") {
                found.extend(fields.get("user_id").and_then(Value::as_str).map(ToOwned::to_owned));
            }
            fields.values().for_each(|inner| users(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| users(inner, found)),
        _ => {}
    }
}
