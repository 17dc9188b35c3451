//! The door of the network: connections come in, unless an outage keeps them out.

use std::{io, net::SocketAddr};

use axum::serve::Listener;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};

use super::{Outage, Shared};

/// How many may come at once.
const BACKLOG: u32 = 1_024;

/// A listener that can be shut. While it is, a socket that does not listen keeps the port, so that connections are
/// refused and nobody else takes it.
pub struct Door {
    at: SocketAddr,
    open: Option<TcpListener>,
    shut: Option<TcpSocket>,
    /// Connections that were accepted and are never answered.
    held: Vec<TcpStream>,
    shared: Shared,
    heard: watch::Receiver<()>,
}

impl Door {
    /// Open.
    pub fn new(listener: TcpListener, shared: Shared) -> io::Result<Self> {
        let heard = shared.heard.subscribe();
        Ok(Self { at: listener.local_addr()?, open: Some(listener), shut: None, held: Vec::new(), shared, heard })
    }

    fn keep_shut(&mut self) -> io::Result<()> {
        if self.open.take().is_some() {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(self.at)?;
            self.shut = Some(socket);
        }
        Ok(())
    }

    fn listener(&mut self) -> io::Result<&TcpListener> {
        if let Some(socket) = self.shut.take() {
            self.open = Some(socket.listen(BACKLOG)?);
        }
        self.open.as_ref().ok_or_else(|| io::Error::other("the door is gone"))
    }

    async fn one(&mut self) -> io::Result<Option<TcpStream>> {
        let outage = self.shared.outage();
        if outage != Some(Outage::Hang) {
            self.held.clear();
        }
        if outage == Some(Outage::Refuse) {
            self.keep_shut()?;
            let _ = self.heard.changed().await;
            return Ok(None);
        }
        let mut heard = self.heard.clone();
        let came = tokio::select! {
            came = self.listener()?.accept() => came?.0,
            _ = heard.changed() => {
                self.heard = heard;
                return Ok(None);
            }
        };
        Ok(match self.shared.outage() {
            Some(Outage::Refuse | Outage::Cut) => None,
            Some(Outage::Hang) => {
                self.held.push(came);
                None
            }
            Some(Outage::Gateway | Outage::Fail) | None => Some(came),
        })
    }
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.one().await {
                Ok(Some(stream)) => return (stream, self.at),
                Ok(None) => {}
                Err(error) => {
                    eprintln!("the door: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}
