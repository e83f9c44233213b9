//! Instructions → what a target depends on.
//!
//! Only the stages that the target needs count: its own chain of `FROM`, and what these copy or mount from. Values that only the
//! builder knows (a base image's ENV, the platform of the build) make the answer wider, never narrower: a source path with such a
//! value stands for the whole context, a stage name for all that fit.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{DockerfileError, nearest};
use super::ignore::{Matcher, clean};
use super::parse::{Dockerfile, Instruction};
use super::words::{Lookup, UNKNOWN, expand, split};

/// What the result of a target is a function of, besides the images under its bases.
#[derive(Clone, Debug, Default)]
pub struct Dependencies {
    /// Parser directives, as `syntax=…`.
    pub directives: Vec<String>,
    /// The needed stages in file order, each with its name (or number) and its instructions with heredoc bodies.
    pub stages: Vec<(String, Vec<String>)>,
    /// The build arguments that the needed stages can see, with the values they have.
    pub args: BTreeMap<String, String>,
    /// References of images outside this file, after substitution, in order of first use.
    pub bases: Vec<String>,
    /// What is seen of the context.
    pub context: ContextUse,
}

/// The part of a build context that instructions can see.
#[derive(Clone, Debug, Default)]
pub struct ContextUse(Vec<Matcher>);

impl ContextUse {
    /// Whether any instruction can see this file. The path is relative to the context.
    pub fn sees(&self, path: &str) -> bool {
        self.0.iter().any(|matcher| matcher.matches(path))
    }

    /// Whether no file of the context is seen at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, source: &str) {
        let pattern = if source.contains(UNKNOWN) { String::new() } else { clean(source) };
        // A malformed pattern fails in the build; here it may as well see everything.
        self.0.push(Matcher::new(&pattern).unwrap_or(Matcher::All));
    }
}

/// What the caller knows of the build.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `target`: a stage's name or number; the last stage by default.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Target platform, `os/arch[/variant]`, if it is one and known.
    pub platform: Option<String>,
}

/// Finds what a target depends on.
///
/// # Errors
/// No stage, an unknown target, an unknown stage that is no image either, a malformed substitution.
pub fn dependencies(file: &Dockerfile, request: &Request) -> Result<Dependencies, DockerfileError> {
    let stages = stages(file)?;
    let globals = globals(file, &stages, request)?;
    let mut walk = Walk { file, request, stages: &stages, globals: &globals, needed: BTreeMap::new(), found: Dependencies::default() };
    let target = walk.target()?;
    walk.visit(target)?;

    let mut found = walk.found;
    found.directives = file.directives.iter().map(|(key, value)| format!("{key}={value}")).collect();
    for index in walk.needed.keys() {
        let stage = &stages[*index];
        let name = stage.name.clone().unwrap_or_else(|| index.to_string());
        let text = [stage.from].into_iter().chain(stage.body).map(Instruction::canonical);
        found.stages.push((name, text.collect()));
    }
    for (name, value) in &request.args {
        if BUILDER_ARGS.contains(&name.as_str()) || name.starts_with("BUILDKIT_") {
            found.args.insert(name.clone(), value.clone());
        }
    }
    Ok(found)
}

/// Arguments that work without being declared.
const BUILDER_ARGS: [&str; 11] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
    "SOURCE_DATE_EPOCH",
];

struct Stage<'a> {
    name: Option<String>,
    reference: &'a str,
    from: &'a Instruction,
    body: &'a [Instruction],
}

/// Groups instructions under their FROM.
fn stages(file: &Dockerfile) -> Result<Vec<Stage<'_>>, DockerfileError> {
    let all = &file.instructions;
    let starts: Vec<usize> = (0..all.len()).filter(|at| all[*at].keyword == "FROM").collect();
    let Some(first) = starts.first() else { return Err(DockerfileError::NoStage { path: file.path.clone() }) };
    if let Some(early) = all[..*first].iter().find(|instruction| instruction.keyword != "ARG") {
        return Err(file.syntax(
            format!("line {} of `{}`: {} before the first FROM", early.line, file.path, early.keyword),
            early.span.clone(),
            Some("only ARG may stand there".into()),
        ));
    }
    let ends = starts.iter().skip(1).copied().chain([all.len()]);
    let stage = |(start, end): (&usize, usize)| {
        let from = &all[*start];
        let words: Vec<&str> = from.rest.split_whitespace().collect();
        let name = match words.as_slice() {
            [_] => None,
            [_, r#as, name] if r#as.eq_ignore_ascii_case("as") => Some(name.to_ascii_lowercase()),
            _ => {
                return Err(file.syntax(
                    format!("line {} of `{}`: FROM takes an image and perhaps `AS name`", from.line, file.path),
                    from.span.clone(),
                    None,
                ));
            }
        };
        Ok(Stage { name, reference: words[0], from, body: &all[start + 1..end] })
    };
    starts.iter().zip(ends).map(stage).collect()
}

