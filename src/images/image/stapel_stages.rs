//! The stages of a Stapel image and what each of them declares.

use super::error::{ImageError, Place};
use super::files::{Files, Mapped};
use super::spec;
use super::stage::{Above, Base, Dependencies, Fact, Import, Mount, MountSource, Placed, Remote, Run, Source, StageName, Unseen, Work};
use super::tree::{Chain, Known};
use crate::file_tree::ReadError;
use crate::glob::Globs;
use crate::project::config::image::{self as config, From, GitMapping, ShellStage, Stapel, UserStage, When};

const ORDER: [StageName; 8] = [
    StageName::User(UserStage::BeforeInstall),
    StageName::Dependencies(When::BeforeInstall),
    StageName::User(UserStage::Install),
    StageName::Dependencies(When::AfterInstall),
    StageName::User(UserStage::BeforeSetup),
    StageName::Dependencies(When::BeforeSetup),
    StageName::User(UserStage::Setup),
    StageName::Dependencies(When::AfterSetup),
];

/// The stages that have something to do, chained.
pub(super) fn stages(known: &Known<'_>, stapel: &Stapel, files: &mut Files<'_>) -> Result<Chain, ImageError> {
    let mut chain = Chain::default();
    chain.push(Work::From(from(known, stapel)))?;

    let mut mappings = Mappings::load(known, stapel, files)?;
    let commands = |stage: UserStage| stapel.shell.stages.get(&stage).filter(|stage| !stage.commands.is_empty());
    let last = ORDER.into_iter().rfind(|name| matches!(name, StageName::User(stage) if commands(*stage).is_some()));
    if last.is_none() {
        mappings.place_rest(&mut chain)?;
    }
    for name in ORDER {
        match name {
            StageName::User(stage) => {
                if let Some(shell) = commands(stage) {
                    chain.push(Work::Run(run(known, stapel, stage, shell, &mut mappings)?))?;
                }
            }
            StageName::Dependencies(when) => {
                let work = dependencies(known, stapel, when, &mappings)?;
                if !work.imports.is_empty() || !work.facts.is_empty() {
                    chain.push(Work::Dependencies(work))?;
                }
            }
            _ => {}
        }
        if Some(name) == last {
            mappings.place_rest(&mut chain)?;
        }
    }
    chain.push_spec(spec::effective(known.config, known.image))?;
    Ok(chain)
}

fn from(known: &Known<'_>, stapel: &Stapel) -> Base {
    Base {
        platforms: known.platforms.to_vec(),
        cache_version: known.cache_version().map(str::to_owned),
        from_cache_version: stapel.from_cache_version.clone(),
        source: match &stapel.from {
            From::Scratch => Source::Scratch,
            From::Reference(written) => {
                let latest = known.looked_up.latest.get(written).filter(|_| stapel.from_latest).cloned();
                Source::Reference { written: written.clone(), latest }
            }
            From::Image(name) => {
                let digest = known.other(name).map(|node| node.digest).unwrap_or_default();
                Source::Image { name: name.clone(), stage: None, digest }
            }
        },
    }
}

fn run(known: &Known<'_>, stapel: &Stapel, stage: UserStage, shell: &ShellStage, mappings: &mut Mappings<'_>) -> Result<Run, ReadError> {
    let (placed, unseen) = match stage {
        UserStage::BeforeInstall => (Vec::new(), mappings.all_unseen()),
        stage => mappings.place(stage)?,
    };
    let mount = |mount: &config::Mount| Mount {
        to: mount.to.clone(),
        from: match &mount.from {
            config::MountSource::TmpDir => MountSource::Empty,
            config::MountSource::BuildDir => MountSource::Kept(format!("werf/{}/build_dir{}", known.config.meta.project, mount.to)),
            config::MountSource::Path(path) => MountSource::Machine(path.clone()),
        },
    };
    Ok(Run {
        stage,
        placed,
        unseen,
        shell_cache_version: stapel.shell.cache_version.clone(),
        stage_cache_version: shell.cache_version.clone(),
        commands: shell.commands.clone(),
        network: known.network(),
        secrets: known.secrets(),
        mounts: stapel.mounts.iter().map(mount).collect(),
    })
}

fn dependencies(known: &Known<'_>, stapel: &Stapel, when: When, mappings: &Mappings<'_>) -> Result<Dependencies, ImageError> {
    let mut imports = Vec::new();
    let claims = claims(stapel);
    for (at, import) in stapel.imports.iter().enumerate().filter(|(_, import)| import.when == when) {
        check_stage(known, import)?;
        let mut exclude = import.exclude_paths.clone();
        exclude.extend(carved(&claims[stapel.git.len() + at], &claims));
        imports.push(Import {
            source: import_source(known, import),
            add: import.add.clone(),
            to: import.to.clone(),
            owner: given(&import.owner),
            group: given(&import.group),
            include: import.include_paths.clone(),
            exclude,
            above: mappings.above(&import.to)?,
        });
    }
    let dependencies = known.image.dependencies.iter();
    let mine = dependencies.filter(|dependency| dependency.when.unwrap_or(When::BeforeInstall) == when);
    Ok(Dependencies { when, imports, facts: mine.flat_map(|dependency| facts(known, dependency)).collect() })
}

