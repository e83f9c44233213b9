//! One build of one image.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;
use tonic::{Response, Status, Streaming};

use super::client::Client;
use super::embedded;
use super::error::SolveError;
use super::progress::Follower;
use super::proto::moby::buildkit::v1 as proto;
use super::proto::moby::buildkit::v1::sourcepolicy;
use super::session::Session;
use crate::event::Events;
use crate::images::llb::Definition;

/// What to build and where the result goes.
#[derive(Clone, Debug)]
pub struct SolveRequest<B = Build> {
    /// Name in werf.yaml, for events and errors.
    pub image: String,
    /// What to build; `()` where it is made in steps ([`Client::solve_in_steps`]).
    pub build: B,
    /// Where the image goes; `None` builds without keeping the result.
    pub export: Option<ImageExport>,
    /// Rights beyond a sandbox, such as `network.host`.
    pub entitlements: Vec<String>,
    /// Images that are fetched from elsewhere than their names say: reference by reference, both in full.
    pub moved: BTreeMap<String, String>,
    /// Caches to read.
    pub cache_from: Vec<CacheEntry>,
    /// Caches to write.
    pub cache_to: Vec<CacheEntry>,
    /// Keeps a record in the daemon's history, at the price of a synchronous write to disk.
    pub record: bool,
}

/// The two ways to describe a build.
#[derive(Clone, Debug)]
pub enum Build {
    /// A graph of ours.
    Llb(Definition),
    /// A frontend of the daemon's, which makes the graph.
    Frontend {
        /// `dockerfile.v0`.
        name: String,
        /// Such as `target`, `filename`, `build-arg:NAME`.
        attrs: BTreeMap<String, String>,
        /// Graphs that stand for its local directories, such as `context` and `dockerfile`.
        inputs: BTreeMap<String, Definition>,
    },
}

/// An image as the result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageExport {
    /// `repository:tag`, all pushed.
    pub references: Vec<String>,
    /// Whether the image goes to the registry or only to the daemon's store.
    pub push: bool,
    /// Accepts a registry without valid TLS or without TLS.
    pub insecure: bool,
    /// The OCI image config as JSON; a frontend gives its own.
    pub config: Option<String>,
    /// Annotations of the manifest, such as `org.opencontainers.image.created`.
    pub annotations: BTreeMap<String, String>,
    /// More attributes of the exporter, such as `compression` or `rewrite-timestamp`.
    pub attrs: BTreeMap<String, String>,
}

/// A cache outside the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// `registry`, `inline`, `local`.
    pub kind: String,
    /// Such as `ref`, `mode`.
    pub attrs: BTreeMap<String, String>,
}

/// A finished build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solved {
    /// Digest of the manifest (or of the index); empty without an export.
    pub manifest_digest: String,
    /// Digest of the image config; `None` for an index.
    pub config_digest: Option<String>,
    /// All that the exporter said.
    pub response: BTreeMap<String, String>,
}

impl<B> SolveRequest<B> {
    /// A request without caches and entitlements.
    pub fn new(image: impl Into<String>, build: B, export: Option<ImageExport>) -> Self {
        SolveRequest {
            image: image.into(),
            build,
            export,
            entitlements: Vec::new(),
            moved: BTreeMap::new(),
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            record: false,
        }
    }
}

