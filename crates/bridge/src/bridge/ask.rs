//! Asking every network who we are, without receiving or sending anything: for `lastword check --online`.

use std::{sync::Arc, time::Duration};

use lastword_core::{ids::AccountId, store::Clock};
use lastword_store::SystemClock;

use super::account::remote;
use crate::config::Config;

/// How long one network may take.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// What each network says, by account: the bot's id there, or why it does not say. Our own network is not asked.
pub async fn ask_networks(config: &Config) -> Vec<(AccountId, Result<String, String>)> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut answers = Vec::new();
    for (id, account) in &config.accounts {
        let Some(provider) = remote(config, id, account, &clock) else { continue };
        let answer = match tokio::time::timeout(ANSWER_MAX, provider.check()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", ANSWER_MAX.as_secs())),
        };
        answers.push((id.clone(), answer));
    }
    answers
}
