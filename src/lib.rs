//! `werf` takes an application from a Git commit to a healthy release in Kubernetes, with no Docker and no daemon to look after.
//!
//! # One idea
//!
//! A commit is the only input. It determines, without building anything, the name of every image (a BLAKE3 content digest) and the
//! text of every manifest. So `converge` knows at once what is missing in the registry and what differs in the cluster, checks the
//! whole deployment before the first build step runs, does only the missing work, and does nothing when nothing is missing.
//!
//! ```text
//! commit ──► werf.yaml ──► image tree ──► content digests ──► what is missing? ──► LLB ──► BuildKit ──► registry
//!    │                                         │                                                        │
//!    └─────► chart ──► manifests (image names are known already) ──► plan against the cluster ──► apply ◄┘──► track ──► release
//! ```
//!
//! Two things follow, and the code keeps them visible. Render, validate and plan run *beside* the build: only *apply* waits for images
//! ([`ops::converge`]). And a converge with nothing to do starts no builder, lists no tags and writes nothing.
//!
//! # The rooms, in reading order
//!
//! | room | what it knows | kind |
//! | --- | --- | --- |
//! | [`cli`] | flags, environment variables, exit codes | edge |
//! | [`ops`] | the use cases, one file per command; [`ops::converge`] is the one to read first | |
//! | [`project`] | from a commit to a checked configuration: `git` (I/O, with `git::remote` for other repositories), `giterminism`, `includes` and `config` (pure) | |
//! | [`template`] | Go templates, Jinja beside them, and the Helm function table | pure |
//! | [`images`] | from configuration to published images: `image`, `dockerfile`, `git_layers`, `llb` (pure), `buildkit` (I/O) | |
//! | [`net`] | the one network floor: TLS, proxies, how many at once, how long, how often; protocols stand on it | I/O |
//! | [`registry`] | references, credentials, manifests, tags | I/O |
//! | [`chart_repository`] | charts of repositories and registries: indexes, archives, their cache | I/O |
//! | [`chart`] | from a chart's files and values to manifests, as Helm renders them | pure |
//! | [`deploy`] | from manifests to a healthy release: `resource`, `schema`, `plan` (pure), `cluster` (I/O) | |
//! | [`secret`] | secret values: their key, and what is encrypted with it | pure |
//! | [`kinds`] | what is known of each kind of Kubernetes, one row a kind: names, order, status, pods, what it refers to | pure |
//! | [`ci`] | from what a CI job says to variables of werf, as shells read them | pure |
//! | [`cleanup`] | which published images stay and which go, each with its reason | pure |
//! | [`ui`] | events and errors on standard error, data on standard output | edge |
//! | [`child_process`] | programs that are asked something, and end with us | I/O |
//! | [`cache_file`] | files of caches: there whole, or not at all | I/O |
//! | [`private_file`] | files that only their owner may read, changed by one process at a time | I/O |
//! | [`concealed`] | secret texts of the run that no output shows | pure but for what it keeps |
//! | [`glob`] | path patterns: many for one path, one for many paths | pure |
//! | [`error`], [`event`], [`file_tree`], [`platform`], [`yaml`] | what all rooms speak | pure |
//! | [`words`] | what many rooms say: near names, hexadecimal digits, durations, texts of URLs | pure |
//!
//! # Arrows
//!
//! `main → cli → ops → rooms`; `ui → event, error, concealed`. `images`, `chart`, `deploy`, `cleanup` and `chart_repository` never import one another: `ops`
//! carries plain values between them. They may use `project::config`'s checked types and `registry::reference`. Inside a room, I/O imports pure code, never
//! the other way round. `tests/it/architecture.rs` has the table of all arrows, those between the floors of [`chart`] too, and holds every path of the
//! source against it: none that it does not have, and none that nothing uses. (`main` names one more: the embedded builder's helpers are the same binary.)
//!
//! # What is absent
//!
//! - `llb` knows nothing of werf.yaml, `image` nothing of gRPC; `plan` and `kinds` never see a cluster.
//! - Configuration, templates and charts read files only through [`file_tree::FileTree`]: one commit, and below it what it includes at
//!   locked commits, unless the giterminism file says so.
//! - A digest depends on declared inputs alone: no clock, host name, absolute path, environment or map order reaches it.
//! - Every cluster change is in a plan before it is made.
//! - Environment and flags are read in `cli`; output is written in `ui`; a secret is a type that prints as `***`.
//!
//! # Glossary
//!
//! One word per idea. From werf: *image*, *stage*, *digest* (BLAKE3 name of an image's inputs, and its tag), *import*, *giterminism*.
//! From LLB: *state*, *op*, *vertex*, *definition*, *solve*. From OCI: *reference*, *descriptor*, *manifest*; a manifest's sha256 is
//! always called *manifest digest*. From Helm: *chart*, *values*, *release*, *revision*, *hook*, *chart repository* with its *index*, *lock*.
//! From Kubernetes: *resource*, *condition*, *generation*. Verbs: *parse* text to a value, *check* raw to valid, *compile* stages to LLB,
//! *marshal* to bytes, *render*, *resolve* a name by I/O, *load* reads and parses, *solve*, *push*, *apply*, *track*.

#![forbid(unsafe_op_in_unsafe_fn)]

pub mod cache_file;
pub mod chart;
pub mod chart_repository;
pub mod child_process;
pub mod ci;
pub mod cleanup;
pub mod cli;
pub mod concealed;
pub mod deploy;
pub mod error;
pub mod event;
pub mod file_tree;
pub mod glob;
pub mod images;
pub mod kinds;
pub mod net;
pub mod ops;
pub mod platform;
pub mod private_file;
pub mod project;
pub mod registry;
pub mod secret;
pub mod template;
pub mod ui;
pub mod words;
pub mod yaml;
