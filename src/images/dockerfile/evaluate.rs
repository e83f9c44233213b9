//! One stage, instruction by instruction: its variables, and what it takes from where.
//!
//! ARG and ENV set one and the same list of variables, the later one wins, and a stage begins with those of the stage that it is built
//! on. An ARG without a value takes the given one, else that from before the first FROM, else it changes nothing.

use std::collections::BTreeMap;

use super::error::DockerfileError;
use super::heredoc::mark;
use super::ignore::pattern_of_flag;
use super::parse::{Dockerfile, Instruction, parse_triggers};
use super::request::Request;
use super::sources::{ContextUse, Remote, remote};
use super::stages::{Env, Stage, declarations, substitute, value};
use super::words::{self, BLANKS, Lookup, UNKNOWN, mentioned, quoted};
use crate::words::near::nearest;

/// What all stages are evaluated with.
pub(super) struct Scene<'a> {
    pub file: &'a Dockerfile,
    pub request: &'a Request,
    pub stages: &'a [Stage<'a>],
    pub globals: &'a Env,
}

/// A stage's instruction, or one name of an ARG.
#[derive(PartialEq)]
pub(super) struct Line {
    /// As it is written.
    pub text: String,
    /// What an ARG declares, with the value that it has.
    pub arg: Option<(String, Lookup)>,
    /// It is a command, which sees all variables.
    pub sees_all: bool,
    /// The stage that COPY takes files from; its flag is not in the text, since numbers change with stages that do not count.
    pub copies_from: Option<usize>,
}

impl Line {
    fn new(text: String) -> Self {
        Line { text, arg: None, sees_all: false, copies_from: None }
    }
}

/// An image outside the Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Base {
    /// As it is written, after substitution; as it is written before, if not all of its variables are known.
    pub reference: String,
    /// What `FROM --platform` asks for, in the same way; `None` for the target's platform.
    pub platform: Option<String>,
    /// Whether a stage is built on it, so that its triggers run. Else files are copied or mounted from it.
    pub built_on: bool,
}

/// An instruction whose remote content no checksum or commit fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpinned {
    /// 1-based line of the instruction.
    pub line: usize,
    /// The address after substitution.
    pub source: String,
    /// Whether it is a Git repository, which a commit fixes; else a checksum does.
    pub is_git: bool,
}

/// What one stage takes from where.
#[derive(Default)]
pub(super) struct Evaluated {
    pub lines: Vec<Line>,
    /// Arguments from before the first FROM that its FROM uses.
    pub from_args: BTreeMap<String, String>,
    /// The stage that it is built on; several if its name is not wholly known.
    pub parents: Vec<usize>,
    /// Stages that it copies or mounts from.
    pub sources: Vec<usize>,
    pub bases: Vec<Base>,
    pub context: ContextUse,
    /// Triggers of its external base that ran.
    pub triggers_run: BTreeMap<String, Vec<String>>,
    pub unpinned: Vec<Unpinned>,
    /// Triggers for stages that are built on it.
    pub triggers: Vec<String>,
    variables: Variables,
}

#[derive(Clone, Default)]
struct Variables {
    env: Env,
    /// Those of the image's configuration, which ENV sets and ARG does not.
    image: Env,
    /// The base image may have set others.
    open: bool,
}

impl Variables {
    fn get(&self, name: &str) -> Lookup {
        let unset = if self.open { Lookup::Unknown } else { Lookup::Unset };
        self.env.get(name).cloned().unwrap_or(unset)
    }

    /// What a stage begins with that is built on one with these: the configuration is applied anew, over values of ARG.
    fn inherited(&self) -> Variables {
        let mut variables = self.clone();
        for (name, value) in &mut variables.env {
            match self.image.get(name) {
                Some(of_image) => value.clone_from(of_image),
                None if self.open => *value = Lookup::Unknown,
                None => {}
            }
        }
        variables
    }

    /// Of two sets of which either may be the right one, what is the same in both.
    fn or(&mut self, other: &Variables) {
        for name in self.env.keys().chain(other.env.keys()).cloned().collect::<Vec<String>>() {
            if self.get(&name) != other.get(&name) {
                self.env.insert(name, Lookup::Unknown);
            }
        }
        for name in self.image.keys().chain(other.image.keys()).cloned().collect::<Vec<String>>() {
            if self.image.get(&name) != other.image.get(&name) {
                self.image.insert(name, Lookup::Unknown);
            }
        }
        self.open |= other.open;
    }
}

