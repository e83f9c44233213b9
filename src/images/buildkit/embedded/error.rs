//! Why there is no embedded daemon.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use crate::images::buildkit::error::ConnectError;

/// The embedded daemon cannot be had.
#[derive(Clone, Debug, Error, Diagnostic)]
pub enum EmbeddedError {
    /// A program is nowhere to be found.
    #[error("`{program}` was not found: it is neither beside werf nor in PATH")]
    #[diagnostic(help("{help}"))]
    Missing {
        /// `buildkitd`, `runc`.
        program: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// The program that was asked for is none.
    #[error("`{}` cannot be run as buildkitd", path.display())]
    #[diagnostic(help("WERF_BUILDKITD names an executable file; leave it out to search beside werf and in PATH"))]
    NotExecutable {
        /// As given.
        path: PathBuf,
    },
    /// A file or directory could not be used.
    #[error("the embedded buildkitd cannot {action} `{}`", path.display())]
    File {
        /// `create`, `lock`, `write`.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Arc<io::Error>,
    },
    /// A directory that must be ours belongs to somebody else.
    #[error("`{}` is not a directory of this user, so no socket can be kept there", path.display())]
    #[diagnostic(help("remove it, or set XDG_RUNTIME_DIR to a directory of your own"))]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// The daemon ended or never answered.
    #[error("the embedded buildkitd did not start{}", lines(.tail))]
    Failed {
        /// End of its log.
        tail: Option<String>,
        /// What the connection said, where there is no log.
        #[source]
        cause: Option<Box<ConnectError>>,
        /// What to do.
        #[help]
        help: String,
    },
}

impl EmbeddedError {
    pub(super) fn io(action: &'static str, path: &Path, cause: io::Error) -> Self {
        EmbeddedError::File { action, path: path.to_owned(), cause: Arc::new(cause) }
    }

    pub(super) fn failed(log: &Path, cause: ConnectError) -> Self {
        let tail = super::log_tail(log);
        let has = |words: &str| tail.as_deref().is_some_and(|tail| tail.contains(words));
        let advice = if has("user namespace") {
            "allow unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, \
             kernel.apparmor_restrict_unprivileged_userns), run as root, or name a daemon with --buildkit-host"
        } else if has("operation not permitted") || has("permission denied") {
            "buildkitd needs the right to mount: run as root with that right, as a user with user namespaces, \
             or name a daemon with --buildkit-host"
        } else {
            "name a running daemon with --buildkit-host, or try another buildkitd with WERF_BUILDKITD"
        };
        let cause = tail.is_none().then(|| Box::new(cause));
        EmbeddedError::Failed { tail, cause, help: format!("{advice}; its whole log is {}", log.display()) }
    }
}

fn lines(tail: &Option<String>) -> String {
    tail.iter().flat_map(|tail| tail.lines()).map(|line| format!("\n  │ {line}")).collect()
}
