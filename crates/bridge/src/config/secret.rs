//! Secrets: from the configuration's `token: ${NAME}`, or from a file beside it (`token_file`).

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use secrecy::SecretString;

use super::{
    problem::Findings,
    tree::{Node, Value, below},
};

/// The secret under `key` or `key_file` of `section`, if either is given and good; what is wrong becomes a finding.
///
/// A relative file is looked for beside the configuration; one line break at its end is not part of the secret.
pub(super) fn secret(
    section: &Node,
    path: &str,
    key: &str,
    beside: &Path,
    findings: &mut Findings,
) -> Option<SecretString> {
    let file_key = format!("{key}_file");
    match (section.get(key), section.get(&file_key)) {
        (None, None) => None,
        (Some(_), Some(file)) => {
            let text = format!("{}: `{key}` is given as well; keep one of the two", below(path, &file_key));
            findings.problem(Some(file.mark), text);
            None
        }
        (Some(inline), None) => match &inline.value {
            Value::Text(text) if text.is_empty() => {
                let why = if inline.raw.is_some() { "its variable is empty" } else { "is empty" };
                findings.problem(Some(inline.mark), format!("{}: {why}; give it a value", below(path, key)));
                None
            }
            Value::Text(text) => Some(text.clone().into()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) | Value::Broken => None,
        },
        (None, Some(file)) => {
            let name = file.text()?;
            match read(&beside.join(name)) {
                Ok((secret, is_open)) => {
                    if is_open {
                        let text = format!(
                            "{}: every user of this machine can read {}; `chmod o-rwx` closes it",
                            below(path, &file_key),
                            file.shown()
                        );
                        findings.warning(Some(file.mark), text);
                    }
                    Some(secret)
                }
                Err(why) => {
                    let text = format!("{}: {} {why}", below(path, &file_key), file.shown());
                    findings.problem(Some(file.mark), text);
                    None
                }
            }
        }
    }
}

/// The secret in a file, and whether everybody may read it.
fn read(file: &Path) -> Result<(SecretString, bool), String> {
    let unreadable = |error: std::io::Error| format!("can't be read: {error}");
    let is_open = fs::metadata(file).map_err(unreadable)?.permissions().mode() & 0o004 != 0;
    let mut text = fs::read_to_string(file).map_err(unreadable)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() { Err("is empty; write the secret into it".into()) } else { Ok((text.into(), is_open)) }
}
