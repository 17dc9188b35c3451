//! People and apps come, go, and act.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Deed, Done, EVENTS, SCOPES, all_of, hand, say};
use crate::slack::{
    events::About,
    message::{Author, Streaming},
    network::{Content, Network},
    people::{Conversation, Install, Kind},
};

/// Does it.
///
/// # Errors
/// In words, when it can't be done.
pub fn carry_out(network: &mut Network, deed: Deed) -> Result<Value, String> {
    match deed {
        Deed::Workspace { name } => Ok(json!({ "id": network.workspace(Some(&name)) })),
        Deed::Person { name, workspace } => {
            let team = network.workspace(workspace.as_deref());
            Ok(json!({ "id": network.person(&team, &name) }))
        }
        Deed::App { name, workspace, scopes, events } => {
            let app = network.add_app(&name, events.unwrap_or_else(|| all_of(&EVENTS)));
            install(network, &app, workspace.as_deref(), scopes)
        }
        Deed::Install { app, workspace, scopes } => {
            let app = app_of(network, Some(&app))?;
            install(network, &app, Some(&workspace), scopes)
        }
        Deed::Channel { name, is_private, workspace, people, is_without_apps } => {
            let team = network.workspace(workspace.as_deref());
            let kind = if is_private { Kind::Private } else { Kind::Public };
            let people: Vec<_> = people.iter().map(|person| network.person(&team, person)).collect();
            let creator = people.first().ok_or("nobody makes it")?.clone();
            let here = network.installs.iter().filter(|install| install.team == team && !is_without_apps);
            let bots: Vec<_> = here.map(|install| install.user.clone()).collect();
            let channel = network.add_conversation(&team, kind, &name, &creator);
            channel.members.extend(people.into_iter().chain(bots));
            Ok(json!({ "id": channel.id }))
        }
        Deed::Group { people, app, workspace } => {
            let me = install_or_first(network, app.as_deref(), workspace.as_deref())?;
            let people = people.iter().map(|person| network.person(&me.team, person));
            let users: BTreeSet<_> = people.chain([me.user.clone()]).collect();
            if users.len() < 3 {
                return Err("a direct message of many needs two people".to_owned());
            }
            Ok(json!({ "id": network.direct(&me.team, users) }))
        }
        Deed::Direct { person, app, workspace } => {
            let me = install_or_first(network, app.as_deref(), workspace.as_deref())?;
            Ok(json!({ "id": direct(network, &me, &person) }))
        }
        Deed::Join { channel, person, app, by } => {
            let team = conversation(network, &channel)?.team.clone();
            let user = user(network, &team, person.as_deref(), app.as_deref())?;
            let by = by.map(|by| network.person(&team, &by));
            network.join(&channel, &user, by.as_deref());
            Ok(json!({}))
        }
        Deed::Leave { channel, person, app, by } => {
            let team = conversation(network, &channel)?.team.clone();
            let user = user(network, &team, person.as_deref(), app.as_deref())?;
            let by = by.map_or_else(|| user.clone(), |by| network.person(&team, &by));
            network.leave(&channel, &user, &by);
            Ok(json!({}))
        }
        Deed::Archive { channel, is_undone, by } => archive(network, &channel, is_undone, &by),
        Deed::Say(said) => say::say(network, *said),
        Deed::Edit { channel, ts, text } => say::edit(network, &channel, &ts, &text),
        Deed::Delete { channel, ts } => {
            let message = network.message(&channel, &ts).cloned().ok_or("no such message")?;
            network.publish_deletion(&message);
            network.message_mut(&channel, &ts).ok_or("no such message")?.is_deleted = true;
            Ok(json!({}))
        }
        Deed::React { channel, ts, name, person, is_undone } => {
            let team = conversation(network, &channel)?.team.clone();
            let user = network.person(&team, &person);
            let is_done = if is_undone {
                network.unreact(&channel, &ts, &user, &name)
            } else {
                network.react(&channel, &ts, &user, &name)
            };
            if is_done { Ok(json!({})) } else { Err("nothing changed".to_owned()) }
        }
        Deed::Command { command, text, channel, person, app, workspace } => {
            let me = install_or_first(network, app.as_deref(), workspace.as_deref())?;
            let channel = channel.unwrap_or_else(|| direct(network, &me, &person));
            use_command(network, &me, &channel, &person, [&command, &text])
        }
        Deed::Press { channel, ts, action, person } => press(network, &channel, &ts, &action, &person),
        Deed::OpenAssistant { person, app, workspace, beside } => {
            let me = install_or_first(network, app.as_deref(), workspace.as_deref())?;
            Ok(open_assistant(network, &me, &person, beside.as_deref()))
        }
        Deed::ChangeContext { channel, thread_ts, beside } => {
            let (me, person) = assistant(network, &channel)?;
            let thread = assistant_thread(&me, &person, [&channel, &thread_ts], Some(&beside));
            let event = json!({ "type": "assistant_thread_context_changed", "assistant_thread": thread });
            network.publish_event(&channel, event);
            Ok(json!({}))
        }
        Deed::Stop { channel, thread_ts, person } => stop(network, &channel, &thread_ts, &person),
        Deed::Deactivate { person, workspace } => {
            let team = network.workspace(workspace.as_deref());
            let id = network.person(&team, &person);
            network.people.entry(id).and_modify(|person| person.is_deactivated = true);
            Ok(json!({}))
        }
        other => hand::carry_out(network, other),
    }
}

