//! Mounts of an exec op.

use super::state::State;

/// A mount of a process, besides its root.
#[derive(Clone, Debug, PartialEq)]
pub struct Mount {
    /// Absolute path in the container.
    pub dest: String,
    /// What is there.
    pub kind: MountKind,
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq)]
pub enum MountKind {
    /// Another state; what the process writes is an output of the op.
    ReadWrite {
        /// The state, scratch for an empty directory.
        from: State,
        /// Path within it; empty for all.
        path: String,
    },
    /// Another state; writes fail.
    ReadOnly {
        /// The state.
        from: State,
        /// Path within it; empty for all.
        path: String,
    },
    /// A directory that the daemon keeps between builds; no part of any image.
    Cache {
        /// Its identity at the daemon.
        id: String,
        /// Concurrent use.
        sharing: Sharing,
        /// What it holds at first.
        from: State,
    },
    /// A file system in memory.
    Tmpfs {
        /// Bytes, 0 for no limit.
        size: i64,
    },
    /// A secret of the session as a file.
    Secret {
        /// Its id in the session.
        id: String,
        /// Permissions.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Whether a build without the secret goes on.
        optional: bool,
    },
    /// An SSH agent of the session as a socket.
    Ssh {
        /// Its id in the session, `default`.
        id: String,
        /// Permissions.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Whether a build without the agent goes on.
        optional: bool,
    },
}

/// What happens when two builds want one cache directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Both use it.
    #[default]
    Shared,
    /// Each gets its own.
    Private,
    /// One waits for the other.
    Locked,
}

impl Mount {
    /// A state that the process may change; see [`super::Outputs::mount`].
    pub fn read_write(dest: impl Into<String>, from: &State) -> Self {
        Mount { dest: dest.into(), kind: MountKind::ReadWrite { from: from.clone(), path: String::new() } }
    }

    /// A path of a state that the process only reads.
    pub fn read_only(dest: impl Into<String>, from: &State, path: impl Into<String>) -> Self {
        Mount { dest: dest.into(), kind: MountKind::ReadOnly { from: from.clone(), path: path.into() } }
    }

    /// A cache directory, empty at first.
    pub fn cache(dest: impl Into<String>, id: impl Into<String>, sharing: Sharing) -> Self {
        Mount { dest: dest.into(), kind: MountKind::Cache { id: id.into(), sharing, from: State::scratch() } }
    }

    /// A file system in memory without a limit of its own.
    pub fn tmpfs(dest: impl Into<String>) -> Self {
        Mount { dest: dest.into(), kind: MountKind::Tmpfs { size: 0 } }
    }

    /// A secret that only root reads.
    pub fn secret(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Mount { dest: dest.into(), kind: MountKind::Secret { id: id.into(), mode: 0o400, uid: 0, gid: 0, optional: false } }
    }

    /// An SSH agent's socket that only root uses.
    pub fn ssh(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Mount { dest: dest.into(), kind: MountKind::Ssh { id: id.into(), mode: 0o600, uid: 0, gid: 0, optional: false } }
    }
}
