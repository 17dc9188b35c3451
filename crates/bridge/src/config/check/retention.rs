//! Things that can't be kept longer than what they belong to.

use crate::config::{
    file::RetentionConfig,
    kept::{parse, spell},
    problem::{Findings, Mark},
    tree::Node,
};

/// How long, and where it was written if it was.
type Kept = (Option<i64>, Option<Mark>);

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let section = root.get("retention");
    let default = RetentionConfig::default();
    let turns = kept(section, "turns", default.turns_ms);
    let messages = kept(section, "messages", default.messages_ms);
    let files = kept(section, "files", default.files_ms);
    for (key, what) in [("messages", messages), ("files", files)] {
        if is_longer(what.0, turns.0) {
            let text = format!(
                "retention.{key}: {} is longer than retention.turns ({}), to which they belong; shorten it or lengthen \
                 turns",
                spell(what.0),
                spell(turns.0)
            );
            findings.problem(what.1.or(turns.1), text);
        }
    }
}

fn is_longer(one: Option<i64>, other: Option<i64>) -> bool {
    match (one, other) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(one), Some(other)) => one > other,
    }
}

/// How long `key` is kept, where that can be read.
fn kept(section: Option<&Node>, key: &str, default: Option<i64>) -> Kept {
    let Some(node) = section.and_then(|section| section.get(key)) else { return (default, None) };
    (node.text().and_then(parse).unwrap_or(default), Some(node.mark))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn said(yaml: &str) -> String {
        let env = |name: &str| (name == "HOME").then(|| "/home/alice".to_owned());
        Config::parse(yaml, None, &env).map_or_else(|problems| problems.to_string(), |_| "fine".into())
    }

    #[test]
    fn nothing_is_kept_longer_than_the_turn_that_it_belongs_to() {
        insta::assert_snapshot!(said("retention: { messages: forever, files: 20d, turns: 10d, alerts: soon }"), @r"
        retention.messages: forever is longer than retention.turns (10d), to which they belong; shorten it or lengthen turns
        retention.files: 20d is longer than retention.turns (10d), to which they belong; shorten it or lengthen turns
        retention.alerts: must be a length of time with its unit, such as 12h or 90d, or forever; here is `soon`
        3 problems in the configuration
        ");
        assert_eq!(said("retention: { messages: forever, turns: forever }"), "fine");
        assert_eq!(said("retention: { turns: 90d }"), "fine");
    }
}
