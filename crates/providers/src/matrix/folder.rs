//! The account's own folder: which device we are, and what its stores are encrypted with.
//!
//! Guarantee: the name of a device is on the disk before the network hears of it, so that a crash leaves no device
//! behind; and nothing here is ever deleted.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::settings::MatrixSettings;

/// The size of the key that opens the stores.
const KEY_BYTES: usize = 32;
/// What the key is derived for.
const KEY_FOR: &[u8] = b"lastword matrix stores 1";

/// The folder of an account.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

/// The recovery key of a backup that we made.
#[derive(Debug)]
pub(super) enum Recovery {
    /// We made none.
    None,
    /// We began to: what its key is, if it got one, nobody knows.
    Begun,
    /// This opens it.
    Key(SecretString),
}

/// The device that we are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Device {
    /// Where it is known.
    pub(super) homeserver: String,
    /// Whose it is; `None` until the homeserver said so.
    pub(super) user: Option<String>,
    /// Its name.
    pub(super) device: String,
    /// What a login with a password gave us; a token of the configuration is not kept.
    pub(super) access_token: Option<String>,
}

/// What is wrong with the folder: for the operator.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{} can't be read; put a backup in its place, or move the folder away to begin with a new device", .0.display())]
    Damaged(PathBuf),
}

impl Folder {
    pub(super) fn of(settings: &MatrixSettings) -> Self {
        Self { path: settings.folder.clone() }
    }

    /// The folder itself, there and closed to others.
    pub(super) fn open(&self) -> Result<&Path, FolderError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(|error| FolderError::Io { path: self.path.clone(), error })?;
        Ok(&self.path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The device that was used here last, if there is one.
    pub(super) fn device(&self) -> Result<Option<Device>, FolderError> {
        let path = self.device_file();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| FolderError::Damaged(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FolderError::Io { path, error }),
        }
    }

    pub(super) fn keep_device(&self, device: &Device) -> Result<(), FolderError> {
        self.open()?;
        let path = self.device_file();
        let written = serde_json::to_vec(device).map_err(io::Error::other).and_then(|bytes| write_whole(&path, &bytes));
        written.map_err(|error| FolderError::Io { path, error })
    }

    fn device_file(&self) -> PathBuf {
        self.path.join("device.json")
    }

    /// What opens the backup that we made.
    pub(super) fn recovery(&self) -> Result<Recovery, FolderError> {
        let path = self.recovery_file();
        match fs::read_to_string(&path) {
            Ok(key) if key.trim().is_empty() => Ok(Recovery::Begun),
            Ok(key) => Ok(Recovery::Key(key.trim().into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Recovery::None),
            Err(error) => Err(FolderError::Io { path, error }),
        }
    }

    /// Keeps the recovery key; before there is one, that there will be.
    pub(super) fn keep_recovery(&self, key: &str) -> Result<PathBuf, FolderError> {
        self.open()?;
        let path = self.recovery_file();
        match write_whole(&path, key.as_bytes()) {
            Ok(()) => Ok(path),
            Err(error) => Err(FolderError::Io { path, error }),
        }
    }

    fn recovery_file(&self) -> PathBuf {
        self.path.join("recovery.key")
    }

    /// What the stores are encrypted with: derived from the operator's secret, or a key of our own beside them.
    pub(super) fn store_key(&self, secret: Option<&SecretString>) -> Result<Box<[u8; KEY_BYTES]>, FolderError> {
        let kept;
        let secret = match secret {
            Some(secret) => secret.expose_secret().as_bytes(),
            None => {
                kept = self.kept_secret()?;
                &kept[..]
            }
        };
        let mut key = Box::new([0; KEY_BYTES]);
        Hkdf::<Sha256>::new(None, secret).expand(KEY_FOR, &mut key[..]).expect("32 bytes are not too many");
        Ok(key)
    }

    fn kept_secret(&self) -> Result<Vec<u8>, FolderError> {
        self.open()?;
        let path = self.path.join("store.key");
        match fs::read(&path) {
            Ok(bytes) if bytes.len() == KEY_BYTES => Ok(bytes),
            Ok(_) => Err(FolderError::Damaged(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = vec![0; KEY_BYTES];
                let made = getrandom::fill(&mut bytes).map_err(io::Error::other);
                made.and_then(|()| write_whole(&path, &bytes))
                    .map_err(|error| FolderError::Io { path: path.clone(), error })?;
                tracing::info!(
                    "{} holds the key of this account's stores now; `store_key` would keep it apart from them",
                    path.display()
                );
                Ok(bytes)
            }
            Err(error) => Err(FolderError::Io { path, error }),
        }
    }
}

/// Puts a file in place whole or not at all, for this user only, and onto the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(path.parent().unwrap_or(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(path: PathBuf) -> Folder {
        Folder { path }
    }

    #[test]
    fn a_key_is_made_once_and_belongs_to_its_user() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(parent.path().join("a/b"));
        let key = folder.store_key(None).unwrap();
        assert_eq!(folder.store_key(None).unwrap(), key);
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("store.key"), mode(".")), (0o600, 0o700));
        fs::write(folder.path().join("store.key"), "short").unwrap();
        assert!(matches!(folder.store_key(None), Err(FolderError::Damaged(_))));
    }

    #[test]
    fn a_key_follows_from_the_secret() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(parent.path().to_owned());
        let key = |secret: &str| folder.store_key(Some(&secret.into())).unwrap();
        assert_eq!(key("one"), key("one"));
        assert_ne!(key("one"), key("other"));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0, "no key is kept");
    }

    #[test]
    fn a_recovery_key_is_announced_and_then_kept() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(parent.path().to_owned());
        assert!(matches!(folder.recovery().unwrap(), Recovery::None));
        folder.keep_recovery("").unwrap();
        assert!(matches!(folder.recovery().unwrap(), Recovery::Begun));
        folder.keep_recovery("EsTx 1234").unwrap();
        let Recovery::Key(key) = folder.recovery().unwrap() else { panic!("it is kept") };
        assert_eq!(key.expose_secret(), "EsTx 1234");
    }

    #[test]
    fn a_device_is_kept() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(parent.path().to_owned());
        assert_eq!(folder.device().unwrap(), None);
        let device = Device {
            homeserver: "http://127.0.0.1".into(),
            user: Some("@ada:example.org".into()),
            device: "D".into(),
            access_token: None,
        };
        folder.keep_device(&device).unwrap();
        assert_eq!(folder.device().unwrap(), Some(device));
        fs::write(folder.path().join("device.json"), "{").unwrap();
        assert!(matches!(folder.device(), Err(FolderError::Damaged(_))));
    }
}