impl Client {
    /// Builds one image. Dropping the future or cancelling the token ends the build at the daemon too.
    pub async fn solve(
        &self,
        session: &Session,
        request: SolveRequest,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Solved, SolveError> {
        let image = request.image.clone();
        let export = request.export.is_some();
        let reference = uuid::Uuid::new_v4().simple().to_string();
        let follower = Follower::new(image.clone(), self.endpoint.to_string(), events.clone());

        let solve = {
            let (build, mut message) = message(request, reference.clone(), session.id());
            match build {
                Build::Llb(definition) => message.definition = Some(definition.into_message()),
                Build::Frontend { name, attrs, inputs } => {
                    follower.given(&attrs);
                    message.frontend = name;
                    message.frontend_attrs = attrs;
                    message.frontend_inputs = inputs.into_iter().map(|(name, input)| (name, input.into_message())).collect();
                }
            }
            let mut control = self.control();
            async move { control.solve(message).await }
        };
        let outcome = tokio::select! {
            outcome = follower.follow(solve, self.status(reference)) => outcome,
            status = self.falls_silent() => Err(status),
            _ = cancel.cancelled() => return Err(SolveError::Cancelled { image }),
        };
        match outcome {
            Ok(response) => self.solved(image, export, response),
            Err(_) if cancel.is_cancelled() => Err(SolveError::Cancelled { image }),
            Err(status) => Err(self.with_log_of_lost(follower.error(status))),
        }
    }

    /// Asks for the status of a build.
    pub(super) fn status(
        &self,
        reference: String,
    ) -> impl Future<Output = Result<Response<Streaming<proto::StatusResponse>>, Status>> + use<> {
        let mut control = self.control();
        async move { control.status(proto::StatusRequest { r#ref: reference }).await }
    }

    /// What a finished build made.
    pub(super) fn solved(&self, image: String, export: bool, response: proto::SolveResponse) -> Result<Solved, SolveError> {
        let response = response.exporter_response;
        let manifest_digest = response.get("containerimage.digest").cloned().unwrap_or_default();
        if export && manifest_digest.is_empty() {
            return Err(SolveError::NoDigest { image, endpoint: self.endpoint.to_string() });
        }
        Ok(Solved { manifest_digest, config_digest: response.get("containerimage.config.digest").cloned(), response })
    }

    /// The error; where our own daemon went away, with the end of its log.
    pub(super) fn with_log_of_lost(&self, mut error: SolveError) -> SolveError {
        if let SolveError::Lost { log, .. } = &mut error {
            *log = self.log().and_then(embedded::log_tail);
        }
        error
    }
}

/// The message without what is to be built, and that beside it.
pub(super) fn message<B>(request: SolveRequest<B>, reference: String, session: &str) -> (B, proto::SolveRequest) {
    let mut message = proto::SolveRequest {
        r#ref: reference,
        session: session.to_owned(),
        entitlements: request.entitlements,
        internal: !request.record,
        source_policy: policy(request.moved),
        cache: Some(proto::CacheOptions {
            imports: request.cache_from.into_iter().map(cache_message).collect(),
            exports: request.cache_to.into_iter().map(cache_message).collect(),
        }),
        ..Default::default()
    };
    if let Some(export) = request.export {
        // The old pair of fields: daemons before `Exporters` would ignore the new one without a word.
        message.exporter_deprecated = "image".into();
        message.exporter_attrs_deprecated = export_attrs(export);
    }
    (request.build, message)
}

/// The rules by which the daemon fetches images from elsewhere.
fn policy(moved: BTreeMap<String, String>) -> Option<sourcepolicy::Policy> {
    let source = |reference: String| format!("docker-image://{reference}");
    let rule = |(named, place): (String, String)| sourcepolicy::Rule {
        action: sourcepolicy::PolicyAction::Convert.into(),
        selector: Some(sourcepolicy::Selector { identifier: source(named), match_type: sourcepolicy::MatchType::Exact.into() }),
        updates: Some(sourcepolicy::Update { identifier: source(place), attrs: BTreeMap::new() }),
    };
    (!moved.is_empty()).then(|| sourcepolicy::Policy { version: 1, rules: moved.into_iter().map(rule).collect() })
}

fn export_attrs(export: ImageExport) -> BTreeMap<String, String> {
    let mut attrs = BTreeMap::from([("oci-mediatypes".to_owned(), "true".to_owned())]);
    attrs.extend(export.attrs);
    attrs.insert("name".into(), export.references.join(","));
    attrs.insert("push".into(), export.push.to_string());
    if export.insecure {
        attrs.insert("registry.insecure".into(), "true".into());
    }
    if let Some(config) = export.config {
        attrs.insert("containerimage.config".into(), config);
    }
    attrs.extend(export.annotations.into_iter().map(|(key, value)| (format!("annotation.{key}"), value)));
    attrs
}

fn cache_message(entry: CacheEntry) -> proto::CacheOptionsEntry {
    proto::CacheOptionsEntry { r#type: entry.kind, attrs: entry.attrs }
}
