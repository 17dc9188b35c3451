//! Files: announced, uploaded to the address that is given out, and shared.
//!
//! <https://docs.slack.dev/messaging/working-with-files#upload>

use serde_json::{Value, json};

use super::Call;
use crate::slack::{
    errors::{Answer, Refusal},
    network::{Content, Network, Stored},
};

/// The largest file.
pub const FILE_BYTES_MAX: usize = 60_000_000;

impl Call<'_> {
    /// <https://docs.slack.dev/reference/methods/files.getUploadURLExternal>
    pub(super) fn upload_url(self) -> Answer {
        let (name, size) = (self.args.needed("filename")?, self.args.number("length"));
        let size = size.filter(|size| *size > 0).ok_or_else(|| Refusal::invalid_arguments("length"))?;
        let id = self.network.next_id("F");
        let ticket = format!("{:016x}{}", fastrand::u64(..), self.network.next_made());
        let url = format!("{}/upload/v1/{ticket}", self.network.base);
        let file = Stored {
            id: id.clone(),
            team: self.me.team.clone(),
            user: self.me.user.clone(),
            title: name.clone(),
            mime: mime_of(&name).to_owned(),
            name,
            size_bytes: size,
            shares: Vec::new(),
            created: self.network.date(),
            ticket: Some(ticket),
            is_uploaded: false,
            bytes: Vec::new(),
        };
        self.network.files.insert(id.clone(), file);
        Ok(json!({ "upload_url": url, "file_id": id }))
    }

    /// <https://docs.slack.dev/reference/methods/files.completeUploadExternal>: all files in one message, whose `ts`
    /// the answer does not say.
    pub(super) fn complete_upload(mut self) -> Answer {
        let wanted = self.list("files", "invalid_arguments")?.ok_or_else(|| Refusal::invalid_arguments("files"))?;
        let mut ids = Vec::new();
        for file in &wanted {
            let id = file["id"].as_str().unwrap_or_default();
            let known = self.network.files.get(id).filter(|known| known.ticket.is_some() && known.is_uploaded);
            let known = known.ok_or_else(|| Refusal::new("file_not_found"))?;
            if known.user != self.me.user {
                return Err(Refusal::new("access_denied"));
            }
            ids.push((id.to_owned(), file["title"].as_str().map(ToOwned::to_owned)));
        }
        if ids.is_empty() {
            return Err(Refusal::invalid_arguments("files"));
        }
        let named = self.args.given("channels").or_else(|| self.args.given("channel_id"));
        let mut places = Vec::new();
        for channel in named.iter().flat_map(|named| named.split(',')) {
            let channel = self.writable(channel.trim())?;
            let thread = self.thread_of(&channel)?;
            places.push((channel, thread));
        }
        let blocks = self.blocks()?.unwrap_or_default();
        for (id, title) in &ids {
            if let Some(file) = self.network.files.get_mut(id) {
                file.ticket = None;
                file.title = title.clone().unwrap_or_else(|| file.name.clone());
            }
        }
        let ids: Vec<_> = ids.into_iter().map(|(id, _)| id).collect();
        for (channel, thread) in places {
            let text = self.args.text("initial_comment");
            let content = Content { text, blocks: blocks.clone(), ..Content::default() };
            let mut message = self.network.new_message(&channel, self.author(), content);
            message.subtype = Some("file_share".to_owned());
            message.thread = thread;
            message.files.clone_from(&ids);
            self.clear_status(&channel, message.thread.as_deref());
            self.network.share(&ids, &channel, &message.ts);
            self.network.publish(message);
        }
        let shown = ids.iter().filter_map(|id| self.network.files.get(id));
        let files: Vec<Value> = shown.map(|file| json!({ "id": file.id, "title": file.title })).collect();
        Ok(json!({ "files": files }))
    }

    /// <https://docs.slack.dev/reference/methods/files.info>
    pub(super) fn file_info(self) -> Answer {
        let file = self.network.files.get(&self.args.text("file")).filter(|file| file.ticket.is_none());
        let file = file.filter(|file| file.team == self.me.team && self.network.may_read(file, &self.me.user));
        let file = file.ok_or_else(|| Refusal::new("file_not_found"))?;
        Ok(json!({ "file": self.network.file_shown(file), "comments": [], "response_metadata": { "next_cursor": "" } }))
    }
}

impl Network {
    /// Notes where files are shared.
    pub fn share(&mut self, ids: &[String], channel: &str, ts: &str) {
        for id in ids {
            if let Some(file) = self.files.get_mut(id) {
                file.shares.push((channel.to_owned(), ts.to_owned()));
            }
        }
    }

    /// Whether a user may read a file: their own, or one that is shared where they are.
    #[must_use]
    pub fn may_read(&self, file: &Stored, user: &str) -> bool {
        let is_in =
            |channel: &String| self.conversations.get(channel).is_some_and(|known| known.members.contains(user));
        file.user == user || file.shares.iter().any(|(channel, _)| is_in(channel))
    }

    /// The content of a file arrived at the address of its ticket.
    ///
    /// # Errors
    /// When there is no such address, or when it is not as much as was announced.
    pub fn upload(&mut self, ticket: &str, bytes: Vec<u8>) -> Result<String, &'static str> {
        let mut files = self.files.values_mut();
        let file = files.find(|file| file.ticket.as_deref() == Some(ticket)).ok_or("no such upload")?;
        if bytes.len() as u64 != file.size_bytes {
            return Err("the length is not as announced");
        }
        file.bytes = bytes;
        file.is_uploaded = true;
        Ok(format!("OK - {}", file.size_bytes))
    }
}

/// The type that a name suggests.
#[must_use]
pub fn mime_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, kind)| kind) {
        Some("txt" | "log" | "md") => "text/plain",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}
