//! What callers hand to the writer.

use lastword_core::store::StoreError;
use tokio::sync::oneshot;

use super::{
    failure::{Failure, Res, is_full},
    tx::Tx,
};

/// What a job is for. When the disk is full, promises are kept on the reserve and nothing new is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// It takes something on: a message, a turn, a piece of text.
    New,
    /// It keeps a promise, or keeps the processes that do alive.
    Promised,
}

/// One caller's part of a commit.
pub(crate) trait Job: Send {
    /// What it is for.
    fn class(&self) -> Class;

    /// Does the work. May be called again after a rollback, so it changes nothing but the transaction.
    fn run(&mut self, tx: &Tx<'_>) -> Ran;

    /// Whether it removes rows together with what refers to them, in an order and with indexes of its own: the engine
    /// would look for what refers to each by reading whole tables.
    fn is_unchecked(&self) -> bool;

    /// Tells the caller what came of it. `Err`: the commit did not happen, or nobody knows whether it did.
    fn answer(self: Box<Self>, committed: Result<(), &str>);
}

/// What running a job came to; the failure itself stays with the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a failed job's changes must be rolled back"]
pub(crate) enum Ran {
    Well,
    Failed,
    /// The disk is full.
    NoRoom,
}

/// A job that runs a function and sends what it returned.
pub(crate) struct Asked<T, F> {
    class: Class,
    work: F,
    is_unchecked: bool,
    result: Option<Result<T, StoreError>>,
    to: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Asked<T, F>
where
    F: FnMut(&Tx<'_>) -> Res<T>,
{
    pub(crate) fn new(class: Class, work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (to, from) = oneshot::channel();
        (Self { class, work, is_unchecked: false, result: None, to }, from)
    }

    /// The same, with [`Job::is_unchecked`].
    pub(crate) fn unchecked(self) -> Self {
        Self { is_unchecked: true, ..self }
    }
}

impl<T, F> Job for Asked<T, F>
where
    T: Send,
    F: FnMut(&Tx<'_>) -> Res<T> + Send,
{
    fn class(&self) -> Class {
        self.class
    }

    fn run(&mut self, tx: &Tx<'_>) -> Ran {
        let result = (self.work)(tx);
        let ran = match &result {
            Ok(_) => Ran::Well,
            Err(Failure::Sql(error)) if is_full(error) => Ran::NoRoom,
            Err(_) => Ran::Failed,
        };
        self.result = Some(result.map_err(StoreError::from));
        ran
    }

    fn is_unchecked(&self) -> bool {
        self.is_unchecked
    }

    fn answer(self: Box<Self>, committed: Result<(), &str>) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            // Its own failure says more than the commit's.
            (Err(_), Some(Err(own))) => Err(own),
            (Err(why), _) => Err(StoreError::Unavailable(why.into())),
            (Ok(()), None) => Err(StoreError::Unavailable("the job was not run".into())),
        };
        // A caller that went away asked for nothing that has to be undone: every write may be asked again.
        let _ = self.to.send(answer);
    }
}
