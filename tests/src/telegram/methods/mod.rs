//! The methods of the Bot API, one family a file. Each is applied whole or refused.

mod bot;
mod chats;
mod commands;
mod files;
mod messages;

use serde_json::{Value, json};

use super::{
    errors::{Answer, Refusal},
    network::Network,
    request::Args,
};
pub(super) use bot::allowed_updates;
pub use files::FILE_BYTES_MAX;

/// Carries out one call of a bot; `method` in lower case. `getUpdates` waits, so it is not among them.
pub fn call(network: &mut Network, bot: i64, method: &str, args: &Args) -> Answer {
    let call = Call { network, bot, args };
    match method {
        "getme" => call.get_me(),
        "logout" => call.log_out(),
        "close" => Ok(json!(true)),
        "setwebhook" => call.set_webhook(),
        "deletewebhook" => call.delete_webhook(),
        "getwebhookinfo" => call.get_webhook_info(),
        "sendmessage" => call.send_message(),
        "editmessagetext" => call.edit_message_text(),
        "editmessagecaption" => call.edit_message_caption(),
        "editmessagereplymarkup" => call.edit_message_reply_markup(),
        "deletemessage" => call.delete_message(),
        "deletemessages" => call.delete_messages(),
        "sendmessagedraft" => call.send_message_draft(),
        "sendchataction" => call.send_chat_action(),
        "setmessagereaction" => call.set_message_reaction(),
        "answercallbackquery" => call.answer_callback_query(),
        "setmycommands" => call.set_my_commands(),
        "getmycommands" => call.get_my_commands(),
        "deletemycommands" => call.delete_my_commands(),
        "senddocument" => call.send_file("document"),
        "sendphoto" => call.send_file("photo"),
        "sendvideo" => call.send_file("video"),
        "sendvoice" => call.send_file("voice"),
        "sendaudio" => call.send_file("audio"),
        "sendmediagroup" => call.send_media_group(),
        "getfile" => call.get_file(),
        "getchat" => call.get_chat(),
        "getchatmember" => call.get_chat_member(),
        "getchatadministrators" => call.get_chat_administrators(),
        "getchatmembercount" => call.get_chat_member_count(),
        "leavechat" => call.leave_chat(),
        _ => Err(Refusal::new(404, "Not Found: method not found")),
    }
}

/// One call being carried out.
struct Call<'a> {
    network: &'a mut Network,
    bot: i64,
    args: &'a Args,
}

impl Call<'_> {
    /// Counts a message or an edit, if there are limits.
    fn count(&mut self, chat: i64) -> Result<(), Refusal> {
        let Some(limits) = self.network.settings.limits else { return Ok(()) };
        let now = self.network.now_ms();
        self.network.limiter.sent(limits, self.bot, chat, now).map_err(Refusal::limited)
    }
}

/// An object that must be one.
fn object<'v>(value: &'v Value, what: &str) -> Result<&'v serde_json::Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| Refusal::bad_request(format_args!("object expected as {what}")))
}
