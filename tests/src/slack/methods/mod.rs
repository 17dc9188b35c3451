//! The methods of the Web API, one family a file. Each is applied whole or refused.

mod assistant;
mod chat;
mod content;
mod conversations;
mod files;
mod history;
mod people;
mod reactions;
mod stream;

use serde_json::{Value, json};

use super::{
    errors::{Answer, Refusal},
    message::Author,
    network::Network,
    people::{App, Conversation, Install, Kind, TokenState},
    request::Args,
};
pub use files::{FILE_BYTES_MAX, mime_of};

/// What a method needs, and how often it may be asked.
///
/// The tiers and scopes stand on each method's page below <https://docs.slack.dev/reference/methods/>.
struct Rule {
    method: &'static str,
    /// 1 to 4; 0 for one of its own.
    tier: u8,
    /// Whether arguments may come as JSON.
    takes_json: bool,
    scope: Scope,
}

/// The scope that a bot token needs.
#[derive(Clone, Copy)]
enum Scope {
    /// None.
    Nothing,
    /// This one.
    One(&'static str),
    /// The one of the conversation's kind, such as `channels:history`.
    OfKind(&'static str),
    /// One such for any kind.
    OfAnyKind(&'static str),
    /// It is a method for app-level tokens.
    App,
}

const fn rule(method: &'static str, tier: u8, takes_json: bool, scope: Scope) -> Rule {
    Rule { method, tier, takes_json, scope }
}

const RULES: [Rule; 33] = [
    rule("api.test", 4, true, Scope::Nothing),
    rule("auth.test", 0, true, Scope::Nothing),
    rule("apps.connections.open", 3, true, Scope::App),
    rule("chat.postMessage", 0, true, Scope::One("chat:write")),
    rule("chat.postEphemeral", 4, true, Scope::One("chat:write")),
    rule("chat.update", 3, true, Scope::One("chat:write")),
    rule("chat.delete", 3, true, Scope::One("chat:write")),
    rule("chat.startStream", 2, true, Scope::One("chat:write")),
    rule("chat.appendStream", 4, true, Scope::One("chat:write")),
    rule("chat.stopStream", 2, true, Scope::One("chat:write")),
    rule("conversations.history", 3, true, Scope::OfKind("history")),
    rule("conversations.replies", 3, false, Scope::OfKind("history")),
    rule("conversations.info", 3, false, Scope::OfKind("read")),
    rule("conversations.members", 4, false, Scope::OfKind("read")),
    rule("conversations.list", 2, false, Scope::OfAnyKind("read")),
    rule("conversations.open", 3, true, Scope::One("im:write")),
    rule("conversations.join", 3, true, Scope::One("channels:join")),
    rule("conversations.leave", 3, true, Scope::Nothing),
    rule("users.conversations", 3, false, Scope::OfAnyKind("read")),
    rule("users.info", 4, false, Scope::One("users:read")),
    rule("users.list", 2, false, Scope::One("users:read")),
    rule("bots.info", 3, false, Scope::One("users:read")),
    rule("team.info", 3, true, Scope::One("team:read")),
    rule("reactions.add", 3, true, Scope::One("reactions:write")),
    rule("reactions.remove", 2, true, Scope::One("reactions:write")),
    rule("reactions.get", 3, false, Scope::One("reactions:read")),
    rule("assistant.threads.setStatus", 0, true, Scope::One("chat:write")),
    rule("assistant.threads.setTitle", 4, true, Scope::One("assistant:write")),
    rule("assistant.threads.setSuggestedPrompts", 4, true, Scope::One("assistant:write")),
    rule("files.getUploadURLExternal", 4, false, Scope::One("files:write")),
    rule("files.completeUploadExternal", 4, true, Scope::One("files:write")),
    rule("files.info", 4, false, Scope::One("files:read")),
    rule("auth.revoke", 3, true, Scope::Nothing),
];

fn rule_of(method: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.method == method)
}

/// Whether a method's arguments may come as JSON. Of what is no method nothing is known.
#[must_use]
pub fn takes_json(method: &str) -> bool {
    rule_of(method).is_none_or(|rule| rule.takes_json)
}

/// How often a method may be asked in a minute, if it has a tier.
///
/// <https://docs.slack.dev/apis/web-api/rate-limits#tiers>
#[must_use]
pub fn per_minute(method: &str) -> Option<u32> {
    match rule_of(method)?.tier {
        1 => Some(1),
        2 => Some(20),
        3 => Some(50),
        4 => Some(100),
        _ => None,
    }
}

/// Whose token it is.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A bot's.
    Bot(Install),
    /// An app's.
    App(App),
    /// Nobody's.
    Nobody,
}

impl Caller {
    /// Whose token this is.
    #[must_use]
    pub fn of(network: &Network, token: Option<&str>) -> Self {
        let Some(token) = token else { return Self::Nobody };
        if let Some(install) = network.installs.iter().find(|install| install.token == token) {
            return Self::Bot(install.clone());
        }
        let app = network.apps.values().find(|app| app.app_token == token);
        app.map_or(Self::Nobody, |app| Self::App(app.clone()))
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> Option<&str> {
        match self {
            Self::Bot(install) => Some(&install.app),
            Self::App(app) => Some(&app.id),
            Self::Nobody => None,
        }
    }
}

/// Carries out one call.
pub fn call(network: &mut Network, caller: &Caller, method: &str, args: &Args) -> Answer {
    let rule = rule_of(method).ok_or_else(|| Refusal::new("unknown_method"))?;
    if method == "api.test" {
        return match args.given("error") {
            Some(error) => Err(Refusal { more: json!({ "args": args.values }), ..Refusal::new(error) }),
            None => Ok(json!({ "args": args.values })),
        };
    }
    if args.token.as_deref().is_none_or(str::is_empty) {
        return Err(Refusal::new("not_authed"));
    }
    let me = match (caller, rule.scope) {
        (Caller::App(app), Scope::App) => return open_connection(network, app, args),
        (Caller::Bot(_), Scope::App) | (Caller::App(_), _) => return Err(Refusal::new("not_allowed_token_type")),
        (Caller::Bot(install), _) => install,
        (Caller::Nobody, _) => return Err(Refusal::new("invalid_auth")),
    };
    match me.state {
        TokenState::Live => {}
        TokenState::Revoked => return Err(Refusal::new("token_revoked")),
        TokenState::Inactive => return Err(Refusal::new("account_inactive")),
    }
    let call = Call { network, me, args };
    call.check_scope(rule.scope)?;
    match method {
        "auth.test" => call.auth_test(),
        "auth.revoke" => call.auth_revoke(),
        "chat.postMessage" => call.post_message(),
        "chat.postEphemeral" => call.post_ephemeral(),
        "chat.update" => call.update(),
        "chat.delete" => call.delete(),
        "chat.startStream" => call.start_stream(),
        "chat.appendStream" => call.append_stream(),
        "chat.stopStream" => call.stop_stream(),
        "conversations.history" => call.history(),
        "conversations.replies" => call.thread(),
        "conversations.info" => call.conversation_info(),
        "conversations.members" => call.members(),
        "conversations.list" => call.conversations(false),
        "conversations.open" => call.open(),
        "conversations.join" => call.join(),
        "conversations.leave" => call.leave(),
        "users.conversations" => call.conversations(true),
        "users.info" => call.user_info(),
        "users.list" => call.users(),
        "bots.info" => call.bot_info(),
        "team.info" => call.team_info(),
        "reactions.add" => call.react(),
        "reactions.remove" => call.unreact(),
        "reactions.get" => call.reactions(),
        "assistant.threads.setStatus" => call.set_status(),
        "assistant.threads.setTitle" => call.set_title(),
        "assistant.threads.setSuggestedPrompts" => call.set_prompts(),
        "files.getUploadURLExternal" => call.upload_url(),
        "files.completeUploadExternal" => call.complete_upload(),
        "files.info" => call.file_info(),
        _ => Err(Refusal::new("unknown_method")),
    }
}

/// <https://docs.slack.dev/reference/methods/apps.connections.open>
fn open_connection(network: &mut Network, app: &App, args: &Args) -> Answer {
    if args.is_get {
        return Err(Refusal::new("insecure_request"));
    }
    if !app.has_socket_mode {
        return Err(Refusal::new("forbidden_team"));
    }
    let ticket = network.links.ticket(&app.id);
    let base = network.base.replacen("http", "ws", 1);
    Ok(json!({ "url": format!("{base}/link/?ticket={ticket}&app_id={}", app.id) }))
}

/// One call of a bot being carried out.
struct Call<'a> {
    network: &'a mut Network,
    me: &'a Install,
    args: &'a Args,
}

impl Call<'_> {
    fn check_scope(&self, scope: Scope) -> Result<(), Refusal> {
        let needed = match scope {
            Scope::Nothing | Scope::App => return Ok(()),
            Scope::One(needed) => needed.to_owned(),
            Scope::OfKind(what) => {
                // Of what can't be found no scope is missing.
                let Some(conversation) = self.network.conversations.get(&self.args.text("channel")) else {
                    return Ok(());
                };
                format!("{}:{what}", conversation.kind.plural())
            }
            Scope::OfAnyKind(what) => {
                let kinds = self.kinds()?;
                let mut missing = kinds.iter().map(|kind| format!("{}:{what}", kind.plural()));
                let missing = missing.find(|needed| !self.me.scopes.contains(needed));
                return missing.map_or(Ok(()), |needed| Err(Refusal::missing_scope(&needed, &self.me.provided())));
            }
        };
        if self.me.scopes.contains(&needed) {
            return Ok(());
        }
        Err(Refusal::missing_scope(&needed, &self.me.provided()))
    }

