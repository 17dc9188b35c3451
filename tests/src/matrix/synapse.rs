//! Synapse's process, on a folder of its own.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::settings::Home;

/// What registers accounts, and is nobody's secret.
pub const SECRET: &str = "registration";
/// How long a start may take: machines are shared and slow.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How long it may take to stop before it is killed.
const STOPS_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How much of its log an error holds.
const LOG_LINES_MAX: usize = 30;

/// A homeserver; ends with this value.
pub struct Synapse {
    python: PathBuf,
    directory: PathBuf,
    port: u16,
    http: reqwest::Client,
    child: Option<Child>,
}

impl Synapse {
    /// Not started yet. The same directory and port are the same homeserver.
    pub fn prepare(python: &Path, directory: &Path, home: &Home) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let port = free_port()?;
        let write = |name: &str, content: String| fs::write(directory.join(name), content);
        // Its configuration is YAML, of which JSON is a part.
        write("homeserver.yaml", config(directory, port, home).to_string())?;
        write("log.yaml", logging(directory).to_string())?;
        write("signing.key", format!("ed25519 a_test {}\n", "A".repeat(43)))?;
        let http = reqwest::Client::builder().no_proxy().build().map_err(io::Error::other)?;
        Ok(Self { python: python.to_owned(), directory: directory.to_owned(), port, http, child: None })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it, and waits until it answers.
    pub async fn start(&mut self) -> io::Result<()> {
        let said = File::options().create(true).append(true).open(self.directory.join("said"))?;
        let child = Command::new(&self.python)
            .args(["-m", "synapse.app.homeserver", "-c"])
            .arg(self.directory.join("homeserver.yaml"))
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        self.child = Some(child);
        let begin = Instant::now();
        while !self.answers().await {
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
            if ended.is_some() || begin.elapsed() > READY_WITHIN {
                return Err(io::Error::other(format!("Synapse does not start ({ended:?}):\n{}", self.log())));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn answers(&self) -> bool {
        let versions = self.http.get(format!("{}/_matrix/client/versions", self.url())).send().await;
        versions.is_ok_and(|answer| answer.status().is_success())
    }

    /// SIGTERM, and gone.
    pub async fn stop(&mut self) -> io::Result<()> {
        self.signal(Signal::SIGTERM);
        if let Some(child) = &mut self.child
            && tokio::time::timeout(STOPS_WITHIN, child.wait()).await.is_ok()
        {
            self.child = None;
            return Ok(());
        }
        self.kill().await
    }

    /// SIGKILL, and gone.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.signal(Signal::SIGKILL);
        if let Some(mut child) = self.child.take() {
            child.wait().await?;
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.as_ref().and_then(Child::id) {
            let _ = killpg(Pid::from_raw(pid.cast_signed()), signal);
        }
    }

    fn log(&self) -> String {
        let texts = ["said", "log"].map(|name| fs::read_to_string(self.directory.join(name)).unwrap_or_default());
        let ends = texts.map(|text| {
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(LOG_LINES_MAX)..].join("\n")
        });
        ends.join("\n")
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// As small as it gets: <https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html>.
fn config(directory: &Path, port: u16, home: &Home) -> Value {
    let mut config = json!({
        "server_name": "localhost",
        "listeners": [{
            "port": port,
            "bind_addresses": ["127.0.0.1"],
            "type": "http",
            "resources": [{ "names": ["client"] }],
        }],
        "database": { "name": "sqlite3", "args": { "database": directory.join("homeserver.db") } },
        "log_config": directory.join("log.yaml"),
        "media_store_path": directory.join("media"),
        "signing_key_path": directory.join("signing.key"),
        "pid_file": directory.join("homeserver.pid"),
        "trusted_key_servers": [],
        "federation_domain_whitelist": [],
        "report_stats": false,
        "registration_shared_secret": SECRET,
        "macaroon_secret_key": "macaroons",
        "form_secret": "forms",
        // Passwords are no secrets here, and strong hashes take time.
        "bcrypt_rounds": 4,
        "presence": { "enabled": false },
    });
    if !home.has_limits {
        let none = || json!({ "per_second": 10_000, "burst_count": 10_000 });
        for name in ["message", "registration", "joins_per_room", "media_create", "room_creation", "admin_redaction"] {
            config[format!("rc_{name}")] = none();
        }
        config["rc_login"] = json!({ "address": none(), "account": none(), "failed_attempts": none() });
        config["rc_joins"] = json!({ "local": none() });
        config["rc_invites"] = json!({ "per_room": none(), "per_user": none(), "per_issuer": none() });
    }
    if !home.keeps_syncs {
        config["caches"] = json!({ "sync_response_cache_duration": "0s" });
    }
    config
}

fn logging(directory: &Path) -> Value {
    json!({
        "version": 1,
        "disable_existing_loggers": false,
        "formatters": { "plain": { "format": "%(asctime)s %(levelname)s %(name)s %(message)s" } },
        "handlers": {
            "file": { "class": "logging.FileHandler", "filename": directory.join("log"), "formatter": "plain" },
        },
        "root": { "level": "INFO", "handlers": ["file"] },
    })
}

/// A port that nobody has and that no outgoing connection takes, for as long as the homeserver is restarted: below the
/// ephemeral range.
fn free_port() -> io::Result<u16> {
    let spread = u16::try_from(std::process::id() % 4_000).map_err(io::Error::other)?;
    (0..4_000)
        .map(|n| 28_000 + (spread.wrapping_mul(61) + n) % 4_000)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| io::Error::other("no port is free"))
}
