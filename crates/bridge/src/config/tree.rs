//! YAML as a tree in which every key and value knows its place in the file.
//!
//! No `Debug` anywhere here: after interpolation the tree holds secrets.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number};
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use super::{
    interpolate::{Env, interpolate},
    problem::{Findings, Mark},
};

/// The largest number that is read as a whole one however it is written.
pub(super) const WHOLE_MAX: i64 = 9_000_000_000_000_000_000;

/// How deep lists and mappings may be inside each other: more than any configuration needs, and little enough for any
/// thread's stack.
const DEPTH_MAX: usize = 16;

/// A value and where it begins.
#[derive(Clone)]
pub(super) struct Node {
    pub mark: Mark,
    pub value: Value,
    /// What the file says, where a variable changed it; safe to show.
    pub raw: Option<String>,
}

/// What stands there.
#[derive(Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    /// With its variables filled in by [`Node::fill`].
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something was wrong here and has been said; further checks leave it alone.
    Broken,
}

/// A key with its value.
#[derive(Clone)]
pub(super) struct Entry {
    pub key: String,
    pub mark: Mark,
    pub node: Node,
}

/// Reads YAML. An empty file is an empty mapping; a syntax error is one problem.
pub(super) fn parse(yaml: &str, findings: &mut Findings) -> Option<Node> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(yaml, options) {
        Ok(spanned) => {
            let mut root = node(spanned);
            if matches!(root.value, Value::Null) {
                root.value = Value::Map(Vec::new());
            }
            root.refuse_duplicates("", findings);
            Some(root)
        }
        Err(error) => {
            let error = error.without_snippet();
            findings.problem(error.location().map(mark), why_not_yaml(error));
            None
        }
    }
}

/// One line about a syntax error, without the place that stands before it anyway.
fn why_not_yaml(error: &serde_saphyr::Error) -> String {
    if let serde_saphyr::Error::MultipleDocuments { .. } = error {
        return "a second document begins here; keep one and remove the `---` between them".into();
    }
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    format!("this is not valid YAML: {text}")
}

fn mark(location: Location) -> Mark {
    Mark { line: location.line().max(1), column: location.column().max(1) }
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { mark: mark(spanned.referenced), value: spanned.value, raw: None }
}

/// `parent.key` as messages show it.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

impl Node {
    /// The entries of a mapping; none for anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list; none for anything else.
    pub(super) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The value under `key`; `None` too where nothing stands there.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let entry = self.entries().iter().find(|entry| entry.key == key)?;
        (!matches!(entry.node.value, Value::Null)).then_some(&entry.node)
    }

    /// The text, if it is text.
    pub(super) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The value as the file spells it, short enough for a message and never a variable's content.
    pub(super) fn shown(&self) -> String {
        let shown = match &self.value {
            Value::Bool(_) | Value::Number(_) | Value::Text(_) if self.raw.is_some() => {
                self.raw.clone().unwrap_or_default()
            }
            Value::Null => return "nothing".into(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::Text(text) => text.clone(),
            Value::List(_) => return "a list".into(),
            Value::Map(_) => return "a mapping".into(),
            Value::Broken => return "something broken".into(),
        };
        let short: String = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
        if short.len() < shown.len() { format!("`{short}…`") } else { format!("`{short}`") }
    }

    /// Fills in every variable below here.
    pub(super) fn fill(&mut self, path: &str, env: Env<'_>, findings: &mut Findings) {
        match &mut self.value {
            Value::Text(text) => match interpolate(text, env) {
                Ok(filled) if filled.text.contains('\0') => {
                    let text = format!("{path}: holds a NUL character, which no program can be given; remove it");
                    findings.problem(Some(self.mark), text);
                    self.value = Value::Broken;
                }
                Ok(filled) if filled.is_substituted || filled.text != *text => {
                    self.raw = Some(std::mem::replace(text, filled.text));
                }
                Ok(_) => {}
                Err(wrong) => {
                    for wrong in wrong {
                        findings.problem(Some(self.mark), format!("{path}: {wrong}"));
                    }
                    self.value = Value::Broken;
                }
            },
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    item.fill(&format!("{path}[{index}]"), env, findings);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    entry.node.fill(&below(path, &entry.key), env, findings);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Broken => {}
        }
    }

    /// Keeps the first of each key and refuses the others.
    fn refuse_duplicates(&mut self, path: &str, findings: &mut Findings) {
        match &mut self.value {
            Value::Map(entries) => {
                let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
                for mut entry in entries.drain(..) {
                    let path = below(path, &entry.key);
                    if let Some(first) = kept.iter().find(|first| first.key == entry.key) {
                        let line = first.mark.line;
                        findings.problem(
                            Some(entry.mark),
                            format!("{path}: this key is already on line {line}; keep one of the two"),
                        );
                    } else {
                        entry.node.refuse_duplicates(&path, findings);
                        kept.push(entry);
                    }
                }
                *entries = kept;
            }
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    item.refuse_duplicates(&format!("{path}[{index}]"), findings);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Broken => {}
        }
    }

    /// The same as JSON, without places; what is broken becomes null.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Broken => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(value) => value.clone().into(),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json()));
                pairs.collect::<Map<_, _>>().into()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping, a list, text, a number, true or false")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        // `8.0` is a whole number to the schema, so it must be one to everybody behind it.
        if value.fract() == 0.0 && value.abs() < WHOLE_MAX as f64 {
            return Ok(Value::Number((value as i64).into()));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Value>>()? {
            items.push(node(item));
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let mark = mark(key.referenced);
            entries.push(Entry { key: key.value, mark, node: node(map.next_value::<Spanned<Value>>()?) });
        }
        Ok(Value::Map(entries))
    }
}
