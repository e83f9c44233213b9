//! Documents of werf.yaml as values: every way to change one value, key or entry, and other ways to write the same.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::dice::Dice;

/// Documents in which one thing is changed.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Which, for people.
    pub what: String,
    /// The number of the document.
    pub document: usize,
    /// The documents after it.
    pub after: Vec<Value>,
}

/// Keys that no name depends on, each with the reason.
const NO_INPUTS: [(&str, &str); 6] = [
    ("/image", "an image may have another name"),
    ("/final", "where it is used is no matter of its content, and the rules for final images are their own"),
    ("/secrets/0/env", "where a secret comes from is the machine's affair"),
    ("/configVersion", "the format of the file"),
    ("/imageSpec/config/keepEssentialWerfLabels", "the labels by which werf knows images are kept in any case"),
    ("/build/imageSpec/config/keepEssentialWerfLabels", "as above"),
];

/// Every edit of the documents, those of the first one too: what all images inherit.
pub fn edits(documents: &[Value]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let mut pointers = Vec::new();
        collect(document, "", &mut pointers);
        // `tools2` and the project's name are there to be put in the place of others
        let is_free = |pointer: &str| number == 2 || pointer == "/project" || NO_INPUTS.iter().any(|(known, _)| pointer == *known);
        for pointer in pointers.iter().filter(|pointer| !is_free(pointer)) {
            let inherited = number == 0 && pointer == "/build/cacheVersion";
            let mut add = |what: &str, change: &dyn Fn(&mut Value)| {
                let mut after = documents.to_vec();
                change(&mut after[number]);
                if after != documents {
                    // an image with a version of its own does not inherit one; the last has none
                    let document = if inherited { 4 } else { number };
                    edits.push(Edit { what: format!("{what} {pointer} of document {number}"), document, after });
                }
            };
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
            match document.pointer(pointer).expect("it was found") {
                Value::Object(_) => {}
                Value::Array(list) => {
                    // a pattern more may choose nothing more
                    let more = list.last().filter(|_| !is_pattern(pointer)).map(|last| other(key, last));
                    add("an entry more in", &|document| {
                        if let (Some(Value::Array(list)), Some(more)) = (document.pointer_mut(pointer), more.clone()) {
                            list.push(more);
                        }
                    });
                    add("the other order of", &|document| {
                        if let Some(Value::Array(list)) = document.pointer_mut(pointer).filter(|_| ORDERED.contains(&key)) {
                            list.reverse();
                        }
                    });
                }
                leaf => {
                    let key = if key.parse::<usize>().is_ok() { parent.rsplit('/').next().unwrap_or_default() } else { key };
                    let other = other(key, leaf);
                    add("another value of", &|document| *document.pointer_mut(pointer).expect("it is there") = other.clone());
                }
            }
            // `false` and nothing in a map say what is said without the key
            let says_nothing = |value: &Value| *value == json!(false) || *value == json!({});
            if !is_required(pointer) && !document.pointer(pointer).is_some_and(says_nothing) {
                add("without", &|document| match document.pointer_mut(parent) {
                    Some(Value::Object(map)) => drop(map.remove(key)),
                    Some(Value::Array(list)) => drop(list.remove(key.parse().expect("a number"))),
                    _ => {}
                });
            }
        }
    }
    edits
}

/// Lists whose order counts. That of `git`, patterns, ports and the like does not.
const ORDERED: [&str; 4] = ["install", "cmd", "entrypoint", "test"];

fn is_pattern(pointer: &str) -> bool {
    ["includePaths", "excludePaths", "stageDependencies"].iter().any(|key| pointer.contains(key))
}

/// Keys without which there is no image.
fn is_required(pointer: &str) -> bool {
    let key = pointer.rsplit('/').next().unwrap_or_default();
    matches!(key, "from" | "to" | "add" | "before" | "after" | "id" | "image" | "type" | "targetEnv" | "env" | "imports" | "shell" | "test")
        && !pointer.contains("imageSpec/config/env")
        && !pointer.ends_with("config/env")
        || pointer.is_empty()
}

fn collect(value: &Value, pointer: &str, found: &mut Vec<String>) {
    if !pointer.is_empty() {
        found.push(pointer.to_owned());
    }
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| collect(value, &format!("{pointer}/{}", key.replace('/', "~1")), found)),
        Value::Array(list) => list.iter().enumerate().for_each(|(at, value)| collect(value, &format!("{pointer}/{at}"), found)),
        _ => {}
    }
}

