//! Advice for failures: which key is missing, which ones are there, and what the values of the failed node are.

use super::ast::{Command, Node, NodeRef, Operand, Pipe};
use super::value::{Map, Str, Value};
use crate::words::near::nearest;

/// Advice, and the map that it speaks of, if any.
#[derive(Clone, Debug)]
pub struct Hint {
    /// The sentence.
    pub text: String,
    /// The map that lacks a key.
    pub owner: Option<Map>,
}

/// A value that a failed node names.
#[derive(Clone, Debug)]
pub struct Involved {
    /// As written: `.Values.port`.
    pub name: String,
    /// What it is; `None` where a key is missing.
    pub value: Option<Value>,
    /// The map that holds it, with its key.
    pub holder: Option<(Map, String)>,
}

/// What names mean at a node.
pub struct Scene<'a> {
    /// `.`
    pub dot: Option<&'a Value>,
    /// `$x`
    pub variable: &'a dyn Fn(&str) -> Option<Value>,
}

/// The values that the failed node names; where it names none, those of the action around it.
pub fn involved(at: NodeRef<'_>, node: &Node, scene: &Scene<'_>) -> Vec<Involved> {
    let mut operands = Vec::new();
    match at {
        NodeRef::Operand(operand) => of_operand(operand, &mut operands),
        NodeRef::Command(command) => of_command(command, &mut operands),
        NodeRef::Pipe(pipe) => of_pipe(pipe, &mut operands),
        NodeRef::Node(_) => {}
    }
    if operands.is_empty() {
        match node {
            Node::Action(pipe) | Node::Template { pipe: Some(pipe), .. } => of_pipe(pipe, &mut operands),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => of_pipe(&branch.pipe, &mut operands),
            _ => {}
        }
    }
    let mut found: Vec<Involved> = Vec::new();
    for one in operands.into_iter().filter_map(|operand| look_up(operand, scene)) {
        if !found.iter().any(|known| known.name == one.name) {
            found.push(one);
        }
    }
    found
}

fn of_pipe<'t>(pipe: &'t Pipe, out: &mut Vec<&'t Operand>) {
    pipe.commands.iter().for_each(|command| of_command(command, out));
}

fn of_command<'t>(command: &'t Command, out: &mut Vec<&'t Operand>) {
    command.operands.iter().for_each(|operand| of_operand(operand, out));
}

fn of_operand<'t>(operand: &'t Operand, out: &mut Vec<&'t Operand>) {
    match operand {
        Operand::Pipe(pipe) => of_pipe(pipe, out),
        Operand::Chain { base, .. } => of_operand(base, out),
        Operand::Dot { .. } | Operand::Field { .. } | Operand::Variable { .. } => out.push(operand),
        _ => {}
    }
}

/// What an operand is, or the first part of it that is missing.
fn look_up(operand: &Operand, scene: &Scene<'_>) -> Option<Involved> {
    let (mut name, mut value, fields) = match operand {
        Operand::Dot { .. } => (".".to_owned(), scene.dot.cloned()?, &[][..]),
        Operand::Field { names, .. } => (String::new(), scene.dot.cloned()?, names.as_slice()),
        Operand::Variable { name, fields, .. } => (name.to_string(), (scene.variable)(name)?, fields.as_slice()),
        _ => return None,
    };
    let mut holder = None;
    for field in fields {
        name = format!("{name}.{field}");
        let next = match &value {
            Value::Map(map) => {
                holder = Some((map.clone(), field.to_string()));
                map.get(field)
            }
            Value::Object(object) => {
                holder = None;
                Some(object.field(field)?)
            }
            _ => return None,
        };
        match next {
            Some(found) => value = found,
            None => return Some(Involved { name, value: None, holder }),
        }
    }
    let is_context = fields.is_empty() && value.as_map().is_some();
    (!is_context).then_some(Involved { name, value: Some(value), holder })
}

/// How many keys a hint lists.
const SHOWN: usize = 12;

/// For `.a.b.c` whose part at `missing` is nil: says so, and what its parent holds.
pub fn missing_key(operand: &Operand, root: &Value, names: &[Box<str>], missing: usize) -> Option<Hint> {
    let mut parent = root.clone();
    for name in &names[..missing] {
        parent = match &parent {
            Value::Map(map) => map.get(name)?,
            Value::Object(object) => object.field(name)?,
            _ => return None,
        };
    }
    let Value::Map(map) = &parent else { return None };
    let prefix = match operand {
        Operand::Variable { name, .. } => name.to_string(),
        _ => String::new(),
    };
    let path = |count: usize| names[..count].iter().fold(prefix.clone(), |path, name| format!("{path}.{name}"));
    let key = &names[missing];
    let state = if map.contains_key(key) { "is null" } else { "is not set" };
    let owner = match path(missing) {
        path if path.is_empty() => "of dot".to_owned(),
        path => format!("of `{path}`"),
    };
    let beside = keys_beside(key, map, &owner).unwrap_or_else(|| "there are no keys at all".into());
    Some(Hint { text: format!("`{}` {state}; {beside}", path(missing + 1)), owner: Some(map.clone()) })
}

/// The keys of a map, the one most like the wanted one first. `owner` says whose they are: `there`, `of X`.
pub fn keys_beside(wanted: &str, map: &Map, owner: &str) -> Option<String> {
    let keys = map.keys();
    let shown: Vec<_> = keys.iter().take(SHOWN).map(Str::shown).collect();
    if shown.is_empty() {
        return None;
    }
    let more = if keys.len() > SHOWN { format!(" and {} more", keys.len() - SHOWN) } else { String::new() };
    let question = keys_alike(wanted, map).map(|key| format!("did you mean `{key}`? ")).unwrap_or_default();
    Some(format!("{question}keys {owner} are {}{more}", shown.join(", ")))
}

/// The key of a map that is most like a wanted one, if any is.
pub fn keys_alike(wanted: &str, map: &Map) -> Option<String> {
    let keys = map.keys();
    nearest(wanted, keys.iter().filter_map(Str::as_str).filter(|key| *key != wanted)).map(str::to_owned)
}

/// What a value is, in words: `a string`.
pub fn article(value: Option<&Value>) -> &'static str {
    match value {
        None | Some(Value::Nil) => "nothing",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Int(..) | Value::Float(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Bytes(_) | Value::List(_)) => "a list",
        Some(Value::Map(_)) => "another map",
        Some(Value::Time(_)) => "a time",
        Some(Value::Duration(_)) => "a duration",
        Some(Value::Object(_)) => "another object",
    }
}
