//! Lengths of time and sizes as people say them.

/// A length of time as people say it.
#[must_use]
pub fn span(ms: i64) -> String {
    let plural = |n: i64, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..120_000 => plural(ms / 1_000, "second"),
        120_000..7_200_000 => plural(ms / 60_000, "minute"),
        7_200_000..172_800_000 => plural(ms / 3_600_000, "hour"),
        _ => plural(ms / 86_400_000, "day"),
    }
}

/// A size as people say it.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        ..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}
