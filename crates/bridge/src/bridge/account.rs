//! The accounts of this bridge: each a provider with the operator's settings and the evidence of its health.

use std::{collections::BTreeMap, fmt::Write, sync::Arc, time::Duration};

use axum::Router;
use lastword_core::{
    capability::ReplyShape,
    decide::deliver::UnknownPolicy,
    ids::{AccountId, ConversationId, UserId},
    provider::Provider,
    reason::span,
    store::Clock,
};
use lastword_providers::web::{GuardSettings, WebProvider, WebSettings};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{health::AccountHealth, standing::Barred};
use crate::{
    build_id::build,
    config::{AccountConfig, Canary, Config, LOCAL_USER, NetworkConfig, Token},
    process::member::Member,
    report::line,
};

/// One account.
pub struct Account {
    /// Its configured name.
    pub id: AccountId,
    /// Its adapter.
    pub provider: Arc<dyn Provider>,
    /// What is known of its health.
    pub health: AccountHealth,
    /// What follows a post that may have been accepted.
    pub unknown: UnknownPolicy,
    /// Whether a placeholder is posted when a turn starts, where the network can edit.
    pub placeholders: bool,
    /// Whether placeholders follow their turn's progress.
    pub shows_progress: bool,
    /// After how long an edited last word is followed by a notice; `None`: never.
    pub notify_after_ms: Option<i64>,
    /// Its own messages that show that it works.
    pub(super) canary: Option<Canary>,
    /// Where it may not write.
    pub(super) barred: Barred,
    /// How old a message may be when it arrives.
    pub update_age_max_ms: Option<i64>,
    /// Told when a message came with files.
    pub files_wanted: Notify,
    /// Told when its link is to be made anew.
    pub(super) reconnects: Notify,
}

impl Account {
    /// How replies are posted in a conversation.
    #[must_use]
    pub fn shape(&self, conversation: &ConversationId) -> ReplyShape {
        self.provider.capabilities(conversation).reply_shape(self.placeholders)
    }

    /// Whether people see anything of a turn while it runs.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.shows_progress || self.provider.presence().is_some()
    }
}

/// Every account of this bridge.
#[derive(Clone)]
pub struct Accounts {
    by_id: Arc<BTreeMap<AccountId, Arc<Account>>>,
    begin: Instant,
}

impl Accounts {
    /// The configured ones, each with the provider that `open` makes for it.
    pub fn of(config: &Config, mut open: impl FnMut(&AccountId, &AccountConfig) -> Arc<dyn Provider>) -> Self {
        let by_id = config.accounts.iter().map(|(id, config)| {
            let account = Account {
                id: id.clone(),
                provider: open(id, config),
                health: AccountHealth::default(),
                unknown: config.unknown,
                placeholders: config.placeholder,
                shows_progress: config.progress,
                notify_after_ms: config.notify_after_ms,
                canary: config.canary.clone().filter(|_| config.network != NetworkConfig::Web {}),
                barred: Barred::default(),
                update_age_max_ms: match &config.network {
                    #[cfg(feature = "matrix")]
                    NetworkConfig::Matrix { update_age_max_ms, .. } => *update_age_max_ms,
                    #[cfg(feature = "slack")]
                    NetworkConfig::Slack { update_age_max_ms, .. } => *update_age_max_ms,
                    #[cfg(feature = "telegram")]
                    NetworkConfig::Telegram { update_age_max_ms, .. } => *update_age_max_ms,
                    _ => None,
                },
                files_wanted: Notify::new(),
                reconnects: Notify::new(),
            };
            (id.clone(), Arc::new(account))
        });
        Self { by_id: Arc::new(by_id.collect()), begin: Instant::now() }
    }

    /// One by name.
    #[must_use]
    pub fn get(&self, id: &AccountId) -> Option<Arc<Account>> {
        self.by_id.get(id).map(Arc::clone)
    }

    /// All of them.
    pub fn values(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_id.values()
    }

    /// This bridge's build, and how long it has been there.
    #[must_use]
    pub fn build(&self) -> String {
        format!("Lastword {}, up for {}.", build(), span(ms(self.begin.elapsed())))
    }

    /// Lines on the bridge itself for `/status`.
    #[must_use]
    pub fn about(&self) -> String {
        let mut text = self.build();
        for account in self.values() {
            let evidence = account.health.evidence();
            let state = match (&evidence.trouble, evidence.is_linked) {
                (_, true) => "linked",
                (Some(_), false) => "not linked; the operator can see why",
                (None, false) => "linking",
            };
            // Writing to a String can't fail.
            let _ = write!(text, "\nAccount `{}`: {state}.", account.id);
        }
        text
    }

