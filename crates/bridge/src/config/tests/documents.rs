//! The example, the page about it and the schema say the same.

use lastword_core::ids::{AccountId, AgentId};
use serde_json::Value;

use super::{EXAMPLE, env, parse, warnings};
use crate::config::Config;

#[test]
fn the_example_has_no_problem_and_shows_every_key() {
    let config = parse(EXAMPLE).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(warnings(EXAMPLE), "");
    let defaults = Config::defaults(config.state_dir.clone());
    let plain = Config { file: None, commands: defaults.commands.clone(), ..config };
    assert_eq!(format!("{plain:?}"), format!("{defaults:?}"), "what is written in the example is the default");
    for key in documented_keys() {
        assert!(EXAMPLE.contains(&format!("{key}:")), "config.example.yaml does not show `{key}`");
    }
}

/// The same file with its commented-out lines switched on, where they are YAML.
#[test]
fn what_the_example_has_commented_out_works_too() {
    let is_key = |line: &str| {
        let key = line.trim_start_matches([' ', '-', '{']).split(':').next().unwrap_or_default().to_owned();
        documented_keys().contains(&key)
            || ["coder", "echo", "API_KEY", "account", "phone", "ada", "grace"].contains(&key.as_str())
    };
    let is_file = |line: &str| line.split(':').next().is_some_and(|key| key.ends_with("_file"));
    let live = EXAMPLE.lines().filter(|line| *line != "routes: []").map(|line| match line.split_once("# ") {
        Some((indent, rest)) if indent.trim().is_empty() && is_key(rest) && !is_file(rest) => {
            format!("{indent}{rest}")
        }
        _ => line.to_owned(),
    });
    let yaml = live.collect::<Vec<_>>().join("\n").replace("  - { account", "routes:\n  - { account");
    let env = |name: &str| if name == "API_KEY" { Some("k".into()) } else { env(name) };
    let config = Config::parse(&yaml, None, &env).unwrap_or_else(|problems| panic!("{problems}\n{yaml}"));
    assert!(config.http.token.is_some());
    assert!(config.agents.contains_key(&AgentId::new("coder")));
    assert_eq!(config.routes.len(), 1);
    assert!(config.accounts[&AccountId::new("phone")].token.is_some());
    assert!(config.accounts[&AccountId::new("ada")].app_token.is_some());
    assert!(config.alerts.webhook.is_some_and(|hook| hook.url.is_some() && hook.token.is_some()));
    let grace = &config.accounts[&AccountId::new("grace")];
    assert!(grace.password.is_some() && grace.store_key.is_some() && grace.recovery_key.is_some());
}

#[test]
fn every_key_and_every_default_is_documented() {
    let docs = include_str!("../../../../../docs/configuration.md");
    let rows: Vec<_> = docs.lines().filter(|line| line.starts_with("| `")).collect();
    let schema = Config::schema();
    each_key(&schema, "", &mut |path, key, rule| {
        let full = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let row = rows.iter().find(|row| row.starts_with(&format!("| `{full}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/configuration.md has no row for `{full}`"));
        assert!(rule["description"].is_string() || rule["const"].is_string(), "{full} has no description");
        if let Some(default) = rule.get("default").filter(|default| !default.is_object()) {
            let default =
                default.as_str().map_or_else(|| default.to_string(), ToOwned::to_owned).replace(['"', ',', ' '], "");
            assert!(
                row.replace([',', ' '], "").contains(&format!("`{default}`")),
                "{full}: the row lacks its default {default}"
            );
        }
    });
}

#[test]
fn the_schema_is_one_that_editors_understand() {
    let schema = Config::schema();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["title"], "Lastword configuration");
}

fn documented_keys() -> Vec<String> {
    let mut keys = Vec::new();
    each_key(&Config::schema(), "", &mut |_, key, _| keys.push(key.to_owned()));
    keys
}

/// Calls `found` with path, name and rule of every key, those of tests left out.
fn each_key(schema: &Value, path: &str, found: &mut dyn FnMut(&str, &str, &Value)) {
    walk(schema, schema, path, found);
}

fn walk(root: &Value, schema: &Value, path: &str, found: &mut dyn FnMut(&str, &str, &Value)) {
    if schema["properties"]["network"]["const"] == "scripted" {
        return;
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|name| root.pointer(&name[1..])) {
        walk(root, target, path, found);
    }
    for (key, rule) in schema["properties"].as_object().into_iter().flatten() {
        found(path, key, rule);
        walk(root, rule, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        for branch in schema[several].as_array().into_iter().flatten() {
            walk(root, branch, path, found);
        }
    }
    for (inner, mark) in [("additionalProperties", ".<name>"), ("items", "[]")] {
        if schema[inner].is_object() {
            walk(root, &schema[inner], &format!("{path}{mark}"), found);
        }
    }
}
