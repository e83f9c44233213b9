//! One line of `--log-debug` for each request: what for, method, URL without what may be secret, status, how long it took.
//!
//! Requests have a number of the process, and where the server gave them an id of its own, that too: its log has the same.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::{HeaderMap, StatusCode};

/// Headers by which servers name requests, those of Kubernetes first.
const IDS: [&str; 4] = ["audit-id", "x-request-id", "x-amz-request-id", "x-github-request-id"];

/// A request that was sent. One that nobody waits for any more is told as given up.
#[derive(Debug)]
pub struct Asked {
    number: u64,
    doing: String,
    method: String,
    url: String,
    began: Instant,
    is_told: bool,
}

impl Asked {
    /// A request; `doing` is what it is for, as an infinitive, and nothing in the URL may be secret.
    pub fn new(doing: &str, method: impl Display, url: String) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Asked { number, doing: doing.to_owned(), method: method.to_string(), url, began: Instant::now(), is_told: false }
    }

    /// Its answer began.
    pub fn answered(mut self, status: StatusCode, headers: &HeaderMap) {
        let id = IDS.iter().find_map(|name| headers.get(*name)?.to_str().ok());
        self.tell(format_args!("{}{}", status.as_u16(), id.map(|id| format!(", its id {id}")).unwrap_or_default()));
    }

    /// It came to something that is no status of HTTP.
    pub fn ended(mut self, how: impl Display) {
        self.tell(how);
    }

    fn tell(&mut self, how: impl Display) {
        self.is_told = true;
        let Asked { number, doing, method, url, began, .. } = self;
        tracing::debug!("request {number} to {doing}: {method} {url}: {how} after {} ms", began.elapsed().as_millis());
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell("given up");
        }
    }
}
