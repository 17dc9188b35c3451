//! What a request wants to be shown: text, Markdown or blocks, attachments, metadata.

use serde_json::{Value, json};

use super::Call;
use crate::slack::{
    blocks::{self, MARKDOWN_CHARS_MAX},
    errors::Refusal,
    network::Content,
};

/// The longest text of a post.
pub const POST_CHARS_MAX: usize = 40_000;
/// The longest text of an update.
pub const UPDATE_CHARS_MAX: usize = 4_000;
/// The most attachments.
const ATTACHMENTS_MAX: usize = 100;

/// What was asked for; what is `None` was left out.
pub struct Wanted {
    pub text: Option<String>,
    pub blocks: Option<Vec<Value>>,
    pub attachments: Option<Vec<Value>>,
}

impl Call<'_> {
    /// What a request brings, checked.
    pub(super) fn wanted(&self, text_chars_max: usize) -> Result<Wanted, Refusal> {
        let text = self.args.values.get("text").filter(|text| !text.is_null()).map(|_| self.args.text("text"));
        let markdown = self.args.given("markdown_text");
        let mut wanted =
            Wanted { text, blocks: self.blocks()?, attachments: self.list("attachments", "invalid_attachments")? };
        if let Some(markdown) = markdown {
            if wanted.blocks.is_some() || wanted.text.as_ref().is_some_and(|text| !text.is_empty()) {
                return Err(Refusal::new("markdown_text_conflict"));
            }
            if markdown.chars().count() > MARKDOWN_CHARS_MAX {
                return Err(Refusal::new("msg_too_long"));
            }
            wanted.blocks = Some(vec![json!({ "type": "markdown", "text": markdown })]);
            wanted.text = Some(markdown);
        }
        if wanted.text.as_ref().is_some_and(|text| text.chars().count() > text_chars_max) {
            return Err(Refusal::new("msg_too_long"));
        }
        if wanted.attachments.as_ref().is_some_and(|list| list.len() > ATTACHMENTS_MAX) {
            return Err(Refusal::new("too_many_attachments"));
        }
        Ok(wanted)
    }

    /// A new message's content.
    pub(super) fn content(&self) -> Result<Content, Refusal> {
        let Wanted { text, blocks, attachments } = self.wanted(POST_CHARS_MAX)?;
        let (text, blocks) = (text.unwrap_or_default(), blocks.unwrap_or_default());
        let attachments = attachments.unwrap_or_default();
        if text.trim().is_empty() && blocks.is_empty() && attachments.is_empty() {
            return Err(Refusal::new("no_text"));
        }
        Ok(Content { text, blocks, attachments, is_unstyled: self.is_unstyled(), links_names: self.links_names() })
    }

    /// Whether marks of style in the text are words.
    fn is_unstyled(&self) -> bool {
        self.args.given("mrkdwn").is_some() && !self.args.is_true("mrkdwn")
    }

    /// Whether names in the text are linked.
    pub(super) fn links_names(&self) -> bool {
        self.args.is_true("link_names") || self.args.text("parse") == "full"
    }

    /// The blocks of a request, checked; `None` if it brings none.
    pub(super) fn blocks(&self) -> Result<Option<Vec<Value>>, Refusal> {
        let Some(list) = self.list("blocks", "invalid_blocks_format")? else { return Ok(None) };
        blocks::check(&list).map_err(|why| Refusal::explained("invalid_blocks", &[why]))?;
        Ok(Some(list))
    }

    /// A list that may come as its text.
    pub(super) fn list(&self, name: &str, error: &str) -> Result<Option<Vec<Value>>, Refusal> {
        match self.args.json(name, error)? {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(Refusal::new(error)),
        }
    }

    /// The metadata of a request; `None` if it brings none, and null if it takes what there is away.
    ///
    /// <https://docs.slack.dev/messaging/message-metadata>
    pub(super) fn metadata(&self) -> Result<Option<Value>, Refusal> {
        let Some(metadata) = self.args.json("metadata", "invalid_metadata_format")? else { return Ok(None) };
        if metadata.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(Some(Value::Null));
        }
        let is_right = metadata["event_type"].is_string() && metadata["event_payload"].is_object();
        if is_right { Ok(Some(metadata)) } else { Err(Refusal::new("invalid_metadata_format")) }
    }
}
