//! What an operator may set about the web account.

use lastword_core::ids::UserId;

use super::GuardSettings;

/// Settings of the web account.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// The person that every admitted caller is; what the account's allow list names.
    pub user: UserId,
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// Who may call at all.
    pub guard: GuardSettings,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self { user: UserId::new("local"), body_bytes_max: 1_048_576, guard: GuardSettings::default() }
    }
}
