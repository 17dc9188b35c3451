//! Messages without a conversation: from the command line, or line by line from a pipe.
//!
//! Guarantee: stdout holds replies and nothing else. `Error:` lines and everything about the way there go to stderr.

use std::{io::Write, time::Duration};

use tokio::sync::mpsc;

use super::{
    EXIT_ERROR, EXIT_NOT_SAID,
    api::Api,
    exchange::{Exchange, Heard},
};
use crate::process::typed::next_line;

/// Says one thing and prints the reply; the exit code.
pub(super) async fn ask(
    api: &Api,
    conversation: &str,
    text: &str,
    patience: Duration,
    out: &mut impl Write,
    err: &mut impl Write,
) -> u8 {
    let (heard, mut hears) = mpsc::channel(16);
    let told = async {
        let mut was_told = false;
        while let Some(heard) = hears.recv().await {
            if heard == Heard::Reconnecting && !was_told {
                was_told = true;
                // Who closed stderr does not want to know.
                let _ = writeln!(err, "reconnecting…");
            }
        }
    };
    let (end, ()) = tokio::join!(Exchange::new(api, heard, Some(patience)).ask(conversation, text), told);
    let (written, code) = match end {
        Ok(word) if word.is_error => (writeln!(err, "{}", word.text), EXIT_ERROR),
        Ok(word) => (writeln!(out, "{}", word.text.trim_end_matches('\n')).and_then(|()| out.flush()), 0),
        Err(gave_up) => (writeln!(err, "{}", gave_up.0), EXIT_NOT_SAID),
    };
    // A reply that nobody could be given is no success.
    if written.is_err() { EXIT_NOT_SAID } else { code }
}

/// Says each line of stdin and prints the replies in order; the exit code is the worst of all.
pub(super) async fn ask_lines(
    api: &Api,
    conversation: &str,
    patience: Duration,
    out: &mut impl Write,
    err: &mut impl Write,
) -> u8 {
    let mut worst = 0;
    while let Some(line) = next_line().await {
        if line.trim().is_empty() {
            continue;
        }
        worst = worst.max(ask(api, conversation, &line, patience, out, err).await);
        if worst == EXIT_NOT_SAID {
            break;
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::fake::{Fake, Scene};

    async fn run(fake: &Fake) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let patience = Duration::from_secs(10);
        let code = ask(&fake.api(), "main", "deploy?", patience, &mut out, &mut err).await;
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[tokio::test]
    async fn only_the_reply_is_on_stdout() {
        let fake = Fake::start(vec![Scene::says(&[("progress", "wor"), ("reset", ""), ("reply", "working\n")])]).await;
        assert_eq!(run(&fake).await, (0, "working\n".into(), String::new()));
    }

    #[tokio::test]
    async fn an_error_goes_to_stderr_and_is_not_a_success() {
        let fake = Fake::start(vec![Scene::says(&[("progress", "wor"), ("error", "Error: stopped")])]).await;
        assert_eq!(run(&fake).await, (1, String::new(), "Error: stopped\n".into()));
    }

    #[tokio::test]
    async fn a_restart_is_mentioned_once_and_outlasted() {
        let broken = || Scene::says(&[("progress", "wor")]).then_cut();
        let fake = Fake::start(vec![Scene::Unready, broken(), broken(), Scene::says(&[("reply", "working")])]).await;
        assert_eq!(run(&fake).await, (0, "working\n".into(), "reconnecting…\n".into()));
    }

    #[tokio::test]
    async fn a_bridge_that_is_not_there_is_given_up() {
        let api = {
            let fake = Fake::start(Vec::new()).await;
            fake.stop().await
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = ask(&api, "main", "deploy?", Duration::from_millis(1), &mut out, &mut err).await;
        let err = String::from_utf8(err).unwrap();
        assert_eq!((code, out.len()), (2, 0));
        assert!(err.contains("nobody listens there. Is `lastword run` running?"), "{err}");
    }
}
