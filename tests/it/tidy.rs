//! The absences: what must not be in the source tree, kept by looking.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use lastword_core::faults::{HandoverPoint, Point, UpdatePoint};

/// Licences that code built into the binary may carry; an `OR` needs one of them, an `AND` all.
const LICENCES: [&str; 13] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates below matrix-sdk whose files stay under a licence of their own, which does not reach ours: `MPL-2.0`.
const UNDER_MPL: [&str; 8] =
    ["as_variant", "bitmaps", "eyeball", "eyeball-im", "imbl", "imbl-sized-chunks", "readlock", "readlock-tokio"];

/// Crates that must not come in, and why.
const BANNED: [(&str, &str); 4] = [
    ("ring", "one TLS provider: aws-lc-rs"),
    ("openssl-sys", "one TLS stack: rustls"),
    ("native-tls", "one TLS stack: rustls"),
    ("serde_yaml", "archived; serde-saphyr has spans"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).other_options(["--locked".into()]).exec().unwrap()
}

/// Every text file of the project, as `git ls-files` knows them, with its text.
fn files() -> BTreeMap<String, String> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .filter_map(|path| Some((path.to_owned(), fs::read_to_string(root().join(path)).ok()?)))
        .collect()
}

/// Every crate that is built, for whatever target. Cargo's metadata also lists what nothing switches on.
fn built() -> BTreeSet<String> {
    let listed = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn sources() -> BTreeMap<String, String> {
    files().into_iter().filter(|(path, _)| path.ends_with(".rs")).collect()
}

#[test]
fn arrows_point_down_only() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("lastword-core", &[][..]),
        ("lastword-store", &["lastword-core"][..]),
        ("lastword-providers", &["lastword-core"][..]),
        ("lastword-agents", &["lastword-core"][..]),
        ("lastword", &["lastword-core", "lastword-store", "lastword-providers", "lastword-agents"][..]),
        ("lastword-tests", &[][..]),
    ]);
    for package in metadata().workspace_packages() {
        let ours = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal && dependency.name.starts_with("lastword"));
        for dependency in ours {
            let permitted = allowed[package.name.as_str()].contains(&dependency.name.as_str());
            assert!(permitted, "{} must not depend on {}", package.name, dependency.name);
        }
    }
}

#[test]
fn core_knows_no_network_runtime_or_engine() {
    let metadata = metadata();
    let core = metadata.packages.iter().find(|package| package.name.as_str() == "lastword-core").unwrap();
    let banned = ["tokio", "rusqlite", "tokio-postgres", "reqwest", "axum", "teloxide", "slack-morphism", "matrix-sdk"];
    for dependency in core.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
        assert!(!banned.contains(&dependency.name.as_str()), "core depends on {}", dependency.name);
    }
}

#[test]
fn every_licence_is_permitted_and_no_crate_is_banned() {
    let built = built();
    for (name, why) in BANNED {
        assert!(!built.contains(name), "{name} is banned: {why}");
    }
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().unwrap();
    for node in resolve.nodes.iter().filter(|node| node.deps.iter().any(|dependency| dependency.name == "chrono")) {
        let package = &metadata[&node.id].name;
        let may = ["oauth2", "teloxide-core"].contains(&package.as_str());
        assert!(may, "{package} uses chrono: jiff is the calendar here");
    }
    for package in metadata.packages {
        let licence = package.license.clone().unwrap_or_default().replace('/', " OR ");
        let is_excepted = licence.starts_with("MPL-2.0") && UNDER_MPL.contains(&package.name.as_str());
        assert!(is_excepted || is_permitted(&licence), "{} {}: licence {licence:?}", package.name, package.version);
    }
}

/// Whether an SPDX expression is satisfied by [`LICENCES`]. Every `AND` term must be; of its `OR` terms, one.
fn is_permitted(expression: &str) -> bool {
    expression
        .split(" AND ")
        .all(|term| term.split(" OR ").any(|licence| LICENCES.contains(&licence.trim_matches(['(', ')', ' ']))))
}

