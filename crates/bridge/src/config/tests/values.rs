//! Single values: what is written reads back, and whatever is read is within its bounds.

use std::net::SocketAddr;

use proptest::prelude::*;
use serde_json::Value;

use crate::config::{
    duration, interpolate::interpolate, kept, listen, problem::Findings, size, suggest::nearest, tree,
};

/// JSON, which is YAML, within what both spell alike.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~éß漢👍\n\t]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[ -~é\n]{0,9}", inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn a_length_of_time_that_is_spelled_reads_back(ms in prop_oneof![1_i64..=31_622_400_000, (1_i64..=366).prop_map(|days| days * 86_400_000)]) {
        prop_assert_eq!(duration::parse_ms(&duration::spell(ms)), Some(ms));
        prop_assert_eq!(kept::parse(&kept::spell(Some(ms))), Some(Some(ms)));
    }

    #[test]
    fn a_length_of_time_is_the_sum_of_its_parts(
        (hours, minutes, seconds, ms) in (0_i64..100, 0_i64..100, 0_i64..1_000, 1_i64..10_000),
        between in " ?", around in " {0,2}",
    ) {
        let text = format!("{around}{hours}h{between}{minutes}m{between}{seconds}s{between}{ms}ms{around}");
        let sum = hours * 3_600_000 + minutes * 60_000 + seconds * 1_000 + ms;
        prop_assert_eq!(duration::parse_ms(&text), Some(sum), "{}", text);
    }

    #[test]
    fn any_text_is_a_length_within_a_year_or_none(text in "[-+]?[0-9.,]{0,22} ?(ms|s|m|h|d|w|y|mo|days?|hours?|µs|ns|PT1H|ago)?( ?[0-9]{1,3}(s|m|h|ns))?|\\PC{0,12}") {
        for ms in [duration::parse_ms(&text), kept::parse(&text).flatten()].into_iter().flatten() {
            prop_assert!((1..=31_622_400_000).contains(&ms), "{} is {}", text, ms);
            prop_assert_eq!(duration::parse_ms(&duration::spell(ms)), Some(ms));
        }
    }

    #[test]
    fn a_size_that_is_spelled_reads_back(bytes in prop_oneof![1_u64..=4 << 30, (1_u64..=4_096).prop_map(|n| n << 20)]) {
        prop_assert_eq!(size::parse_bytes(&size::spell(bytes)), Some(bytes));
        prop_assert_eq!(size::parse_bytes_or_zero(&size::spell(bytes)), Some(bytes));
    }

    #[test]
    fn a_size_is_its_number_of_its_unit(n in 1_u64..4_000, unit in 0_usize..6, between in " ?", around in " {0,2}") {
        let (name, bytes) = [("B", 1), ("kB", 1_000), ("KB", 1_000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20)][unit];
        prop_assert_eq!(size::parse_bytes(&format!("{around}{n}{between}{name}{around}")), Some(n * bytes));
    }

    #[test]
    fn any_text_is_a_size_within_four_gigabytes_or_none(text in "[-+]?[0-9._e]{0,22} ?([kKMGTPE]i?B?|b|B|bytes)?|\\PC{0,12}") {
        if let Some(bytes) = size::parse_bytes(&text) {
            prop_assert!((1..=4 << 30).contains(&bytes), "{} is {}", text, bytes);
            prop_assert_eq!(size::parse_bytes(&size::spell(bytes)), Some(bytes));
        }
        let or_zero = size::parse_bytes_or_zero(&text);
        prop_assert!(or_zero == size::parse_bytes(&text) || or_zero == Some(0) && text.trim() == "0");
    }

    #[test]
    fn an_address_that_is_spelled_reads_back(address in any::<SocketAddr>(), port in "[+0-9a-z]{0,6}") {
        // A scope is no part of the spelling.
        let plain = SocketAddr::new(address.ip(), address.port());
        prop_assert_eq!(listen::parse_listen(&plain.to_string()), Some(plain));
        prop_assert_eq!(listen::parse_listen(&format!("localhost:{port}")), listen::parse_listen(&format!("127.0.0.1:{port}")));
    }

    #[test]
    fn an_origin_is_what_a_browser_may_send(text in "(https?://)?[a-zA-Z0-9.:\\[\\]/@?# é-]{0,20}") {
        if listen::is_origin(&text) {
            let rest = text.split_once("://").unwrap().1;
            prop_assert!(!rest.is_empty() && !rest.contains(['/', '@', '?', '#', ' ']) && text.is_ascii(), "{}", text);
        }
    }

    #[test]
    fn text_is_written_as_it_is_and_variables_are_put_where_they_stand(
        parts in prop::collection::vec(("([a-z$}: ]|\\$\\{|\\PC){0,12}", "[\\PC\n]{0,12}|\\$\\{A\\}"), 0..5),
        end in "([a-z${} ]|\\$\\{){0,12}",
    ) {
        let escaped = |text: &str| text.replace("${", "$${");
        // A dollar sign right before a variable would stand for its end: `$${` is the two characters.
        let parts: Vec<_> = parts.iter().map(|(text, value)| (text.trim_end_matches('$'), value.as_str())).collect();
        let env = |name: &str| name.strip_prefix('V').and_then(|n| Some(parts.get(n.parse::<usize>().ok()?)?.1.to_owned()));
        let raw: String = parts.iter().enumerate().map(|(n, (text, _))| format!("{}${{V{n}}}", escaped(text))).collect();
        let wanted: String = parts.iter().map(|(text, value)| format!("{text}{value}")).collect();
        let filled = interpolate(&format!("{raw}{}", escaped(&end)), &env).unwrap();
        prop_assert_eq!(filled.text, format!("{wanted}{end}"));
        prop_assert_eq!(filled.is_substituted, !parts.is_empty());
    }

    #[test]
    fn what_is_wrong_with_variables_never_tells_a_value(raw in "([a-z]|\\$|\\{|\\}|:-|\\$\\{SECRET\\}|\\$\\{NOPE\\}|\\$\\{A B\\}){0,20}") {
        let env = |name: &str| (name == "SECRET").then(|| "h1dden".to_owned());
        if let Err(wrong) = interpolate(&raw, &env) {
            prop_assert!(!wrong.is_empty() && wrong.iter().all(|wrong| !wrong.contains("h1dden")), "{:?}", wrong);
        }
    }

    #[test]
    fn what_is_known_is_nearest_to_itself(known in prop::collection::vec("[a-z]{1,9}", 1..6), typed in "[\\PC]{0,9}") {
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        for name in &names {
            prop_assert_eq!(nearest(name, names.iter().copied()), Some(*name));
        }
        prop_assert!(nearest(&typed, names.iter().copied()).is_none_or(|name| names.contains(&name)));
    }

    #[test]
    fn json_reads_as_the_yaml_that_it_is(json in json(), is_pretty in any::<bool>()) {
        let text = if is_pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) }.unwrap();
        let mut findings = Findings::default();
        let read = tree::parse(&text, &mut findings).map(|node| node.to_json());
        let wanted = if json.is_null() { serde_json::json!({}) } else { json };
        prop_assert_eq!(read, Some(wanted), "{:?}", findings.finish());
    }
}
