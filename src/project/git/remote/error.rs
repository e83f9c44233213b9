//! What can go wrong on the way to a commit of another repository. URLs in here are as [`super::address::shown`] shows them.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::project::git::GitError;

/// A commit of another repository is not to be had.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub enum RemoteError {
    /// The URL is none.
    #[error("`{url}` is no address of a Git repository: {problem}")]
    #[diagnostic(help("write `https://host/path`, `ssh://user@host/path`, `user@host:path`, `git://host/path` or a path"))]
    Address {
        /// The URL.
        url: String,
        /// Why not.
        problem: String,
    },
    /// The user's Git configuration cannot be read.
    #[error("cannot read Git's configuration: {problem}")]
    #[diagnostic(help("`git config --list --show-origin` shows where it comes from"))]
    Settings {
        /// Why.
        problem: String,
    },
    /// The name is unknown, or nobody listens.
    #[error("cannot reach the Git repository `{url}`: {problem}")]
    #[diagnostic(help("check the address, the network, and the proxies in HTTPS_PROXY and NO_PROXY"))]
    Unreachable {
        /// The URL.
        url: String,
        /// What the system said.
        problem: String,
    },
    /// The server cannot prove who it is.
    #[error("the certificate of `{url}` does not convince: {problem}")]
    #[diagnostic(help("add its authority to the system's, or name it with `git config --global http.sslCAInfo FILE`"))]
    Certificate {
        /// The URL.
        url: String,
        /// Why.
        problem: String,
    },
    /// The server is silent.
    #[error("the Git repository `{url}` has said nothing for {seconds} seconds")]
    #[diagnostic(help("check that a Git server listens there, and run again"))]
    TimedOut {
        /// The URL.
        url: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The connection broke.
    #[error("the connection to the Git repository `{url}` broke: {problem}")]
    #[diagnostic(help("run again; what was fetched before is kept"))]
    Broken {
        /// The URL.
        url: String,
        /// Why.
        problem: String,
    },
    /// HTTP 401.
    #[error("the Git repository `{url}` does not accept who asks (401 Unauthorized){said}")]
    #[diagnostic(help(
        "let Git know a login (`git config --global credential.helper …`), or give `basicAuth` beside its URL a user and a password"
    ))]
    Unauthorized {
        /// The URL.
        url: String,
        /// `: ` and what the server said, or nothing.
        said: String,
    },
    /// HTTP 403.
    #[error("the Git repository `{url}` may not be read by who asks (403 Forbidden){said}")]
    #[diagnostic(help("check that the user or token may read the repository"))]
    Forbidden {
        /// The URL.
        url: String,
        /// `: ` and what the server said, or nothing.
        said: String,
    },
    /// HTTP 404.
    #[error("there is no Git repository at `{url}` (404 Not Found){said}")]
    #[diagnostic(help("check the path; many servers say the same of a repository that the user may not read"))]
    NotFound {
        /// The URL.
        url: String,
        /// `: ` and what the server said, or nothing.
        said: String,
    },
    /// Another answer that is no success.
    #[error("the server of `{url}` answered {status}{said}")]
    #[diagnostic(help("run again later; if it stays so, ask who runs the server"))]
    Status {
        /// The URL.
        url: String,
        /// Number and reason.
        status: String,
        /// `: ` and what the server said, or nothing.
        said: String,
    },
    /// Something answers, but not as Git does.
    #[error("`{url}` is no Git repository that can be fetched: {problem}")]
    #[diagnostic(help("check that `git ls-remote` reads this address"))]
    NotGit {
        /// The URL.
        url: String,
        /// What is odd.
        problem: String,
    },
    /// The server refuses in Git's own words.
    #[error("the Git repository `{url}` refuses: {said}")]
    #[diagnostic(help("check the path, and that the server lets it be read"))]
    Refused {
        /// The URL.
        url: String,
        /// Its words.
        said: String,
    },
    /// The program `ssh` ended without a repository.
    #[error("cannot read the Git repository `{url}` by `{program}`: {said}")]
    #[diagnostic(help("check that `{program} {destination}` logs in without a question; `--ssh-key` names a key"))]
    Ssh {
        /// The URL.
        url: String,
        /// What was run.
        program: String,
        /// `[user@]host`.
        destination: String,
        /// Its last words.
        said: String,
    },
    /// No such branch or tag.
    #[error("the Git repository `{url}` has no {what}")]
    NoRevision {
        /// The URL.
        url: String,
        /// Such as ``branch `main` ``.
        what: String,
        /// Names that it has.
        #[help]
        help: String,
    },
    /// No such commit.
    #[error("the Git repository `{url}` has no commit {commit}")]
    #[diagnostic(help("check the id, and that a branch or tag of that repository leads to the commit"))]
    NoCommit {
        /// The URL.
        url: String,
        /// The id.
        commit: String,
    },
    /// The id is none.
    #[error("`{commit}` is no id of a commit of `{url}`")]
    #[diagnostic(help("write the 40 digits that `git rev-parse` prints; names go to `branch` or `tag`"))]
    BadCommit {
        /// The URL.
        url: String,
        /// As written.
        commit: String,
    },
    /// The objects have longer names than ours.
    #[error("the Git repository `{url}` names its objects by {format}, which is not read here")]
    #[diagnostic(help("only repositories of SHA-1 can be mapped"))]
    Format {
        /// The URL.
        url: String,
        /// Such as `sha256`.
        format: String,
    },
    /// The clone in the cache cannot be made or read.
    #[error("cannot {action} `{}`", path.display())]
    #[diagnostic(help("check the space and the rights of the cache directory; it may be removed at any time"))]
    Cache {
        /// Which step.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::sync::Arc<std::io::Error>,
    },
    /// The file that `--ssh-key` names is not there.
    #[error("there is no SSH key `{}`", path.display())]
    #[diagnostic(help("pass the file of a private key with `--ssh-key`, or in WERF_SSH_KEY and WERF_SSH_KEY_*"))]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The user asked us to stop.
    #[error("the fetching from `{url}` was interrupted")]
    Interrupted {
        /// The URL.
        url: String,
    },
    /// A clone has nowhere to fetch from.
    #[error("the clone `{}` has no remote to fetch from", repository.display())]
    #[diagnostic(help("name one: `git remote add origin URL`"))]
    NoRemote {
        /// The clone.
        repository: PathBuf,
    },
    /// `.gitmodules` says not where a submodule comes from.
    #[error("the `.gitmodules` of the commit has no `url` for the submodule `{name}`")]
    #[diagnostic(help("commit its `url`, or set it here: `git config submodule.{name}.url URL`"))]
    NoUrl {
        /// The submodule's name.
        name: String,
    },
    /// A commit wants a repository of the machine that it is read on.
    #[error("the commit names `{url}`, a repository of this machine, for the submodule `{name}`")]
    #[diagnostic(help("if that is wanted, name it yourself: `git config submodule.{name}.url {url}`"))]
    OfThisMachine {
        /// The URL.
        url: String,
        /// The submodule's name.
        name: String,
    },
    /// Nobody speaks Git LFS there.
    #[error("there is no server of Git LFS at `{url}` (404 Not Found){said}")]
    #[diagnostic(help(
        "check that the server has Git LFS and that you may read the repository; `git config lfs.url URL` names another server"
    ))]
    NoLfsServer {
        /// The URL.
        url: String,
        /// `: ` and what the server said, or nothing.
        said: String,
    },
    /// A server that a commit names wants a login.
    #[error("`{url}`, which `.lfsconfig` of the commit names, wants a login, and gets none: it is not the repository's own host")]
    #[diagnostic(help("if you trust the server, name it yourself: `git config lfs.url {url}`"))]
    Foreign {
        /// The URL.
        url: String,
    },
    /// A server that a commit names is not asked in the clear.
    #[error("`{url}`, which `.lfsconfig` of the commit names, is neither HTTPS nor at the repository's own host")]
    #[diagnostic(help("commit an `https://` URL, or name the server yourself: `git config lfs.url {url}`"))]
    Unencrypted {
        /// The URL.
        url: String,
    },
    /// A server of Git LFS lacks files.
    #[error("the Git LFS server `{url}` lacks {}", objects.join(", "))]
    #[diagnostic(help("push them from a clone that has them: `git lfs push --all origin`"))]
    NoObjects {
        /// The URL.
        url: String,
        /// Their ids, each with what the server says.
        objects: Vec<String>,
    },
    /// What came is no pack of Git objects, or not all of them.
    #[error("what the Git repository `{url}` sent is unusable: {problem}")]
    #[diagnostic(help("run again; if it stays so, check the repository on its server with `git fsck`"))]
    Pack {
        /// The URL.
        url: String,
        /// Why.
        problem: String,
    },
    /// The objects are there and cannot be read.
    #[error("cannot read the Git repository `{url}`")]
    Unreadable {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        #[diagnostic_source]
        cause: GitError,
    },
}