    /// The kinds that `types` names; public channels if it names none.
    fn kinds(&self) -> Result<Vec<Kind>, Refusal> {
        let types = self.args.given("types").unwrap_or_else(|| "public_channel".to_owned());
        let kinds = [Kind::Public, Kind::Private, Kind::Group, Kind::Direct];
        let kind = |name: &str| kinds.into_iter().find(|kind| kind.listed_as() == name.trim());
        types.split(',').map(|name| kind(name).ok_or_else(|| Refusal::new("invalid_types"))).collect()
    }

    /// The bot, as it writes.
    fn author(&self) -> Author {
        Author::Bot { app: self.me.app.clone(), user: self.me.user.clone(), bot: self.me.bot.clone() }
    }

    /// A conversation that the bot may know of.
    fn visible(&self, id: &str) -> Result<&Conversation, Refusal> {
        let known = self.network.conversations.get(id).filter(|known| known.team == self.me.team);
        let known = known.filter(|known| known.kind == Kind::Public || known.members.contains(&self.me.user));
        known.ok_or_else(|| Refusal::new("channel_not_found"))
    }

    /// A conversation that the bot is in.
    fn joined(&self, id: &str) -> Result<&Conversation, Refusal> {
        let known = self.visible(id)?;
        if known.members.contains(&self.me.user) { Ok(known) } else { Err(Refusal::new("not_in_channel")) }
    }

