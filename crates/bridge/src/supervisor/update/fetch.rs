//! A release archive: fetched, held against its checksum and its signature, and unpacked only then.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::read::GzDecoder;
use futures_util::TryStreamExt;
use lastword_core::reason::size;
use minisign_verify::{PublicKey, Signature};
use reqwest_012 as http;
use sha2::{Digest, Sha256};
use tar::Archive;

use crate::process::{blocking::blocking, program};

/// The largest archive, and the largest program in one, in bytes.
const ARCHIVE_BYTES_MAX: u64 = 1 << 30;
/// The largest checksum or signature, in bytes.
const PROOF_BYTES_MAX: u64 = 16 << 10;
/// How much is read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Puts the program of the archive `from`, a path or an address, into `folder`. Says for people why it can't.
pub(super) async fn fetch(from: &str, public_key: &str, folder: &Path, within: Duration) -> Result<PathBuf, String> {
    let (from, public_key, folder) = (from.to_owned(), public_key.to_owned(), folder.to_owned());
    let fetching = async {
        let archive = folder.join("archive.tar.gz");
        let [checksum, signature] = [".sha256", ".minisig"].map(|ending| folder.join(format!("archive{ending}")));
        copy(&from, &archive, ARCHIVE_BYTES_MAX).await?;
        copy(&format!("{from}.sha256"), &checksum, PROOF_BYTES_MAX).await?;
        copy(&format!("{from}.minisig"), &signature, PROOF_BYTES_MAX).await?;
        let unpacking = blocking(move || {
            let read = |file: &Path| fs::read_to_string(file).map_err(|error| error.to_string());
            verify(&archive, &read(&checksum)?, &read(&signature)?, &public_key)?;
            let program = folder.join(program::NAME);
            unpack(&archive, &program).map_err(|error| format!("can't be unpacked: {error}"))?;
            Ok(program)
        });
        unpacking.await.map_err(|panic| panic.to_string())?
    };
    tokio::time::timeout(within, fetching).await.map_err(|_| format!("was not there within {} s", within.as_secs()))?
}

/// One file, from a path or an address.
async fn copy(from: &str, to: &Path, bytes_max: u64) -> Result<(), String> {
    let path = from.split(['?', '#']).next().unwrap_or_default();
    let named = path.rsplit('/').next().unwrap_or_default();
    let failed = |why: String| format!("can't be had: `{}`: {why}", named.replace('`', "'"));
    let mut file = create(to, 0o600).map_err(|error| failed(error.to_string()))?;
    if !is_address(from) {
        let (from, limit) = (from.to_owned(), bytes_max + 1);
        let copied = blocking(move || io::copy(&mut File::open(from)?.take(limit), &mut file)).await;
        let copied = copied.map_err(|panic| failed(panic.to_string()))?;
        let copied = copied.map_err(|error| failed(error.to_string()))?;
        return if copied > bytes_max { Err(failed(too_large(bytes_max))) } else { Ok(()) };
    }
    let got = async { http::Client::builder().build()?.get(from).send().await?.error_for_status() };
    let got = got.await.map_err(|error| failed(error.without_url().to_string()))?;
    let mut bytes = got.bytes_stream();
    let mut copied = 0;
    while let Some(chunk) = bytes.try_next().await.map_err(|error| failed(error.without_url().to_string()))? {
        copied += chunk.len() as u64;
        if copied > bytes_max {
            return Err(failed(too_large(bytes_max)));
        }
        file.write_all(&chunk).map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

/// Whether it is to be fetched from another machine.
fn is_address(from: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| from.starts_with(scheme))
}

fn too_large(bytes_max: u64) -> String {
    format!("it is larger than {}", size(bytes_max))
}

/// The checksum tells a download that was cut off from one that somebody made up; only the signature says who made it.
fn verify(archive: &Path, checksum: &str, signature: &str, public_key: &str) -> Result<(), String> {
    let key = PublicKey::from_base64(public_key).map_err(|error| format!("`update.public_key` is no key: {error}"))?;
    let signature = Signature::decode(signature).map_err(|error| format!("its signature can't be read: {error}"))?;
    let not_signed = |error| format!("is not signed by `update.public_key`: {error}");
    let mut verifier = key.verify_stream(&signature).map_err(not_signed)?;
    let mut digest = Sha256::new();
    let mut file = File::open(archive).map_err(|error| error.to_string())?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk).map_err(|error| error.to_string())? {
            0 => break,
            length => {
                digest.update(&chunk[..length]);
                verifier.update(&chunk[..length]);
            }
        }
    }
    let is = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    // As `sha256sum` writes it: the sum, then the name.
    if checksum.split_whitespace().next().is_none_or(|says| !says.eq_ignore_ascii_case(&is)) {
        return Err("does not have the checksum that its `.sha256` says".into());
    }
    verifier.finalize().map_err(not_signed)
}