#[test]
fn sql_is_written_in_the_store_only() {
    let statements = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE "];
    for (path, text) in sources().iter().filter(|(path, _)| !path.starts_with("crates/store/")) {
        if path == "tests/it/tidy.rs" {
            continue;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            assert!(!statements.iter().any(|sql| line.contains(sql)), "{path} holds SQL: {line}");
        }
    }
}

#[test]
fn networks_are_named_in_their_own_folders_only() {
    let networks = ["telegram", "slack", "matrix"];
    // The configuration lists what there is; everything else asks capabilities.
    let exempt = ["crates/bridge/src/config/", "tests/"];
    for (path, text) in sources() {
        if exempt.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        for network in networks.iter().filter(|network| !path.contains(&format!("providers/src/{network}"))) {
            // A feature may be called like its network.
            for line in text.lines().filter(|line| !line.trim_start().starts_with("#[cfg")) {
                let is_named =
                    [format!("\"{network}"), format!("{network}\"")].iter().any(|quoted| line.contains(quoted));
                assert!(!is_named, "{path} names {network}");
            }
        }
    }
}

#[test]
fn providers_never_import_each_other() {
    let folders = ["matrix", "web", "scripted", "slack", "telegram"];
    for (path, text) in sources() {
        let Some(own) = folders.iter().find(|name| path.starts_with(&format!("crates/providers/src/{name}"))) else {
            continue;
        };
        for other in folders.iter().filter(|name| *name != own) {
            assert!(!text.contains(&format!("crate::{other}")), "{path} imports {other}");
        }
    }
}

#[test]
fn files_stay_short_enough_to_read() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 500, "{path} has {lines} lines: split it before 500");
    }
}

#[test]
fn unsafe_code_is_allowed_nowhere() {
    let allow = concat!("allow(", "unsafe_code");
    let expect = concat!("expect(", "unsafe_code");
    for (path, text) in sources() {
        assert!(!text.contains(allow) && !text.contains(expect), "{path} allows unsafe code");
    }
}

#[test]
fn every_crash_point_is_passed_in_the_code_described_and_driven() {
    let files = files();
    let code: String = files
        .iter()
        .filter(|(path, _)| path.starts_with("crates/") && !path.ends_with("core/src/faults.rs"))
        .map(|(_, text)| text.as_str())
        .collect();
    let architecture = &files["ARCHITECTURE.md"];
    for point in Point::ALL {
        assert!(code.contains(&format!("Point::{point:?}")), "nothing passes {}", point.as_str());
        assert!(architecture.contains(point.as_str()), "ARCHITECTURE.md does not describe {}", point.as_str());
    }
    for point in UpdatePoint::ALL {
        assert!(code.contains(&format!("UpdatePoint::{point:?}")), "nothing passes {}", point.as_str());
        assert!(architecture.contains(point.as_str()), "ARCHITECTURE.md does not describe {}", point.as_str());
    }
    for point in HandoverPoint::ALL {
        assert!(code.contains(&format!("HandoverPoint::{point:?}")), "nothing passes {}", point.as_str());
        assert!(architecture.contains(point.as_str()), "ARCHITECTURE.md does not describe {}", point.as_str());
    }
}

#[test]
fn no_stub_and_no_ignored_test_is_left() {
    let marks = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("#[ign", "ore"), concat!("FIX", "ME")];
    for (path, text) in sources() {
        for mark in marks {
            assert!(!text.contains(mark), "{path} holds {mark}");
        }
    }
}

#[test]
fn the_documents_link_only_to_files_that_are_there() {
    let files = files();
    let names: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = Path::new(path).parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let target = folder.join(link);
            let target = target.to_str().unwrap();
            let is_there = names.contains(target) || names.iter().any(|name| name.starts_with(&format!("{target}/")));
            assert!(is_there || root().join(target).is_dir(), "{path} links to {link}");
        }
    }
}
