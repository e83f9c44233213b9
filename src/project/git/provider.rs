//! Who brings what a clone lacks: content of Git LFS, the repositories of submodules, objects of a partial clone.
//!
//! What is lacking is found here, and asked for only where somebody wants it; how it comes is for [`super::remote`] to know.

use std::sync::Arc;

use miette::Diagnostic;

use super::error::Cause;
use super::lfs::Pointer;
use super::repository::Repository;
use crate::file_tree::ObjectId;

/// Brings what a repository lacks from where it was cloned from. Calls block until it is here or is not to be had.
pub trait Provider: Send + Sync {
    /// Content of files that Git LFS keeps, into the repository's store. `named` is the server that the commit's own `.lfsconfig` names.
    fn content(&self, repository: &Repository, named: Option<&str>, wanted: &[Pointer]) -> Result<(), NotBrought>;

    /// Objects that a partial clone was made without, into the clone.
    fn objects(&self, repository: &Repository, wanted: &[ObjectId]) -> Result<(), NotBrought>;

    /// A repository that has the commit of a submodule of another one, and who brings what that lacks.
    fn submodule(&self, above: &Repository, wanted: &Binding) -> Result<(Arc<Repository>, Arc<dyn Provider>), NotBrought>;

    /// Who brings what the repository of a submodule lacks that is here: from where its own configuration says.
    fn inner(&self) -> Arc<dyn Provider>;
}

/// What a commit says of a submodule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its name in `.gitmodules`.
    pub name: String,
    /// Its URL in `.gitmodules`; `None` where that has none.
    pub url: Option<String>,
    /// The commit that is bound.
    pub commit: ObjectId,
}

/// Why something was not brought. It stands for the error itself.
#[derive(Clone, Debug)]
pub struct NotBrought {
    cause: Cause,
    /// What to do about it.
    pub help: Option<String>,
}

impl NotBrought {
    /// An error as the reason, with its help.
    pub fn new(error: impl Diagnostic + Send + Sync + 'static) -> Self {
        NotBrought { help: error.help().map(|help| help.to_string()), cause: Cause::new(error) }
    }

    /// What the help of an error that this is the cause of says beside its own.
    pub(super) fn also(reason: Option<&NotBrought>) -> String {
        reason.and_then(|reason| reason.help.as_deref()).map(|help| format!("; to have it fetched: {help}")).unwrap_or_default()
    }
}

impl std::fmt::Display for NotBrought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for NotBrought {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}