/// Variables before the first FROM: declared ones, and the platform.
fn globals(file: &Dockerfile, stages: &[Stage<'_>], request: &Request) -> Result<BTreeMap<String, Lookup>, DockerfileError> {
    let mut known = platform_args(request);
    let first = stages.first().map_or(0, |stage| stage.from.span.start);
    for instruction in file.instructions.iter().take_while(|instruction| instruction.span.start < first) {
        for (name, default) in declarations(file, instruction, &|name| known.get(name).cloned().unwrap_or(Lookup::Unset))? {
            let value = request.args.get(&name).cloned().map(Lookup::Known).or(default);
            known.insert(name, value.unwrap_or(Lookup::Unset));
        }
    }
    Ok(known)
}

fn platform_args(request: &Request) -> BTreeMap<String, Lookup> {
    let parts = request.platform.as_deref().and_then(crate::images::llb::Platform::parse);
    let part = |value: Option<&String>| value.map_or(Lookup::Unknown, |value| Lookup::Known(value.clone()));
    let mut known: BTreeMap<String, Lookup> =
        ["BUILDPLATFORM", "BUILDOS", "BUILDARCH", "BUILDVARIANT"].map(|name| (name.to_owned(), Lookup::Unknown)).into();
    known.insert("TARGETPLATFORM".into(), part(request.platform.as_ref()));
    known.insert("TARGETOS".into(), part(parts.as_ref().map(|parts| &parts.os)));
    known.insert("TARGETARCH".into(), part(parts.as_ref().map(|parts| &parts.architecture)));
    known.insert("TARGETVARIANT".into(), part(parts.as_ref().map(|parts| &parts.variant)));
    known.insert("TARGETSTAGE".into(), Lookup::Unknown);
    known
}

/// `NAME` and `NAME=value` of an ARG; values are substituted.
fn declarations(
    file: &Dockerfile,
    arg: &Instruction,
    lookup: &dyn Fn(&str) -> Lookup,
) -> Result<Vec<(String, Option<Lookup>)>, DockerfileError> {
    let declare = |word: &&str| match word.split_once('=') {
        None => Ok(((*word).to_owned(), None)),
        Some((name, value)) => Ok((name.to_owned(), Some(known(substitute(file, arg, value, lookup)?)))),
    };
    split(&arg.rest, file.escape).iter().map(declare).collect()
}

fn known(value: String) -> Lookup {
    if value.contains(UNKNOWN) { Lookup::Unknown } else { Lookup::Known(value) }
}

fn substitute(
    file: &Dockerfile,
    instruction: &Instruction,
    word: &str,
    lookup: &dyn Fn(&str) -> Lookup,
) -> Result<String, DockerfileError> {
    expand(word, file.escape, lookup)
        .map_err(|message| file.syntax(format!("line {} of `{}`: {message}", instruction.line, file.path), instruction.span.clone(), None))
}

/// A stage's variables and triggers after its last instruction.
#[derive(Clone, Default)]
struct Scope {
    env: BTreeMap<String, Lookup>,
    /// The base image's ENV is not known.
    open: bool,
    triggers: Vec<Instruction>,
}

struct Walk<'a> {
    file: &'a Dockerfile,
    request: &'a Request,
    stages: &'a [Stage<'a>],
    globals: &'a BTreeMap<String, Lookup>,
    needed: BTreeMap<usize, Scope>,
    found: Dependencies,
}

