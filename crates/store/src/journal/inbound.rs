//! Updates that were acknowledged while the store was out.
//!
//! Guarantee: what [`InboundJournal::keep`] wrote with `Ok` survives the death of its bridge, and whoever receives for the
//! account next finds it by [`left_by_others`]. While the store is well, there is no file and no sync.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use lastword_core::{ids::IncarnationId, update::Update};
use serde::{Deserialize, Serialize};

use super::{
    durable, move_aside, owner_in,
    record::{line, read},
    remove,
};

/// How a file's name ends.
const SUFFIX: &str = ".inbound";

/// What one bridge keeps for one account. It makes no file before there is something to keep.
#[derive(Debug)]
pub struct InboundJournal {
    directory: PathBuf,
    owner: IncarnationId,
    account: usize,
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    current: Option<File>,
    /// All that somebody may rely on; the last one is `current`, if there is one.
    paths: Vec<PathBuf>,
    next: u32,
}

/// One update, as it is written. Fields that come later need a default: a file outlives the build that wrote it.
#[derive(Deserialize, Serialize)]
struct Record {
    /// What the network calls the bot: another one under the same account's name did not hear it.
    bot: String,
    update: Update,
}

impl InboundJournal {
    /// What `owner` keeps in `directory`; `account` tells its accounts apart.
    #[must_use]
    pub fn new(directory: &Path, owner: &IncarnationId, account: usize) -> Self {
        Self { directory: directory.to_owned(), owner: owner.clone(), account, files: Mutex::default() }
    }

    /// Makes the disk hold these, which `bot` heard, behind what it holds. Blocks.
    ///
    /// After an `Err` nobody may rely on them; the next call begins a new file.
    pub fn keep(&self, bot: &str, updates: &[Update]) -> io::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        for update in updates {
            lines.extend(line(&Record { bot: bot.to_owned(), update: update.clone() })?);
        }
        if let Some(file) = files.current.take() {
            files.current = Some(write(file, &lines)?);
            return Ok(());
        }
        let path = self.directory.join(format!("{}.{:02}-{:08}{SUFFIX}", self.owner, self.account, files.next));
        files.next += 1;
        let sync_name = |file| durable::sync_names(&self.directory).map(|()| file);
        match durable::create(&path).and_then(|file| write(file, &lines)).and_then(sync_name) {
            Ok(file) => {
                files.paths.push(path);
                files.current = Some(file);
                Ok(())
            }
            Err(error) => {
                // Nobody relies on anything in it, and each attempt would leave one.
                if remove(&path).is_err() {
                    files.paths.push(path);
                }
                Err(error)
            }
        }
    }

    /// Everything that was kept is in the store: the files that may go. Does no I/O; what is kept from now on is in
    /// another. Nothing while a disk that hangs is written.
    #[must_use]
    pub fn retire(&self) -> Vec<PathBuf> {
        let Ok(mut files) = self.files.try_lock() else { return Vec::new() };
        files.current = None;
        std::mem::take(&mut files.paths)
    }
}

/// Removes retired files. Blocks.
pub fn remove_retired(paths: &[PathBuf]) -> io::Result<()> {
    paths.iter().try_for_each(|path| remove(path))
}

fn write(mut file: File, lines: &[u8]) -> io::Result<File> {
    file.write_all(lines)?;
    durable::sync(&file)?;
    Ok(file)
}

/// A file that another bridge has left, or writes.
#[derive(Debug)]
pub struct LeftInbound {
    path: PathBuf,
    /// Whose it is.
    pub owner: IncarnationId,
    /// What it holds, in order, with what the network called the bot that heard it.
    pub updates: Vec<(String, Update)>,
    /// Why something of it can't be read.
    pub damage: Option<String>,
    /// Whether its owner was gone before it was read; otherwise more may come.
    pub is_whole: bool,
}