// --- who and where ---------------------------------------------------------------------------------------------------

/// An app by name or id; the first if it is not named.
pub(super) fn app_of(network: &Network, named: Option<&str>) -> Result<String, String> {
    let Some(named) = named else {
        return network.installs.first().map(|install| install.app.clone()).ok_or_else(|| "no app".to_owned());
    };
    let found = network.apps.values().find(|app| app.id == named || app.name == named);
    found.map(|app| app.id.clone()).ok_or_else(|| "no such app".to_owned())
}

/// Where an app is installed; the first place if none is named.
pub(super) fn install_or_first(
    network: &mut Network,
    app: Option<&str>,
    workspace: Option<&str>,
) -> Result<Install, String> {
    let app = app_of(network, app)?;
    let team = workspace.map(|workspace| network.workspace(Some(workspace)));
    let is_meant = |install: &&Install| install.app == app && team.as_ref().is_none_or(|team| install.team == *team);
    network.installs.iter().find(is_meant).cloned().ok_or_else(|| "the app is not installed there".to_owned())
}

pub(super) fn conversation<'n>(network: &'n Network, channel: &str) -> Result<&'n Conversation, String> {
    network.conversations.get(channel).ok_or_else(|| "no such conversation".to_owned())
}

/// The direct message of a person and an app.
pub(super) fn direct(network: &mut Network, me: &Install, person: &str) -> String {
    let person = network.person(&me.team, person);
    network.direct(&me.team, BTreeSet::from([person, me.user.clone()]))
}

fn user(network: &mut Network, team: &str, person: Option<&str>, app: Option<&str>) -> Result<String, String> {
    match (person, app) {
        (Some(person), None) => Ok(network.person(team, person)),
        (None, app) => Ok(install_or_first(network, app, Some(team))?.user),
        (Some(_), Some(_)) => Err("a person or an app, not both".to_owned()),
    }
}

// --- deeds -----------------------------------------------------------------------------------------------------------

fn install(network: &mut Network, app: &str, workspace: Option<&str>, scopes: Option<BTreeSet<String>>) -> Done {
    let team = network.workspace(workspace);
    let Install { user, bot, token, .. } = network.install(app, &team, scopes.unwrap_or_else(|| all_of(&SCOPES)));
    let app_token = network.apps.get(app).map(|app| app.app_token.clone());
    Ok(json!({ "id": app, "app_token": app_token, "token": token, "team": team, "user": user, "bot": bot }))
}

fn archive(network: &mut Network, channel: &str, is_undone: bool, by: &str) -> Done {
    let Conversation { team, kind, .. } = conversation(network, channel)?.clone();
    let by = network.person(&team, by);
    network.conversations.entry(channel.to_owned()).and_modify(|known| known.is_archived = !is_undone);
    let what = if kind == Kind::Public { "channel" } else { "group" };
    let happened = if is_undone { "unarchive" } else { "archive" };
    let event = json!({ "type": format!("{what}_{happened}"), "channel": channel, "user": by, "is_moved": 0 });
    network.publish_event(channel, event);
    Ok(json!({}))
}

/// <https://docs.slack.dev/interactivity/implementing-slash-commands#app_command_handling>
fn use_command(network: &mut Network, me: &Install, channel: &str, person: &str, [command, text]: [&str; 2]) -> Done {
    let Conversation { name, kind, .. } = conversation(network, channel)?.clone();
    let user = network.person(&me.team, person);
    let trigger = network.next_made();
    let name = if kind == Kind::Direct { "directmessage".to_owned() } else { name };
    let payload = json!({
        "token": "no-longer-of-use", "team_id": me.team, "team_domain": network.workspace_name(&me.team).to_lowercase(),
        "channel_id": channel, "channel_name": name, "user_id": user, "user_name": network.name_of(&user),
        "command": command, "text": text, "api_app_id": me.app, "is_enterprise_install": "false",
        "response_url": format!("{}/commands/{}/{channel}/{user}/{trigger}", network.base, me.user),
        "trigger_id": format!("{trigger}.{trigger}.{trigger:032x}"),
    });
    let about = About { channel: Some(channel.to_owned()), ts: None };
    network.deliver("slash_commands", &me.app, command.to_owned(), None, about, payload);
    Ok(json!({ "channel": channel }))
}