impl Scene<'_> {
    /// Evaluates a stage after those before it.
    pub(super) fn evaluate(&self, index: usize, earlier: &[Result<Evaluated, DockerfileError>]) -> Result<Evaluated, DockerfileError> {
        let (file, stage) = (self.file, &self.stages[index]);
        let global = |name: &str| self.globals.get(name).cloned().unwrap_or(Lookup::Unset);
        let reference = substitute(file, stage.from, stage.reference, &global)?;
        if reference.is_empty() {
            let message = format!("line {} of `{}`: the base image is empty after substitution", stage.from.line, file.path);
            let help = "give the ARG a default, or a value by `args` in werf.yaml";
            return Err(file.syntax(message, stage.from.span.clone(), Some(help.into())));
        }
        let mut found = Evaluated { parents: self.earlier(&reference, index), ..Evaluated::default() };
        self.from(stage, &mut found)?;

        let shown = |text: String, written: &str| if text.contains(UNKNOWN) { written.to_owned() } else { text };
        let mut triggers: Vec<Vec<String>> = Vec::new();
        let external = found.parents.is_empty() || reference.contains(UNKNOWN);
        for (at, parent) in found.parents.iter().enumerate() {
            let parent = earlier[*parent].as_ref().map_err(DockerfileError::clone)?;
            match at {
                0 => found.variables = parent.variables.inherited(),
                _ => found.variables.or(&parent.variables.inherited()),
            }
            triggers.push(parent.triggers.clone());
        }
        if external && reference == "scratch" {
            // The builder's own.
            for variables in [&mut found.variables.env, &mut found.variables.image] {
                variables.insert("PATH".into(), Lookup::Unknown);
            }
        } else if external {
            match found.parents.is_empty() {
                true => found.variables.open = true,
                false => found.variables.or(&Variables { open: true, ..Variables::default() }),
            }
            let reference = shown(reference, stage.reference);
            let platform = match stage.from.flag("platform") {
                Some(written) => Some(shown(substitute(file, stage.from, written, &global)?, written)),
                None => None,
            };
            if let Some(known) = self.request.triggers.get(&reference).filter(|known| !known.is_empty()) {
                triggers.push(known.clone());
                found.triggers_run.insert(reference.clone(), known.clone());
            }
            found.bases.push(Base { reference, platform, built_on: true });
        }
        let alternatives = found.parents.len() + usize::from(external);
        let before = found.variables.clone();
        let mut merged = before.clone();
        for triggers in &triggers {
            let mut instructions = parse_triggers(triggers)?;
            found.variables = before.clone();
            for trigger in &mut instructions {
                (trigger.line, trigger.span) = (stage.from.line, stage.from.span.clone());
                self.instruction(trigger, '\\', index, &mut found)?;
            }
            merged.or(&found.variables);
        }
        if alternatives > 1 {
            // Which triggers run is not known.
            found.variables = merged;
        }
        for instruction in stage.body {
            self.instruction(instruction, file.escape, index, &mut found)?;
        }
        Ok(found)
    }

    /// The line of FROM, and the arguments that it uses: with their values, or as it is written with what is known of them.
    fn from(&self, stage: &Stage<'_>, found: &mut Evaluated) -> Result<(), DockerfileError> {
        let global = |name: &str| self.globals.get(name).cloned().unwrap_or(Lookup::Unset);
        let written: Vec<&str> = stage.from.flags.iter().map(String::as_str).chain([stage.reference]).collect();
        let mut text = String::from("FROM");
        for word in &written {
            text.push(' ');
            text.push_str(&substitute(self.file, stage.from, word, &global)?);
        }
        let is_known = !text.contains(UNKNOWN);
        if !is_known {
            text = format!("FROM {}", written.join(" "));
        }
        if let Some(name) = &stage.name {
            text.push_str(" AS ");
            text.push_str(name);
        }
        for name in written.iter().flat_map(|word| mentioned(word)) {
            match self.globals.get(name) {
                Some(Lookup::Known(value)) => {
                    found.from_args.insert(name.to_owned(), value.clone());
                    if !is_known {
                        text.push_str(&format!("\n{name}: {value}"));
                    }
                }
                Some(_) => found.lines.extend(self.global(name)),
                None => {}
            }
        }
        found.lines.push(Line::new(text));
        Ok(())
    }

    /// How a global argument is declared whose value is not wholly known, with the values that it may be made of.
    fn global(&self, name: &str) -> Option<Line> {
        let declares =
            |arg: &&Instruction| declarations(arg, self.file.escape).iter().any(|(known, default)| known == name && default.is_some());
        let first = self.stages.first().map_or(0, |stage| stage.from.span.start);
        let args: Vec<&Instruction> = self.file.instructions.iter().take_while(|arg| arg.span.start < first).collect();
        args.iter().any(declares).then(|| {
            let mut text: String = args.iter().map(|arg| format!("{}\n", arg.canonical())).collect();
            for (name, value) in self.globals {
                if let Lookup::Known(value) = value {
                    text.push_str(&format!("{name}: {value}\n"));
                }
            }
            Line::new(text)
        })
    }

    fn instruction(&self, instruction: &Instruction, escape: char, index: usize, found: &mut Evaluated) -> Result<(), DockerfileError> {
        if instruction.keyword != "ARG" {
            let text = with_plain_sources(instruction).canonical();
            found.lines.push(Line { sees_all: instruction.keyword == "RUN", ..Line::new(text) });
        }
        match instruction.keyword.as_str() {
            "ARG" => self.arg(instruction, escape, found)?,
            "ENV" => self.env(instruction, escape, found)?,
            "COPY" | "ADD" => self.copy(instruction, index, found)?,
            "RUN" => self.mounts(instruction, index, found)?,
            "ONBUILD" => {
                let text = instruction.canonical();
                found.triggers.push(text.strip_prefix("ONBUILD ").unwrap_or(&text).to_owned());
            }
            _ => {}
        }
        if let [.., before, last] = &found.lines[..]
            && before == last
            && is_said_once(instruction, last)
        {
            found.lines.pop();
        }
        Ok(())
    }

    fn arg(&self, arg: &Instruction, escape: char, found: &mut Evaluated) -> Result<(), DockerfileError> {
        for (name, default) in declarations(arg, escape) {
            let text = default.as_ref().map_or_else(|| format!("ARG {name}"), |default| format!("ARG {name}={default}"));
            let value = match (self.request.args.get(&name), default, self.globals.get(&name)) {
                (Some(given), ..) => Some(Lookup::Known(given.clone())),
                (None, Some(default), _) => Some(value(self.file, arg, &default, &|name| found.variables.get(name))?),
                (None, None, Some(global)) => {
                    found.lines.extend((*global == Lookup::Unknown).then(|| self.global(&name)).flatten());
                    Some(global.clone())
                }
                (None, None, None) => None,
            };
            // The builder keeps these two to itself.
            let value = value.filter(|_| !matches!(name.as_str(), "BUILDKIT_SBOM_SCAN_CONTEXT" | "BUILDKIT_SBOM_SCAN_STAGE"));
            if let Some(value) = &value {
                found.variables.env.insert(name.clone(), value.clone());
            }
            found.lines.push(Line { arg: Some((name, value.unwrap_or(Lookup::Unset))), ..Line::new(text) });
        }
        Ok(())
    }

    /// All names and values of one ENV see the variables before it.
    fn env(&self, env: &Instruction, escape: char, found: &mut Evaluated) -> Result<(), DockerfileError> {
        let lookup = |name: &str| found.variables.get(name);
        let mut assigned = Vec::new();
        for (name, text) in assignments(&env.rest, escape) {
            assigned.push((substitute(self.file, env, &name, &lookup)?, value(self.file, env, &text, &lookup)?));
        }
        if assigned.iter().any(|(name, _)| name.contains(UNKNOWN)) {
            found.variables = Variables { open: true, ..Variables::default() };
        } else {
            found.variables.image.extend(assigned.clone());
            found.variables.env.extend(assigned);
        }
        Ok(())
    }

    fn copy(&self, copy: &Instruction, index: usize, found: &mut Evaluated) -> Result<(), DockerfileError> {
        let expand = |word: &str, found: &Evaluated| substitute(self.file, copy, word, &|name| found.variables.get(name));
        if let Some(from) = copy.flag("from").filter(|from| !from.is_empty()) {
            let from = expand(from, found)?;
            let before = found.sources.len();
            self.other(&from, true, copy, index, found)?;
            if let ([stage], Some(line)) = (&found.sources[before..], found.lines.last_mut()) {
                let mut copy = with_plain_sources(copy);
                copy.flags.retain(|flag| !flag.starts_with("--from="));
                (line.text, line.copies_from) = (copy.canonical(), Some(*stage));
            }
            return Ok(());
        }
        let mut words = copy.words();
        words.pop();
        words.retain(|word| !matches!(mark(word), Ok(Some(_))));
        let checksum = copy.flag("checksum").map(|checksum| expand(checksum, found)).transpose()?;
        let exclude: Vec<String> = copy.flag_values("exclude").filter_map(pattern_of_flag).collect();
        for word in words {
            let source = expand(&word, found)?;
            let fetched = if copy.keyword == "ADD" { remote(&source) } else { None };
            match fetched {
                None if has_parents(copy) => found.context.add_parents(&source),
                None => found.context.add_copy(&source, &exclude),
                Some(Remote::Git { pinned: true }) => {}
                Some(_) if checksum.as_ref().is_some_and(|checksum| !checksum.is_empty()) => {}
                Some(kind) => found.unpinned.push(Unpinned {
                    line: copy.line,
                    source: source.replace(UNKNOWN, "…"),
                    is_git: matches!(kind, Remote::Git { .. }),
                }),
            }
        }
        Ok(())
    }

    fn mounts(&self, run: &Instruction, index: usize, found: &mut Evaluated) -> Result<(), DockerfileError> {
        for flag in run.flag_values("mount") {
            let mut mount = Mount::default();
            for field in fields(flag) {
                let Some((key, written)) = field.split_once('=') else { continue };
                let text = substitute(self.file, run, written, &|name| found.variables.get(name))?;
                mount.set(&key.to_ascii_lowercase(), text);
            }
            if !mount.from.is_empty() {
                self.other(&mount.from, false, run, index, found)?;
            } else if mount.kind == "bind" || mount.kind.contains(UNKNOWN) {
                found.context.add_mount(&mount.source);
            } else {
                // Nothing, unless a stage has that name.
                found.sources.extend(self.earlier("scratch", index));
            }
        }
        Ok(())
    }

    /// A stage before this one, by name or (for COPY) number, or an image.
    fn other(
        &self,
        name: &str,
        by_number: bool,
        instruction: &Instruction,
        index: usize,
        found: &mut Evaluated,
    ) -> Result<(), DockerfileError> {
        let stages = self.earlier(name, index);
        let number = name.parse::<usize>().ok().filter(|_| by_number && stages.is_empty());
        let is_itself = stages.is_empty() && self.stages[index].name.as_deref() == Some(&name.to_lowercase());
        match number {
            Some(number) if number < index => found.sources.push(number),
            // Only a trigger can name the stage that it runs in, and gets the files that are there so far.
            Some(number) if number == index => {}
            None if is_itself => {}
            // What files are copied or mounted from is numbered after the stages, in an order of the builder's own.
            Some(number) if number >= self.stages.len() && self.outside().next().is_some() => {
                let base = |name: &str| Base { reference: name.to_owned(), platform: None, built_on: false };
                found.bases.extend(self.outside().filter(|name| *name != "scratch").map(base));
            }
            Some(_) => return Err(self.unknown_stage(name, instruction, index)),
            None if !stages.is_empty() && !name.contains(UNKNOWN) => {}
            None if name == "scratch" => {}
            None => {
                if !is_reference(name) {
                    return Err(self.unknown_stage(name, instruction, index));
                }
                let reference = name.replace(UNKNOWN, "…");
                found.bases.push(Base { reference, platform: None, built_on: false });
            }
        }
        found.sources.extend(stages);
        Ok(())
    }

    /// The images that any stage copies or mounts from; a mount from nowhere is one from `scratch`.
    fn outside(&self) -> impl Iterator<Item = &str> {
        let all = self.stages.iter().flat_map(|stage| stage.body);
        let named = all.flat_map(|one| {
            let from = |mount: &'_ str| mount.split(',').any(|field| field.starts_with("from="));
            let nowhere = one.flag_values("mount").any(|mount| !from(mount)).then_some("scratch");
            let mounts = one.flag_values("mount").flat_map(|mount| mount.split(',')).filter_map(|field| field.strip_prefix("from="));
            one.flag("from").into_iter().chain(mounts).chain(nowhere)
        });
        named.filter(|name| is_reference(name) && name.parse::<usize>().is_err() && self.earlier(name, self.stages.len()).is_empty())
    }

    fn unknown_stage(&self, stage: &str, instruction: &Instruction, index: usize) -> DockerfileError {
        let names = self.names(index);
        let help = match nearest(stage, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
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
        let name = name.to_lowercase();
        if name.contains(UNKNOWN) {
            let glob: Vec<char> = name.chars().map(|c| if c == UNKNOWN { '*' } else { c }).collect();
            let fits = |stage: &Stage<'_>| stage.name.as_ref().is_some_and(|name| crate::glob::matches_part(&glob, name));
            return (0..index).filter(|at| fits(&self.stages[*at])).collect();
        }
        self.stages[..index].iter().rposition(|stage| stage.name.as_deref() == Some(&name)).into_iter().collect()
    }
}

