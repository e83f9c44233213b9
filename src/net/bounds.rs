//! How many requests are under way at once: by what the process may open, and by what one server is to bear.
//!
//! A request that has no place yet waits for one, and its own time begins only then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::origin;

/// Requests that one server answers at once. What is asked beyond makes it slower, or makes it refuse.
pub(super) const TO_ONE_SERVER: usize = 32;

/// Requests of the whole process at once, where file descriptors allow it.
const AT_MOST: usize = 128;

/// File descriptors that are kept for everything else: standard streams, the runtime, the repository, caches, the builder.
const OTHERS: u64 = 32;

/// The places for requests to servers, one set for each.
#[derive(Debug, Default)]
pub(super) struct Bounds(Mutex<HashMap<String, Arc<Semaphore>>>);

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _of_server: Option<OwnedSemaphorePermit>,
    of_process: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Gives the place among all of the process back and keeps that at the server: for answers that are read while others are asked for,
    /// so that nobody who has one waits for those who wait for it.
    pub fn of_stream(mut self) -> Self {
        self.of_process = None;
        self
    }
}

impl Bounds {
    /// Waits for a place for a request to a URL.
    pub async fn enter(&self, url: &str) -> Place {
        let of_server = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(origin(url).to_owned()).or_insert_with(places).clone();
        // always in this order, so that nobody holds a place of the process while it waits for one of a server;
        // semaphores are never closed, so there is always a place in the end
        let of_server = of_server.acquire_owned().await.ok();
        Place { _of_server: of_server, of_process: of_process().clone().acquire_owned().await.ok() }
    }
}

fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(TO_ONE_SERVER))
}

/// The places that all connections of the process share.
fn of_process() -> &'static Arc<Semaphore> {
    static PLACES: OnceLock<Arc<Semaphore>> = OnceLock::new();
    PLACES.get_or_init(|| Arc::new(Semaphore::new(at_once(AT_MOST))))
}

/// How many connections of a kind may be open at once, where so many are wanted: fewer where the process may open few files.
pub fn at_once(wanted: usize) -> usize {
    room(getrlimit(Resource::Nofile).current).min(wanted)
}

/// Requests at once where so many files may be open. Half of what is left for them: while one connection opens, another may become free
/// and be taken in its place, and then both are open.
fn room(files: Option<u64>) -> usize {
    let of_files = |files: u64| usize::try_from(files.saturating_sub(OTHERS) / 2).unwrap_or(AT_MOST);
    files.map_or(AT_MOST, of_files).clamp(4, AT_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_make_few_requests() {
        for (files, expect) in [(None, 128), (Some(1 << 20), 128), (Some(1024), 128), (Some(256), 112), (Some(64), 16), (Some(8), 4)] {
            assert_eq!(room(files), expect, "{files:?}");
        }
    }

    #[tokio::test]
    async fn a_server_has_so_many_places_and_others_have_their_own() {
        let bounds = Bounds::default();
        let held = futures::future::join_all((0..TO_ONE_SERVER).map(|_| bounds.enter("http://a/v2/x"))).await;
        let soon = |url| tokio::time::timeout(std::time::Duration::from_millis(20), bounds.enter(url));
        assert!(soon("http://a/other").await.is_err(), "the server's places are taken");
        assert!(soon("http://b/").await.is_ok());
        drop(held);
        assert!(soon("http://a/other").await.is_ok());
    }
}
