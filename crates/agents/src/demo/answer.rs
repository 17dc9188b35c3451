//! What the demo agent says: short, friendly, and true. The first line of each answer is useful by itself.

use std::collections::BTreeMap;

use super::{FACT_CONFIG, FACT_DATA, FACT_PAGE, FACT_VERSION, wish::About};

/// Longest piece of a prompt that is said back.
const ECHO_CHARS_MAX: usize = 1_000;

/// What is streamed word by word.
pub(super) const STREAMED: &str = "This answer comes word by word, as a model's would. Each word is on its way to you as \
    soon as it is written, a few of them at a time, because chat networks limit how often a message may change. When the \
    last word is there, the whole text is stored before it is sent, so even if everything stops right now, you get it.";

/// The answer to a question. `facts` are what the bridge told about itself, `variable` reads the environment.
pub(super) fn answer(
    about: &About,
    facts: &BTreeMap<&'static str, String>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> String {
    let fact = |name| facts.get(name).map(String::as_str);
    match about {
        About::Itself => "I am the demo agent of **Lastword**, a bridge between chats and AI agents. I am no model: I \
            know a few words and answer by rule.\n\nThe bridge is what is worth a look: every message it accepts gets \
            exactly one last word, an answer or a line that begins with `Error:`. Say `crash` to see the second kind, \
            or `help`.\n"
            .into(),
        About::Help => HELP.into(),
        About::Data => match fact(FACT_DATA) {
            Some(data) => format!(
                "Your messages and their answers are kept here: `{}`\n\nI store nothing myself, and I send nothing \
                 anywhere: I am a program on the same machine.\n",
                code(data)
            ),
            None => "The bridge did not tell me where it stores messages; whoever runs it can see that in the \
                configuration.\n\nI store nothing myself.\n"
                .into(),
        },
        About::RealAgent => format!(
            "Add it under `agents:` in {} and point a route at it.\n\nAny program that reads a prompt from stdin, or as \
             an argument, and writes its answer to stdout will do; `config.example.yaml` shows how. Nobody in a chat can \
             reach its command line: messages are passed as data, never through a shell.\n",
            fact(FACT_CONFIG).map_or_else(|| "the configuration".to_owned(), |config| format!("`{}`", code(config))),
        ),
        About::Dying => format!(
            "You get an `Error:` line at once, instead of my answer. Try it: say `slow 60`, then `kill -9` my process \
             (this time I am {}), or just say `crash`.\n\n\
             - Kill **the worker** that runs me: I end with it, with all I started, and you get an `Error:` line (or the \
             question is asked again, where the agent is set up for that).\n\
             - Kill **the bridge**: I work on, and the next bridge delivers my answer.\n\
             - Pull **the plug**: what was accepted is stored, and gets its last word after the next start.\n",
            std::process::id()
        ),
        About::Version => match fact(FACT_VERSION) {
            Some(version) => format!("Lastword {version}\n"),
            None => "The bridge did not tell me its version; `lastword --version` does.\n".into(),
        },
        About::Status => {
            let turn = variable("LASTWORD_TURN").unwrap_or_else(|| "unknown".into());
            let attempt = variable("LASTWORD_ATTEMPT").unwrap_or_else(|| "unknown".into());
            let account = variable("LASTWORD_ACCOUNT").unwrap_or_else(|| "unknown".into());
            let page = match fact(FACT_PAGE) {
                Some(page) => format!("The operator's page shows the rest: {page}\n"),
                None => "I see only my own turn; `/help` lists what the bridge itself can tell.\n".into(),
            };
            format!(
                "I am up: your message reached me as turn {turn}, attempt {attempt}, through the account `{}`.\n\n{page}",
                code(&account)
            )
        }
        About::Else(said) if said.is_empty() => "You said nothing that I could read.\n\nTry `help`.\n".into(),
        About::Else(said) => format!("You said: {}\n\nTry `help`, or `stream`, `slow 5`, `crash`.\n", echo(said)),
    }
}

const HELP: &str = "Ask me about the bridge, or begin a message with one of these words:\n\n\
    - `stream`: an answer that comes word by word\n\
    - `slow 20`: one that takes 20 seconds and says so\n\
    - `long`: one of about 20,000 characters\n\
    - `crash`: I die in the middle of a sentence\n\
    - `fail`: I end with an error\n\
    - `hang`: I fall silent; the idle deadline ends me\n\
    - `flood`: I never stop; the limit on output ends me\n\n\
    Questions I know: what are you, where is my data, how do I add a real agent, what happens when I kill you, version, \
    status.\n";

fn echo(said: &str) -> String {
    if said.chars().count() <= ECHO_CHARS_MAX {
        return said.to_owned();
    }
    said.chars().take(ECHO_CHARS_MAX).chain(['…']).collect()
}

/// Text for between two backticks.
fn code(text: &str) -> String {
    text.replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(about: &About, facts: &[(&'static str, &str)]) -> String {
        let facts = facts.iter().map(|(name, fact)| (*name, (*fact).to_owned())).collect();
        answer(about, &facts, &|name| Some(format!("<{name}>")))
    }

    #[test]
    fn facts_are_told_and_missing_ones_are_not_made_up() {
        assert!(says(&About::Data, &[(FACT_DATA, "SQLite, /x/`y`.db")]).contains("`SQLite, /x/'y'.db`"));
        assert!(says(&About::Data, &[]).starts_with("The bridge did not tell me"));
        assert_eq!(says(&About::Version, &[(FACT_VERSION, "1.2.3")]), "Lastword 1.2.3\n");
        assert!(says(&About::Status, &[]).starts_with("I am up: your message reached me as turn <LASTWORD_TURN>"));
    }

    #[test]
    fn no_answer_looks_like_an_error_and_each_begins_with_a_line_of_its_own() {
        use About::{Data, Dying, Else, Help, Itself, RealAgent, Status, Version};
        for about in [Itself, Help, Data, RealAgent, Dying, Version, Status, Else(String::new()), Else("hi".into())] {
            let text = says(&about, &[]);
            let first = text.lines().next().unwrap();
            assert!(!first.starts_with("Error:") && first.len() > 10, "{about:?}: {first}");
            assert!(text.chars().count() < 1_000, "{about:?} is too long");
        }
    }

    #[test]
    fn a_long_message_is_said_back_in_part() {
        let text = says(&About::Else("é".repeat(5_000)), &[]);
        assert!(text.chars().count() < ECHO_CHARS_MAX + 100);
    }
}
