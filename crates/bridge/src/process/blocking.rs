//! Work that may wait for a disk or a lock.

use tokio::task::JoinHandle;

/// Does it on a thread of its own, so that the runtime goes on meanwhile. Nobody has to wait for it.
pub(crate) fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    #[cfg(feature = "testing")]
    if super::simulated::is_simulated() {
        return super::simulated::blocking(work);
    }
    tokio::task::spawn_blocking(work)
}
