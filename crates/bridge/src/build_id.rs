//! Which build this is, as `--version`, `/status` and the store spell it.

/// The version with the build id: the commit, and whether the tree differed from it.
#[cfg(not(feature = "testing"))]
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("LASTWORD_BUILD"), ")");
/// The same, marked: this build can be told to die and speaks the tests' network.
#[cfg(feature = "testing")]
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("LASTWORD_BUILD"), ", testing)");
