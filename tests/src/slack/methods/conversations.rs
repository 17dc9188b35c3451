//! Conversations: what there is, who is in them, and how a bot comes in.

use serde_json::{Value, json};

use super::{Call, metadata, page};
use crate::slack::{
    errors::{Answer, Refusal},
    people::{Conversation, Kind},
};

/// The most of a list.
const PAGE_MAX: usize = 1_000;
/// The most people of a direct conversation, beside the bot.
const PEOPLE_MAX: usize = 8;

impl Call<'_> {
    /// <https://docs.slack.dev/reference/methods/conversations.info>
    pub(super) fn conversation_info(self) -> Answer {
        let known = self.visible(&self.args.text("channel"))?;
        let mut shown = known.shown(&self.me.user);
        if self.args.is_true("include_num_members") {
            shown["num_members"] = known.members.len().into();
        }
        Ok(json!({ "channel": shown }))
    }

    /// <https://docs.slack.dev/reference/methods/conversations.members>
    pub(super) fn members(self) -> Answer {
        let members = self.visible(&self.args.text("channel"))?.members.iter().cloned().collect();
        let (members, next) = page::<String>(members, self.args, 100, PAGE_MAX)?;
        Ok(json!({ "members": members, "response_metadata": metadata(next) }))
    }

    /// <https://docs.slack.dev/reference/methods/conversations.list> and
    /// <https://docs.slack.dev/reference/methods/users.conversations>, which lists what a user is in.
    pub(super) fn conversations(self, is_of_user: bool) -> Answer {
        let user = self.args.given("user").filter(|_| is_of_user).unwrap_or_else(|| self.me.user.clone());
        let kinds = self.kinds()?;
        let hides_archived = self.args.is_true("exclude_archived");
        let is_wanted = |known: &&Conversation| {
            kinds.contains(&known.kind)
                && !(hides_archived && known.is_archived)
                && (!is_of_user || known.members.contains(&user))
                && self.visible(&known.id).is_ok()
        };
        let found = self.network.conversations.values().filter(is_wanted);
        let (found, next) = page(found.collect(), self.args, 100, PAGE_MAX)?;
        let shape = |known: &Conversation| {
            let mut shown = known.shown(&self.me.user);
            match (is_of_user, shown.as_object_mut()) {
                (true, Some(fields)) => drop(fields.remove("is_member")),
                _ if known.kind != Kind::Direct => shown["num_members"] = known.members.len().into(),
                _ => {}
            }
            shown
        };
        let channels: Vec<Value> = found.into_iter().map(shape).collect();
        Ok(json!({ "channels": channels, "response_metadata": metadata(next) }))
    }

    /// <https://docs.slack.dev/reference/methods/conversations.open>
    pub(super) fn open(self) -> Answer {
        let id = match (self.args.given("channel"), self.args.given("users")) {
            (Some(channel), _) => {
                let known = self.visible(&channel)?;
                if !matches!(known.kind, Kind::Direct | Kind::Group) {
                    return Err(Refusal::new("method_not_supported_for_channel_type"));
                }
                channel
            }
            (None, None) => return Err(Refusal::new("users_list_not_supplied")),
            (None, Some(users)) => {
                let users: Vec<_> = users.split(',').map(|user| user.trim().to_owned()).collect();
                if users.len() > PEOPLE_MAX {
                    return Err(Refusal::new("too_many_users"));
                }
                for user in &users {
                    let person = self.network.people.get(user).filter(|person| person.team == self.me.team);
                    match person {
                        None => return Err(Refusal::new("user_not_found")),
                        Some(person) if person.is_deactivated => return Err(Refusal::new("user_disabled")),
                        Some(_) => {}
                    }
                }
                let everybody = users.into_iter().chain([self.me.user.clone()]).collect();
                self.network.direct(&self.me.team, everybody)
            }
        };
        let known = self.visible(&id)?;
        let shown = if self.args.is_true("return_im") { known.shown(&self.me.user) } else { json!({ "id": id }) };
        Ok(json!({ "channel": shown }))
    }

    /// <https://docs.slack.dev/reference/methods/conversations.join>
    pub(super) fn join(self) -> Answer {
        let known = self.visible(&self.args.text("channel"))?.clone();
        if known.kind != Kind::Public {
            return Err(Refusal::new("method_not_supported_for_channel_type"));
        }
        if known.is_archived {
            return Err(Refusal::new("is_archived"));
        }
        self.network.join(&known.id, &self.me.user, None);
        let shown = self.visible(&known.id)?.shown(&self.me.user);
        Ok(json!({ "channel": shown }))
    }

    /// <https://docs.slack.dev/reference/methods/conversations.leave>
    pub(super) fn leave(self) -> Answer {
        let known = self.visible(&self.args.text("channel"))?.clone();
        if matches!(known.kind, Kind::Direct | Kind::Group) {
            return Err(Refusal::new("method_not_supported_for_channel_type"));
        }
        if !known.members.contains(&self.me.user) {
            return Ok(json!({ "not_in_channel": true }));
        }
        self.network.leave(&known.id, &self.me.user, &self.me.user);
        Ok(json!({}))
    }
}
