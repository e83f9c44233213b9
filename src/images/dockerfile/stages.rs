//! Instructions under their FROM, and the variables before the first of them.

use std::collections::BTreeMap;

use super::error::DockerfileError;
use super::parse::{Dockerfile, Instruction};
use super::request::Request;
use super::words::{self, Lookup, UNKNOWN, expand, quoted};
use crate::platform::Platform;

/// Variables by name.
pub(super) type Env = BTreeMap<String, Lookup>;

/// One stage as it is written.
pub(super) struct Stage<'a> {
    /// What `AS` calls it, in lower case.
    pub name: Option<String>,
    /// What it is built on, before substitution.
    pub reference: &'a str,
    pub from: &'a Instruction,
    pub body: &'a [Instruction],
}

/// Groups instructions under their FROM.
pub(super) fn stages(file: &Dockerfile) -> Result<Vec<Stage<'_>>, DockerfileError> {
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
        let words: Vec<&str> = words::split(&from.rest).collect();
        let name = match words.as_slice() {
            [_] => None,
            [_, r#as, name] if r#as.eq_ignore_ascii_case("as") => Some(name.to_lowercase()),
            _ => return Err(file.wrong(from, "FROM takes an image and perhaps `AS name`")),
        };
        Ok(Stage { name, reference: words[0], from, body: &all[start + 1..end] })
    };
    starts.iter().zip(ends).map(stage).collect()
}

/// Variables before the first FROM: those of the platforms, and what ARG declares. One without a value changes nothing.
pub(super) fn globals(file: &Dockerfile, stages: &[Stage<'_>], request: &Request) -> Result<Env, DockerfileError> {
    let mut known = platform_args(request, stages);
    let first = stages.first().map_or(0, |stage| stage.from.span.start);
    for arg in file.instructions.iter().take_while(|instruction| instruction.span.start < first) {
        for (name, default) in declarations(arg, file.escape) {
            let value = match (request.args.get(&name), default) {
                (Some(given), _) => Lookup::Known(given.clone()),
                (None, Some(default)) => value(file, arg, &default, &|name| known.get(name).cloned().unwrap_or(Lookup::Unset))?,
                (None, None) => continue,
            };
            known.insert(name, value);
        }
    }
    Ok(known)
}

/// `NAME` and `NAME=value` of an ARG, values as written.
pub(super) fn declarations(arg: &Instruction, escape: char) -> Vec<(String, Option<String>)> {
    let declare = |word: String| match word.split_once('=') {
        None => (word, None),
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
    };
    quoted(&arg.rest, escape).into_iter().map(declare).collect()
}

/// A value longer than this, in bytes, is as good as unknown: no command could be given it.
const LONGEST: usize = 128 << 10;

/// The value of a word with its variables.
pub(super) fn value(
    file: &Dockerfile,
    instruction: &Instruction,
    word: &str,
    lookup: &dyn Fn(&str) -> Lookup,
) -> Result<Lookup, DockerfileError> {
    let value = substitute(file, instruction, word, lookup)?;
    Ok(if value.len() > LONGEST || value.contains(UNKNOWN) { Lookup::Unknown } else { Lookup::Known(value) })
}

/// A word with its variables; [`UNKNOWN`] stands for values that are not known.
pub(super) fn substitute(
    file: &Dockerfile,
    instruction: &Instruction,
    word: &str,
    lookup: &dyn Fn(&str) -> Lookup,
) -> Result<String, DockerfileError> {
    expand(word, file.escape, lookup).map_err(|message| file.wrong(instruction, &message))
}

/// The variables that the builder sets by itself. A given argument of that name replaces its own value.
fn platform_args(request: &Request, stages: &[Stage<'_>]) -> Env {
    let target = request.platform.as_deref().and_then(Platform::parse);
    let part = |value: fn(&Platform) -> String| target.as_ref().map_or(Lookup::Unknown, |target| Lookup::Known(value(target)));
    let last = || stages.last().and_then(|stage| stage.name.clone());
    let stage = request.target.clone().filter(|target| !target.is_empty()).or_else(last).unwrap_or_else(|| "default".to_owned());
    let mut known = Env::from(
        [
            ("TARGETPLATFORM", part(Platform::to_string)),
            ("TARGETOS", part(|target| target.os().to_owned())),
            ("TARGETOSVERSION", part(|_| String::new())),
            ("TARGETARCH", part(|target| target.architecture().to_owned())),
            ("TARGETVARIANT", part(|target| target.variant().to_owned())),
            ("TARGETSTAGE", Lookup::Known(stage)),
            ("BUILDPLATFORM", Lookup::Unknown),
            ("BUILDOS", Lookup::Unknown),
            ("BUILDOSVERSION", Lookup::Unknown),
            ("BUILDARCH", Lookup::Unknown),
            ("BUILDVARIANT", Lookup::Unknown),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    for (name, value) in &mut known {
        if let Some(given) = request.args.get(name) {
            *value = Lookup::Known(given.clone());
        }
    }
    known
}
