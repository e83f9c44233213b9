//! The images of a commit: their names, which are published, and the publishing of those that are not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{self, Either};
use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};
use miette::Diagnostic;
use thiserror::Error;

use super::builder;
use super::custom_tags::CustomTags;
use super::image_build::{Bases, Work};
use super::project::Project;
use super::repositories::{Others, Useless};
use super::triggers::{self, Triggers};
use super::{BuildOptions, RegistryOptions, Run, base_platform, build_report, records, registry};
use crate::error::{Error, Problems, Result};
use crate::event::Event;
use crate::glob;
use crate::images::image::{self, Base, ImageError, ImageTree, LookedUp, NeedForm, Node, Options};
use crate::platform::Platform;
use crate::project::config::image::{Image, Recipe};
use crate::registry::{Client, Mirror, Reference, Repository, Tag};
use crate::words::quoted::quoted;

/// The images of one commit and where they are or will be.
pub struct Images {
    /// The tree with the digests.
    pub tree: Arc<ImageTree>,
    /// Names of the images that must be published, and of all that they are made of; dependencies first.
    pub names: Vec<String>,
    /// Those of them that must be published whatever else is: they are chosen, or something refers to them.
    pub wanted: BTreeSet<String>,
    /// Where they are published; `None` only if there are none.
    pub repository: Option<Repository>,
    /// The repositories beside it.
    pub others: Others,
    /// Further tags of the final ones.
    pub custom_tags: CustomTags,
    /// The tree without triggers of bases, where some are known.
    plain: Option<Arc<ImageTree>>,
}

/// What the registry says of the wanted images.
#[derive(Default)]
pub struct Asked {
    /// Those that it lacks, with what they are made of.
    pub missing: BTreeSet<String>,
    /// Manifest digests of those that it has.
    pub digests: Digests,
    /// Triggers that are noted in the place of images.
    pub triggers: Triggers,
    /// What was found in another repository, images and notes, and is not in that of the images yet.
    elsewhere: BTreeMap<String, Reference>,
}

/// Manifest digests of published images by their names, `sha256:…`.
pub type Digests = BTreeMap<String, String>;

/// How long images took that were built.
pub type Took = BTreeMap<String, Duration>;

/// Computes the names of the commit's images. Nothing is asked of anyone. `chosen` are names or globs; empty means all, where an image that
/// is not final is only there for those that are made of it.
/// Whether the work tree differs is for the caller to ask, as with [`tree`].
pub fn of(
    project: &Arc<Project>,
    options: &RegistryOptions,
    build: &BuildOptions,
    chosen: &[String],
    looked_up: &LookedUp,
) -> Result<Images> {
    let platform = build.platform.as_deref();
    let tree = self::tree(project, platform, looked_up)?;
    if let Some((image, node)) = tree.iter().find(|(_, node)| node.platforms.len() > 1) {
        return Err(SeveralPlatforms { image: image.name.clone(), platforms: node.platforms.join(", ") }.into());
    }
    if let Some(image) = tree.iter().map(|(image, _)| image).find(|image| adds_files(image)) {
        return Err(AddsFiles { image: image.name.clone() }.into());
    }
    let repository = if tree.iter().next().is_some() { Some(registry::repository(options)?) } else { None };
    let others = repository.as_ref().map(|primary| Others::read(options, primary)).transpose()?.unwrap_or_default();
    let all: Vec<&str> = tree.iter().map(|(image, _)| image.name.as_str()).collect();
    let mut chosen = if chosen.is_empty() { ends(&tree) } else { select(&all, chosen)? };
    chosen.retain(|name| !build.final_only || tree.get(name).is_some_and(|(image, _)| image.is_final));
    let wanted: BTreeSet<String> = chosen.iter().copied().chain(referred(&tree, &chosen)).map(str::to_owned).collect();
    let names = tree.closure(chosen).into_iter().map(str::to_owned).collect();
    let plain = match looked_up.triggers.is_empty() {
        true => None,
        false => Some(self::tree(project, platform, &LookedUp { triggers: Triggers::new(), ..looked_up.clone() })?),
    };
    let custom_tags = custom_tags(project, build, &tree)?;
    Ok(Images { names, wanted, repository, others, custom_tags, plain, tree })
}

