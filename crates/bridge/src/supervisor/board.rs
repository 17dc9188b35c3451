//! What the supervisor knows of its children, for whoever waits for it: the stale check, the service manager.

use std::fmt;

use lastword_core::store::Role;

use super::image::Image;

/// Both children, and the build that they should be.
#[derive(Clone, Debug)]
pub(super) struct Board {
    pub(super) wanted: Image,
    /// Whether something else is on the disk than what is wanted: it does not work, or is only reported.
    pub(super) is_behind: bool,
    bridge: Part,
    worker: Part,
}

/// One child.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Its build, once it said that it does its work.
    pub(super) ready: Option<String>,
    /// How many of its processes were killed and do not go.
    pub(super) stuck: u32,
}

impl Board {
    pub(super) fn new() -> Self {
        Self { wanted: Image::Running, is_behind: false, bridge: Part::default(), worker: Part::default() }
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
}
