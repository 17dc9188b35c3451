//! Did you mean …?

/// The known name nearest to `typed`, if one is near enough to be meant.
#[must_use]
pub fn nearest<'k>(typed: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let typed = typed.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&typed, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.chars().count().max(typed.chars().count()) / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// `; did you mean …?` with the nearest known name, or nothing.
pub(super) fn did_you_mean(typed: &str, known: &[&str]) -> String {
    nearest(typed, known.iter().copied()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Names as a list for people: `a, b, c`.
pub(super) fn list(known: &[&str]) -> String {
    if known.is_empty() { "none".into() } else { known.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        assert_eq!(nearest("agnts", ["accounts", "agents"]), Some("agents"));
        assert_eq!(nearest("Agents", ["accounts", "agents"]), Some("agents"));
        assert_eq!(nearest("codr", ["coder", "demo"]), Some("coder"));
        assert_eq!(nearest("telemetry", ["accounts", "agents"]), None);
        assert_eq!(nearest("x", ["demo"]), None);
    }
}
