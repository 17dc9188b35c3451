//! What needs an operator.

use std::fmt::Write as _;

use lastword_core::alert::{Alert, AlertView};
use serde_json::{Value, json};

use super::{Zone, line};

/// Each alert with its number, its cause and its cure; those that the store does not have yet come first.
#[must_use]
pub fn alerts_text(stored: &[AlertView], unstored: &[Alert], zone: &Zone) -> String {
    if stored.is_empty() && unstored.is_empty() {
        return "No alerts.".to_owned();
    }
    let mut text = String::new();
    for alert in unstored {
        write_one(&mut text, "(not stored yet)", alert, "now");
    }
    for view in stored {
        let mut when = zone.full(view.last_at);
        if view.count > 1 {
            let _ = write!(when, ", {} times since {}", view.count, zone.full(view.first_at));
        }
        if let Some(resolved_at) = view.resolved_at {
            let _ = write!(when, ", resolved {}", zone.full(resolved_at));
        }
        write_one(&mut text, &format!("#{}", view.id), &view.alert, &when);
    }
    text.trim_end().to_owned()
}

fn write_one(text: &mut String, number: &str, Alert { code, subject, detail }: &Alert, when: &str) {
    let severity = code.severity().as_str();
    // Writing to a String can't fail.
    let _ = writeln!(text, "{number} {severity} {code}: {} – {when}", line(subject));
    let _ = writeln!(text, "    {}: {}", code.meaning(), line(detail));
    let _ = writeln!(text, "    → {}", code.cure());
}

/// The same for programs. Times are milliseconds since the Unix epoch.
#[must_use]
pub fn alerts_json(stored: &[AlertView]) -> Vec<Value> {
    let one = |view: &AlertView| {
        let mut json = unstored_json(&view.alert);
        json["id"] = json!(view.id);
        json["count"] = json!(view.count);
        json["first_at"] = json!(view.first_at);
        json["last_at"] = json!(view.last_at);
        json["resolved_at"] = json!(view.resolved_at);
        json
    };
    stored.iter().map(one).collect()
}

/// An alert that has no number yet.
#[must_use]
pub fn unstored_json(Alert { code, subject, detail }: &Alert) -> Value {
    json!({
        "code": code.as_str(),
        "severity": code.severity().as_str(),
        "subject": subject,
        "meaning": code.meaning(),
        "detail": detail,
        "cure": code.cure(),
    })
}

#[cfg(test)]
mod tests {
    use lastword_core::{alert::AlertCode, ids::Timestamp};

    use super::*;

    #[test]
    fn an_alert_says_what_happened_how_often_and_what_to_do() {
        let alert = |code, subject: &str, detail: &str| Alert { code, subject: subject.into(), detail: detail.into() };
        let stored = [
            AlertView {
                id: 7,
                alert: alert(AlertCode::AccountNotSending, "net", "credentials refused\u{1b}[2J"),
                count: 3,
                first_at: Timestamp(1_789_000_000_000),
                last_at: Timestamp(1_789_000_060_000),
                resolved_at: None,
            },
            AlertView {
                id: 4,
                alert: alert(AlertCode::ProcessLost, "worker", "pid 12"),
                count: 1,
                first_at: Timestamp(1_788_000_000_000),
                last_at: Timestamp(1_788_000_000_000),
                resolved_at: Some(Timestamp(1_788_000_001_000)),
            },
        ];
        let unstored = [alert(AlertCode::StoreUnavailable, "store", "disk I/O error")];
        insta::assert_snapshot!(alerts_text(&stored, &unstored, &Zone::utc()), @r"
        (not stored yet) error store_unavailable: store – now
            the store can't be reached or can't write; nothing is accepted, finished answers are kept in the journal: disk I/O error
            → see the cause: is the disk there, writable and not locked by another program?
        #7 error account_not_sending: net – 2026-09-10 00:27:40 UTC, 3 times since 2026-09-10 00:26:40 UTC
            nothing that an account sends gets through: its network refuses it, or nobody knows what becomes of it: credentials refused
            → see the cause, or `send_trouble` on /readyz; a refused token has to be replaced
        #4 warning process_lost: worker – 2026-08-29 10:40:00 UTC, resolved 2026-08-29 10:40:01 UTC
            a process ended without a word, and nobody who started it saw it: pid 12
            → see the log before it
        ");
        assert_eq!(alerts_json(&stored)[0]["count"], 3);
        assert_eq!(alerts_text(&[], &[], &Zone::utc()), "No alerts.");
    }
}
