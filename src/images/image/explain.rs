//! Why a digest changed: the declared inputs that differ.

use std::cmp::Ordering;
use std::fmt;

use super::declare;
use super::inputs::{Input, Inputs, Value};
use super::stage::Stage;
use super::tree::Node;
use crate::file_tree::ReadError;
use crate::images::git_layers::FileSet;

/// One difference between the inputs of two images. Prints itself as a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The stage.
    pub stage: String,
    /// The input, such as `commands` or `git / → /app: files`.
    pub input: String,
    /// What happened to it.
    pub what: Difference,
}

/// How an input differs.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// It is new.
    Added(String),
    /// It is gone.
    Removed(String),
    /// It has another value.
    Changed {
        /// The value before.
        old: String,
        /// The value now.
        new: String,
    },
    /// A file is new.
    FileAdded(String),
    /// A file is gone.
    FileRemoved(String),
    /// A file has other bytes.
    FileChanged(String),
    /// A file has another mode.
    ModeChanged(String),
    /// Another image has another content.
    ImageChanged(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.stage, self.input, self.what)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Added(value) => write!(f, "added `{}`", line(value)),
            Difference::Removed(value) => write!(f, "removed `{}`", line(value)),
            Difference::Changed { old, new } => write!(f, "`{}` became `{}`", line(old), line(new)),
            Difference::FileAdded(path) => write!(f, "file {path} added"),
            Difference::FileRemoved(path) => write!(f, "file {path} removed"),
            Difference::FileChanged(path) => write!(f, "file {path} changed"),
            Difference::ModeChanged(path) => write!(f, "mode of {path} changed"),
            Difference::ImageChanged(name) => write!(f, "image {name} changed"),
        }
    }
}

/// Changes as indented lines: those of one input stand together, and of many of them the first ones.
pub fn print(changes: &[Change]) -> String {
    let mut text = String::new();
    for group in changes.chunk_by(|a, b| (&a.stage, &a.input) == (&b.stage, &b.input)) {
        let Change { stage, input, what } = &group[0];
        if let [_] = group {
            text += &format!("  {stage}: {input}: {what}\n");
            continue;
        }
        text += &format!("  {stage}: {input}:\n");
        let shown = if group.len() > SHOWN + 1 { SHOWN } else { group.len() };
        group[..shown].iter().for_each(|change| text += &format!("    {}\n", change.what));
        if shown < group.len() {
            text += &format!("    and {} more\n", group.len() - shown);
        }
    }
    text
}

/// How many changes of one input are printed.
const SHOWN: usize = 10;

/// A value on one line.
fn line(value: &str) -> String {
    let mut lines = value.lines();
    let first = lines.next().unwrap_or_default();
    let short: String = first.chars().take(100).collect();
    if short.len() < first.len() || lines.next().is_some() { format!("{short}…") } else { short }
}

/// What differs between an image of two commits, stage by stage. Empty if and only if their digests are equal.
///
/// # Errors
/// Files that cannot be read.
pub fn explain(old: &Node, new: &Node) -> Result<Vec<Change>, ReadError> {
    let mut changes = Vec::new();
    let mut names: Vec<_> = new.stages.iter().map(Stage::name).collect();
    names.extend(old.stages.iter().map(Stage::name).filter(|name| new.stages.iter().all(|stage| stage.name() != *name)));
    for name in names {
        let inputs = |node: &Node| {
            let stage = node.stages.iter().find(|stage| stage.name() == name);
            stage.map(|stage| declare::inputs(&stage.work)).unwrap_or_default()
        };
        explain_inputs(name.as_str(), &inputs(old), &inputs(new), &mut changes)?;
    }
    Ok(changes)
}

/// What differs between the inputs of one stage.
fn explain_inputs(stage: &str, old: &Inputs, new: &Inputs, changes: &mut Vec<Change>) -> Result<(), ReadError> {
    let mut push = |input: &str, what| changes.push(Change { stage: stage.to_owned(), input: input.to_owned(), what });
    for Input { name, value } in new.iter() {
        match old.iter().find(|known| known.name == *name) {
            Some(known) => differences(&known.value, value, &mut |what| push(name, what))?,
            None => appeared(value, Difference::Added, Difference::FileAdded, &mut |what| push(name, what))?,
        }
    }
    for Input { name, value } in old.iter().filter(|known| new.iter().all(|input| input.name != known.name)) {
        appeared(value, Difference::Removed, Difference::FileRemoved, &mut |what| push(name, what))?;
    }
    Ok(())
}

fn appeared(
    value: &Value,
    text: fn(String) -> Difference,
    file: fn(String) -> Difference,
    push: &mut dyn FnMut(Difference),
) -> Result<(), ReadError> {
    match value {
        Value::Text(value) => push(text(value.clone())),
        Value::List(values) => values.iter().for_each(|value| push(text(value.clone()))),
        Value::Files(files) => files.files()?.iter().for_each(|(path, _)| push(file(path.to_owned()))),
        Value::Image { name, .. } => push(text(name.clone())),
    }
    Ok(())
}

fn differences(old: &Value, new: &Value, push: &mut dyn FnMut(Difference)) -> Result<(), ReadError> {
    match (old, new) {
        (Value::Text(old), Value::Text(new)) if old != new => push(Difference::Changed { old: old.clone(), new: new.clone() }),
        (Value::List(old), Value::List(new)) => lists(old, new, push),
        (Value::Files(old), Value::Files(new)) if old.sum()? != new.sum()? => files(old.files()?, new.files()?, push),
        (Value::Image { digest: old, .. }, Value::Image { digest: new, name }) if old != new => {
            push(Difference::ImageChanged(name.clone()))
        }
        (old, new) if std::mem::discriminant(old) != std::mem::discriminant(new) => {
            appeared(old, Difference::Removed, Difference::FileRemoved, push)?;
            appeared(new, Difference::Added, Difference::FileAdded, push)?;
        }
        _ => {}
    }
    Ok(())
}

fn lists(old: &[String], new: &[String], push: &mut dyn FnMut(Difference)) {
    use similar::DiffOp;
    for op in similar::capture_diff_slices(similar::Algorithm::Myers, old, new) {
        match op {
            DiffOp::Equal { .. } => {}
            DiffOp::Replace { old_index, old_len: 1, new_index, new_len: 1 } => {
                push(Difference::Changed { old: old[old_index].clone(), new: new[new_index].clone() });
            }
            op => {
                old[op.old_range()].iter().for_each(|value| push(Difference::Removed(value.clone())));
                new[op.new_range()].iter().for_each(|value| push(Difference::Added(value.clone())));
            }
        }
    }
}

fn files(old: &FileSet, new: &FileSet, push: &mut dyn FnMut(Difference)) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.as_bytes().cmp(new.as_bytes()),
        };
        match order {
            Ordering::Less => old.next().into_iter().for_each(|(path, _)| push(Difference::FileRemoved(path.to_owned()))),
            Ordering::Greater => new.next().into_iter().for_each(|(path, _)| push(Difference::FileAdded(path.to_owned()))),
            Ordering::Equal => {
                if let (Some((path, before)), Some((_, after))) = (old.next(), new.next()) {
                    if before.id != after.id {
                        push(Difference::FileChanged(path.to_owned()));
                    }
                    if before.mode != after.mode {
                        push(Difference::ModeChanged(path.to_owned()));
                    }
                }
            }
        }
    }
}
