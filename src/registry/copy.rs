//! Copies images from one repository to another, bytes unchanged, so that their digests stay.
//!
//! Within one registry blobs are mounted (OCI distribution specification, "Mounting a blob from another repository"). Where a registry does
//! not do that, and between registries, they are read and written piece by piece and never whole in memory; whether all came is for the
//! registry to say, which knows their digests.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use http::{HeaderMap, Method, StatusCode};
use hyper::body::Bytes;

use super::auth::Access;
use super::client::{Client, blob_call, plain_call, upload_call};
use super::error::RegistryError;
use super::manifest::{Content, Descriptor, Manifest};
use super::reference::{Digest, Reference, Repository};
use super::session::{self, Call, Host};
use crate::net::{Answer, Failure, Patience, Reply, Setback, Tries};

/// Blobs that are copied at once. Each may take two of the places that a server has.
pub(super) const AT_ONCE: usize = 8;

/// How often a blob is begun to be copied.
const TRIES: u32 = 3;

/// How long a blob may bring nothing while it is read.
const PATIENCE: Duration = Duration::from_secs(20);

impl Client {
    /// Copies the image or index that a reference points to, with all that is in it, under another reference, whose tag is made from its
    /// content: what somebody else has stored there meanwhile is as good. Gives the digest of what is there.
    pub async fn copy(&self, from: &Reference, to: &Reference) -> Result<Digest, RegistryError> {
        let doing = format!("copy image `{from}` to `{to}`");
        let manifest = self.manifest_for(&doing, from).await?;
        match self.content(&doing, &from.repository, &manifest)? {
            Content::Image { config, layers, .. } => self.copy_blobs(&from.repository, &to.repository, &config, &layers).await?,
            Content::Index(entries) => {
                for entry in entries {
                    self.copy_part(&doing, &from.repository, &to.repository, entry.manifest.digest).await?;
                }
            }
        }
        self.put_new(to, &manifest.media_type, &manifest.bytes).await
    }

    /// Copies one image of an index.
    async fn copy_part(&self, doing: &str, from: &Repository, to: &Repository, digest: Digest) -> Result<(), RegistryError> {
        let manifest = self.manifest_for(doing, &from.with_digest(digest.clone())).await?;
        match self.content(doing, from, &manifest)? {
            Content::Image { config, layers, .. } => self.copy_blobs(from, to, &config, &layers).await?,
            Content::Index(_) => return Err(self.odd(doing, from, "it has an index inside an index".into())),
        }
        self.put_manifest(&to.with_digest(digest), &manifest.media_type, &manifest.bytes).await.map(drop)
    }

    fn content(&self, doing: &str, repository: &Repository, manifest: &Manifest) -> Result<Content, RegistryError> {
        manifest.content().map_err(|error| self.odd(doing, repository, format!("the manifest is malformed: {error}")))
    }

    fn odd(&self, doing: &str, repository: &Repository, problem: String) -> RegistryError {
        session::malformed(&self.host(repository), &plain_call(doing, repository, Access::Pull, Method::GET), problem)
    }

    async fn copy_blobs(
        &self,
        from: &Repository,
        to: &Repository,
        config: &Descriptor,
        layers: &[Descriptor],
    ) -> Result<(), RegistryError> {
        let mut known = BTreeSet::new();
        let blobs: Vec<&Descriptor> = layers.iter().chain([config]).filter(|blob| known.insert(&blob.digest)).collect();
        let copying = stream::iter(blobs).map(|blob| self.copy_blob(from, to, blob));
        copying.buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn copy_blob(&self, from: &Repository, to: &Repository, blob: &Descriptor) -> Result<(), RegistryError> {
        // never closed, so there is always a place in the end
        let _place = self.copies().acquire().await;
        let one = Blob {
            client: self,
            doing: format!("copy blob `{from}@{}` to `{to}`", blob.digest),
            from,
            to,
            blob,
            hosts: (self.host(from), self.host(to)),
        };
        one.copy().await
    }
}

/// One blob on its way.
struct Blob<'a> {
    client: &'a Client,
    doing: String,
    from: &'a Repository,
    to: &'a Repository,
    blob: &'a Descriptor,
    hosts: (Arc<Host>, Arc<Host>),
}

