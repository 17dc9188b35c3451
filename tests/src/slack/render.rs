//! Messages, files and users as JSON, as apps read them.

use serde_json::{Value, json};

use super::{
    message::{Author, Message},
    network::{Network, Stored},
    people::{Kind, Person},
};

impl Network {
    /// As a message object. <https://docs.slack.dev/reference/events/message>
    #[must_use]
    pub fn shown(&self, message: &Message, has_metadata: bool) -> Value {
        let now = message.now();
        let mut shown = json!({ "type": "message", "user": message.author.user(), "text": now.text,
                                "ts": message.ts, "team": message.team });
        match &message.author {
            Author::Person(_) => {
                shown["client_msg_id"] = format!("{:08x}-0000-4000-8000-{:012x}", message.order, message.order).into();
            }
            Author::Bot { app, bot, user } => {
                shown["bot_id"] = bot.clone().into();
                shown["app_id"] = app.clone().into();
                shown["bot_profile"] = self.install_of(user).map(super::people::Install::profile).into();
            }
        }
        if let Some(subtype) = &message.subtype {
            shown["subtype"] = subtype.clone().into();
        }
        if !now.blocks.is_empty() {
            shown["blocks"] = now.blocks.clone().into();
        }
        if !now.attachments.is_empty() {
            shown["attachments"] = now.attachments.clone().into();
        }
        if !message.files.is_empty() {
            let files = message.files.iter().filter_map(|id| self.files.get(id));
            shown["files"] = files.map(|file| self.file_shown(file)).collect::<Vec<_>>().into();
            shown["upload"] = false.into();
            shown["display_as_bot"] = false.into();
        }
        if !message.reactions.is_empty() {
            let reactions = message.reactions.iter();
            let shape = |it: &super::Reaction| json!({ "name": it.name, "users": it.users, "count": it.users.len() });
            shown["reactions"] = reactions.map(shape).collect::<Vec<_>>().into();
        }
        if let (true, Some(metadata)) = (has_metadata, &message.metadata) {
            shown["metadata"] = metadata.clone();
        }
        if message.versions.len() > 1 && message.stream.is_none() {
            let ts = super::message::ts_of(self.date() * 1_000_000);
            shown["edited"] = json!({ "user": message.author.user(), "ts": ts });
        }
        for (field, value) in message.more.as_object().into_iter().flatten() {
            shown[field] = value.clone();
        }
        self.show_thread(message, &mut shown);
        shown
    }

    fn show_thread(&self, message: &Message, shown: &mut Value) {
        if let Some(root) = &message.thread {
            shown["thread_ts"] = root.clone().into();
            if let Some(parent) = self.any_message(&message.channel, root) {
                shown["parent_user_id"] = parent.author.user().into();
            }
            return;
        }
        let (mut users, mut count, mut latest) = (Vec::<&str>::new(), 0, None);
        for reply in self.replies(&message.channel, &message.ts) {
            count += 1;
            latest = Some(&reply.ts);
            if !users.contains(&reply.author.user()) {
                users.push(reply.author.user());
            }
        }
        if let Some(latest) = latest {
            shown["thread_ts"] = message.ts.clone().into();
            shown["reply_count"] = count.into();
            shown["reply_users_count"] = users.len().into();
            shown["reply_users"] = users.into();
            shown["latest_reply"] = latest.clone().into();
            shown["is_locked"] = false.into();
            shown["subscribed"] = false.into();
        }
    }

    /// A root that was deleted while it had replies.
    #[must_use]
    pub fn tombstone(&self, message: &Message) -> Value {
        let mut shown = json!({ "type": "message", "subtype": "tombstone", "user": "USLACKBOT", "hidden": true,
                                "text": "This message was deleted.", "ts": message.ts });
        self.show_thread(message, &mut shown);
        shown
    }

