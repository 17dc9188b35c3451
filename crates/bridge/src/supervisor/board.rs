//! What the supervisor knows of its children, for whoever waits for it: the stale check, the service manager.

use std::{collections::BTreeSet, fmt};

use lastword_core::{
    ids::IncarnationId,
    store::{Restart, Role},
};

use super::image::Image;

/// Both children, and the build that they should be.
#[derive(Clone, Debug)]
pub(super) struct Board {
    pub(super) wanted: Image,
    /// Whether something else is on the disk than what is wanted: it does not work, or is only reported.
    pub(super) is_behind: bool,
    bridge: Part,
    worker: Part,
    /// What is tried in the place of what ran before.
    pub(super) trial: Option<Trial>,
    /// Who is to make room because somebody asked for a restart.
    asked_away: BTreeSet<IncarnationId>,
}

/// A build that has to prove itself.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) build: String,
    /// What runs again if it does not.
    pub(super) before: Image,
}

/// One child.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Its build, once it said that it does its work.
    pub(super) ready: Option<String>,
    /// Whether it has done it for long enough.
    pub(super) is_proven: bool,
    /// Who it is, or was last.
    pub(super) who: Option<IncarnationId>,
    /// How many of its processes were killed and do not go.
    pub(super) stuck: u32,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            wanted: Image::Running,
            is_behind: false,
            bridge: Part::default(),
            worker: Part::default(),
            trial: None,
            asked_away: BTreeSet::new(),
        }
    }

    fn part(&self, role: Role) -> &Part {
        match role {
            Role::Bridge => &self.bridge,
            Role::Worker => &self.worker,
        }
    }

    pub(super) fn part_mut(&mut self, role: Role) -> &mut Part {
        match role {
            Role::Bridge => &mut self.bridge,
            Role::Worker => &mut self.worker,
        }
    }

    /// Whether a child of this build is of what is on the disk.
    pub(super) fn is_current(&self, build: &str) -> bool {
        !self.is_behind && self.wanted.build() == build
    }

    /// Who of those who make room fills a role now, and was not asked to yet.
    pub(super) fn to_ask(&self, replaces: &[IncarnationId]) -> Vec<IncarnationId> {
        let who = [&self.bridge, &self.worker].into_iter().filter_map(|part| part.who.as_ref());
        who.filter(|who| replaces.contains(who) && !self.asked_away.contains(who)).cloned().collect()
    }

    /// Asks them to make room.
    pub(super) fn ask_away(&mut self, who: Vec<IncarnationId>) {
        self.asked_away.extend(who);
    }

    /// Whether this one is to make room because somebody asked for it.
    pub(super) fn is_asked_away(&self, who: &IncarnationId) -> bool {
        self.asked_away.contains(who)
    }

    /// The builds that do the work now, by role, if none of those who make room fills one of the roles any more.
    pub(super) fn successors(&self, restart: Restart, replaces: &[IncarnationId]) -> Option<Vec<(Role, &str)>> {
        let meant = [Role::Bridge, Role::Worker].into_iter().filter(|role| restart.means(*role));
        meant
            .map(|role| {
                let Part { ready, who, .. } = self.part(role);
                let is_new = who.as_ref().is_some_and(|who| !replaces.contains(who));
                ready.as_deref().filter(|_| is_new).map(|build| (role, build))
            })
            .collect()
    }

    /// Whether both are of this build and do their work.
    pub(super) fn does_its_work(&self, build: &str) -> bool {
        [&self.bridge, &self.worker].into_iter().all(|part| part.ready.as_deref() == Some(build))
    }

    /// Whether it has to prove itself yet: one death is enough then.
    pub(super) fn is_tried(&self, image: &Image) -> bool {
        self.wanted == *image && self.trial.as_ref().is_some_and(|trial| trial.build == image.build())
    }

    /// What runs instead of a build that does not work.
    pub(super) fn instead_of(&self, image: &Image) -> Image {
        match &self.trial {
            Some(trial) if trial.build == image.build() && trial.before.is_there() => trial.before.clone(),
            _ => Image::Running,
        }
    }

    /// The build that the supervisor should become: both are of it and did their work for long enough, and it has nothing left
    /// to prove.
    pub(super) fn to_become(&self) -> Option<Image> {
        let is_other = self.wanted != Image::Running && self.trial.is_none() && !self.is_behind;
        let are_proven = self.does_its_work(self.wanted.build()) && self.bridge.is_proven && self.worker.is_proven;
        (is_other && self.is_well() && are_proven).then(|| self.wanted.clone())
    }

    /// Whether both do their work.
    pub(super) fn is_ready(&self) -> bool {
        self.bridge.ready.is_some() && self.worker.ready.is_some()
    }

    /// Whether the supervisor can still do what it is for.
    pub(super) fn is_well(&self) -> bool {
        self.bridge.stuck + self.worker.stuck == 0
    }

    /// Whether a child of this build is to make room for another one now.
    ///
    /// The worker's turn comes when the bridge has shown that the new build works.
    pub(super) fn is_stale(&self, role: Role, build: &str) -> bool {
        let wanted = self.wanted.build();
        wanted != build && (role == Role::Bridge || self.bridge.ready.as_deref() == Some(wanted))
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bridge {}, worker {}", self.bridge, self.worker)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.stuck > 0, &self.ready) {
            (true, _) => "does not die",
            (false, Some(_)) => "ready",
            (false, None) => "starting",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_build_is_tried_with_the_bridge_first() {
        let mut board = Board::new();
        let old = board.wanted.build().to_owned();
        for role in [Role::Bridge, Role::Worker] {
            board.part_mut(role).ready = Some(old.clone());
            assert!(!board.is_stale(role, &old));
        }
        board.wanted = Image::of_tests("new");
        assert!(board.is_stale(Role::Bridge, &old));
        assert!(!board.is_stale(Role::Worker, &old));
        board.part_mut(Role::Bridge).ready = Some("new".into());
        assert!(board.is_stale(Role::Worker, &old));
        assert!(!board.is_stale(Role::Bridge, "new"));
        assert_eq!(board.to_string(), "bridge ready, worker ready");
    }

    #[test]
    fn the_supervisor_becomes_what_has_proven_itself() {
        let mut board = Board::new();
        board.wanted = Image::of_tests("new");
        for role in [Role::Bridge, Role::Worker] {
            board.part_mut(role).ready = Some("new".into());
        }
        board.part_mut(Role::Bridge).is_proven = true;
        assert_eq!(board.to_become(), None, "the worker may die of something that takes its time");
        board.part_mut(Role::Worker).is_proven = true;
        assert_eq!(board.to_become(), Some(board.wanted.clone()));
        board.trial = Some(Trial { build: "new".into(), before: Image::Running });
        assert_eq!(board.to_become(), None);
    }

    #[test]
    fn a_restart_is_done_when_nobody_it_names_is_left_in_its_roles() {
        let mut board = Board::new();
        let fills = |board: &mut Board, role: Role, who: &str| {
            let who = Some(IncarnationId::new(who));
            *board.part_mut(role) = Part { ready: Some("b".into()), who, ..Part::default() };
        };
        fills(&mut board, Role::Bridge, "bridge-1");
        fills(&mut board, Role::Worker, "worker-1");
        let replaces = [IncarnationId::new("bridge-0"), IncarnationId::new("bridge-1")];
        assert_eq!(board.successors(Restart::Bridge, &replaces), None);
        let asked = board.to_ask(&replaces);
        assert_eq!(asked, [IncarnationId::new("bridge-1")]);
        board.ask_away(asked);
        assert!(board.to_ask(&replaces).is_empty());
        assert!(board.is_asked_away(&IncarnationId::new("bridge-1")));
        assert!(!board.is_asked_away(&IncarnationId::new("worker-1")), "it is not meant");
        board.part_mut(Role::Bridge).ready = None;
        assert_eq!(board.successors(Restart::Bridge, &replaces), None);
        fills(&mut board, Role::Bridge, "bridge-2");
        assert_eq!(board.successors(Restart::Bridge, &replaces), Some(vec![(Role::Bridge, "b")]));
        assert!(board.to_ask(&replaces).is_empty(), "who began later stays");
        assert_eq!(board.successors(Restart::All, &replaces).map(|parts| parts.len()), Some(2));
    }
}
