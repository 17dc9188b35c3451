//! Holds requests against the published description of the Web API, where there is one.
//!
//! The description is other people's data: it is read from the folder that `LASTWORD_CONTRACTS` names, and without it
//! nothing is checked. Slack itself ignores what it does not know, so what is undocumented is applied all the same, and
//! remembered, so that a test can ask for it.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::Args;

/// The folder of methods within the folder.
const FOLDER: &str = "slack-api-ref/methods";

/// What Slack's own frameworks send with every method, for apps that are installed in many workspaces at once.
const EVERYWHERE: &str = "team_id";

/// A request that the documentation does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which app.
    pub app: String,
    /// The method.
    pub method: String,
    /// What is wrong.
    pub what: String,
}

/// The description: what arguments methods have, and which they need.
#[derive(Clone, Debug, Default)]
pub struct Contract {
    methods: BTreeMap<String, Method>,
}

#[derive(Clone, Debug)]
struct Method {
    /// The type of each argument, where one is given.
    arguments: BTreeMap<String, Option<String>>,
    needed: Vec<String>,
    errors: Vec<String>,
}

impl Contract {
    /// The description, if this machine has one.
    ///
    /// # Panics
    /// When there is a folder, but nothing of Slack's in it: nobody must believe that something was checked.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        let folder = PathBuf::from(env::var_os("LASTWORD_CONTRACTS")?).join(FOLDER);
        let listed = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut contract = Self::default();
        for path in listed.filter_map(|entry| Some(entry.ok()?.path())) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else { continue };
            let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let data = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            contract.methods.insert(name.to_owned(), Method::read(&data));
        }
        assert!(!contract.methods.is_empty(), "no methods in {}", folder.display());
        Some(contract)
    }

    /// What is undocumented about a call. Methods that are not documented are not judged here.
    #[must_use]
    pub fn call(&self, method: &str, args: &Args) -> Vec<String> {
        let Some(known) = self.methods.get(method) else { return Vec::new() };
        let mut wrong = Vec::new();
        for (name, value) in &args.values {
            match known.arguments.get(name) {
                Some(kind) if !fits(kind.as_deref(), value) => {
                    wrong.push(format!("{name} is no {}", kind.as_deref().unwrap_or_default()));
                }
                Some(_) => {}
                None if name == EVERYWHERE => {}
                None => wrong.push(format!("{method} has no argument {name}")),
            }
        }
        let is_missing = |name: &&String| *name != "token" && !args.values.contains_key(*name);
        wrong.extend(known.needed.iter().filter(is_missing).map(|name| format!("{method} needs {name}")));
        wrong
    }

    /// Whether a method is documented to answer with this word; those that all methods share count for each.
    #[must_use]
    pub fn answers_with(&self, method: &str, error: &str) -> bool {
        self.methods.get(method).is_some_and(|known| known.errors.iter().any(|known| known == error))
    }

    /// The words with which a method is documented to refuse.
    pub fn errors(&self, method: &str) -> impl Iterator<Item = &str> {
        self.methods.get(method).into_iter().flat_map(|known| known.errors.iter().map(String::as_str))
    }
}

impl Method {
    fn read(data: &Value) -> Self {
        let arguments = data["args"]["properties"].as_object().into_iter().flatten();
        let needed = data["args"]["required"].as_array().into_iter().flatten();
        let kind = |shape: &Value| shape["type"].as_str().map(ToOwned::to_owned);
        Self {
            arguments: arguments.map(|(name, shape)| (name.clone(), kind(shape))).collect(),
            needed: needed.filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect(),
            errors: data["errors"].as_object().into_iter().flatten().map(|(word, _)| word.clone()).collect(),
        }
    }
}

/// Whether a value is of a type: text may stand for a number, a truth or a list, as in forms.
fn fits(kind: Option<&str>, value: &Value) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    match (kind, value) {
        (Some("boolean"), Value::String(text)) => matches!(text.as_str(), "true" | "false" | "1" | "0"),
        (Some("boolean"), other) => other.is_boolean() || matches!(other.as_u64(), Some(0 | 1)),
        (Some("number" | "integer"), Value::String(text)) => text.parse::<f64>().is_ok(),
        (Some("number" | "integer"), other) => other.is_number(),
        (Some("array"), Value::String(text)) => parsed(text).is_some_and(|value| value.is_array()),
        (Some("array"), other) => other.is_array(),
        // Numbers are sent where text is expected by clients of Slack's own.
        (Some("string"), other) => !other.is_boolean(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(values: Value) -> Vec<String> {
        let described = json!({ "args": { "required": ["token", "channel"], "properties": {
            "token": { "type": "string" }, "channel": { "type": "string" }, "chunks": { "type": "array" },
            "blocks": { "anyOf": [{ "type": "string" }] }, "loud": { "type": "boolean" } } } });
        let methods = BTreeMap::from([("chat.thing".to_owned(), Method::read(&described))]);
        let Value::Object(values) = values else { panic!("an object") };
        Contract { methods }.call("chat.thing", &Args { values, ..Args::default() })
    }

    #[test]
    fn what_is_documented_passes_in_json_and_as_text() {
        assert_eq!(call(json!({ "channel": "C1", "chunks": [], "loud": true, "blocks": [] })), Vec::<String>::new());
        assert_eq!(call(json!({ "channel": "C1", "chunks": "[]", "loud": "false" })), Vec::<String>::new());
        assert_eq!(call(json!({ "channel": "C1", "team_id": "T1" })), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_documented_is_named() {
        assert_eq!(call(json!({ "channel": "C1", "color": 1 })), ["chat.thing has no argument color"]);
        assert_eq!(call(json!({})), ["chat.thing needs channel"]);
        assert_eq!(call(json!({ "channel": "C1", "loud": "yes" })), ["loud is no boolean"]);
        assert_eq!(call(json!({ "channel": "C1", "chunks": "{}" })), ["chunks is no array"]);
    }
}
