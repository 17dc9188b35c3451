//! What a story left in its store, read from outside.

use std::sync::Arc;

use lastword_core::{
    alert::AlertCode,
    ids::{AccountId, UpdateId},
    store::{Counts, Oversight, Store, StoreError, TurnView},
};
use lastword_store::{SqliteOptions, SqliteStore, SystemClock, disk};

use super::{
    super::{network::ACCOUNT, template},
    Machine,
};

impl Machine<'_> {
    /// The store's own figures.
    pub fn counts(&mut self) -> Result<Counts, StoreError> {
        let store = self.observe()?;
        answered(store.counts())
    }

    /// What the audit finds.
    pub fn audit(&mut self) -> Result<Vec<String>, StoreError> {
        let store = self.observe()?;
        let audit = answered(store.audit())?;
        let alerts = answered(store.alerts(true, usize::MAX))?;
        // What breaks a rule is set aside, so that nothing else shows it.
        let damaged = alerts.iter().filter(|view| view.alert.code == AlertCode::RowDamaged);
        let damaged = damaged.map(|view| format!("{:?}", view.alert));
        Ok(audit.violations.iter().map(|violation| format!("{violation:?}")).chain(damaged).collect())
    }

    /// The turns that the messages made, by the messages' names.
    pub fn turns(&mut self) -> Result<Vec<(String, TurnView)>, StoreError> {
        let store = self.observe()?;
        let account = AccountId::new(ACCOUNT);
        let mut turns = Vec::new();
        for n in 1..=self.story.words.len() {
            if let Some(turn) = answered(store.turn_of(&account, &UpdateId::new(n.to_string())))? {
                turns.extend(answered(store.turn(turn))?.map(|view| (format!("p{n}"), view)));
            }
        }
        Ok(turns)
    }

    fn observe(&mut self) -> Result<Arc<SqliteStore>, StoreError> {
        let _here = disk::Process(self.observers).enter();
        if let Some(store) = &self.observer {
            return Ok(Arc::clone(store));
        }
        let options = SqliteOptions::new(self.folder.path().join(template::STORE), Arc::new(SystemClock)).inline();
        let options = SqliteOptions { vfs: Some(disk::VFS.to_owned()), must_exist: true, ..options };
        let store = SqliteStore::open(options).map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(Arc::clone(self.observer.insert(Arc::new(store))))
    }
}

/// An inline store answers at once.
fn answered<T>(question: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(question).expect("an inline store answers at once")
}
