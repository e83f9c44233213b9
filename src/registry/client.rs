//! What a registry does for us, one function per wish, over the OCI distribution specification.
//!
//! Asking whether an image exists is one HEAD on a registry that wants no credentials, and one more 401 and one token per scope and
//! process on others. No tag list is read except by [`Client::tags`]. Idempotent requests are repeated when a registry stumbles.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Bytes;
use tokio::sync::Semaphore;

use super::auth::Access;
use super::copy;
use super::credentials::{Credentials, CredentialsError, DockerConfig};
use super::error::RegistryError;
use super::manifest::{Content, DOCKER_LIST, DOCKER_MANIFEST, Descriptor, ImageConfig, Manifest, OCI_INDEX, OCI_MANIFEST, select};
use super::mirror::Mirror;
use super::reference::{Digest, Reference, Repository, Tag};
use super::session::{self, Call, Context, Host};
use crate::event::Events;
use crate::net::{Patience, Proxies, Reply, Tls, Transport};
use crate::platform::Platform;

/// The longest manifest or configuration that is read, in bytes; registries refuse longer manifests at 4 MiB.
const MAX_DOCUMENT: usize = 8 << 20;

/// How registries are spoken to.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the wire is encrypted where the host's name does not tell.
    pub scheme: Scheme,
    /// How both sides prove who they are.
    pub tls: Tls,
    /// What is between us and registries.
    pub proxies: Proxies,
    /// Who we are.
    pub credentials: DockerConfig,
    /// How often and how long we ask.
    pub patience: Patience,
    /// Where waits and further tries are told.
    pub events: Events,
    /// Where base images of docker.io are looked for first.
    pub mirrors: Vec<Mirror>,
}

/// Plain or encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// HTTPS, except for hosts on this machine.
    #[default]
    Secure,
    /// Plain HTTP for every host: `--insecure-registry`.
    Insecure,
}

/// Whether there was something to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is deleted.
    Done,
    /// It was not there.
    WasAbsent,
}

/// The registries, as one process knows them. Clones share connections and tokens.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    scheme: Scheme,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    /// Places for blobs that are copied.
    copies: Semaphore,
    mirrors: Vec<Mirror>,
}

impl Client {
    /// Makes a client; sends and opens nothing.
    pub fn new(options: Options) -> Self {
        let Options { scheme, tls, proxies, credentials, patience, events, mirrors } = options;
        let context = Context { transport: Transport::new(tls, proxies).telling(&events), credentials, patience };
        Client(Arc::new(Inner { context, scheme, hosts: Mutex::default(), copies: Semaphore::new(copy::AT_ONCE), mirrors }))
    }

    /// The credentials for a registry's host as they are now, for those who must show them elsewhere, such as BuildKit's session: a build
    /// may take longer than a login is good for.
    pub async fn credentials_for(&self, host: &str) -> Result<Credentials, CredentialsError> {
        self.0.context.credentials.credentials_for(host, true).await
    }

    /// Whether a registry lets us in with our credentials. Asks for nothing in it.
    pub async fn check_login(&self, host: &str) -> Result<(), RegistryError> {
        let doing = format!("log in to `{host}`");
        let root = Repository::root(host);
        let host = self.host(&root);
        let call = Call { target: "/v2/".into(), ..plain_call(&doing, &root, Access::Pull, Method::GET) };
        self.successful(&host, &call).await.map(drop)
    }

    /// What a reference points to; `None` where there is no such image, or where a registry that knows us does not show its repository,
    /// as several do before the first image is in it. One HEAD.
    pub async fn head(&self, reference: &Reference) -> Result<Option<Descriptor>, RegistryError> {
        match self.head_shown(reference).await {
            Err(RegistryError::Hidden { .. }) => Ok(None),
            found => found,
        }
    }

