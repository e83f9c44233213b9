//! An image as plain data: its stages in order, each with all that it declares.
//!
//! What is here is all that the making of an image may depend on. Two readings take it apart, each exhaustively, so that a new field does
//! not compile until both answer for it: [`super::declare`] says which inputs a digest is made of and what people are told of a change (what
//! is not hashed cannot be explained, and the other way round), and [`super::compile()`] makes what BuildKit solves, with nothing else at hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::digest::Digest;
use crate::images::dockerfile;
use crate::images::git_layers::Chosen;
use crate::images::llb::Network;
use crate::project::config::image::{Command, GitMapping, ImageFact, ImageSpec, UserStage, When};

/// One stage that has something to do.
#[derive(Clone, Debug)]
pub struct Stage {
    /// All that it declares.
    pub work: Work,
    /// Covers what this stage and all before it declare.
    pub digest: Digest,
}

/// What one stage does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Begins with a base image.
    From(Base),
    /// Runs the commands of a user stage, after the files that they see are placed.
    Run(Run),
    /// Brings in files of other images and facts about them.
    Dependencies(Dependencies),
    /// Places the Git files that no stage with commands saw.
    Git(Vec<Placed>),
    /// Changes the image's configuration.
    ImageSpec(Box<ImageSpec>),
    /// Builds a whole Dockerfile.
    Dockerfile(Box<Dockerfile>),
}

/// The stage `from`.
#[derive(Clone, Debug)]
pub struct Base {
    /// Target platforms, at least one.
    pub platforms: Vec<String>,
    /// `cacheVersion` of the image, else of the file.
    pub cache_version: Option<String>,
    /// `fromCacheVersion`.
    pub from_cache_version: Option<String>,
    /// The base.
    pub source: Source,
}

/// Where files come from that are not the project's own.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Nowhere: an empty file system.
    Scratch,
    /// An image outside the file.
    Reference {
        /// The reference as it is written.
        written: String,
        /// The manifest digest that it was looked up to have, where `fromLatest` asks for that.
        latest: Option<String>,
    },
    /// Another image of the file.
    Image {
        /// Its name: for people, and to find it.
        name: String,
        /// Only its files up to this stage.
        stage: Option<String>,
        /// The content that is taken.
        digest: Digest,
    },
}

/// A user stage with its commands.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which one.
    pub stage: UserStage,
    /// Files that come in before the commands run.
    pub placed: Vec<Placed>,
    /// Files that come in later only: for people whose command misses one.
    pub unseen: Vec<Unseen>,
    /// `shell.cacheVersion`.
    pub shell_cache_version: Option<String>,
    /// `shell.<stage>CacheVersion`.
    pub stage_cache_version: Option<String>,
    /// The commands; their places are for people.
    pub commands: Vec<Command>,
    /// Network of the commands.
    pub network: Network,
    /// Ids of the secrets that the commands may read.
    pub secrets: Vec<String>,
    /// What is mounted while the commands run.
    pub mounts: Vec<Mount>,
}

/// Storage that the commands of a stage see and that is in no image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Absolute path.
    pub to: String,
    /// What is there.
    pub from: MountSource,
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// A directory that is empty for each stage.
    Empty,
    /// A directory that the builder keeps under this name.
    Kept(String),
    /// A directory of the machine that werf runs on, as werf.yaml writes it. What it holds is no input.
    Machine(String),
}

/// Files of one git mapping, placed by one stage.
#[derive(Clone, Debug)]
pub struct Placed {
    /// `add`, for people.
    pub add: String,
    /// Where they go: an absolute path.
    pub to: String,
    /// User name or id that they get.
    pub owner: Option<String>,
    /// Group name or id that they get.
    pub group: Option<String>,
    /// The commit of another repository that they are from.
    pub remote: Option<Remote>,
    /// The files, by path below `to`.
    pub files: Arc<Chosen>,
}

/// Files of one git mapping that a stage does not see: its `stageDependencies` do not name them, or it is before all files.
#[derive(Clone, Debug)]
pub struct Unseen {
    /// `add`.
    pub add: String,
    /// Where they will be: an absolute path.
    pub to: String,
    /// The mapping's line in werf.yaml.
    pub line: usize,
    /// The files, by path below `to`.
    pub files: Arc<Chosen>,
}

impl Unseen {
    /// Files of a mapping.
    pub fn new(mapping: &GitMapping, files: Arc<Chosen>) -> Self {
        Unseen { add: mapping.add.clone(), to: mapping.to.clone(), line: mapping.at.line, files }
    }
}

/// A commit of another repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The repository, for people, without a password.
    pub url: String,
    /// The commit's id.
    pub commit: String,
}

/// A stage of imports and of facts about other images.
#[derive(Clone, Debug)]
pub struct Dependencies {
    /// When.
    pub when: When,
    /// Files of other images, in order.
    pub imports: Vec<Import>,
    /// Facts, in order.
    pub facts: Vec<Fact>,
}

/// Files of another image.
#[derive(Clone, Debug)]
pub struct Import {
    /// Which image.
    pub source: Source,
    /// Path there.
    pub add: String,
    /// Path here.
    pub to: String,
    /// User name or id that they get.
    pub owner: Option<String>,
    /// Group name or id that they get.
    pub group: Option<String>,
    /// Globs below `add`; empty means all.
    pub include: Vec<String>,
    /// Globs below `add`.
    pub exclude: Vec<String>,
    /// Directories above `to` that are a git mapping's.
    pub above: Option<Above>,
}

