//! Which commits have the same files for an image, without the names of all images of all commits.
//!
//! Commits with the same configuration form a class: what one of them was found to see holds for all. Within a class an image is the same
//! exactly where the files that it sees are, and digests of those cost little. So names are worked out only of commits that see the same as one
//! that is told to have built an image, once for each set of files, and where an image may be of a commit that nothing is told of. Where
//! names depend on more than the commit, one that is told to have an image speaks for all that are alike.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Stock;
use crate::cleanup::{Content, Published, Record};
use crate::error::Result;
use crate::file_tree::ObjectId;
use crate::images::image::ImageTree;
use crate::ops::project::Project;
use crate::project::config::{self, image::Recipe};
use crate::project::git::{self, Repository, Selection, TreeReader};
use crate::project::giterminism::CONFIG_FILE;
use crate::project::includes;

/// What is at some paths: kinds and ids.
type Ids = Vec<Option<(u16, ObjectId)>>;

/// The files that an image sees, as digests.
type Seen = Vec<[u8; 32]>;

/// What is known of commits that are alike.
pub struct Alike {
    repository: Arc<Repository>,
    trees: TreeReader,
    /// What every configuration is made of.
    config_paths: Vec<String>,
    /// What else configurations name, by what they are made of; `None` where they cannot be compared.
    rules: HashMap<Ids, Option<Vec<String>>>,
    classes: HashMap<(Ids, Ids), Option<Class>>,
    /// What commits are told to have, name and tag, with their root trees.
    told: Vec<(ObjectId, String, String)>,
    /// These, by what their configuration is made of; made when the first class is.
    told_of: Option<HashMap<Ids, Vec<usize>>>,
    /// The images that may go, by name: their tags.
    going: HashMap<String, BTreeSet<String>>,
}

/// Commits with the same configuration.
struct Class {
    unsure: Option<String>,
    images: Vec<ImageClass>,
    selections: Vec<Selection<'static>>,
}

struct ImageClass {
    name: String,
    views: Vec<usize>,
    /// Tags that were worked out, by the files that are seen.
    made: HashMap<Seen, BTreeSet<String>>,
    /// Tags that commits are told to have, by the files that they see.
    told: HashMap<Seen, BTreeSet<String>>,
    /// Whether images of this name may go that no commit of the class is told to have built.
    is_open: bool,
}

impl Alike {
    /// Nothing is known yet but what labels tell.
    pub fn new(repository: Arc<Repository>, config: Option<&str>, templates: Option<&str>, rules: Option<&str>, stock: &Stock) -> Self {
        let config_paths = match config {
            Some(path) => vec![path.to_owned()],
            None => config::NAMES.map(str::to_owned).to_vec(),
        };
        let more =
            [templates.unwrap_or(".werf"), rules.unwrap_or(CONFIG_FILE), includes::CONFIG_FILE, includes::LOCK_FILE, ".gitattributes"];
        let mut recorded: HashMap<&str, Vec<ObjectId>> = HashMap::new();
        for (_, record) in &stock.records {
            recorded.entry(&record.image).or_default().push(record.commit);
        }
        let mut told = Vec::new();
        for image in &stock.images {
            let Some(origin) = &image.origin else { continue };
            let tag = image.tag.to_string();
            let found = recorded.get(Record::beginning(&tag)).into_iter().flatten().copied();
            let commits = ObjectId::parse(&origin.commit).into_iter().chain(found);
            let roots = commits.filter_map(|commit| git::root_of(&repository, commit).ok());
            told.extend(roots.map(|root| (root, origin.image.clone(), tag.clone())));
        }
        Alike {
            repository,
            trees: TreeReader::default(),
            config_paths: config_paths.into_iter().chain(more.map(str::to_owned)).collect(),
            rules: HashMap::new(),
            classes: HashMap::new(),
            told,
            told_of: None,
            going: HashMap::new(),
        }
    }

    /// Says which images may go.
    pub fn begin(&mut self, candidates: &[&Published]) {
        for image in candidates {
            if let Some(origin) = &image.origin {
                self.going.entry(origin.image.clone()).or_default().insert(image.tag.to_string());
            }
        }
    }

    /// What a root tree makes, where what is known of others tells it.
    pub fn find(&mut self, root: ObjectId) -> Result<Option<Content>> {
        let Some(key) = self.key(root)? else { return Ok(None) };
        let Some(Some(class)) = self.classes.get_mut(&key) else { return Ok(None) };
        let mut content = Content { unsure: class.unsure.clone(), ..Content::default() };
        for image in &mut class.images {
            let Some(seen) = seen(&mut class.selections, &image.views, &self.repository, &mut self.trees, root)? else { return Ok(None) };
            let (made, told) = (image.made.get(&seen), image.told.get(&seen));
            // Where the commit alone makes names, what is told must be what is made: that is for the files to say, once for all that are alike.
            if class.unsure.is_none() && made.is_none() && (told.is_some() || image.is_open) {
                return Ok(None);
            }
            let told = told.filter(|_| class.unsure.is_some());
            let tags = made.into_iter().chain(told).flatten();
            content.images.extend(tags.map(|tag| (image.name.clone(), tag.clone())));
        }
        Ok(Some(content))
    }

