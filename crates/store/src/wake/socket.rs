//! This process's socket, and the directory of all of them.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File, Permissions},
    io,
    net::Shutdown,
    os::{
        fd::AsRawFd,
        unix::{
            fs::{DirBuilderExt, PermissionsExt},
            net::UnixDatagram,
        },
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::SystemTime,
};

use super::{Hub, Topics, peers::Peers};

const SUFFIX: &str = ".sock";

/// The directory of the sockets, private to this user, held open so that a long path still fits a socket's address.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    handle: Arc<File>,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
        Ok(Self { path: path.to_owned(), handle: Arc::new(File::open(path)?) })
    }

    /// A short path to an entry: an address holds 108 bytes at most, a directory's name may be longer.
    pub(crate) fn join(&self, name: &OsStr) -> PathBuf {
        if cfg!(target_os = "linux") {
            PathBuf::from(format!("/proc/self/fd/{}", self.handle.as_raw_fd())).join(name)
        } else {
            self.path.join(name)
        }
    }

    pub(crate) fn changed_at(&self) -> Option<SystemTime> {
        self.handle.metadata().and_then(|found| found.modified()).ok()
    }

    /// Every socket in it.
    pub(crate) fn sockets(&self) -> Vec<OsString> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().ends_with(SUFFIX)).collect()
    }
}

/// The socket of this process, and the thread that turns datagrams into local wake-ups. Dropping it ends both.
pub(crate) struct Wakes {
    directory: Directory,
    name: OsString,
    socket: UnixDatagram,
    is_closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wakes {
    /// Binds the socket of `name` and starts to listen.
    pub(crate) fn start(path: &Path, name: &str) -> io::Result<(Self, Arc<Hub>)> {
        let directory = Directory::open(path)?;
        let name = OsString::from(format!("{name}{SUFFIX}"));
        let socket = UnixDatagram::bind(directory.join(&name))?;
        fs::set_permissions(directory.join(&name), Permissions::from_mode(0o600))?;
        let hub = Arc::new(Hub::new(Some(Peers::new(directory.clone(), name.clone())?)));
        let is_closing = Arc::new(AtomicBool::new(false));
        let heard = socket.try_clone()?;
        let (closing, woken) = (is_closing.clone(), hub.clone());
        let thread =
            std::thread::Builder::new().name("store-wakes".into()).spawn(move || listen(&heard, &closing, &woken))?;
        Ok((Self { directory, name, socket, is_closing, thread: Some(thread) }, hub))
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::SeqCst);
        let own = self.directory.join(&self.name);
        let _ = fs::remove_file(&own);
        // Ends the thread's wait.
        if self.socket.shutdown(Shutdown::Both).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn listen(socket: &UnixDatagram, is_closing: &AtomicBool, hub: &Hub) {
    let mut datagram = [0_u8; 1];
    while !is_closing.load(Ordering::SeqCst) {
        match socket.recv(&mut datagram) {
            Ok(1) => hub.notify_here(Topics(datagram[0])),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::warn!(%error, "wake-ups of other processes are not heard any more; polling goes on");
                return;
            }
        }
    }
}
