//! A server for tests that gives prepared answers, one a connection, and keeps what it was asked.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

use super::settings::SlackSettings;

pub(super) struct Prepared {
    pub(super) url: String,
    requests: Receiver<String>,
}

impl Prepared {
    /// Stands for the server's own address in its answers; as long as that, so that lengths stay true.
    pub(super) const HERE: &'static str = "http://127.0.0.1:ppppp";

    /// Gives these answers: what follows `HTTP/1.1 `. An empty one is none. Then nobody listens.
    pub(super) fn with(answers: &[&str]) -> Self {
        // Five digits, as in `HERE`.
        let listener = std::iter::repeat_with(|| TcpListener::bind("127.0.0.1:0").unwrap())
            .find(|listener| listener.local_addr().unwrap().port() >= 10_000)
            .unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: Vec<_> = answers.iter().map(|answer| answer.replace(Self::HERE, &url)).collect();
        let (sender, requests) = sync_channel(answers.len());
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                // Nobody may listen any more.
                let _ = sender.send(request(&mut stream));
                if !answer.is_empty() {
                    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
                    let _ = write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}");
                }
            }
        });
        Self { url, requests }
    }

    pub(super) fn settings(&self) -> SlackSettings {
        SlackSettings::new("xoxb-s3cret", "xapp-s3cret", self.url.clone())
    }

    /// What it was asked so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }
}

/// A request, read to its end.
fn request(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut read = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&read).to_string();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return text,
            Ok(count) => read.extend_from_slice(&piece[..count]),
        }
    }
}
