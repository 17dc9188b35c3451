//! Files that outlive a power cut: what was written before [`sync`], in a file whose name was there at [`sync_names`].
//!
//! With the feature `testing`, [`power_cut`] takes everything else, so that a sync that is left out is noticed.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

#[cfg(feature = "testing")]
pub use synced::power_cut;

/// Makes a file that only its owner may touch, to append to. One that is there already is another's.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
    #[cfg(feature = "testing")]
    synced::created(&file)?;
    Ok(file)
}

/// Makes the disk hold what was written to it.
pub(super) fn sync(file: &File) -> io::Result<()> {
    file.sync_all()?;
    #[cfg(feature = "testing")]
    synced::synced(file)?;
    Ok(())
}

/// Makes the disk hold the names of the files in it.
pub(super) fn sync_names(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()?;
    #[cfg(feature = "testing")]
    synced::named(directory)?;
    Ok(())
}

#[cfg(feature = "testing")]
mod synced {
    use std::{
        collections::BTreeMap,
        fs::{self, File, Metadata, OpenOptions},
        io,
        os::unix::fs::MetadataExt,
        path::Path,
        sync::{Mutex, MutexGuard, PoisonError},
    };

    /// What a disk surely holds of a file.
    #[derive(Clone, Copy, Default)]
    struct Synced {
        bytes: u64,
        is_named: bool,
    }

    /// By device and inode.
    static FILES: Mutex<BTreeMap<(u64, u64), Synced>> = Mutex::new(BTreeMap::new());

    fn files() -> MutexGuard<'static, BTreeMap<(u64, u64), Synced>> {
        FILES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(metadata: &Metadata) -> (u64, u64) {
        (metadata.dev(), metadata.ino())
    }

    pub(super) fn created(file: &File) -> io::Result<()> {
        files().insert(of(&file.metadata()?), Synced::default());
        Ok(())
    }

    pub(super) fn synced(file: &File) -> io::Result<()> {
        let metadata = file.metadata()?;
        if let Some(synced) = files().get_mut(&of(&metadata)) {
            synced.bytes = metadata.len();
        }
        Ok(())
    }

    pub(super) fn named(directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            // What another process has removed meanwhile needs no name.
            let Ok(metadata) = entry?.metadata() else { continue };
            if let Some(synced) = files().get_mut(&of(&metadata)) {
                synced.is_named = true;
            }
        }
        Ok(())
    }

    /// Takes what is on no disk from the files in `directory` that this process made.
    pub fn power_cut(directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let metadata = fs::metadata(&path)?;
            match files().get(&of(&metadata)).copied() {
                Some(Synced { is_named: false, .. }) => fs::remove_file(&path)?,
                Some(Synced { bytes, .. }) if bytes < metadata.len() => {
                    OpenOptions::new().write(true).open(&path)?.set_len(bytes)?;
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }
}
