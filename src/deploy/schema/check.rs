//! A rendered document against the schemas: which kind it is, and whether that is known.

use std::collections::BTreeSet;

use super::error::{Found, SchemaError};
use super::schemas::Schemas;
use super::value::{Path, Walk};
use crate::deploy::resource::GroupVersionKind;
use crate::words::near::nearest;
use crate::yaml::{self, Node};

/// A rendered document.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The template that it came from.
    pub path: &'a str,
    /// One YAML document.
    pub text: &'a str,
}

/// Every problem of a document, in the order of its text. `elsewhere` are kinds without a schema that are known to be served.
///
/// A text that is no YAML has none: rendering says so before.
pub fn check(document: Text<'_>, schemas: &Schemas, elsewhere: &BTreeSet<GroupVersionKind>) -> Vec<SchemaError> {
    let Ok(node) = yaml::parse(document.text) else { return Vec::new() };
    if node.is_null() {
        return Vec::new();
    }
    let mut errors = Vec::new();
    for (path, node) in objects(&node, Path::default()) {
        let mut found = Vec::new();
        let kind = head(node, &path, schemas, elsewhere, &mut found);
        if let Some(schema) = kind.as_ref().and_then(|kind| schemas.get(kind)) {
            Walk::new(&schema, &mut found).value(node, schema.root, &path, begin(node));
        }
        if kind.is_some() && !is_named(node) && !found.iter().any(|found| found.field == path.field("metadata").to_string()) {
            let field = path.field("metadata").field("name").to_string();
            found.push(Found { message: format!("`{field}` is missing"), field, seen: None, span: begin(node), help: None });
        }
        found.sort_by_key(|found| found.span.start);
        found.dedup_by(|a, b| a.message == b.message && a.seen == b.seen);
        let (name, is_secret) = (name_of(node), text_of(node, "kind") == Some("Secret"));
        errors.extend(found.into_iter().map(|found| {
            let is_hidden = is_secret && ["data", "stringData"].iter().any(|map| found.field.starts_with(&path.field(map).to_string()));
            SchemaError::new(found, &name, document.path, document.text, is_hidden)
        }));
    }
    errors
}

/// The kinds of a document's objects.
pub fn kinds(text: &str) -> Vec<GroupVersionKind> {
    let Ok(node) = yaml::parse(text) else { return Vec::new() };
    let kind = |node: &Node| Some(GroupVersionKind::new(text_of(node, "apiVersion")?, text_of(node, "kind")?));
    objects(&node, Path::default()).iter().filter_map(|(_, node)| kind(node)).collect()
}

/// The items of a `List`, any other object alone.
fn objects(node: &Node, path: Path) -> Vec<(Path, &Node)> {
    let items = node.get("items").and_then(Node::as_sequence);
    match (text_of(node, "kind"), items) {
        (Some("List"), Some(items)) => {
            let list = path.field("items");
            items.iter().enumerate().flat_map(|(at, item)| objects(item, list.item(at))).collect()
        }
        _ => vec![(path, node)],
    }
}

/// Reads the two fields that say what an object is.
fn head(
    node: &Node,
    path: &Path,
    schemas: &Schemas,
    elsewhere: &BTreeSet<GroupVersionKind>,
    found: &mut Vec<Found>,
) -> Option<GroupVersionKind> {
    let mut wanted = |name: &str| {
        let text = text_of(node, name).filter(|text| !text.is_empty());
        if text.is_none() {
            let field = path.field(name).to_string();
            let help = "every Kubernetes object needs `apiVersion`, `kind` and `metadata.name`".to_owned();
            found.push(Found { message: format!("`{field}` is missing"), field, seen: None, span: begin(node), help: Some(help) });
        }
        text
    };
    let (api_version, kind) = (wanted("apiVersion"), wanted("kind"));
    let kind = GroupVersionKind::new(api_version?, kind?);
    if !schemas.has(&kind) && !elsewhere.contains(&kind) {
        let span = node.get("apiVersion").map_or(begin(node), |node| node.span.clone());
        let message = format!("{} {} is not served", kind.api_version(), kind.kind);
        found.push(Found {
            message,
            field: path.field("apiVersion").to_string(),
            seen: None,
            span,
            help: Some(instead_of(&kind, schemas, elsewhere)),
        });
    }
    Some(kind)
}

/// Which kinds or versions there are instead of one that is unknown.
fn instead_of(kind: &GroupVersionKind, schemas: &Schemas, elsewhere: &BTreeSet<GroupVersionKind>) -> String {
    let all = || schemas.kinds().chain(elsewhere);
    let served: BTreeSet<String> = all().filter(|other| other.kind == kind.kind).map(GroupVersionKind::api_version).collect();
    if !served.is_empty() {
        let verb = if served.len() == 1 { "is" } else { "are" };
        return format!("{} {verb}", served.into_iter().collect::<Vec<_>>().join(", "));
    }
    match nearest(&kind.kind, all().map(|other| other.kind.as_str())) {
        Some(near) => {
            let version = all().find(|other| other.kind == near).map(GroupVersionKind::api_version).unwrap_or_default();
            format!("did you mean `{near}` in {version}?")
        }
        None => "put its CustomResourceDefinition into the cluster or into the chart's `crds/`, or a schema of it into a directory of `--validate-schemas`".into(),
    }
}

fn is_named(node: &Node) -> bool {
    let metadata = node.get("metadata");
    ["name", "generateName"].iter().any(|field| metadata.and_then(|metadata| metadata.get(field)).is_some_and(|name| !name.is_null()))
}

fn name_of(node: &Node) -> String {
    let name = node.get("metadata").and_then(|metadata| text_of(metadata, "name"));
    match (text_of(node, "kind"), name) {
        (Some(kind), Some(name)) => format!("{kind}/{name}"),
        (Some(kind), None) => format!("a {kind}"),
        (None, Some(name)) => format!("`{name}`"),
        (None, None) => "a manifest".into(),
    }
}

fn text_of<'n>(node: &'n Node, field: &str) -> Option<&'n str> {
    node.get(field)?.as_str()
}

/// The place of an object as a whole: where it begins.
fn begin(node: &Node) -> std::ops::Range<usize> {
    let start = node.as_mapping().and_then(|entries| entries.first()).map_or(node.span.start, |(key, _)| key.span.start);
    start..start + 1
}