/// Whether an instruction reads a context, a stage or an image: without its variables, so rather too often.
pub(super) fn reads_build(instruction: &Instruction) -> bool {
    if instruction.keyword == "RUN" {
        let reads = |flag: &str| {
            let mut mount = Mount::default();
            for (key, value) in fields(flag).iter().filter_map(|field| field.split_once('=')) {
                mount.set(&key.to_ascii_lowercase(), value.to_owned());
            }
            !mount.from.is_empty() || !matches!(mount.kind.as_str(), "cache" | "tmpfs" | "secret" | "ssh")
        };
        return instruction.flag_values("mount").any(reads);
    }
    let mut words = instruction.words();
    words.pop();
    let fixed =
        |word: &String| matches!(mark(word), Ok(Some(_))) || instruction.keyword == "ADD" && !word.contains('$') && remote(word).is_some();
    instruction.flag("from").is_some() || !words.iter().all(fixed)
}

/// Whether an instruction changes nothing where it is said twice in a row: it sets something, and not to what depends on that, or puts one
/// file or directory somewhere.
fn is_said_once(instruction: &Instruction, line: &Line) -> bool {
    match instruction.keyword.as_str() {
        "CMD" | "ENTRYPOINT" | "EXPOSE" | "HEALTHCHECK" | "LABEL" | "MAINTAINER" | "SHELL" | "STOPSIGNAL" | "USER" | "VOLUME" => true,
        "ENV" | "ARG" => !instruction.rest.contains('$'),
        // A trigger may copy from the very stage that it runs in.
        "COPY" if instruction.flag("from").is_some() && line.copies_from.is_none() => false,
        "COPY" => matches!(&instruction.words()[..], [source, _] if !source.contains(['*', '?', '[', '\\', '<'])),
        _ => false,
    }
}

