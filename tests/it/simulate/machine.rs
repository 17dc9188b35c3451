//! The machine of one story: its disk, its clock, the processes on it, and a supervisor that starts what died.
//!
//! Time goes on in steps of a few milliseconds. In each, every process that is not frozen runs, one after the other in an
//! order drawn by chance; then the network does what is due.

mod observe;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use fastrand::Rng;
use lastword::{bridge, config::Config, worker};
use lastword_core::{agent::Agent, faults::Point, ids::IncarnationId, provider::Provider};
use lastword_store::{
    SqliteStore,
    disk::{self, Disk, Moment},
};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{
    agent::SimulatedAgent,
    network::{LIFETIME_MS, Network, SimulatedProvider},
    process::{Birth, Process, Step, Watch, die},
    story::{Blow, End, How, Story, What, Who, hash},
    supervisor::{self, Order},
    template,
};

/// When a story that is not quiet has failed, in milliseconds.
const PATIENCE_MS: i64 = 900_000;
/// How long all must be quiet, beyond a request's lifetime.
const SETTLING_MS: i64 = 500;
/// How often it is asked whether all is quiet.
const LOOK_EVERY_MS: i64 = 100;
/// Who looks at the store from outside has a number above this; after a power cut it is somebody else.
const OBSERVERS: u32 = u32::MAX / 2;
/// Orders that may wait for a supervisor.
const ORDERS_MAX: usize = 1_024;

/// One machine and its story so far.
pub struct Machine<'s> {
    story: &'s Story,
    config: Config,
    disk: Disk,
    pub network: Arc<Network>,
    chance: Rng,
    now: i64,
    stepped: Arc<AtomicI64>,
    running: Vec<Running>,
    starts: Vec<(i64, Who)>,
    orders: Option<mpsc::Sender<Order>>,
    births: u32,
    heals: Vec<(i64, Heal)>,
    /// Who is to die at an operation, and is not there yet.
    unborn: Vec<(Who, u64, Moment, bool)>,
    /// Whether somebody died with the whole machine.
    blackout: Rc<Cell<bool>>,
    passes: Rc<RefCell<Vec<Point>>>,
    _watch: Watch,
    observer: Option<Arc<SqliteStore>>,
    observers: u32,
    happened: Vec<String>,
    folder: TempDir,
}

struct Running {
    who: Who,
    process: Process,
    frozen_until: Option<i64>,
    /// It was decided as lost while it stood still.
    is_robbed: bool,
    /// The whole machine dies with it.
    takes_power: bool,
    begun: i64,
}

enum Heal {
    Disk,
    Network,
}

