//! The JSON Schema of the configuration, and how to walk it beside a file.

use std::sync::LazyLock;

use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{
    api_url, duration,
    file::ConfigFile,
    kept, listen, size,
    tree::{Node, Value as Found},
};

/// The schema and its checker, made once a process.
pub(super) static CHECKER: LazyLock<(Value, Result<Validator, String>)> = LazyLock::new(|| {
    let schema = schema();
    let validator = validator(&schema);
    (schema, validator)
});

/// The schema as `lastword schema` prints it, for editors and for our own checks.
pub(super) fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<ConfigFile>().to_value();
    drop_null_defaults(&mut schema);
    schema
}

/// "Default: null" helps nobody: the description says what happens.
fn drop_null_defaults(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.retain(|key, value| !(key == "default" && value.is_null()));
            map.values_mut().for_each(drop_null_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_defaults),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The checker of values against `schema`, with our own formats.
fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .should_validate_formats(true)
        .with_format(duration::FORMAT, |text: &str| duration::parse_ms(text).is_some())
        .with_format(kept::FORMAT, |text: &str| kept::parse(text).is_some())
        .with_format(size::FORMAT, |text: &str| size::parse_bytes(text).is_some())
        .with_format(size::FORMAT_OR_ZERO, |text: &str| size::parse_bytes_or_zero(text).is_some())
        .with_format(api_url::FORMAT, api_url::is_api_url)
        .with_format(listen::FORMAT, |text: &str| listen::parse_listen(text).is_some())
        .with_format(listen::ORIGIN_FORMAT, listen::is_origin)
        .build(schema)
        .map_err(|error| error.to_string())
}

/// Walks a schema beside a file.
#[derive(Clone, Copy)]
pub(super) struct Shapes<'s> {
    root: &'s Value,
}

impl<'s> Shapes<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root }
    }

    /// What applies to the whole file.
    pub(super) fn of_root(self, node: &Node) -> Vec<&'s Value> {
        self.expand([self.root], node)
    }

    /// Every part that applies to `node`: references followed, and of tagged alternatives the one that is meant, or
    /// all where none is.
    pub(super) fn expand(self, schemas: impl IntoIterator<Item = &'s Value>, node: &Node) -> Vec<&'s Value> {
        let mut open: Vec<_> = schemas.into_iter().collect();
        let mut parts = Vec::new();
        while let Some(schema) = open.pop() {
            parts.push(schema);
            let target = schema["$ref"].as_str().and_then(|name| self.root.pointer(name.strip_prefix('#')?));
            open.extend(target);
            for several in ["allOf", "anyOf"] {
                open.extend(schema[several].as_array().into_iter().flatten());
            }
            if let Some(branches) = schema["oneOf"].as_array() {
                match tag_of(branches).and_then(|tag| meant(branches, tag, node)) {
                    Some(index) => open.extend(branches.get(index)),
                    None => open.extend(branches),
                }
            }
        }
        parts
    }
}

/// The key whose constant tells `branches` apart.
pub(super) fn tag_of(branches: &[Value]) -> Option<&str> {
    let (tag, _) =
        branches.first()?["properties"].as_object()?.iter().find(|(_, schema)| schema["const"].is_string())?;
    Some(tag)
}

/// The constants of `branches`, which are what `tag` may be.
pub(super) fn tags<'s>(branches: &'s [Value], tag: &str) -> Vec<&'s str> {
    branches.iter().filter_map(|branch| branch["properties"][tag]["const"].as_str()).collect()
}

/// The branch that `node` means by its tag.
pub(super) fn meant(branches: &[Value], tag: &str, node: &Node) -> Option<usize> {
    let name = node.get(tag)?.text()?;
    branches.iter().position(|branch| branch["properties"][tag]["const"] == name)
}

/// The keys that `parts` know.
pub(super) fn known_keys<'s>(parts: &[&'s Value]) -> Vec<&'s str> {
    let properties = parts.iter().filter_map(|part| part["properties"].as_object());
    let mut keys: Vec<_> = properties.flat_map(|properties| properties.keys().map(String::as_str)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What is said about the value under `key`; for a mapping with free names, what is said about all.
pub(super) fn child<'s>(parts: &[&'s Value], key: &str) -> Vec<&'s Value> {
    let named: Vec<_> = parts.iter().filter_map(|part| part["properties"].get(key)).collect();
    if !named.is_empty() {
        return named;
    }
    parts.iter().filter_map(|part| part.get("additionalProperties").filter(|free| free.is_object())).collect()
}

/// Whether `parts` accept the JSON type `name`.
pub(super) fn accepts(parts: &[&Value], name: &str) -> bool {
    parts.iter().any(|part| match &part["type"] {
        Value::String(only) => only == name,
        Value::Array(several) => several.iter().any(|one| one == name),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    })
}

/// What was found, in words.
pub(super) fn found(value: &Found) -> &'static str {
    match value {
        Found::Null | Found::Broken => "nothing",
        Found::Bool(_) => "true or false",
        Found::Number(_) => "a number",
        Found::Text(_) => "text",
        Found::List(_) => "a list",
        Found::Map(_) => "a mapping",
    }
}

/// The types that `part` accepts, in words.
pub(super) fn wanted(part: &Value) -> String {
    let word = |name: &str| match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping",
        _ => "something else",
    };
    match &part["type"] {
        Value::String(only) => word(only).into(),
        Value::Array(several) => {
            let names = several.iter().filter_map(Value::as_str).filter(|name| *name != "null").map(word);
            names.collect::<Vec<_>>().join(" or ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "something else".into(),
    }
}