/// How COPY names its sources: from the root of what is copied from, however they begin.
fn with_plain_sources(copy: &Instruction) -> Instruction {
    let mut words: Vec<&str> = words::split(&copy.rest).collect();
    let is_plain = copy.keyword == "COPY" && copy.heredocs.is_empty() && !copy.rest.starts_with('[') && !has_parents(copy);
    let Some(target) = words.pop().filter(|_| is_plain) else { return copy.clone() };
    // What is left must not look like a flag, a list or a here-document.
    let is_path = |less: &&str| less.starts_with(|c: char| c.is_alphanumeric() || "._*/".contains(c));
    let plain = |word: &&str| {
        let mut rest = *word;
        while let Some(less) = rest.strip_prefix("./").or_else(|| rest.strip_prefix('/')).filter(is_path) {
            rest = less;
        }
        rest.to_owned()
    };
    let rest = words.iter().map(plain).chain([target.to_owned()]).collect::<Vec<_>>().join(" ");
    Instruction { rest, ..copy.clone() }
}

fn has_parents(copy: &Instruction) -> bool {
    copy.keyword == "COPY" && copy.flag("parents").is_some_and(|value| !value.eq_ignore_ascii_case("false"))
}

/// The fields of `RUN --mount` that say what is read.
struct Mount {
    kind: String,
    from: String,
    source: String,
}

impl Default for Mount {
    fn default() -> Self {
        Mount { kind: "bind".into(), from: String::new(), source: String::new() }
    }
}

impl Mount {
    fn set(&mut self, key: &str, value: String) {
        match key {
            "type" => self.kind = value.to_ascii_lowercase(),
            "from" => self.from = value,
            "source" | "src" => self.source = value,
            _ => {}
        }
    }
}

/// The fields of a line of CSV: a field in double quotes may hold commas, and quotes that are doubled.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

/// `name=value …`, or the old form `name value`.
pub(super) fn assignments(rest: &str, escape: char) -> Vec<(String, String)> {
    let words = quoted(rest, escape);
    if words.first().is_some_and(|word| !word.contains('=')) {
        let whole = rest.split_once(BLANKS).map(|(name, value)| (name.to_owned(), value.trim_start_matches(BLANKS).to_owned()));
        return whole.into_iter().collect();
    }
    words.iter().filter_map(|word| word.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
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
