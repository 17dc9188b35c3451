//! A homeserver with one bot, and the rooms and threads that a test's conversations are in.

use std::{collections::BTreeMap, time::Instant};

use lastword_tests::{
    ledger::Book,
    matrix::{Fault, FaultScript, Outage, Settings, room::ledger},
};
use serde_json::json;

use super::{Matrix, PASSWORD, town::ChatKind};

/// A Synapse in a process of its own, with rooms in it: direct ones are encrypted, and of the others every second.
pub struct Homestead {
    matrix: Matrix,
    rooms: BTreeMap<&'static str, (String, ChatKind)>,
    /// The roots of the topics, by room and name.
    roots: BTreeMap<(String, String), String>,
    started: Instant,
    /// The same on the homeserver's clock.
    started_at_ms: u64,
}

impl Homestead {
    pub(super) async fn start(chats: &[(&'static str, ChatKind)]) -> Self {
        let matrix = Matrix::maybe_start().await.expect("whoever asks for it looks first whether it is installed");
        let (alice, bob) = (matrix.person("alice").await, matrix.person("bob").await);
        let bot = matrix.bot().user.clone();
        let (mut rooms, mut roots) = (BTreeMap::new(), BTreeMap::new());
        for (n, (name, kind)) in chats.iter().enumerate() {
            let is_direct = *kind == ChatKind::Private;
            let guests = if is_direct { vec![bot.as_str()] } else { vec![bot.as_str(), bob.id()] };
            let how = json!({
                "name": name, "invite": guests, "is_direct": is_direct, "is_encrypted": is_direct || n % 2 == 0,
            });
            let room = alice.opens(how).await;
            matrix.bot_joins(&room).await;
            if !is_direct {
                bob.does("join", json!({ "room": room })).await;
                alice.sees(&room, bob.id()).await;
            }
            if let ChatKind::Forum(topics) = kind {
                for topic in *topics {
                    roots.insert((room.clone(), (*topic).to_owned()), alice.says(&room, topic).await);
                }
            }
            rooms.insert(*name, (room, *kind));
        }
        alice.catches_up().await;
        let (started, events) = (Instant::now(), alice.events().await);
        let started_at_ms = events.last().map_or(0, |event| event.at_ms);
        Self { matrix, rooms, roots, started, started_at_ms }
    }

    pub(super) fn account(&self) -> String {
        let (url, user, alice) =
            (self.matrix.url(), &self.matrix.bot().user, self.matrix.of_name("alice").id().to_owned());
        format!(
            "network: matrix\nhomeserver: '{url}'\nuser: '{user}'\npassword: '{PASSWORD}'\nallow: {{ users: ['*'] }}\n\
             admins: ['{alice}']"
        )
    }

    pub(super) fn id_of(&self, conversation: &str) -> String {
        self.rooms[conversation].0.clone()
    }

    /// As one speaks to a bot: among others it is named.
    pub(super) async fn say_in(&self, who: &str, (conversation, topic): (&str, Option<&str>), text: &str) -> String {
        let (room, kind) = &self.rooms[conversation];
        let is_private = *kind == ChatKind::Private;
        let person = self.matrix.of_name(if is_private { "alice" } else { who });
        let bot = &self.matrix.bot().user;
        person.sees(room, bot).await;
        let mut how = json!({ "mentions": if is_private { vec![] } else { vec![bot] } });
        if let Some(root) = topic.and_then(|topic| self.roots.get(&(room.clone(), topic.to_owned()))) {
            how["thread"] = root.as_str().into();
        }
        person.says_so(room, text, how).await
    }

    pub(super) async fn read_on(&self, book: &mut Book) {
        let events = self.matrix.of_name("alice").events().await;
        *book = ledger(&events, &self.matrix.bot().user, self.started_at_ms);
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    /// What becomes of the next requests whose path holds this.
    pub(super) async fn script(&self, conversation: Option<&str>, path: Option<&str>, faults: Vec<Fault>) {
        let room = conversation.map(|conversation| format!("/rooms/{}/", self.id_of(conversation)));
        let path = match (room, path) {
            (Some(room), path) => Some(format!("{room}*{}", path.unwrap_or("send/"))),
            (None, path) => path.map(Into::into),
        };
        self.matrix.script(&FaultScript { method: None, path, skip: 0, is_lasting: false, faults }).await;
    }

    pub(super) async fn clear_faults(&self) {
        self.matrix.clear_faults().await;
    }

    pub(super) async fn is_out(&self, is_out: bool) {
        self.matrix.set(&Settings { outage: is_out.then_some(Outage::Gateway) }).await;
    }

    /// The homeserver dies, and is there again.
    pub(super) async fn restart(&self) {
        self.matrix.synapse("kill").await;
        self.matrix.synapse("start").await;
    }
}
