//! The stages of a Stapel image and what each of them declares.

use std::sync::Arc;

use super::error::{ImageError, Place};
use super::files::Files;
use super::inputs::Inputs;
use super::spec;
use super::stage::{Chain, Placed, StageName, user_stage};
use super::tree::Known;
use crate::images::git_layers::FileSet;
use crate::project::config::image::{
    DependencyImport, From, GitMapping, Import, MountSource, Revision, ShellStage, Stapel, UserStage, When,
};

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

/// What is left to place of each mapping.
struct Mappings<'a> {
    all: &'a [GitMapping],
    /// `None` for a remote mapping.
    files: Vec<Option<Arc<FileSet>>>,
    placed: Vec<Option<Arc<FileSet>>>,
    remote_placed: Vec<bool>,
}

/// The stages that have something to do, chained.
pub(super) fn stages(known: &Known<'_>, stapel: &Stapel, files: &mut Files<'_>) -> Result<Chain, ImageError> {
    let mut chain = Chain::default();
    chain.push(StageName::From, from(known, stapel), Vec::new());

    let mut mappings = Mappings::load(known, stapel, files)?;
    let commands = |stage: UserStage| stapel.shell.stages.get(&stage).filter(|stage| !stage.commands.is_empty());
    let last = ORDER.into_iter().rfind(|name| matches!(name, StageName::User(stage) if commands(*stage).is_some()));
    if last.is_none() {
        mappings.place_rest(files, &mut chain);
    }
    for name in ORDER {
        match name {
            StageName::User(stage) => {
                if let Some(shell) = commands(stage) {
                    let mut inputs = user(known, stapel, stage, shell);
                    let placed = if stage == UserStage::BeforeInstall { Vec::new() } else { mappings.place(stage, files, &mut inputs) };
                    chain.push(name, inputs, placed);
                }
            }
            StageName::Dependencies(when) => {
                let inputs = dependencies(known, stapel, when)?;
                if !inputs.is_empty() {
                    chain.push(name, inputs, Vec::new());
                }
            }
            _ => {}
        }
        if Some(name) == last {
            mappings.place_rest(files, &mut chain);
        }
    }
    let inputs = spec::inputs(known.config, known.image);
    if !inputs.is_empty() {
        chain.push(StageName::ImageSpec, inputs, Vec::new());
    }
    Ok(chain)
}

fn from(known: &Known<'_>, stapel: &Stapel) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.list("target platform", known.platforms.iter().cloned());
    inputs.optional("cacheVersion", known.cache_version());
    inputs.optional("fromCacheVersion", stapel.from_cache_version.as_deref());
    source(known, &mut inputs, "base image", &stapel.from, Wanted::Image);
    inputs
}

/// What is taken from another image.
enum Wanted<'a> {
    /// All of it, with its configuration.
    Image,
    /// Its files.
    Files,
    /// Its files as one of its stages left them.
    Stage(&'a str),
}

/// A base or an import's source: a reference as written, or the content of another image of the file.
fn source(known: &Known<'_>, inputs: &mut Inputs, name: &str, from: &From, stage: Wanted<'_>) {
    match from {
        From::Scratch => inputs.text(name, "scratch"),
        From::Reference(reference) => inputs.text(name, reference),
        From::Image(image) => {
            if let Some(node) = known.other(image) {
                let digest = match stage {
                    Wanted::Image => Some(node.digest),
                    // Files are imported, so a change of the source's configuration alone changes nothing here.
                    Wanted::Files => node.last_with_files().map(|stage| stage.digest),
                    Wanted::Stage(stage) => node.stage(stage).map(|stage| stage.digest),
                };
                inputs.image(name, image, digest.unwrap_or(node.digest));
            }
        }
    }
}

fn user(known: &Known<'_>, stapel: &Stapel, stage: UserStage, shell: &ShellStage) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.optional("shell.cacheVersion", stapel.shell.cache_version.as_deref());
    inputs.optional(format!("{}CacheVersion", user_stage(stage)), shell.cache_version.as_deref());
    inputs.list("commands", shell.commands.iter().map(|command| command.text.as_str()));
    inputs.optional("network", known.image.network.as_deref());
    inputs.list("secrets", known.image.secrets.iter().map(|secret| secret.id.as_str()));
    inputs.list(
        "mounts",
        stapel.mounts.iter().map(|mount| match &mount.from {
            MountSource::TmpDir => format!("tmp_dir → {}", mount.to),
            MountSource::BuildDir => format!("build_dir → {}", mount.to),
            MountSource::Path(path) => format!("{path} → {}", mount.to),
        }),
    );
    inputs
}

fn dependencies(known: &Known<'_>, stapel: &Stapel, when: When) -> Result<Inputs, ImageError> {
    let mut inputs = Inputs::default();
    for import in stapel.imports.iter().filter(|import| import.when == when) {
        check_stage(known, import)?;
        let name = format!("import {} → {}", import.add, import.to);
        let wanted = import.stage.as_deref().map_or(Wanted::Files, Wanted::Stage);
        source(known, &mut inputs, &format!("{name}: source"), &import.from, wanted);
        inputs.text(format!("{name}: add"), &import.add);
        inputs.text(format!("{name}: to"), &import.to);
        inputs.optional(format!("{name}: owner"), import.owner.as_deref());
        inputs.optional(format!("{name}: group"), import.group.as_deref());
        inputs.list(format!("{name}: includePaths"), import.include_paths.iter().cloned());
        inputs.list(format!("{name}: excludePaths"), import.exclude_paths.iter().cloned());
    }
    for dependency in known.image.dependencies.iter().filter(|dependency| dependency.when.unwrap_or(When::BeforeInstall) == when) {
        fact_inputs(known, &mut inputs, &dependency.image, &dependency.imports);
    }
    Ok(inputs)
}