/// The further tags that final images get.
pub fn custom_tags(project: &Project, build: &BuildOptions, tree: &ImageTree) -> Result<CustomTags> {
    let finals: Vec<&str> = tree.iter().filter(|(image, _)| image.is_final).map(|(image, _)| image.name.as_str()).collect();
    CustomTags::read(build, project, &finals)
}

/// The final images, and those that no other one needs.
fn ends(tree: &ImageTree) -> Vec<&str> {
    let needed: BTreeSet<&str> = tree.iter().flat_map(|(_, node)| &node.needs).map(|need| need.image.as_str()).collect();
    let ends = tree.iter().filter(|(image, _)| image.is_final || !needed.contains(image.name.as_str()));
    ends.map(|(image, _)| image.name.as_str()).collect()
}

/// Images of which the names, ids or digests are in images that these are or are made of.
fn referred<'a>(tree: &'a ImageTree, names: &[&'a str]) -> Vec<&'a str> {
    let nodes = tree.closure(names.iter().copied()).into_iter().filter_map(|name| tree.node(name));
    nodes.flat_map(|node| &node.needs).filter(|need| need.form != NeedForm::Files).map(|need| need.image.as_str()).collect()
}

/// The image tree of a commit, for those who need no repository. Whether the work tree differs from what images see is for the caller
/// to ask, with [`compared`] beside other work or [`Project::checked`] before it.
pub fn tree(project: &Arc<Project>, platform: Option<&str>, looked_up: &LookedUp) -> Result<Arc<ImageTree>> {
    let tree = past_tree(project, platform, looked_up);
    project.sums.save();
    tree
}

/// The same of a commit to which nobody is likely to come back: sums of its files are not kept.
pub fn past_tree(project: &Arc<Project>, platform: Option<&str>, looked_up: &LookedUp) -> Result<Arc<ImageTree>> {
    if let Some(text) = platform.filter(|text| Platform::parse(text).is_none()) {
        return Err(BadPlatform { text: text.to_owned() }.into());
    }
    let platform = platform.map(str::to_owned).into_iter().collect();
    let options = Options { platform, looked_up: looked_up.clone(), sums: project.sums.clone() };
    Ok(Arc::new(ImageTree::new(project.config.clone(), project.image_files(), &options).map_err(wrong_images)?))
}

/// Does the work while all that images see is compared with the work tree: those are many files. A difference ends the work, and it is
/// the error whatever the work comes to.
pub async fn compared<T>(project: &Arc<Project>, tree: &Arc<ImageTree>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let (project, tree) = (project.clone(), tree.clone());
    let comparing = tokio::task::spawn_blocking(move || project.checked(tree.views(), Ok(())));
    let finished =
        |joined: Result<Result<()>, tokio::task::JoinError>| joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    match future::select(comparing, std::pin::pin!(work)).await {
        Either::Left((joined, work)) => {
            finished(joined)?;
            work.await
        }
        Either::Right((done, comparing)) => {
            finished(comparing.await)?;
            done
        }
    }
}

/// One problem stands for itself, several come under one headline.
fn wrong_images(mut problems: Vec<ImageError>) -> Error {
    match problems.len() {
        1 => problems.remove(0).into(),
        n => Problems::new(
            format!("{n} images of this commit are wrong"),
            problems.into_iter().map(|problem| Box::new(problem) as _).collect(),
        )
        .into(),
    }
}

fn adds_files(image: &Image) -> bool {
    matches!(&image.recipe, Recipe::Dockerfile(recipe) if !recipe.context_add_files.is_empty())
}

/// Names that match exact names or globs; `!glob` takes names away.
fn select<'a>(all: &[&'a str], chosen: &[String]) -> Result<Vec<&'a str>> {
    let mut selected: BTreeSet<&str> = BTreeSet::new();
    if chosen.iter().all(|pattern| pattern.starts_with('!')) {
        selected.extend(all);
    }
    for pattern in chosen {
        let (glob, add) = pattern.strip_prefix('!').map_or((pattern.as_str(), true), |glob| (glob, false));
        let matching: Vec<&str> = all.iter().copied().filter(|name| matches(glob, name)).collect();
        if matching.is_empty() {
            return Err(UnknownImage { pattern: pattern.clone(), help: format!("images of this commit: {}", quoted(all)) }.into());
        }
        for name in matching {
            if add {
                selected.insert(name)
            } else {
                selected.remove(name)
            };
        }
    }
    Ok(all.iter().copied().filter(|name| selected.contains(name)).collect())
}

