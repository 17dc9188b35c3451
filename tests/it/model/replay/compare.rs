//! The store's view and the model's, compared after every step.

use lastword_core::{
    agent::ProcessGroup,
    delivery::{DeliveryKind, DeliveryState},
    ids::{AccountId, Fence},
    lease::Lease,
    reason::Reason,
    store::{Counts, Elected, End, Owed, Settlement, Standing, Store, StoreError, Verdict},
    turn::TurnState,
};

use super::real::{Real, Told, broke, fence, same};
use crate::model::{
    spell,
    state::{Text, World},
};

impl Real {
    /// Everything that the store shows is as in the model, and nobody who is late is heard.
    pub async fn compare(&self, world: &World) -> Told {
        self.turns(world).await?;
        self.owed(world).await?;
        self.counts(world).await?;
        self.chat(world)?;
        self.lease(world).await?;
        self.nothing_more_is_due(world).await?;
        self.who_is_late_is_not_heard(world).await
    }

    async fn turns(&self, world: &World) -> Told {
        for (number, turn) in world.store.turns.iter().enumerate() {
            let id = spell::turn(number as u8);
            let view = self.store.turn(id).await.map_err(broke)?.ok_or_else(|| format!("turn {id} is not there"))?;
            same("the turn", (view.state, view.attempt), (turn.state, turn.attempt))?;
            let parts = world.store.deliveries.iter().filter(|delivery| usize::from(delivery.turn) == number);
            let words: Vec<_> = parts
                .filter_map(|delivery| match delivery.text {
                    Text::Word(word) if delivery.kind != DeliveryKind::Assertion => Some(word),
                    _ => None,
                })
                .collect();
            if let Some(first) = words.first() {
                let reply: Vec<String> = words.iter().map(|word| spell::text(Text::Word(*word))).collect();
                same("the last word", view.reply, Some(reply.join("\n")))?;
                same("its reason", view.reason, spell::reason(first.says))?;
            }
        }
        let beyond = self.store.turn(spell::turn(world.store.turns.len() as u8)).await.map_err(broke)?;
        same("no further turn", beyond.is_none(), true)
    }

    /// The marker as a sweep sees it.
    async fn owed(&self, world: &World) -> Told {
        let owed = self.store.owed().await.map_err(broke)?;
        let seen: Vec<_> =
            owed.iter().map(|Owed { fence, progress, owner, .. }| (*fence, *progress, owner.clone())).collect();
        let expected = world.store.owed().map(|owed| {
            let fence = Fence { turn: spell::turn(owed.turn), attempt: owed.attempt };
            let owner = world.store.turns[usize::from(owed.turn)].owner;
            (fence, u64::from(owed.progress), owner.map(|owner| spell::worker(usize::from(owner))))
        });
        same("what is owed", seen, expected.into_iter().collect())
    }

    async fn counts(&self, world: &World) -> Told {
        let store = &world.store;
        let turns = |state| store.turns.iter().filter(|turn| turn.state == state).count() as u64;
        let deliveries = |is: fn(DeliveryState) -> bool| {
            store.deliveries.iter().filter(|delivery| is(delivery.state)).count() as u64
        };
        let expected = Counts {
            accepted: store.turns.len() as u64,
            replied: turns(TurnState::Done),
            errored: turns(TurnState::Failed),
            queued: turns(TurnState::Queued),
            running: turns(TurnState::Running),
            deliveries_open: deliveries(DeliveryState::is_open),
            deliveries_dead: deliveries(|state| state == DeliveryState::Dead),
            ..Counts::default()
        };
        let counts = self.store.counts().await.map_err(broke)?;
        same("the conservation law", counts.conserve(), true)?;
        same("the counts", counts, expected)
    }

