//! The network's own hand: tokens, subscriptions, sockets, files.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    Deed, Done,
    act::{app_of, install_or_first},
};
use crate::slack::{
    links::Frame,
    network::Network,
    people::{Install, TokenState},
};

/// Does it.
pub(super) fn carry_out(network: &mut Network, deed: Deed) -> Done {
    match deed {
        Deed::LoseFiles {} => network.files.clear(),
        Deed::Token { app, workspace, state } => {
            change(network, app.as_deref(), workspace.as_deref(), |install| install.state = state)?;
        }
        Deed::Rotate { app, workspace } => {
            let token = network.new_token();
            change(network, app.as_deref(), workspace.as_deref(), |install| {
                install.token.clone_from(&token);
                install.state = TokenState::Live;
            })?;
            return Ok(json!({ "token": token }));
        }
        Deed::Scopes { app, workspace, scopes } => {
            change(network, app.as_deref(), workspace.as_deref(), |install| install.scopes = scopes)?;
        }
        Deed::Subscribe { app, events } => set_events(network, app.as_deref(), events)?,
        Deed::Refresh { app, reason, socket } => {
            let close_at_ms = network.now_ms() + network.settings.refresh_close_ms;
            let is_warning = reason == "warning";
            for id in sockets(network, app.as_deref(), socket)? {
                network.links.disconnect(id, &reason, (!is_warning).then_some(close_at_ms));
            }
        }
        Deed::CloseSockets { app, socket, is_rude } => {
            for id in sockets(network, app.as_deref(), socket)? {
                network.links.end(id, if is_rude { Frame::Cut } else { Frame::Close });
            }
        }
        Deed::Silence { app, socket } => {
            for id in sockets(network, app.as_deref(), socket)? {
                network.links.silence(id);
            }
        }
        Deed::SocketMode { app, is_on } => {
            let now = network.now_ms();
            let living = sockets(network, app.as_deref(), None)?;
            let app = app_of(network, app.as_deref())?;
            network.apps.entry(app).and_modify(|app| app.has_socket_mode = is_on);
            for id in living.into_iter().filter(|_| !is_on) {
                network.links.disconnect(id, "link_disabled", Some(now));
            }
        }
        other => return Err(format!("nobody does {other:?}")),
    }
    Ok(json!({}))
}

fn change(
    network: &mut Network,
    app: Option<&str>,
    workspace: Option<&str>,
    how: impl FnOnce(&mut Install),
) -> Result<(), String> {
    let me = install_or_first(network, app, workspace)?;
    network.installs.iter_mut().find(|install| install.user == me.user).map(how).ok_or_else(|| "it is gone".to_owned())
}

fn set_events(network: &mut Network, app: Option<&str>, events: BTreeSet<String>) -> Result<(), String> {
    let app = app_of(network, app)?;
    network.apps.entry(app).and_modify(|app| app.events = events);
    Ok(())
}

fn sockets(network: &Network, app: Option<&str>, socket: Option<u64>) -> Result<Vec<u64>, String> {
    let living = network.links.living(&app_of(network, app)?);
    Ok(living.into_iter().filter(|id| socket.is_none_or(|socket| socket == *id)).collect())
}
