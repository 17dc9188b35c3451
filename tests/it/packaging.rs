//! What is packaged beside the program fits it.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use lastword::config::Config;

const UNIT: &str = include_str!("../../packaging/lastword.service");

fn settings() -> BTreeMap<&'static str, &'static str> {
    UNIT.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect()
}

#[test]
fn the_unit_fits_the_defaults_of_the_configuration() {
    let unit = settings();
    let config = Config::defaults("/var/lib/lastword".into());
    let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    let stop = Duration::from_secs(unit["TimeoutStopSec"].parse().unwrap());
    let longest = ms(config.shutdown_grace_ms) + ms(config.restart.last_gasp_ms) + Duration::from_secs(20);
    assert!(stop > longest, "{stop:?} is not more than {longest:?}");
    let watchdog = Duration::from_secs(unit["WatchdogSec"].parse().unwrap());
    assert!(watchdog > ms(config.restart.kill_after_ms) * 2, "a killed child may take that long to go");
    assert_eq!(unit["Type"], "notify");
    assert_eq!(unit["KillMode"], "mixed", "SIGTERM is for the supervisor, which asks its children itself");
    assert_eq!(unit["Restart"], "on-failure");
    assert_eq!(unit["StartLimitIntervalSec"], "0", "a store that is out for an hour must not leave the bot deaf");
    assert_ne!(unit["RestartSec"], "0");
    assert_eq!(unit["TimeoutStartSec"], "infinity", "a cooldown is longer than systemd's default");
    assert_eq!(unit["RestartPreventExitStatus"], lastword::process::exit::EXIT_CONFIG.to_string());
    assert!(unit["ExecStart"].ends_with(" run"));
}

#[test]
fn systemd_understands_the_unit() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("not run: systemd-analyze is not installed");
        return;
    }
    // It looks for the program where the unit says; here it is wherever it was built.
    let directory = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_lastword-ledger")).display().to_string();
    let file = directory.path().join("lastword.service");
    let unit = UNIT.replace("/usr/local/bin/lastword", &program);
    std::fs::write(&file, unit).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("lastword.service:"), "{said}");
}
