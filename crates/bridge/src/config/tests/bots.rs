//! Bots with tokens.

use lastword_core::ids::AccountId;
use secrecy::ExposeSecret as _;

use super::{parse, problems, warnings};
use crate::config::{EditedFile, NetworkConfig};

#[test]
fn a_bot_has_its_token_and_shows_it_nowhere() {
    let config = parse("accounts: { phone: { network: telegram, token: \"${TELEGRAM_TOKEN}\" } }").unwrap();
    let phone = &config.accounts[&AccountId::new("phone")];
    assert_eq!(phone.token.as_ref().unwrap().0.expose_secret(), "4711:AAF-x_9");
    assert!(!format!("{config:?}").contains("AAF"));
    let NetworkConfig::Telegram { api_url, edited, update_age_max_ms, .. } = &phone.network else {
        panic!("not Telegram: {:?}", phone.network)
    };
    assert_eq!(
        (api_url.as_str(), *edited, *update_age_max_ms),
        ("https://api.telegram.org", EditedFile::Ignore, Some(86_400_000))
    );
}

#[test]
fn what_is_wrong_with_a_bot_is_told_without_its_token() {
    let problems = problems(
        r#"
accounts:
  none: { network: telegram }
  half: { network: telegram, token: "4711" }
  odd: { network: telegram, token: "4711:AAF x" }
  one: { network: telegram, token: "${TELEGRAM_TOKEN}" }
  other: { network: telegram, token: "4711:BBB", edited: perhaps }
  away: { network: telegram, token: "1:a", api_url: api.telegram.org, max_update_age: 0 }
  both: { network: telegram, token: "2:a", token_file: t }
"#,
    );
    insta::assert_snapshot!(problems, @r"
    config.yaml:3:3: accounts.none: a bot needs its token; set `token: ${TELEGRAM_TOKEN}` or `token_file`
    config.yaml:4:37: accounts.half.token: this is no bot's token, which is digits, a colon and letters, such as 4711:AAF…; BotFather shows it
    config.yaml:5:36: accounts.odd.token: this is no bot's token, which is digits, a colon and letters, such as 4711:AAF…; BotFather shows it
    config.yaml:7:38: accounts.other.token: bot 4711 is account one already; one bot can have one account
    config.yaml:7:58: accounts.other.edited: must be one of: ignore, rerun; here is `perhaps`
    config.yaml:8:53: accounts.away.api_url: must be an address such as https://api.telegram.org; here is `api.telegram.org`
    config.yaml:8:87: accounts.away.max_update_age: must be a length of time with its unit, such as 12h or 90d, or forever; here is `0`
    config.yaml:9:56: accounts.both.token_file: `token` is given as well; keep one of the two
    8 problems in the configuration
    ");
}

#[test]
fn a_token_that_travels_readable_is_warned_about() {
    let yaml = "accounts: { phone: { network: telegram, token: \"1:a\", api_url: \"http://bot-api:8081\" } }";
    insta::assert_snapshot!(warnings(yaml), @r#"
    config.yaml:1:20: accounts.phone.allow: nobody may talk to this account; list users, conversations or "*"
    config.yaml:1:64: accounts.phone.api_url: the token travels readable to `http://bot-api:8081`; https:// hides it
    "#);
}

#[test]
fn an_account_of_a_homeserver_logs_in_one_way() {
    let config = parse(
        "accounts: { grace: { network: matrix, homeserver: \"http://127.0.0.1:8008\", user: grace, password: \"${MATRIX_PASSWORD}\", store_key: \"${MATRIX_STORE_KEY}\" } }",
    )
    .unwrap();
    let grace = &config.accounts[&AccountId::new("grace")];
    assert_eq!(grace.password.as_ref().unwrap().0.expose_secret(), "pa55 w0rd");
    assert!(grace.token.is_none() && grace.store_key.is_some());
    assert!(!format!("{config:?}").contains("pa55") && !format!("{config:?}").contains("0123456789abcdef"));
    let NetworkConfig::Matrix { edits, receipts, update_age_max_ms, .. } = &grace.network else {
        panic!("not Matrix: {:?}", grace.network)
    };
    assert_eq!((*edits, *receipts, *update_age_max_ms), (false, true, Some(86_400_000)));
}

#[test]
fn what_is_wrong_with_a_login_is_told() {
    let problems = problems(
        r#"
accounts:
  none: { network: matrix, homeserver: "https://m.example" }
  both: { network: matrix, homeserver: "https://m.example", token: a, user: b, password: c }
  half: { network: matrix, homeserver: "https://m.example", user: d }
  other: { network: matrix, homeserver: "https://m.example", password: e }
  weak: { network: matrix, homeserver: "https://m.example", token: f, store_key: short }
  one: { network: matrix, homeserver: "https://m.example", user: "@g:example.org", password: h }
  two: { network: matrix, homeserver: "https://m.example/", user: G, password: h }
  away: { network: matrix, homeserver: m.example, token: i }
  gone: { network: matrix, token: j }
"#,
    );
    insta::assert_snapshot!(problems, @r"
    config.yaml:3:3: accounts.none: a bot needs to log in; set `token: ${MATRIX_TOKEN}` or `token_file`, or `user` and `password: ${MATRIX_PASSWORD}`
    config.yaml:4:77: accounts.both: a token is given as well as `user` or `password`; keep one of the two
    config.yaml:5:67: accounts.half.user: needs its password; set `password: ${MATRIX_PASSWORD}` or `password_file`
    config.yaml:6:72: accounts.other.password: needs the name that it is for; set `user`, such as @ada:example.org
    config.yaml:7:82: accounts.weak.store_key: has fewer than 32 characters; `openssl rand -hex 32` makes a good one
    config.yaml:9:3: accounts.two: account one logs in as the same already; one bot can have one account
    config.yaml:10:40: accounts.away.homeserver: must be an address such as https://matrix.example.org; here is `m.example`
    config.yaml:11:9: accounts.gone: `homeserver` is missing; add it
    8 problems in the configuration
    ");
}

#[test]
fn a_webhook_has_an_address_that_nobody_sees() {
    let config =
        parse("alerts: { webhook: { url: '${LASTWORD_WEBHOOK}', token: '${LASTWORD_WEBHOOK_TOKEN}' } }").unwrap();
    assert!(!format!("{config:?}").contains("s3cret") && !format!("{config:?}").contains("t0ken"));
    assert_eq!(config.secrets().count(), 2);
    for (written, problem) in [
        (
            "{}",
            "config.yaml:1:20: alerts.webhook: nobody knows where it is; set `url: ${LASTWORD_WEBHOOK}` or `url_file`",
        ),
        (
            "{ url: 'ftp://s3cret' }",
            "config.yaml:1:27: alerts.webhook.url: this is no address; it begins with https:// or http://",
        ),
        (
            "{ url: 's3cret' }",
            "config.yaml:1:27: alerts.webhook.url: this is no address; it begins with https:// or http://",
        ),
    ] {
        let problems = parse(&format!("alerts: {{ webhook: {written} }}")).unwrap_err().to_string();
        assert_eq!(problems.lines().next(), Some(problem), "{written}");
    }
}