fn import_source(known: &Known<'_>, import: &config::Import) -> Source {
    match &import.from {
        From::Scratch => Source::Scratch,
        From::Reference(written) => Source::Reference { written: written.clone(), latest: None },
        From::Image(name) => {
            let digest = known.other(name).map(|node| match import.stage.as_deref() {
                // Files are imported, so a change of the source's configuration alone changes nothing here.
                None => node.last_with_files().map_or(node.digest, |stage| stage.digest),
                Some(stage) => node.stage(stage).map_or(node.digest, |stage| stage.digest),
            });
            Source::Image { name: name.clone(), stage: import.stage.clone(), digest: digest.unwrap_or_default() }
        }
    }
}

/// Facts about another image.
pub(super) fn facts(known: &Known<'_>, dependency: &config::Dependency) -> Vec<Fact> {
    let digest = known.other(&dependency.image).map(|node| node.digest).unwrap_or_default();
    let fact = |import: &config::DependencyImport| Fact {
        image: dependency.image.clone(),
        digest,
        fact: import.fact,
        target: import.target.clone(),
    };
    dependency.imports.iter().map(fact).collect()
}

fn check_stage(known: &Known<'_>, import: &config::Import) -> Result<(), ImageError> {
    let (From::Image(from), Some(stage)) = (&import.from, &import.stage) else { return Ok(()) };
    let Some(node) = known.other(from) else { return Ok(()) };
    if node.stage(stage).is_some() && node.dockerfile().is_none() {
        return Ok(());
    }
    let Place { source_code, span } = known.place(&import.at);
    let help = if node.dockerfile().is_some() {
        "a Dockerfile image has no stages of werf: give the Dockerfile stage an image of its own by `target`".into()
    } else {
        let names: Vec<&str> = node.stages.iter().map(|stage| stage.name().as_str()).collect();
        format!("stages of `{from}` that have something to do: `{}`", names.join("`, `"))
    };
    Err(ImageError::UnknownStage { image: known.image.name.clone(), from: from.clone(), stage: stage.clone(), source_code, span, help })
}

/// What a mapping or an import leaves out, because another one goes deeper: werf's own rule where `git` and `import` meet.
fn carved(own: &Claims, all: &[Claims]) -> Vec<String> {
    let others = all.iter().filter(|other| !std::ptr::eq(*other, own)).flat_map(|other| &other.paths);
    let deeper = others.filter(|path| own.paths.iter().any(|mine| below(mine, path).is_some()));
    deeper.filter_map(|path| below(&own.to, path)).map(str::to_owned).collect()
}

/// What a mapping or an import puts somewhere, as patterns of absolute paths.
struct Claims {
    to: String,
    /// `to`, or what it includes below.
    paths: Vec<String>,
}

/// The claims of the git mappings, then of the imports.
fn claims(stapel: &Stapel) -> Vec<Claims> {
    let claims = |to: &str, include: &[String]| {
        let literal = |c: char| if "*?[]{}\\".contains(c) { vec!['\\', c] } else { vec![c] };
        let to: String = to.trim_end_matches('/').chars().flat_map(literal).collect();
        let paths = match include {
            [] => vec![to.clone()],
            include => include.iter().map(|path| format!("{to}/{path}")).collect(),
        };
        Claims { to, paths }
    };
    let mappings = stapel.git.iter().map(|mapping| claims(&mapping.to, &mapping.include_paths));
    mappings.chain(stapel.imports.iter().map(|import| claims(&import.to, &import.include_paths))).collect()
}

/// A name that is not empty.
fn given(name: &Option<String>) -> Option<String> {
    name.clone().filter(|name| !name.is_empty())
}

/// `inner` relative to `outer`, if it is strictly below.
fn below<'p>(outer: &str, inner: &'p str) -> Option<&'p str> {
    inner.strip_prefix(outer)?.strip_prefix('/').filter(|rest| !rest.is_empty())
}

/// The git mappings of an image and which of their files are placed already.
struct Mappings<'a> {
    all: &'a [GitMapping],
    sets: Vec<Mapped>,
    remotes: Vec<Option<Remote>>,
    placed: Vec<Already>,
}

