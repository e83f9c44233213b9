//! What is wrong with a Chart.yaml, file alone.

use super::{Lines, Severity};
use crate::chart::compat::HelmCompat;
use crate::chart::files::metadata;
use crate::chart::files::model::{Maintainer, Metadata};
use crate::template::functions::Version;
use crate::yaml::{self, DuplicateKeys, Node, NodeValue};

const PATH: &str = "Chart.yaml";
const FIELDS: &[&str] = &[
    "annotations",
    "apiVersion",
    "appVersion",
    "condition",
    "dependencies",
    "deprecated",
    "description",
    "home",
    "icon",
    "keywords",
    "kubeVersion",
    "maintainers",
    "name",
    "sources",
    "tags",
    "type",
    "version",
];
const MAINTAINER: &[&str] = &["email", "name", "url"];
const DEPENDENCY: &[&str] = &["alias", "condition", "enabled", "import-values", "name", "repository", "tags", "version"];

/// Checks the text of Chart.yaml.
pub fn check(text: &str, compat: HelmCompat, lines: &mut Lines) {
    let mut error = |problem: String| lines.add(Severity::Error, PATH, problem);
    let node = match yaml::parse(text) {
        Ok(node) => node,
        Err(cause) => return error(format!("unable to parse YAML\n\terror converting YAML to JSON: {}", cause.helm_message)),
    };
    let (node, empty) = without_empty_maintainers(node);
    let metadata = match metadata::parse(&node) {
        Ok(metadata) => metadata,
        Err(problem) => return error(format!("unable to parse YAML\n\t{problem}")),
    };
    if let Some(problem) = unexpected(text, &node).filter(|_| compat == HelmCompat::Four) {
        lines.add(Severity::Warning, PATH, format!("failed to strictly parse chart metadata file\n\t{problem}"));
    }
    let before = [
        name(&metadata.name),
        api_version(&metadata.api_version),
        not_text(&node, "version"),
        version(&metadata.version),
        not_text(&node, "appVersion"),
        maintainers(&metadata.maintainers, empty),
        metadata.sources.iter().find(|url| !is_request_url(url)).map(|url| format!("invalid source URL '{url}'")),
    ];
    before.into_iter().flatten().for_each(|problem| lines.add(Severity::Error, PATH, problem));
    match metadata.icon.as_str() {
        "" => lines.add(Severity::Info, PATH, "icon is recommended".into()),
        icon if !is_request_url(icon) => lines.add(Severity::Error, PATH, format!("invalid icon URL '{icon}'")),
        _ => {}
    }
    of_version_2(&metadata).into_iter().for_each(|problem| lines.add(Severity::Error, PATH, problem));
    if compat == HelmCompat::Four && !is_strict_version(&metadata.version) {
        lines.add(Severity::Warning, PATH, format!("version '{}' is not a valid SemVerV2", metadata.version));
    }
}

fn name(name: &str) -> Option<String> {
    match name {
        "" => Some("name is required".into()),
        name if name.contains('/') => Some(format!("chart name {name:?} is invalid")),
        _ => None,
    }
}

fn api_version(version: &str) -> Option<String> {
    const EITHER: &str = "The value must be either \"v1\" or \"v2\"";
    match version {
        "v1" | "v2" => None,
        "" => Some(format!("apiVersion is required. {EITHER}")),
        other => Some(format!("apiVersion '{other}' is not valid. {EITHER}")),
    }
}

fn not_text(node: &Node, key: &str) -> Option<String> {
    let found = match &node.get(key)?.value {
        NodeValue::String(_) => return None,
        NodeValue::Null => "<nil>",
        NodeValue::Bool(_) => "bool",
        NodeValue::Int(_) | NodeValue::Uint(_) | NodeValue::Float(_) => "float64",
        NodeValue::Sequence(_) => "[]interface {}",
        NodeValue::Mapping(_) => "map[string]interface {}",
    };
    Some(format!("{key} should be of type string but it's of type {found}"))
}

fn version(text: &str) -> Option<String> {
    match text {
        "" => Some("version is required".into()),
        text if Version::parse(text).is_err() => Some(format!("version '{text}' is not a valid SemVer")),
        _ => None,
    }
}