impl Walk<'_> {
    fn target(&self) -> Result<usize, DockerfileError> {
        let Some(target) = &self.request.target else { return Ok(self.stages.len() - 1) };
        let by_number = || target.parse().ok().filter(|index| *index < self.stages.len());
        // The last one of that name, as BuildKit takes it.
        self.stages.iter().rposition(|stage| stage.name.as_deref() == Some(&target.to_ascii_lowercase())).or_else(by_number).ok_or_else(
            || {
                let names: Vec<&str> = self.stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
                let help = match nearest(target, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if names.is_empty() => "no stage here has a name: write `FROM image AS name`, or leave `target` out".into(),
                    None => format!("stages here: `{}`", names.join("`, `")),
                };
                DockerfileError::UnknownTarget { path: self.file.path.clone(), target: target.clone(), help }
            },
        )
    }

    /// Collects what a stage needs, once.
    fn visit(&mut self, index: usize) -> Result<(), DockerfileError> {
        if self.needed.contains_key(&index) {
            return Ok(());
        }
        let stage = &self.stages[index];
        let global = |name: &str| self.globals.get(name).cloned().unwrap_or(Lookup::Unset);
        let reference = substitute(self.file, stage.from, stage.reference, &global)?;
        self.note_args(stage.from);
        if reference.is_empty() {
            let message = format!("line {} of `{}`: the base image is empty after substitution", stage.from.line, self.file.path);
            return Err(self.file.syntax(
                message,
                stage.from.span.clone(),
                Some("give the ARG a default, or a value by `args` in werf.yaml".into()),
            ));
        }
        let parents = self.earlier(&reference, index);
        let mut scope = Scope::default();
        for parent in &parents {
            self.visit(*parent)?;
            let parent = self.needed[parent].clone();
            scope.open |= parent.open || parents.len() > 1;
            scope.env.extend(parent.env);
            scope.triggers.extend(parent.triggers);
        }
        if parents.is_empty() && reference != "scratch" {
            scope.open = true;
            self.base(&reference, stage.reference);
        }
        let triggers = std::mem::take(&mut scope.triggers);
        let mut args = BTreeMap::new();
        for instruction in triggers.iter().chain(stage.body) {
            self.instruction(instruction, index, &mut scope, &mut args)?;
        }
        self.needed.insert(index, scope);
        Ok(())
    }

    fn instruction(
        &mut self,
        instruction: &Instruction,
        index: usize,
        scope: &mut Scope,
        args: &mut BTreeMap<String, Lookup>,
    ) -> Result<(), DockerfileError> {
        let file = self.file;
        let lookup = |name: &str| {
            let unset = if scope.open { Lookup::Unknown } else { Lookup::Unset };
            scope.env.get(name).or_else(|| args.get(name)).cloned().unwrap_or(unset)
        };
        match instruction.keyword.as_str() {
            "ARG" => {
                for (name, default) in declarations(file, instruction, &lookup)? {
                    let given = self.request.args.get(&name).cloned();
                    if let Some(given) = &given {
                        self.found.args.insert(name.clone(), given.clone());
                    }
                    let global = || self.globals.get(&name).cloned();
                    let value = given.map(Lookup::Known).or(default).or_else(global).unwrap_or(Lookup::Unset);
                    // A default from before the first FROM is part of no stage's text.
                    if let Lookup::Known(value) = &value {
                        self.found.args.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                    args.insert(name, value);
                }
            }
            "ENV" => {
                // All values of one ENV see the variables before it.
                let assign = |(name, value): (&str, &str)| Ok((name.to_owned(), known(substitute(file, instruction, value, &lookup)?)));
                let assigned = assignments(&instruction.rest, file.escape).into_iter().map(assign).collect::<Result<Vec<_>, _>>()?;
                scope.env.extend(assigned);
            }
            "COPY" | "ADD" => {
                let words = |instruction: &Instruction| match serde_json::from_str::<Vec<String>>(&instruction.rest) {
                    Ok(words) => words,
                    Err(_) => instruction.rest.split_whitespace().map(str::to_owned).collect(),
                };
                let words = words(instruction)
                    .into_iter()
                    .map(|word| substitute(file, instruction, &word, &lookup))
                    .collect::<Result<Vec<_>, _>>()?;
                match instruction.flag("from") {
                    Some(from) => {
                        let from = substitute(file, instruction, from, &lookup)?;
                        self.other(&from, instruction, index)?;
                    }
                    None => {
                        let sources = &words[..words.len().saturating_sub(1)];
                        let local = |source: &&String| !(source.starts_with("<<") || instruction.keyword == "ADD" && is_remote(source));
                        sources.iter().filter(local).for_each(|source| self.found.context.add(source));
                    }
                }
            }
            "RUN" => {
                for mount in instruction.flag_values("mount") {
                    let mount = substitute(file, instruction, mount, &lookup)?;
                    let fields: BTreeMap<&str, &str> = mount.split(',').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
                    let kind = fields.get("type").copied().unwrap_or("bind");
                    match fields.get("from") {
                        Some(from) if matches!(kind, "bind" | "cache") => self.other(from, instruction, index)?,
                        None if kind == "bind" => {
                            let source = fields.get("source").or_else(|| fields.get("src"));
                            self.found.context.add(source.copied().unwrap_or_default());
                        }
                        _ => {}
                    }
                }
            }
            "ONBUILD" => {
                let (keyword, rest) = instruction.rest.split_once(char::is_whitespace).unwrap_or((&instruction.rest, ""));
                let mut rest = rest.trim();
                let mut trigger = Instruction { keyword: keyword.to_ascii_uppercase(), ..instruction.clone() };
                while rest.starts_with("--") {
                    let end = super::words::word_end(rest, file.escape);
                    trigger.flags.push(rest[..end].to_owned());
                    rest = rest[end..].trim_start();
                }
                trigger.rest = rest.to_owned();
                scope.triggers.push(trigger);
            }
            _ => {}
        }
        Ok(())
    }

    /// A stage before this one, by name or number, or an image.
    fn other(&mut self, name: &str, instruction: &Instruction, index: usize) -> Result<(), DockerfileError> {
        let mut stages = self.earlier(name, index);
        if let (Ok(number), true) = (name.parse::<usize>(), stages.is_empty()) {
            if number >= index {
                return Err(self.unknown_stage(name, instruction, index));
            }
            stages.push(number);
        }
        if stages.is_empty() && name != "scratch" {
            let bare = !name.contains(['/', ':', '@', UNKNOWN]);
            let near = nearest(name, self.names(index).into_iter()).is_some();
            if !is_reference(name) || bare && near {
                return Err(self.unknown_stage(name, instruction, index));
            }
            self.base(name, name);
        }
        stages.into_iter().try_for_each(|stage| self.visit(stage))
    }

    fn unknown_stage(&self, stage: &str, instruction: &Instruction, index: usize) -> DockerfileError {
        let names = self.names(index);
        let help = match nearest(stage, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? An image of that name is written with its tag, `{stage}:latest`"),
            None if names.is_empty() => "no stage before this one has a name".into(),
            None => format!("stages before this one: `{}`", names.join("`, `")),
        };
        DockerfileError::UnknownStage { stage: stage.into(), source_code: self.file.source(), span: instruction.span.clone().into(), help }
    }

    fn names(&self, index: usize) -> Vec<&str> {
        self.stages[..index].iter().filter_map(|stage| stage.name.as_deref()).collect()
    }

    /// The stages before `index` that a name means: one, or all that fit if a part of the name is not known.
    fn earlier(&self, name: &str, index: usize) -> Vec<usize> {
        let name = name.to_ascii_lowercase();
        if name.contains(UNKNOWN) {
            let glob: Vec<char> = name.chars().map(|c| if c == UNKNOWN { '*' } else { c }).collect();
            let fits = |stage: &Stage<'_>| stage.name.as_ref().is_some_and(|name| crate::images::glob::matches_part(&glob, name));
            return (0..index).filter(|at| fits(&self.stages[*at])).collect();
        }
        self.stages[..index].iter().rposition(|stage| stage.name.as_deref() == Some(&name)).into_iter().collect()
    }

    /// Notes an image outside the file; one whose name is not wholly known, as it is written.
    fn base(&mut self, reference: &str, written: &str) {
        let reference = if reference.contains(UNKNOWN) { written } else { reference };
        if !self.found.bases.iter().any(|known| known == reference) {
            self.found.bases.push(reference.to_owned());
        }
    }

    /// Notes the given arguments that a FROM uses.
    fn note_args(&mut self, from: &Instruction) {
        let text = from.flags.iter().chain([&from.rest]).fold(String::new(), |all, part| all + part + " ");
        let used = |name: &str| [format!("${name}"), format!("${{{name}")].iter().any(|form| text.contains(form.as_str()));
        for (name, value) in self.globals {
            if let (true, Lookup::Known(value)) = (used(name), value) {
                self.found.args.insert(name.clone(), value.clone());
            }
        }
    }
}

