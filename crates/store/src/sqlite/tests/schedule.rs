//! Random schedules: whatever happens in whatever order, the promise's invariants hold after every step.

use std::collections::BTreeMap;

use lastword_core::{
    agent::ProcessGroup,
    contract::store::{ACCOUNT, answer, delivered, error, patient_turn, turn},
    ids::{AccountId, DeliveryId, IncarnationId, MessageId},
    outcome::RetryScope,
    reason::Reason,
    store::{Claim, DeliveryClaim, Intake, NewTurn, Pause, PlaceCommand, Replays, Settlement},
};
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Asks { place: u8, is_patient: bool },
    Commands { place: u8, which: u8 },
    Claims { worker: u8, limit: u8 },
    Starts { which: usize },
    Answers { which: usize },
    Errs { which: usize },
    LosesWorker { worker: u8, holds: bool, limit: u8 },
    LosesBridge,
    TakesDue { limit: u8 },
    Settles { which: usize, how: u8 },
    Waits { ms: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8, any::<bool>()).prop_map(|(place, is_patient)| Step::Asks { place, is_patient }),
        1 => (0..3_u8, 0..4_u8).prop_map(|(place, which)| Step::Commands { place, which }),
        4 => (0..2_u8, 1..4_u8).prop_map(|(worker, limit)| Step::Claims { worker, limit }),
        4 => (0..40_usize).prop_map(|which| Step::Starts { which }),
        4 => (0..40_usize).prop_map(|which| Step::Answers { which }),
        1 => (0..40_usize).prop_map(|which| Step::Errs { which }),
        1 => (0..2_u8, any::<bool>(), 1..3_u8)
            .prop_map(|(worker, holds, limit)| Step::LosesWorker { worker, holds, limit }),
        1 => Just(Step::LosesBridge),
        4 => (1..4_u8).prop_map(|limit| Step::TakesDue { limit }),
        6 => (0..40_usize, 0..8_u8).prop_map(|(which, how)| Step::Settles { which, how }),
        1 => (1..50_u8).prop_map(|ms| Step::Waits { ms }),
    ]
}

/// The world, and what its processes hold in their memory.
struct Run {
    world: World,
    beside: Connection,
    names: u32,
    workers: [IncarnationId; 2],
    bridge: IncarnationId,
    claims: Vec<Claim>,
    due: Vec<(IncarnationId, DeliveryClaim)>,
    last_lane: BTreeMap<i64, i64>,
}

impl Run {
    fn fresh(&mut self) -> IncarnationId {
        self.names += 1;
        IncarnationId::new(format!("fresh-{}", self.names))
    }

    async fn starts(&mut self, role: Role) -> IncarnationId {
        let id = self.fresh();
        self.world.registers(id.as_str(), role).await;
        id
    }

    async fn takes(&mut self, intake: Intake) {
        self.names += 1;
        let mut batch = lastword_core::contract::store::batch(&format!("u{}", self.names), intake);
        batch.holder = self.bridge.clone();
        self.world.store.ingest(batch).await.expect("is accepted");
    }

    async fn apply(&mut self, step: Step) {
        match step {
            Step::Asks { place, is_patient } => {
                // The first place has no placeholders.
                let place = ["plain", "b", "c"][usize::from(place)];
                let text = format!("text {}", self.names);
                let asked = if is_patient { patient_turn(place, &text) } else { turn(place, &text) };
                self.takes(Intake::Turn(NewTurn { queue_max: 3, ..asked })).await;
            }
            Step::Commands { place, which } => {
                let asked = turn(["plain", "b", "c"][usize::from(place)], "command").asked;
                let command = match which {
                    0 => PlaceCommand::Stop,
                    1 => PlaceCommand::Retry { queue_max: 3 },
                    2 => PlaceCommand::New,
                    _ => PlaceCommand::Status { about: String::new() },
                };
                self.takes(Intake::Command { asked, command }).await;
            }
            Step::Claims { worker, limit } => {
                let worker = &self.workers[usize::from(worker)];
                self.claims.extend(self.world.store.claim(worker, limit.into()).await.expect("claims"));
            }
            Step::Starts { which } => {
                if let Some(claim) = nth(&self.claims, which) {
                    let group = ProcessGroup { pid: 4, started_ticks: 1 };
                    let _ = self.world.store.record_group(claim.fence, group).await.expect("asks");
                }
            }
            // Any claim ever made, so that most of these come late.
            Step::Answers { which } => {
                if let Some(claim) = nth(&self.claims, which) {
                    let _ = self.world.tries(answer(claim, "an answer")).await;
                }
            }
            Step::Errs { which } => {
                if let Some(claim) = nth(&self.claims, which) {
                    let _ = self.world.tries(error(claim, Reason::AgentSilent)).await;
                }
            }
            Step::LosesWorker { worker, holds, limit } => self.loses_worker(worker.into(), holds, limit.into()).await,
            Step::LosesBridge => {
                self.world.store.decide_lost(&self.bridge, Replays::Allow, 10).await.expect("is decided");
                self.bridge = self.starts(Role::Bridge).await;
                let lease = self.world.store.lease(&AccountId::new(ACCOUNT), "@bot", &self.bridge).await;
                assert!(lease.expect("asks").is_some());
            }
            Step::TakesDue { limit } => {
                let due = self.world.store.claim_deliveries(&self.bridge, limit.into()).await.expect("claims");
                self.due.extend(due.into_iter().map(|claim| (self.bridge.clone(), claim)));
            }
            Step::Settles { which, how } => self.settles(which, how).await,
            Step::Waits { ms } => self.world.clock.advance_ms(ms.into()),
        }
    }

