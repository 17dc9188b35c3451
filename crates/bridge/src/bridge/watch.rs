//! Accounts that hear nothing or get nothing through for too long, and workers that are not there: the operator is told,
//! and told when it is over.

use std::{collections::HashMap, sync::Arc, time::Duration};

use lastword_core::{alert::AlertCode, ids::AccountId, store::Role};
use tokio::time::Instant;

use super::{
    account::{Account, Accounts},
    health::Evidence,
};
use crate::process::member::Member;

/// How long an account may hear nothing, or workers be away, before somebody is told: links and processes break now and
/// then, and come back.
const DEAF_MAX: Duration = Duration::from_secs(30);
/// How long nothing but failures may come of what an account sends before somebody is told.
const FAILING_MAX: Duration = Duration::from_secs(300);
/// How old the last beat of a worker may be.
const BEAT_MAX: Duration = Duration::from_secs(5);
/// What alerts about the workers are about.
const WORKERS: &str = "workers";
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches until the task is dropped.
pub(super) async fn watch(member: Arc<Member>, accounts: Accounts) {
    let mut hearing: HashMap<AccountId, Hearing> = HashMap::new();
    let mut workers = Hearing::default();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        for account in accounts.values() {
            let evidence = account.health.evidence();
            look_for_failures(&member, account, &evidence);
            let hearing = hearing.entry(account.id.clone()).or_default();
            match hearing.look(evidence.is_ready(), Instant::now()) {
                Some(News::Deaf) => {
                    let trouble =
                        evidence.receive_trouble().unwrap_or_else(|| "its network has said nothing".to_owned());
                    member.alerts.raise(AlertCode::AccountNotReceiving, account.id.as_str(), trouble);
                }
                Some(News::Hears) => member.alerts.resolve(AlertCode::AccountNotReceiving, account.id.as_str()),
                None => {}
            }
        }
        if !member.commits() {
            // While the store is out no beat can be written down, and none is missed.
            workers.deaf_since = None;
            continue;
        }
        match workers.look(is_worker_alive(&member), Instant::now()) {
            Some(News::Deaf) => {
                let detail = format!("none for {} s", DEAF_MAX.as_secs());
                member.alerts.raise(AlertCode::NoWorker, WORKERS, detail);
            }
            Some(News::Hears) => member.alerts.resolve(AlertCode::NoWorker, WORKERS),
            None => {}
        }
    }
}

fn is_worker_alive(member: &Member) -> bool {
    let mut workers = member.vitals.all().into_iter().filter(|vital| vital.process.role == Role::Worker);
    workers.any(|vital| vital.beaten_at.elapsed() <= BEAT_MAX)
}

/// The next delivery that gets through says that it is over. The network's cause is on `/readyz`, not in what is kept: it
/// may quote what was sent.
fn look_for_failures(member: &Member, account: &Account, evidence: &Evidence) {
    if evidence.fails_for(Instant::now()).is_some_and(|span| span >= FAILING_MAX) && account.health.can_send(false) {
        let detail = format!("nothing but failures for {} s; /readyz has the last", FAILING_MAX.as_secs());
        member.alerts.raise(AlertCode::AccountNotSending, account.id.as_str(), detail);
    }
}

/// What is known of one account, or of the workers.
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