    /// A line for each account: whether it works, by what evidence, and what stands in its way. For admins.
    #[must_use]
    pub fn standing(&self) -> String {
        let told = |account: &Arc<Account>| {
            let evidence = account.health.evidence();
            let state = if evidence.is_ready() { "ready" } else { "not ready" };
            let ago =
                |at: Option<Instant>| at.map_or("never".to_owned(), |at| format!("{} ago", span(ms(at.elapsed()))));
            let (heard, sent) = (ago(evidence.received_at), ago(evidence.delivered_at));
            let waits = evidence.pending.map(|(pending, _)| format!(", {pending} waiting at its network"));
            let waits = waits.unwrap_or_default();
            let mut text = format!("Account `{}`: {state}; heard {heard}, sent {sent}{waits}.", account.id);
            for (what, trouble) in [("Receiving", evidence.receive_trouble()), ("Sending", evidence.send_trouble)] {
                if let Some(trouble) = trouble {
                    let _ = write!(text, "\n    {what}: {}", line(&trouble));
                }
            }
            text
        };
        self.values().map(told).collect::<Vec<_>>().join("\n")
    }
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Makes the configured accounts, and the router of those that are served over our own HTTP.
pub fn open_all(member: &Member, ended: &CancellationToken) -> (Accounts, Router) {
    let mut router = Router::new();
    let accounts = Accounts::of(&member.config, |id, config| {
        let (provider, routes) = open(member, id, config, ended);
        if let Some(routes) = routes {
            router = std::mem::take(&mut router).merge(routes);
        }
        provider
    });
    (accounts, router)
}

fn open(
    member: &Member,
    id: &AccountId,
    config: &AccountConfig,
    ended: &CancellationToken,
) -> (Arc<dyn Provider>, Option<Router>) {
    match remote(&member.config, id, config, &member.clock) {
        Some(provider) => (provider, None),
        None => {
            let settings = WebSettings {
                user: UserId::new(LOCAL_USER),
                body_bytes_max: usize::try_from(member.config.http.body_bytes_max).unwrap_or(usize::MAX),
                guard: guard_settings(&member.config),
            };
            let (provider, router) = WebProvider::new(
                id.clone(),
                Arc::clone(&member.store),
                Arc::clone(&member.clock),
                settings,
                ended.clone(),
            );
            (provider, Some(router))
        }
    }
}

/// The registry of networks, one arm each; `None` for our own, which is served and not asked.
#[must_use]
#[allow(unused_variables, reason = "only networks that are asked need them")]
pub fn remote(
    all: &Config,
    id: &AccountId,
    config: &AccountConfig,
    clock: &Arc<dyn Clock>,
) -> Option<Arc<dyn Provider>> {
    match &config.network {
        NetworkConfig::Web {} => None,
        #[cfg(feature = "matrix")]
        NetworkConfig::Matrix { .. } => Some(Arc::new(matrix(all, id, config, clock)?)),
        #[cfg(feature = "slack")]
        NetworkConfig::Slack { api_url, edited, receipts, streams, update_age_max_ms, prompts, .. } => {
            use crate::config::EditedFile;
            use lastword_providers::slack::{Edited, Prompt, SlackProvider, SlackSettings};
            let prompts = prompts.iter();
            let settings = SlackSettings {
                edited: match edited {
                    EditedFile::Ignore => Edited::Ignore,
                    EditedFile::Rerun => Edited::Rerun,
                },
                receipts: *receipts,
                streams: *streams,
                update_age_max_ms: *update_age_max_ms,
                prompts: prompts.map(|one| Prompt { title: one.title.clone(), message: one.message.clone() }).collect(),
                commands: all.commands.keys().cloned().collect(),
                ..SlackSettings::new(secret(&config.token), secret(&config.app_token), api_url.clone())
            };
            Some(Arc::new(SlackProvider::new(id.clone(), settings, Arc::clone(clock))))
        }
        #[cfg(feature = "telegram")]
        NetworkConfig::Telegram { api_url, edited, receipts, drafts, .. } => {
            use crate::config::EditedFile;
            use lastword_providers::telegram::{API_URL, Edited, TelegramProvider, TelegramSettings, UPLOAD_BYTES_MAX};
            let settings = TelegramSettings {
                edited: match edited {
                    EditedFile::Ignore => Edited::Ignore,
                    EditedFile::Rerun => Edited::Rerun,
                },
                receipts: *receipts,
                drafts: *drafts,
                // A server of one's own takes more than Telegram's.
                upload_bytes_max: if api_url == API_URL { UPLOAD_BYTES_MAX } else { all.limits.file_bytes_max },
                commands: menu(all),
                admins: config.admins.iter().cloned().collect(),
                ..TelegramSettings::new(secret(&config.token), api_url.clone())
            };
            Some(Arc::new(TelegramProvider::new(id.clone(), settings)))
        }
        #[cfg(feature = "testing")]
        NetworkConfig::Scripted {
            url,
            idempotency,
            edits,
            edit_interval_ms,
            text_max,
            request_lifetime_ms,
            is_impatient,
        } => {
            use crate::config::ScriptedIdempotency;
            use lastword_providers::scripted::{Repeats, ScriptedProvider, ScriptedSettings};
            let repeats = match idempotency {
                ScriptedIdempotency::Native => Repeats::Native,
                ScriptedIdempotency::EditOnly => Repeats::EditOnly,
                ScriptedIdempotency::Findable => Repeats::Findable,
                ScriptedIdempotency::None => Repeats::None,
            };
            let settings = ScriptedSettings {
                repeats,
                edits: *edits,
                edit_interval_ms: edit_interval_ms.unwrap_or(0),
                text_chars_max: *text_max,
                request_lifetime_ms: *request_lifetime_ms,
                is_impatient: *is_impatient,
                ..ScriptedSettings::new(url.clone())
            };
            Some(Arc::new(ScriptedProvider::new(id.clone(), settings)))
        }
    }
}

/// An account on a homeserver; `None` for any other.
#[cfg(feature = "matrix")]
#[must_use]
pub fn matrix(
    all: &Config,
    id: &AccountId,
    config: &AccountConfig,
    clock: &Arc<dyn Clock>,
) -> Option<lastword_providers::matrix::MatrixProvider> {
    use crate::config::EditedFile;
    use crate::process::state_dir::account_folder;
    use lastword_core::decide::policy::AccountPolicy;
    use lastword_providers::matrix::{Edited, Login, MatrixProvider, MatrixSettings};
    let NetworkConfig::Matrix { homeserver, user, edits, edited, receipts, update_age_max_ms, .. } = &config.network
    else {
        return None;
    };
    let login = match user {
        Some(user) => Login::Password { user: user.clone(), password: secret(&config.password) },
        None => Login::Token(secret(&config.token)),
    };
    let optional = |secret: &Option<Token>| secret.as_ref().map(|secret| secret.0.clone());
    let settings = MatrixSettings {
        store_key: optional(&config.store_key),
        recovery_key: optional(&config.recovery_key),
        allowed: AccountPolicy {
            users: config.users.clone(),
            conversations: config.conversations.clone(),
            admins: config.admins.clone(),
        },
        edits: *edits,
        edited: match edited {
            EditedFile::Ignore => Edited::Ignore,
            EditedFile::Rerun => Edited::Rerun,
        },
        receipts: *receipts,
        update_age_max_ms: *update_age_max_ms,
        upload_bytes_max: all.limits.file_bytes_max,
        ..MatrixSettings::new(homeserver.clone(), login, account_folder(&all.state_dir, id))
    };
    Some(MatrixProvider::new(id.clone(), settings, Arc::clone(clock)))
}

/// A token that the configuration has been checked for.
#[cfg(any(feature = "matrix", feature = "slack", feature = "telegram"))]
fn secret(token: &Option<Token>) -> secrecy::SecretString {
    token.as_ref().map_or_else(|| String::new().into(), |token| token.0.clone())
}

/// The commands as a network's menu shows them: ours, then the operator's.
#[cfg(feature = "telegram")]
fn menu(all: &Config) -> Vec<lastword_providers::telegram::BotCommandSettings> {
    use crate::config::Access as CustomAccess;
    use lastword_core::decide::command::{Access, BuiltIn};
    use lastword_providers::telegram::BotCommandSettings;
    let built_in = BuiltIn::ALL.iter().map(|command| BotCommandSettings {
        name: command.name().into(),
        help: command.help().into(),
        is_for_admins: command.access() == Access::Admins,
    });
    let custom = all.commands.iter().map(|(name, command)| BotCommandSettings {
        name: name.clone(),
        help: command.help.clone(),
        is_for_admins: command.access == CustomAccess::Admins,
    });
    built_in.chain(custom).collect()
}

/// Who may call our HTTP at all.
#[must_use]
pub fn guard_settings(config: &Config) -> GuardSettings {
    GuardSettings { token: config.http.token.clone(), allowed_origins: config.http.origins.clone() }
}
