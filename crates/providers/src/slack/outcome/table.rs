//! Every documented refusal of the methods that are asked, and what it means.

use lastword_core::outcome::RetryScope;

use super::Means::{self, *};

/// A row: Slack's word, what it means, and the method that documents it. A word means the same wherever it comes from.
pub(super) type Row = (&'static str, Means, &'static str);

/// Documented on the page of every method.
pub(super) const EVERY: &str = "chat.postMessage#errors";

const POST: &str = "chat.postMessage";
const UPDATE: &str = "chat.update";
const START: &str = "chat.startStream";
const APPEND: &str = "chat.appendStream";
const URL: &str = "files.getUploadURLExternal";
const COMPLETE: &str = "files.completeUploadExternal";
const FILE: &str = "files.info";
const HISTORY: &str = "conversations.history";
const REPLIES: &str = "conversations.replies";
const LIST: &str = "conversations.list";
const REACT: &str = "reactions.add";
const STATUS: &str = "assistant.threads.setStatus";
const PROMPTS: &str = "assistant.threads.setSuggestedPrompts";
const OPEN: &str = "apps.connections.open";
const USER: &str = "users.info";

const IN_A_MOMENT: Means = Later(RetryScope::Message);
const ACCOUNT: Means = Later(RetryScope::Account);

