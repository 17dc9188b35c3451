//! The hand that breaks things, and heals them.

use std::{collections::BTreeMap, time::Duration};

use super::schedule::Event;
use crate::world::{FakeClock, OtherProgram, Pid, Who, World};

/// How long another program waits for the store before it leaves it alone.
const LOCK_WITHIN: Duration = Duration::from_millis(500);

/// What is broken now. Whoever is frozen goes on when this is dropped.
pub struct Hand {
    clock: Option<FakeClock>,
    frozen: Vec<(Option<Who>, Pid)>,
    other: Option<OtherProgram>,
    /// How often each thing was done that met something.
    pub done: BTreeMap<String, usize>,
}

impl Hand {
    pub fn new(clock: Option<FakeClock>) -> Self {
        Self { clock, frozen: Vec::new(), other: None, done: BTreeMap::new() }
    }

    pub async fn act(&mut self, world: &World, event: &Event) {
        let what = match event {
            Event::Says(said) => {
                world.says_in(said.who, (said.conversation, said.thread), &said.text).await;
                return;
            }
            Event::Kill(who) => {
                let Some(pid) = world.find(*who) else { return };
                pid.kill();
                format!("killed the {who:?}")
            }
            Event::Freeze(who) => {
                let Some(pid) = world.find(*who) else { return };
                pid.freeze();
                self.frozen.push((Some(*who), pid));
                format!("froze the {who:?}")
            }
            Event::Thaw(who) => return self.thaw(|frozen| frozen == Some(*who)),
            Event::FreezeAll => {
                for pid in world.everybody() {
                    pid.freeze();
                    self.frozen.push((None, pid));
                }
                "froze everybody".to_owned()
            }
            Event::ThawAll => return self.thaw(|frozen| frozen.is_none()),
            Event::LockStore => {
                self.other = None;
                self.other = OtherProgram::takes_the_store_of(world, LOCK_WITHIN);
                if self.other.is_none() {
                    return;
                }
                "locked the store".to_owned()
            }
            Event::UnlockStore => return self.other = None,
            Event::FillDisk => {
                world.on_its_disk("dd if=/dev/zero of=filler bs=64k 2>/dev/null; true").await;
                "filled the disk".to_owned()
            }
            Event::EmptyDisk => return world.on_its_disk("rm -f filler").await,
            Event::NetworkOut => {
                world.chat().is_out(true).await;
                "cut the network off".to_owned()
            }
            Event::NetworkBack => return world.chat().is_out(false).await,
            Event::Trouble(conversation, faults) => {
                world.chat().will(*conversation, faults.clone()).await;
                "scripted requests".to_owned()
            }
            Event::Taken => {
                world.chat().is_taken().await;
                "received beside the bridge".to_owned()
            }
            Event::Clock(offset) => {
                self.clock.as_ref().unwrap().set(offset);
                "stepped the clock".to_owned()
            }
        };
        *self.done.entry(what).or_default() += 1;
    }

    /// Everything is well again.
    pub async fn heal(&mut self, world: &World, has_disk: bool) {
        self.thaw(|_| true);
        self.other = None;
        if has_disk {
            world.on_its_disk("rm -f filler").await;
        }
        world.chat().is_out(false).await;
        world.chat().clear_faults().await;
        if let Some(clock) = &self.clock {
            clock.set("+0");
        }
    }

    fn thaw(&mut self, is_meant: impl Fn(Option<Who>) -> bool) {
        self.frozen.retain(|(who, pid)| {
            if is_meant(*who) {
                pid.thaw();
            }
            !is_meant(*who)
        });
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.thaw(|_| true);
    }
}
