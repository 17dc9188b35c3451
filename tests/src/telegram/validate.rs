//! Holds requests against the published description of the Bot API, where there is one.
//!
//! The description is other people's data: it is read from the folder that `LASTWORD_CONTRACTS` names, and without it
//! nothing is checked. What is not documented is refused and remembered, so that a test can ask for it.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::Args;

/// The file in the folder.
const FILE: &str = "telegram-bot-api-10.3.json";

/// A request that the documentation does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which bot.
    pub bot: i64,
    /// The method.
    pub method: String,
    /// What is wrong.
    pub what: String,
}

/// The description: fields of methods and types, and what stands for what.
#[derive(Clone, Debug, Default)]
pub struct Contract {
    methods: BTreeMap<String, Vec<Field>>,
    types: BTreeMap<String, Vec<Field>>,
    unions: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    kind: String,
    is_required: bool,
    /// The one value it may have.
    must_be: Option<String>,
}

impl Contract {
    /// The description, if this machine has one.
    ///
    /// # Panics
    /// When there is a folder, but no such file in it: nobody must believe that something was checked.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        let path = PathBuf::from(env::var_os("LASTWORD_CONTRACTS")?).join(FILE);
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let data: Value = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Some(Self::read(&data))
    }

    fn read(data: &Value) -> Self {
        let mut contract = Self::default();
        let groups = data["items"].as_array().into_iter().flatten();
        for item in groups.flat_map(|group| group["children"].as_array().into_iter().flatten()) {
            let name = item["name"].as_str().unwrap_or_default();
            let fields: Vec<_> = item["annotations"].as_array().into_iter().flatten().map(Field::read).collect();
            let description = item["description"].as_str().unwrap_or_default();
            let choices: Vec<_> =
                description.lines().filter_map(|line| line.trim().strip_prefix("- ")).map(ToOwned::to_owned).collect();
            if item["category"] == "methods" {
                contract.methods.insert(name.to_lowercase(), fields);
            } else if fields.is_empty() && !choices.is_empty() {
                contract.unions.insert(name.to_owned(), choices);
            } else {
                contract.types.insert(name.to_owned(), fields);
            }
        }
        contract
    }

    /// What is undocumented about a call; `method` in lower case. Methods that are not documented are not judged here.
    #[must_use]
    pub fn call(&self, method: &str, args: &Args) -> Vec<String> {
        let Some(fields) = self.methods.get(method) else { return Vec::new() };
        let mut wrong = Vec::new();
        for (name, value) in &args.values {
            match fields.iter().find(|field| field.name == *name) {
                Some(field) => wrong.extend(self.parameter(field, value)),
                None => wrong.push(format!("{method} has no parameter {name}")),
            }
        }
        let is_attached = |part: &String| {
            let named = format!("attach://{part}");
            args.values.values().any(|value| value.to_string().contains(&named))
        };
        for part in args.files.keys() {
            let field = fields.iter().find(|field| field.name == *part);
            if !is_attached(part) && !field.is_some_and(|field| field.kind.contains("InputFile")) {
                wrong.push(format!("{method} has no file {part}"));
            }
        }
        let is_missing = |field: &&Field| {
            field.is_required && !args.values.contains_key(&field.name) && !args.files.contains_key(&field.name)
        };
        wrong.extend(fields.iter().filter(is_missing).map(|field| format!("{method} needs {}", field.name)));
        wrong
    }

    /// A parameter: text may stand for a number, a truth or an object, as in forms.
    fn parameter(&self, field: &Field, value: &Value) -> Option<String> {
        let kinds: Vec<_> = field.kind.split(" or ").collect();
        let is_text = kinds.iter().any(|kind| matches!(*kind, "String" | "InputFile"));
        if let Value::String(text) = value
            && !is_text
        {
            let Ok(parsed) = serde_json::from_str(text) else {
                return Some(format!("{} is no {}", field.name, field.kind));
            };
            return self.value(&field.kind, &parsed, &field.name).err();
        }
        self.value(&field.kind, value, &field.name).err()
    }

    /// Whether a value is of a type; `at` is its path, for the words.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn value(&self, kind: &str, value: &Value, at: &str) -> Result<(), String> {
        if let Some(inner) = kind.strip_prefix("Array of ") {
            let list = value.as_array().ok_or_else(|| format!("{at} is no array"))?;
            let each = |(n, item): (usize, &Value)| self.value(inner, item, &format!("{at}[{n}]"));
            return list.iter().enumerate().try_for_each(each);
        }
        let choices: Vec<String> = match self.unions.get(kind) {
            Some(choices) => choices.clone(),
            None => kind.replace(" and ", ", ").replace(" or ", ", ").split(", ").map(ToOwned::to_owned).collect(),
        };
        if let [only] = choices.as_slice() {
            return self.one(only, value, at);
        }
        let mut nearest = String::new();
        for choice in &choices {
            match self.value(choice, value, at) {
                Ok(()) => return Ok(()),
                // What fits but for one field says more than what is something else.
                Err(why) if !why.contains("must be") || nearest.is_empty() => nearest = why,
                Err(_) => {}
            }
        }
        Err(nearest)
    }

    fn one(&self, kind: &str, value: &Value, at: &str) -> Result<(), String> {
        let is_right = match kind {
            "Integer" | "Int" => value.is_i64() || value.is_u64(),
            "Float" => value.is_number(),
            "Boolean" => value.is_boolean(),
            "True" => *value == Value::Bool(true),
            "String" | "InputFile" => value.is_string(),
            _ => return self.object(kind, value, at),
        };
        if is_right { Ok(()) } else { Err(format!("{at} is no {kind}")) }
    }

    fn object(&self, kind: &str, value: &Value, at: &str) -> Result<(), String> {
        let Some(fields) = self.types.get(kind) else { return self.value_of_union(kind, value, at) };
        let object = value.as_object().ok_or_else(|| format!("{at} is no {kind}"))?;
        for (name, inner) in object {
            let field = fields.iter().find(|field| field.name == *name);
            let field = field.ok_or_else(|| format!("{at}: {kind} has no field {name}"))?;
            if let Some(must_be) = &field.must_be
                && inner.as_str().is_some_and(|is| is != must_be)
            {
                return Err(format!("{at}.{name} must be {must_be}"));
            }
            self.value(&field.kind, inner, &format!("{at}.{name}"))?;
        }
        let missing = fields.iter().find(|field| field.is_required && !object.contains_key(&field.name));
        missing.map_or(Ok(()), |field| Err(format!("{at}: {kind} needs {}", field.name)))
    }

    fn value_of_union(&self, kind: &str, value: &Value, at: &str) -> Result<(), String> {
        if self.unions.contains_key(kind) {
            return self.value(kind, value, at);
        }
        Err(format!("{at}: nothing is known of {kind}"))
    }
}

