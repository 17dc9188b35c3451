//! Who we are, and what we may do.

use lastword_core::{outcome::Cause, provider::ReceiveError};
use secrecy::ExposeSecret;

use super::{
    Link,
    client::{Answer, Refusal},
    manifest::{HEARING_SCOPES, NEEDED_SCOPES, WANTED_SCOPES},
    outcome,
};
use crate::fields::Fields;

/// Where apps are set up.
const APPS: &str = "https://api.slack.com/apps";

/// The bot in its workspace, as `auth.test` tells it. <https://docs.slack.dev/reference/methods/auth.test>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Me {
    pub(super) team: String,
    pub(super) user: String,
}

impl Me {
    /// The name under which cursors are kept: another workspace or another bot inherits none.
    pub(super) fn identity(&self) -> String {
        format!("{}/{}", self.team, self.user)
    }

    fn read(found: &Fields) -> Option<Self> {
        Some(Self { team: found.get("team_id")?, user: found.get("user_id")? })
    }
}

/// Asks Slack who the bot's token belongs to, and whether it may do what is needed.
pub(super) async fn ask(link: &Link) -> Result<Me, ReceiveError> {
    found(link).await.map(|(me, _)| me)
}

/// The same, and the scopes without which something is missing.
async fn found(link: &Link) -> Result<(Me, String), ReceiveError> {
    let (answer, scopes) = link.client.who_am_i().await;
    let found = done(link, answer, "bot_token", "oauth")?;
    let me = Me::read(&found).ok_or_else(|| lost("auth.test names nobody".into()))?;
    if found.get::<String>("bot_id").is_none() {
        let cause = format!("bot_token: this is a person's token; a bot's begins with xoxb-: {}", page(link, "oauth"));
        return Err(ReceiveError::Unauthorized { cause: cause.into() });
    }
    let missing = scopes.map(|scopes| Missing::from(&scopes)).unwrap_or_default();
    if !missing.needed.is_empty() {
        let cause = format!(
            "bot_token: the app lacks the scopes {}: add them on {} and install it again",
            missing.needed.join(", "),
            page(link, "oauth")
        );
        return Err(ReceiveError::Unauthorized { cause: cause.into() });
    }
    let wanted = missing.wanted.join(", ");
    if !wanted.is_empty() {
        tracing::warn!(account = %link.account, "the app lacks the scopes {wanted}, and can't do everything; see {}", page(link, "oauth"));
    }
    link.is_me(me.clone());
    Ok((me, wanted))
}

/// The scopes that a token lacks.
#[derive(Default)]
struct Missing {
    /// Without these there is no conversation.
    needed: Vec<&'static str>,
    /// Without these something can't be done.
    wanted: Vec<&'static str>,
}

impl Missing {
    /// Of what Slack lists, parted by commas; one of those that hear is enough.
    fn from(scopes: &str) -> Self {
        let has = |scope: &str| scopes.split(',').any(|one| one.trim() == scope);
        let lacks = |wanted: &[&'static str]| wanted.iter().copied().filter(|scope| !has(scope)).collect::<Vec<_>>();
        let mut needed = lacks(NEEDED_SCOPES);
        if !HEARING_SCOPES.iter().any(|scope| has(scope)) {
            needed.extend(HEARING_SCOPES);
        }
        Self { needed, wanted: lacks(WANTED_SCOPES) }
    }
}

/// Asks as an operator does: whatever is missing is an error.
pub(super) async fn check(link: &Link) -> Result<Me, ReceiveError> {
    let (me, missing) = found(link).await?;
    if !missing.is_empty() {
        let cause =
            format!("bot_token: the app lacks the scopes {missing}, and can't do everything: {}", page(link, "oauth"));
        return Err(ReceiveError::Unauthorized { cause: cause.into() });
    }
    done(link, link.client.open_connection().await, "app_token", "general")?;
    Ok(me)
}

/// The answer to one of the two tokens, or why receiving ends: with the page where it can be mended.
pub(super) fn done(link: &Link, answer: Answer, token: &str, where_mended: &str) -> Result<Fields, ReceiveError> {
    match answer {
        Answer::Done(found) => Ok(found),
        Answer::Refused(refusal) => Err(refused(link, &refusal, token, where_mended)),
        Answer::NotSent(cause) => Err(lost(format!("Slack can't be reached: {cause}"))),
        Answer::Lost(cause) => Err(lost(format!("no answer from Slack: {cause}"))),
    }
}

fn refused(link: &Link, refusal: &Refusal, token: &str, where_mended: &str) -> ReceiveError {
    if outcome::is_about_credentials(refusal) {
        let cause = format!("{token}: {refusal}; {}", page(link, where_mended));
        return ReceiveError::Unauthorized { cause: cause.into() };
    }
    ReceiveError::Lost { retry_after_ms: refusal.retry_after_ms, cause: refusal.to_string().into() }
}

/// The page of this app about one subject; its id is a part of the app's token.
pub(super) fn page(link: &Link, about: &str) -> String {
    let token = link.settings.app_token.expose_secret();
    let app = token.split('-').nth(2).filter(|app| app.starts_with('A') && app.chars().all(char::is_alphanumeric));
    app.map_or_else(|| APPS.to_owned(), |app| format!("{APPS}/{app}/{about}"))
}

pub(super) fn lost(cause: String) -> ReceiveError {
    ReceiveError::Lost { retry_after_ms: None, cause: Cause::from(cause) }
}
