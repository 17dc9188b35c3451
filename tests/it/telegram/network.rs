//! A deployment that is the bot of a Telegram of our own, and people's deeds there as short as JSON.

use lastword_tests::telegram::{Author, Book, Message};
use serde_json::{Value, json};

use crate::world::{self, Settings, World};

/// A Telegram with one bot in it.
pub struct Telegram {
    pub network: world::Telegram,
    pub bot: i64,
    http: reqwest::Client,
}

impl Telegram {
    pub async fn start() -> Self {
        let network = world::Telegram::start().await;
        let bot = network.token().split(':').next().unwrap().parse().unwrap();
        Self { network, bot, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub fn url(&self) -> &str {
        self.network.url()
    }

    pub fn token(&self) -> &str {
        self.network.token()
    }

    /// A deed of people or of the network.
    pub async fn does(&self, deed: &str, how: Value) -> Value {
        let answer = self.http.post(format!("{}/control/{deed}", self.url())).json(&how).send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{deed} {how}: {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// The private chat with Alice, who speaks unless another is named.
    pub async fn alice(&self) -> i64 {
        self.does("person", json!({ "name": "alice" })).await["id"].as_i64().unwrap()
    }

    /// Somebody says something; returns the message's number.
    pub async fn says(&self, how: Value) -> i64 {
        self.does("say", how).await["message_id"].as_i64().unwrap()
    }

    /// How the network behaves from now on.
    pub async fn is_out(&self, is_out: bool) {
        let settings = if is_out { json!({ "outage": "cut" }) } else { json!({}) };
        self.does("settings", settings).await;
    }

    /// Whether polls find nothing, whatever waits.
    pub async fn withholds(&self, is_withholding: bool) {
        self.does("settings", json!({ "is_withholding": is_withholding })).await;
    }

    pub async fn book(&self) -> Book {
        self.network.book().await
    }

    /// Asks the Bot API as this bot.
    pub async fn asks(&self, method: &str, how: Value) -> Value {
        let url = format!("{}/bot{}/{method}", self.url(), self.token());
        self.http.post(url).json(&how).send().await.unwrap().json().await.unwrap_or_default()
    }

    /// The bot's messages that people see in a chat and a topic, oldest first.
    pub async fn shown(&self, chat: i64, thread: Option<i64>) -> Vec<Message> {
        let messages = self.book().await.messages.into_iter();
        let is_ours = |message: &Message| message.author == Author::Bot(self.bot);
        let is_here = |message: &Message| message.chat.id == chat && message.thread == thread && !message.is_deleted;
        messages.filter(|message| is_ours(message) && is_here(message)).collect()
    }

    /// The lines of an account that is this bot.
    pub fn account(&self) -> String {
        format!(
            "phone:\n  network: telegram\n  token: '{}'\n  api_url: '{}'\n  allow: {{ users: ['*'] }}\n",
            self.token(),
            self.url()
        )
    }

    /// A deployment with this bot and `more` lines for its account; returns when it is ready.
    pub async fn world(&self, more: &str) -> World {
        self.world_with(more, Settings::default()).await
    }

    /// The same with these settings beside.
    pub async fn world_with(&self, more: &str, settings: Settings) -> World {
        let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
        World::start_with(Settings { accounts: self.account() + more.as_str(), ..settings }).await
    }
}

/// Waits for the answer to a message and returns its text.
pub async fn answer(world: &World, telegram: &Telegram, chat: i64, message: i64) -> String {
    answer_in(world, telegram, chat, None, message).await
}

/// The same in a topic.
pub async fn answer_in(world: &World, telegram: &Telegram, chat: i64, thread: Option<i64>, message: i64) -> String {
    let what = format!("message {message} is answered");
    world
        .until(&what, async |_| {
            let shown = telegram.shown(chat, thread).await;
            // A bridge that was killed may have left an orphan of a placeholder.
            let answers = shown.into_iter().filter(|shown| shown.reply_to == Some(message));
            let mut texts = answers.map(|answer| answer.now().text.clone());
            texts.find(|text| !text.starts_with('…') && !text.starts_with("step"))
        })
        .await
}