impl<'s> Machine<'s> {
    pub fn new(story: &'s Story) -> Self {
        let folder = template::folder();
        let disk = template::disk(folder.path());
        let mut config = template::config(story);
        config.state_dir = folder.path().join("state");
        config.store_path = folder.path().join(template::STORE);
        let (blackout, passes) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(Vec::new())));
        let _watch = watch(story.ends.clone(), Rc::clone(&blackout), Rc::clone(&passes));
        Self {
            story,
            config,
            disk,
            network: Network::new(story.kind, story.seed, story.trouble),
            chance: Rng::with_seed(hash(story.seed, &["machine"])),
            now: 0,
            stepped: Arc::default(),
            running: Vec::new(),
            starts: vec![(0, Who::Supervisor)],
            orders: None,
            births: 0,
            heals: Vec::new(),
            unborn: Vec::new(),
            blackout,
            passes,
            _watch,
            observer: None,
            observers: OBSERVERS,
            happened: Vec::new(),
            folder,
        }
    }

    /// Tells the whole story; `Err` says that it did not become quiet.
    pub fn tell(&mut self) -> Result<(), String> {
        let mut words: Vec<_> = self.story.words.iter().collect();
        words.sort_by_key(|words| words.at);
        let mut words = words.into_iter().peekable();
        let mut blows = self.story.blows.clone();
        blows.sort_by_key(|blow| blow.at);
        let mut blows = blows.into_iter().peekable();
        let (mut look_at, mut quiet_since) = (0, None);
        loop {
            while let Some(said) = words.next_if(|words| words.at <= self.now) {
                let id = self.network.say(said.place, said.sender, &said.text);
                self.note(format_args!("{id}: {} in {}: {}", said.sender, said.place, said.text));
            }
            while let Some(Blow { what, .. }) = blows.next_if(|blow| blow.at <= self.now) {
                self.note(format_args!("{what:?}"));
                self.strike(what);
            }
            self.heal();
            self.start();
            let is_told = words.peek().is_none() && blows.peek().is_none() && self.heals.is_empty();
            let step = [1, 2, 5, 10, 25, 60][self.chance.usize(0..6)];
            self.now += if quiet_since.is_some() { step * 4 } else { step };
            self.run();
            self.network.advance(self.now);
            if is_told && self.now >= look_at {
                look_at = self.now + LOOK_EVERY_MS;
                // Whatever may still come of what was on its way comes within a request's lifetime.
                let since = *quiet_since.get_or_insert(self.now);
                match self.is_quiet() {
                    true if self.now - since > LIFETIME_MS + SETTLING_MS => return Ok(()),
                    true => {}
                    false => quiet_since = None,
                }
            }
            if self.now > PATIENCE_MS {
                return Err(format!("not quiet after {PATIENCE_MS} ms: {:?}", self.counts()));
            }
        }
    }

    /// What happened, line by line.
    pub fn happened(&self) -> &[String] {
        &self.happened
    }

    /// Every point that was passed, in order.
    pub fn passes(&self) -> Vec<Point> {
        self.passes.borrow().clone()
    }

    /// How many operations each process that is still there has asked of the disk.
    pub fn operations(&self) -> Vec<(Who, u64)> {
        self.running.iter().map(|running| (running.who, self.disk.operations(running.process.id))).collect()
    }

    /// How long it took, in milliseconds of the story.
    pub fn span_ms(&self) -> i64 {
        self.now
    }

    fn note(&mut self, what: std::fmt::Arguments<'_>) {
        // Neither the folder's name nor a task's number is the story's.
        let what = what.to_string().replace(&self.folder.path().display().to_string(), "");
        let what = match what.split_once(" ends: task ") {
            Some((who, died)) => format!("{who} ends: task{}", died.trim_start_matches(|c: char| c.is_ascii_digit())),
            None => what,
        };
        self.happened.push(format!("{:>6} ms  {what}", self.now));
    }

    // --- what breaks ------------------------------------------------------------------------------------------

    fn strike(&mut self, what: What) {
        match what {
            What::Kill(who) => {
                if let Some(which) = self.current(who) {
                    self.end(which, "killed");
                }
            }
            What::PowerCut => self.cut_power(),
            What::Freeze(who, ms) => {
                if let Some(which) = self.current(who) {
                    self.running[which].frozen_until = Some(self.now + ms);
                }
            }
            What::Rob(who, ms) => {
                if let Some(which) = self.current(who) {
                    let (now, running) = (self.now, &mut self.running[which]);
                    running.frozen_until = Some(now + ms);
                    running.is_robbed = true;
                    let lost = running.process.incarnation.clone();
                    self.order(&lost);
                    self.starts.push((now, who));
                }
            }
            What::DieAtOperation { who, nth, moment, takes_power } => match self.current(who) {
                Some(which) => self.arm(which, nth, moment, takes_power),
                None => self.unborn.push((who, nth, moment, takes_power)),
            },
            What::Disk(trouble, ms) => {
                self.disk.set_trouble(Some(trouble));
                self.heals.push((self.now + ms, Heal::Disk));
            }
            What::NetworkOut(ms) => {
                self.network.set_out(true);
                self.heals.push((self.now + ms, Heal::Network));
            }
            What::ClockStep(ms) => {
                self.stepped.fetch_add(ms, Ordering::Relaxed);
            }
        }
    }

    fn arm(&mut self, which: usize, nth: u64, moment: Moment, takes_power: bool) {
        self.running[which].takes_power = takes_power;
        self.disk.die_at(self.running[which].process.id, nth, moment);
    }

    /// The last trouble of a kind that ends ends it.
    fn heal(&mut self) {
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.heals).into_iter().partition(|(at, _)| *at <= now);
        self.heals = later;
        for (_, heal) in due {
            match heal {
                Heal::Disk if !self.heals.iter().any(|(_, heal)| matches!(heal, Heal::Disk)) => {
                    self.note(format_args!("the disk is well"));
                    self.disk.set_trouble(None);
                }
                Heal::Network if !self.heals.iter().any(|(_, heal)| matches!(heal, Heal::Network)) => {
                    self.note(format_args!("the network is back"));
                    self.network.set_out(false);
                }
                Heal::Disk | Heal::Network => {}
            }
        }
    }

    fn cut_power(&mut self) {
        let chance = &mut self.chance;
        self.disk.power_cut(|| chance.u64(..));
        self.observer = None;
        self.observers += 1;
        while !self.running.is_empty() {
            self.bury(0, "the power is cut");
        }
        // There is none before the first process.
        let _ = lastword_store::journal::power_cut(&self.config.state_dir.join("journal"));
        self.orders = None;
        let at = self.now + self.chance.i64(1..500);
        self.starts = vec![(at, Who::Supervisor)];
    }

    // --- processes --------------------------------------------------------------------------------------------

    fn current(&self, who: Who) -> Option<usize> {
        self.running.iter().position(|running| running.who == who && !running.is_robbed)
    }

    fn start(&mut self) {
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.starts).into_iter().partition(|(at, _)| *at <= now);
        self.starts = later;
        for (_, who) in due {
            if who == Who::Supervisor || self.current(Who::Supervisor).is_some() {
                self.begin(who);
            }
        }
    }

    fn begin(&mut self, who: Who) {
        self.births += 1;
        let id = disk::Process(self.births);
        let name = format!("{}-{}", format!("{who:?}").to_lowercase(), self.births);
        let birth = Birth { id, name: &name, seed: self.story.seed, now: self.now, stepped: &self.stepped };
        let config = self.config.clone();
        let process = match who {
            Who::Supervisor => {
                let (orders, inbox) = mpsc::channel(ORDERS_MAX);
                self.orders = Some(orders);
                for child in [Who::Bridge, Who::Worker] {
                    self.starts.push((self.now + self.chance.i64(0..20), child));
                }
                Process::begin(&birth, || supervisor::run(config, inbox))
            }
            Who::Bridge => {
                let provider: Arc<dyn Provider> = Arc::new(SimulatedProvider::new(&self.network, id.0));
                Process::begin(&birth, || async { match bridge::simulate(config, vec![provider]).await? {} })
            }
            Who::Worker => {
                let agents = template::AGENTS.map(|name| Arc::new(SimulatedAgent::new(name)) as Arc<dyn Agent>);
                Process::begin(&birth, || async { match worker::simulate(config, agents.into()).await? {} })
            }
        };
        self.note(format_args!("{name} begins"));
        self.running.push(Running {
            who,
            process,
            frozen_until: None,
            is_robbed: false,
            takes_power: false,
            begun: self.now,
        });
        let which = self.running.len() - 1;
        if let Some(wanted) = self.unborn.iter().position(|(unborn, ..)| *unborn == who) {
            let (_, nth, moment, takes_power) = self.unborn.remove(wanted);
            self.arm(which, nth, moment, takes_power);
        }
    }

    fn run(&mut self) {
        let mut order: Vec<u32> = self.running.iter().map(|running| running.process.id.0).collect();
        self.chance.shuffle(&mut order);
        for id in order {
            let Some(which) = self.running.iter().position(|running| running.process.id.0 == id) else { continue };
            let (now, running) = (self.now, &mut self.running[which]);
            let step = match running.frozen_until {
                Some(until) if now < until => continue,
                Some(_) => {
                    running.frozen_until = None;
                    running.process.wake(now)
                }
                None => running.process.run(now),
            };
            let is_dead = self.disk.is_dead(disk::Process(id));
            if is_dead && self.running[which].takes_power {
                self.blackout.set(true);
            }
            match step {
                Step::Ended(why) => self.end(which, &why),
                Step::GoesOn if is_dead => self.end(which, "killed at an operation"),
                Step::GoesOn => {}
            }
            if self.blackout.take() {
                self.cut_power();
                return;
            }
        }
    }

    /// A process has ended: its parent sees that, decides it and starts another.
    fn end(&mut self, which: usize, why: &str) {
        let (who, is_robbed) = (self.running[which].who, self.running[which].is_robbed);
        let was_short = self.now - self.running[which].begun < 1_000;
        let dead = self.bury(which, why);
        if who == Who::Supervisor {
            // Its children's lifelines are cut.
            while !self.running.is_empty() {
                self.bury(0, "its supervisor is gone");
            }
            self.orders = None;
            self.starts = vec![(self.now + self.chance.i64(20..1_000), Who::Supervisor)];
            return;
        }
        if is_robbed {
            return;
        }
        self.order(&dead);
        let pause = if was_short { self.chance.i64(100..1_000) } else { self.chance.i64(0..30) };
        self.starts.push((self.now + pause, who));
    }

    fn order(&mut self, lost: &IncarnationId) {
        if let Some(orders) = &self.orders {
            orders.try_send(Order::Decide(lost.clone())).expect("a supervisor takes its orders");
        }
    }

    fn bury(&mut self, which: usize, why: &str) -> IncarnationId {
        let Running { process, .. } = self.running.remove(which);
        let dead = process.incarnation.clone();
        self.note(format_args!("{dead} ends: {why}"));
        self.disk.kill(process.id);
        self.network.bury(process.id.0);
        process.bury();
        // What is killed leaves the file of its lock behind.
        let lock = self.config.state_dir.join("incarnations").join(format!("{dead}.lock"));
        let _ = std::fs::File::options().create(true).truncate(false).write(true).open(lock);
        dead
    }

    // --- from outside -----------------------------------------------------------------------------------------

    /// Whether nothing is left to do: everybody has a last word, nothing is owed, open or on its way.
    fn is_quiet(&mut self) -> bool {
        let is_alive = [Who::Supervisor, Who::Bridge, Who::Worker].into_iter().all(|who| self.current(who).is_some());
        let are_awake = self.running.iter().all(|running| running.frozen_until.is_none());
        if !is_alive || !are_awake || !self.starts.is_empty() || !self.network.is_quiet() {
            return false;
        }
        let said = self.story.words.len() as u64;
        self.counts().is_ok_and(|counts| {
            counts.accepted == said && counts.queued == 0 && counts.running == 0 && counts.deliveries_open == 0
        })
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        while !self.running.is_empty() {
            self.bury(0, "the story is over");
        }
    }
}

/// Ends whoever passes one of the points for the nth time.
fn watch(ends: Vec<End>, blackout: Rc<Cell<bool>>, passes: Rc<RefCell<Vec<Point>>>) -> Watch {
    let counts = RefCell::new(vec![0_u32; ends.len()]);
    Watch::points(move |point| {
        if disk::Process::current().0 >= OBSERVERS || disk::Process::current().0 == 0 {
            return;
        }
        passes.borrow_mut().push(point);
        let mut counts = counts.borrow_mut();
        let mut how = None;
        for (end, count) in ends.iter().zip(counts.iter_mut()).filter(|(end, _)| end.point == point) {
            *count += 1;
            how = how.or((*count == end.nth).then_some(end.how));
        }
        drop(counts);
        match how {
            None => {}
            // A panic of the thread that commits ends its process.
            Some(How::Panic) if point != Point::StoreInCommit => std::panic::resume_unwind(Box::new("a planted panic")),
            Some(How::Panic | How::Alone) => die(),
            Some(How::PowerCut) => {
                blackout.set(true);
                die();
            }
        }
    })
}
