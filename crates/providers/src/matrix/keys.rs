//! The account's identity, and the backup of its keys.
//!
//! Guarantee: an account without an identity gets one, so that clients can tell its device from an intruder's; an identity
//! or a backup that another device made is never replaced, only opened with its recovery key.
//! <https://spec.matrix.org/v1.16/client-server-api/#cross-signing>

use lastword_core::outcome::Cause;
use matrix_sdk::{
    encryption::recovery::RecoveryError,
    ruma::api::client::uiaa::{AuthData, MatrixUserIdentifier, Password, UserIdentifier},
};
use secrecy::ExposeSecret;

use super::{
    Link,
    folder::{Folder, Recovery},
    outcome::Failure,
    session::Session,
    settings::Login,
};

/// Puts the identity and the backup in order; whether there is nothing left that trying again could mend.
pub(super) async fn prepare(link: &Link, session: &Session) -> bool {
    let encryption = session.client.encryption();
    encryption.wait_for_e2ee_initialization_tasks().await;
    if let Err(error) = identify(link, session).await {
        let failure = Failure::of(error);
        tracing::warn!(account = %link.account, "the account has no identity yet, so clients warn of its device: {failure}");
        return matches!(failure, Failure::Refused(_));
    }
    match back_up(link, session).await {
        Ok(is_done) => is_done,
        Err(why) => {
            tracing::warn!(account = %link.account, "the account's keys are not backed up: {why}");
            false
        }
    }
}

/// Opens the account's backup, or makes one where there is none; whether nothing is left that trying again could mend.
/// <https://spec.matrix.org/v1.16/client-server-api/#server-side-key-backups>
async fn back_up(link: &Link, session: &Session) -> Result<bool, Cause> {
    let (encryption, folder) = (session.client.encryption(), Folder::of(&link.settings));
    let has_identity = encryption.cross_signing_status().await.is_some_and(|status| status.is_complete());
    let is_whole = has_identity && encryption.backups().are_enabled().await;
    let kept = folder.recovery()?;
    let key = match (&link.settings.recovery_key, &kept) {
        (Some(key), _) | (None, Recovery::Key(key)) => Some(key),
        (None, Recovery::None | Recovery::Begun) => None,
    };
    match (key, &kept) {
        (Some(_), _) | (None, Recovery::None) if is_whole => Ok(true),
        (Some(key), _) => match encryption.recovery().recover(key.expose_secret()).await {
            Ok(()) => {
                tracing::info!(account = %link.account, "the recovery key opened the account's identity and its backup");
                Ok(true)
            }
            Err(RecoveryError::Sdk(error)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(account = %link.account, "recovery_key does not open this account: {error}");
                Ok(true)
            }
        },
        (None, kept) => {
            let is_ours = matches!(kept, Recovery::Begun) || has_none(session).await?;
            if !has_identity || !is_ours {
                tracing::warn!(
                    account = %link.account,
                    "another device made the account's identity and the backup of its keys; set `recovery_key`, or verify this \
                     device from the other"
                );
                return Ok(true);
            }
            // A crash before the key is kept finds that it was begun, and makes another.
            folder.keep_recovery("")?;
            let key = encryption.recovery().enable().await?;
            let path = folder.keep_recovery(&key)?;
            tracing::info!(
                account = %link.account,
                "the account's keys are backed up on its homeserver; {} opens the backup, keep a copy of it elsewhere",
                path.display()
            );
            Ok(true)
        }
    }
}

/// Whether nobody has made a backup or kept secrets for this account.
async fn has_none(session: &Session) -> Result<bool, Cause> {
    let encryption = session.client.encryption();
    let has_secrets = encryption.secret_storage().is_enabled().await?;
    Ok(!has_secrets && !encryption.backups().fetch_exists_on_server().await?)
}

/// Makes the account's identity, if it has none. Some homeservers ask for the password again.
/// <https://spec.matrix.org/v1.16/client-server-api/#post_matrixclientv3keysdevice_signingupload>
async fn identify(link: &Link, session: &Session) -> matrix_sdk::Result<()> {
    let encryption = session.client.encryption();
    let Err(error) = encryption.bootstrap_cross_signing_if_needed(None).await else { return Ok(()) };
    let (Login::Password { password, .. }, Some(asked)) = (&link.settings.login, error.as_uiaa_response()) else {
        return Err(error);
    };
    let user = UserIdentifier::Matrix(MatrixUserIdentifier::new(session.user.to_string()));
    let mut answer = Password::new(user, password.expose_secret().to_owned());
    answer.session.clone_from(&asked.session);
    encryption.bootstrap_cross_signing(Some(AuthData::Password(answer))).await
}
