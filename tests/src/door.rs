//! The door of a network: connections come in, unless an outage keeps them out.

use std::{io, net::SocketAddr};

use axum::serve::Listener;
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};

/// How many may come at once.
const BACKLOG: u32 = 1_024;

/// How a network is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// Connections are refused.
    Refuse,
    /// Connections are accepted and closed.
    Cut,
    /// Connections are accepted, and nothing is ever said.
    Hang,
    /// Something in between answers 502 or 503 in HTML.
    Gateway,
    /// The network answers, in its own words, that something is wrong with it.
    Fail,
}

/// A listener that can be shut. While it is, a socket that does not listen keeps the port, so that connections are
/// refused and nobody else takes it.
pub struct Door {
    at: SocketAddr,
    open: Option<TcpListener>,
    shut: Option<TcpSocket>,
    /// Connections that were accepted and are never answered.
    held: Vec<TcpStream>,
    outage: Box<dyn Fn() -> Option<Outage> + Send>,
    heard: watch::Receiver<()>,
}

impl Door {
    /// Open. Whenever `heard` changes, it is asked what outage there is.
    pub fn new(
        listener: TcpListener,
        heard: watch::Receiver<()>,
        outage: impl Fn() -> Option<Outage> + Send + 'static,
    ) -> io::Result<Self> {
        let at = listener.local_addr()?;
        Ok(Self { at, open: Some(listener), shut: None, held: Vec::new(), outage: Box::new(outage), heard })
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
        let outage = (self.outage)();
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
        Ok(match (self.outage)() {
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
