//! The real store behind the model's actions.

use std::{path::Path, sync::Arc};

use lastword_core::{
    agent::ProcessGroup,
    capability::Idempotency,
    contract::store::HandClock,
    decide::deliver::{PLACEHOLDER_TEXT, Step, step},
    ids::{AccountId, AgentId, Cursor, DeliveryKey, Fence, IncarnationId, MessageId, UpdateId, UserId},
    store::{
        Asked, Clock, DeliveryClaim, Elected, End, Incarnation, IngestBatch, IngestItem, Intake, NewTurn, Owed,
        Replays, Role, Standing, Store, StoreError, StreamKind, Verdict,
    },
};
use lastword_store::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use super::{
    ledger::{Ledger, RealAsks, Sent},
    sends,
};
use crate::model::{
    action::Action,
    deliver::settlement,
    spell,
    state::{About, Answer, Hand, Phase, Request, Run, Says, Text, Try, Word, World},
    variant::{LIFETIME_MS, Variant},
};

/// How far the clock goes before each claim of a delivery: longer than any backoff.
const PAUSE_MS: i64 = 400_000;

/// Where the store and the model part.
pub type Told = Result<(), String>;

/// A store, its clock, and a network that only real requests reach.
pub struct Real {
    pub store: SqliteStore,
    pub variant: Variant,
    pub ledger: Ledger,
    clock: Arc<HandClock>,
    requests: Vec<Sent>,
    hands: Vec<InHand>,
    sweep: Option<Owed>,
    /// The cursor of the last batch, which a message that is offered again sets back.
    pub cursor: Option<Cursor>,
    _folder: TempDir,
}

/// A claim in the hands of a bridge.
struct InHand {
    bridge: usize,
    claim: DeliveryClaim,
    answer: Option<Answer>,
}

impl Real {
    /// A fresh store with one bridge, which has the lease, and one worker.
    pub async fn open(variant: &Variant) -> Self {
        let clock = HandClock::at(LIFETIME_MS);
        let folder = folder();
        let options = SqliteOptions::new(folder.path().join("lastword.db"), Arc::clone(&clock) as Arc<dyn Clock>);
        let store = SqliteStore::open(options.inline()).expect("a store opens");
        let is_native = matches!(variant.idempotency, Idempotency::Native { .. });
        let real = Self {
            store,
            variant: variant.clone(),
            ledger: Ledger { is_native, ..Ledger::default() },
            clock,
            requests: Vec::new(),
            hands: Vec::new(),
            sweep: None,
            cursor: None,
            _folder: folder,
        };
        real.registers(spell::bridge(0), Role::Bridge).await.expect("registers");
        real.registers(spell::worker(0), Role::Worker).await.expect("registers");
        let lease = real.store.lease(&AccountId::new(spell::ACCOUNT), "@bot", &spell::bridge(0)).await;
        assert!(lease.expect("asks").is_some(), "the lease is free");
        real
    }

    async fn registers(&self, id: IncarnationId, role: Role) -> Told {
        let incarnation = Incarnation { id, role, pid: 7, build: "b".into(), beats: 0 };
        self.store.register(&incarnation).await.map_err(broke)
    }