/// A name is itself, whatever characters it has.
fn matches(glob: &str, name: &str) -> bool {
    glob == name || glob::matches_part(&glob.chars().collect::<Vec<_>>(), name)
}

impl Images {
    /// `repo:tag` of an image.
    pub fn reference(&self, name: &str) -> Option<Reference> {
        self.reference_of(&self.tree, name)
    }

    /// `repo:tag` of an image as another commit has it.
    pub fn reference_of(&self, tree: &ImageTree, name: &str) -> Option<Reference> {
        let tag = Tag::parse(&tree.tag(name)?).ok()?;
        Some(self.repository.as_ref()?.with_tag(tag))
    }

    /// `repo:tag` by which charts know an image.
    pub fn deployed_reference(&self, name: &str) -> Option<Reference> {
        let reference = self.reference(name)?;
        let is_final = self.tree.get(name).is_some_and(|(image, _)| image.is_final);
        match self.others.last.clone().filter(|_| is_final) {
            Some(repository) => Some(Reference { repository, ..reference }),
            None => Some(reference),
        }
    }

    /// Asks the registry for the wanted images at once, one HEAD each, and where one is missing for those that it is made of, step by
    /// step; returns those that it lacks and that no other repository has.
    pub async fn missing(&self, client: &Client, run: &Run) -> Result<Asked> {
        self.asked(client, &Useless::new(), run).await
    }

    async fn asked(&self, client: &Client, useless: &Useless, run: &Run) -> Result<Asked> {
        let (mut missing, mut digests, mut triggers) = (BTreeSet::new(), Digests::new(), Triggers::new());
        let mut elsewhere = BTreeMap::new();
        let mut asked = BTreeSet::new();
        let mut next: Vec<&str> = self.names.iter().map(String::as_str).filter(|name| self.wanted.contains(*name)).collect();
        while !next.is_empty() {
            asked.extend(next.iter().copied());
            let mut answers: FuturesUnordered<_> = next
                .into_iter()
                .filter_map(|name| Some((name, self.reference(name)?)))
                .map(|(name, reference)| async move {
                    let found = match client.head(&reference).await? {
                        Some(found) => Some((reference.clone(), found)),
                        None => self.others.look(client, &reference, useless, run).await?,
                    };
                    let noted = match &found {
                        Some((place, found)) => triggers::noted(client, place, found).await?,
                        None => None,
                    };
                    Result::<_>::Ok((name, found, noted, reference))
                })
                .collect();
            let mut new = Vec::new();
            while let Some(answer) = answers.next().await {
                let (name, found, noted, reference) = answer?;
                let image = name.to_owned();
                let is_here = found.as_ref().is_some_and(|(place, _)| *place == reference);
                if let Some((place, _)) = found.as_ref().filter(|_| !is_here) {
                    elsewhere.insert(image.clone(), place.clone());
                }
                match (found, noted) {
                    (Some(_), Some(noted)) => triggers.extend(noted),
                    (Some((_, found)), None) => {
                        digests.insert(image.clone(), found.digest.to_string());
                        // what is elsewhere is told when it is copied
                        if is_here {
                            run.events.emit(Event::ImageFound { image, reference: reference.to_string() });
                        }
                    }
                    (None, _) => {
                        run.events.emit(Event::ImageMissing { image, reference: reference.to_string() });
                        missing.insert(name.to_owned());
                        new.push(name);
                    }
                }
            }
            next = self.tree.needs_of(new, &missing);
            next.retain(|name| !asked.contains(name));
        }
        Ok(Asked { missing, digests, triggers, elsewhere })
    }