    /// Learns what a root tree was found to make.
    pub fn learn(&mut self, root: ObjectId, project: &Project, tree: &ImageTree, content: &Content) -> Result<()> {
        let mentions = project.config.mentions;
        let config = self.ids(root, &self.config_paths.clone())?;
        if mentions.commit || mentions.files || config.iter().flatten().any(|(mode, _)| !is_plain(*mode)) {
            self.rules.insert(config, None);
            return Ok(());
        }
        self.rules.entry(config).or_insert_with(|| Some(rule_paths(project)));
        let Some(key) = self.key(root)? else { return Ok(()) };
        if !self.classes.contains_key(&key) {
            let is_comparable = key.1.iter().flatten().all(|(mode, _)| is_plain(*mode));
            let class = is_comparable.then(|| self.class_of(tree, content));
            self.classes.insert(key.clone(), class);
            self.place_told(&key)?;
        }
        let Some(Some(class)) = self.classes.get_mut(&key) else { return Ok(()) };
        for image in &mut class.images {
            let Some(seen) = seen(&mut class.selections, &image.views, &self.repository, &mut self.trees, root)? else { return Ok(()) };
            let made = content.images.iter().filter(|(name, _)| *name == image.name).map(|(_, tag)| tag.clone());
            image.made.entry(seen).or_default().extend(made);
        }
        Ok(())
    }

    fn class_of(&self, tree: &ImageTree, content: &Content) -> Class {
        let selections = tree.views().iter().map(|view| {
            let rule = view.clone();
            Selection::new(view.directory(), move |path| rule.sees(path))
        });
        let image = |name: &str, views: &BTreeSet<usize>| ImageClass {
            name: name.to_owned(),
            views: views.iter().copied().collect(),
            made: HashMap::new(),
            told: HashMap::new(),
            is_open: self.going.contains_key(name),
        };
        let images = tree.iter().map(|(declared, node)| image(&declared.name, &node.views));
        Class { unsure: content.unsure.clone(), images: images.collect(), selections: selections.collect() }
    }

    /// Takes in what commits of a class are told to have built.
    fn place_told(&mut self, key: &(Ids, Ids)) -> Result<()> {
        if self.told_of.is_none() {
            let mut told_of: HashMap<Ids, Vec<usize>> = HashMap::new();
            for at in 0..self.told.len() {
                told_of.entry(self.ids(self.told[at].0, &self.config_paths.clone())?).or_default().push(at);
            }
            self.told_of = Some(told_of);
        }
        let told = self.told_of.as_ref().and_then(|told| told.get(&key.0)).cloned().unwrap_or_default();
        let mut placed: HashMap<String, BTreeSet<String>> = HashMap::new();
        for at in told {
            let (root, name, tag) = self.told[at].clone();
            if self.key(root)?.as_ref() != Some(key) {
                continue;
            }
            let Some(Some(class)) = self.classes.get_mut(key) else { break };
            let Some(image) = class.images.iter_mut().find(|image| image.name == name) else { continue };
            if let Some(seen) = seen(&mut class.selections, &image.views, &self.repository, &mut self.trees, root)? {
                image.told.entry(seen).or_default().insert(tag.clone());
                placed.entry(name).or_default().insert(tag);
            }
        }
        if let Some(Some(class)) = self.classes.get_mut(key) {
            for image in &mut class.images {
                let placed = placed.get(&image.name);
                let is_placed = |tag: &String| placed.is_some_and(|placed| placed.contains(tag));
                image.is_open = self.going.get(&image.name).is_some_and(|going| !going.iter().all(is_placed));
            }
        }
        Ok(())
    }

    /// The class of a root tree; `None` where it is not known, or none can be.
    fn key(&mut self, root: ObjectId) -> Result<Option<(Ids, Ids)>> {
        let config = self.ids(root, &self.config_paths.clone())?;
        let Some(Some(paths)) = self.rules.get(&config) else { return Ok(None) };
        let rules = self.ids(root, &paths.clone())?;
        Ok(Some((config, rules)))
    }

    fn ids(&mut self, root: ObjectId, paths: &[String]) -> Result<Ids> {
        Ok(paths.iter().map(|path| self.trees.at(&self.repository, root, path)).collect::<Result<_, _>>()?)
    }
}

/// The digests of the files that an image sees; `None` where they do not tell.
fn seen(
    selections: &mut [Selection<'static>],
    views: &[usize],
    repository: &Repository,
    trees: &mut TreeReader,
    root: ObjectId,
) -> Result<Option<Seen>> {
    let mut seen = Seen::with_capacity(views.len());
    for view in views {
        match selections.get_mut(*view).map(|selection| selection.digest(repository, trees, root)).transpose()?.flatten() {
            Some(digest) => seen.push(digest),
            None => return Ok(None),
        }
    }
    Ok(Some(seen))
}

/// Files of the configuration beside itself: Dockerfiles and what they ignore.
fn rule_paths(project: &Project) -> Vec<String> {
    let mut paths = BTreeSet::new();
    for image in &project.config.images {
        if let Recipe::Dockerfile(recipe) = &image.recipe {
            let inside = |path: &str| if recipe.context.is_empty() { path.to_owned() } else { format!("{}/{path}", recipe.context) };
            let dockerfile = inside(&recipe.dockerfile);
            paths.extend([format!("{dockerfile}.dockerignore"), dockerfile, inside(".dockerignore")]);
        }
    }
    paths.into_iter().collect()
}

/// Whether what has this mode is a file or a directory, and no link and no submodule.
fn is_plain(mode: u16) -> bool {
    matches!(mode & 0o170_000, 0o040_000 | 0o100_000)
}