    /// Does what the model did between `before` and `after`, and compares what comes back.
    pub async fn happens(&mut self, before: &World, action: Action, after: &World) -> Told {
        match action {
            Action::Accept { bridge, .. } => self.accept(before, bridge, after).await,
            Action::Ack { .. } => Ok(()),
            Action::Claim { worker, .. } => self.claim(before, worker).await,
            Action::Start { worker } => {
                let group = ProcessGroup { pid: 4, started_ticks: 1 };
                let standing = self.store.record_group(fence(&run(before, worker)), group).await.map_err(broke)?;
                same("still current", standing, standing_of(after, worker))
            }
            Action::Progress { worker } => {
                let text = Some(spell::text(Text::Progress));
                let standing = self.store.progress(fence(&run(before, worker)), text).await.map_err(broke)?;
                same("still current", standing, standing_of(after, worker))
            }
            Action::Elect { worker, says, .. } => {
                let run = run(before, worker);
                self.elect(before, fence(&run), says, None, after).await
            }
            Action::InsertLastWord { .. } => Err("an election is one transaction".into()),
            Action::GiveUp { worker } => {
                let owned = self.store.running(&spell::worker(worker)).await.map_err(broke)?;
                let Some(fence) = owned.first() else { return Err("the worker owns nothing".into()) };
                self.elect(before, *fence, Says::Failure, None, after).await
            }
            Action::SweepSees => {
                self.sweep = self.store.owed().await.map_err(broke)?.pop();
                Ok(())
            }
            Action::SweepSpeaks => {
                let Some(seen) = self.sweep.take() else { return Err("the sweep saw nothing".into()) };
                self.elect(before, seen.fence, Says::Overdue, Some(seen.progress), after).await
            }
            Action::Take { bridge, is_heard } => self.take(before, bridge, is_heard).await,
            Action::Send { bridge, tried } => self.send(bridge, tried),
            Action::Find { bridge, tried } => {
                let hand = self.hand(bridge, tried)?;
                let (claim, real) = (hand.claim.clone(), &self.variant);
                same("the step", step(&claim, &real.capabilities(), real.unknown), Step::Find)?;
                let found = self.ledger.find(claim.key.as_str());
                self.answered(bridge, tried, Answer::Found(found), after)
            }
            Action::TimeOut { bridge, tried } => self.answered(bridge, tried, Answer::Nothing, after),
            Action::Settle { bridge, tried, is_heard } => self.settle(before, bridge, tried, is_heard).await,
            Action::ReadProgress { bridge } => self.read_progress(before, bridge).await,
            Action::SendProgress { bridge } => {
                let live = after.bridges[bridge].live.ok_or("nothing is kept up to date")?;
                let asks = RealAsks::Edit { message: spell::message(live.bubble), text: spell::text(Text::Progress) };
                self.requests.push(Sent { from: bridge as u8, about: About::Progress { shows: live.shows }, asks });
                Ok(())
            }
            Action::TimeOutProgress { .. } => Ok(()),
            Action::Apply(request) => {
                let sent = self.arrives(request)?;
                let answer = self.ledger.apply(&sent.asks);
                self.answers(request, answer, after)
            }
            Action::RefuseForNow(request) => {
                self.arrives(request)?;
                self.answers(request, Answer::TryLater, after)
            }
            Action::RefuseContent(request) => {
                self.arrives(request)?;
                self.answers(request, Answer::Invalid, after)
            }
            Action::Lose(request) => self.arrives(request).map(drop),
            Action::Delete { bubble } => {
                self.ledger.posted[usize::from(bubble)].is_deleted = true;
                Ok(())
            }
            Action::LifetimePasses => {
                self.clock.advance_ms(LIFETIME_MS);
                Ok(())
            }
            Action::CrashBridge(bridge) => {
                self.hands.retain(|hand| hand.bridge != bridge);
                Ok(())
            }
            Action::CrashWorker(_) => Ok(()),
            Action::DecideLostBridge(bridge) | Action::TakeOverBridge(bridge) => {
                self.decide_lost(before, spell::bridge(bridge), after).await?;
                let next = spell::bridge(bridge + 1);
                self.registers(next.clone(), Role::Bridge).await?;
                let lease = self.store.lease(&AccountId::new(spell::ACCOUNT), "@bot", &next).await.map_err(broke)?;
                same("the successor has the lease", lease.is_some(), true)
            }
            Action::DecideLostWorker(worker) | Action::TakeOverWorker(worker) => {
                self.decide_lost(before, spell::worker(worker), after).await?;
                self.registers(spell::worker(worker + 1), Role::Worker).await
            }
        }
    }

    async fn accept(&mut self, before: &World, bridge: usize, after: &World) -> Told {
        let message = before.bridges[bridge].received;
        let mut taken = self.store.ingest(self.batch(bridge, message)).await.map_err(broke)?;
        self.cursor = Some(cursor(message));
        let taken = taken.pop().ok_or("a batch of one update")?;
        same("the update is new", taken.is_new, before.store.turns.len() < after.store.turns.len())?;
        let turn = after.store.turns.iter().position(|turn| turn.message == message);
        same("its turn", taken.turn, turn.map(|turn| spell::turn(turn as u8)))
    }

    /// One message, as a bridge commits it.
    pub fn batch(&self, bridge: usize, message: u8) -> IngestBatch {
        let text = format!("message {message}");
        let asked = Asked {
            place: spell::place(),
            shape: self.variant.shape(),
            sender: UserId::new("alice"),
            sender_name: None,
            message: MessageId::new(&*text),
            text: text.clone(),
        };
        let turn = NewTurn {
            asked,
            agent: AgentId::new("echo"),
            prompt: text,
            files: Vec::new(),
            on_lost: self.variant.on_lost,
            may_collect: false,
            queue_max: 100,
        };
        IngestBatch {
            account: AccountId::new(spell::ACCOUNT),
            holder: spell::bridge(bridge),
            items: vec![IngestItem { update: UpdateId::new(format!("u{message}")), intake: Intake::Turn(turn) }],
            cursor: Some(cursor(message)),
        }
    }

