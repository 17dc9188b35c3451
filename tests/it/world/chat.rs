//! The network that a deployment is on: people talk there, a hand breaks it, and its ledger is read, whichever it is.

use lastword_tests::{
    ledger::{self, Book},
    matrix, slack, telegram,
};

use super::{Network, Settings, homestead::Homestead, ledger::Ledger, town::Town, workspace::Workspace};

/// A network in a process of its own; ends with this value.
pub enum Chat {
    Scripted(Ledger),
    Telegram(Town),
    Slack(Workspace),
    Matrix(Box<Homestead>),
}

/// What becomes of the next requests, in the words of the network that they are for.
#[derive(Clone, Debug)]
pub enum Faults {
    Scripted(ledger::On, Vec<ledger::Fault>),
    /// Of this method; of all that post or change a message, if it names none.
    Telegram(Option<&'static str>, Vec<telegram::Fault>),
    /// The same.
    Slack(Option<&'static str>, Vec<slack::Fault>),
    /// Of this path.
    Matrix(Option<&'static str>, Vec<matrix::Fault>),
}

impl Faults {
    /// How many requests meet one.
    pub fn count(&self) -> usize {
        match self {
            Self::Scripted(_, faults) => faults.len(),
            Self::Telegram(_, faults) => faults.len(),
            Self::Slack(_, faults) => faults.len(),
            Self::Matrix(_, faults) => faults.len(),
        }
    }
}

impl Chat {
    pub(super) async fn start(settings: &Settings) -> Self {
        match settings.network {
            Network::Telegram => Self::Telegram(Town::start(&settings.chats).await),
            Network::Slack => Self::Slack(Workspace::start(&settings.chats).await),
            Network::Matrix => Self::Matrix(Box::new(Homestead::start(&settings.chats).await)),
            network => Self::Scripted(Ledger::start(network == Network::Native).await),
        }
    }

    pub(super) fn scripted(&self) -> &Ledger {
        match self {
            Self::Scripted(ledger) => ledger,
            Self::Telegram(_) | Self::Slack(_) | Self::Matrix(_) => panic!("this network follows no such script"),
        }
    }

    /// The lines of the account that the deployment has here.
    pub(super) fn account(&self, network: Network) -> String {
        let idempotency = match (self, network) {
            (Self::Telegram(town), _) => return town.account(),
            (Self::Slack(workspace), _) => return workspace.account(),
            (Self::Matrix(homestead), _) => return homestead.account(),
            (_, Network::Native) => "native",
            (_, Network::EditOnly) => "edit_only",
            (_, Network::Findable) => "findable",
            (_, Network::Careless | Network::Telegram | Network::Slack | Network::Matrix) => "none",
        };
        format!(
            "network: scripted\nurl: '{}'\nidempotency: {idempotency}\nallow: {{ users: [alice, bob] }}\nadmins: [alice]",
            self.scripted().url()
        )
    }

    /// What the network calls a conversation.
    pub fn id_of(&self, conversation: &str) -> String {
        match self {
            Self::Scripted(_) => conversation.to_owned(),
            Self::Telegram(town) => town.id_of(conversation).to_string(),
            Self::Slack(workspace) => workspace.id_of(conversation),
            Self::Matrix(homestead) => homestead.id_of(conversation),
        }
    }

    pub(super) async fn say_in(&self, who: &str, place: (&str, Option<&str>), text: &str) -> String {
        match self {
            Self::Scripted(ledger) => ledger.say_in(who, place, text).await,
            Self::Telegram(town) => town.say_in(who, place, text).await,
            Self::Slack(workspace) => workspace.say_in(who, place, text).await,
            Self::Matrix(homestead) => homestead.say_in(who, place, text).await,
        }
    }

    pub(super) async fn book(&self) -> Book {
        let mut book = Book::default();
        self.read_on(&mut book).await;
        book
    }

    /// Reads on in its ledger.
    pub async fn read_on(&self, book: &mut Book) {
        match self {
            Self::Scripted(ledger) => ledger.read_on(book).await,
            Self::Telegram(town) => town.read_on(book).await,
            Self::Slack(workspace) => workspace.read_on(book).await,
            Self::Matrix(homestead) => homestead.read_on(book).await,
        }
    }

    /// Its clock, in milliseconds since it started.
    pub fn now_ms(&self) -> u64 {
        match self {
            Self::Scripted(ledger) => ledger.now_ms(),
            Self::Telegram(town) => town.now_ms(),
            Self::Slack(workspace) => workspace.now_ms(),
            Self::Matrix(homestead) => homestead.now_ms(),
        }
    }

    /// What becomes of the next requests, in a conversation or anywhere.
    pub async fn will(&self, conversation: Option<&str>, faults: Faults) {
        match (self, faults) {
            (Self::Scripted(ledger), Faults::Scripted(on, faults)) => ledger.script(conversation, on, faults).await,
            (Self::Telegram(town), Faults::Telegram(method, faults)) => town.script(conversation, method, faults).await,
            (Self::Slack(workspace), Faults::Slack(method, faults)) => {
                workspace.script(conversation, method, faults).await;
            }
            (Self::Matrix(homestead), Faults::Matrix(path, faults)) => {
                homestead.script(conversation, path, faults).await;
            }
            _ => panic!("these faults are another network's"),
        }
    }

    /// Forgets every fault that has not happened yet.
    pub async fn clear_faults(&self) {
        match self {
            Self::Scripted(ledger) => ledger.clear_faults().await,
            Self::Telegram(town) => town.clear_faults().await,
            Self::Slack(workspace) => workspace.clear_faults().await,
            Self::Matrix(homestead) => homestead.clear_faults().await,
        }
    }

    /// Whether it refuses everything from now on.
    pub async fn is_out(&self, is_out: bool) {
        match self {
            Self::Scripted(ledger) => ledger.is_out(is_out).await,
            Self::Telegram(town) => town.is_out(is_out).await,
            Self::Slack(workspace) => workspace.is_out(is_out).await,
            Self::Matrix(homestead) => homestead.is_out(is_out).await,
        }
    }

    /// The link is taken away for a moment: somebody else receives as the bot, or the network replaces its sockets, or dies
    /// and is there again.
    pub async fn is_taken(&self) {
        match self {
            Self::Scripted(_) => {}
            Self::Telegram(town) => town.is_taken().await,
            Self::Slack(workspace) => workspace.refresh().await,
            Self::Matrix(homestead) => homestead.restart().await,
        }
    }
}
