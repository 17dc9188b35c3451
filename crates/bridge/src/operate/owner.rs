//! Whose deployment it is: what a tool makes beside the store belongs to whoever runs it.
//!
//! A look by root would leave files (a log, its index, a restored store) that the deployment's own user can't open.

use std::{fs, io, os::unix::fs::MetadataExt};

use anyhow::{Context, bail};
use nix::unistd::{Uid, User, geteuid};

use crate::config::Config;

/// Refuses to work as anybody else but the owner of the store, or of the state directory while there is no store.
pub(super) fn must_be_ours(config: &Config) -> anyhow::Result<()> {
    for path in [&config.store_path, &config.state_dir] {
        let owner = match fs::metadata(path) {
            Ok(found) => Uid::from_raw(found.uid()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("{} can't be looked at", path.display())),
        };
        if owner != geteuid() {
            let name = User::from_uid(owner).ok().flatten().map_or_else(|| format!("#{owner}"), |user| user.name);
            bail!(
                "{} belongs to {name}, and files made by anybody else would lock the deployment out; run this as that \
                 user: sudo -u {name} lastword …",
                path.display()
            );
        }
        return Ok(());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_of_a_deployment_may_work_on_it() {
        let root = tempfile::tempdir().unwrap();
        let config = Config::defaults(root.path().join("state"));
        must_be_ours(&config).unwrap();
        fs::create_dir(&config.state_dir).unwrap();
        fs::write(&config.store_path, "").unwrap();
        must_be_ours(&config).unwrap();
        // What only root can try.
        let other = geteuid().as_raw() + 12_345;
        if std::os::unix::fs::chown(&config.store_path, Some(other), None).is_ok() {
            let refused = must_be_ours(&config).unwrap_err().to_string();
            assert!(refused.contains(&format!("sudo -u #{other}")), "{refused}");
        }
    }
}
