//! Accounts that hear nothing for too long: the operator is told, and told when they hear again.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use lastword_core::{alert::AlertCode, ids::AccountId};

use super::account::Accounts;
use crate::process::member::Member;

/// How long an account may hear nothing before somebody is told: links break now and then, and come back.
const DEAF_MAX: Duration = Duration::from_secs(30);
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches until the task is dropped.
pub(super) async fn watch_accounts(member: Arc<Member>, accounts: Accounts) {
    let mut hearing: HashMap<AccountId, Hearing> = HashMap::new();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        for account in accounts.values() {
            let evidence = account.health.evidence();
            let hearing = hearing.entry(account.id.clone()).or_default();
            match hearing.look(evidence.is_ready(), Instant::now()) {
                Some(News::Deaf) => {
                    let trouble = evidence.trouble.unwrap_or_else(|| "its network has said nothing".to_owned());
                    member.alerts.raise(AlertCode::AccountNotReceiving, account.id.as_str(), trouble);
                }
                Some(News::Hears) => member.alerts.resolve(AlertCode::AccountNotReceiving, account.id.as_str()),
                None => {}
            }
        }
    }
}

/// What is known of one account.
#[derive(Debug, Default)]
struct Hearing {
    deaf_since: Option<Instant>,
    told: Option<News>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Deaf,
    /// Also said at the first sound: an earlier bridge may have told the opposite.
    Hears,
}

impl Hearing {
    fn look(&mut self, hears: bool, now: Instant) -> Option<News> {
        let since = *self.deaf_since.get_or_insert(now);
        if hears {
            self.deaf_since = None;
        }
        let news = match (hears, now.duration_since(since) >= DEAF_MAX) {
            (true, _) => News::Hears,
            (false, true) => News::Deaf,
            (false, false) => return None,
        };
        (self.told.replace(news) != Some(news)).then_some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_silence_is_told_once_and_its_end_once() {
        let begin = Instant::now();
        let mut hearing = Hearing::default();
        let mut look = |second: u64, hears| hearing.look(hears, begin + Duration::from_secs(second));
        assert_eq!(look(0, true), Some(News::Hears), "whatever an earlier bridge told");
        assert_eq!(look(1, true), None);
        assert_eq!(look(10, false), None);
        assert_eq!(look(39, false), None);
        assert_eq!(look(40, false), Some(News::Deaf));
        assert_eq!(look(300, false), None);
        assert_eq!(look(301, true), Some(News::Hears));
        assert_eq!(look(302, false), None);
        assert_eq!(look(310, true), None, "a short silence is nobody's business");
        assert_eq!(look(320, false), None);
        assert_eq!(look(349, false), None);
        assert_eq!(look(350, false), Some(News::Deaf));
    }

    #[test]
    fn an_account_that_never_heard_anything_is_told_of() {
        let begin = Instant::now();
        let mut hearing = Hearing::default();
        assert_eq!(hearing.look(false, begin), None);
        assert_eq!(hearing.look(false, begin + DEAF_MAX), Some(News::Deaf));
    }
}
