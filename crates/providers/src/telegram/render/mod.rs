//! What agents write, Markdown, as what Telegram shows: text with entities.
//!
//! Guarantees: whatever an agent prints becomes a message that Telegram takes. Entities are sorted, nested, within the
//! text, on the borders of characters and at most [`ENTITIES_MAX`]; a rendered text is never longer than allowed if
//! its source was not; and no word is lost. Nothing is parsed by Telegram, so there is nothing that it could refuse
//! to parse.
//!
//! Rules: <https://core.telegram.org/bots/api#messageentity>, <https://core.telegram.org/bots/api#formatting-options>,
//! <https://limits.tginfo.me/en>.

mod entities;
#[cfg(test)]
mod tests;

use teloxide_core::types::MessageEntity;

use self::entities::{entities, linkable};
use crate::formatted::{Tables, cleaned, formatted};

/// The longest text of one message, in UTF-16 code units after entities are taken out.
pub(super) const TEXT_MAX_UTF16: usize = 4_096;
/// What Telegram shows of the entities of one message; it leaves out the rest.
pub(super) const ENTITIES_MAX: usize = 100;

/// A message, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) text: String,
    pub(super) entities: Vec<MessageEntity>,
}

/// Renders Markdown.
///
/// Only tables and the numbers of lists can become longer than what was written: where that goes over the limit, tables
/// are shown as they were written, and if that does not help, everything is.
pub(super) fn render(markdown: &str) -> Rendered {
    let source = cleaned(markdown);
    for tables in [Tables::Laid, Tables::AsWritten] {
        let formatted = formatted(&source, tables, linkable);
        if !formatted.text.trim().is_empty() && formatted.text.encode_utf16().count() <= TEXT_MAX_UTF16 {
            let entities = entities(&formatted);
            return Rendered { text: formatted.text, entities };
        }
    }
    Rendered { text: source, entities: Vec::new() }
}

/// The text as it is, without markup.
pub(super) fn plain(text: &str) -> Rendered {
    Rendered { text: cleaned(text), entities: Vec::new() }
}
