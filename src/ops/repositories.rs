//! Repositories beside the one that images are built into.
//!
//! What `--repo` lacks is looked for in those of `--secondary-repo`, which are only read, and then in those of `--cache-repo`, and copied
//! from there instead of being built. What was built or copied goes to the caches too, and what charts name is copied to `--final-repo`. A
//! copy has the digest of what it is a copy of. A cache is a help and no more: what fails with it is told and fails nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use futures::stream::{FuturesUnordered, StreamExt};
use miette::Diagnostic;
use thiserror::Error;

use super::images::{Digests, Images};
use super::{RegistryOptions, Run, registry};
use crate::error::Result;
use crate::event::Event;
use crate::registry::{Client, Descriptor, Reference, RegistryError, Repository};

/// The repositories beside `--repo`.
#[derive(Debug, Default)]
pub struct Others {
    /// Where charts take images from; `None` where that is `--repo` too.
    pub last: Option<Repository>,
    secondary: Vec<Repository>,
    /// Where new images are copied to, as far as that goes.
    pub caches: Vec<Repository>,
}

/// What to do where something is wrong with a cache.
pub const CACHE_HELP: &str = "nothing fails by it: see that the cache can be reached and that its login may write there, or leave it out";

/// Repositories of caches that are of no use in this run.
pub type Useless = BTreeSet<Repository>;

