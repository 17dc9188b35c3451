//! Whether a file has the shape that the schema asks for: keys, types, ranges and spellings.

use jsonschema::{ValidationError, error::ValidationErrorKind, paths::LocationSegment};
use serde_json::{Number, Value};

use super::{
    problem::{Findings, Mark},
    schema::{self, CHECKER, Shapes, accepts, child, known_keys, meant, tag_of, tags},
    suggest::{did_you_mean, list},
    tree::{Node, Value as Found, below},
};

/// Checks everything below `root`, and leaves out what is unknown or empty.
pub(super) fn check(root: &mut Node, findings: &mut Findings) {
    let (schema, validator) = &*CHECKER;
    let shapes = Shapes::new(schema);
    let parts = shapes.of_root(root);
    fit(shapes, root, &parts, "", findings);
    match validator {
        Ok(validator) => {
            for error in validator.iter_errors(&root.to_json()) {
                explain(schema, root, &error, findings);
            }
        }
        Err(error) => findings.problem(None, format!("the configuration can't be checked: {error}")),
    }
}

/// Walks the file beside the schema: refuses unknown keys and tags, drops known keys without a value, and reads
/// numbers and booleans that came from variables.
fn fit(shapes: Shapes<'_>, node: &mut Node, parts: &[&Value], path: &str, findings: &mut Findings) {
    let is_tagged = check_tags(node, parts, path, findings);
    match &mut node.value {
        Found::Map(entries) => {
            let known = known_keys(parts);
            entries.retain_mut(|entry| {
                let schemas = child(parts, &entry.key);
                let is_known = known.contains(&entry.key.as_str());
                if schemas.is_empty() {
                    if !known.is_empty() && is_tagged {
                        findings.problem(Some(entry.mark), unknown_key(path, &entry.key, &known));
                    }
                    return known.is_empty();
                }
                if is_known && matches!(entry.node.value, Found::Null) {
                    return false;
                }
                let parts = shapes.expand(schemas, &entry.node);
                fit(shapes, &mut entry.node, &parts, &below(path, &entry.key), findings);
                true
            });
        }
        Found::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let schemas = parts.iter().filter_map(|part| part.get("items"));
                let parts = shapes.expand(schemas, item);
                fit(shapes, item, &parts, &format!("{path}[{index}]"), findings);
            }
        }
        Found::Text(text) if node.raw.is_some() && !accepts(parts, "string") => {
            let read = match text.trim() {
                "true" if accepts(parts, "boolean") => Some(Found::Bool(true)),
                "false" if accepts(parts, "boolean") => Some(Found::Bool(false)),
                number if accepts(parts, "integer") => {
                    number.parse::<i64>().ok().map(|number| Found::Number(Number::from(number)))
                }
                _ => None,
            };
            if let Some(read) = read {
                node.value = read;
            }
        }
        Found::Null | Found::Bool(_) | Found::Number(_) | Found::Text(_) | Found::Broken => {}
    }
}

fn unknown_key(path: &str, key: &str, known: &[&str]) -> String {
    let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
    let key: String = key.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    format!("{place}unknown key `{key}`{} (known here: {})", did_you_mean(&key, known), list(known))
}

/// A mapping that is told apart by a tag needs it, with a known value.
///
/// Says whether it is known which keys belong here.
fn check_tags(node: &Node, parts: &[&Value], path: &str, findings: &mut Findings) -> bool {
    let mut is_known = true;
    if !matches!(node.value, Found::Map(_)) {
        return is_known;
    }
    for branches in parts.iter().filter_map(|part| part["oneOf"].as_array()) {
        let Some(tag) = tag_of(branches) else { continue };
        let known = tags(branches, tag);
        is_known &= meant(branches, tag, node).is_some();
        match node.get(tag) {
            None => findings
                .problem(Some(node.mark), format!("{path}: `{tag}` is missing; give it one of: {}", list(&known))),
            Some(Node { value: Found::Broken, .. }) => {}
            Some(given) if meant(branches, tag, node).is_none() => {
                let typed = given.text().unwrap_or_default();
                let text = format!(
                    "{}: unknown {tag} {}{} (known: {})",
                    below(path, tag),
                    given.shown(),
                    did_you_mean(typed, &known),
                    list(&known)
                );
                findings.problem(Some(given.mark), text);
            }
            Some(_) => {}
        }
    }
    is_known
}

