//! The blobs that a file had, for values that stay as they were.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::cipher::{SecretKey, decrypt};
use super::error::SecretError;
use crate::yaml;

/// Blobs with their places and what they decrypt to. Each is given once, so that a value that is written twice gets a blob of its own.
#[derive(Default)]
pub(super) struct Kept {
    by_place: HashMap<String, (Vec<u8>, String)>,
}

impl Kept {
    /// Reads a file of encrypted values; what the key does not decrypt is left out.
    pub(super) fn of(key: &SecretKey, text: &str) -> Result<Self, SecretError> {
        let mut by_place = HashMap::new();
        for scalar in yaml::scalars(text)? {
            if let Some((blob, plain)) = scalar.node.as_str().and_then(|blob| Some((blob, decrypt(key, blob).ok()?))) {
                by_place.insert(scalar.path, (plain, blob.trim().to_owned()));
            }
        }
        Ok(Kept { by_place })
    }

    /// The blob of each value, where it has one: first that of the same place, then one of a place that no longer has it, as when an item
    /// of a list moves.
    pub(super) fn blobs<'v>(mut self, values: impl Iterator<Item = (&'v str, &'v [u8])> + Clone) -> Vec<Option<String>> {
        let mut blobs: Vec<Option<String>> = Vec::new();
        for (place, plain) in values.clone() {
            blobs.push(match self.by_place.entry(place.to_owned()) {
                Entry::Occupied(found) if found.get().0 == plain => Some(found.remove().1),
                _ => None,
            });
        }
        let mut moved: Vec<(String, (Vec<u8>, String))> = self.by_place.into_iter().collect();
        moved.sort();
        for ((_, plain), blob) in values.zip(&mut blobs).filter(|(_, blob)| blob.is_none()) {
            let found = moved.iter().position(|(_, (old, _))| old == plain);
            *blob = found.map(|at| moved.remove(at).1.1);
        }
        blobs
    }
}