impl Others {
    /// Reads their names. One that is `--repo` itself is none beside it.
    pub fn read(options: &RegistryOptions, primary: &Repository) -> Result<Self> {
        let several = |flag: &'static str, texts: &[String]| {
            let read = texts.iter().map(|text| registry::named(flag, text)).collect::<Result<Vec<_>>>();
            read.map(|read| read.into_iter().filter(|repository| repository != primary).collect())
        };
        let last = options.final_repo.as_ref().map(|text| registry::named("--final-repo", text)).transpose()?;
        Ok(Others {
            last: last.filter(|last| last != primary),
            secondary: several("--secondary-repo", &options.secondary_repos)?,
            caches: several("--cache-repo", &options.cache_repos)?,
        })
    }

    /// Where else the image of a reference is: the first that has it.
    pub async fn look(&self, client: &Client, wanted: &Reference, useless: &Useless, run: &Run) -> Result<Option<(Reference, Descriptor)>> {
        for repository in &self.secondary {
            let there = moved(wanted, repository);
            if let Some(found) = client.head(&there).await? {
                return Ok(Some((there, found)));
            }
        }
        for repository in self.caches.iter().filter(|cache| !useless.contains(*cache)) {
            let there = moved(wanted, repository);
            match client.head(&there).await {
                Ok(Some(found)) => return Ok(Some((there, found))),
                Ok(None) => {}
                Err(error) => warn(run, format!("what is in --cache-repo {repository} is not known: {error}")),
            }
        }
        Ok(None)
    }

    /// Copies what was found elsewhere, by the images' names, to where it belongs. `digests` has those of images, and gets what they are
    /// now; what is none of them is a note. Caches that do not give what they have become useless.
    pub async fn bring(
        &self,
        images: &Images,
        elsewhere: &BTreeMap<String, Reference>,
        digests: &mut Digests,
        client: &Client,
        useless: &mut Useless,
        run: &Run,
    ) -> Result<()> {
        let wanted = elsewhere.iter().filter_map(|(name, from)| Some((name, from, images.reference(name)?)));
        let mut copying: FuturesUnordered<_> =
            wanted.map(|(name, from, to)| async move { (name, from, client.copy(from, &to).await, to) }).collect();
        while let Some((name, from, copied, to)) = copying.next().await {
            match copied {
                Ok(copied) => {
                    if let Some(digest) = digests.get_mut(name) {
                        *digest = copied.to_string();
                        tell(name, from, &to, run);
                    }
                }
                Err(error) if self.caches.contains(&from.repository) => {
                    warn(run, format!("--cache-repo {} is left out: {error}", from.repository));
                    useless.insert(from.repository.clone());
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Copies images that are new in `--repo` to the caches, as far as these take them. `from` has where they were found, where they were
    /// not built.
    pub async fn fill(&self, images: &Images, names: &BTreeSet<&str>, from: &BTreeMap<String, Reference>, client: &Client, run: &Run) {
        let pairs = self.caches.iter().flat_map(|cache| names.iter().map(move |name| (cache, *name)));
        let lacking = pairs.filter(|(cache, name)| from.get(*name).is_none_or(|from| from.repository != **cache));
        let mut copying: FuturesUnordered<_> = lacking
            .filter_map(|(cache, name)| Some((cache, name, images.reference(name)?)))
            .map(|(cache, name, image)| async move { (cache, copy(client, name, &image, &moved(&image, cache), run).await) })
            .collect();
        let mut told = BTreeSet::new();
        while let Some((cache, copied)) = copying.next().await {
            if let Err(error) = copied
                && told.insert(cache)
            {
                warn(run, format!("not all new images are in --cache-repo {cache}: {error}"));
            }
        }
    }

    /// Copies those images of some names that charts name to `--final-repo`, where there is one and it lacks them, and gives their digests
    /// there.
    ///
    /// # Errors
    /// Among others where it lacks one and `require_built` forbids to copy it.
    pub async fn publish(
        &self,
        images: &Images,
        names: &BTreeSet<String>,
        client: &Client,
        require_built: bool,
        run: &Run,
    ) -> Result<Digests> {
        let copy = async |name: &String, from: Reference, to: Reference| match client.head(&to).await? {
            Some(found) => Ok((name.clone(), found.digest.to_string())),
            None if require_built => Err(NotFinal { image: name.clone(), reference: to.to_string() }.into()),
            None => Result::<_>::Ok((name.clone(), copy(client, name, &from, &to, run).await?)),
        };
        let copying: FuturesUnordered<_> = self.finals(images, names).map(|(name, from, to)| copy(name, from, to)).collect();
        copying.try_collect().await
    }

    /// The digests of those images in `--final-repo`, as far as it has them.
    pub async fn published(&self, images: &Images, names: &BTreeSet<String>, client: &Client) -> Result<Digests> {
        let ask = async |name: &String, reference: Reference| {
            let found = client.head(&reference).await?;
            Result::<_>::Ok(found.map(|found| (name.clone(), found.digest.to_string())))
        };
        let asking: FuturesUnordered<_> = self.finals(images, names).map(|(name, _, reference)| ask(name, reference)).collect();
        let found: Vec<Option<_>> = asking.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// What charts name of some images: where they are, and where they are to be.
    fn finals<'a>(&'a self, images: &'a Images, names: &'a BTreeSet<String>) -> impl Iterator<Item = (&'a String, Reference, Reference)> {
        let is_final = |name: &&String| images.tree.get(name).is_some_and(|(image, _)| image.is_final);
        let names = names.iter().filter(is_final).filter(|_| self.last.is_some());
        names.filter_map(|name| Some((name, images.reference(name)?, images.deployed_reference(name)?)))
    }
}

/// The same tag in another repository.
fn moved(reference: &Reference, repository: &Repository) -> Reference {
    Reference { repository: repository.clone(), ..reference.clone() }
}

async fn copy(client: &Client, image: &str, from: &Reference, to: &Reference, run: &Run) -> Result<String, RegistryError> {
    let digest = client.copy(from, to).await?;
    tell(image, from, to, run);
    Ok(digest.to_string())
}

fn tell(image: &str, from: &Reference, to: &Reference, run: &Run) {
    run.events.emit(Event::ImageCopied { image: image.to_owned(), from: from.repository.to_string(), reference: to.to_string() });
}

/// Tells what is wrong with a cache.
fn warn(run: &Run, message: String) {
    run.events.emit(Event::Warned { message, help: Some(CACHE_HELP.into()) });
}

#[derive(Debug, Error, Diagnostic)]
#[error("image `{image}` is not in --final-repo ({reference}), and --require-built-images forbids to copy it there")]
#[diagnostic(help("run `werf build` for this commit first, with the same --repo, --final-repo and --env"))]
struct NotFinal {
    image: String,
    reference: String,
}
