//! Whatever became of a backup on its way: it is whole, or it is refused with its name and a cure, and what is there
//! stays.

use std::{fs, os::unix::fs::MetadataExt};

use lastword_core::contract::store::place;
use lastword_core::store::Store;
use proptest::prelude::*;

use super::*;
use crate::{BackupError, DeploymentLock, OwedAfterRestore};

/// What happened to the file.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    /// In the first hundred bytes, which say what the rest is.
    Head(usize, u8),
    Cut(prop::sample::Index),
    Zeros(prop::sample::Index, usize),
    Longer(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        2 => (at(), 1_u8..).prop_map(|(at, change)| Damage::Flip(at, change)),
        2 => (0_usize..100, 1_u8..).prop_map(|(at, change)| Damage::Head(at, change)),
        2 => at().prop_map(Damage::Cut),
        1 => (at(), 1_usize..9_000).prop_map(|(at, bytes)| Damage::Zeros(at, bytes)),
        1 => prop::collection::vec(any::<u8>(), 1..5_000).prop_map(Damage::Longer),
    ]
}

fn apply(damage: Damage, file: &mut Vec<u8>) {
    let length = file.len();
    match damage {
        Damage::Flip(at, change) => file[at.index(length)] ^= change,
        Damage::Head(at, change) => file[at] ^= change,
        Damage::Cut(at) => file.truncate(at.index(length)),
        Damage::Zeros(at, bytes) => {
            let at = at.index(length);
            file[at..(at + bytes).min(length)].fill(0);
        }
        Damage::Longer(bytes) => file.extend(bytes),
    }
}

async fn made(folder: &Path) -> Vec<u8> {
    let world = world(folder, SqliteOptions::inline).await;
    world.asks("plain a", "1").await;
    world.answers(&world.claims().await[0], "one").await;
    world.asks("b", "2").await;
    let to = folder.join("backup");
    SqliteStore::backup(&folder.join("lastword.db"), &to).unwrap();
    let bytes = fs::read(&to).unwrap();
    fs::remove_file(to).unwrap();
    world.asks("c", "after the backup").await;
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 16))]

    #[test]
    fn a_damaged_backup_is_refused_by_name_or_harmless(damages in prop::collection::vec(damage(), 1..3)) {
        let folder = folder();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut file = runtime.block_on(made(folder.path()));
        for damage in damages {
            if !file.is_empty() && file.len() > 100 {
                apply(damage, &mut file);
            }
        }
        let (backup, database) = (folder.path().join("backup"), folder.path().join("lastword.db"));
        fs::write(&backup, &file).unwrap();
        let store_of = |path: &Path| SqliteStore::open(SqliteOptions::new(path, HandClock::at(3_000_000)).inline());
        let looked = SqliteStore::inspect(&backup);
        prop_assert_eq!(fs::read(&backup).unwrap(), file, "looking changes nothing");
        let inode = fs::metadata(&database).unwrap().ino();
        let lock = DeploymentLock::found(&database).unwrap();
        let restored = SqliteStore::restore(&backup, &database, OwedAfterRestore::Keep, &*HandClock::at(2_000_000), &lock);
        drop(lock);
        for refused in [looked.as_ref().err(), restored.as_ref().err()].into_iter().flatten() {
            let said = refused.to_string();
            prop_assert!(said.contains(backup.to_str().unwrap()) && (said.contains(';') || said.contains('?')), "{}", said);
            prop_assert!(!matches!(refused, BackupError::Exists { .. }), "{}", said);
            prop_assert!(!said.chars().any(char::is_control), "{:?}", said);
        }
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        prop_assert!(names.iter().all(|name| !name.to_string_lossy().contains("partial")), "{:?}", names);
        match restored {
            Ok(_) => {
                let store = store_of(&database).unwrap();
                let audit = runtime.block_on(lastword_core::store::Oversight::audit(&store));
                prop_assert!(audit.is_ok(), "{:?}", audit);
            }
            Err(_) => {
                prop_assert_eq!(fs::metadata(&database).unwrap().ino(), inode, "the store that was there is there");
                let store = store_of(&database).unwrap();
                let history = runtime.block_on(store.history(&place("c"), None, 10)).unwrap();
                prop_assert_eq!(history.len(), 1, "with all that is in it");
            }
        }
    }
}