/// What of a mapping is placed.
#[derive(Clone)]
enum Already {
    /// What matches these patterns.
    Matching(Vec<Globs>),
    All,
}

impl<'a> Mappings<'a> {
    fn load(known: &Known<'_>, stapel: &'a Stapel, files: &mut Files<'_>) -> Result<Self, ImageError> {
        let all = &stapel.git[..];
        let mut sets = Vec::new();
        let claims = claims(stapel);
        let mut remotes = Vec::new();
        for (at, mapping) in all.iter().enumerate() {
            let remote = files.remote(mapping).map(|remote| Remote { url: remote.url.clone(), commit: remote.commit.clone() });
            if let (Some(wanted), None) = (&mapping.remote, &remote) {
                return Err(ImageError::NotLookedUp { image: known.image.name.clone(), url: wanted.url.clone() });
            }
            remotes.push(remote);
            let Some(set) = files.mapping(mapping, carved(&claims[at], &claims))? else {
                let Place { source_code, span } = known.place(&mapping.at);
                return Err(ImageError::AddMissing { image: known.image.name.clone(), path: mapping.add.clone(), source_code, span });
            };
            sets.push(set);
        }
        Ok(Mappings { all, sets, remotes, placed: vec![Already::Matching(Vec::new()); all.len()] })
    }

    /// Places what a stage sees and does not have yet, and tells what it does not see.
    fn place(&mut self, stage: UserStage) -> Result<(Vec<Placed>, Vec<Unseen>), ReadError> {
        let (mut placed, mut unseen) = (Vec::new(), Vec::new());
        for (at, mapping) in self.all.iter().enumerate() {
            let Already::Matching(earlier) = self.placed[at].clone() else { continue };
            let left = self.left(at, &earlier);
            match mapping.stage_dependencies.get(&stage).map(|patterns| Globs::new(patterns)) {
                Some(patterns) => {
                    placed.extend(self.of(at, left.matching(patterns.clone()))?);
                    unseen.push(Unseen::new(mapping, left.without(patterns.clone()).chosen()));
                    self.placed[at] = Already::Matching(earlier.into_iter().chain([patterns]).collect());
                }
                None => {
                    placed.extend(self.of(at, left)?);
                    self.placed[at] = Already::All;
                }
            }
        }
        Ok((placed, unseen))
    }

    /// What a stage does not see that is before all files.
    fn all_unseen(&self) -> Vec<Unseen> {
        self.all.iter().zip(&self.sets).map(|(mapping, set)| Unseen::new(mapping, set.chosen())).collect()
    }

    /// The directories above a place that the mapping around it makes, if it gives them an owner.
    fn above(&self, place: &str) -> Result<Option<Above>, ReadError> {
        let around = self.all.iter().zip(&self.sets).filter_map(|(mapping, set)| {
            let to = mapping.to.trim_end_matches('/');
            Some((to, below(to, place)?, mapping, set))
        });
        let Some((to, inner, mapping, set)) = around.max_by_key(|(to, ..)| to.len()) else { return Ok(None) };
        let (owner, group) = (given(&mapping.owner), given(&mapping.group));
        if owner.is_none() && group.is_none() {
            return Ok(None);
        }
        let chosen = set.chosen();
        let set = chosen.files()?;
        let deeper = inner.match_indices('/').map(|(at, _)| &inner[..at]).take_while(|inner| set.has_directory(inner));
        let itself = (!to.is_empty()).then(|| to.to_owned());
        let directories: Vec<String> = itself.into_iter().chain(deeper.map(|inner| format!("{to}/{inner}"))).collect();
        Ok((!directories.is_empty()).then_some(Above { directories, owner, group }))
    }

    /// Adds the stage of files that nobody saw, if there are any.
    fn place_rest(&mut self, chain: &mut Chain) -> Result<(), ReadError> {
        let mut placed = Vec::new();
        for at in 0..self.all.len() {
            if let Already::Matching(earlier) = &self.placed[at] {
                placed.extend(self.of(at, self.left(at, earlier))?);
            }
        }
        if placed.is_empty() { Ok(()) } else { chain.push(Work::Git(placed)) }
    }

    fn left(&self, at: usize, earlier: &[Globs]) -> Mapped {
        earlier.iter().fold(self.sets[at].clone(), |left, patterns| left.without(patterns.clone()))
    }

    /// Files of a mapping, if there are any.
    fn of(&self, at: usize, files: Mapped) -> Result<Option<Placed>, ReadError> {
        let (mapping, files) = (&self.all[at], files.chosen());
        Ok((!files.is_empty()?).then(|| Placed {
            add: mapping.add.clone(),
            to: mapping.to.clone(),
            owner: given(&mapping.owner),
            group: given(&mapping.group),
            remote: self.remotes[at].clone(),
            files,
        }))
    }
}