/// Only the program, whatever else is in it, and wherever: no name in an archive says where anything is written.
fn unpack(archive: &Path, to: &Path) -> io::Result<()> {
    let mut archive = Archive::new(GzDecoder::new(File::open(archive)?));
    for entry in archive.entries()? {
        let entry = entry?;
        let is_program = entry.path()?.file_name().is_some_and(|name| name == program::NAME);
        if !is_program || !entry.header().entry_type().is_file() {
            continue;
        }
        let mut file = create(to, 0o700)?;
        let length = io::copy(&mut entry.take(ARCHIVE_BYTES_MAX + 1), &mut file)?;
        return if length > ARCHIVE_BYTES_MAX { Err(io::Error::other(too_large(ARCHIVE_BYTES_MAX))) } else { Ok(()) };
    }
    Err(io::Error::other(format!("there is no `{}` in it", program::NAME)))
}

fn create(file: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(file)
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};
    use minisign::KeyPair;

    use super::*;

    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, text) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o755);
            // By hand: the builder refuses names that lead out of the folder.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    struct Release {
        folder: tempfile::TempDir,
        key: String,
    }

    fn release(bytes: &[u8]) -> Release {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyPair::generate_unencrypted_keypair().unwrap();
        let signature = minisign::sign(None, &keys.sk, bytes, None, None).unwrap();
        let sum = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for (name, text) in [
            ("lastword.tar.gz", bytes),
            ("lastword.tar.gz.sha256", format!("{sum}  lastword.tar.gz\n").as_bytes()),
            ("lastword.tar.gz.minisig", signature.to_string().as_bytes()),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Release { folder, key: keys.pk.to_base64() }
    }

    async fn fetched(release: &Release) -> Result<String, String> {
        let into = tempfile::tempdir().unwrap();
        let from = release.folder.path().join("lastword.tar.gz");
        let program = fetch(from.to_str().unwrap(), &release.key, into.path(), Duration::from_secs(60)).await?;
        Ok(fs::read_to_string(program).unwrap())
    }

    #[tokio::test]
    async fn the_program_of_a_signed_archive_is_unpacked_and_nothing_else() {
        let release =
            release(&archive(&[("../../evil", "x"), ("lastword-1.0/lastword", "program"), ("lastword", "2")]));
        assert_eq!(fetched(&release).await.unwrap(), "program");
        let release = self::release(&archive(&[("README", "x")]));
        assert_eq!(fetched(&release).await.unwrap_err(), "can't be unpacked: there is no `lastword` in it");
    }

    #[tokio::test]
    async fn nothing_is_unpacked_that_is_not_what_was_signed() {
        let good = archive(&[("lastword", "program")]);
        let mut release = release(&good);
        let change =
            |release: &Release, name: &str, text: &[u8]| fs::write(release.folder.path().join(name), text).unwrap();
        change(&release, "lastword.tar.gz", &archive(&[("lastword", "evil")]));
        assert!(fetched(&release).await.unwrap_err().contains("does not have the checksum"));
        let evil = self::release(&archive(&[("lastword", "evil")]));
        release.folder = evil.folder;
        assert!(fetched(&release).await.unwrap_err().starts_with("is not signed by `update.public_key`"));
        let release = self::release(&good);
        change(&release, "lastword.tar.gz.minisig", b"");
        assert!(fetched(&release).await.unwrap_err().starts_with("its signature can't be read"));
        fs::remove_file(release.folder.path().join("lastword.tar.gz.sha256")).unwrap();
        assert!(fetched(&release).await.unwrap_err().starts_with("can't be had: `lastword.tar.gz.sha256`: "));
    }

    #[tokio::test]
    async fn no_bytes_make_it_panic_or_unpack() {
        let mut chance = 7_u64;
        for length in [0, 1, 100, 10_000] {
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (chance >> 56) as u8
                })
                .collect();
            assert!(fetched(&release(&bytes)).await.unwrap_err().starts_with("can't be unpacked"));
        }
    }
}
