//! Documents near good ones: the example and the corpus, with a few things gone wrong at once.
//!
//! Whatever is written ends in a configuration that holds together, or in problems that an operator can act on: one line
//! each, at a place that is in the file, without what a variable holds.

use lastword_core::corpus;
use proptest::{prelude::*, sample::Index};

use super::*;
use crate::chat::clean::steers;

/// What no message may show.
const HIDDEN: [&str; 2] = ["h1dden-content", "8271828"];

fn hidden_env(name: &str) -> Option<String> {
    match name {
        "HOME" => Some("/home/alice".into()),
        "HIDDEN" | "LASTWORD_TOKEN" | "API_KEY" => Some(HIDDEN[0].into()),
        "NUMBER" => Some(HIDDEN[1].into()),
        _ => None,
    }
}

/// What holds for every document; whether it is a configuration.
pub(super) fn holds(yaml: &str) -> bool {
    let parsed = Config::parse(yaml, Some(Path::new("config.yaml")), &hidden_env);
    let (is_good, found) = match &parsed {
        Ok(config) => {
            fits_together(config);
            (true, &config.warnings)
        }
        Err(problems) => {
            let said = problems.to_string();
            assert!(!problems.problems.is_empty() && !said.contains("please report this"), "{said}\n{yaml}");
            assert_eq!(said.lines().count(), problems.problems.len() + 1, "one line each: {said:?}");
            assert!(problems.problems.is_sorted_by_key(|problem| problem.mark), "{said}");
            (false, &problems.problems)
        }
    };
    for problem in found {
        let said = problem.to_string();
        assert!(problem.text.len() > 10 && !said.contains(steers), "{said:?}\n{yaml}");
        assert!(!HIDDEN.iter().any(|hidden| said.contains(hidden)), "{said}\n{yaml}");
        if let Some(mark) = problem.mark {
            let line = usize::try_from(mark.line).unwrap() - 1;
            // The parser ends lines where YAML does, and stands behind the last one at the end of all.
            let lines: Vec<&str> = yaml.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).collect();
            assert!(line <= lines.len(), "{said}\n{yaml}");
        }
    }
    is_good
}

/// Every name in it leads somewhere, and every limit is one.
fn fits_together(config: &Config) {
    assert!(config.state_dir.is_absolute() && config.store_path.is_absolute());
    let agents = config.routes.iter().map(|route| &route.agent).chain(&config.default_agent);
    let commands = config.commands.values().filter_map(|command| command.agent.as_ref());
    for agent in agents.chain(commands) {
        assert!(config.agents.contains_key(agent), "{agent}");
    }
    for route in &config.routes {
        assert!(route.account.as_ref().is_none_or(|account| config.accounts.contains_key(account)));
    }
    for agent in config.agents.values() {
        assert!((1..=agent.deadlines.total_ms).contains(&agent.deadlines.idle_ms), "{:?}", agent.deadlines);
    }
    assert!(!config.accounts.is_empty() && !config.agents.is_empty());
    assert!(config.limits.max_concurrent > 0 && config.limits.prompt_bytes_max > 0);
    assert!(config.http.listen.ip().is_loopback() || config.http.token.is_some());
    let shown = format!("{config:?}");
    let token = config.http.token.as_ref().map(|token| token.expose_secret().to_owned());
    assert!(token.is_none_or(|token| token.len() < 8 || !shown.contains(&token)), "the token is shown");
}

/// Something that goes wrong in a file.
#[derive(Clone, Debug)]
enum Change {
    Delete(Index),
    Repeat(Index),
    Swap(Index, Index),
    /// Another value behind the colon of a line.
    Value(Index, String),
    /// Another key before the colon of a line.
    Key(Index, String),
    Indent(Index, usize),
    Insert(Index, String),
    /// Characters inside a line.
    Put(Index, Index, String),
    Cut(Index),
    Live(Index),
    Crlf,
    ByteOrderMark,
}