impl Blob<'_> {
    async fn copy(&self) -> Result<(), RegistryError> {
        let mut begun = match self.from.registry() == self.to.registry() {
            true => match self.mount().await {
                Mount::Done => return Ok(()),
                Mount::Begun(reply) => Some(reply),
                Mount::Refused => None,
            },
            false => None,
        };
        let context = self.client.context();
        // how long a blob takes is a matter of its size
        let mut tries = Tries::new(Patience { tries: TRIES, budget: Duration::MAX, ..context.patience }, true);
        loop {
            if self.client.has_blob(self.to, &self.blob.digest).await? {
                return Ok(());
            }
            tries.begin(0);
            let Err(error) = self.send(begun.take()).await else { return Ok(()) };
            let pause = error.is_transient().then(|| tries.pause_after(Setback::Passing(&HeaderMap::new()))).flatten();
            let Some(pause) = pause else { return Err(error.after(tries.made())) };
            context.transport.slow().again(self.to.registry(), &self.doing, &error.to_string(), pause);
            tokio::time::sleep(pause).await;
        }
    }

    /// A call that writes to the repository; the token for it may read the other one of the same registry.
    fn call(&self, query: &str) -> Call<'_> {
        let source = Some(self.from).filter(|from| from.registry() == self.to.registry());
        let target = format!("/v2/{}/blobs/uploads/{query}", self.to.path());
        Call { target, source, ..plain_call(&self.doing, self.to, Access::Push, Method::POST) }
    }

    /// Asks the registry to take the blob from its other repository. One that does not do so may begin an upload instead; whatever else it
    /// answers is no error.
    async fn mount(&self) -> Mount {
        let call = self.call(&format!("?mount={}&from={}", self.blob.digest, self.from.path()));
        match session::converse(self.client.context(), &self.hosts.1, &call).await {
            Ok(reply) if reply.status == StatusCode::CREATED => Mount::Done,
            Ok(reply) if reply.status == StatusCode::ACCEPTED => Mount::Begun(reply),
            Ok(_) | Err(_) => Mount::Refused,
        }
    }

    /// Reads the blob here and writes it there, by an upload that was begun or by a new one.
    async fn send(&self, begun: Option<Reply>) -> Result<(), RegistryError> {
        let (context, (source, target)) = (self.client.context(), &self.hosts);
        let begin = self.call("");
        let begun = match begun {
            Some(begun) => begun,
            None => self.client.successful(target, &begin).await?,
        };
        let end = upload_call(target, &begin, &begun, &self.blob.digest)?;
        let read = blob_call(&self.doing, self.from, &self.blob.digest, Method::GET);
        let answer = session::open(context, source, &read).await?;
        let broken = Arc::new(OnceLock::new());
        let sent = session::upload(context, target, &end, self.blob.size, pieces(answer, broken.clone())).await;
        match broken.get() {
            Some(failure) => Err(session::no_answer(context, source, &read, Failure::clone(failure), 1)),
            None => sent,
        }
    }
}

/// What came of a mount.
enum Mount {
    Done,
    Begun(Reply),
    Refused,
}

/// The pieces of an answer's body. What breaks it is noted, for that is not the fault of who takes them.
fn pieces(answer: Answer, broken: Arc<OnceLock<Failure>>) -> impl Stream<Item = Result<Bytes, Failure>> + Send + 'static {
    stream::unfold(Some(answer), move |answer| {
        let broken = broken.clone();
        async move {
            let mut answer = answer?;
            match tokio::time::timeout(PATIENCE, answer.piece()).await.unwrap_or(Err(Failure::TimedOut)) {
                Ok(piece) => piece.map(|piece| (Ok(piece), Some(answer))),
                Err(failure) => {
                    let _ = broken.set(failure.clone());
                    Some((Err(failure), None))
                }
            }
        }
    })
}