pub(super) const TABLE: &[Row] = &[
    // The place.
    ("channel_not_found", Gone, POST),
    ("is_archived", Gone, POST),
    ("is_inactive", Gone, UPDATE),
    ("invalid_channel", Gone, COMPLETE),
    ("team_not_found", Gone, UPDATE),
    ("thread_not_found", Gone, REPLIES),
    ("invalid_thread_ts", Gone, STATUS),
    ("cannot_reply_to_message", Gone, POST),
    ("user_not_found", Gone, USER),
    ("external_channel_migrating", Later(RetryScope::Conversation), UPDATE),
    // Who may do what.
    ("not_in_channel", Forbidden, POST),
    ("restricted_action", Forbidden, POST),
    ("restricted_action_non_threadable_channel", Forbidden, POST),
    ("restricted_action_read_only_channel", Forbidden, POST),
    ("restricted_action_thread_locked", Forbidden, POST),
    ("restricted_action_thread_only_channel", Forbidden, POST),
    ("ekm_access_denied", Forbidden, POST),
    ("app_access_restricted", Forbidden, POST),
    ("send_on_behalf_not_allowed", Forbidden, POST),
    ("posting_to_channel_denied", Forbidden, COMPLETE),
    ("channel_is_limited_access", Forbidden, HISTORY),
    ("access_denied", Forbidden, FILE),
    ("user_not_visible", Forbidden, USER),
    ("no_access", Forbidden, REACT),
    ("thread_locked", Forbidden, REACT),
    ("not_reactable", Forbidden, REACT),
    ("accesslimited", Forbidden, EVERY),
    ("enterprise_is_restricted", Forbidden, EVERY),
    ("team_access_not_granted", Forbidden, EVERY),
    // What the app lacks.
    ("missing_scope", Missing, REPLIES),
    ("no_permission", Missing, EVERY),
    ("messages_tab_disabled", Missing, POST),
    ("not_agent_app", Missing, PROMPTS),
    ("not_subscribed_to_message_stream_stopped", Missing, START),
    ("forbidden_team", Missing, OPEN),
    // The tokens.
    ("invalid_auth", Unauthorized, OPEN),
    ("not_authed", Unauthorized, EVERY),
    ("account_inactive", Unauthorized, EVERY),
    ("token_expired", Unauthorized, EVERY),
    ("token_revoked", Unauthorized, EVERY),
    ("not_allowed_token_type", Unauthorized, EVERY),
    ("two_factor_setup_required", Unauthorized, EVERY),
    // The message that is changed.
    ("message_not_found", TargetLost, UPDATE),
    ("edit_window_closed", TargetLost, UPDATE),
    ("cant_update_message", TargetLost, UPDATE),
    ("message_not_in_streaming_state", TargetLost, APPEND),
    ("message_not_owned_by_app", TargetLost, APPEND),
    ("stopped_by_user", TargetLost, APPEND),
    ("streaming_state_conflict", IN_A_MOMENT, UPDATE),
    // What is in it.
    ("no_text", Invalid, POST),
    ("msg_too_long", Invalid, UPDATE),
    ("msg_blocks_too_long", Invalid, POST),
    ("msg_blocks_too_many", Invalid, START),
    ("invalid_blocks", Invalid, POST),
    ("invalid_blocks_format", Invalid, POST),
    ("block_mismatch", Invalid, UPDATE),
    ("invalid_attachments", Invalid, UPDATE),
    ("too_many_attachments", Invalid, POST),
    ("too_many_contact_cards", Invalid, POST),
    ("attachment_payload_limit_exceeded", Invalid, POST),
    ("markdown_text_conflict", Invalid, POST),
    ("invalid_chunks", Invalid, APPEND),
    ("invalid_metadata_format", Invalid, POST),
    ("invalid_metadata_schema", Invalid, POST),
    ("metadata_must_be_sent_from_app", Invalid, POST),
    ("metadata_too_large", Invalid, POST),
    ("as_user_not_supported", Invalid, POST),
    ("cant_broadcast_message", Invalid, UPDATE),
    ("no_dual_broadcast_content_update", Invalid, UPDATE),
    ("draft_already_deleted", Invalid, POST),
    ("draft_already_sent", Invalid, POST),
    ("draft_has_conflict", Invalid, POST),
    ("draft_not_found", Invalid, POST),
    ("duplicate_channel_not_found", Invalid, POST),
    ("duplicate_message_not_found", Invalid, POST),
    ("missing_recipient_team_id", Invalid, START),
    ("missing_recipient_user_id", Invalid, START),
    ("channel_type_not_supported", Invalid, START),
    // Its files.
    ("file_not_found", FileGone, FILE),
    ("file_deleted", FileGone, FILE),
    ("file_is_deleted", FileGone, UPDATE),
    ("not_visible", FileKept, FILE),
    ("template_not_visible", FileKept, FILE),
    ("canvas_disabled_file_team", FileKept, FILE),
    ("canvas_disabled_user_team", FileKept, FILE),
    ("canvas_globally_disabled", FileKept, FILE),
    ("slack_connect_canvas_sharing_blocked", FileKept, FILE),
    ("slack_connect_blocked_file_type", FileKept, UPDATE),
    ("slack_connect_clip_sharing_blocked", FileKept, UPDATE),
    ("slack_connect_file_link_sharing_blocked", FileKept, POST),
    ("slack_connect_file_upload_sharing_blocked", FileKept, UPDATE),
    ("slack_connect_lists_sharing_blocked", FileKept, POST),
    ("blocked_file_type", Invalid, UPDATE),
    ("file_share_limit_reached", Invalid, UPDATE),
    ("max_file_sharing_exceeded", Invalid, UPDATE),
    ("unable_to_share_files", Invalid, UPDATE),
    ("missing_file_data", Invalid, POST),
    ("file_type_not_allowed", Invalid, COMPLETE),
    ("file_uploads_except_images_disabled", Invalid, COMPLETE),
    ("file_uploads_disabled", Invalid, URL),
    ("file_upload_size_restricted", Invalid, URL),
    ("storage_limit_reached", Invalid, URL),
    ("snippet_too_large", Invalid, URL),
    ("unknown_snippet_type", Invalid, URL),
    ("unknown_subtype", Invalid, URL),
    ("alt_txt_too_large", Invalid, URL),
    ("channels_limit_exceeded", Invalid, COMPLETE),
    // How it was asked.
    ("missing_argument", Invalid, URL),
    ("missing_args", Invalid, OPEN),
    ("insecure_request", Invalid, OPEN),
    ("method_not_supported_for_channel_type", Invalid, REPLIES),
    ("invalid_cursor", Invalid, HISTORY),
    ("invalid_limit", Invalid, LIST),
    ("invalid_types", Invalid, LIST),
    ("invalid_ts_latest", Invalid, HISTORY),
    ("invalid_ts_oldest", Invalid, HISTORY),
    ("invalid_metadata_filter_keys", Invalid, HISTORY),
    ("bad_timestamp", Invalid, REACT),
    ("invalid_name", Invalid, REACT),
    ("no_item_specified", Invalid, REACT),
    ("reserved_username", Invalid, STATUS),
    ("too_many_users", Invalid, USER),
    ("too_many_emoji", Invalid, REACT),
    ("too_many_reactions", Invalid, REACT),
    ("deprecated_endpoint", Invalid, EVERY),
    ("method_deprecated", Invalid, EVERY),
    ("invalid_arg_name", Invalid, EVERY),
    ("invalid_arguments", Invalid, EVERY),
    ("invalid_array_arg", Invalid, EVERY),
    ("invalid_charset", Invalid, EVERY),
    ("invalid_form_data", Invalid, EVERY),
    ("invalid_post_type", Invalid, EVERY),
    ("missing_post_type", Invalid, EVERY),
    // It is so already.
    ("already_reacted", Done, REACT),
    // Time will lift it.
    ("ratelimited", Limited, EVERY),
    ("rate_limited", Limited, POST),
    ("message_limit_exceeded", ACCOUNT, POST),
    // Not the whole of the workspace moves at once, but nothing is done for it meanwhile.
    ("team_added_to_org", ACCOUNT, EVERY),
    ("org_login_required", ACCOUNT, EVERY),
    // "It's possible some aspect of the operation succeeded before the error was raised."
    ("internal_error", Nothing, OPEN),
    ("fatal_error", Nothing, EVERY),
    ("service_unavailable", Nothing, EVERY),
    ("request_timeout", Nothing, EVERY),
    ("messaging_processing_failed", Nothing, START),
    ("update_failed", Nothing, UPDATE),
    ("file_update_failed", Nothing, COMPLETE),
    ("list_record_comment_fetch_failed", Nothing, REPLIES),
];

/// Where a row is documented.
#[cfg(test)]
pub(super) fn link(method: &str) -> String {
    format!("https://docs.slack.dev/reference/methods/{method}")
}