/// Says in words what the schema's check found.
fn explain(schema: &Value, root: &Node, error: &ValidationError<'_>, findings: &mut Findings) {
    let (node, path, key_mark) = locate(root, error);
    if matches!(node.value, Found::Broken) {
        return;
    }
    let rule = rule(schema, error);
    let expected = || rule["errorMessage"].as_str().map(String::from);
    // Only spellings are shown, and those as the file has them: a value may be a secret.
    let shown =
        || -> String { if rule["writeOnly"] == true { schema::found(&node.value).into() } else { node.shown() } };
    let text = match error.kind() {
        // Told by the walk, which knows better what was meant.
        ValidationErrorKind::AdditionalProperties { .. } | ValidationErrorKind::UnevaluatedProperties { .. } => return,
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            let branches = rule["oneOf"].as_array().or_else(|| rule["anyOf"].as_array());
            let branches = branches.map(Vec::as_slice).unwrap_or_default();
            let constants: Vec<_> = branches.iter().filter_map(|branch| branch["const"].as_str()).collect();
            if !constants.is_empty() {
                choice(node, &constants)
            } else {
                let index = match tag_of(branches) {
                    Some(tag) => meant(branches, tag, node),
                    None => Some(0),
                };
                for error in index.and_then(|index| context.get(index)).into_iter().flatten() {
                    explain(schema, root, error, findings);
                }
                return;
            }
        }
        ValidationErrorKind::Enum { options } => {
            let known: Vec<_> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            choice(node, &known)
        }
        ValidationErrorKind::Type { .. } => {
            let expected = expected().unwrap_or_else(|| format!("must be {}", schema::wanted(rule)));
            let is_scalar = !matches!(rule["type"].as_str(), Some("array" | "object"));
            let found = if is_scalar && rule["writeOnly"] != true && node.text().is_some() {
                format!("the text {}", shown())
            } else if is_scalar {
                shown()
            } else {
                schema::found(&node.value).into()
            };
            format!("{expected}; here is {found}")
        }
        ValidationErrorKind::Required { property } => {
            format!("`{}` is missing; add it", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::PropertyNames { error } => {
            let name = error.instance().as_str().unwrap_or_default().to_owned();
            let expected =
                self::rule(schema, error)["errorMessage"].as_str().unwrap_or("this name is not allowed here");
            let mark = node.entries().iter().find(|entry| entry.key == name).map_or(node.mark, |entry| entry.mark);
            findings.problem(Some(mark), format!("{}: {expected}", below(&path, &name.replace(char::is_control, " "))));
            return;
        }
        ValidationErrorKind::Minimum { limit } => match expected() {
            Some(expected) => format!("{expected}; here is {}", shown()),
            None => format!("must be at least {limit}; here is {}", shown()),
        },
        ValidationErrorKind::Maximum { limit } => match expected() {
            Some(expected) => format!("{expected}; here is {}", shown()),
            None => format!("must be at most {limit}; here is {}", shown()),
        },
        ValidationErrorKind::MinLength { .. } => match expected() {
            Some(expected) => format!("{expected}; here is nothing"),
            None => "must not be empty".into(),
        },
        ValidationErrorKind::Format { .. } | ValidationErrorKind::Pattern { .. } => {
            let expected = expected().unwrap_or_else(|| "is not spelt as it must be".into());
            format!("{expected}; here is {}", shown())
        }
        other => format!("does not fit the schema (`{}`)", other.keyword()),
    };
    let place = if path.is_empty() { "the configuration".into() } else { path };
    findings.problem(Some(key_mark), format!("{place}: {text}"));
}

/// One of several words was expected.
fn choice(node: &Node, known: &[&str]) -> String {
    let meant = node.text().map(|typed| did_you_mean(typed, known)).unwrap_or_default();
    format!("must be one of: {}; here is {}{meant}", list(known), node.shown())
}

/// The part of the schema that an error is about.
fn rule<'s>(schema: &'s Value, error: &ValidationError<'_>) -> &'s Value {
    let path = error.schema_path().as_str();
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    schema.pointer(parent).unwrap_or(&Value::Null)
}

/// The node that an error is about, its path for people, and where it stands.
fn locate<'n>(root: &'n Node, error: &ValidationError<'_>) -> (&'n Node, String, Mark) {
    let (mut node, mut path) = (root, String::new());
    for segment in error.instance_path() {
        let next = match segment {
            LocationSegment::Property(key) => {
                path = below(&path, &key);
                node.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
            }
            LocationSegment::Index(index) => {
                let key = index.to_string();
                match node.entries().iter().find(|entry| entry.key == key) {
                    Some(entry) => {
                        path = below(&path, &key);
                        Some(&entry.node)
                    }
                    None => {
                        path = format!("{path}[{index}]");
                        node.items().get(index)
                    }
                }
            }
        };
        let Some(next) = next else { break };
        node = next;
    }
    (node, path, node.mark)
}