/// Facts about another image: the image's digest and which facts go where. The repository is no part of it.
pub(super) fn fact_inputs(known: &Known<'_>, inputs: &mut Inputs, image: &str, imports: &[DependencyImport]) {
    if let Some(node) = known.other(image) {
        inputs.image(format!("dependency {image}"), image, node.digest);
    }
    inputs.list(format!("dependency {image}: facts"), imports.iter().map(|import| format!("{:?} → {}", import.fact, import.target)));
}

fn check_stage(known: &Known<'_>, import: &Import) -> Result<(), ImageError> {
    let (From::Image(from), Some(stage)) = (&import.from, &import.stage) else { return Ok(()) };
    let Some(node) = known.other(from) else { return Ok(()) };
    if node.stage(stage).is_some() && node.dockerfile.is_none() {
        return Ok(());
    }
    let Place { source_code, span } = known.place(&import.at);
    let help = if node.dockerfile.is_some() {
        "a Dockerfile image has no stages of werf: give the Dockerfile stage an image of its own by `target`".into()
    } else {
        let names: Vec<&str> = node.stages.iter().map(|stage| stage.name.as_str()).collect();
        format!("stages of `{from}` that have something to do: `{}`", names.join("`, `"))
    };
    Err(ImageError::UnknownStage { image: known.image.name.clone(), from: from.clone(), stage: stage.clone(), source_code, span, help })
}

impl<'a> Mappings<'a> {
    fn load(known: &Known<'_>, stapel: &'a Stapel, files: &mut Files<'_>) -> Result<Self, ImageError> {
        let all = &stapel.git[..];
        let mut sets = Vec::new();
        for mapping in all {
            if mapping.remote.is_some() {
                sets.push(None);
                continue;
            }
            let Some(set) = files.mapping(mapping, all)? else {
                let Place { source_code, span } = known.place(&mapping.at);
                return Err(ImageError::AddMissing { image: known.image.name.clone(), path: mapping.add.clone(), source_code, span });
            };
            sets.push(Some(set));
        }
        Ok(Mappings { all, placed: vec![None; all.len()], remote_placed: vec![false; all.len()], files: sets })
    }

    /// Places what a stage sees and does not have yet.
    fn place(&mut self, stage: UserStage, files: &mut Files<'_>, inputs: &mut Inputs) -> Vec<Placed> {
        let mut placed = Vec::new();
        for (at, mapping) in self.all.iter().enumerate() {
            let Some(set) = &self.files[at] else {
                if !std::mem::replace(&mut self.remote_placed[at], true) {
                    mapping_inputs(inputs, mapping, None);
                    placed.push(Placed { mapping: at, files: None });
                }
                continue;
            };
            let seen = match mapping.stage_dependencies.get(&stage) {
                Some(patterns) => files.narrow(set, patterns),
                None => set.clone(),
            };
            let (new, all) = match &self.placed[at] {
                None => (seen.clone(), seen),
                Some(earlier) => (files.without(&seen, earlier), files.union(&seen, earlier)),
            };
            self.placed[at] = Some(all);
            if !new.is_empty() {
                mapping_inputs(inputs, mapping, Some(&new));
                placed.push(Placed { mapping: at, files: Some(new) });
            }
        }
        placed
    }

    /// Adds the stage of files that nobody saw, if there are any.
    fn place_rest(&mut self, files: &mut Files<'_>, chain: &mut Chain) {
        let mut inputs = Inputs::default();
        let mut placed = Vec::new();
        for (at, mapping) in self.all.iter().enumerate() {
            let Some(set) = &self.files[at] else {
                if !std::mem::replace(&mut self.remote_placed[at], true) {
                    mapping_inputs(&mut inputs, mapping, None);
                    placed.push(Placed { mapping: at, files: None });
                }
                continue;
            };
            let rest = self.placed[at].as_ref().map_or_else(|| set.clone(), |placed| files.without(set, placed));
            if !rest.is_empty() {
                mapping_inputs(&mut inputs, mapping, Some(&rest));
                placed.push(Placed { mapping: at, files: Some(rest) });
            }
        }
        if !placed.is_empty() {
            chain.push(StageName::Git, inputs, placed);
        }
    }
}

/// What a mapping adds to the stage that places its files. How the files were chosen is no input: the files are.
fn mapping_inputs(inputs: &mut Inputs, mapping: &GitMapping, files: Option<&Arc<FileSet>>) {
    let name = format!("git {} → {}", if mapping.add.is_empty() { "/" } else { &mapping.add }, mapping.to);
    inputs.text(format!("{name}: to"), &mapping.to);
    inputs.optional(format!("{name}: owner"), mapping.owner.as_deref());
    inputs.optional(format!("{name}: group"), mapping.group.as_deref());
    if let Some(files) = files {
        inputs.files(format!("{name}: files"), files.clone());
    }
    if let Some(remote) = &mapping.remote {
        inputs.text(format!("{name}: url"), &remote.url);
        let (kind, revision) = match &remote.revision {
            Revision::Branch(name) => ("branch", name),
            Revision::Tag(name) => ("tag", name),
            Revision::Commit(id) => ("commit", id),
        };
        inputs.text(format!("{name}: {kind}"), revision);
        inputs.text(format!("{name}: add"), &mapping.add);
        inputs.list(format!("{name}: includePaths"), mapping.include_paths.iter().cloned());
        inputs.list(format!("{name}: excludePaths"), mapping.exclude_paths.iter().cloned());
    }
}