    async fn claim(&self, before: &World, worker: usize) -> Told {
        let claims = self.store.claim(&spell::worker(worker), 1).await.map_err(broke)?;
        let expected = before.store.clone().claim(&self.variant, worker);
        let fences: Vec<Fence> = claims.iter().map(|claim| claim.fence).collect();
        same("the claimed turn", fences, expected.iter().map(fence).collect())
    }

    async fn elect(&self, before: &World, by: Fence, says: Says, if_progress: Option<u64>, after: &World) -> Told {
        let turn = (by.turn.0 - 1) as u8;
        let message = before.store.turns[usize::from(turn)].message;
        let parts = if says == Says::Answer { self.variant.answers[usize::from(message)] } else { 1 };
        let spell = |part| spell::text(Text::Word(Word { turn, attempt: by.attempt, says, part }));
        let end = spell::reason(says).map_or(End::Answered, End::Errored);
        let verdict =
            Verdict { fence: by, end, parts: (1..=parts).map(spell).collect(), files: Vec::new(), if_progress };
        let elected = self.store.elect(verdict).await.map_err(broke)?;
        let is_owed = |world: &World| world.store.turns[usize::from(turn)].state.is_owed();
        let is_won = is_owed(before) && !is_owed(after);
        same("the election", elected, if is_won { Elected::Won } else { Elected::Lost })
    }

    async fn take(&mut self, before: &World, bridge: usize, is_heard: bool) -> Told {
        self.clock.advance_ms(PAUSE_MS);
        let claims = self.store.claim_deliveries(&spell::bridge(bridge), 1).await.map_err(broke)?;
        let expected = before.store.clone().take(&self.variant, bridge);
        let seen: Vec<DeliveryClaim> = claims.iter().map(as_in_the_model).collect();
        same("the claimed delivery", seen, expected.iter().map(spell::claim).collect())?;
        if is_heard {
            self.hands.extend(claims.into_iter().map(|claim| InHand { bridge, claim, answer: None }));
        }
        Ok(())
    }

    fn hand(&mut self, bridge: usize, tried: Try) -> Result<&mut InHand, String> {
        let is_it = |hand: &&mut InHand| {
            (hand.bridge, hand.claim.id, hand.claim.attempt) == (bridge, spell::delivery(tried.delivery), tried.attempt)
        };
        self.hands.iter_mut().find(is_it).ok_or_else(|| format!("{tried} is not in the hands of bridge {bridge}"))
    }

    fn send(&mut self, bridge: usize, tried: Try) -> Told {
        let (capabilities, unknown) = (self.variant.capabilities(), self.variant.unknown);
        let claim = self.hand(bridge, tried)?.claim.clone();
        let step = step(&claim, &capabilities, unknown);
        same("something is sent", sends(&step), true)?;
        let (key, text) = (claim.key.as_str().to_owned(), claim.text);
        let asks = match step {
            Step::PostPlaceholder => RealAsks::Post { key, text: PLACEHOLDER_TEXT.into() },
            Step::Edit(message) => RealAsks::Edit { message, text },
            _ => RealAsks::Post { key, text },
        };
        self.requests.push(Sent { from: bridge as u8, about: About::Try(tried), asks });
        Ok(())
    }

    /// A request is not on its way any more.
    fn arrives(&mut self, request: Request) -> Result<Sent, String> {
        let is_it = |sent: &Sent| (sent.from, sent.about) == (request.from, request.about);
        let at = self.requests.iter().position(is_it).ok_or("no such request was sent")?;
        Ok(self.requests.remove(at))
    }

    /// An answer goes back to a bridge that still waits for it.
    fn answers(&mut self, request: Request, answer: Answer, after: &World) -> Told {
        let (bridge, About::Try(tried)) = (usize::from(request.from), request.about) else { return Ok(()) };
        let is_ours = |hand: &&Hand| hand.tried() == tried && matches!(hand.phase, Phase::Answered(_));
        let waits = self.hand(bridge, tried).is_ok_and(|hand| hand.answer.is_none());
        if waits && after.bridges[bridge].hands.iter().any(|hand| is_ours(&hand)) {
            self.answered(bridge, tried, answer, after)?;
        }
        Ok(())
    }

