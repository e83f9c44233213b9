//! Files that a command names, that the commit has, and that its stage does not see: `stageDependencies` lacks a line.

use super::compile::StageCommands;
use super::stage::{Placed, Run, Stage, Unseen, Work, user_stage};
use super::tree::Node;
use crate::file_tree::ReadError;
use crate::glob::Globs;
use crate::images::git_layers::FileSet;
use crate::project::config::image::{Command, UserStage};

/// A path that a command names and its stage does not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undeclared {
    /// The image.
    pub image: String,
    /// The stage.
    pub stage: UserStage,
    /// Line of the command in the rendered werf.yaml.
    pub line: usize,
    /// The path in the image.
    pub file: String,
    /// The path below `add`, to be declared; empty where the mapping is of this one file.
    pub path: String,
    /// `to` of the mapping.
    pub to: String,
    /// Line of the mapping.
    pub mapping: usize,
}

impl Undeclared {
    /// What is doubtful, half a sentence.
    pub fn problem(&self) -> String {
        let Undeclared { stage, line, file, .. } = self;
        format!("a command of `{}` (line {line}) names `{file}`, which it will not see", user_stage(*stage))
    }

    /// What to do about it, one or two sentences.
    pub fn help(&self) -> String {
        let Undeclared { stage, file, path, to, mapping, .. } = self;
        let key = user_stage(*stage);
        let of_mapping = format!("`{file}` comes in after this stage: `stageDependencies.{key}` of the mapping to `{to}` (line {mapping})");
        match (stage, path.as_str()) {
            (UserStage::BeforeInstall, _) => {
                format!("`{file}` comes in after this stage: `{key}` sees no files of `git`. Move the command to `install`")
            }
            (_, "") => format!("{of_mapping} does not name it. Take `{key}` out there: the mapping is of one file"),
            (_, path) => format!("{of_mapping} does not name it. Add `{path}` there: `stageDependencies: {{{key}: [{path}]}}`"),
        }
    }
}

/// Paths that commands of an image name and that their stages do not see, told before anything is built. Only what is surely a path
/// counts: absolute ones, and after a `cd` into the mapping those with a `/` or a `.`. What `beforeInstall` names may as well be made there.
///
/// # Errors
/// Files that cannot be read.
pub fn undeclared(node: &Node) -> Result<Vec<Undeclared>, ReadError> {
    let mut found: Vec<Undeclared> = Vec::new();
    for (at, stage) in node.stages.iter().enumerate() {
        let Work::Run(run) = &stage.work else { continue };
        if run.stage == UserStage::BeforeInstall {
            continue;
        }
        let seen: Vec<&Placed> = node.stages[..=at].iter().flat_map(Stage::placed).collect();
        for (command, unseen, path) in named(run)? {
            let at_this_place = seen.iter().filter(|placed| placed.to == unseen.to);
            let is_seen = at_this_place.map(|placed| Ok(has(placed.files.files()?, &path))).collect::<Result<Vec<_>, _>>()?.contains(&true);
            let known = |other: &Undeclared| other.stage == run.stage && other.path == path && other.to == unseen.to;
            if !is_seen && !found.iter().any(known) {
                found.push(of(&node.name, run.stage, command, unseen, path));
            }
        }
    }
    Ok(found)
}

fn named(run: &Run) -> Result<Vec<(&Command, &Unseen, String)>, ReadError> {
    let mut found = Vec::new();
    for unseen in &run.unseen {
        let enters = run.commands.iter().any(|command| command.text.contains(&format!("cd {}", unseen.to)));
        for command in &run.commands {
            for word in words(&command.text) {
                let path = match below(&word, &unseen.to) {
                    Some(path) => path,
                    None if enters && word.trim_start_matches("./").contains(['/', '.']) => word.trim_start_matches("./"),
                    None => continue,
                };
                if has(unseen.files.files()?, path) {
                    found.push((command, unseen, path.to_owned()));
                }
            }
        }
    }
    Ok(found)
}

/// A path that a failed command missed: what its last lines name, else what it names itself. Files that cannot be read name none.
pub(super) fn missed(stage: &StageCommands, command: &Command, output: &[&String]) -> Option<Undeclared> {
    let lines = output.iter().rev().map(|line| {
        let lower = line.to_lowercase();
        let missing = ["no such file", "not found", "can't open", "cannot open", "cannot find", "could not find", "no rule to make"];
        (line.as_str(), missing.iter().any(|words| lower.contains(words)))
    });
    for (text, is_missing) in lines.chain([(command.text.as_str(), false)]) {
        for word in words(text) {
            for unseen in &stage.unseen {
                let path = below(&word, &unseen.to).unwrap_or(word.trim_start_matches("./"));
                let path = path.trim_end_matches('/');
                let is_path = is_missing || path.contains(['/', '.']) || word.starts_with('/');
                if is_path && unseen.files.files().is_ok_and(|files| has(files, path)) {
                    return Some(of(&stage.image, stage.stage, command, unseen, path.to_owned()));
                }
            }
        }
    }
    None
}

fn of(image: &str, stage: UserStage, command: &Command, unseen: &Unseen, path: String) -> Undeclared {
    let to = unseen.to.trim_end_matches('/');
    Undeclared {
        image: image.to_owned(),
        stage,
        line: command.at.line,
        file: if path.is_empty() { to.to_owned() } else { format!("{to}/{path}") },
        path,
        to: unseen.to.clone(),
        mapping: unseen.line,
    }
}

/// A path relative to `to`, if it is there or below.
fn below<'w>(word: &'w str, to: &str) -> Option<&'w str> {
    let path = word.strip_prefix(to.trim_end_matches('/'))?;
    (path.is_empty() || path.starts_with('/')).then(|| path.trim_matches('/'))
}

/// Whether a path is a file of a set, or a directory of one, or a pattern with some. The empty path is that of a set of one file.
fn has(files: &FileSet, path: &str) -> bool {
    let is_pattern = path.contains(['*', '?']) && path.contains(['/', '.']);
    files.file(path).is_some() || files.has_directory(path) || is_pattern && !files.matching(Globs::new(&[path])).is_empty()
}

/// What a shell or a message sets apart.
fn words(text: &str) -> Vec<String> {
    let ends = |c: char| c.is_whitespace() || "'\"`:;,()[]{}<>|&=".contains(c);
    text.split(ends).map(|word| word.trim_end_matches('.').to_owned()).filter(|word| word.len() > 1).collect()
}