    /// Publishes what the registry lacks of the wanted images, and gives the digests of all of them. Triggers that their names do not know
    /// are given as well, and then nothing was built: names must be made with them.
    pub async fn published(
        &self,
        project: &Arc<Project>,
        client: &Client,
        options: &BuildOptions,
        run: &Run,
    ) -> Result<(Digests, Triggers)> {
        let Asked { missing, digests, triggers, elsewhere } = self.brought(client, run).await?;
        if !triggers.is_empty() {
            return Ok((digests, triggers));
        }
        let found = self.wanted.iter().filter(|name| !missing.contains(*name)).map(String::as_str);
        records::leave(project, self, found, options.platform.as_deref(), client, run).await;
        let (mut digests, took, triggers) = self.publish(project, missing, digests, client, options, run).await?;
        if !triggers.is_empty() {
            return Ok((digests, triggers));
        }
        digests.extend(self.others.publish(self, &self.wanted, client, options.require_built, run).await?);
        let new: BTreeSet<&str> = took.keys().chain(elsewhere.keys()).map(String::as_str).collect();
        self.others.fill(self, &new, &elsewhere, client, run).await;
        self.custom_tags.give(self, &digests, client, options.require_built, run).await?;
        if let Some(path) = &options.report {
            build_report::save(path, self, &took, client).await?;
        }
        Ok((digests, triggers))
    }

    /// The same as [`Images::missing`], and what another repository has was copied.
    async fn brought(&self, client: &Client, run: &Run) -> Result<Asked> {
        let mut useless = Useless::new();
        loop {
            let mut asked = self.asked(client, &useless, run).await?;
            let known = useless.len();
            self.others.bring(self, &asked.elsewhere, &mut asked.digests, client, &mut useless, run).await?;
            // what a cache does not give is missing, and what it is made of may be too
            if useless.len() == known {
                return Ok(asked);
            }
        }
    }

    /// What is known of the digests that charts see, where nothing is built or copied.
    pub async fn known(&self, client: &Client, run: &Run) -> Result<(Digests, Triggers)> {
        let Asked { mut digests, triggers, elsewhere, .. } = self.missing(client, run).await?;
        for (image, place) in elsewhere.into_iter().filter(|(image, _)| digests.contains_key(image)) {
            run.events.emit(Event::ImageFound { image, reference: place.to_string() });
        }
        digests.extend(self.others.published(self, &self.wanted, client).await?);
        Ok((digests, triggers))
    }

    /// The digests with those of the final images that were not asked for yet, as far as they are published.
    pub async fn with_others(&self, client: &Client, mut digests: Digests) -> Result<Digests> {
        let others = self.tree.iter().filter(|(image, _)| image.is_final && !digests.contains_key(&image.name));
        let references: Vec<(String, Reference)> =
            others.filter_map(|(image, _)| Some((image.name.clone(), self.deployed_reference(&image.name)?))).collect();
        let mut asking: FuturesUnordered<_> =
            references.iter().map(|(name, reference)| async move { Result::<_>::Ok((name, client.head(reference).await?)) }).collect();
        while let Some(answer) = asking.next().await {
            let (name, found) = answer?;
            digests.extend(found.map(|found| (name.clone(), found.digest.to_string())));
        }
        Ok(digests)
    }

    /// `repo:tag` of an image by its name without triggers.
    pub fn plain_reference(&self, name: &str) -> Option<Reference> {
        self.reference_of(self.plain.as_ref().unwrap_or(&self.tree), name)
    }

