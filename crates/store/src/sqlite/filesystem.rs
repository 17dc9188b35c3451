//! Network file systems are refused: their locks and their shared memory do not keep what the log needs.

use std::{io, path::Path};

/// The network file system that `directory` is on, or `None`.
#[cfg(target_os = "linux")]
pub(crate) fn network_file_system(directory: &Path) -> io::Result<Option<&'static str>> {
    let stat = nix::sys::statfs::statfs(directory)?;
    Ok(name_of(stat.filesystem_type().0 as u32))
}

/// The network file system that `directory` is on, or `None`.
#[cfg(target_os = "macos")]
pub(crate) fn network_file_system(directory: &Path) -> io::Result<Option<&'static str>> {
    let stat = nix::sys::statfs::statfs(directory)?;
    Ok(match stat.filesystem_type_name() {
        "nfs" => Some("NFS"),
        "smbfs" | "cifs" => Some("SMB"),
        _ => None,
    })
}

/// Nothing is known about file systems here.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn network_file_system(_directory: &Path) -> io::Result<Option<&'static str>> {
    Ok(None)
}

/// Numbers from `statfs(2)`. 9p is not among them: containers and virtual machines share local folders by it.
#[cfg(target_os = "linux")]
fn name_of(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        assert_eq!(name_of(0x6969), Some("NFS"));
        assert_eq!(name_of(0xff53_4d42), Some("SMB"));
        assert_eq!(name_of(0xef53), None, "ext4");
        assert_eq!(name_of(0x0102_1997), None, "9p");
    }

    #[test]
    fn a_temporary_folder_is_local() {
        assert_eq!(network_file_system(&std::env::temp_dir()).unwrap(), None);
    }
}