/// Directories of a git mapping that gives its files an owner, in which an import goes: whoever comes first makes them as the mapping's.
#[derive(Clone, Debug, PartialEq)]
pub struct Above {
    /// Absolute paths, outermost first; at least one.
    pub directories: Vec<String>,
    /// User name or id of the mapping.
    pub owner: Option<String>,
    /// Group name or id of the mapping.
    pub group: Option<String>,
}

/// A fact about another image and the variable or build argument that it is told by.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The other image.
    pub image: String,
    /// Its content.
    pub digest: Digest,
    /// What is told of it. The repository, which may be a part of that, is no input.
    pub fact: ImageFact,
    /// The variable or argument.
    pub target: String,
}

/// The stage that is a whole Dockerfile.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// Target platforms, at least one.
    pub platforms: Vec<String>,
    /// `cacheVersion` of the image, else of the file.
    pub cache_version: Option<String>,
    /// The Dockerfile's path in the project, for people.
    pub path: String,
    /// Its bytes. What the target needs of them is in the fields below.
    pub text: Arc<[u8]>,
    /// `target`. What it needs is in the fields below.
    pub target: Option<String>,
    /// Parser directives that count, as `syntax=…`.
    pub directives: Vec<String>,
    /// Stages that the target needs, in order: name, and instructions with their here-documents.
    pub stages: Vec<(String, Vec<String>)>,
    /// Images outside the file that it is built from.
    pub bases: Vec<dockerfile::Base>,
    /// Triggers (`ONBUILD`) of those images, by reference.
    pub triggers: BTreeMap<String, Vec<String>>,
    /// Triggers that the image itself leaves for what is built on it. They follow from its stages.
    pub leaves: Vec<String>,
    /// Build arguments that the needed stages can see, with the values that they have.
    pub args: BTreeMap<String, String>,
    /// `args` of werf.yaml. Those that have an effect are among `args` above.
    pub given: BTreeMap<String, String>,
    /// Facts about other images, told by build arguments.
    pub facts: Vec<Fact>,
    /// `addHost`: `name:ip`.
    pub add_hosts: Vec<String>,
    /// Network of the instructions.
    pub network: Network,
    /// Ids of the secrets that instructions may read.
    pub secrets: Vec<String>,
    /// What the instructions can see of the context, by path there.
    pub context: Arc<Chosen>,
    /// Instructions that fetch what nothing fixes: for people.
    pub unpinned: Vec<dockerfile::Unpinned>,
}

impl Dockerfile {
    /// The images outside the file that a build takes, as written: what it is built from, and the frontend that reads it.
    pub fn taken(&self) -> impl Iterator<Item = &str> {
        let syntax = self.directives.iter().filter_map(|directive| directive.strip_prefix("syntax=")?.split(' ').next());
        self.bases.iter().map(|base| base.reference.as_str()).chain(syntax)
    }
}

/// The name of a stage, as werf has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StageName {
    /// [`Work::From`].
    From,
    /// [`Work::Run`].
    User(UserStage),
    /// [`Work::Dependencies`].
    Dependencies(When),
    /// [`Work::Git`].
    Git,
    /// [`Work::ImageSpec`].
    ImageSpec,
    /// [`Work::Dockerfile`].
    Dockerfile,
}

impl Stage {
    /// Its name.
    pub fn name(&self) -> StageName {
        match &self.work {
            Work::From(_) => StageName::From,
            Work::Run(run) => StageName::User(run.stage),
            Work::Dependencies(dependencies) => StageName::Dependencies(dependencies.when),
            Work::Git(_) => StageName::Git,
            Work::ImageSpec(_) => StageName::ImageSpec,
            Work::Dockerfile(_) => StageName::Dockerfile,
        }
    }

    /// The files that it places.
    pub fn placed(&self) -> &[Placed] {
        match &self.work {
            Work::Run(run) => &run.placed,
            Work::Git(placed) => placed,
            Work::From(_) | Work::Dependencies(_) | Work::ImageSpec(_) | Work::Dockerfile(_) => &[],
        }
    }
}

impl StageName {
    /// The name that people and `import.stage` use.
    pub fn as_str(self) -> &'static str {
        match self {
            StageName::From => "from",
            StageName::User(stage) => user_stage(stage),
            StageName::Dependencies(When::BeforeInstall) => "dependenciesBeforeInstall",
            StageName::Dependencies(When::AfterInstall) => "dependenciesAfterInstall",
            StageName::Dependencies(When::BeforeSetup) => "dependenciesBeforeSetup",
            StageName::Dependencies(When::AfterSetup) => "dependenciesAfterSetup",
            StageName::Git => "gitArchive",
            StageName::ImageSpec => "imageSpec",
            StageName::Dockerfile => "dockerfile",
        }
    }
}

/// A user stage's key in werf.yaml.
pub fn user_stage(stage: UserStage) -> &'static str {
    match stage {
        UserStage::BeforeInstall => "beforeInstall",
        UserStage::Install => "install",
        UserStage::BeforeSetup => "beforeSetup",
        UserStage::Setup => "setup",
    }
}
