//! The last gasp: decides what dead processes left running and delivers what is still to be said, with nothing of what
//! may have broken them: no HTTP, no agents, nothing received.
//!
//! Queued turns stay owed to the next start.

use std::{fmt::Write, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use lastword_core::{
    alert::AlertCode,
    decide::backoff,
    ids::{Attempt, Fence},
    reason::Reason,
    store::{Elected, End, Role, Store, StoreError, Verdict},
};
use lastword_store::DeploymentLock;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    account::{self, Account},
    deliver::{Shared, deliver_all},
    receive,
};
use crate::{
    config::Config,
    process::{
        decide_lost::decide_all_lost, deployment::May, herald, join::Waiting, lifeline::Lifeline, member::Member,
        patience::pause, signals::StopSignals,
    },
    supervisor::GASP_SUBJECT,
};

/// How often to look whether anything is left.
const POLL: Duration = Duration::from_millis(100);

/// Runs it: success if everything went out.
pub async fn last_gasp(config: Config) -> anyhow::Result<ExitCode> {
    let waiting = Waiting::new(None);
    let lifeline = Lifeline::hold(&waiting)?;
    let mut signals = StopSignals::listen()?;
    // A supervisor has the lock; without one, nobody else may be there.
    let _founded = if lifeline.is_held() { None } else { Some(DeploymentLock::found(&config.store_path)?) };
    let member = Member::join_as(config, Role::Bridge, &waiting, May::GoOn).await?;
    let (accounts, _) = account::open_all(&member, &CancellationToken::new());
    let delivery = Arc::new(Shared::new(Arc::clone(&member), accounts));
    let limit = Duration::from_millis(member.config.restart.last_gasp_ms.unsigned_abs());
    let gasped = tokio::select! {
        gasped = tokio::time::timeout(limit, deliver(&delivery)) => gasped.unwrap_or(Ok(())),
        () = signals.asked() => {
            tracing::warn!("asked to stop: the last gasp ends early");
            Ok(())
        }
    };
    let left = left(&delivery).await;
    let said = match (&gasped, &left) {
        (Ok(()), Ok(None)) => "everything that was to be said has been delivered".to_owned(),
        (Ok(()), Ok(Some(left))) => format!("could not be delivered, and is kept for the next start: {left}"),
        (Err(error), _) | (Ok(()), Err(error)) => format!("it broke: {error:#}"),
    };
    let is_done = gasped.is_ok() && matches!(left, Ok(None));
    if is_done {
        tracing::info!("last gasp: {said}");
    } else {
        member.alerts.raise(AlertCode::LastGasp, GASP_SUBJECT, &said);
    }
    if !lifeline.is_held() {
        println!("Last gasp: {said}.");
    }
    member.leave().await;
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns when nothing is left to deliver.
async fn deliver(delivery: &Arc<Shared>) -> anyhow::Result<()> {
    let member = &delivery.member;
    decide_all_lost(&*member.store, &member.state, &member.alerts, Some(&member.incarnation)).await?;
    end_requests(&*member.store).await?;
    // Why there is a last gasp is news that does not wait.
    if let Err(error) =
        member.oversight.tell(&herald::listeners(&member.config), 0, member.config.alerts.messaging.into()).await
    {
        tracing::warn!("admins are not told of alerts: {error}");
    }
    let mut tasks = JoinSet::new();
    for account in delivery.accounts.values() {
        let (member, account) = (Arc::clone(member), Arc::clone(account));
        tasks.spawn(async move {
            keep_asking(&member, &account).await;
            Ok(())
        });
    }
    tasks.spawn(deliver_all(Arc::clone(delivery)));
    loop {
        while let Some(ended) = tasks.try_join_next() {
            ended.context("a task of the last gasp died")??;
        }
        if member.store.counts().await.is_ok_and(|counts| counts.deliveries_open == 0) {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Tells who asked for a restart that it did not succeed: nobody is left who would carry it out.
async fn end_requests(store: &dyn Store) -> Result<(), StoreError> {
    for request in store.requests().await? {
        let verdict = Verdict {
            fence: Fence { turn: request.turn, attempt: Attempt::NONE },
            end: End::Errored(Reason::RestartFailed),
            parts: vec![Reason::RestartFailed.last_word()],
            files: Vec::new(),
            if_progress: None,
        };
        match store.elect(verdict).await {
            Ok(Elected::Won | Elected::Lost) => {}
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            // It keeps nobody else's last word.
            Err(error) => tracing::error!(turn = request.turn.0, "a restart can't be answered: {error}"),
        }
    }
    Ok(())
}

/// Asks for the right to act for an account until it is had.
async fn keep_asking(member: &Member, account: &Account) {
    let mut failures = 0;
    while let Err(error) = receive::lease(member, account).await {
        failures += 1;
        account.health.lost(error.to_string());
        tokio::time::sleep(pause(backoff::CONNECT, failures)).await;
    }
}

/// What is left, by account where the store says so, with what stood in the way.
async fn left(delivery: &Shared) -> anyhow::Result<Option<String>> {
    let open = delivery.member.store.counts().await?.deliveries_open;
    if open == 0 {
        return Ok(None);
    }
    let mut text = format!("{open} messages");
    let by_account = delivery.member.oversight.measures().await.map(|measures| measures.accounts).unwrap_or_default();
    for account in delivery.accounts.values() {
        let open = by_account.get(&account.id).map(|account| account.deliveries_open);
        let evidence = account.health.evidence();
        let cause = evidence.send_trouble.or(evidence.trouble);
        if open == Some(0) || (open.is_none() && cause.is_none()) {
            continue;
        }
        let count = open.map(|open| format!(" {open}")).unwrap_or_default();
        // Writing to a String can't fail.
        let _ = write!(text, "; {}{count}: {}", account.id, cause.as_deref().unwrap_or("there was no time"));
    }
    Ok(Some(text))
}