/// Whether a version has all three numbers and nothing that only a lenient reader takes.
fn is_strict_version(text: &str) -> bool {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let is_plain = |number: &str| number == "0" || (!number.starts_with('0') && number.parse::<u64>().is_ok());
    numbers.split('.').count() == 3 && numbers.split('.').all(is_plain) && Version::parse(text).is_ok()
}

/// Chart.yaml without the maintainers that are null, and the place of the first of these.
fn without_empty_maintainers(mut node: Node) -> (Node, Option<usize>) {
    let mut empty = None;
    if let NodeValue::Mapping(pairs) = &mut node.value {
        let list = pairs
            .iter_mut()
            .find(|(key, _)| key.text().is_some_and(|key| yaml::is_field(key, "maintainers")))
            .map(|(_, value)| &mut value.value);
        if let Some(NodeValue::Sequence(items)) = list {
            empty = items.iter().position(Node::is_null);
            items.retain(|item| !item.is_null());
        }
    }
    (node, empty)
}

/// What is wrong with the first maintainer that is wrong.
fn maintainers(all: &[Maintainer], empty: Option<usize>) -> Option<String> {
    let before = &all[..empty.unwrap_or(all.len())];
    before.iter().find_map(maintainer).or(empty.map(|_| "a maintainer entry is empty".into()))
}

fn maintainer(maintainer: &Maintainer) -> Option<String> {
    let Maintainer { name, email, url } = maintainer;
    if name.is_empty() {
        Some("each maintainer requires a name".into())
    } else if !email.is_empty() && !is_email(email) {
        Some(format!("invalid email '{email}' for maintainer '{name}'"))
    } else if !url.is_empty() && !is_url(url) {
        Some(format!("invalid url '{url}' for maintainer '{name}'"))
    } else {
        None
    }
}

fn of_version_2(metadata: &Metadata) -> Vec<String> {
    let version = &metadata.api_version;
    let mut problems = Vec::new();
    if version != "v2" && !metadata.kind.is_empty() {
        problems.push(format!("chart type is not valid in apiVersion '{version}'. It is valid in apiVersion 'v2'"));
    }
    if version != "v2" && !metadata.dependencies.is_empty() {
        problems
            .push(format!("dependencies are not valid in the Chart file with apiVersion '{version}'. They are valid in apiVersion 'v2'"));
    }
    problems
}

/// A key that is there twice, or that Chart.yaml does not have.
fn unexpected(text: &str, node: &Node) -> Option<String> {
    let strict = yaml::Options { duplicate_keys: DuplicateKeys::Refuse };
    if let Err(cause) = yaml::parse_documents_with(text, strict) {
        let key = cause.message.split('`').nth(1).unwrap_or_default();
        return Some(format!(
            "error converting YAML to JSON: yaml: unmarshal errors:\n  line {}: key \"{key}\" already set in map",
            cause.line
        ));
    }
    let unknown = unknown(node, FIELDS)?;
    Some(format!("error unmarshaling JSON: while decoding JSON: json: unknown field \"{unknown}\""))
}

fn unknown(node: &Node, known: &[&str]) -> Option<String> {
    let mut entries: Vec<_> = node.as_mapping()?.iter().map(|(key, value)| (key.text().unwrap_or_default(), value)).collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter().find_map(|(key, value)| {
        let Some(field) = known.iter().find(|field| yaml::is_field(key, field)) else { return Some(key.to_owned()) };
        let inner = match *field {
            "maintainers" => MAINTAINER,
            "dependencies" => DEPENDENCY,
            _ => return None,
        };
        value.as_sequence()?.iter().find_map(|item| unknown(item, inner))
    })
}

fn is_email(text: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|letter| letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(letter));
    let Some((user, host)) = text.rsplit_once('@') else { return false };
    user.split('.').all(is_word) && host.contains('.') && is_host(host)
}

/// An absolute URL with a scheme.
fn is_request_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    let host = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    is_scheme && !text.chars().any(char::is_control) && host.is_none_or(|host| !host.contains(' '))
}

/// The address of a page, whose scheme may be missing.
fn is_url(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default();
    !text.contains(char::is_whitespace) && is_host(host) && (host.contains('.') || host == "localhost")
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-' || letter == '_')
    };
    host.split('.').all(is_label)
}