    /// As a file object. <https://docs.slack.dev/reference/objects/file-object>
    #[must_use]
    pub fn file_shown(&self, file: &Stored) -> Value {
        let kind = file.name.rsplit_once('.').map_or("binary", |(_, kind)| kind);
        let address = format!("{}/files-pri/{}-{}", self.base, file.team, file.id);
        let name = in_address(&file.name);
        let mut shown = json!({
            "id": file.id, "created": file.created, "timestamp": file.created, "name": file.name, "title": file.title,
            "mimetype": file.mime, "filetype": kind, "pretty_type": kind.to_uppercase(), "user": file.user,
            "user_team": file.team, "editable": false, "size": file.size_bytes, "mode": "hosted",
            "is_external": false, "external_type": "", "is_public": false, "public_url_shared": false,
            "display_as_bot": false, "username": "", "url_private": format!("{address}/{name}"),
            "url_private_download": format!("{address}/download/{name}"),
            "permalink": format!("{}/files/{}/{}/{name}", self.base, file.user, file.id),
            "has_rich_preview": false, "file_access": "visible", "comments_count": 0,
        });
        let (mut public, mut private) = (json!({}), json!({}));
        let (mut channels, mut groups, mut ims) = (Vec::new(), Vec::new(), Vec::new());
        for (channel, ts) in &file.shares {
            let kind = self.conversations.get(channel).map_or(Kind::Public, |known| known.kind);
            match kind {
                Kind::Public => channels.push(channel),
                Kind::Private | Kind::Group => groups.push(channel),
                Kind::Direct => ims.push(channel),
            }
            let mut share = json!({ "ts": ts, "reply_count": 0, "reply_users": [], "reply_users_count": 0,
                                    "team_id": file.team, "channel_name": self.name_of(channel) });
            if let Some(root) = self.message(channel, ts).and_then(|message| message.thread.clone()) {
                share["thread_ts"] = root.into();
            }
            let shares = if kind == Kind::Public { &mut public } else { &mut private };
            if shares[channel].is_null() {
                shares[channel] = json!([]);
            }
            if let Some(list) = shares[channel].as_array_mut() {
                list.push(share);
            }
        }
        shown["channels"] = json!(channels);
        shown["groups"] = json!(groups);
        shown["ims"] = json!(ims);
        shown["shares"] = json!({});
        for (name, shares) in [("public", public), ("private", private)] {
            if shares.as_object().is_some_and(|shares| !shares.is_empty()) {
                shown["shares"][name] = shares;
            }
        }
        shown
    }

    /// As a user object. <https://docs.slack.dev/reference/objects/user-object>
    #[must_use]
    pub fn user_shown(&self, id: &str) -> Option<Value> {
        let (team, name, is_bot, is_deleted, profile) = match (self.people.get(id), self.install_of(id)) {
            (Some(Person { team, name, is_deactivated, .. }), _) => (team, name, false, *is_deactivated, json!({})),
            (None, Some(bot)) => (
                &bot.team,
                &bot.name,
                true,
                false,
                json!({ "api_app_id": bot.app, "bot_id": bot.bot, "always_active": true }),
            ),
            (None, None) => return None,
        };
        let mut letters = name.chars();
        let real_name: String = letters.next().map(|c| c.to_uppercase().chain(letters).collect()).unwrap_or_default();
        let mut shown = json!({
            "id": id, "team_id": team, "name": name, "deleted": is_deleted, "real_name": real_name, "color": "9f69e7",
            "tz": "Europe/London", "tz_label": "Greenwich Mean Time", "tz_offset": 0, "is_admin": false,
            "is_owner": false, "is_primary_owner": false, "is_restricted": false, "is_ultra_restricted": false,
            "is_bot": is_bot, "is_app_user": false, "updated": 1_700_000_000,
            "profile": { "real_name": real_name, "display_name": name, "real_name_normalized": real_name,
                         "display_name_normalized": name, "status_text": "", "status_emoji": "", "team": team },
        });
        for (field, value) in profile.as_object().into_iter().flatten() {
            shown["profile"][field] = value.clone();
        }
        Some(shown)
    }
}

/// A file's name as its address has it.
fn in_address(name: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = name.to_lowercase().chars().map(|c| if kept(c) { c } else { '_' }).collect();
    name.trim_start_matches('.').to_owned()
}
