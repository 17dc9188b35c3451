//! Whether a message in a group is meant for us, by its entities and not by searching its text.
//!
//! <https://core.telegram.org/bots/features#privacy-mode>

use lastword_core::decide::command::BuiltIn;

use super::{
    settings::TelegramSettings,
    wire::{Me, Piece},
};
use crate::fields::Fields;

/// What a message's text says about whom it is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Addressed {
    /// Whether it is for us.
    pub(super) is_ours: bool,
    /// Whether it begins with a command for another bot.
    pub(super) is_for_another: bool,
    /// The mention of us that stands at the text's beginning or end, in bytes.
    pub(super) mention: Option<std::ops::Range<usize>>,
}

/// Looks for a mention of us, and for a command that is ours.
pub(super) fn addressed(text: &str, pieces: &[Piece], me: &Me, settings: &TelegramSettings) -> Addressed {
    let mut found = Addressed::default();
    for piece in pieces {
        let said = &text[piece.range.clone()];
        let is_mention = match piece.kind.as_str() {
            "mention" => is_name(said.strip_prefix('@').unwrap_or(said), me),
            "text_mention" => piece.fields.object("user").and_then(|user| user.get::<i64>("id")) == Some(me.id),
            "bot_command" => {
                command(text, piece, me, settings, &mut found);
                false
            }
            _ => false,
        };
        if is_mention {
            found.is_ours = true;
            let is_first = text[..piece.range.start].trim().is_empty();
            let is_last = text[piece.range.end..].trim().is_empty();
            if is_first || (is_last && found.mention.is_none()) {
                found.mention = Some(piece.range.clone());
            }
        }
    }
    found
}

/// Only a command at the beginning is one. Without a bot's name it is ours if we know it.
fn command(text: &str, piece: &Piece, me: &Me, settings: &TelegramSettings, found: &mut Addressed) {
    let before = found.mention.as_ref().map_or(0, |mention| mention.end);
    if piece.range.start < before || !text[before..piece.range.start].trim().is_empty() {
        return;
    }
    let said = text[piece.range.clone()].trim_start_matches('/');
    match said.split_once('@') {
        Some((_, bot)) if is_name(bot, me) => found.is_ours = true,
        Some(_) => found.is_for_another = true,
        None => {
            let is_custom = settings.commands.iter().any(|command| command.name.eq_ignore_ascii_case(said));
            found.is_ours |= is_custom || BuiltIn::named(said).is_some();
        }
    }
}

/// Whether a message answers one of ours. In a topic, everything "answers" the message that opened it.
pub(super) fn answers_us(message: &Fields, me: &Me) -> bool {
    let Some(answered) = message.object("reply_to_message") else { return false };
    let is_ours = answered.object("from").and_then(|from| from.get::<i64>("id")) == Some(me.id);
    let opens_topic = answered.has("forum_topic_created")
        || (message.get::<bool>("is_topic_message") == Some(true)
            && answered.get::<i64>("message_id") == message.get::<i64>("message_thread_id"));
    is_ours && !opens_topic
}

fn is_name(name: &str, me: &Me) -> bool {
    !me.username.is_empty() && name.eq_ignore_ascii_case(&me.username)
}
