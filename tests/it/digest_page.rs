//! The page "What is in a digest" has every field of the stages' descriptions, each told as what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The structs that describe a stage, by the file that declares them.
const DESCRIPTION: &[(&str, &[&str])] = &[
    (
        "src/images/image/stage.rs",
        &["Base", "Run", "Mount", "Placed", "Unseen", "Remote", "Dependencies", "Import", "Above", "Fact", "Dockerfile", "Source"],
    ),
    ("src/images/dockerfile/evaluate.rs", &["Base"]),
    ("src/project/config/image.rs", &["ImageSpec", "Healthcheck"]),
];

#[test]
fn every_field_of_a_stage_is_on_the_page() {
    let mut fields = BTreeSet::new();
    for (file, types) in DESCRIPTION {
        let text = read(file);
        types.iter().for_each(|name| fields.extend(fields_of(&text, name).into_iter().map(|field| format!("{name}.{field}"))));
    }
    assert!(fields.len() > 70, "the source is not read as it is written: {fields:?}");
    let page = rows();
    let known: BTreeSet<String> = page.keys().cloned().collect();
    let missing: Vec<_> = fields.difference(&known).collect();
    let gone: Vec<_> = known.difference(&fields).collect();
    assert!(missing.is_empty() && gone.is_empty(), "docs/digest.md lacks {missing:?} and has {gone:?}, which no stage has");
}

/// Fields that are taken for the name of an input alone, or are hashed for every stage.
const FOR_NAMES: &[&str] = &["Run.stage", "Placed.add", "Source.name", "Fact.image"];

#[test]
fn the_page_says_of_each_field_what_the_digest_makes_of_it() {
    // A field that is no input is bound to nothing where its struct is taken apart.
    let declared = read("src/images/image/declare.rs");
    let structs = regex::Regex::new(r"(?:[a-z_]+::)*([A-Z][A-Za-z]*)(?:::[A-Za-z]+)? \{([^{}]*)\}").unwrap();
    let mut passed_over: BTreeSet<String> = FOR_NAMES.iter().map(|field| field.to_string()).collect();
    for found in structs.captures_iter(&declared) {
        let fields = found[2].split([',', '\n']).filter_map(|field| field.trim().strip_suffix(": _"));
        passed_over.extend(fields.map(|field| format!("{}.{field}", &found[1])));
    }
    passed_over.extend(fields_of(&read("src/images/image/stage.rs"), "Unseen").into_iter().map(|field| format!("Unseen.{field}")));
    let told: BTreeSet<String> = rows().into_iter().filter(|(_, is_input)| !is_input).map(|(field, _)| field).collect();
    assert_eq!(told, passed_over);
}

/// The fields of the page, each with whether it is told as an input.
fn rows() -> BTreeMap<String, bool> {
    let page = read("docs/digest.md");
    let (inputs, others) = page.split_once("## What is in no digest").expect("the chapter");
    let fields = |text: &str| -> Vec<String> {
        let rows = text.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
        rows.filter_map(|row| row.trim_end_matches("` |").rsplit_once('`').map(|(_, field)| field.to_owned())).collect()
    };
    fields(inputs).into_iter().map(|field| (field, true)).chain(fields(others).into_iter().map(|field| (field, false))).collect()
}

/// The names of a struct's public fields, or of an enum's variants' fields.
fn fields_of(source: &str, name: &str) -> Vec<String> {
    let body = |head: String| source.split_once(&head).map(|(_, rest)| rest.split("\n}").next().unwrap_or_default());
    let of_struct = body(format!("\npub struct {name} {{"));
    let of_enum = body(format!("\npub enum {name} {{"));
    let lines = of_struct.or(of_enum).unwrap_or_else(|| panic!("there is no {name}")).lines();
    let field = |line: &str| {
        let line = line.trim();
        let line = if of_struct.is_some() { line.strip_prefix("pub ")? } else { line };
        let (name, _) = line.split_once(": ")?;
        name.chars().all(|c| c.is_ascii_lowercase() || c == '_').then(|| name.to_owned())
    };
    lines.filter_map(field).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
