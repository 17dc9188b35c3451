//! `lastword backup` and `lastword restore`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use lastword_store::{BackupInfo, DeploymentLock, OwedAfterRestore, Restored, SqliteStore, SystemClock};

use super::aside::set_aside;
use crate::{config::Config, process::member::open_state, report::Zone};

/// Where to.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to make. One that is there is never overwritten.
    file: PathBuf,
}

/// Where from.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A file that `lastword backup` made.
    file: PathBuf,
    /// What becomes of messages that were owed, or on their way, when it was made.
    #[arg(long, value_enum)]
    owed: Option<Owed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Owed {
    /// They are answered by the next start; what was answered since the backup is answered again.
    Keep,
    /// They are ended without a word.
    Drop,
}

/// Works beside a running deployment, and beside none.
pub(super) fn back_up(args: &BackupArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let info = SqliteStore::backup(&config.store_path, &args.file)?;
    super::say(format_args!("{} has {}.", args.file.display(), held(&info, &Zone::local())));
    super::say(format_args!(
        "Files of agents are not in it: they are in {}.",
        config.state_dir.join("places").display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Only while nothing runs on the store.
pub(super) fn restore(args: &RestoreArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let info = SqliteStore::inspect(&args.file)?;
    let Some(owed) = choice(&info, args.owed) else {
        eprintln!("{}", question(&info));
        return Ok(ExitCode::FAILURE);
    };
    let state = open_state(config)?;
    let lock = DeploymentLock::found(&config.store_path)?;
    SqliteStore::must_be_unread(&config.store_path, &lock)?;
    // Before the store is there that they would meet.
    let aside = set_aside(&state, &info.sessions)?;
    let restored = SqliteStore::restore(&args.file, &config.store_path, owed, &SystemClock, &lock)?;
    super::say(told(&restored, aside.as_deref(), &Zone::local()));
    Ok(ExitCode::SUCCESS)
}

/// Where nothing is owed there is nothing to choose.
fn choice(info: &BackupInfo, chosen: Option<Owed>) -> Option<OwedAfterRestore> {
    match chosen {
        Some(Owed::Keep) => Some(OwedAfterRestore::Keep),
        Some(Owed::Drop) => Some(OwedAfterRestore::Drop),
        None => (info.owed == 0 && info.counts.deliveries_open == 0).then_some(OwedAfterRestore::Keep),
    }
}

fn question(info: &BackupInfo) -> String {
    format!(
        "When this backup was made, it owed {}, and {} on the way. Say what becomes of them:\n\
         \n\
         --owed keep   they are answered and delivered by the next start. Whoever got the answer after the backup was \
         made gets it again.\n\
         --owed drop   they are ended without a word, and nothing of them is posted any more. Who still waits has to ask \
         again.\n\
         \n\
         Nothing was changed.",
        plural(info.owed, "answer"),
        match info.counts.deliveries_open {
            1 => "1 post was".to_owned(),
            n => format!("{n} posts were"),
        },
    )
}

fn told(restored: &Restored, aside: Option<&Path>, zone: &Zone) -> String {
    let mut text = format!("Restored: it has {}.", held(&restored.info, zone));
    if restored.dropped + restored.given_up > 0 {
        text.push_str(&format!(
            "\nEnded without a word: {}; not posted any more: {}.",
            plural(restored.dropped, "message"),
            plural(restored.given_up, "post"),
        ));
    }
    if let Some(former) = &restored.former {
        text.push_str(&format!("\nThe store that was there is now {}.", former.display()));
    }
    if let Some(aside) = aside {
        text.push_str(&format!("\nJournals, and agents' files that it does not know, are now in {}.", aside.display()));
    }
    text += "\nWhat networks still offer of the time since then is answered by the next start; the rest of that time is \
             not known any more.";
    text
}

fn held(info: &BackupInfo, zone: &Zone) -> String {
    let turns = plural(info.counts.accepted, "message");
    match info.last_accepted_at {
        Some(at) => format!("{turns}, the last one of {}, and owes {}", zone.full(at), plural(info.owed, "answer")),
        None => format!("{turns} and owes {}", plural(info.owed, "answer")),
    }
}

fn plural(n: u64, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lastword_core::{ids::Timestamp, store::Counts};

    use super::*;

    fn info(owed: u64) -> BackupInfo {
        BackupInfo {
            store_made_at: Timestamp(1_788_000_000_000),
            last_accepted_at: Some(Timestamp(1_789_000_000_000)),
            schema_version: 2,
            counts: Counts { accepted: 12, deliveries_open: 0, ..Counts::default() },
            owed,
            sessions: BTreeMap::new(),
        }
    }

    #[test]
    fn where_nothing_is_owed_nothing_has_to_be_chosen() {
        assert_eq!(choice(&info(0), None), Some(OwedAfterRestore::Keep));
        assert_eq!(choice(&info(1), None), None);
        assert_eq!(choice(&info(1), Some(Owed::Drop)), Some(OwedAfterRestore::Drop));
    }

    #[test]
    fn the_choice_is_explained() {
        insta::assert_snapshot!(question(&info(1)), @r"
        When this backup was made, it owed 1 answer, and 0 posts were on the way. Say what becomes of them:

        --owed keep   they are answered and delivered by the next start. Whoever got the answer after the backup was made gets it again.
        --owed drop   they are ended without a word, and nothing of them is posted any more. Who still waits has to ask again.

        Nothing was changed.
        ");
    }

    #[test]
    fn a_restore_says_what_it_did_and_where_the_former_store_is() {
        let restored = Restored {
            info: info(1),
            former: Some("/state/lastword.db.before-restore-1".into()),
            dropped: 1,
            given_up: 2,
        };
        insta::assert_snapshot!(told(&restored, Some(Path::new("/state/before-restore-1")), &Zone::utc()), @r"
        Restored: it has 12 messages, the last one of 2026-09-10 00:26:40 UTC, and owes 1 answer.
        Ended without a word: 1 message; not posted any more: 2 posts.
        The store that was there is now /state/lastword.db.before-restore-1.
        Journals, and agents' files that it does not know, are now in /state/before-restore-1.
        What networks still offer of the time since then is answered by the next start; the rest of that time is not known any more.
        ");
    }
}
