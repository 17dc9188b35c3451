//! Files that an agent leaves in its `outbox/`: mentioned in the reply, so that none is lost in silence.

use std::{collections::BTreeMap, path::Path, time::SystemTime};

use lastword_core::agent::AgentOutcome;

/// What is in an outbox: each file's name with the time it was last written.
pub(super) type Outbox = BTreeMap<String, SystemTime>;

/// The most files that are looked at.
const FILES_MAX: usize = 1_000;
/// The most names that a reply mentions.
const NAMES_MAX: usize = 10;

/// Looks into the outbox; a folder that can't be read is empty.
pub(super) fn in_outbox(directory: &Path) -> Outbox {
    let Ok(entries) = std::fs::read_dir(directory.join("outbox")) else { return Outbox::new() };
    entries
        .flatten()
        .take(FILES_MAX)
        .filter_map(|entry| {
            let written = entry.metadata().and_then(|metadata| metadata.modified()).ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), written))
        })
        .collect()
}

/// The names of files which are new since `before`.
pub(super) fn new_in(directory: &Path, before: &Outbox) -> Vec<String> {
    let is_new = |(name, written): &(String, SystemTime)| before.get(name) != Some(written);
    in_outbox(directory).into_iter().filter(is_new).map(|(name, _)| name).collect()
}

/// Adds a line to an answer that names these files.
pub(super) fn mention(outcome: AgentOutcome, new: &[String]) -> AgentOutcome {
    let AgentOutcome::Answered(answer) = outcome else { return outcome };
    if new.is_empty() {
        return AgentOutcome::Answered(answer);
    }
    let names: Vec<_> = new.iter().take(NAMES_MAX).map(|name| format!("`{}`", printable(name))).collect();
    let more = if new.len() > NAMES_MAX { format!(" and {} more", new.len() - NAMES_MAX) } else { String::new() };
    AgentOutcome::Answered(format!(
        "{answer}\n\n(Left in the agent's outbox, not sent here: {}{more}.)",
        names.join(", ")
    ))
}

/// A file's name as data: nothing in it can end the quotes or steer a terminal.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || c == '`' || is_direction(c) { '\u{FFFD}' } else { c }).collect()
}

/// Whether a character only steers the direction of text, and so can make a name look like another.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_files_are_mentioned_and_their_names_are_data() {
        let directory = tempfile::tempdir().unwrap();
        let outbox = directory.path().join("outbox");
        std::fs::create_dir(&outbox).unwrap();
        std::fs::write(outbox.join("old.txt"), "old").unwrap();
        let before = in_outbox(directory.path());
        let answered = || AgentOutcome::Answered("Here.".into());
        let mentioned = || mention(answered(), &new_in(directory.path(), &before));
        assert_eq!(mentioned(), answered());
        std::fs::write(outbox.join("a`b\u{1b}\u{202e}.pdf"), "new").unwrap();
        let AgentOutcome::Answered(text) = mentioned() else { panic!() };
        assert_eq!(text, "Here.\n\n(Left in the agent's outbox, not sent here: `a\u{FFFD}b\u{FFFD}\u{FFFD}.pdf`.)");
    }
}