    /// Publishes the missing images: each is built as soon as what it needs is published, several at once.
    async fn publish(
        &self,
        project: &Arc<Project>,
        missing: BTreeSet<String>,
        mut digests: Digests,
        client: &Client,
        options: &BuildOptions,
        run: &Run,
    ) -> Result<(Digests, Took, Triggers)> {
        let Some(repository) = self.repository.as_ref().filter(|_| !missing.is_empty()) else {
            return Ok((digests, Took::new(), Triggers::new()));
        };
        if options.require_built {
            return Err(NotBuilt::of(self, &missing).into());
        }
        let mirrors = client.mirrors().iter().map(Mirror::registry);
        let insecure: Vec<String> = [repository.registry()].into_iter().chain(mirrors).map(str::to_owned).collect();
        let insecure = if project.insecure_registry { insecure } else { Vec::new() };
        let triggers = triggers::note(self, project, client, &missing, run);
        let (builder, triggers) = futures::future::try_join(builder::open(options, insecure, run), triggers).await?;
        if !triggers.is_empty() {
            return Ok((digests, Took::new(), triggers));
        }
        let bases = self.resolve_bases(client, &missing, run).await?;
        let moved = self.moved_bases(client, &missing).await?;
        let trees = self.tree.trees(project.image_files());
        tokio::task::block_in_place(|| image::bring(&self.tree, &missing, &trees, &*project.layer_cache))?;
        let work = Work { images: self, project, client, builder: &builder, bases, moved, trees, run };

        let mut unpublished = missing.clone();
        let mut waiting: Vec<&str> = self.names.iter().map(String::as_str).filter(|name| missing.contains(*name)).collect();
        for name in &waiting {
            let needs: Vec<String> = self.tree.prerequisites(name, &unpublished).into_iter().map(str::to_owned).collect();
            if !needs.is_empty() {
                run.events.emit(Event::ImageQueued { image: (*name).to_owned(), needs });
            }
        }
        let mut running = FuturesUnordered::new();
        let mut took = Took::new();
        while !waiting.is_empty() || !running.is_empty() {
            let ready = |name: &str| self.tree.prerequisites(name, &unpublished).is_empty();
            let room = options.parallel.saturating_sub(running.len());
            let (start, rest): (Vec<&str>, Vec<&str>) = waiting.iter().partition(|name| ready(name));
            let (start, later) = start.split_at(room.min(start.len()));
            waiting = later.iter().copied().chain(rest).collect();
            for &name in start {
                run.events.emit(Event::ImageStarted { image: name.to_owned() });
                let (work, unpublished) = (&work, unpublished.clone());
                running.push(async move {
                    let began = Instant::now();
                    Result::<_>::Ok((name, work.build(name, &unpublished).await?, began.elapsed()))
                });
            }
            let Some(done) = running.next().await else { break };
            let (name, digest, time) = done?;
            unpublished.remove(name);
            took.insert(name.to_owned(), time);
            digests.extend(digest.map(|digest| (name.to_owned(), digest)));
        }
        Ok((digests, took, Triggers::new()))
    }

    /// The platform of an image.
    pub(super) fn platform(&self, name: &str) -> Platform {
        let platforms = self.tree.get(name).map(|(_, node)| node.platforms.as_slice()).unwrap_or_default();
        platforms.first().and_then(|text| Platform::parse(text)).unwrap_or_else(|| Platform::linux("amd64"))
    }

