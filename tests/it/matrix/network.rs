//! A deployment that is an account on a homeserver of our own.

use lastword_tests::{
    matrix::room::{Message, ledger},
    oracle::{Findings, Oracle},
};

use crate::world::{Matrix, PASSWORD, Person, Settings, World};

/// The lines of an account that is the bot, with `more` lines.
pub fn account(matrix: &Matrix, more: &str) -> String {
    let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
    let (url, user) = (matrix.url(), &matrix.bot().user);
    format!("ada:\n  network: matrix\n  homeserver: '{url}'\n  user: '{user}'\n  password: '{PASSWORD}'\n{more}")
}

/// A deployment with the bot as `ada`, to whom everybody may talk; returns when it listens.
pub async fn world(matrix: &Matrix, more: &str) -> World {
    world_with(matrix, &format!("allow: {{ users: ['*'] }}\n{more}"), Settings::default()).await
}

/// The same, with these lines alone, and set up like this.
pub async fn world_with(matrix: &Matrix, lines: &str, settings: Settings) -> World {
    let world = World::start_with(Settings { accounts: account(matrix, lines), ..settings }).await;
    listens(&world).await;
    world
}

/// Waits until the account has a link.
pub async fn listens(world: &World) {
    world
        .until("it listens", async |world| (world.page().await?["accounts"]["ada"]["ready"] == true).then_some(()))
        .await;
}

/// The bot's messages in a room that still stand there, oldest first.
pub async fn shown(matrix: &Matrix, reader: &Person<'_>, room: &str) -> Vec<Message> {
    let is_ours = |message: &Message| message.event.sender == matrix.bot().user && !message.is_redacted;
    reader.reads(room).await.into_iter().filter(is_ours).collect()
}

/// Waits until the bot says this there.
pub async fn says(world: &World, matrix: &Matrix, reader: &Person<'_>, room: &str, words: &str) -> Message {
    world
        .until(&format!("it says {words:?}"), async |_| {
            let shown = shown(matrix, reader, room).await;
            shown.into_iter().find(|message| message.now().text.contains(words))
        })
        .await
}

/// Waits until nothing is owed, and judges all that a person sees: every last word is there once.
pub async fn is_answered_once(world: &World, matrix: &Matrix, reader: &Person<'_>) {
    let oracle = Oracle::new(|token| format!("done {token}"));
    let bot = &matrix.bot().user;
    world
        .until("nothing is missing", async |_| {
            oracle.judge(&ledger(&reader.events().await, bot, 0)).missing.is_empty().then_some(())
        })
        .await;
    world.judge().await;
    reader.catches_up().await;
    assert_eq!(oracle.judge(&ledger(&reader.events().await, bot, 0)), Findings::default());
}