impl LeftInbound {
    /// Its updates are in the store: the disk forgets it, unless more may come. What can't be read is moved aside, never
    /// deleted. Blocks.
    pub fn forget(&self) -> io::Result<()> {
        match (&self.damage, self.is_whole) {
            (_, false) => Ok(()),
            (Some(_), true) => move_aside(&self.path, "damaged"),
            (None, true) => remove(&self.path),
        }
    }

    /// It was heard by another bot: it is moved aside. Blocks.
    pub fn set_aside(&self) -> io::Result<()> {
        move_aside(&self.path, "foreign")
    }

    /// The file, for the operator.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether this is such a file.
#[must_use]
pub fn is_inbound(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == &SUFFIX[1..])
}

/// What others than `me` left, the oldest first. `is_gone` tells whether a bridge is proven gone. Blocks.
pub fn left_by_others(
    directory: &Path,
    me: &IncarnationId,
    is_gone: impl Fn(&IncarnationId) -> bool,
) -> io::Result<Vec<LeftInbound>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        match name.to_str().and_then(|name| owner_in(name, SUFFIX)) {
            Some(owner) if owner != *me => paths.push((directory.join(name), owner)),
            _ => {}
        }
    }
    // An incarnation's name begins with the time of its start.
    paths.sort();
    let mut left = Vec::new();
    for (path, owner) in paths {
        let is_whole = is_gone(&owner);
        match fs::read(&path) {
            Ok(text) => {
                let (records, damaged) = read::<Record>(&text);
                let updates = records.into_iter().map(|Record { bot, update }| (bot, update)).collect();
                let damage = (damaged > 0).then(|| format!("{damaged} of its records can't be read"));
                left.push(LeftInbound { path, owner, updates, damage, is_whole });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // It may pass: then it is read with the next link.
            Err(error) => {
                let damage = Some(error.to_string());
                left.push(LeftInbound { path, owner, updates: Vec::new(), damage, is_whole: false });
            }
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use lastword_core::{
        ids::{AccountId, ConversationId, MessageId, Place, Timestamp, UpdateId, UserId},
        update::{Message, Sender, UpdateKind},
    };

    use super::*;

    fn update(id: &str) -> Update {
        Update {
            id: UpdateId::new(id),
            place: Place { account: AccountId::new("a"), conversation: ConversationId::new("c"), thread: None },
            sender: Sender { id: UserId::new("u"), name: Some("Ada\n".into()), is_bot: false },
            sent_at: Timestamp(7),
            kind: UpdateKind::Posted(Message {
                id: MessageId::new("m"),
                text: "two\nlines".into(),
                is_addressed: true,
                goes_on: false,
                files: Vec::new(),
            }),
        }
    }

    /// Owner and updates of each, and `!` where something can't be read.
    fn told(left: &[LeftInbound]) -> Vec<String> {
        let ids =
            |one: &LeftInbound| one.updates.iter().map(|(_, update)| format!(" {}", update.id)).collect::<String>();
        left.iter()
            .map(|one| format!("{}{}{}", one.owner, ids(one), if one.damage.is_some() { " !" } else { "" }))
            .collect()
    }

    fn forget(journal: &InboundJournal) {
        remove_retired(&journal.retire()).unwrap();
    }

    #[test]
    fn what_is_kept_is_found_by_others_in_order_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (IncarnationId::new("0001"), IncarnationId::new("0002"));
        let one = InboundJournal::new(directory.path(), &first, 0);
        let other = InboundJournal::new(directory.path(), &second, 1);
        let found = |me: &IncarnationId| left_by_others(directory.path(), me, |_| true).unwrap();
        assert!(found(&first).is_empty());
        other.keep("bot", &[update("o1")]).unwrap();
        one.keep("bot", &[update("u1"), update("u2")]).unwrap();
        one.keep("bot", &[update("u3")]).unwrap();
        assert_eq!(told(&found(&second)), ["0001 u1 u2 u3"]);
        let all = found(&IncarnationId::new("0003"));
        assert_eq!(told(&all), ["0001 u1 u2 u3", "0002 o1"]);
        assert_eq!(all[0].updates[0], ("bot".to_owned(), update("u1")));
        forget(&one);
        one.keep("bot", &[update("u4")]).unwrap();
        assert_eq!(told(&found(&second)), ["0001 u4"]);
        left_by_others(directory.path(), &second, |_| false).unwrap()[0].forget().unwrap();
        assert_eq!(told(&found(&second)), ["0001 u4"], "more may come");
        found(&second)[0].forget().unwrap();
        assert_eq!(told(&found(&IncarnationId::new("0003"))), ["0002 o1"]);
    }

    #[test]
    fn a_torn_tail_was_not_relied_on_and_what_is_damaged_is_moved_aside() {
        let directory = tempfile::tempdir().unwrap();
        let me = IncarnationId::new("me");
        let journal = InboundJournal::new(directory.path(), &IncarnationId::new("0001"), 0);
        journal.keep("bot", &[update("u1"), update("u2")]).unwrap();
        let path = left_by_others(directory.path(), &me, |_| true).unwrap()[0].path().to_owned();
        let mut text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() - 3]).unwrap();
        assert_eq!(told(&left_by_others(directory.path(), &me, |_| true).unwrap()), ["0001 u1"]);
        text[60] ^= 1;
        fs::write(&path, &text).unwrap();
        let left = left_by_others(directory.path(), &me, |_| true).unwrap();
        assert_eq!(told(&left), ["0001 u2 !"]);
        left[0].forget().unwrap();
        assert!(left_by_others(directory.path(), &me, |_| true).unwrap().is_empty());
        assert!(path.with_extension("damaged").exists());
    }

    #[test]
    fn what_could_not_be_written_is_no_part_of_what_comes_next() {
        let directory = tempfile::tempdir().unwrap();
        let me = IncarnationId::new("me");
        let gone = directory.path().join("gone");
        let journal = InboundJournal::new(&gone, &IncarnationId::new("0001"), 0);
        assert!(journal.keep("bot", &[update("u1")]).is_err());
        fs::create_dir(&gone).unwrap();
        journal.keep("bot", &[update("u2")]).unwrap();
        assert_eq!(told(&left_by_others(&gone, &me, |_| true).unwrap()), ["0001 u2"]);
        forget(&journal);
        assert!(left_by_others(&gone, &me, |_| true).unwrap().is_empty());
    }

    #[cfg(feature = "testing")]
    #[test]
    fn a_power_cut_takes_nothing_that_was_kept() {
        let directory = tempfile::tempdir().unwrap();
        let journal = InboundJournal::new(directory.path(), &IncarnationId::new("0001"), 0);
        for (kept, found) in [("u1", "0001 u1"), ("u2", "0001 u1 u2")] {
            journal.keep("bot", &[update(kept)]).unwrap();
            durable::power_cut(directory.path()).unwrap();
            let left = left_by_others(directory.path(), &IncarnationId::new("me"), |_| true).unwrap();
            assert_eq!(told(&left), [found]);
        }
    }

    #[test]
    fn what_comes_after_retiring_is_in_another_file() {
        let directory = tempfile::tempdir().unwrap();
        let journal = InboundJournal::new(directory.path(), &IncarnationId::new("0001"), 0);
        journal.keep("bot", &[update("u1")]).unwrap();
        let retired = journal.retire();
        journal.keep("bot", &[update("u2")]).unwrap();
        remove_retired(&retired).unwrap();
        assert_eq!(told(&left_by_others(directory.path(), &IncarnationId::new("me"), |_| true).unwrap()), ["0001 u2"]);
    }

    #[test]
    fn an_unreadable_file_holds_up_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let journal = InboundJournal::new(directory.path(), &IncarnationId::new("0002"), 0);
        journal.keep("bot", &[update("u1")]).unwrap();
        fs::create_dir(directory.path().join("0001.00-00000000.inbound")).unwrap();
        let left = left_by_others(directory.path(), &IncarnationId::new("me"), |_| true).unwrap();
        assert_eq!(told(&left), ["0001 !", "0002 u1"]);
        left[0].forget().unwrap();
        assert!(left[0].path().exists(), "it may be read another time");
    }
}
