mod any_file;

use std::os::unix::fs::PermissionsExt;

use lastword_core::{
    ids::{Attempt, TurnId},
    store::End,
};
use tempfile::TempDir;

use super::*;

const HERE: &str = "here";

fn verdict(turn: i64) -> Verdict {
    let fence = Fence { turn: TurnId(turn), attempt: Attempt(1) };
    Verdict { fence, end: End::Answered, parts: vec![format!("answer {turn}")], files: Vec::new(), if_progress: None }
}

fn worker() -> IncarnationId {
    IncarnationId::new("worker-1")
}

fn journal(directory: &TempDir) -> Journal {
    Journal::new(directory.path(), &worker(), HERE, &directory.path().join("lastword.db"))
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn replayed(directory: &TempDir) -> Vec<Verdict> {
    Replay::read(directory.path(), &worker(), HERE, Unreadable::IsNoAnswer).unwrap().answers
}

#[test]
fn it_holds_what_is_kept_and_is_gone_when_everything_is_settled() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    journal.flush().unwrap();
    assert!(names(&directory).is_empty(), "nothing to keep, no file");
    for turn in [1, 2] {
        journal.keep(&verdict(turn));
    }
    journal.flush().unwrap();
    let mode = fs::metadata(directory.path().join("worker-1.journal")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(replayed(&directory), [verdict(1), verdict(2)]);
    journal.settle(verdict(1).fence);
    journal.flush().unwrap();
    assert_eq!(replayed(&directory), [verdict(2)]);
    journal.settle(verdict(2).fence);
    journal.flush().unwrap();
    assert!(names(&directory).is_empty());
    journal.keep(&verdict(3));
    journal.flush().unwrap();
    assert_eq!(replayed(&directory), [verdict(3)], "it begins again");
}

#[test]
fn a_directory_that_is_gone_is_an_error_until_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let (here, away) = (directory.path().join("journal"), directory.path().join("away"));
    fs::create_dir(&here).unwrap();
    let journal = Journal::new(&here, &worker(), HERE, &here.join("lastword.db"));
    fs::rename(&here, &away).unwrap();
    journal.keep(&verdict(1));
    journal.flush().unwrap_err();
    Replay::read(&here, &worker(), HERE, Unreadable::IsNoAnswer).unwrap_err();
    fs::rename(&away, &here).unwrap();
    journal.flush().unwrap();
    assert_eq!(Replay::read(&here, &worker(), HERE, Unreadable::IsNoAnswer).unwrap().answers, [verdict(1)]);
}

#[cfg(feature = "testing")]
#[test]
fn a_power_cut_takes_nothing_that_was_flushed() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    for turn in [1, 2] {
        journal.keep(&verdict(turn));
        journal.flush().unwrap();
        power_cut(directory.path()).unwrap();
        assert_eq!(replayed(&directory).len(), usize::try_from(turn).unwrap(), "with its name, and what was appended");
    }
    let unsynced = directory.path().join("worker-1.9.journal");
    durable::create(&unsynced).unwrap().write_all(b"no sync, no promise").unwrap();
    power_cut(directory.path()).unwrap();
    assert!(!unsynced.exists());
}

#[test]
fn what_cant_be_read_is_named_and_moved_aside() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    for turn in [1, 2] {
        journal.keep(&verdict(turn));
        journal.flush().unwrap();
    }
    let path = directory.path().join("worker-1.journal");
    let mut text = fs::read(&path).unwrap();
    text[20] ^= 1;
    fs::write(&path, text).unwrap();
    let replay = Replay::read(directory.path(), &worker(), HERE, Unreadable::IsNoAnswer).unwrap();
    assert_eq!(replay.answers, [verdict(2)]);
    assert_eq!(replay.damaged.len(), 1);
    replay.forget().unwrap();
    assert_eq!(names(&directory), ["worker-1.damaged"]);
    assert!(owners(directory.path()).unwrap().is_empty());
}

#[test]
fn a_file_that_can_not_be_read_is_no_answer_until_patience_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    journal.keep(&verdict(1));
    journal.flush().unwrap();
    fs::create_dir(directory.path().join("worker-1.1.journal")).unwrap();
    let read = |unreadable| Replay::read(directory.path(), &worker(), HERE, unreadable);
    read(Unreadable::IsNoAnswer).unwrap_err();
    let replay = read(Unreadable::IsDamage).unwrap();
    assert_eq!(replay.answers, [verdict(1)]);
    assert_eq!(replay.damaged.len(), 1);
}

#[test]
fn files_count_in_the_order_in_which_they_were_written() {
    let directory = tempfile::tempdir().unwrap();
    let later = Verdict { parts: vec!["later".into()], ..verdict(1) };
    for (name, verdict) in [("worker-1", verdict(1)), ("worker-1.2", verdict(1)), ("worker-1.10", later.clone())] {
        let line = line(&Record::Answer { deployment: HERE.into(), verdict }).unwrap();
        fs::write(directory.path().join(format!("{name}.journal")), line).unwrap();
    }
    assert_eq!(replayed(&directory), [later]);
}

#[test]
fn what_another_store_was_owed_is_set_aside_and_never_said() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    journal.keep(&verdict(1));
    journal.flush().unwrap();
    let replay = Replay::read(directory.path(), &worker(), "restored", Unreadable::IsNoAnswer).unwrap();
    assert!(replay.answers.is_empty() && replay.damaged.is_empty());
    replay.forget().unwrap();
    assert_eq!(names(&directory), ["worker-1.foreign"]);
}

#[test]
fn everybody_has_a_journal_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let other = IncarnationId::new("worker-10");
    for owner in [&worker(), &other] {
        let journal = Journal::new(directory.path(), owner, HERE, &directory.path().join("lastword.db"));
        journal.keep(&verdict(1));
        journal.flush().unwrap();
    }
    assert_eq!(owners(directory.path()).unwrap(), BTreeSet::from([worker(), other.clone()]));
    Replay::read(directory.path(), &worker(), HERE, Unreadable::IsNoAnswer).unwrap().forget().unwrap();
    assert_eq!(owners(directory.path()).unwrap(), BTreeSet::from([other]));
}

#[cfg(all(target_os = "linux", feature = "testing"))]
#[test]
fn after_a_failed_sync_everything_is_written_anew_into_a_fresh_file() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    journal.keep(&verdict(1));
    journal.flush().unwrap();
    journal.keep(&verdict(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            crate::sqlite::broken_disk::break_this_thread();
            assert_eq!(journal.flush().unwrap_err().raw_os_error(), Some(nix::libc::EIO));
        });
    });
    journal.flush().unwrap();
    assert_eq!(names(&directory), ["worker-1.1.journal"]);
    assert_eq!(replayed(&directory), [verdict(1), verdict(2)]);
}

#[cfg(all(target_os = "linux", feature = "testing"))]
#[test]
fn a_disk_that_takes_nothing_does_not_fill_up_with_files() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(&directory);
    journal.keep(&verdict(1));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            crate::sqlite::broken_disk::break_this_thread();
            for _ in 0..10 {
                journal.flush().unwrap_err();
                assert!(names(&directory).is_empty(), "nobody relied on what it may hold");
            }
        });
    });
    journal.flush().unwrap();
    assert_eq!(replayed(&directory), [verdict(1)]);
    journal.keep(&verdict(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            crate::sqlite::broken_disk::break_this_thread();
            for _ in 0..10 {
                journal.flush().unwrap_err();
                assert_eq!(names(&directory), ["worker-1.journal"], "it surely holds the first answer");
            }
        });
    });
}
