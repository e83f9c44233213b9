//! Advice for failures: which key is missing, and which ones are there.

use super::ast::Operand;
use super::value::{Map, Value};

/// How many keys a hint lists.
const SHOWN: usize = 12;

/// For `.a.b.c` whose part at `missing` is nil: says so, and what its parent holds.
pub fn missing_key(operand: &Operand, root: &Value, names: &[Box<str>], missing: usize) -> Option<String> {
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
    Some(format!("`{}` {state}; {beside}", path(missing + 1)))
}

/// The keys of a map, the one most like the wanted one first. `owner` says whose they are: `there`, `of X`.
pub fn keys_beside(wanted: &str, map: &Map, owner: &str) -> Option<String> {
    let keys = map.keys();
    let shown: Vec<&str> = keys.iter().take(SHOWN).map(|key| &**key).collect();
    if shown.is_empty() {
        return None;
    }
    let more = if keys.len() > SHOWN { format!(" and {} more", keys.len() - SHOWN) } else { String::new() };
    let alike =
        keys.iter().map(|key| (distance(wanted, key), key)).filter(|(distance, key)| *distance > 0 && *distance <= key.len() / 3 + 1);
    let question = alike.min().map(|(_, key)| format!("did you mean `{key}`? ")).unwrap_or_default();
    Some(format!("{question}keys {owner} are {}{more}", shown.join(", ")))
}

/// Number of edits between two words, case ignored.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let edits = if x == y { diagonal } else { 1 + diagonal.min(row[j]).min(row[j + 1]) };
            diagonal = std::mem::replace(&mut row[j + 1], edits);
        }
    }
    row[b.len()]
}