impl Field {
    fn read(data: &Value) -> Self {
        let text = |name: &str| data[name].as_str().unwrap_or_default();
        let (name, description) = (text("name").to_owned(), text("description"));
        let said =
            ["must be ", "always \"", "always “", "always '"].iter().find_map(|words| description.split_once(words));
        let is_tag = matches!(name.as_str(), "type" | "status" | "source");
        let must_be = said.filter(|_| is_tag).and_then(|(_, said)| {
            let word = said.trim_matches(|c: char| !c.is_alphanumeric()).split(|c: char| !is_name(c)).next()?;
            (!word.is_empty() && !said.contains(" or ")).then(|| word.to_owned())
        });
        Self { name, kind: text("type").to_owned(), is_required: data["required"] == true, must_be }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A description made up for this test, in the shape of the published one.
    fn contract() -> Contract {
        let field = |name: &str, kind: &str, required: bool, description: &str| json!({ "name": name, "type": kind, "required": required, "description": description });
        let children = json!([
            { "name": "sendThing", "category": "methods", "description": "", "annotations": [
                field("chat_id", "Integer or String", true, ""), field("loud", "Boolean", false, ""),
                field("parts", "Array of Part", false, ""), field("file", "InputFile or String", false, "")] },
            { "name": "Part", "category": "types", "description": "One of\n- PartA\n- PartB", "annotations": [] },
            { "name": "PartA", "category": "types", "description": "", "annotations": [
                field("type", "String", true, "Type, must be a"), field("n", "Integer", true, "")] },
            { "name": "PartB", "category": "types", "description": "", "annotations": [
                field("type", "String", true, "Type, always “b”"), field("media", "String", false, "")] },
        ]);
        Contract::read(&json!({ "items": [{ "children": children }] }))
    }

    fn call(values: Value) -> Vec<String> {
        let Value::Object(values) = values else { panic!("an object") };
        contract().call("sendthing", &Args { values, ..Args::default() })
    }

    #[test]
    fn what_is_documented_passes_in_json_and_as_text() {
        let parts = json!([{ "type": "a", "n": 1 }, { "type": "b", "media": "attach://x" }]);
        assert_eq!(call(json!({ "chat_id": 5, "loud": true, "parts": parts })), Vec::<String>::new());
        assert_eq!(call(json!({ "chat_id": "5", "loud": "true", "parts": parts.to_string() })), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_documented_is_named() {
        assert_eq!(call(json!({ "chat_id": 5, "color": 1 })), ["sendthing has no parameter color"]);
        assert_eq!(call(json!({ "loud": false })), ["sendthing needs chat_id"]);
        assert_eq!(call(json!({ "chat_id": 5, "loud": "yes" })), ["loud is no Boolean"]);
        assert_eq!(call(json!({ "chat_id": 5, "parts": [{ "type": "a" }] })), ["parts[0]: PartA needs n"]);
        assert_eq!(call(json!({ "chat_id": 5, "parts": [{ "type": "b", "n": 1 }] })).len(), 1);
    }
}
