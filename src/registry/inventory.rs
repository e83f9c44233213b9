//! What a repository has: its tags, page by page, and the image of each.
//!
//! Whoever deletes goes by this, so nothing is guessed: a list that is none, or that does not end, and a tag that the registry lists and
//! does not show are errors. Only what lies below a manifest, such as a configuration that is none, is doubtful for that one image.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt};
use http::{Method, StatusCode, header};
use serde_json::Value;

use super::auth::Access;
use super::client::{Client, plain_call};
use super::error::RegistryError;
use super::manifest::{CREATED, Content, DOCKER_LIST, Manifest, OCI_INDEX, TaggedImage};
use super::reference::{Digest, Reference, Repository, Tag};
use super::session::{self, Call};
use crate::net::{Reply, resolve};

/// How many tags of a page we ask for; registries may give fewer.
const PAGE: usize = 1000;

impl Client {
    /// All tags of a repository, in the registry's order, each once; none where there is no such repository. One request per page.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, RegistryError> {
        let doing = format!("list the tags of `{repository}`");
        let host = self.host(repository);
        let (mut tags, mut known) = (Vec::new(), HashSet::new());
        let mut target = format!("/v2/{}/tags/list?n={PAGE}", repository.path());
        let mut asked = HashSet::from([target.clone()]);
        loop {
            let call = Call { target: target.clone(), ..plain_call(&doing, repository, Access::Pull, Method::GET) };
            let reply = session::converse(self.context(), &host, &call).await?;
            if reply.status == StatusCode::NOT_FOUND && asked.len() == 1 {
                return Ok(tags);
            }
            if !reply.status.is_success() {
                return Err(session::unwanted(&host, &call, &reply));
            }
            let odd = |problem: String| session::malformed(&host, &call, problem);
            let page = page_of(&reply).map_err(odd)?;
            let before = known.len();
            // A tag that breaks the grammar cannot be asked for, so it cannot be of our making.
            let fresh = page.iter().filter(|tag| known.insert((*tag).clone())).filter_map(|tag| Tag::parse(tag).ok());
            tags.extend(fresh);
            let Some(link) = next_page(&reply) else { return Ok(tags) };
            if !page.is_empty() && known.len() == before {
                return Err(odd("its pages of tags go round in circles".into()));
            }
            // The link is made a path: a registry behind a proxy may name itself by another scheme.
            target = path_of(&resolve(&target, &link));
            if !asked.insert(target.clone()) {
                return Err(odd("its pages of tags go round in circles".into()));
            }
        }
    }

    /// Tags with their images; of tags that are no content digests little more than the manifest digest is read. Tags that vanish meanwhile are
    /// left out. `at_once` bounds the requests under way.
    pub async fn images(&self, repository: &Repository, tags: Vec<Tag>, at_once: usize) -> Result<Vec<TaggedImage>, RegistryError> {
        let images = futures::stream::iter(tags.into_iter().map(|tag| self.tagged_image(repository, tag))).buffered(at_once.max(1));
        images.try_filter_map(async |image| Ok(image)).try_collect().await
    }

    /// The manifest that a reference points to; `None` where there is none.
    pub async fn manifest_if_there(&self, reference: &Reference) -> Result<Option<Manifest>, RegistryError> {
        self.find_manifest(&format!("read the manifest of `{reference}`"), reference).await
    }

    async fn tagged_image(&self, repository: &Repository, tag: Tag) -> Result<Option<TaggedImage>, RegistryError> {
        let reference = repository.with_tag(tag.clone());
        let bare = |digest: Digest, parts: Vec<Digest>| TaggedImage {
            tag: tag.clone(),
            digest,
            parts,
            labels: Default::default(),
            created: None,
            doubt: None,
        };
        if !tag.is_content_digest() {
            match self.head_shown(&reference).await? {
                // An index of somebody else's may have images of ours in it.
                Some(found) if found.media_type != OCI_INDEX && found.media_type != DOCKER_LIST => {
                    return Ok(Some(bare(found.digest, Vec::new())));
                }
                _ => {}
            }
            let found = self.find_manifest(&format!("read the manifest of `{reference}`"), &reference).await?;
            return Ok(found.map(|found| bare(found.digest.clone(), parts(&found))));
        }
        let doing = format!("read the configuration of image `{reference}`");
        let Some(manifest) = self.find_manifest(&doing, &reference).await? else { return Ok(None) };
        let known = bare(manifest.digest.clone(), parts(&manifest));
        let annotations = manifest.annotations();
        Ok(Some(match self.config_of(&doing, &reference, manifest, None).await {
            Ok(config) => TaggedImage { labels: config.labels(), created: config.created(), ..known },
            Err(RegistryError::NotFound { .. } | RegistryError::NoPlatform { .. }) => {
                let created = annotations.get(CREATED).and_then(|time| time.parse().ok());
                TaggedImage { labels: annotations, created, ..known }
            }
            Err(RegistryError::Malformed { problem, .. }) => TaggedImage { doubt: Some(problem), ..known },
            Err(error) => return Err(error),
        }))
    }
}

/// The manifests that an index is made of.
fn parts(manifest: &Manifest) -> Vec<Digest> {
    match manifest.content() {
        Ok(Content::Index(entries)) => entries.into_iter().map(|entry| entry.manifest.digest).collect(),
        _ => Vec::new(),
    }
}

/// The tags of one page. Some registries have `null` where there are none; anything else than a list of texts is another server's page.
fn page_of(reply: &Reply) -> Result<Vec<String>, String> {
    let document: Value = serde_json::from_slice(&reply.body).map_err(|error| format!("the list of tags is not JSON: {error}"))?;
    let tags = document.as_object().and_then(|page| page.get("tags")).ok_or("the list of tags has no `tags`")?;
    match tags {
        Value::Null => Ok(Vec::new()),
        Value::Array(tags) => {
            let texts = tags.iter().map(|tag| tag.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(|| "`tags` in the list of tags is no list of texts".to_owned())
        }
        _ => Err("`tags` in the list of tags is no list of texts".to_owned()),
    }
}

/// The target of a `Link: <…>; rel="next"` header (RFC 8288).
fn next_page(reply: &Reply) -> Option<String> {
    let links = reply.headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let next = links.into_iter().find(|link| link.contains("rel=next") || link.contains("rel=\"next\""))?;
    Some(next.split_once('<')?.1.split_once('>')?.0.to_owned())
}

fn path_of(url: &str) -> String {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/".to_owned(), |at| rest[at..].to_owned()),
        None => url.to_owned(),
    }
}
