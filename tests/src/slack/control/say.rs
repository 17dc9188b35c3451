//! What a person says, with or without files, and how the client writes it down.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Done,
    act::{conversation, direct, install_or_first},
};
use crate::slack::{
    message::Author,
    methods::mime_of,
    network::{Content, Network, Stored},
    text::escape,
};

/// What a person says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// Who.
    #[serde(default = "super::alice")]
    pub person: String,
    /// With which app, if it is said directly.
    #[serde(default)]
    pub app: Option<String>,
    /// In which workspace, if it is said directly.
    #[serde(default)]
    pub workspace: Option<String>,
    /// Where.
    #[serde(default)]
    pub channel: Option<String>,
    /// The thread's root, if any.
    #[serde(default)]
    pub thread_ts: Option<String>,
    /// The words: `@name` of somebody there is a mention, `@channel`, `@here` and `@everyone` call, and everything
    /// else is written as it stands.
    #[serde(default)]
    pub text: String,
    /// Files, shared in this message.
    #[serde(default)]
    pub files: Vec<File>,
    /// Whether a reply is shown in the channel, too.
    #[serde(default)]
    pub is_broadcast: bool,
}

/// A file of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The name.
    pub name: String,
    /// The type, if other than the name suggests.
    #[serde(default)]
    pub mime: Option<String>,
    /// The content, if it is text.
    #[serde(default)]
    pub text: String,
    /// The content, if it is not.
    #[serde(default)]
    pub bytes: Vec<u8>,
    /// The size it claims, if more than is there.
    #[serde(default)]
    pub size_bytes: Option<u64>,
}

/// Says it.
pub(super) fn say(network: &mut Network, said: Say) -> Done {
    let Say { person, app, workspace, channel, thread_ts, text, files, is_broadcast } = said;
    let channel = match channel {
        Some(channel) => channel,
        None => {
            let me = install_or_first(network, app.as_deref(), workspace.as_deref())?;
            direct(network, &me, &person)
        }
    };
    let known = conversation(network, &channel)?.clone();
    if known.is_archived {
        return Err("it is archived".to_owned());
    }
    let user = network.person(&known.team, &person);
    network.conversations.entry(channel.clone()).and_modify(|known| known.members.extend([user.clone()]));
    if let Some(thread) = &thread_ts
        && !network.has_thread(&channel, thread)
    {
        return Err("no such thread".to_owned());
    }
    let content = written(network, &known.team, &text);
    let mut message = network.new_message(&channel, Author::Person(user.clone()), content);
    message.thread = thread_ts;
    if !files.is_empty() {
        message.subtype = Some("file_share".to_owned());
        message.files = files.into_iter().map(|file| store(network, &known.team, &user, file)).collect();
        network.share(&message.files, &channel, &message.ts);
    } else if is_broadcast && message.thread.is_some() {
        message.subtype = Some("thread_broadcast".to_owned());
    }
    let name = message.name();
    let ts = network.publish(message);
    let delivered = network.message(&channel, &ts).map(|message| message.delivered_to.clone());
    Ok(json!({ "channel": channel, "ts": ts, "id": name, "delivered_to": delivered }))
}

/// Says it otherwise.
pub(super) fn edit(network: &mut Network, channel: &str, ts: &str, text: &str) -> Done {
    let message = network.message(channel, ts).cloned().ok_or("no such message")?;
    let before = network.shown(&message, false);
    let content = written(network, &message.team, text);
    let version = network.new_version(content);
    network.message_mut(channel, ts).ok_or("no such message")?.versions.push(version);
    network.publish_change(channel, ts, &before);
    Ok(json!({}))
}

/// The words as Slack's client writes them: text with control sequences, and the same as rich text.
fn written(network: &Network, team: &str, words: &str) -> Content {
    let people = network.people.values().filter(|person| person.team == team);
    let mut names: Vec<(&str, &str)> = people.map(|person| (person.name.as_str(), person.id.as_str())).collect();
    let bots = network.installs.iter().filter(|install| install.team == team);
    names.extend(bots.map(|install| (install.name.as_str(), install.user.as_str())));
    names.extend(["channel", "here", "everyone"].map(|call| (call, "")));
    // The longest name wins.
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let (mut text, mut leaves, mut plain) = (String::new(), Vec::new(), String::new());
    let mut rest = words;
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('@').and_then(|behind| {
            let found = names.iter().find(|(name, _)| {
                let after = behind.strip_prefix(name).map(|after| after.chars().next());
                after.is_some_and(|next| !next.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-'))
            });
            found.map(|(name, id)| (*name, *id))
        });
        let Some((name, id)) = named else {
            plain.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        flush(&mut plain, &mut text, &mut leaves);
        if id.is_empty() {
            text.push_str(&format!("<!{name}>"));
            leaves.push(json!({ "type": "broadcast", "range": name }));
        } else {
            text.push_str(&format!("<@{id}>"));
            leaves.push(json!({ "type": "user", "user_id": id }));
        }
        rest = &rest[1 + name.len()..];
    }
    flush(&mut plain, &mut text, &mut leaves);
    if leaves.is_empty() {
        return Content::default();
    }
    let section = json!({ "type": "rich_text_section", "elements": leaves });
    Content { text, blocks: vec![json!({ "type": "rich_text", "elements": [section] })], ..Content::default() }
}

fn flush(plain: &mut String, text: &mut String, leaves: &mut Vec<Value>) {
    if !plain.is_empty() {
        text.push_str(&escape(plain));
        leaves.push(json!({ "type": "text", "text": std::mem::take(plain) }));
    }
}

fn store(network: &mut Network, team: &str, user: &str, file: File) -> String {
    let File { name, mime, text, bytes, size_bytes } = file;
    let bytes = if bytes.is_empty() { text.into_bytes() } else { bytes };
    let id = network.next_id("F");
    let stored = Stored {
        id: id.clone(),
        team: team.to_owned(),
        user: user.to_owned(),
        title: name.clone(),
        mime: mime.unwrap_or_else(|| mime_of(&name).to_owned()),
        name,
        size_bytes: size_bytes.unwrap_or(bytes.len() as u64),
        shares: Vec::new(),
        created: network.date(),
        ticket: None,
        is_uploaded: true,
        bytes,
    };
    network.files.insert(id.clone(), stored);
    id
}
