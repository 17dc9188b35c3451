//! One file, one path: locks beside a database must meet whatever path led there.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the path leads, also when the last step is a link to a file that is not there yet.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    const LINKS_MAX: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        if let Ok(real) = fs::canonicalize(&path) {
            return real;
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match fs::read_link(&path) {
            Ok(target) => path = parent.join(target),
            Err(_) => {
                let parent = fs::canonicalize(parent).unwrap_or_else(|_| parent.to_owned());
                return path.file_name().map_or_else(|| path.clone(), |name| parent.join(name));
            }
        }
    }
    path
}
