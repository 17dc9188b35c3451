//! Which build this is, as `--version`, `/status` and the store spell it.

/// The version with the build id: the commit, and whether the tree differed from it.
#[cfg(not(feature = "testing"))]
#[must_use]
pub fn build() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("LASTWORD_BUILD"), ")")
}

/// The variable that makes a build for tests another one.
#[cfg(feature = "testing")]
pub const TEST_BUILD_ENV: &str = "LASTWORD_TEST_BUILD";

/// The same, marked: this build can be told to die and speaks the tests' network. `LASTWORD_TEST_BUILD` makes it
/// another one.
#[cfg(feature = "testing")]
#[must_use]
pub fn build() -> &'static str {
    use std::sync::OnceLock;
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let id = std::env::var(TEST_BUILD_ENV).unwrap_or_else(|_| env!("LASTWORD_BUILD").to_owned());
        format!("{} ({id}, testing)", env!("CARGO_PKG_VERSION"))
    })
}
