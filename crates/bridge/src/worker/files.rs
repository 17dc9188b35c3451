//! The files of a turn: its agent is told of those that came with it, and those that it leaves in its `outbox/` go out
//! with the answer, or are named in it: none is lost in silence.
//!
//! What goes out is copied first to where no agent can change it, and is there before it is elected.

use std::{collections::BTreeMap, ffi::OsString, fmt::Write as _, fs, io, path::Path, time::SystemTime};

use lastword_core::{
    agent::AgentOutcome,
    file::{Fetched, FileLimits, OutFile, TurnFile, albums, shown_name},
    ids::{Fence, PlaceId},
    reason::{Reason, size},
};

use crate::process::{folder::Folder, state_dir::StateDir};

/// What is in an outbox: each file's name with the time it was last written.
pub(super) type Outbox = BTreeMap<OsString, SystemTime>;

/// The most files that an outbox may hold: beyond it nobody knows which are new.
const LOOKED_AT_MAX: usize = 10_000;
/// The most files that one answer brings.
const SENT_MAX: usize = 20;
/// The most names that a reply mentions.
const NAMES_MAX: usize = 10;

/// Why nothing can be asked of a turn whose message was only files, of which none is here.
pub(super) fn nothing_to_ask(prompt: &str, files: &[TurnFile]) -> Option<Reason> {
    let failed = files.iter().map(|file| match &file.fetched {
        Fetched::Here { .. } => None,
        Fetched::Failed { why } => Some(format!("`{}`: {why}", shown_name(&file.name))),
    });
    let failed: Option<Vec<_>> = failed.collect();
    let why = failed.filter(|failed| !failed.is_empty() && prompt.trim().is_empty())?;
    Some(Reason::NoFile { why: why.join("; ") })
}

/// What an agent is asked, and which files came with it.
pub(super) fn prompt_with(prompt: &str, files: &[TurnFile]) -> String {
    let mut text = prompt.trim_end().to_owned();
    if files.is_empty() {
        return prompt.to_owned();
    }
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str("Files that came with this message, in your working directory:");
    for file in files {
        let name = shown_name(&file.name);
        // Writing to a String can't fail.
        let _ = match &file.fetched {
            Fetched::Here { path, size_bytes } => write!(text, "\n- `{path}` (`{name}`, {})", size(*size_bytes)),
            Fetched::Failed { why } => write!(text, "\n- `{name}` is not here: {why}"),
        };
    }
    text
}

/// Looks into the outbox; without a folder it is empty.
pub(super) fn in_outbox(directory: &Path) -> io::Result<Outbox> {
    let entries = match fs::read_dir(directory.join("outbox")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Outbox::new()),
        Err(error) => return Err(error),
    };
    let mut outbox = Outbox::new();
    for entry in entries.flatten() {
        // One that goes away meanwhile is not left.
        let Ok(written) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        outbox.insert(entry.file_name(), written);
        if outbox.len() > LOOKED_AT_MAX {
            return Err(io::Error::other(format!("it holds more than {LOOKED_AT_MAX} files; remove some")));
        }
    }
    Ok(outbox)
}

/// Where files that go out are kept, and what may go out.
pub(super) struct Keeper<'a> {
    pub(super) state: &'a StateDir,
    pub(super) place: PlaceId,
    pub(super) session: u32,
    pub(super) fence: Fence,
    /// `None`: the network takes no files.
    pub(super) limits: Option<FileLimits>,
}

/// What an agent left.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// What goes out, in the order of its names.
    kept: Vec<OutFile>,
    /// What does not, and why if there is more to say than that it does not.
    named: Vec<(String, Option<String>)>,
    /// Why nobody knows what it left.
    unknown: Option<String>,
}

impl Keeper<'_> {
    /// Keeps the files which are new since `before`.
    pub(super) fn keep_new(&self, directory: &Path, before: &Outbox) -> io::Result<Left> {
        let now = in_outbox(directory)?;
        let new: Vec<_> =
            now.into_iter().filter(|(name, at)| before.get(name) != Some(at)).map(|(name, _)| name).collect();
        let mut left = Left::default();
        if new.is_empty() {
            return Ok(left);
        }
        let Some(limits) = self.limits else {
            left.named = new.iter().map(|name| (name.to_string_lossy().into_owned(), None)).collect();
            return Ok(left);
        };
        let from = Folder::open(directory)?.folder("outbox")?;
        let to = Folder::open(&self.state.open_spool(self.place, self.session)?)?;
        for name in new {
            let told = name.to_string_lossy().into_owned();
            if left.kept.len() == SENT_MAX {
                left.named.push((told, Some(format!("more than {SENT_MAX} at once"))));
                continue;
            }
            let kept = format!("{}-{}-{}", self.fence.turn, self.fence.attempt, left.kept.len() + 1);
            match keep(&from, &name, &to, &kept, limits.upload_bytes_max) {
                Ok(size_bytes) => {
                    let kept = format!("{}/{kept}", StateDir::session_name(self.place, self.session));
                    left.kept.push(OutFile { kept, name: told, size_bytes });
                }
                Err(why) => left.named.push((told, Some(why))),
            }
        }
        to.sync()?;
        // A new part of the spool must outlive a power cut, too.
        Folder::open(&self.state.spool())?.sync()?;
        Folder::open(self.state.root())?.sync()?;
        Ok(left)
    }
}

