//! The environment of an attempt: an allowlist of ours, what the operator set, and who asks where. Nothing else.

use std::ffi::OsString;

use lastword_core::agent::AgentRequest;

use super::settings::CommandSettings;

/// The whole environment; `ours` reads our own. Where a name comes twice the later one counts.
pub(super) fn environment(
    settings: &CommandSettings,
    request: &AgentRequest,
    ours: impl Fn(&str) -> Option<OsString>,
) -> Vec<(OsString, OsString)> {
    let passed = settings.env_allow.iter().filter_map(|name| Some((name.into(), ours(name)?)));
    let set = settings.env.iter().map(|(name, value)| (name.into(), harmless(value)));
    let mut env: Vec<(OsString, OsString)> = passed.chain(set).collect();
    let mut tell = |name: &str, value: &str| env.push((name.into(), harmless(value)));
    tell("LASTWORD_TURN", &request.fence.turn.to_string());
    tell("LASTWORD_ATTEMPT", &request.fence.attempt.to_string());
    tell("LASTWORD_ACCOUNT", request.place.account.as_str());
    tell("LASTWORD_CONVERSATION", request.place.conversation.as_str());
    if let Some(thread) = &request.place.thread {
        tell("LASTWORD_THREAD", thread.as_str());
    }
    if let Some(sender) = &request.sender_name {
        tell("LASTWORD_SENDER", sender);
    }
    if settings.tell_about {
        for (name, fact) in &request.about {
            tell(&about(name), fact);
        }
    }
    env.push(("LASTWORD_INBOX".into(), request.directory.join("inbox").into()));
    env.push(("LASTWORD_OUTBOX".into(), request.directory.join("outbox").into()));
    env
}

/// The variable that tells a fact: upper case, anything but letters and digits as `_`.
fn about(name: &str) -> String {
    let spelled = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    format!("LASTWORD_ABOUT_{}", name.chars().map(spelled).collect::<String>())
}

/// A value that the system takes: what people call themselves may hold a NUL.
fn harmless(value: &str) -> OsString {
    value.replace('\0', "\u{fffd}").into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lastword_core::ids::{AccountId, AgentId, Attempt, ConversationId, Fence, Place, ThreadId, TurnId};

    use super::*;

    #[test]
    fn the_agent_learns_who_asks_and_none_of_our_secrets() {
        let mut settings = CommandSettings::new(AgentId::new("a"), "x", Vec::new());
        settings.env = [("HOME".to_owned(), "/elsewhere".to_owned())].into();
        settings.tell_about = true;
        let request = AgentRequest {
            fence: Fence { turn: TurnId(7), attempt: Attempt(2) },
            place: Place {
                account: AccountId::new("web"),
                conversation: ConversationId::new("c; rm"),
                thread: Some(ThreadId::new("t")),
            },
            prompt: String::new(),
            sender_name: Some("Eve\0=x".into()),
            directory: "/work".into(),
            about: [("data at".to_owned(), "sqlite".to_owned())].into(),
        };
        let ours = |name: &str| (name != "SHELL").then(|| format!("our {name}").into());
        let env: BTreeMap<_, _> = environment(&settings, &request, ours).into_iter().collect();
        let shown: Vec<String> =
            env.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
        assert_eq!(
            shown,
            [
                "HOME=/elsewhere",
                "LANG=our LANG",
                "LASTWORD_ABOUT_DATA_AT=sqlite",
                "LASTWORD_ACCOUNT=web",
                "LASTWORD_ATTEMPT=2",
                "LASTWORD_CONVERSATION=c; rm",
                "LASTWORD_INBOX=/work/inbox",
                "LASTWORD_OUTBOX=/work/outbox",
                "LASTWORD_SENDER=Eve\u{fffd}=x",
                "LASTWORD_THREAD=t",
                "LASTWORD_TURN=7",
                "LC_ALL=our LC_ALL",
                "LC_CTYPE=our LC_CTYPE",
                "LOGNAME=our LOGNAME",
                "PATH=our PATH",
                "TERM=our TERM",
                "TMPDIR=our TMPDIR",
                "TZ=our TZ",
                "USER=our USER",
            ]
        );
    }
}