    /// The same, where a registry that does not show the repository is an error.
    pub(super) async fn head_shown(&self, reference: &Reference) -> Result<Option<Descriptor>, RegistryError> {
        let doing = format!("check image `{reference}`");
        let host = self.host(&reference.repository);
        let call = manifest_call(&doing, reference, Method::HEAD);
        let reply = session::converse(&self.0.context, &host, &call).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let size = header_text(&reply, header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        match (content_digest(&reply), size) {
            (Some(digest), Some(size)) if reply.status.is_success() && !is_page(&reply) => {
                Ok(Some(Descriptor { digest, size, media_type: media_type(&reply, &[]) }))
            }
            // The headers are optional in the specification, and not every server knows HEAD; the bytes tell all.
            _ => Ok(self.find_manifest(&doing, reference).await?.map(|manifest| describe(&manifest))),
        }
    }

    /// The manifest or index that a reference points to.
    pub async fn manifest(&self, reference: &Reference) -> Result<Manifest, RegistryError> {
        self.manifest_for(&format!("read the manifest of `{reference}`"), reference).await
    }

    /// The configuration of the image that a reference points to, of an index the one for a platform.
    pub async fn config(&self, reference: &Reference, platform: &Platform) -> Result<ImageConfig, RegistryError> {
        let doing = format!("read the configuration of image `{reference}`");
        let manifest = self.manifest_for(&doing, reference).await?;
        self.config_of(&doing, reference, manifest, Some(platform)).await
    }

    /// Deletes a manifest with all tags that point to it. The registry frees the blobs when it collects its garbage.
    ///
    /// # Errors
    /// Among others where the answer is a success that no registry gives, such as a login page, and where the registry denies to have
    /// the manifest and has it: then nothing was deleted.
    pub async fn delete(&self, repository: &Repository, digest: &Digest) -> Result<Deletion, RegistryError> {
        let reference = repository.with_digest(digest.clone());
        let doing = format!("delete image `{reference}`");
        let host = self.host(repository);
        let call = Call { access: Access::Delete, headers: HeaderMap::new(), ..manifest_call(&doing, &reference, Method::DELETE) };
        let reply = session::converse(&self.0.context, &host, &call).await?;
        match reply.status {
            StatusCode::NOT_FOUND => match self.head_shown(&reference).await? {
                None => Ok(Deletion::WasAbsent),
                Some(_) => Err(session::undeletable(&host, &call, &reply)),
            },
            // Who answers with more than the status may be no registry: then the manifest is still there.
            status if status.is_success() && !reply.body.is_empty() && self.head_shown(&reference).await?.is_some() => {
                Err(session::malformed(&host, &call, "it says that the manifest is deleted, and still has it".into()))
            }
            status if status.is_success() => Ok(Deletion::Done),
            _ => Err(session::unwanted(&host, &call, &reply)),
        }
    }

    /// Stores a manifest under a tag that is made from content, so that whoever stores under it stores the same: what somebody else has
    /// stored meanwhile is as good, and where tags are immutable ours is refused. Gives the digest of what is there.
    pub async fn put_new(&self, reference: &Reference, media_type: &str, bytes: &[u8]) -> Result<Digest, RegistryError> {
        match self.put_manifest(reference, media_type, bytes).await {
            Err(error) => match self.head_shown(reference).await {
                Ok(Some(found)) => Ok(found.digest),
                Ok(None) | Err(_) => Err(error),
            },
            stored => stored,
        }
    }

    /// Stores a manifest under a reference's tag or digest. Its blobs must be there. A registry that refuses to replace what is there already
    /// has nothing to refuse where it is the same.
    pub async fn put_manifest(&self, reference: &Reference, media_type: &str, bytes: &[u8]) -> Result<Digest, RegistryError> {
        let doing = format!("store image `{reference}`");
        let host = self.host(&reference.repository);
        let mut call = manifest_call(&doing, reference, Method::PUT);
        let content_type = HeaderValue::from_str(media_type)
            .map_err(|_| session::malformed(&host, &call, format!("`{media_type:?}` is not a media type")))?;
        call.access = Access::Push;
        call.headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
        call.body = Bytes::copy_from_slice(bytes);
        let digest = Digest::of(bytes);
        match self.successful(&host, &call).await {
            Err(refused @ (RegistryError::Rejected { .. } | RegistryError::Forbidden { .. })) => match self.head_shown(reference).await {
                Ok(Some(found)) if found.digest == digest => Ok(digest),
                Ok(_) | Err(_) => Err(refused),
            },
            stored => stored.map(|_| digest),
        }
    }

    /// Gives an image one more tag in the same repository.
    pub async fn tag(&self, from: &Reference, to: &Tag) -> Result<Digest, RegistryError> {
        let manifest = self.manifest_for(&format!("tag image `{from}`"), from).await?;
        self.put_manifest(&from.repository.with_tag(to.clone()), &manifest.media_type, &manifest.bytes).await
    }

    /// Whether a repository has a blob. One HEAD.
    pub async fn has_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, RegistryError> {
        let doing = format!("check blob `{repository}@{digest}`");
        let host = self.host(repository);
        let call = blob_call(&doing, repository, digest, Method::HEAD);
        let reply = match session::converse(&self.0.context, &host, &call).await {
            Err(RegistryError::Hidden { .. }) => return Ok(false),
            reply => reply?,
        };
        match reply.status {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(session::unwanted(&host, &call, &reply)),
        }
    }

    /// A blob's bytes, at most `limit` of them, checked against their digest.
    pub async fn blob(&self, repository: &Repository, digest: &Digest, limit: usize) -> Result<Bytes, RegistryError> {
        self.blob_for(&format!("read blob `{repository}@{digest}`"), repository, digest, limit).await
    }

    /// Stores a blob unless it is there.
    pub async fn put_blob(&self, repository: &Repository, bytes: Bytes) -> Result<Digest, RegistryError> {
        let digest = Digest::of(&bytes);
        if self.has_blob(repository, &digest).await? {
            return Ok(digest);
        }
        let doing = format!("store blob `{repository}@{digest}`");
        let host = self.host(repository);
        let target = format!("/v2/{}/blobs/uploads/", repository.path());
        let begin = Call { target, ..plain_call(&doing, repository, Access::Push, Method::POST) };
        let reply = self.successful(&host, &begin).await?;
        let end = Call { body: bytes, ..upload_call(&host, &begin, &reply, &digest)? };
        match self.successful(&host, &end).await {
            // An answer may be lost, and what is sent again then is an upload that has ended.
            Err(error) => match self.has_blob(repository, &digest).await {
                Ok(true) => Ok(digest),
                Ok(false) | Err(_) => Err(error),
            },
            Ok(_) => Ok(digest),
        }
    }

    /// The manifest that a reference points to; `None` where the registry says that there is none.
    pub(super) async fn find_manifest(&self, doing: &str, reference: &Reference) -> Result<Option<Manifest>, RegistryError> {
        match self.manifest_for(doing, reference).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(RegistryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn manifest_for(&self, doing: &str, reference: &Reference) -> Result<Manifest, RegistryError> {
        let host = self.host(&reference.repository);
        let call = manifest_call(doing, reference, Method::GET);
        let reply = self.successful(&host, &call).await?;
        if let Some(wanted) = &reference.digest
            && !wanted.matches(&reply.body)
        {
            return Err(session::malformed(&host, &call, format!("the manifest's bytes do not have digest {wanted}")));
        }
        // A login page is a success to HTTP.
        if let Err(error) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&reply.body) {
            return Err(session::malformed(&host, &call, format!("the manifest is malformed: {error}")));
        }
        let digest = reference.digest.clone().unwrap_or_else(|| Digest::of(&reply.body));
        Ok(Manifest { digest, media_type: media_type(&reply, &reply.body), bytes: reply.body.to_vec() })
    }

    /// Goes from a manifest to its image's configuration; `None` as platform takes the first image of an index.
    pub(super) async fn config_of(
        &self,
        doing: &str,
        reference: &Reference,
        manifest: Manifest,
        platform: Option<&Platform>,
    ) -> Result<ImageConfig, RegistryError> {
        let repository = &reference.repository;
        let host = self.host(repository);
        let call = plain_call(doing, repository, Access::Pull, Method::GET);
        let unreadable = |error: serde_json::Error| session::malformed(&host, &call, format!("the manifest is malformed: {error}"));
        let (manifest, config, annotations) = match manifest.content().map_err(unreadable)? {
            Content::Image { config, annotations, .. } => (manifest, config, annotations),
            Content::Index(entries) => {
                let chosen = match platform {
                    Some(platform) => select(&entries, platform),
                    None => entries.iter().find(|entry| entry.platform.as_ref().is_none_or(|platform| platform.os() != "unknown")),
                };
                let Some(entry) = chosen else {
                    let available: Vec<_> = entries
                        .iter()
                        .filter_map(|entry| entry.platform.as_ref())
                        .filter(|platform| platform.os() != "unknown")
                        .map(ToString::to_string)
                        .collect();
                    let available = if available.is_empty() { "nothing".to_owned() } else { available.join(", ") };
                    let platform = platform.map_or("any platform".to_owned(), ToString::to_string);
                    return Err(RegistryError::NoPlatform { doing: doing.to_owned(), platform, available });
                };
                let inner = self.manifest_for(doing, &repository.with_digest(entry.manifest.digest.clone())).await?;
                match inner.content().map_err(unreadable)? {
                    Content::Image { config, annotations, .. } => (inner, config, annotations),
                    Content::Index(_) => return Err(session::malformed(&host, &call, "it has an index inside an index".into())),
                }
            }
        };
        let bytes = self.blob_for(doing, repository, &config.digest, MAX_DOCUMENT).await?;
        let json = serde_json::from_slice(&bytes)
            .map_err(|error| session::malformed(&host, &call, format!("the configuration is not JSON: {error}")))?;
        Ok(ImageConfig { manifest: describe(&manifest), digest: config.digest, annotations, json })
    }

    async fn blob_for(&self, doing: &str, repository: &Repository, digest: &Digest, limit: usize) -> Result<Bytes, RegistryError> {
        let host = self.host(repository);
        let call = Call { limit, ..blob_call(doing, repository, digest, Method::GET) };
        let reply = self.successful(&host, &call).await?;
        if !digest.matches(&reply.body) {
            return Err(session::malformed(&host, &call, format!("the blob's bytes do not have digest {digest}")));
        }
        Ok(reply.body)
    }

    pub(super) async fn successful(&self, host: &Host, call: &Call<'_>) -> Result<Reply, RegistryError> {
        let reply = session::converse(&self.0.context, host, call).await?;
        if reply.status.is_success() { Ok(reply) } else { Err(session::unwanted(host, call, &reply)) }
    }

    /// The mirrors of docker.io.
    pub fn mirrors(&self) -> &[Mirror] {
        &self.0.mirrors
    }

    pub(super) fn copies(&self) -> &Semaphore {
        &self.0.copies
    }

    pub(super) fn context(&self) -> &Context {
        &self.0.context
    }

    pub(super) fn host(&self, repository: &Repository) -> Arc<Host> {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let name = repository.registry();
        hosts.entry(name.to_owned()).or_insert_with(|| Arc::new(Host::new(name, self.0.scheme == Scheme::Insecure))).clone()
    }
}

pub(super) fn plain_call<'a>(doing: &'a str, repository: &'a Repository, access: Access, method: Method) -> Call<'a> {
    Call {
        doing,
        repository,
        access,
        source: None,
        method,
        target: String::new(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        limit: MAX_DOCUMENT,
    }
}

fn manifest_call<'a>(doing: &'a str, reference: &'a Reference, method: Method) -> Call<'a> {
    const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
        application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
    let mut call = plain_call(doing, &reference.repository, Access::Pull, method);
    call.target = format!("/v2/{}/manifests/{}", reference.repository.path(), reference.identifier());
    call.headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
    call
}

pub(super) fn blob_call<'a>(doing: &'a str, repository: &'a Repository, digest: &Digest, method: Method) -> Call<'a> {
    let target = format!("/v2/{}/blobs/{digest}", repository.path());
    Call { target, ..plain_call(doing, repository, Access::Pull, method) }
}

/// The end of an upload of a blob that was begun, without its bytes.
pub(super) fn upload_call<'a>(host: &Host, begin: &Call<'a>, begun: &Reply, digest: &Digest) -> Result<Call<'a>, RegistryError> {
    let location = header_text(begun, header::LOCATION)
        .ok_or_else(|| session::malformed(host, begin, "it begins an upload and does not say where".into()))?;
    let joint = if location.contains('?') { '&' } else { '?' };
    Ok(Call {
        method: Method::PUT,
        target: format!("{location}{joint}digest={digest}"),
        headers: HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))]),
        ..begin.clone()
    })
}

fn describe(manifest: &Manifest) -> Descriptor {
    Descriptor { digest: manifest.digest.clone(), size: manifest.bytes.len() as u64, media_type: manifest.media_type.clone() }
}

fn header_text(reply: &Reply, name: header::HeaderName) -> Option<&str> {
    reply.headers.get(name)?.to_str().ok()
}

fn content_digest(reply: &Reply) -> Option<Digest> {
    Digest::parse(reply.headers.get("docker-content-digest")?.to_str().ok()?).ok()
}

/// Whether an answer is for people.
fn is_page(reply: &Reply) -> bool {
    header_text(reply, header::CONTENT_TYPE).is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// The manifest's type as the registry tells it, else as the document does.
fn media_type(reply: &Reply, bytes: &[u8]) -> String {
    let told = header_text(reply, header::CONTENT_TYPE).map(|value| value.split(';').next().unwrap_or_default().trim());
    match told {
        Some(told @ (OCI_MANIFEST | OCI_INDEX | DOCKER_MANIFEST | DOCKER_LIST)) => told.to_owned(),
        told => {
            let document: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
            let own = document.get("mediaType").and_then(|own| own.as_str());
            own.or(told).unwrap_or(OCI_MANIFEST).to_owned()
        }
    }
}