/// Copies one file to where it is kept; its size in bytes, or why it can't go out.
fn keep(from: &Folder, name: &OsString, to: &Folder, kept: &str, bytes_max: u64) -> Result<u64, String> {
    let said = |error: io::Error| error.to_string();
    let file = from.file(name).map_err(|error| match error.raw_os_error() {
        Some(nix::libc::ELOOP) => "a link".into(),
        _ => said(error),
    })?;
    let size_bytes = file.metadata().map_err(said)?.len();
    if size_bytes == 0 {
        return Err("empty".into());
    }
    if size_bytes > bytes_max {
        return Err(format!("{}, larger than {}", size(size_bytes), size(bytes_max)));
    }
    let copied = to.create(kept).and_then(|mut copy| {
        // What is written to it meanwhile is another turn's.
        let copied = io::copy(&mut io::Read::take(file, size_bytes), &mut copy)?;
        copy.sync_all()?;
        Ok(copied)
    });
    copied.map_err(|error| {
        // The janitor takes what is left behind.
        let _ = to.remove(kept);
        said(error)
    })
}

impl Left {
    /// Nobody knows what, and why.
    pub(super) fn unknown(why: &io::Error) -> Self {
        Self { unknown: Some(why.to_string()), ..Self::default() }
    }

    /// The answer with what is said of its files, and the messages that bring them.
    pub(super) fn go_with(
        self,
        outcome: AgentOutcome,
        limits: Option<FileLimits>,
    ) -> (AgentOutcome, Vec<Vec<OutFile>>) {
        let text = match outcome {
            AgentOutcome::Answered(text) => text,
            AgentOutcome::Failed(Reason::AgentSilent) if !(self.kept.is_empty() && self.named.is_empty()) => {
                "(files, without a word)".into()
            }
            AgentOutcome::Failed(_) => return (outcome, Vec::new()),
        };
        let mut named = self.named;
        named.extend(self.unknown.map(|why| ("outbox".into(), Some(why))));
        let files = limits.map_or_else(Vec::new, |limits| albums(self.kept, limits));
        (AgentOutcome::Answered(mention(text, &named)), files)
    }
}

/// Adds a line to an answer that names what is not sent.
fn mention(answer: String, named: &[(String, Option<String>)]) -> String {
    if named.is_empty() {
        return answer;
    }
    let names = named.iter().take(NAMES_MAX).map(|(name, why)| {
        let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("`{}`{why}", shown_name(name))
    });
    let names: Vec<_> = names.collect();
    let more = if named.len() > NAMES_MAX { format!(" and {} more", named.len() - NAMES_MAX) } else { String::new() };
    format!("{answer}\n\n(Left in the agent's outbox, not sent here: {}{more}.)", names.join(", "))
}

#[cfg(test)]
mod tests {
    use lastword_core::ids::{Attempt, TurnId};

    use super::*;

    struct Desk {
        _root: tempfile::TempDir,
        state: StateDir,
        directory: std::path::PathBuf,
    }

    fn desk() -> Desk {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::open(&root.path().join("state")).unwrap();
        let directory = state.open_place(PlaceId(7), 1).unwrap();
        Desk { _root: root, state, directory }
    }

    impl Desk {
        fn write(&self, name: &str, text: &str) {
            fs::write(self.directory.join("outbox").join(name), text).unwrap();
        }

        fn left(&self, limits: Option<FileLimits>, before: &Outbox) -> (String, Vec<Vec<OutFile>>) {
            let fence = Fence { turn: TurnId(3), attempt: Attempt(1) };
            let keeper = Keeper { state: &self.state, place: PlaceId(7), session: 1, fence, limits };
            let left = keeper.keep_new(&self.directory, before).unwrap();
            let (outcome, files) = left.go_with(AgentOutcome::Answered("Here.".into()), limits);
            let AgentOutcome::Answered(text) = outcome else { panic!("it answered") };
            (text, files)
        }
    }

