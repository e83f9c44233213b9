//! Which published images workloads use.

use std::collections::BTreeMap;

use super::Published;
use crate::registry::reference::{Reference, Repository};

/// The image strings of containers, each with who uses it, such as `Deployment/web in namespace shop`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use(BTreeMap<String, String>);

impl Use {
    /// Collects pairs of an image string (`repo:tag`, `repo@digest`, `repo:tag@digest`) and its user; of several users the first by name
    /// is kept.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut uses = BTreeMap::new();
        for (image, by) in pairs {
            let entry = uses.entry(image).or_insert_with(|| by.clone());
            if by < *entry {
                *entry = by;
            }
        }
        Use(uses)
    }

    /// The uses of one repository, by tag and by digest; the same image in another spelling (`app`, `docker.io/library/app`) is the same.
    pub(super) fn of(&self, repository: &Repository) -> UseOf<'_> {
        let mut found = UseOf::default();
        for (image, by) in &self.0 {
            // What is no reference cannot be run either.
            let Ok(reference) = Reference::parse(image) else { continue };
            if reference.repository != *repository {
                continue;
            }
            // With both, nodes pull by the digest; the tag is what people read, so it stays too.
            if let Some(digest) = &reference.digest {
                found.digests.insert(digest.as_str().to_owned(), by);
            }
            if let Some(tag) = &reference.tag {
                found.tags.insert(tag.as_str().to_owned(), by);
            }
            if reference.tag.is_none() && reference.digest.is_none() {
                found.tags.insert("latest".to_owned(), by);
            }
        }
        found
    }
}

/// The uses of one repository.
#[derive(Debug, Default)]
pub(super) struct UseOf<'a> {
    tags: BTreeMap<String, &'a str>,
    digests: BTreeMap<String, &'a str>,
}

impl UseOf<'_> {
    /// Who uses an image, if anybody.
    pub fn by(&self, image: &Published) -> Option<&str> {
        self.tags.get(image.tag.as_str()).or_else(|| self.digests.get(image.digest.as_str())).copied()
    }
}
