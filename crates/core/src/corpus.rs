//! The committed seeds of the property tests: `corpus/<parser>/` in each crate.

use std::{fs, path::Path};

/// Every seed of a parser with its name, in the order of the names. `krate` is the crate's folder,
/// `env!("CARGO_MANIFEST_DIR")`.
///
/// # Panics
/// Where there is none: a corpus that was moved must not pass for one that holds.
#[must_use]
pub fn seeds(krate: &str, parser: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(krate).join("corpus").join(parser);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<_> = files
        .map(|file| file.expect("a file of the corpus"))
        .map(|file| (file.file_name().to_string_lossy().into_owned(), fs::read(file.path()).expect("a seed")))
        .collect();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds.sort();
    seeds
}

/// The same for a parser of text; what is no UTF-8 has replacement characters.
#[must_use]
pub fn texts(krate: &str, parser: &str) -> Vec<(String, String)> {
    let text = |seed: Vec<u8>| String::from_utf8_lossy(&seed).into_owned();
    seeds(krate, parser).into_iter().map(|(name, seed)| (name, text(seed))).collect()
}
