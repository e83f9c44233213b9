//! Instructions → what a target depends on.
//!
//! Only the stages that the target needs count: its own chain of `FROM`, and what these copy or mount from. Values that only the
//! builder knows (a base image's ENV, the platform of the build) make the answer wider, never narrower: a source path with such a
//! value stands for the whole context, a stage name for all that fit.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::error::DockerfileError;
use super::evaluate::{Base, Evaluated, Line, Scene, Unpinned};
use super::parse::{Dockerfile, parse_triggers};
use super::request::Request;
use super::sources::ContextUse;
use super::stages::{Stage, declarations, globals, stages};
use super::syntax::reads_dockerfiles;
use super::words::{Lookup, mentioned};
use crate::words::near::nearest;

/// What the result of a target is a function of, besides the images under its bases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Parser directives that count, as `syntax=…`: `check` changes no image, `escape` only one whose text has such a character.
    pub directives: Vec<String>,
    /// The needed stages in file order, each with its name, or its number among them, and its instructions with heredoc bodies.
    /// Arguments that nothing can see are left out.
    pub stages: Vec<(String, Vec<String>)>,
    /// The build arguments that the needed stages can see, with the values they have.
    pub args: BTreeMap<String, String>,
    /// Images outside this file, in order of first use.
    pub bases: Vec<Base>,
    /// What is seen of the context.
    pub context: ContextUse,
    /// Whether a needed stage runs a command: only commands see hosts, the network and secrets.
    pub runs: bool,
    /// The triggers of external bases that run, by reference: those of [`Request::triggers`] that a needed stage is built on.
    pub triggers: BTreeMap<String, Vec<String>>,
    /// The triggers (`ONBUILD`) that the target leaves for what is built on it.
    pub leaves: Vec<String>,
    /// Instructions that fetch what may change without a change of any text.
    pub unpinned: Vec<Unpinned>,
}

/// Finds what a target depends on.
///
/// # Errors
/// No stage, an unknown target, an unknown stage that is no image either, a malformed substitution.
pub fn dependencies(file: &Dockerfile, request: &Request) -> Result<Dependencies, DockerfileError> {
    let frontend = request.args.get("BUILDKIT_SYNTAX").map(|syntax| syntax.trim());
    if file.foreign || frontend.is_some_and(|syntax| !reads_dockerfiles(syntax)) {
        return Ok(all_of(file, request));
    }
    let stages = stages(file)?;
    let globals = globals(file, &stages, request)?;
    let scene = Scene { file, request, stages: &stages, globals: &globals };
    let target = target(file, &stages, request)?;
    let mut evaluated: Vec<Result<Evaluated, DockerfileError>> = Vec::new();
    for index in 0..=target {
        let stage = scene.evaluate(index, &evaluated);
        evaluated.push(stage);
    }
    let mut needed = BTreeSet::from([target]);
    let mut open = vec![target];
    while let Some(index) = open.pop() {
        let stage = evaluated[index].as_ref().map_err(DockerfileError::clone)?;
        open.extend(stage.parents.iter().chain(&stage.sources).filter(|other| needed.insert(**other)));
    }
    let needed: Vec<(usize, &Evaluated)> =
        needed.into_iter().filter_map(|index| evaluated[index].as_ref().ok().map(|stage| (index, stage))).collect();
    let found = gather(&scene, &needed);
    let leaves = evaluated.swap_remove(target).map(|target| target.triggers);
    Ok(Dependencies { leaves: leaves?, ..found })
}