/// `name=value …`, or the old form `name value`.
fn assignments(rest: &str, escape: char) -> Vec<(&str, &str)> {
    let words = split(rest, escape);
    if words.first().is_some_and(|word| !word.contains('=')) {
        return rest.trim().split_once(char::is_whitespace).into_iter().map(|(name, value)| (name, value.trim())).collect();
    }
    words.into_iter().filter_map(|word| word.split_once('=')).collect()
}

/// Whether ADD fetches the source: a URL or a Git repository.
fn is_remote(source: &str) -> bool {
    ["http://", "https://", "git://", "ssh://", "git@"].iter().any(|scheme| source.starts_with(scheme))
}

/// Whether a text has the form of an image reference: no blanks, repository in lower case.
fn is_reference(name: &str) -> bool {
    let repository = name.split('@').next().unwrap_or_default();
    let repository = match repository.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => repository,
    };
    let path = repository
        .split_once('/')
        .filter(|(host, _)| host.contains(['.', ':']) || *host == "localhost")
        .map_or(repository, |(_, path)| path);
    let part = |part: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == UNKNOWN);
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c) || c == UNKNOWN;
        ends(part.chars().next()) && ends(part.chars().last()) && part.chars().all(inner)
    };
    path.split('/').all(part)
}

/// The build arguments named by the Dockerfile's ARG instructions, of all stages.
pub fn declared_args(file: &Dockerfile) -> BTreeSet<String> {
    let args = file.instructions.iter().filter(|instruction| instruction.keyword == "ARG");
    args.flat_map(|arg| split(&arg.rest, file.escape)).map(|word| word.split('=').next().unwrap_or(word).to_owned()).collect()
}