    /// A conversation that the bot may write to, by id; for messages also by name, or the person it is with.
    fn writable(&mut self, named: &str) -> Result<String, Refusal> {
        if named.is_empty() {
            return Err(Refusal::invalid_arguments("channel"));
        }
        let id = if self.network.people.get(named).is_some_and(|person| person.team == self.me.team) {
            let users = [named.to_owned(), self.me.user.clone()].into_iter().collect();
            self.network.direct(&self.me.team, users)
        } else {
            let name = named.trim_start_matches('#');
            let is_meant = |known: &&Conversation| known.team == self.me.team && known.name == name;
            let by_name = self.network.conversations.values().find(is_meant).map(|known| known.id.clone());
            by_name.unwrap_or_else(|| named.to_owned())
        };
        let known = self.visible(&id)?;
        if known.is_archived {
            return Err(Refusal::new("is_archived"));
        }
        let is_in = known.members.contains(&self.me.user);
        if !is_in && !self.me.scopes.contains("chat:write.public") {
            return Err(Refusal::new("not_in_channel"));
        }
        Ok(id)
    }

    /// <https://docs.slack.dev/reference/methods/auth.test>
    fn auth_test(self) -> Answer {
        let Self { network, me, .. } = self;
        Ok(json!({ "url": format!("{}/", network.base), "team": network.workspace_name(&me.team), "user": me.name,
                   "team_id": me.team, "user_id": me.user, "bot_id": me.bot, "is_enterprise_install": false }))
    }

    /// <https://docs.slack.dev/reference/methods/auth.revoke>
    fn auth_revoke(self) -> Answer {
        let is_test = self.args.is_true("test");
        let mut installs = self.network.installs.iter_mut();
        if let Some(mine) = installs.find(|install| install.user == self.me.user).filter(|_| !is_test) {
            mine.state = TokenState::Revoked;
        }
        Ok(json!({ "revoked": !is_test }))
    }
}

/// A page of a list: what comes behind the cursor, and where the next page begins.
fn page<T>(list: Vec<T>, args: &Args, default: usize, most: usize) -> Result<(Vec<T>, String), Refusal> {
    let begin = match args.given("cursor") {
        None => 0,
        Some(cursor) => {
            let place = cursor.strip_prefix("next:").and_then(|place| place.parse().ok());
            place.filter(|place| *place <= list.len()).ok_or_else(|| Refusal::new("invalid_cursor"))?
        }
    };
    let limit = args.number("limit").map_or(Ok(default), usize::try_from).unwrap_or(most);
    let limit = if limit == 0 { default } else { limit.min(most) };
    let next = if begin + limit < list.len() { format!("next:{}", begin + limit) } else { String::new() };
    Ok((list.into_iter().skip(begin).take(limit).collect(), next))
}

/// Where the next page begins, as answers carry it.
fn metadata(next: String) -> Value {
    json!({ "next_cursor": next })
}