/// Puts the needed stages together.
fn gather(scene: &Scene<'_>, needed: &[(usize, &Evaluated)]) -> Dependencies {
    let mut found = Dependencies::default();
    let live = live_args(needed);
    let names = names(scene, needed);
    for (at, (index, stage)) in needed.iter().enumerate() {
        for (name, value) in &stage.from_args {
            found.args.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let mut lines = Vec::new();
        for (line, _) in stage.lines.iter().zip(&live[at]).filter(|(_, live)| **live) {
            lines.push(match (&line.arg, line.copies_from.and_then(|index| names.get(&index))) {
                (Some((name, Lookup::Known(value))), _) => {
                    found.args.entry(name.clone()).or_insert_with(|| value.clone());
                    format!("ARG {name}: {value}")
                }
                (None, Some(stage)) => format!("[{stage}] {}", line.text),
                _ => line.text.clone(),
            });
            found.runs |= line.sees_all;
        }
        found.stages.push((names[index].clone(), lines));
        for base in &stage.bases {
            match found.bases.iter_mut().find(|known| known.reference == base.reference && known.platform == base.platform) {
                Some(known) => known.built_on |= base.built_on,
                None => found.bases.push(base.clone()),
            }
        }
        found.context.extend(&stage.context);
        found.triggers.extend(stage.triggers_run.clone());
        found.unpinned.extend(stage.unpinned.iter().cloned());
    }
    found.unpinned.sort_by_key(|unpinned| unpinned.line);
    found.unpinned.dedup();
    found.directives.extend(scene.file.syntax.as_ref().map(|syntax| format!("syntax={syntax}")));
    let escapes = || found.stages.iter().flat_map(|(_, lines)| lines).any(|line| line.contains(['`', '\\']));
    if scene.file.escape != '\\' && escapes() {
        found.directives.push(format!("escape={}", scene.file.escape));
    }
    found.args.extend(builder_args(scene.request, found.runs));
    if let Some(Lookup::Known(epoch)) = scene.globals.get("SOURCE_DATE_EPOCH") {
        found.args.insert("SOURCE_DATE_EPOCH".into(), epoch.clone());
    }
    found
}

/// What needed stages are called: by their names, with their number among them where that is not enough.
fn names(scene: &Scene<'_>, needed: &[(usize, &Evaluated)]) -> BTreeMap<usize, String> {
    let written = |index: usize| scene.stages[index].name.as_deref();
    let is_unique = |name: &str| needed.iter().filter(|(index, _)| written(*index) == Some(name)).count() == 1;
    let name = |(at, (index, _)): (usize, &(usize, &Evaluated))| match written(*index) {
        Some(name) if is_unique(name) => (*index, name.to_owned()),
        Some(name) => (*index, format!("{name} {at}")),
        None => (*index, at.to_string()),
    };
    needed.iter().enumerate().map(name).collect()
}

/// For each line of each needed stage whether it counts: a declared argument does only if something after it can see it, in its stage
/// or in one that is built on it.
fn live_args(needed: &[(usize, &Evaluated)]) -> Vec<Vec<bool>> {
    // What a stage and all that is built on it look up; `None` in place of a name for commands, which see everything.
    let mut inherited: BTreeMap<usize, HashSet<Option<&str>>> = BTreeMap::new();
    let mut live = vec![Vec::new(); needed.len()];
    for (at, (index, stage)) in needed.iter().enumerate().rev() {
        let mut looked_up = inherited.remove(index).unwrap_or_default();
        let mut of_stage: Vec<bool> = Vec::with_capacity(stage.lines.len());
        for line in stage.lines.iter().rev() {
            let counts = match &line.arg {
                Some((name, _)) => looked_up.contains(&None) || looked_up.contains(&Some(name.as_str())),
                None => true,
            };
            if counts {
                looked_up.extend(line.looks_up());
            }
            of_stage.push(counts);
        }
        of_stage.reverse();
        live[at] = of_stage;
        for parent in &stage.parents {
            inherited.entry(*parent).or_default().extend(&looked_up);
        }
    }
    live
}

impl Line {
    fn looks_up(&self) -> impl Iterator<Item = Option<&str>> {
        let text = match &self.arg {
            Some((_, Lookup::Known(_))) => "",
            _ => &self.text,
        };
        self.sees_all.then_some(None).into_iter().chain(mentioned(text).map(Some))
    }
}

/// A Dockerfile in a language that only its frontend knows: the text, all arguments and the whole context.
fn all_of(file: &Dockerfile, request: &Request) -> Dependencies {
    Dependencies {
        directives: file.syntax.iter().map(|syntax| format!("syntax={syntax}")).collect(),
        stages: vec![(request.target.clone().unwrap_or_default(), vec![file.text.to_string()])],
        args: request.args.clone(),
        context: ContextUse::all(),
        runs: true,
        ..Dependencies::default()
    }
}

/// Given arguments that work without being declared. Proxies, a host name and the name of caches are for commands alone.
fn builder_args(request: &Request, runs: bool) -> impl Iterator<Item = (String, String)> {
    const PROXIES: [&str; 5] = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];
    let works = move |name: &str| match name {
        "SOURCE_DATE_EPOCH" => true,
        "BUILDKIT_SANDBOX_HOSTNAME" | "BUILDKIT_CACHE_MOUNT_NS" => runs,
        // Where a remote context comes from, what is warned of, what is scanned.
        "BUILDKIT_CONTEXT_KEEP_GIT_DIR" | "BUILDKIT_GIT_ADVICE" | "BUILDKIT_DOCKERFILE_CHECK" => false,
        "BUILDKIT_SBOM_SCAN_CONTEXT" | "BUILDKIT_SBOM_SCAN_STAGE" => false,
        name => name.starts_with("BUILDKIT_") || runs && PROXIES.iter().any(|known| known.eq_ignore_ascii_case(name)),
    };
    request.args.iter().filter(move |(name, _)| works(name)).map(|(name, value)| (name.clone(), value.clone()))
}

fn target(file: &Dockerfile, stages: &[Stage<'_>], request: &Request) -> Result<usize, DockerfileError> {
    let Some(target) = request.target.as_ref().filter(|target| !target.is_empty()) else { return Ok(stages.len() - 1) };
    // The last one of that name, as BuildKit takes it.
    let named = stages.iter().rposition(|stage| stage.name.as_deref() == Some(&target.to_lowercase()));
    named.ok_or_else(|| {
        let names: Vec<&str> = stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
        let help = match nearest(target, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "no stage here has a name: write `FROM image AS name`, or leave `target` out".into(),
            None => format!("stages here: `{}`", names.join("`, `")),
        };
        DockerfileError::UnknownTarget { path: file.path.clone(), target: target.clone(), help }
    })
}

/// Whether triggers of an image read anything of the build that runs them: files of its context, its stages, or its arguments.
/// Triggers that cannot be understood may.
pub fn triggers_read(triggers: &[String]) -> bool {
    let reads = |instruction: &super::parse::Instruction| match instruction.keyword.as_str() {
        "ARG" => true,
        "COPY" | "ADD" | "RUN" => super::evaluate::reads_build(instruction),
        _ => false,
    };
    parse_triggers(triggers).map_or(true, |instructions| instructions.iter().any(reads))
}

/// The build arguments named by the Dockerfile's ARG instructions, of all stages.
pub fn declared_args(file: &Dockerfile) -> BTreeSet<String> {
    let args = file.instructions.iter().filter(|instruction| instruction.keyword == "ARG");
    args.flat_map(|arg| declarations(arg, file.escape)).map(|(name, _)| name).collect()
}