    async fn loses_worker(&mut self, worker: usize, holds: bool, limit: usize) {
        let dead = self.workers[worker].clone();
        self.workers[worker] = self.starts(Role::Worker).await;
        if holds {
            self.world.store.decide_lost(&dead, Replays::Hold, limit).await.expect("is decided");
        }
        while self.world.store.decide_lost(&dead, Replays::Allow, limit).await.expect("is decided").has_more {}
    }

    async fn settles(&mut self, which: usize, how: u8) {
        let Some((holder, claim)) = nth(&self.due, which) else { return };
        let pause = Pause { until: claim.now.plus_ms(10), scope: RetryScope::Message };
        let cause = || "trouble".to_owned();
        let settlement = match how {
            0 => Settlement::Deferred { pause, cause: cause() },
            1 => Settlement::Doubted { pause: Pause { scope: RetryScope::Conversation, ..pause }, cause: cause() },
            2 => Settlement::GivenUp { cause: cause() },
            3 => {
                let notice = Some("Done.");
                Settlement::Delivered { message: MessageId::new("m"), assert_at: Some(pause.until), notice }
            }
            _ => delivered("m"),
        };
        let is_delivered = matches!(settlement, Settlement::Delivered { .. });
        let done = self.world.store.settle(holder, claim.id, claim.attempt, settlement).await.expect("settles");
        if done && is_delivered {
            let id = claim.id;
            self.lane_goes_forward(id);
        }
    }

    fn lane_goes_forward(&mut self, id: DeliveryId) {
        let sql = "SELECT place, lane FROM delivery WHERE id = ?1";
        let (place, lane): (i64, Option<i64>) =
            self.beside.query_row(sql, [id.0], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        if let Some(lane) = lane {
            let last = self.last_lane.insert(place, lane);
            assert!(last.is_none_or(|last| last < lane), "lane {lane} of place {place} left after {last:?}");
        }
    }

    async fn check(&self) {
        self.world.counts().await;
        self.world.is_sound().await;
        for (rule, violations) in INVARIANTS {
            assert_eq!(number(&self.beside, violations), 0, "{rule}");
        }
    }
}

const INVARIANTS: [(&str, &str); 7] = [
    (
        "an ended turn has one terminal, an owed or merged one has none",
        "SELECT count(*) FROM turn t WHERE (SELECT count(*) FROM delivery d WHERE d.turn = t.id AND d.kind = 'terminal')
             <> (t.state IN ('done', 'failed', 'cancelled'))",
    ),
    (
        "a turn has a marker exactly while it is owed",
        "SELECT count(*) FROM turn t LEFT JOIN marker m ON m.turn = t.id
             WHERE (m.turn IS NOT NULL) <> (t.state IN ('queued', 'running'))",
    ),
    (
        "a running turn has an owner, a queued one has none",
        "SELECT count(*) FROM turn t JOIN marker m ON m.turn = t.id WHERE (m.owner IS NOT NULL) <> (t.state = 'running')",
    ),
    (
        "a place knows its running turn",
        "SELECT count(*) FROM place p
             WHERE p.running IS NOT (SELECT id FROM turn t WHERE t.place = p.id AND t.state = 'running')",
    ),
    (
        "a place knows its queue",
        "SELECT count(*) FROM place p
             WHERE p.waiting <> (SELECT count(*) FROM turn t WHERE t.place = p.id AND t.state = 'queued')
                OR p.head IS NOT (SELECT id FROM turn t WHERE t.place = p.id AND t.state = 'queued' ORDER BY seq LIMIT 1)",
    ),
    (
        "nothing behind the head of a lane is on its way",
        "SELECT count(*) FROM delivery d JOIN delivery e ON e.place = d.place AND e.lane < d.lane
             WHERE d.state = 'sending' AND e.state IN ('pending', 'sending', 'ambiguous')",
    ),
    (
        "a merged turn's lead is not merged itself",
        "SELECT count(*) FROM turn t JOIN turn l ON l.id = t.merged_into WHERE l.state = 'merged'",
    ),
];

fn nth<T>(items: &[T], which: usize) -> Option<&T> {
    // The newest first: what is in hand, then what is long decided.
    items.iter().rev().nth(which % 8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_after_every_step(steps in prop::collection::vec(step(), 1..60)) {
        let folder = folder();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut run = Run {
                world: world(folder.path(), SqliteOptions::inline).await,
                beside: beside(folder.path()),
                names: 0,
                workers: [IncarnationId::new("worker-1"), IncarnationId::new("worker-2")],
                bridge: IncarnationId::new(BRIDGE),
                claims: Vec::new(),
                due: Vec::new(),
                last_lane: BTreeMap::new(),
            };
            for step in steps {
                run.apply(step).await;
                run.check().await;
            }
        });
    }
}
