//! Which builds run: while one is replaced, there are two.

use std::{collections::BTreeMap, fmt::Write as _};

use lastword_core::store::Incarnation;

use super::line;

/// A line for each role and build, with how many processes there are of it.
#[must_use]
pub fn builds_text(living: &[Incarnation]) -> String {
    let mut builds: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for one in living {
        *builds.entry((one.role.as_str(), &one.build)).or_default() += 1;
    }
    let mut text = String::new();
    for ((role, build), count) in builds {
        let several = if count == 1 { String::new() } else { format!(" ({count} processes)") };
        // Writing to a String can't fail.
        let _ = writeln!(text, "{role}: {}{several}", line(build));
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use lastword_core::{ids::IncarnationId, store::Role};

    use super::*;

    #[test]
    fn each_role_names_its_builds() {
        let one = |role, build: &str| Incarnation {
            id: IncarnationId::new("i"),
            role,
            pid: 1,
            build: build.into(),
            beats: 0,
        };
        let living = [one(Role::Bridge, "1.0 (b)"), one(Role::Worker, "1.0 (a)"), one(Role::Worker, "1.0 (a)")];
        assert_eq!(builds_text(&living), "bridge: 1.0 (b)\nworker: 1.0 (a) (2 processes)");
    }
}