/// Another value that a key may have.
fn other(key: &str, value: &Value) -> Value {
    let instead = |one: &str, two: &str| json!(if value == one { two } else { one });
    match value {
        Value::Bool(value) => json!(!value),
        Value::Number(number) => json!(number.as_u64().unwrap_or_default() + 1),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                (key.clone(), if matches!(key.as_str(), "to" | "targetEnv" | "id") { other(key, value) } else { value.clone() })
            })
            .collect(),
        Value::String(text) => match key {
            "platform" => instead("linux/arm64", "linux/amd64"),
            "network" => instead("none", "host"),
            "before" | "after" => instead("install", "setup"),
            "type" => instead("ImageTag", "ImageName"),
            "stage" => instead("install", "setup"),
            "removeLabels" => json!("/^older/"),
            "expose" => json!("81"),
            "from" if text.ends_with("_dir") => instead("tmp_dir", "build_dir"),
            _ => json!(format!("{text}2")),
        },
        other => other.clone(),
    }
}

/// The documents without some of the keys that may be left out.
pub fn thinned(documents: &[Value], dice: &mut Dice) -> Vec<Value> {
    let mut documents = documents.to_vec();
    thin(&mut documents[0], "", dice);
    thin(&mut documents[3], "", dice);
    documents
}

fn thin(value: &mut Value, pointer: &str, dice: &mut Dice) {
    match value {
        Value::Object(map) => {
            // What stands for nothing without another key goes with that one: commands stay, as what is declared for a stage without
            // any does nothing; so do the patterns of all stages, as one that sees everything leaves nothing to the next.
            let keeps = |key: &str| {
                is_required(&format!("{pointer}/{key}"))
                    || pointer == "/shell" && !key.ends_with("ersion")
                    || pointer.ends_with("stageDependencies")
                    || matches!(key, "project" | "configVersion" | "removeLabels")
            };
            map.retain(|key, _| keeps(key) || !dice.one_in(3));
            map.iter_mut().for_each(|(key, value)| thin(value, &format!("{pointer}/{key}"), dice));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| thin(value, pointer, dice)),
        _ => {}
    }
}

/// werf.yaml in flow style, as JSON is.
pub fn flow(documents: &[Value]) -> String {
    documents.iter().map(|document| format!("---\n{document}\n")).collect()
}

/// The same with the keys in another order.
pub fn shuffled(documents: &[Value], dice: &mut Dice) -> String {
    documents.iter().map(|document| format!("---\n{}\n", mixed(document, dice))).collect()
}

fn mixed(value: &Value, dice: &mut Dice) -> String {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<String> = map.iter().map(|(key, value)| format!("{}: {}", json!(key), mixed(value, dice))).collect();
            dice.shuffle(&mut pairs);
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(|value| mixed(value, dice)).collect::<Vec<_>>().join(", ")),
        leaf => leaf.to_string(),
    }
}

/// The same in block style, in another order, with comments and empty lines.
pub fn block(documents: &[Value], dice: &mut Dice) -> String {
    let mut text = String::from("# the project\n");
    for document in documents {
        text += "---\n";
        node(document, 0, dice, &mut text);
    }
    text
}

fn node(value: &Value, depth: usize, dice: &mut Dice, text: &mut String) {
    let is_long =
        |value: &Value| matches!(value, Value::Object(map) if !map.is_empty()) || matches!(value, Value::Array(list) if !list.is_empty());
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().map(|(key, value)| (format!("{}:", json!(key)), value)).collect();
            dice.shuffle(&mut pairs);
            pairs
        }
        Value::Array(list) => list.iter().map(|value| ("-".to_owned(), value)).collect(),
        _ => return,
    };
    for (head, value) in entries {
        match dice.roll(5) {
            0 => text.push('\n'),
            1 => *text += &format!("{:depth$}# a comment\n", ""),
            _ => {}
        }
        let remark = if dice.one_in(4) { "  # why" } else { "" };
        let _ = if is_long(value) {
            writeln!(text, "{:depth$}{head}{remark}", "")
        } else {
            writeln!(text, "{:depth$}{head} {value}{remark}", "")
        };
        if is_long(value) {
            node(value, depth + 2, dice, text);
        }
    }
}
