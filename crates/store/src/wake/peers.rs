//! The sockets of the other processes on this database.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant, SystemTime},
};

use super::{Topics, socket::Directory};

/// How old the list of sockets may grow while the directory looks unchanged: two changes within one tick of the file
/// system's clock look like one.
const LIST_AGE_MAX: Duration = Duration::from_millis(250);

/// Sends to every socket in the directory but its own.
pub(crate) struct Peers {
    directory: Directory,
    own: OsString,
    socket: UnixDatagram,
    names: Vec<OsString>,
    listed: Option<(Option<SystemTime>, Instant)>,
}

impl Peers {
    pub(crate) fn new(directory: Directory, own: OsString) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { directory, own, socket, names: Vec::new(), listed: None })
    }

    /// Sends one byte to each; whoever can't take it now has wake-ups waiting already, or polls.
    pub(crate) fn send(&mut self, topics: Topics) {
        self.maybe_list();
        let (directory, socket) = (&self.directory, &self.socket);
        self.names.retain(|name| match socket.send_to(&[topics.0], directory.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                // Its process died without removing it.
                let _ = fs::remove_file(directory.join(name));
                false
            }
            _ => true,
        });
    }

    fn maybe_list(&mut self) {
        let changed_at = self.directory.changed_at();
        if self.listed.is_some_and(|(seen, at)| seen == changed_at && at.elapsed() < LIST_AGE_MAX) {
            return;
        }
        self.listed = Some((changed_at, Instant::now()));
        self.names = self.directory.sockets();
        self.names.retain(|name| *name != self.own);
    }
}
