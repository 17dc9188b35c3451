//! One deployment and its rounds: break, heal, wait until all is quiet, judge.

use std::time::{Duration, Instant};

use lastword_tests::ledger::Book;

use super::{
    act::Hand,
    judge::{Judgement, judge},
    people,
    report::{Report, Round},
    schedule::{Event, Schedule},
};
use crate::world::{FakeClock, Network, Settings, World};

/// How often it is looked whether the supervisor runs, and whether all is quiet.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long after the last fault all has to be quiet: pauses between attempts have grown by then.
const QUIET_WITHIN: Duration = Duration::from_secs(180);

/// A deployment that is being broken.
pub struct Run {
    pub world: World,
    pub network: Network,
    hand: Hand,
    has_disk: bool,
    book: Book,
    pub report: Report,
}

/// Why a round is red.
#[derive(Debug)]
pub enum Red {
    /// It did not get quiet; what the book says then.
    Restless(Box<Judgement>),
    /// It is quiet, and not as it should be.
    Broken(Box<Judgement>),
    /// `lastword audit` found something.
    Audit(String),
}

/// A deployment as chaos needs it: impatient, and in small messages.
pub fn settings(network: Network) -> Settings {
    let exact = "request_lifetime: 5s\nedit_interval: 300ms\ntext_max: 400";
    let account = match network {
        Network::Careless => format!("{exact}\nplaceholder: false\nunknown: resend"),
        Network::Native | Network::EditOnly | Network::Findable => exact.to_owned(),
        Network::Telegram | Network::Slack | Network::Matrix => String::new(),
    };
    Settings {
        network,
        account,
        script: people::SCRIPT,
        agents: vec![("again", "on_lost: replay\nmax_attempts: 100".into())],
        routes: people::routes(),
        chats: people::CHATS.to_vec(),
        // Whoever is killed again and again has failed no start.
        top: "restart: { failures_max: 10000, pause: 20ms, pause_max: 200ms, hung_after: 2s, kill_after: 1s }".into(),
        ..Settings::default()
    }
}

impl Run {
    pub async fn start(settings: Settings, clock: Option<FakeClock>) -> Self {
        let (network, has_disk) = (settings.network, settings.disk.is_some());
        let world = World::start_with(settings).await;
        let hand = Hand::new(clock);
        Self { world, network, hand, has_disk, book: Book::default(), report: Report::default() }
    }

    /// Plays a schedule to its end, heals everything, and judges the whole book when all is quiet.
    pub async fn round(&mut self, schedule: &Schedule) -> Result<(), Red> {
        let begin = Instant::now();
        let first = self.book.people.len();
        for (at_ms, event) in &schedule.events {
            let at = begin + Duration::from_millis(*at_ms);
            while let Some(left) = at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                self.restart();
                tokio::time::sleep(left.min(LOOK_EVERY)).await;
            }
            self.act(event).await;
        }
        let (judgement, healed_ms, quiet) = self.settle().await?;
        let said = &self.book.people[first..];
        let words = said.iter().filter_map(|said| judgement.words_at_ms.get(&said.id));
        let late_ms = words.filter_map(|at_ms| at_ms.checked_sub(healed_ms)).collect();
        self.report.rounds.push(Round { seed: schedule.seed, said: said.len(), quiet, late_ms });
        Ok(())
    }

    pub async fn act(&mut self, event: &Event) {
        self.hand.act(&self.world, event).await;
    }

    fn restart(&mut self) {
        if self.world.keep_running() {
            self.report.starts += 1;
        }
    }

    /// Heals, waits until all is quiet, and judges; also says when it was healed, on the ledger's clock, and how long it
    /// took to get quiet.
    pub async fn settle(&mut self) -> Result<(Judgement, u64, Duration), Red> {
        self.hand.heal(&self.world, self.has_disk).await;
        let (healed, healed_ms) = (Instant::now(), self.world.chat().now_ms());
        while !self.is_quiet().await {
            if healed.elapsed() > QUIET_WITHIN {
                return Err(Red::Restless(Box::new(self.judge())));
            }
            self.restart();
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let quiet = healed.elapsed();
        self.world.chat().read_on(&mut self.book).await;
        let judgement = self.judge();
        self.report.verdict = judgement.to_string();
        self.report.done.clone_from(&self.hand.done);
        if !judgement.is_clean(self.network) {
            return Err(Red::Broken(Box::new(judgement)));
        }
        self.audit().await?;
        Ok((judgement, healed_ms, quiet))
    }

    fn judge(&self) -> Judgement {
        let notes = std::fs::read_to_string(self.world.file("notes")).unwrap_or_default();
        judge(&self.book, &notes, self.network)
    }

    /// Whether everything that was said is accepted, nothing is owed, and nothing is on its way.
    async fn is_quiet(&mut self) -> bool {
        self.world.chat().read_on(&mut self.book).await;
        let Some(page) = self.world.page().await else { return false };
        let (turns, deliveries) = (&page["store"]["turns"], &page["store"]["deliveries"]);
        let is_idle = [&turns["queued"], &turns["running"], &deliveries["open"]].iter().all(|count| **count == 0);
        is_idle && self.is_all_accepted()
    }

    /// What Slack gave up and its history told of is acknowledged to nobody, and nothing is on Matrix: there the last words have to show it.
    fn is_all_accepted(&self) -> bool {
        match self.network {
            Network::Slack | Network::Matrix => self.judge().findings.missing.is_empty(),
            _ => self.book.confirmed == self.book.people.len() as u64,
        }
    }

    async fn audit(&self) -> Result<(), Red> {
        let world = &self.world;
        let (is_clean, said) = if self.has_disk {
            // A disk of its own is seen by the deployment only.
            let (program, config, said) = (world.program(), world.config(), world.file("audit"));
            let (program, config, file) = (program.display(), config.display(), said.display());
            world.on_its_disk(&format!("{program} --config {config} audit > {file} 2>&1; echo $? >> {file}")).await;
            let said = std::fs::read_to_string(said).unwrap();
            (said.lines().last() == Some("0"), said)
        } else {
            let audit = world.lastword(&["audit"]).output().unwrap();
            (audit.status.success(), String::from_utf8_lossy(&audit.stdout).into_owned())
        };
        if is_clean { Ok(()) } else { Err(Red::Audit(said)) }
    }
}