    fn chat(&self, world: &World) -> Told {
        let apology = |text: &str| text.starts_with("Error: the reply could not");
        let real: Vec<_> = self
            .ledger
            .posted
            .iter()
            .map(|posted| {
                let text = if apology(&posted.text) {
                    spell::text(Text::Apology { turn: 0, part: 1 })
                } else {
                    posted.text.clone()
                };
                (text, posted.is_deleted)
            })
            .collect();
        let model = world.network.chat.iter().map(|bubble| (spell::text(bubble.text), bubble.is_deleted)).collect();
        same("what the people see", real, model)
    }

    /// Asking for a lease again is not a change of hands.
    async fn lease(&self, world: &World) -> Told {
        let Lease::Held { holder, fence } = &world.store.lease else { return Ok(()) };
        let lease = self.store.lease(&AccountId::new(spell::ACCOUNT), "@bot", holder).await.map_err(broke)?;
        let lease = lease.ok_or("the lease is somebody else's")?;
        same("the lease's fence", lease.fence, *fence)?;
        same("the cursor", lease.cursor, self.cursor.clone())
    }

    /// Where the model has nothing to claim, the store has nothing either.
    async fn nothing_more_is_due(&self, world: &World) -> Told {
        let bridge = world.bridges.len() - 1;
        if world.store.due(&self.variant, bridge).is_none() {
            let due = self.store.claim_deliveries(&spell::bridge(bridge), 1).await.map_err(broke)?;
            same("deliveries that are due", due, Vec::new())?;
        }
        let worker = world.workers.len() - 1;
        if world.store.head().is_none() {
            let claims = self.store.claim(&spell::worker(worker), 1).await.map_err(broke)?;
            same("turns that may be claimed", claims, Vec::new())?;
        }
        Ok(())
    }

    /// Whoever was decided as lost can neither receive, nor claim, nor deliver.
    async fn who_is_late_is_not_heard(&self, world: &World) -> Told {
        for bridge in 0..world.bridges.len() - 1 {
            let ingested = self.store.ingest(self.batch(bridge, 77)).await;
            same("a late batch is refused", matches!(ingested, Err(StoreError::Refused(_))), true)?;
            let due = self.store.claim_deliveries(&spell::bridge(bridge), 1).await.map_err(broke)?;
            same("deliveries for a late bridge", due, Vec::new())?;
        }
        for worker in 0..world.workers.len() - 1 {
            let claims = self.store.claim(&spell::worker(worker), 1).await;
            same("a late claim is refused", matches!(claims, Err(StoreError::Refused(_))), true)?;
            if let Some(run) = world.workers[worker].runs {
                self.late_attempt(fence(&run)).await?;
            }
        }
        self.late_settlements(world).await
    }

    /// An attempt whose worker was decided as lost says, starts and shows nothing any more.
    async fn late_attempt(&self, fence: Fence) -> Told {
        let reason = Reason::AgentSilent;
        let parts = vec![reason.last_word()];
        let late = Verdict { fence, end: End::Errored(reason), parts, files: Vec::new(), if_progress: None };
        same("a late word", self.store.elect(late).await.map_err(broke)?, Elected::Lost)?;
        let group = ProcessGroup { pid: 4, started_ticks: 2 };
        let standing = self.store.record_group(fence, group).await.map_err(broke)?;
        same("a late start", standing, Standing::Superseded)?;
        let standing = self.store.progress(fence, None).await.map_err(broke)?;
        same("late progress", standing, Standing::Superseded)
    }

    /// Nobody records anything of an attempt that is not the last one, or of a delivery in other hands.
    async fn late_settlements(&self, world: &World) -> Told {
        for (number, delivery) in world.store.deliveries.iter().enumerate() {
            for bridge in 0..world.bridges.len() {
                let is_held = delivery.holder == Some(bridge as u8);
                let attempt = if is_held { delivery.attempts - 1 } else { delivery.attempts };
                let late = Settlement::GivenUp { cause: "late".into() };
                let id = spell::delivery(number as u8);
                let settled = self.store.settle(&spell::bridge(bridge), id, attempt, late).await.map_err(broke)?;
                same("a late settlement", settled, false)?;
            }
        }
        Ok(())
    }
}
