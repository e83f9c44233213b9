//! What an operation has begun and must finish when it is asked to stop. Whoever holds nothing is simply dropped.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// What is held at the moment. Clones share it.
#[derive(Clone, Debug)]
pub struct Held(watch::Sender<Things>);

type Things = BTreeMap<u64, String>;

impl Default for Held {
    fn default() -> Self {
        Held(watch::Sender::new(Things::new()))
    }
}

/// One thing, held until this is dropped.
#[derive(Debug)]
pub struct Holding {
    held: Held,
    key: u64,
}

impl Held {
    /// Begins what must be finished; `what` is for people, as in `the build of app`. An empty one is not told.
    #[must_use = "it is held until it is dropped"]
    pub fn hold(&self, what: impl Into<String>) -> Holding {
        let mut key = 0;
        self.0.send_modify(|things| {
            key = things.last_key_value().map_or(0, |(last, _)| last + 1);
            things.insert(key, what.into());
        });
        Holding { held: self.clone(), key }
    }

    /// What is held, in the order in which it was begun.
    pub fn things(&self) -> Vec<String> {
        self.0.borrow().values().filter(|what| !what.is_empty()).cloned().collect()
    }

    /// Waits until something is held, or until nothing is.
    pub async fn until(&self, any: bool) {
        // the sender is here, so it cannot be gone
        let _ = self.0.subscribe().wait_for(|things| things.is_empty() != any).await;
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.held.0.send_modify(|things| drop(things.remove(&self.key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn things_are_held_until_they_are_dropped() {
        let held = Held::default();
        held.until(false).await;
        let (one, two) = (held.hold("one"), held.clone().hold("two"));
        assert_eq!(held.things(), ["one", "two"]);
        held.until(true).await;
        drop(one);
        assert_eq!(held.things(), ["two"]);
        let free = held.until(false);
        let end = async {
            tokio::task::yield_now().await;
            drop(two);
        };
        futures::future::join(free, end).await;
        assert!(held.things().is_empty());
    }
}
