//! The bridge: talks to networks. Killing it loses nothing: the worker goes on, and the next bridge delivers.

mod accept;
pub mod account;
pub mod ask;
mod backlog;
pub mod banner;
mod canary;
mod deliver;
mod drain;
mod fetch;
mod gasp;
pub mod health;
mod in_flight;
mod kept;
mod look;
mod notice;
pub mod policy;
mod progress;
mod receive;
mod standing;
mod thread;
mod upload;
mod watch;

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
#[cfg(feature = "testing")]
use lastword_core::provider::Provider;
use lastword_core::store::Role;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::account::Accounts;
pub use self::gasp::last_gasp;
use crate::{
    config::Config,
    http,
    process::{
        exit::{EXIT_ADDRESS, EXIT_CONFIG},
        herald,
        join::Waiting,
        lifeline::{Lifeline, has_supervisor_for_admins},
        member::Member,
        signals::{RoomSignal, StopSignals},
        sweep::sweep,
        webhook::{self, Whose},
    },
};

/// How long the tasks may take to end.
const ENDING_MAX: Duration = Duration::from_secs(2);

/// Runs the bridge until it is asked to stop, and then until what is in hand is delivered.
pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let waiting = Waiting::new(None);
    let lifeline = Lifeline::hold(&waiting)?;
    let (mut signals, mut room) = (StopSignals::listen()?, RoomSignal::listen()?);
    // Before the store, so that monitors hear why a bridge waits for it.
    let listener = match http::bind(&config).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("{error:#}");
            let is_taken = error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::AddrInUse);
            return Ok(ExitCode::from(if is_taken { EXIT_ADDRESS } else { EXIT_CONFIG }));
        }
    };
    let page = http::while_waiting(&listener, &config, &waiting);
    let member = tokio::select! {
        joined = Member::join(config, Role::Bridge, &waiting) => joined?,
        never = page => match never? {},
        () = signals.asked() => return Ok(ExitCode::SUCCESS),
        () = room.asked() => return Ok(ExitCode::SUCCESS),
    };
    let (stop_receiving, ended) = (CancellationToken::new(), CancellationToken::new());
    let (accounts, web) = account::open_all(&member, &ended);
    let (mut tasks, delivery) = begin(&member, &accounts, &stop_receiving, &ended);
    let router = http::router(&member, &accounts, web);
    tasks.spawn(http::serve(listener, router, ended.clone()));
    banner::maybe_show(&member.config);
    lifeline.ready();

    let mut until = tokio::select! {
        () = signals.asked() => drain::Until::NoTurnRuns,
        () = room.asked() => drain::Until::Now,
        task = failed(&mut tasks) => match task.context("a task of the bridge ended")? {},
    };
    tracing::info!("the bridge stops receiving and delivers what is in hand");
    stop_receiving.cancel();
    loop {
        tokio::select! {
            // First, because it may change what is waited for, also where nothing is in hand.
            biased;
            () = signals.asked() => match until {
                drain::Until::Now => {
                    tracing::info!("the whole deployment stops: the bridge waits for its last turns");
                    until = drain::Until::NoTurnRuns;
                }
                drain::Until::NoTurnRuns => {
                    tracing::warn!("asked twice to stop: ending at once");
                    break;
                }
            },
            () = drain::until_delivered(&delivery, until) => break,
        }
    }
    ended.cancel();
    // Everything ends by itself now; what does not is dropped.
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(ENDING_MAX, all).await.is_err() {
        tracing::warn!("a task of the bridge did not end in time");
    }
    tasks.shutdown().await;
    member.leave().await;
    Ok(ExitCode::SUCCESS)
}

/// Starts everything that goes on for as long as the bridge lives, but for its pages.
fn begin(
    member: &Arc<Member>,
    accounts: &Accounts,
    stop_receiving: &CancellationToken,
    ended: &CancellationToken,
) -> (JoinSet<anyhow::Result<()>>, Arc<deliver::Shared>) {
    let notices = Arc::new(notice::Notices::open(member.state.told()));
    let policy = Arc::new(policy::policy_of(&member.config));

    let mut tasks = JoinSet::new();
    for (number, account) in accounts.values().enumerate() {
        let receiving = receive::keep_receiving(
            Arc::clone(member),
            Arc::clone(account),
            number,
            Arc::clone(&policy),
            accounts.clone(),
            Arc::clone(&notices),
        );
        let (stop, account) = (stop_receiving.clone(), Arc::clone(account));
        tasks.spawn(async move {
            stop.run_until_cancelled_owned(receiving).await;
            account.health.lost("the bridge is stopping".to_owned());
            Ok(())
        });
    }
    for account in accounts.values() {
        tasks.spawn(until(ended, fetch::fetch_all(Arc::clone(member), Arc::clone(account))));
        tasks.spawn(until(stop_receiving, backlog::watch(Arc::clone(account))));
        tasks.spawn(until(stop_receiving, canary::keep_posting(Arc::clone(member), Arc::clone(account))));
    }
    let delivery = Arc::new(deliver::Shared::new(Arc::clone(member), accounts.clone()));
    let (delivering, until_ended) = (deliver::deliver_all(Arc::clone(&delivery)), ended.clone());
    tasks.spawn(async move { until_ended.run_until_cancelled_owned(delivering).await.unwrap_or(Ok(())) });
    tasks.spawn(until(ended, progress::edit_all(Arc::clone(&delivery))));
    tasks.spawn(until(ended, sweep(Arc::clone(member))));
    tasks.spawn(until(stop_receiving, watch::watch(Arc::clone(member), accounts.clone())));
    tasks.spawn(until(ended, Arc::clone(&member.alerts).keep_storing()));
    if !has_supervisor_for_admins() {
        let listeners = herald::listeners(&member.config);
        let messaging = member.config.alerts.messaging.into();
        tasks.spawn(until(ended, herald::keep_telling(Arc::clone(&member.oversight), listeners, messaging)));
    }
    let whose = if has_supervisor_for_admins() { Whose::UnstoredOnly } else { Whose::All };
    let posting = webhook::keep_posting(&member.config, &member.oversight, &member.alerts, whose);
    tasks.spawn(until(ended, posting));
    let (beating, until_ended) = (Arc::clone(member).beat(), ended.clone());
    tasks.spawn(async move {
        let lost = until_ended.run_until_cancelled_owned(beating).await;
        lost.map_or(Ok(()), |()| {
            Err(anyhow::anyhow!("this bridge was taken for lost; whatever it does counts for nothing"))
        })
    });
    (tasks, delivery)
}

/// A simulated bridge whose accounts have these providers: what [`run`] does between its start and its end, without its
/// pages.
#[cfg(feature = "testing")]
pub async fn simulate(config: Config, providers: Vec<Arc<dyn Provider>>) -> anyhow::Result<Infallible> {
    let member = Member::join(config, Role::Bridge, &Waiting::new(None)).await?;
    let accounts = Accounts::of(&member.config, |id, _| {
        let provider = providers.iter().find(|provider| provider.account() == id);
        Arc::clone(provider.expect("a simulation brings a provider for every account"))
    });
    let (mut tasks, _) = begin(&member, &accounts, &CancellationToken::new(), &CancellationToken::new());
    failed(&mut tasks).await
}

fn until(
    ended: &CancellationToken,
    task: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
    let ended = ended.clone();
    async move {
        ended.run_until_cancelled_owned(task).await;
        Ok(())
    }
}

/// Returns only when a task failed or died: a panic is a status, not a silence.
async fn failed(tasks: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<Infallible> {
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    anyhow::bail!("nothing is left to do")
}
