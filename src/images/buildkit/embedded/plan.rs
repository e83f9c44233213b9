//! What the helpers need to know, handed to them as a file.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Name of the file in the daemon's directory.
pub const FILE: &str = "plan.json";

/// How to run the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub daemon: PathBuf,
    pub config: PathBuf,
    pub log: PathBuf,
    pub users_lock: PathBuf,
    pub runtime_dir: PathBuf,
    pub path: OsString,
    pub own_binary: PathBuf,
    pub namespace: Namespace,
}

/// Which user namespace the daemon runs in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Namespace {
    /// None: it is root.
    Root,
    /// One with the user's subordinate ids.
    Subordinate { uids: IdMap, gids: IdMap },
    /// One with nothing but the user's own ids.
    SingleId { uid: u32, gid: u32 },
}

/// A map with root as the user and the subordinate ids from 1 on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdMap {
    pub own: u32,
    pub ranges: Vec<IdRange>,
    /// `newuidmap` or `newgidmap`.
    pub tool: PathBuf,
}

/// Ids outside of the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdRange {
    pub first: u32,
    pub count: u32,
}

impl IdMap {
    /// Arguments of the tool after the process id: triples of inside, outside, count.
    pub fn arguments(&self) -> Vec<String> {
        let mut triples = vec![(0, self.own, 1)];
        let mut inside = 1_u32;
        for range in &self.ranges {
            triples.push((inside, range.first, range.count));
            inside = inside.saturating_add(range.count);
        }
        triples.into_iter().flat_map(|(inside, outside, count)| [inside, outside, count].map(|id| id.to_string())).collect()
    }
}

impl Plan {
    pub fn load(dir: &Path) -> io::Result<Self> {
        serde_json::from_slice(&std::fs::read(dir.join(FILE))?).map_err(Into::into)
    }

    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_triples() {
        let ranges = vec![IdRange { first: 100000, count: 65536 }, IdRange { first: 300000, count: 10 }];
        let map = IdMap { own: 1000, ranges, tool: "/usr/bin/newuidmap".into() };
        assert_eq!(map.arguments().join(" "), "0 1000 1 1 100000 65536 65537 300000 10");
    }
}