    /// What Dockerfiles take from docker.io and a mirror has, by its name: the builder must be told to fetch it there.
    async fn moved_bases(&self, client: &Client, missing: &BTreeSet<String>) -> Result<BTreeMap<String, String>> {
        let dockerfiles = missing.iter().filter_map(|name| self.tree.node(name)).filter_map(Node::dockerfile);
        let written: BTreeSet<&str> =
            dockerfiles.flat_map(|dockerfile| dockerfile.taken()).filter(|_| !client.mirrors().is_empty()).collect();
        let look = async |written: &str| {
            // what is no reference is told by the builder, who knows the line
            let Ok(reference) = Reference::parse(written) else { return Ok(None) };
            let Some((place, found)) = client.base(&reference).await?.filter(|(place, _)| *place != reference) else { return Ok(None) };
            let latest = || Tag::parse("latest").ok().filter(|_| reference.digest.is_none());
            let named = Reference { tag: reference.tag.clone().or_else(latest), ..reference };
            Result::<_>::Ok(Some((named.to_string(), place.repository.with_digest(found.digest).to_string())))
        };
        let looking: FuturesUnordered<_> = written.into_iter().map(look).collect();
        let found: Vec<Option<_>> = looking.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Reads the configs of the external bases for each platform: they are pinned by their manifest digests for this run.
    async fn resolve_bases(&self, client: &Client, missing: &BTreeSet<String>, run: &Run) -> Result<BTreeMap<Platform, Bases>> {
        // Who is made of it directly is told where something is wrong with it.
        let mut wanted: BTreeMap<(Platform, &str), Vec<String>> = BTreeMap::new();
        for name in missing {
            let own = self.tree.node(name).map(Node::bases).unwrap_or_default();
            for written in self.tree.bases([name.as_str()], missing) {
                let users = wanted.entry((self.platform(name), written)).or_default();
                users.extend(own.contains(written).then(|| name.clone()));
            }
        }
        let resolve = |((platform, written), users): ((Platform, &str), Vec<String>)| {
            let written = written.to_owned();
            async move {
                let mut reference = Reference::parse(&written)?;
                if let Some(latest) = self.tree.looked_up().latest.get(&written) {
                    reference = Reference::parse(&format!("{}@{latest}", reference.repository))?;
                }
                let (place, config) = base_platform::config(client, &users, &reference, &platform, run).await?;
                let pinned = place.repository.with_digest(config.manifest.digest).to_string();
                Result::<_>::Ok((platform, written, Base { reference: pinned, config: config.json }))
            }
        };
        let mut resolving: FuturesUnordered<_> = wanted.into_iter().map(resolve).collect();
        let mut bases: BTreeMap<Platform, Bases> = BTreeMap::new();
        while let Some(resolved) = resolving.next().await {
            let (platform, written, base) = resolved?;
            bases.entry(platform).or_default().insert(written, base);
        }
        Ok(bases)
    }
}

#[derive(Debug, Error, Diagnostic)]
#[error("--platform: `{text}` is not a platform")]
#[diagnostic(help("write it as `linux/amd64` or `linux/arm64/v8`"))]
struct BadPlatform {
    text: String,
}

#[derive(Debug, Error, Diagnostic)]
#[error("image `{image}` is for several platforms ({platforms}), and werf publishes images for one platform each")]
#[diagnostic(help("leave one platform in werf.yaml, or choose one for this run with `--platform`"))]
struct SeveralPlatforms {
    image: String,
    platforms: String,
}

#[derive(Debug, Error, Diagnostic)]
#[error("image `{image}` adds uncommitted files to its context, which werf cannot do yet")]
#[diagnostic(help("make the files of `contextAddFiles` in a stage of the Dockerfile, or commit them"))]
struct AddsFiles {
    image: String,
}

#[derive(Debug, Error, Diagnostic)]
#[error("no image of this commit is called `{pattern}`")]
struct UnknownImage {
    pattern: String,
    #[help]
    help: String,
}

#[derive(Debug, Error, Diagnostic)]
#[error("{} not published, and --require-built-images forbids to build: {}", if .names.len() == 1 { "an image is" } else { "images are" }, .names.join(", "))]
#[diagnostic(help("run `werf build` for this commit first, with the same --repo and --env"))]
struct NotBuilt {
    names: Vec<String>,
}

impl NotBuilt {
    fn of(images: &Images, missing: &BTreeSet<String>) -> Self {
        let name = |name: &String| images.reference(name).map_or(name.clone(), |reference| format!("{name} ({reference})"));
        NotBuilt { names: missing.intersection(&images.wanted).map(name).collect() }
    }
}
