//! Where newer builds come from: one source, and nothing unsigned.

use minisign_verify::PublicKey;

use crate::config::{problem::Findings, tree::Node};

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let Some(update) = root.get("update") else { return };
    if let Some(archive) = update.get("archive") {
        if update.get("checkout").is_some() {
            let text = "update.archive: newer builds come from `checkout` already; remove one of them";
            findings.problem(Some(archive.mark), text.into());
        }
        if update.get("public_key").is_none() {
            let text = "update.archive: whose it is can't be told without `public_key`; add the minisign key of whoever \
                        makes the archives";
            findings.problem(Some(archive.mark), text.into());
        }
        let scheme = archive.text().and_then(|text| text.split_once("://")).map(|(scheme, _)| scheme);
        if scheme.is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
            let text =
                format!("update.archive: an address begins with https:// or http://; here is {}", archive.shown());
            findings.problem(Some(archive.mark), text);
        }
    }
    if let Some(archive) = update
        .get("archive")
        .filter(|archive| archive.text().is_some_and(|text| text.contains("://") && text.contains(['?', '#', '@'])))
    {
        let text =
            "update.archive: `.sha256` and `.minisig` are put behind it, so it is an address without `?`, `#` and `@`";
        findings.problem(Some(archive.mark), text.into());
    }
    let Some(key) = update.get("public_key") else { return };
    if key.text().is_some_and(|text| PublicKey::from_base64(text).is_err()) {
        let text =
            format!("update.public_key: {} is no minisign key; that is one line that begins with RW", key.shown());
        findings.problem(Some(key.mark), text);
    }
}
