//! The parent of the simulated processes: it decides who is dead, by the code that ships.

use std::sync::Arc;

use lastword::{
    config::Config,
    process::{
        alerts::Alerts,
        decide_lost::{decide_all_lost, decide_lost},
        deployment::open_outliving_its_disk,
        state_dir::StateDir,
    },
};
use lastword_core::{ids::IncarnationId, store::StoreError};
use lastword_store::DeploymentLock;
use tokio::{sync::mpsc, task::JoinSet};

/// What the supervisor is told.
pub enum Order {
    /// A child was reaped.
    Decide(IncarnationId),
}

/// Decides what earlier deployments left behind, and then whoever it is told of.
pub async fn run(config: Config, mut orders: mpsc::Receiver<Order>) -> anyhow::Result<()> {
    let state = Arc::new(StateDir::open(&config.state_dir)?);
    let _deployment = DeploymentLock::found(&config.store_path)?;
    let store = Arc::new(open_outliving_its_disk(&config, &state, &IncarnationId::new("supervisor"))?);
    let alerts = Arc::new(Alerts::new(store.clone()));
    let mut tasks: JoinSet<Result<(), StoreError>> = JoinSet::new();
    {
        let alerts = Arc::clone(&alerts);
        tasks.spawn(async move {
            alerts.keep_storing().await;
            Ok(())
        });
    }
    {
        let (store, state, alerts) = (Arc::clone(&store), Arc::clone(&state), Arc::clone(&alerts));
        tasks.spawn(async move { decide_all_lost(&*store, &state, &alerts, None).await });
    }
    while let Some(Order::Decide(dead)) = orders.recv().await {
        let (store, state, alerts) = (Arc::clone(&store), Arc::clone(&state), Arc::clone(&alerts));
        tasks.spawn(async move { decide_lost(&*store, &state, &alerts, &dead).await });
    }
    Ok(())
}