    fn answered(&mut self, bridge: usize, tried: Try, answer: Answer, after: &World) -> Told {
        self.hand(bridge, tried)?.answer = Some(answer);
        let phase = after.bridges[bridge].hands.iter().find(|hand| hand.tried() == tried).map(|hand| hand.phase);
        same("the network's answer", Some(Phase::Answered(answer)), phase)
    }

    async fn settle(&mut self, before: &World, bridge: usize, tried: Try, is_heard: bool) -> Told {
        let claim = self.hand(bridge, tried)?.claim.clone();
        let modelled = before.bridges[bridge].hands.iter().find(|hand| hand.tried() == tried).ok_or("not in hand")?;
        let come_to =
            |claim: &DeliveryClaim| settlement(&self.variant, modelled, claim).ok_or("it came to nothing yet");
        let expected = before.store.clone().settle(bridge, modelled, &come_to(&spell::claim(modelled))?);
        let settled = self.store.settle(&spell::bridge(bridge), claim.id, claim.attempt, come_to(&claim)?).await;
        same("the outcome is recorded", settled.map_err(broke)?, expected)?;
        if is_heard {
            self.hands
                .retain(|hand| (hand.bridge, hand.claim.id, hand.claim.attempt) != (bridge, claim.id, claim.attempt));
        }
        Ok(())
    }

    async fn read_progress(&self, before: &World, bridge: usize) -> Told {
        let live = before.bridges[bridge].live.ok_or("nothing is kept up to date")?;
        let events = self.store.stream(spell::turn(live.turn), None).await.map_err(broke)?;
        let shown = events.iter().filter(|event| matches!(event.kind, StreamKind::Progress(_))).count();
        same("the signs of progress", shown, usize::from(before.store.turns[usize::from(live.turn)].progress))
    }

    async fn decide_lost(&self, before: &World, lost: IncarnationId, after: &World) -> Told {
        let decided = self.store.decide_lost(&lost, Replays::Allow, 100).await.map_err(broke)?;
        let count = |world: &World| {
            let owed = world.store.turns.iter().filter(|turn| turn.state.is_owed()).count();
            (owed, world.store.turns.iter().filter(|turn| turn.owner.is_some()).count())
        };
        let ((owed, owned), (owed_after, owned_after)) = (count(before), count(after));
        same("turns that got their error", decided.errored, owed - owed_after)?;
        same("turns that run again", decided.requeued, owned - owned_after - decided.errored)?;
        let held = |world: &World| world.store.deliveries.iter().filter(|delivery| delivery.holder.is_some()).count();
        same("deliveries in doubt", decided.doubted, held(before) - held(after))?;
        let standing = self.store.beat(&lost).await.map_err(broke)?;
        same("the standing of the lost", standing, Standing::Superseded)
    }
}

/// In memory where there is such a place: what a power cut leaves is not the question here.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder")
}

/// The cursor behind a message.
pub fn cursor(message: u8) -> Cursor {
    Cursor::new(format!("after {message}"))
}

/// They are the same.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, real: T, model: T) -> Told {
    if real == model { Ok(()) } else { Err(format!("{what}:\n  in the store {real:?}\n  in the model {model:?}")) }
}

/// The store broke.
pub fn broke(error: StoreError) -> String {
    format!("the store broke: {error}")
}

fn run(world: &World, worker: usize) -> Run {
    world.workers[worker].runs.expect("a turn is in hand")
}

/// What an attempt's writes carry.
pub fn fence(run: &Run) -> Fence {
    Fence { turn: spell::turn(run.turn), attempt: run.attempt }
}

fn standing_of(after: &World, worker: usize) -> Standing {
    if after.workers[worker].runs.is_some() { Standing::Current } else { Standing::Superseded }
}

/// A claim without what the model leaves out, at the model's one time.
fn as_in_the_model(claim: &DeliveryClaim) -> DeliveryClaim {
    let is_old = |at| claim.now.since_ms(at) >= LIFETIME_MS;
    DeliveryClaim {
        key: DeliveryKey::new(format!("k{}", claim.id.0 - 1)),
        reply_to: None,
        text: if claim.text.starts_with("Error: the reply could not") {
            spell::text(Text::Apology { turn: 0, part: 1 })
        } else {
            claim.text.clone()
        },
        doubted_at: claim.doubted_at.map(|at| if is_old(at) { spell::NOW.plus_ms(-LIFETIME_MS) } else { spell::NOW }),
        failed_at: None,
        others_succeed: false,
        unheard_since: None,
        now: spell::NOW,
        ..claim.clone()
    }
}
