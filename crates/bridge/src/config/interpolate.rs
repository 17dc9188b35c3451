//! `${NAME}` and `${NAME:-default}` in text, from the environment.
//!
//! The result is data: it is never read as YAML again. `$${` stands for a literal `${`.

/// Reads one variable of the environment.
pub type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Text with its variables filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filled {
    /// The text. It may hold secrets.
    pub text: String,
    /// Whether anything came from a variable or its default.
    pub is_substituted: bool,
}

/// Fills in every variable of `raw`, or says what is wrong with each that can't be.
pub(super) fn interpolate(raw: &str, env: Env<'_>) -> Result<Filled, Vec<String>> {
    let mut text = String::with_capacity(raw.len());
    let mut wrong = Vec::new();
    let mut is_substituted = false;
    let mut rest = raw;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            text.push_str(before);
            text.push_str("${");
            rest = &from[2..];
            continue;
        }
        text.push_str(before);
        let Some(end) = from.find('}') else {
            wrong.push("a `${` has no `}`; close it, or write `$${` for the two characters themselves".into());
            rest = "";
            break;
        };
        match variable(&from[2..end], env) {
            Ok(value) => text.push_str(&value),
            Err(text) => wrong.push(text),
        }
        is_substituted = true;
        rest = &from[end + 1..];
    }
    text.push_str(rest);
    if wrong.is_empty() { Ok(Filled { text, is_substituted }) } else { Err(wrong) }
}

/// The value of what stands between the braces.
fn variable(inside: &str, env: Env<'_>) -> Result<String, String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_variable_name(name) {
        return Err("`${…}` must hold the name of an environment variable, such as ${HOME}; write `$${` for the \
                    characters themselves"
            .into());
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.into()),
        (None, None) => Err(format!(
            "the environment variable {name} is not set; set it, or give a default with ${{{name}:-default}}"
        )),
    }
}

/// Whether `name` can name an environment variable.
pub(super) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::{Filled, interpolate};

    fn env(name: &str) -> Option<String> {
        match name {
            "NAME" => Some("value".into()),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some("a: [b, ${NAME}".into()),
            _ => None,
        }
    }

    fn filled(raw: &str) -> String {
        interpolate(raw, &env).unwrap().text
    }

    #[test]
    fn variables_and_defaults_are_filled_in() {
        assert_eq!(filled("a ${NAME} b ${NAME}"), "a value b value");
        assert_eq!(filled("${NOPE:-else}/${EMPTY:-full}/${EMPTY}"), "else/full/");
        assert_eq!(filled("${NOPE:-}"), "");
        assert_eq!(interpolate("plain $5", &env), Ok(Filled { text: "plain $5".into(), is_substituted: false }));
    }

    #[test]
    fn what_a_variable_holds_is_not_read_again() {
        assert_eq!(filled("${TRICK}"), "a: [b, ${NAME}");
    }

    #[test]
    fn two_dollars_stand_for_themselves() {
        assert_eq!(filled("$${NAME} and ${NAME}"), "${NAME} and value");
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        let wrong = interpolate("${NOPE} ${} ${a b} ${NAME", &env).unwrap_err();
        assert_eq!(wrong.len(), 4);
        insta::assert_snapshot!(wrong[0], @"the environment variable NOPE is not set; set it, or give a default with ${NOPE:-default}");
    }
}