    const LIMITS: Option<FileLimits> = Some(FileLimits { upload_bytes_max: 10, album_max: 10 });

    #[test]
    fn where_no_files_go_only_new_ones_are_named_and_their_names_are_data() {
        let desk = desk();
        desk.write("old.txt", "old");
        let before = in_outbox(&desk.directory).unwrap();
        assert_eq!(desk.left(None, &before).0, "Here.");
        desk.write("a`b\u{1b}\u{202e}.pdf", "new");
        assert_eq!(
            desk.left(None, &before).0,
            "Here.\n\n(Left in the agent's outbox, not sent here: `a\u{FFFD}b\u{FFFD}\u{FFFD}.pdf`.)"
        );
    }

    #[test]
    fn what_goes_out_is_kept_from_its_agent_and_the_rest_is_named() {
        let desk = desk();
        for (name, text) in [("a.txt", "one"), ("b.txt", "two"), ("c.txt", ""), ("d.txt", "longer than ten")] {
            desk.write(name, text);
        }
        fs::create_dir(desk.directory.join("outbox/folder")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", desk.directory.join("outbox/e.txt")).unwrap();
        let (text, files) = desk.left(LIMITS, &Outbox::new());
        let named =
            "`c.txt` (empty), `d.txt` (15 bytes, larger than 10 bytes), `e.txt` (a link), `folder` (it is no file)";
        assert_eq!(text, format!("Here.\n\n(Left in the agent's outbox, not sent here: {named}.)"));
        desk.write("a.txt", "changed");
        let kept: Vec<_> = files
            .concat()
            .into_iter()
            .map(|file| (file.name, fs::read_to_string(desk.state.spool().join(&file.kept)).unwrap(), file.kept))
            .collect();
        assert_eq!(
            kept,
            [("a.txt".into(), "one".into(), "7-1/3-1-1".into()), ("b.txt".into(), "two".into(), "7-1/3-1-2".into()),]
        );
    }

    #[test]
    fn an_agent_that_leaves_files_need_not_say_anything() {
        let file = OutFile { kept: "7-1/3-1-1".into(), name: "a".into(), size_bytes: 1 };
        let left = Left { kept: vec![file.clone()], ..Left::default() };
        let silent = || AgentOutcome::Failed(Reason::AgentSilent);
        let (outcome, files) = left.go_with(silent(), LIMITS);
        assert_eq!((outcome, files), (AgentOutcome::Answered("(files, without a word)".into()), vec![vec![file]]));
        assert_eq!(Left::default().go_with(silent(), LIMITS), (silent(), Vec::new()));
        // A disk that does not answer is no file.
        let unknown = || Left::unknown(&io::Error::other("its disk does not answer"));
        assert_eq!(unknown().go_with(silent(), LIMITS), (silent(), Vec::new()));
        let (outcome, _) = unknown().go_with(AgentOutcome::Answered("Here.".into()), LIMITS);
        let told = "Here.\n\n(Left in the agent's outbox, not sent here: `outbox` (its disk does not answer).)";
        assert_eq!(outcome, AgentOutcome::Answered(told.into()));
    }

    #[test]
    fn an_agent_is_told_what_came_and_what_did_not() {
        let here = |name: &str| TurnFile {
            name: name.into(),
            fetched: Fetched::Here { path: format!("inbox/3-1-{name}"), size_bytes: 2_048 },
        };
        let gone = TurnFile { name: "b`\n".into(), fetched: Fetched::Failed { why: "it is gone".into() } };
        assert_eq!(
            prompt_with("look\n", &[here("a.txt"), gone.clone()]),
            "look\n\nFiles that came with this message, in your working directory:\n\
             - `inbox/3-1-a.txt` (`a.txt`, 2 KiB)\n\
             - `b\u{FFFD}\u{FFFD}` is not here: it is gone"
        );
        assert_eq!(prompt_with("look\n", &[]), "look\n");
        assert_eq!(nothing_to_ask("look", std::slice::from_ref(&gone)), None);
        assert_eq!(nothing_to_ask("", &[here("a"), gone.clone()]), None);
        assert_eq!(nothing_to_ask("", &[]), None);
        let why = nothing_to_ask(" ", &[gone]).unwrap().last_word();
        assert_eq!(why, "Error: I could not take what you sent: `b\u{FFFD}\u{FFFD}`: it is gone.");
    }
}
