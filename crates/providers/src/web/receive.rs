//! From handlers to the bridge: postings in, batches out.
//!
//! Guarantee: a handler hears "accepted" only from the acknowledgement of the batch that held its update. A posting
//! whose handler is gone before it is offered is dropped: nobody was told that it arrived. The channel lives here, so
//! dropping the stream leaves the next one able to receive, with what was waiting.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream,
};
use lastword_core::{
    provider::{Ack, Batch, Inbound, ReceiveError, UpdateStream},
    update::Update,
};
use tokio::sync::{mpsc, oneshot};

/// The most postings in one batch, and so in one commit.
const BATCH_MAX: usize = 256;
/// The most postings that may wait for a batch; the next is told to come back.
const WAITING_MAX: usize = 1_024;
/// How often an idle stream shows that it lives.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// How long a handler waits for the commit.
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(10);

const _: () = assert!(BATCH_MAX <= WAITING_MAX);

/// Becomes `true` when the batch is confirmed, `false` when it is refused.
type Confirmed = Shared<BoxFuture<'static, bool>>;

struct Posting {
    update: Update,
    offered: oneshot::Sender<Confirmed>,
}

/// Why a posting is not known to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAccepted {
    /// No receive stream is open; nothing was offered.
    NotReceiving,
    /// Too many postings wait; this one was not offered.
    Full,
    /// The bridge could not commit it.
    Refused,
    /// No answer in time: it may be committed or not.
    TooSlow,
}

/// Where handlers push and the receive stream draws.
pub(super) struct Inlet {
    postings: mpsc::Sender<Posting>,
    /// The receiving end while no stream holds it.
    outlet: Arc<Mutex<Option<mpsc::Receiver<Posting>>>>,
}

impl Inlet {
    pub(super) fn new() -> Self {
        let (postings, outlet) = mpsc::channel(WAITING_MAX);
        Self { postings, outlet: Arc::new(Mutex::new(Some(outlet))) }
    }

    /// Offers one update and waits for its batch to be confirmed.
    pub(super) async fn offer(&self, update: Update) -> Result<(), NotAccepted> {
        if self.outlet.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Err(NotAccepted::NotReceiving);
        }
        let (offered, batch) = oneshot::channel();
        self.postings.try_send(Posting { update, offered }).map_err(|_| NotAccepted::Full)?;
        let confirmed = async { batch.await.ok()?.await.then_some(()) };
        match tokio::time::timeout(COMMIT_WAIT_MAX, confirmed).await {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(NotAccepted::Refused),
            Err(_) => Err(NotAccepted::TooSlow),
        }
    }

    /// The one receive stream; a second beside it is told that the account is held.
    pub(super) fn stream(&self) -> UpdateStream {
        let taken = self.outlet.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(outlet) = taken else {
            return stream::once(async { Err(ReceiveError::Contended) }).boxed();
        };
        let drawing = Drawing { outlet: Some(outlet), home: self.outlet.clone() };
        let first = stream::once(async { Ok(Inbound::Alive) });
        first.chain(stream::unfold(drawing, |mut drawing| async { Some((Ok(drawing.next().await?), drawing)) })).boxed()
    }
}

/// The receiving end in the hands of a stream; goes home when the stream is dropped.
struct Drawing {
    outlet: Option<mpsc::Receiver<Posting>>,
    home: Arc<Mutex<Option<mpsc::Receiver<Posting>>>>,
}

impl Drawing {
    async fn next(&mut self) -> Option<Inbound> {
        let outlet = self.outlet.as_mut()?;
        loop {
            let mut waiting = Vec::new();
            match tokio::time::timeout(ALIVE_EVERY, outlet.recv_many(&mut waiting, BATCH_MAX)).await {
                Err(_) => return Some(Inbound::Alive),
                Ok(0) => return None,
                Ok(_) => {}
            }
            let (ack, confirmed) = Ack::pair();
            let confirmed: Confirmed = confirmed.map(|answer| answer.is_ok()).boxed().shared();
            let updates: Vec<Update> = waiting
                .into_iter()
                .filter_map(|posting| posting.offered.send(confirmed.clone()).is_ok().then_some(posting.update))
                .collect();
            if !updates.is_empty() {
                return Some(Inbound::Batch(Batch { updates, cursor: None, ack }));
            }
        }
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.outlet.take();
    }
}

#[cfg(test)]
mod tests {
    use lastword_core::{
        ids::{AccountId, ConversationId, Place, Timestamp, UpdateId, UserId},
        update::{Sender, UpdateKind},
    };

    use super::*;

    fn update(n: usize) -> Update {
        Update {
            id: UpdateId::new(n.to_string()),
            place: Place { account: AccountId::new("web"), conversation: ConversationId::new("main"), thread: None },
            sender: Sender { id: UserId::new("local"), name: None, is_bot: false },
            sent_at: Timestamp(0),
            kind: UpdateKind::Other { name: "test".into() },
        }
    }

    async fn batch(stream: &mut UpdateStream) -> Batch {
        loop {
            match stream.next().await.expect("the stream does not end") {
                Ok(Inbound::Batch(batch)) => return batch,
                Ok(Inbound::Alive) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[tokio::test]
    async fn postings_that_wait_together_share_one_batch_and_its_fate() {
        let inlet = Inlet::new();
        let mut stream = inlet.stream();
        let offers = futures_util::future::join_all((0..BATCH_MAX + 1).map(|n| inlet.offer(update(n))));
        let (answers, ()) = tokio::join!(offers, async {
            let (full, rest) = (batch(&mut stream).await, batch(&mut stream).await);
            assert_eq!((full.updates.len(), rest.updates.len()), (BATCH_MAX, 1));
            full.ack.confirm();
            drop(rest.ack);
        });
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), BATCH_MAX);
        assert_eq!(answers.last(), Some(&Err(NotAccepted::Refused)));
    }

    #[tokio::test]
    async fn a_caller_who_left_before_the_batch_is_not_in_it() {
        let inlet = Inlet::new();
        let mut stream = inlet.stream();
        assert!(inlet.offer(update(1)).now_or_never().is_none(), "waiting, and dropped");
        let (answer, ()) = tokio::join!(inlet.offer(update(2)), async {
            let batch = batch(&mut stream).await;
            assert_eq!(batch.updates, [update(2)]);
            batch.ack.confirm();
        });
        assert_eq!(answer, Ok(()));
    }

    #[tokio::test]
    async fn more_postings_than_may_wait_are_told_to_come_back() {
        let inlet = Inlet::new();
        let _stream = inlet.stream();
        let mut waiting = futures_util::future::join_all((0..WAITING_MAX).map(|n| inlet.offer(update(n))));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(inlet.offer(update(WAITING_MAX)).await, Err(NotAccepted::Full));
    }
}