fn odd() -> impl Strategy<Value = String> {
    let texts = [
        "",
        "~",
        "null",
        "yes",
        "true",
        "0",
        "-1",
        "-0.0",
        "8.0",
        "0x10",
        "0o7",
        "1e400",
        ".nan",
        "-.inf",
        "99999999999999999999",
        "2024-01-01",
        "forever",
        "12h",
        "1y",
        "5m ago",
        "1 EiB",
        "\"\\0\"",
        "\"\\ud800\"",
        "\"\\e[2J\"",
        "\"a\\nb\"",
        "\"\u{202e}abc\"",
        "\u{2066}abc",
        "\u{9b}2J",
        "!!str 5",
        "!!int x",
        "!!binary aGk=",
        "!odd 5",
        "*a",
        "&a x",
        "&a {a: *a}",
        "{<<: *a}",
        "${HIDDEN}",
        "${NUMBER}",
        "a${HIDDEN}b",
        "[${HIDDEN}]",
        "{a: ${HIDDEN}}",
        "${NOPE}",
        "${NOPE:-${HIDDEN}}",
        "${",
        "${}",
        "$${x}",
        "[[[]]]",
        "{a: {b: 1}}",
        "[1, 2",
        "{a: ",
        "|",
        ">-",
        "? x",
        "- x",
        "a: b: c",
        "'open",
        "\"open",
        "@x",
        "`x`",
        "%TAG",
        "---",
        "...",
        "#",
        "{}",
        "[]",
        "''",
        "web",
        "demo",
        "command",
        "LASTWORD_X",
        "0.0.0.0:80",
        "localhost:+80",
        "[::]:80",
        "/",
        "~/x",
        "relative",
    ];
    prop_oneof![
        8 => prop::sample::select(texts.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => "[a-z]{1,3}".prop_map(|text| text.repeat(2_000)),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let keys = prop_oneof![
        Just("\"a\\e[2Jb\"".to_owned()),
        Just("\"a\\nb\"".to_owned()),
        Just("\"\u{202e}k\"".to_owned()),
        Just("5".to_owned()),
        Just("<<".to_owned()),
        Just("? [a]".to_owned()),
        Just("limits".to_owned()),
        Just("*a".to_owned()),
        "[a-z_]{1,12}",
    ];
    prop_oneof![
        1 => at().prop_map(Change::Delete),
        1 => at().prop_map(Change::Repeat),
        1 => (at(), at()).prop_map(|(one, other)| Change::Swap(one, other)),
        6 => (at(), odd()).prop_map(|(at, value)| Change::Value(at, value)),
        2 => (at(), keys).prop_map(|(at, key)| Change::Key(at, key)),
        1 => (at(), 0_usize..9).prop_map(|(at, by)| Change::Indent(at, by)),
        1 => (at(), odd()).prop_map(|(at, line)| Change::Insert(at, line)),
        2 => (at(), at(), "[\\[\\]{}*&!|>'\"%@`:,#?~\u{0}\u{7f}\u{85}\u{2028}\u{feff}\t-]{1,3}").prop_map(|(line, at, put)| Change::Put(line, at, put)),
        1 => at().prop_map(Change::Cut),
        6 => at().prop_map(Change::Live),
        1 => Just(Change::Crlf),
        1 => Just(Change::ByteOrderMark),
    ]
}

fn apply(change: &Change, lines: &mut Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let length = lines.len();
    // Between `key` and `value` of a line.
    let colon = |line: &str| line.find(": ").or_else(|| line.ends_with(':').then(|| line.len() - 1));
    match change {
        Change::Delete(at) => drop(lines.remove(at.index(length))),
        Change::Repeat(at) => lines.insert(at.index(length), lines[at.index(length)].clone()),
        Change::Swap(one, other) => lines.swap(one.index(length), other.index(length)),
        Change::Value(at, value) => {
            let line = &mut lines[at.index(length)];
            if let Some(colon) = colon(line) {
                *line = format!("{}: {value}", &line[..colon]);
            }
        }
        Change::Key(at, key) => {
            let line = &mut lines[at.index(length)];
            if let Some(colon) = colon(line) {
                let begin = line.len() - line.trim_start_matches(' ').len();
                *line = format!("{}{key}{}", &line[..begin.min(colon)], &line[colon..]);
            }
        }
        Change::Indent(at, by) => {
            let line = &mut lines[at.index(length)];
            *line = format!("{}{}", " ".repeat(*by), line.trim_start());
        }
        Change::Insert(at, line) => lines.insert(at.index(length), line.clone()),
        Change::Put(line, at, put) => {
            let line = &mut lines[line.index(length)];
            let at = at.index(line.chars().count() + 1);
            let at = line.char_indices().nth(at).map_or(line.len(), |(at, _)| at);
            line.insert_str(at, put);
        }
        Change::Cut(at) => lines.truncate(at.index(length)),
        Change::Live(at) => {
            let line = &mut lines[at.index(length)];
            *line = line.replacen("# ", "", 1);
        }
        Change::Crlf => lines.iter_mut().for_each(|line| line.push('\r')),
        Change::ByteOrderMark => lines[0].insert(0, '\u{feff}'),
    }
}

/// The documents that changes begin with: the example, the same with everything switched on, and the corpus.
fn documents() -> Vec<String> {
    let is_long = |text: &String| text.len() > 5_000;
    let seeds = corpus::texts(env!("CARGO_MANIFEST_DIR"), "config").into_iter().map(|(_, text)| text);
    let live: Vec<_> =
        EXAMPLE.lines().filter(|line| *line != "routes: []").map(|line| line.replacen("# ", "", 1)).collect();
    let mut documents: Vec<_> = seeds.filter(|text| !is_long(text)).collect();
    let examples = [EXAMPLE.to_owned(), EXAMPLE.to_owned(), live.join("\n")];
    documents.extend(examples.into_iter().cycle().take(documents.len()));
    documents
}

#[test]
fn every_seed_is_a_configuration_or_problems_to_act_on() {
    let mut good = Vec::new();
    for (name, yaml) in corpus::texts(env!("CARGO_MANIFEST_DIR"), "config") {
        if holds(&yaml) {
            good.push(name.trim_end_matches(".yaml").to_owned());
        }
    }
    assert_eq!(good, ["anchors", "byte-order-mark", "comment", "crlf", "empty", "folded"]);
}

#[test]
fn a_problem_is_one_line_that_steers_no_terminal() {
    let said = problems("agents: { \"a\\e[2J\\n\\u202e\": { kind: demo, on_lost: replay, max_attempts: 1 } }");
    assert_eq!(said.lines().count(), 3, "{said:?}");
    assert!(
        said.contains("agents.a\\u{1b}[2J\\u{a}\\u{202e}.max_attempts: `on_lost: replay` needs at least 2"),
        "{said}"
    );
    assert!(!said.replace('\n', "").contains(steers), "{said:?}");
}

#[test]
fn a_number_from_a_variable_is_not_shown() {
    let said = Config::parse("limits:\n  queue_max: ${NUMBER}${NUMBER}\n", None, &hidden_env).unwrap_err().to_string();
    assert!(said.starts_with("limits.queue_max: ") && said.contains("`${NUMBER}${NUMBER}`"), "{said}");
}

#[test]
fn no_nesting_is_too_deep_to_be_refused() {
    for depth in [100, 1_000, 100_000] {
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("&a [", "]"), ("!x [", "]")] {
            let yaml = format!("accounts: {}{}\n", open.repeat(depth), close.repeat(depth));
            assert!(!holds(&yaml));
            assert!(!holds(&yaml["accounts: ".len()..]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn whatever_went_wrong_is_told_or_harmless(
        document in prop::sample::select(documents()),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut lines: Vec<String> = document.split('\n').map(str::to_owned).collect();
        for change in &changes {
            apply(change, &mut lines);
        }
        holds(&lines.join("\n"));
    }

    #[test]
    fn an_unknown_key_is_told_where_it_stands(at in any::<Index>(), key in "[a-z]{3,9}_odd", blanks in 0_usize..4) {
        let mut lines: Vec<&str> = EXAMPLE.lines().collect();
        let tops: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with(|c: char| c.is_ascii_lowercase())).collect();
        let (line, entry) = (tops[at.index(tops.len())], format!("{}{key}: 5", "\n".repeat(blanks)));
        lines.insert(line, &entry);
        let problems = parse(&lines.join("\n")).unwrap_err().problems;
        prop_assert_eq!(problems.len(), 1, "{:?}", problems);
        let mark = problems[0].mark.unwrap();
        prop_assert_eq!((mark.line, mark.column), ((line + 1 + blanks) as u64, 1));
        let told = format!("unknown key `{key}`");
        prop_assert!(problems[0].text.starts_with(&told) && problems[0].text.contains("(known here: accounts, "), "{:?}", problems);
    }

    #[test]
    fn a_name_is_good_or_told_with_the_rule(name in "[a-z][a-z0-9_-]{0,33}|[a-zA-Z0-9_é \n-]{0,9}") {
        let quoted = serde_json::to_string(&name).unwrap();
        let is_name = |text: &str, others: &str| {
            text.len() <= 32
                && text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || others.contains(c))
        };
        let is_good = holds(&format!("agents: {{ {quoted}: {{ kind: echo }} }}\n"));
        prop_assert_eq!(is_good, is_name(&name, "_-"));
        let is_built_in = lastword_core::decide::command::BuiltIn::named(&name).is_some();
        let is_good = holds(&format!("commands: {{ {quoted}: {{ prompt: x }} }}\n"));
        prop_assert_eq!(is_good, is_name(&name, "_") && !is_built_in);
    }
}
