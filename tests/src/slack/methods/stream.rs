//! Messages that grow while people look. An append is applied each time it is asked for.
//!
//! <https://docs.slack.dev/reference/methods/chat.startStream>

use serde_json::{Value, json};

use super::Call;
use crate::slack::{
    blocks::{self, MARKDOWN_CHARS_MAX},
    errors::{Answer, Refusal},
    message::{Stream, Streaming},
    network::Content,
    people::Kind,
};

/// What one request brings to a stream.
struct More {
    markdown: String,
    chunks: Vec<Value>,
}

impl Call<'_> {
    /// <https://docs.slack.dev/reference/methods/chat.startStream>: outside of direct messages it needs a thread and
    /// a reader.
    pub(super) fn start_stream(mut self) -> Answer {
        let channel = self.writable(&self.args.text("channel"))?;
        let kind = self.network.conversations.get(&channel).map(|known| known.kind);
        if kind != Some(Kind::Direct) {
            self.args.given("recipient_team_id").ok_or_else(|| Refusal::new("missing_recipient_team_id"))?;
            let user = self.args.given("recipient_user_id").ok_or_else(|| Refusal::new("missing_recipient_user_id"))?;
            self.network.people.get(&user).ok_or_else(|| Refusal::new("user_not_found"))?;
        }
        let thread = self.thread_of(&channel)?;
        if thread.is_none() && kind != Some(Kind::Direct) {
            return Err(Refusal::new("invalid_thread_ts"));
        }
        let More { markdown, chunks } = self.more()?;
        let stream = Stream { state: Streaming::Running, markdown, chunks };
        let mut message = self.network.new_message(&channel, self.author(), content(&stream, &[]));
        (message.thread, message.stream) = (thread, Some(stream));
        message.more = json!({ "streaming_state": "in_progress" });
        self.clear_status(&channel, message.thread.as_deref());
        let ts = self.network.publish(message);
        Ok(json!({ "channel": channel, "ts": ts }))
    }

    /// <https://docs.slack.dev/reference/methods/chat.appendStream>
    pub(super) fn append_stream(mut self) -> Answer {
        let (channel, ts, mut stream) = self.stream()?;
        match stream.state {
            Streaming::Running => {}
            Streaming::Stopped => return Err(Refusal::new("message_not_in_streaming_state")),
            Streaming::StoppedByPerson => return Err(Refusal::new("stopped_by_user")),
        }
        let More { markdown, chunks } = self.more()?;
        if markdown.is_empty() && chunks.is_empty() {
            return Err(Refusal::new("no_text"));
        }
        stream.markdown.push_str(&markdown);
        stream.chunks.extend(chunks);
        self.grow(&channel, &ts, stream, &[]);
        Ok(json!({ "channel": channel, "ts": ts }))
    }

    /// <https://docs.slack.dev/reference/methods/chat.stopStream>
    pub(super) fn stop_stream(mut self) -> Answer {
        let (channel, ts, mut stream) = self.stream()?;
        if stream.state == Streaming::Stopped {
            return Err(Refusal::new("message_not_in_streaming_state"));
        }
        let (More { markdown, chunks }, blocks) = (self.more()?, self.blocks()?.unwrap_or_default());
        let metadata = self.metadata()?;
        stream.markdown.push_str(&markdown);
        stream.chunks.extend(chunks);
        if stream.markdown.is_empty() && stream.chunks.is_empty() && blocks.is_empty() {
            return Err(Refusal::new("no_text"));
        }
        stream.state = Streaming::Stopped;
        let before = self.message(&channel, &ts)?;
        let before = self.network.shown(&before, false);
        self.grow(&channel, &ts, stream, &blocks);
        if let Some(message) = self.network.message_mut(&channel, &ts) {
            message.more = Value::Null;
            if let Some(metadata) = metadata {
                message.metadata = Some(metadata).filter(|metadata| !metadata.is_null());
            }
        }
        self.network.publish_change(&channel, &ts, &before);
        Ok(json!({ "channel": channel, "ts": ts, "message": self.shown(&channel, &ts) }))
    }

    /// The bot's own stream that a request names.
    fn stream(&self) -> Result<(String, String, Stream), Refusal> {
        let (channel, ts) = self.own_message("message_not_owned_by_app")?;
        let stream = self.message(&channel, &ts)?.stream;
        Ok((channel, ts, stream.ok_or_else(|| Refusal::new("message_not_in_streaming_state"))?))
    }

    /// The Markdown and the chunks of a request.
    fn more(&self) -> Result<More, Refusal> {
        let mut markdown = self.args.text("markdown_text");
        let mut chunks = Vec::new();
        for chunk in self.list("chunks", "invalid_chunks")?.unwrap_or_default() {
            match (chunk["type"].as_str(), chunk["text"].as_str()) {
                (Some("markdown_text"), Some(text)) => markdown.push_str(text),
                (Some("task_update"), _) if chunk["id"].is_string() && chunk["title"].is_string() => chunks.push(chunk),
                (Some("plan_update"), _) if chunk["title"].is_string() => chunks.push(chunk),
                (Some("blocks"), _) => {
                    let inner = chunk["blocks"].as_array().ok_or_else(|| Refusal::new("invalid_chunks"))?;
                    blocks::check(inner).map_err(|why| Refusal::explained("invalid_blocks", &[why]))?;
                    chunks.push(chunk);
                }
                _ => return Err(Refusal::new("invalid_chunks")),
            }
        }
        if markdown.chars().count() > MARKDOWN_CHARS_MAX {
            return Err(Refusal::new("msg_too_long"));
        }
        Ok(More { markdown, chunks })
    }

    fn grow(&mut self, channel: &str, ts: &str, stream: Stream, below: &[Value]) {
        let version = self.network.new_version(content(&stream, below));
        if let Some(message) = self.network.message_mut(channel, ts) {
            message.versions.push(version);
            message.stream = Some(stream);
        }
    }
}

/// What a stream shows: tasks, the Markdown, and what was put below.
fn content(stream: &Stream, below: &[Value]) -> Content {
    let mut blocks: Vec<Value> = Vec::new();
    for chunk in &stream.chunks {
        match chunk["type"].as_str() {
            Some("task_update") => {
                blocks.retain(|block| block["task_id"].is_null() || block["task_id"] != chunk["id"]);
                blocks.push(json!({ "type": "task_card", "task_id": chunk["id"], "title": chunk["title"],
                                    "status": chunk["status"] }));
            }
            Some("blocks") => blocks.extend(chunk["blocks"].as_array().into_iter().flatten().cloned()),
            _ => {}
        }
    }
    if !stream.markdown.is_empty() {
        blocks.push(json!({ "type": "markdown", "text": stream.markdown }));
    }
    blocks.extend_from_slice(below);
    Content { text: stream.markdown.clone(), blocks, ..Content::default() }
}
