//! What an operator sees.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _, path::Path};

use lastword_core::{
    decide::policy::{Allow, Route},
    ids::{AccountId, AgentId, ConversationId, UserId},
    store::OnLost,
};
use secrecy::ExposeSecret as _;

use super::{Access, Config, ConfigProblems, Deadlines, Env, locate};

const EXAMPLE: &str = include_str!("../../../../../config.example.yaml");

mod any_text;
mod bots;
mod documents;
mod mutations;
mod values;

fn env(name: &str) -> Option<String> {
    match name {
        "HOME" => Some("/home/alice".into()),
        "LASTWORD_TOKEN" => Some("s3cret-t0ken".into()),
        "TELEGRAM_TOKEN" => Some("4711:AAF-x_9".into()),
        "SLACK_BOT_TOKEN" => Some("xoxb-12-x_9".into()),
        "SLACK_APP_TOKEN" => Some("xapp-1-A12-x_9".into()),
        "MATRIX_TOKEN" => Some("syt_YWRh_x9".into()),
        "MATRIX_PASSWORD" => Some("pa55 w0rd".into()),
        "MATRIX_STORE_KEY" => Some("0123456789abcdef0123456789abcdef".into()),
        "MATRIX_RECOVERY_KEY" => Some("EsTx 9999".into()),
        "LASTWORD_WEBHOOK" => Some("https://alerts.example.org/hook?s3cret".into()),
        "LASTWORD_WEBHOOK_TOKEN" => Some("w3bhook-t0ken".into()),
        "SIX" => Some("6".into()),
        "TRICK" => Some("x\nlimits: { max_concurrent: 1 }".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn parse(yaml: &str) -> Result<Config, ConfigProblems> {
    Config::parse(yaml, Some(Path::new("config.yaml")), &env)
}

fn problems(yaml: &str) -> String {
    parse(yaml).map(|config| format!("{config:#?}")).unwrap_err().to_string()
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let problems = problems(
        r#"
agnts: {}
http: { listen: 0.0.0.0:80, body_bytes_max: huge, tokn: 5 }
accounts:
  web: { network: web, allow: { users: [local, 5, true] }, unknown: guess, progress: perhaps }
  phone: { network: telegrm, token: abc }
  Loud: { network: web }
  none:
agents:
  coder:
    kind: command
    program: ""
    args: --print
    env: { "not a name": x }
    env_allow: [PATH, LASTWORD_TOKEN, a-b]
    on_lost: replay
    max_attempts: 1
    deadlines: { idle: 2h, queue: 10 }
  other: { kind: comand, program: x }
  third: { program: y }
routes:
  - { account: wbe, agent: codr }
  - { sender: 5 }
  - nonsense
default_agent: nobody
commands:
  stop: { prompt: "x" }
  Translate: { prompt: "x", access: admin }
  empty: { agent: cder }
deadlines: { idle: soon }
limits: { max_concurrent: 0, queue_max: many, prompt_bytes_max: 0 }
restart: { pause: 1m }
log: { level: loud }
state_dir: relative/${NOPE}
shutdown_grace: 30
limits: {}
"#,
    );
    // Builds for tests know one more network.
    let problems = problems.replace(", scripted)", ")");
    insta::assert_snapshot!(problems, @r"
    config.yaml:2:1: unknown key `agnts`; did you mean `agents`? (known here: accounts, agents, alerts, commands, deadlines, default_agent, http, limits, log, restart, retention, routes, shutdown_grace, state_dir, store, update)
    config.yaml:3:17: http.listen: `0.0.0.0:80` can be reached from other machines, which needs a token; set `token: ${LASTWORD_TOKEN}` or `token_file`, or listen on 127.0.0.1
    config.yaml:3:45: http.body_bytes_max: must be a size of at least one byte, such as 256 KiB, 1MiB or 4096; here is `huge`
    config.yaml:3:51: http: unknown key `tokn`; did you mean `token`? (known here: body_bytes_max, listen, origins, token, token_file)
    config.yaml:5:51: accounts.web.allow.users[2]: must be an identifier as the network spells it; here is `true`
    config.yaml:5:69: accounts.web.unknown: must be one of: resend, hold; here is `guess`
    config.yaml:5:86: accounts.web.progress: must be true or false; here is the text `perhaps`
    config.yaml:6:21: accounts.phone.network: unknown network `telegrm`; did you mean `telegram`? (known: web, telegram, slack, matrix)
    config.yaml:7:3: accounts.Loud: a name begins with a small letter and has up to 32 small letters, digits, `_` and `-`
    config.yaml:7:20: accounts.Loud.network: there is one web API, and accounts.web is on it; remove one of them
    config.yaml:8:7: accounts.none: must be a mapping; here is nothing
    config.yaml:12:14: agents.coder.program: must name a program, such as claude; here is nothing
    config.yaml:13:11: agents.coder.args: must be a list; here is text
    config.yaml:14:12: agents.coder.env.not a name: the name of an environment variable has letters, digits and `_`, and does not begin with a digit
    config.yaml:15:23: agents.coder.env_allow[1]: `LASTWORD_TOKEN` is Lastword's own and stays with it; remove it
    config.yaml:15:39: agents.coder.env_allow[2]: the name of an environment variable has letters, digits and `_`, and does not begin with a digit; here is `a-b`
    config.yaml:17:19: agents.coder.max_attempts: `on_lost: replay` needs at least 2; here is `1`. `on_lost: error` never runs a turn twice
    config.yaml:18:24: agents.coder.deadlines.idle: idle (2h) is longer than total (1h), so it would never end a turn; shorten idle or lengthen total
    config.yaml:18:35: agents.coder.deadlines.queue: must be a length of time with its unit, such as 90s, 10m or 1h; here is `10`
    config.yaml:19:18: agents.other.kind: unknown kind `comand`; did you mean `command`? (known: demo, echo, command)
    config.yaml:20:10: agents.third: `kind` is missing; give it one of: demo, echo, command
    config.yaml:22:16: routes[0].account: there is no account `wbe`; did you mean `web`? (there is: web, phone, Loud, none)
    config.yaml:22:28: routes[0].agent: there is no agent `codr`; did you mean `coder`? (there is: coder, other, third)
    config.yaml:23:5: routes[1]: `agent` is missing; add it
    config.yaml:24:5: routes[2]: must be a mapping; here is text
    config.yaml:25:16: default_agent: there is no agent `nobody` (there is: coder, other, third)
    config.yaml:27:3: commands.stop: /stop is a command of Lastword itself; choose another name than: help, status, whoami, new, stop, retry, version, trace, audit, alerts, accounts, messaging, logs, restart, update, rollback, outbox, pause, resume, start
    config.yaml:28:3: commands.Translate: a command's name begins with a small letter and has up to 32 small letters, digits and `_`, without the slash
    config.yaml:28:37: commands.Translate.access: must be one of: everyone, admins; here is `admin`; did you mean `admins`?
    config.yaml:29:10: commands.empty: `prompt` is missing; add it
    config.yaml:29:19: commands.empty.agent: there is no agent `cder`; did you mean `coder`? (there is: coder, other, third)
    config.yaml:30:20: deadlines.idle: must be a length of time with its unit, such as 90s, 10m or 1h; here is `soon`
    config.yaml:31:27: limits.max_concurrent: must be at least 1; here is `0`
    config.yaml:31:41: limits.queue_max: must be a whole number; here is the text `many`
    config.yaml:31:65: limits.prompt_bytes_max: must be a size of at least one byte, such as 256 KiB, 1MiB or 4096; here is `0`
    config.yaml:32:19: restart.pause: the first pause (1m) is longer than pause_max (10s); shorten it or lengthen pause_max
    config.yaml:33:15: log.level: must be one of: error, warn, info, debug, trace; here is `loud`
    config.yaml:34:12: state_dir: the environment variable NOPE is not set; set it, or give a default with ${NOPE:-default}
    config.yaml:35:17: shutdown_grace: must be a length of time with its unit, such as 90s, 10m or 1h; here is `30`
    config.yaml:36:1: limits: this key is already on line 31; keep one of the two
    40 problems in the configuration
    ");
}

fn warnings(yaml: &str) -> String {
    let warnings = parse(yaml).unwrap().warnings;
    warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_written_means_working_defaults() {
    for yaml in ["", "# only a comment\n", "---\n", "http:\naccounts:\nagents:\nlog: { level: }\n"] {
        let config = parse(yaml).unwrap();
        assert_eq!(config.state_dir, Path::new("/home/alice/.local/share/lastword"));
        assert_eq!(config.store_path, Path::new("/home/alice/.local/share/lastword/lastword.db"));
        assert_eq!(config.default_agent, Some(AgentId::new("demo")));
        assert!(config.http.listen.ip().is_loopback());
        assert!(config.warnings.is_empty());
        let web = &config.accounts[&AccountId::new("web")];
        let local = BTreeSet::from([UserId::new("local")]);
        assert_eq!((&web.users, &web.admins), (&Allow::Only(local.clone()), &local));
        assert_eq!(web.conversations, Allow::default());
        let defaults = Config::defaults(config.state_dir.clone());
        assert_eq!(format!("{:?}", Config { file: None, ..config }), format!("{defaults:?}"));
    }
}

#[test]
fn the_state_directory_is_the_files_then_the_environments_then_the_users() {
    let dir = |yaml, env: Env<'_>| Config::parse(yaml, None, env).unwrap().state_dir;
    let set = |name: &str| match name {
        "HOME" => Some("/home/alice".into()),
        "LASTWORD_STATE_DIR" => Some("/srv/state".into()),
        "XDG_DATA_HOME" => Some("/data".into()),
        _ => None,
    };
    assert_eq!(dir("state_dir: ~/lw", &set), Path::new("/home/alice/lw"));
    assert_eq!(dir("", &set), Path::new("/srv/state"));
    assert_eq!(dir("", &|name| set(name).filter(|_| name != "LASTWORD_STATE_DIR")), Path::new("/data/lastword"));
    assert_eq!(dir("", &env), Path::new("/home/alice/.local/share/lastword"));
    let store = parse("store: { path: other.db }").unwrap().store_path;
    assert_eq!(store, Path::new("/home/alice/.local/share/lastword/other.db"));
    insta::assert_snapshot!(problems("state_dir: lw"), @r"
    config.yaml:1:12: state_dir: must be an absolute directory, or begin with ~/; here is `lw`
    1 problem in the configuration
    ");
    let relative = |name: &str| (name == "LASTWORD_STATE_DIR").then(|| "lw".to_owned());
    insta::assert_snapshot!(Config::parse("", None, &relative).unwrap_err().to_string(), @r"
    LASTWORD_STATE_DIR: must be an absolute directory, or begin with ~/
    1 problem in the configuration
    ");
}

#[test]
fn a_number_is_a_number_however_it_is_written() {
    let config =
        parse("limits: { max_concurrent: 8.0, queue_max: 0x10 }\nroutes: [{ sender: 0123, agent: demo }]").unwrap();
    assert_eq!((config.limits.max_concurrent, config.limits.queue_max), (8, 16));
    assert_eq!(config.routes[0].sender, Some(UserId::new("0123")));
    insta::assert_snapshot!(problems("routes: [{ sender: 99999999999999999999, agent: demo }, { sender: 1e300, agent: demo }, { sender: 1.5, agent: demo }, { sender: 18446744073709551615, agent: demo }]"), @r"
    config.yaml:1:20: routes[0].sender: must be an identifier as the network spells it; here is `1e+20`
    config.yaml:1:67: routes[1].sender: must be an identifier as the network spells it; here is `1e+300`
    config.yaml:1:99: routes[2].sender: must be an identifier as the network spells it; here is `1.5`
    config.yaml:1:129: routes[3].sender: must be an identifier as the network spells it; here is `18446744073709551615`
    4 problems in the configuration
    ");
}

#[test]
fn agents_have_their_own_deadlines_and_the_rest_from_the_top() {
    let config = parse(
        "
agents:
  coder: { kind: command, program: claude, on_lost: replay, deadlines: { idle: 90s } }
  demo: { kind: demo }
deadlines: { total: 2h }
routes:
  - { conversation: -100123, agent: coder }
  - { sender: alice, agent: coder }
default_agent: demo
commands:
  translate: { agent: demo, prompt: 'Translate: {args}', access: admins }
",
    )
    .unwrap();
    let coder = &config.agents[&AgentId::new("coder")];
    assert_eq!(coder.deadlines, Deadlines { queue_ms: 600_000, idle_ms: 90_000, total_ms: 7_200_000 });
    assert_eq!(coder.on_lost, OnLost::Replay { max_attempts: 3 });
    let (group, alice) = (ConversationId::new("-100123"), UserId::new("alice"));
    let route = |conversation, sender| Route { account: None, conversation, sender, agent: AgentId::new("coder") };
    assert_eq!(config.routes, [route(Some(group), None), route(None, Some(alice))]);
    assert_eq!(config.default_agent, Some(AgentId::new("demo")));
    assert_eq!(config.commands["translate"].access, Access::Admins);
}

#[test]
fn without_a_default_agent_the_only_one_answers_and_of_two_none() {
    let default = |yaml| parse(yaml).unwrap().default_agent;
    assert_eq!(default("agents: { a: { kind: demo } }"), Some(AgentId::new("a")));
    assert_eq!(default("agents: { a: { kind: demo }, b: { kind: demo } }"), None);
}

#[test]
fn a_variable_is_data_and_takes_the_type_that_is_wanted() {
    let config =
        parse("limits: { max_concurrent: '${SIX}' }\naccounts: { web: { network: web, progress: '${NO:-false}' } }");
    let config = config.unwrap();
    assert_eq!(config.limits.max_concurrent, 6);
    assert!(!config.accounts[&AccountId::new("web")].progress);
    let config = parse("commands: { x: { prompt: '${TRICK}' } }").unwrap();
    assert_eq!(config.commands["x"].prompt, "x\nlimits: { max_concurrent: 1 }");
    assert_eq!(config.limits.max_concurrent, 8);
    insta::assert_snapshot!(problems("limits: { max_concurrent: '${LASTWORD_TOKEN}', queue_max: '6' }"), @r"
    config.yaml:1:27: limits.max_concurrent: must be a whole number; here is the text `${LASTWORD_TOKEN}`
    config.yaml:1:59: limits.queue_max: must be a whole number; here is the text `6`
    2 problems in the configuration
    ");
}

#[test]
fn secrets_are_in_no_debug_and_no_problem() {
    let yaml = "
http: { token: '${LASTWORD_TOKEN}' }
agents:
  coder:
    kind: command
    program: claude
    args: ['--key', '${LASTWORD_TOKEN}']
    wrapper: [env, 'KEY=${LASTWORD_TOKEN}']
    env: { API_KEY: '${LASTWORD_TOKEN}' }
";
    let config = parse(yaml).unwrap();
    assert_eq!(config.http.token.as_ref().unwrap().expose_secret(), "s3cret-t0ken");
    assert!(!format!("{config:?}").contains("s3cret"));
    let token = |value: &str| yaml.replacen("'${LASTWORD_TOKEN}'", value, 1);
    for wrong in ["[s3cret]", "{ s3: s3cret }", "12345678"] {
        let problems = problems(&token(wrong));
        assert!(!problems.contains("s3cret") && !problems.contains("12345678"), "{problems}");
    }
    for place in [
        "log: { level: '${LASTWORD_TOKEN}' }",
        "default_agent: '${LASTWORD_TOKEN}'",
        "store: { path: ['${LASTWORD_TOKEN}'] }",
        "state_dir: '${LASTWORD_TOKEN}'",
        "http: { listen: '${LASTWORD_TOKEN}', origins: ['${LASTWORD_TOKEN}'], token_file: '/${LASTWORD_TOKEN}' }",
        "agents: { x: { kind: '${LASTWORD_TOKEN}' } }",
        "accounts: { x: { network: '${LASTWORD_TOKEN}' } }",
        "routes: ['${LASTWORD_TOKEN}']",
        "deadlines: { idle: '${LASTWORD_TOKEN}' }",
    ] {
        let problems = problems(place);
        assert!(!problems.contains("s3cret"), "{problems}");
    }
    insta::assert_snapshot!(problems("http: { token: '${EMPTY}' }"), @r"
    config.yaml:1:16: http.token: its variable is empty; give it a value
    1 problem in the configuration
    ");
}

#[test]
fn a_token_file_is_read_without_its_last_line_break() {
    let dir = tempfile::tempdir().unwrap();
    let write = |text: &str, mode| {
        std::fs::write(dir.path().join("token"), text).unwrap();
        std::fs::set_permissions(dir.path().join("token"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let load = |yaml: &str| {
        std::fs::write(dir.path().join("config.yaml"), yaml).unwrap();
        let shown = |text: String| text.replace(&dir.path().display().to_string(), "…");
        Config::load(Some(&dir.path().join("config.yaml")), &env).map_err(|problems| shown(problems.to_string()))
    };
    let yaml = "http: { listen: 0.0.0.0:80, token_file: token }";
    write("s3cret\n\n", 0o600);
    let config = load(yaml).unwrap();
    assert_eq!(config.http.token.unwrap().expose_secret(), "s3cret\n");
    assert!(config.warnings.is_empty());
    write("s3cret", 0o644);
    insta::assert_snapshot!(load(yaml).unwrap().warnings[0].text, @"http.token_file: every user of this machine can read `token`; `chmod o-rwx` closes it");
    write("\n", 0o600);
    insta::assert_snapshot!(load(yaml).unwrap_err(), @r"
    …/config.yaml:1:41: http.token_file: `token` is empty; write the secret into it
    1 problem in the configuration
    ");
    insta::assert_snapshot!(load("http: { token_file: nope }").unwrap_err(), @r"
    …/config.yaml:1:21: http.token_file: `nope` can't be read: No such file or directory (os error 2)
    1 problem in the configuration
    ");
    insta::assert_snapshot!(load("http: { token_file: token, token: '${LASTWORD_TOKEN}' }").unwrap_err(), @r"
    …/config.yaml:1:21: http.token_file: `token` is given as well; keep one of the two
    1 problem in the configuration
    ");
}

#[test]
fn the_file_is_the_one_asked_for_then_the_environments_then_the_usual_ones() {
    let dir = tempfile::tempdir().unwrap();
    let usual = dir.path().join("lastword/config.yaml");
    std::fs::create_dir(dir.path().join("lastword")).unwrap();
    std::fs::write(&usual, "").unwrap();
    let asked = dir.path().join("asked.yaml");
    std::fs::write(&asked, "").unwrap();
    let home = dir.path().display().to_string();
    let with_home = |name: &str| (name == "XDG_CONFIG_HOME").then(|| home.clone());
    let named = asked.display().to_string();
    let with_name = |name: &str| if name == "LASTWORD_CONFIG" { Some(named.clone()) } else { with_home(name) };
    assert_eq!(locate(None, &with_home).unwrap(), Some(usual.clone()));
    assert_eq!(locate(None, &with_name).unwrap(), Some(asked));
    assert_eq!(locate(Some(&usual), &with_name).unwrap(), Some(usual));
    assert_eq!(locate(None, &|name| (name == "HOME").then(|| "/nowhere".to_owned())).unwrap(), None);
    insta::assert_snapshot!(locate(Some(Path::new("nope.yaml")), &env).unwrap_err().to_string(), @r"
    nope.yaml: there is no such file; --config names it. `config.example.yaml` is a good beginning
    1 problem in the configuration
    ");
}

#[test]
fn broken_yaml_is_one_clear_problem() {
    for (yaml, file) in [
        ("a: [b\nc: d", 1),
        ("\tx: 1", 1),
        ("a: b: c", 1),
        ("a: *nope", 1),
        ("a: b\n---\nc: d", 1),
        ("[1, 2]", 1),
        ("just words", 1),
        ("? [a]\n: b", 1),
    ] {
        let problems = parse(yaml).unwrap_err();
        assert_eq!(problems.problems.len(), file, "{problems}");
    }
    insta::assert_snapshot!(problems("http:\n  listen: [a\nlog: x"), @r"
    config.yaml:3:4: this is not valid YAML: illegal placement of ':' indicator
    1 problem in the configuration
    ");
    insta::assert_snapshot!(problems("log: { level: *nope }"), @r"
    config.yaml:1:15: this is not valid YAML: alias references unknown anchor
    1 problem in the configuration
    ");
    insta::assert_snapshot!(problems(r#"agents: { a: { kind: command, program: x, args: ["\0"] } }"#), @r"
    config.yaml:1:50: agents.a.args[0]: holds a NUL character, which no program can be given; remove it
    1 problem in the configuration
    ");
    insta::assert_snapshot!(problems("just words"), @r"
    config.yaml:1:1: the configuration: must be a mapping; here is text
    1 problem in the configuration
    ");
    insta::assert_snapshot!(problems("log: {}\n---\nlog: {}"), @r"
    config.yaml:3:1: a second document begins here; keep one and remove the `---` between them
    1 problem in the configuration
    ");
}

#[test]
fn aliases_and_merges_work_and_point_at_where_they_are_used() {
    let yaml = "
agents:
  a: &base { kind: demo, deadlines: { idle: 1m } }
  b: { <<: *base, collect: true }
  c: *base
default_agent: a
";
    let config = parse(yaml).unwrap();
    assert!(config.agents[&AgentId::new("b")].collect);
    assert_eq!(config.agents[&AgentId::new("b")].deadlines.idle_ms, 60_000);
    insta::assert_snapshot!(problems(&yaml.replace("idle: 1m", "idle: 3h")), @r"
    config.yaml:3:45: agents.a.deadlines.idle: idle (3h) is longer than total (1h), so it would never end a turn; shorten idle or lengthen total
    config.yaml:4:12: agents.b.deadlines.idle: idle (3h) is longer than total (1h), so it would never end a turn; shorten idle or lengthen total
    config.yaml:5:6: agents.c.deadlines.idle: idle (3h) is longer than total (1h), so it would never end a turn; shorten idle or lengthen total
    3 problems in the configuration
    ");
}

#[test]
fn a_canary_is_no_flood() {
    let yaml = "accounts: { web: { network: web, canary_to: c, canary_every: 999ms } }";
    insta::assert_snapshot!(problems(yaml), @r"
    config.yaml:1:62: accounts.web.canary_every: a message every 999ms is a flood; make it at least 1s
    1 problem in the configuration
    ");
    parse(&yaml.replace("999ms", "1s")).unwrap();
}

#[test]
fn what_works_but_may_not_be_meant_is_a_warning() {
    insta::assert_snapshot!(warnings(
        "
accounts:
  web: { network: web, allow: { users: [] }, admins: [], hold_limit: 5m, alerts_to: x, canary_every: 5m }
agents:
  a: { kind: demo, max_attempts: 3 }
routes:
  - { account: web, agent: a }
  - { account: web, sender: bob, agent: a }
"
    ), @r#"
    config.yaml:3:31: accounts.web.allow: nobody may talk to this account; list users, conversations or "*"
    config.yaml:3:70: accounts.web.hold_limit: has no effect without `unknown: hold`; add that, or remove it
    config.yaml:3:85: accounts.web.alerts_to: has no effect, because the web API shows only answers; name a conversation on another network
    config.yaml:3:102: accounts.web.canary_every: has no effect without `canary_to`; add that, or remove it
    config.yaml:5:34: agents.a.max_attempts: has no effect without `on_lost: replay`; add that, or remove it
    config.yaml:8:5: routes[1]: never matches, because routes[0] takes everything it would; put it first or remove it
    "#);
}

#[cfg(feature = "testing")]
#[test]
fn the_scripted_network_is_there_for_tests() {
    use super::{NetworkConfig, ScriptedIdempotency};
    let config = parse(
        "
accounts:
  fake: { network: scripted, url: 'http://127.0.0.1:4711', idempotency: findable, edits: true, allow: { users: ['*'] } }
",
    );
    let fake = config.unwrap().accounts.remove(&AccountId::new("fake")).unwrap();
    assert_eq!((&fake.users, fake.admins.len()), (&Allow::Everybody, 0));
    assert_eq!(
        fake.network,
        NetworkConfig::Scripted {
            url: "http://127.0.0.1:4711".into(),
            idempotency: ScriptedIdempotency::Findable,
            edits: true,
            edit_interval_ms: None,
            text_max: 4_096,
            request_lifetime_ms: 2_000,
            is_impatient: false,
        }
    );
    insta::assert_snapshot!(problems("accounts: { a: { network: scrpted }, b: { network: scripted, link: x } }"), @r"
    config.yaml:1:27: accounts.a.network: unknown network `scrpted`; did you mean `scripted`? (known: web, telegram, slack, matrix, scripted)
    config.yaml:1:41: accounts.b: `url` is missing; add it
    config.yaml:1:62: accounts.b: unknown key `link` (known here: admins, alerts_to, allow, canary_every, canary_to, edit_interval, edits, hold_limit, idempotency, is_impatient, network, notify_after, placeholder, progress, request_lifetime, text_max, unknown, url)
    3 problems in the configuration
    ");
}

#[test]
fn a_newer_build_has_one_source_and_a_signed_one() {
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let update = |text: &str| Config::parse(&format!("update: {{ {text} }}"), Some(Path::new("/etc/lw/lw.yaml")), &env);
    let config = update(&format!("archive: lastword.tar.gz, public_key: {key}")).unwrap();
    assert_eq!(config.update.archive.as_deref(), Some("/etc/lw/lastword.tar.gz"));
    let config = update(&format!("archive: 'https://example.org/a.tar.gz', public_key: {key}")).unwrap();
    assert_eq!(config.update.archive.as_deref(), Some("https://example.org/a.tar.gz"));
    assert_eq!(update("checkout: src").unwrap().update.checkout.as_deref(), Some("/etc/lw/src"));
    for (text, problem) in [
        ("archive: a.tar.gz", "update.archive: whose it is can't be told without `public_key`"),
        ("checkout: a, archive: b, public_key: KEY", "update.archive: newer builds come from `checkout` already"),
        ("archive: 'ftp://a', public_key: KEY", "update.archive: an address begins with https:// or http://"),
        (
            "archive: 'https://a/b?token=c', public_key: KEY",
            "update.archive: `.sha256` and `.minisig` are put behind it",
        ),
        ("public_key: RWQ", "update.public_key: `RWQ` is no minisign key"),
    ] {
        let problems = update(&text.replace("KEY", key)).map(|config| config.update).unwrap_err().to_string();
        assert!(problems.contains(problem), "{problems}");
    }
}
