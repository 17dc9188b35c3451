//! What the processes logged last.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use lastword_core::{capability::TextLimit, decide::intake::Logger};

use super::line;
use crate::process::state_dir::{log_before, log_file};

/// The most lines in one answer.
const LINES_MAX: usize = 40;
/// How much of the end of a log is read, in bytes.
const READ_BYTES_MAX: u64 = 64 << 10;
/// The most characters of one line.
const LINE_CHARS_MAX: usize = 300;

/// The newest lines that fit `limit`, oldest first, of one process or of all, each with whose it is. `hide` are secrets: none
/// should ever be logged, and what is about to be shown to a whole room is looked through once more.
///
/// It reads files: call it where that may wait.
pub fn logs_text(root: &Path, of: Option<Logger>, limit: TextLimit, hide: &[String]) -> io::Result<String> {
    let mut lines = Vec::new();
    for who in Logger::ALL.iter().filter(|who| of.is_none_or(|of| of == **who)) {
        let log = log_file(root, *who);
        let text = format!("{}{}", end_of(&log_before(&log))?, end_of(&log)?);
        let whose = if of.is_some() { String::new() } else { format!("{}: ", who.as_str()) };
        let mut at = String::new();
        let timed = text.lines().filter(|text| !text.trim().is_empty()).map(|text| {
            // A line that does not begin with its time goes on with the one before it.
            if let Some(time) = time(text) {
                at = time.to_owned();
            }
            (at.clone(), text)
        });
        let timed: Vec<_> = timed.collect();
        let newest = timed.len().saturating_sub(LINES_MAX);
        lines.extend(timed[newest..].iter().map(|(at, text)| (at.clone(), format!("{whose}{}", shown(text, hide)))));
    }
    // Stable: lines of one moment stay as they were.
    lines.sort_by(|(one, _), (other, _)| one.cmp(other));
    let newest = lines.len().saturating_sub(LINES_MAX);
    let mut lines: Vec<String> = lines.split_off(newest).into_iter().map(|(_, line)| line).collect();
    if lines.is_empty() {
        return Ok("Nothing is logged here; `log.keep` says how much is kept.".to_owned());
    }
    loop {
        let text = format!("```\n{}\n```", lines.join("\n"));
        if limit.fits(&text) || lines.len() == 1 {
            return Ok(text);
        }
        lines.remove(0);
    }
}

/// When a line was logged: it begins with it, spelled so that later is greater.
fn time(text: &str) -> Option<&str> {
    let time = text.split(' ').next()?;
    (time.starts_with("20") && time.as_bytes().get(10) == Some(&b'T')).then_some(time)
}

/// One line without its date, and with nothing that steers, hides or ends a block of code.
fn shown(text: &str, hide: &[String]) -> String {
    let text = hide.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "(hidden)"));
    let text = line(&text).replace('`', "'");
    let text = if time(&text).is_some() { &text[11..] } else { &text };
    let mut chars = text.chars();
    let short: String = chars.by_ref().take(LINE_CHARS_MAX).collect();
    if chars.next().is_some() { format!("{short}…") } else { short }
}

/// The whole lines at the end of a file, which need not be there.
fn end_of(path: &Path) -> io::Result<String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let skipped = file.metadata()?.len().saturating_sub(READ_BYTES_MAX);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(match text.split_once('\n') {
        Some((_, rest)) if skipped > 0 => rest.to_owned(),
        _ => text.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use lastword_core::capability::TextUnit;

    use super::*;

    fn limit(max: u32) -> TextLimit {
        TextLimit { max, unit: TextUnit::Bytes }
    }

    fn folder(logs: &[(Logger, &str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("logs")).unwrap();
        for (who, before, now) in logs {
            let log = log_file(folder.path(), *who);
            fs::write(log_before(&log), before).unwrap();
            fs::write(log, now).unwrap();
        }
        folder
    }

    #[test]
    fn the_processes_are_shown_together_in_the_order_of_time() {
        let bridge = ("2026-11-23T09:00:01.5Z  INFO bridge before\n", "2026-11-23T09:00:04Z  WARN late\n");
        let worker =
            ("", "2026-11-23T09:00:02Z ERROR s3cret ```evil \u{1b}[2J\n\nand so on\n2026-11-23T09:00:03Z  INFO on\n");
        let folder = folder(&[(Logger::Bridge, bridge.0, bridge.1), (Logger::Worker, worker.0, worker.1)]);
        let text = logs_text(folder.path(), None, limit(4_000), &["s3cret".into()]).unwrap();
        insta::assert_snapshot!(text, @r"
        ```
        bridge: 09:00:01.5Z INFO bridge before
        worker: 09:00:02Z ERROR (hidden) '''evil
        worker: and so on
        worker: 09:00:03Z INFO on
        bridge: 09:00:04Z WARN late
        ```
        ");
        let text = logs_text(folder.path(), Some(Logger::Bridge), limit(40), &[]).unwrap();
        assert_eq!(text, "```\n09:00:04Z WARN late\n```", "the newest fit");
        let text = logs_text(folder.path(), Some(Logger::Supervisor), limit(40), &[]).unwrap();
        assert!(text.starts_with("Nothing is logged here"), "{text}");
    }

    #[test]
    fn only_the_end_of_a_long_log_is_read() {
        let long: String = (0..9_999).map(|n| format!("2026-11-23T09:00:00Z  INFO line {n}\n")).collect();
        let folder = folder(&[(Logger::Worker, "", &long)]);
        let text = logs_text(folder.path(), None, limit(100_000), &[]).unwrap();
        assert!(text.lines().count() == LINES_MAX + 2 && text.ends_with("line 9998\n```"), "{text}");
    }
}