/// <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>
fn press(network: &mut Network, channel: &str, ts: &str, action: &str, person: &str) -> Done {
    let message = network.message(channel, ts).cloned().ok_or("no such message")?;
    let me = network.install_of(message.author.user()).cloned().ok_or("no app wrote it")?;
    let button = find(&message.now().blocks, action).ok_or("no such button")?;
    let user = network.person(&me.team, person);
    let trigger = network.next_made();
    let payload = json!({
        "type": "block_actions", "token": "no-longer-of-use", "api_app_id": me.app, "is_enterprise_install": false,
        "enterprise": null, "trigger_id": format!("{trigger}.{trigger}.{trigger:032x}"),
        "team": { "id": me.team, "domain": network.workspace_name(&me.team).to_lowercase() },
        "user": { "id": user, "username": network.name_of(&user), "name": network.name_of(&user), "team_id": me.team },
        "channel": { "id": channel, "name": network.name_of(channel) },
        "container": { "type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": false,
                       "thread_ts": message.thread },
        "message": network.shown(&message, false), "state": { "values": {} },
        "response_url": format!("{}/commands/{}/{channel}/{user}/{trigger}", network.base, me.user),
        "actions": [{ "type": button["type"], "action_id": action, "block_id": "b1", "text": button["text"],
                      "value": button["value"], "action_ts": network.event_ts() }],
    });
    let about = About { channel: Some(channel.to_owned()), ts: Some(ts.to_owned()) };
    network.deliver("interactive", &me.app, action.to_owned(), None, about, payload);
    Ok(json!({}))
}

fn find(blocks: &[Value], action: &str) -> Option<Value> {
    let inner = blocks.iter().flat_map(|block| block["elements"].as_array().into_iter().flatten());
    let beside = blocks.iter().map(|block| &block["accessory"]);
    inner.chain(beside).find(|element| element["action_id"] == action).cloned()
}

/// <https://docs.slack.dev/reference/events/assistant_thread_started>
fn open_assistant(network: &mut Network, me: &Install, person: &str, beside: Option<&str>) -> Value {
    let user = network.person(&me.team, person);
    let channel = direct(network, me, person);
    let author = Author::Bot { app: me.app.clone(), user: me.user.clone(), bot: me.bot.clone() };
    let mut root = network.new_message(&channel, author, Content::text("New Assistant Thread"));
    root.subtype = Some("assistant_app_thread".to_owned());
    root.more = json!({ "assistant_app_thread": { "title": "New Assistant Thread", "title_blocks": [],
                                                  "artifacts": [] } });
    let ts = root.ts.clone();
    network.add(root);
    let thread = assistant_thread(me, &user, [&channel, &ts], beside);
    network.publish_event(&channel, json!({ "type": "assistant_thread_started", "assistant_thread": thread }));
    json!({ "channel": channel, "thread_ts": ts })
}

fn assistant_thread(me: &Install, user: &str, [channel, ts]: [&str; 2], beside: Option<&str>) -> Value {
    let context = beside.map_or_else(
        || json!({ "force_search": false }),
        |beside| json!({ "channel_id": beside, "team_id": me.team, "enterprise_id": null }),
    );
    json!({ "user_id": user, "context": context, "channel_id": channel, "thread_ts": ts })
}

/// The app and the person of a direct message.
fn assistant(network: &Network, channel: &str) -> Result<(Install, String), String> {
    let members = &conversation(network, channel)?.members;
    let me = members.iter().find_map(|user| network.install_of(user)).cloned().ok_or("no app is there")?;
    let person = members.iter().find(|user| network.people.contains_key(*user)).cloned().ok_or("nobody is there")?;
    Ok((me, person))
}

/// <https://docs.slack.dev/reference/events/agent_session_stopped>
fn stop(network: &mut Network, channel: &str, thread: &str, person: &str) -> Done {
    let team = conversation(network, channel)?.team.clone();
    let user = network.person(&team, person);
    let mut stopped = Vec::new();
    for message in network.messages.iter_mut().filter(|message| message.channel == channel && message.root() == thread)
    {
        let ts = message.ts.clone();
        if let Some(stream) = message.stream.as_mut().filter(|stream| stream.state == Streaming::Running) {
            stream.state = Streaming::StoppedByPerson;
            stopped.push(ts);
        }
    }
    let event = json!({ "type": "agent_session_stopped", "channel": channel, "thread_ts": thread, "user": user,
                        "streaming_message_ts": stopped });
    network.publish_event(channel, event);
    Ok(json!({ "stopped": stopped }))
}
