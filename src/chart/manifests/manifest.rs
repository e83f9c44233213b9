//! Rendered text becomes manifests and hooks, in Helm's order, and is printed as Helm prints it.

use std::borrow::Cow;

use serde_json::Value;

use crate::chart::compat::HelmCompat;
use crate::chart::render::context::is_partial;
use crate::chart::values::error::{Excerpt, ManifestError};

use crate::chart::files::metadata::string;
use crate::chart::render::output::Output;
use crate::chart::render::side_by_side;
use crate::kinds;
use crate::yaml::{self, Node, YamlError};

/// One document of a rendered template.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The template: `chart/templates/web.yaml`.
    pub path: String,
    /// The document's text, without surrounding white space.
    pub text: String,
    /// The document; null where the text holds comments only, which Helm prints nevertheless.
    pub object: Value,
}

/// One document that Helm runs as a hook.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// The document.
    pub manifest: Manifest,
    /// `metadata.name`.
    pub name: String,
    /// `kind`.
    pub kind: String,
    /// `helm.sh/hook`, in Helm's spelling: `pre-install`, `test`.
    pub events: Vec<String>,
    /// `helm.sh/hook-weight`, 0 by default.
    pub weight: i64,
    /// `helm.sh/hook-delete-policy`, lower case.
    pub delete_policies: Vec<String>,
    /// `helm.sh/hook-output-log-policy`, lower case.
    pub output_log_policies: Vec<String>,
}

impl Hook {
    /// Whether `helm test` runs it.
    pub fn is_test(&self) -> bool {
        self.events.iter().any(|event| event == "test")
    }
}

const EVENTS: [&str; 9] =
    ["pre-install", "post-install", "pre-delete", "post-delete", "pre-upgrade", "post-upgrade", "pre-rollback", "post-rollback", "test"];

/// Splits rendered templates into manifests and hooks, sorted as Helm installs them.
///
/// `files` are paths with their texts, sorted by path. A document whose `helm.sh/hook` has an unknown event is left out with a warning.
pub fn sort(
    files: &[Output],
    compat: HelmCompat,
    warnings: &mut crate::chart::values::coalesce::Warnings,
) -> Result<(Vec<Manifest>, Vec<Hook>), Vec<ManifestError>> {
    let mut manifests = Vec::new();
    let mut hooks = Vec::new();
    let mut problems = Vec::new();
    let texts: Vec<Cow<'_, str>> = files.iter().map(|file| file.text.outline()).collect();
    let has_documents = |(file, text): &(&Output, &str)| !is_partial(&file.path) && !text.trim().is_empty();
    let files: Vec<(&Output, &str)> = files.iter().zip(texts.iter().map(|text| &**text)).filter(has_documents).collect();
    let read = side_by_side::map(&files, |(_, text)| text.len(), |(file, text)| documents(file, text, compat));
    for ((Output { path, .. }, _), documents) in files.iter().zip(read) {
        for (text, document) in documents {
            let (head, object) = match document {
                Ok(document) => document,
                Err(problem) => {
                    problems.push(*problem);
                    continue;
                }
            };
            let manifest = Manifest { path: path.clone(), text: text.to_owned(), object };
            let Some(events) = head.annotation("helm.sh/hook") else {
                manifests.push((head.kind, manifest));
                continue;
            };
            let Some(known) = words(events).map(|event| event_name(&event)).collect::<Option<Vec<_>>>() else {
                warnings.insert(format!("{path}: skipping unknown hook: \"{events}\""));
                continue;
            };
            let list = |name: &str| head.annotation(name).map(|text| words(text).collect()).unwrap_or_default();
            hooks.push(Hook {
                events: known,
                weight: head.annotation("helm.sh/hook-weight").and_then(|text| text.parse().ok()).unwrap_or(0),
                delete_policies: list("helm.sh/hook-delete-policy"),
                output_log_policies: list("helm.sh/hook-output-log-policy"),
                name: head.name,
                kind: head.kind,
                manifest,
            });
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    manifests.sort_by(|(a, _), (b, _)| rank(a, compat).cmp(&rank(b, compat)));
    hooks.sort_by(|a, b| rank(&a.kind, compat).cmp(&rank(&b.kind, compat)));
    Ok((manifests.into_iter().map(|(_, manifest)| manifest).collect(), hooks))
}

/// The head and the object of a document, or why there is none.
type Read = Result<(Head, Value), Box<ManifestError>>;

/// The documents of a file, whose text is given as [`Str::outline`](crate::template::value::Str::outline) has it.
fn documents<'t>(file: &'t Output, content: &'t str, compat: HelmCompat) -> Vec<(&'t str, Read)> {
    let path = &file.path;
    let document = |text: &'t str| {
        let place = Place { path, content, text };
        let bytes = &file.text.as_bytes()[place.start()..][..text.len()];
        (text, yaml::text(bytes).map_err(|cause| place.no_text(&cause, bytes)).and_then(|_| read(&place)))
    };
    split(content, compat).into_iter().map(document).collect()
}

fn read(place: &Place<'_>) -> Read {
    let node = yaml::parse(place.text).map_err(|cause| place.not_yaml(&cause))?;
    let head = Head::read(&node).map_err(|(node, problem)| place.wrong(node, problem))?;
    Ok((head, yaml::to_json(&node).map_err(|cause| place.not_yaml(&cause))?))
}

/// The documents of a text, without surrounding white space; Helm 4 keeps it at their ends. Empty ones are dropped.
pub fn split(text: &str, compat: HelmCompat) -> Vec<&str> {
    match compat {
        HelmCompat::Three => split_3(text.trim()),
        HelmCompat::Four => split_4(text.trim_start()),
    }
}

/// Splits at `(?:^|\s*\n)---\s*`: white space that belongs to one separator cannot begin the next one.
fn split_3(text: &str) -> Vec<&str> {
    let is_space = |c: char| matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ');
    let mut documents = Vec::new();
    let mut rest = text.strip_prefix("---").map_or(text, |rest| rest.trim_start_matches(is_space));
    while let Some((document, after)) = rest.split_once("\n---") {
        documents.push(document.trim_end_matches(is_space));
        rest = after.trim_start_matches(is_space);
    }
    documents.push(rest);
    documents.into_iter().filter(|document| !document.is_empty()).map(str::trim).collect()
}

/// Splits at `(?m)^---[ \t]*`.
fn split_4(text: &str) -> Vec<&str> {
    let is_blank = |c: char| matches!(c, ' ' | '\t');
    let mut documents = Vec::new();
    let mut rest = text.strip_prefix("---").map_or(text, |rest| rest.trim_start_matches(is_blank));
    while let Some(at) = rest.find("\n---") {
        documents.push(&rest[..=at]);
        rest = rest[at + "\n---".len()..].trim_start_matches(is_blank);
    }
    documents.push(rest);
    documents.into_iter().filter(|document| !document.trim().is_empty()).map(str::trim_start).collect()
}

fn rank(kind: &str, compat: HelmCompat) -> (usize, &str) {
    let known = match compat {
        HelmCompat::Three => kinds::HELM_3,
        HelmCompat::Four => kinds::HELM_4,
    };
    match known.iter().position(|known| *known == kind) {
        Some(place) => (place, ""),
        None => (usize::MAX, kind),
    }
}

fn event_name(event: &str) -> Option<String> {
    let event = if event == "test-success" { "test" } else { event };
    EVENTS.contains(&event).then(|| event.to_owned())
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(|word| word.trim().to_lowercase())
}

/// The part of a document that decides where it goes. Its keys count in any letter case, as Helm reads them.
struct Head {
    kind: String,
    name: String,
    annotations: Vec<(String, String)>,
}

impl Head {
    fn read(node: &Node) -> Result<Head, (&Node, String)> {
        let mut head = Head { kind: String::new(), name: String::new(), annotations: Vec::new() };
        if node.is_null() {
            return Ok(head);
        }
        fn mapping<'n>(what: &str, node: &'n Node) -> Result<&'n [(Node, Node)], (&'n Node, String)> {
            node.as_mapping().ok_or_else(|| (node, format!("{what} must be a mapping, this is {}", node.kind())))
        }
        fn field<'n>(node: &'n Node, key: &str) -> Result<String, (&'n Node, String)> {
            node.field(key).map_or(Ok(String::new()), |value| string(key, value).map_err(|problem| (value, problem)))
        }
        mapping("a manifest", node)?;
        field(node, "apiVersion")?;
        head.kind = field(node, "kind")?;
        let Some(metadata) = node.field("metadata").filter(|metadata| !metadata.is_null()) else { return Ok(head) };
        mapping("`metadata`", metadata)?;
        head.name = field(metadata, "name")?;
        let Some(annotations) = metadata.field("annotations").filter(|annotations| !annotations.is_null()) else { return Ok(head) };
        for (key, value) in mapping("`metadata.annotations`", annotations)? {
            let key = string("annotations", key).map_err(|problem| (key, problem))?;
            let value = string(&format!("metadata.annotations.{key}"), value).map_err(|problem| (value, problem))?;
            head.annotations.push((key, value));
        }
        Ok(head)
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A document of a rendered file, for errors.
struct Place<'a> {
    path: &'a str,
    content: &'a str,
    text: &'a str,
}

impl Place<'_> {
    /// Where the document begins in the file.
    fn start(&self) -> usize {
        self.text.as_ptr() as usize - self.content.as_ptr() as usize
    }

    /// A document that is no UTF-8; the excerpt shows its bytes.
    fn no_text(&self, cause: &YamlError, bytes: &[u8]) -> Box<ManifestError> {
        let at = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        let problem = format!("error converting YAML to JSON: {}", cause.helm_message);
        Box::new(ManifestError {
            path: self.path.to_owned(),
            problem,
            rendered: Excerpt::rendered(self.path, cause.source_code.inner(), cause.span),
            template: None,
            help: cause.help.clone(),
            start: self.start(),
            offset: at,
            file_length: self.content.len(),
        })
    }

    fn not_yaml(&self, cause: &YamlError) -> Box<ManifestError> {
        let problem = format!("error converting YAML to JSON: {}", cause.helm_message);
        self.error(problem, cause.span.offset(), cause.span.len())
    }

    fn wrong(&self, node: &Node, problem: String) -> Box<ManifestError> {
        self.error(problem, node.span.start, node.span.len().max(1))
    }

    fn error(&self, problem: String, offset: usize, length: usize) -> Box<ManifestError> {
        let offset = offset.min(self.text.len());
        let at = (offset, length.min(self.text.len() - offset)).into();
        Box::new(ManifestError {
            path: self.path.to_owned(),
            problem,
            rendered: Excerpt::rendered(self.path, self.text, at),
            template: None,
            help: None,
            start: self.start(),
            offset,
            file_length: self.content.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use regex::Regex;

    use super::*;
    use crate::chart::values::coalesce::Warnings;

    fn output(path: &str, text: &str) -> Output {
        Output::new(path, text)
    }

    #[test]
    fn texts_are_split_as_in_helm() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("a: 1", &["a: 1"]),
            ("---\na: 1\n---\nb: 1\n", &["a: 1", "b: 1"]),
            ("---\na: 1\n---\n\n---\nb: 1\n", &["a: 1", "---\nb: 1"]),
            ("a: 1\n--- # note\nb: 1", &["a: 1", "# note\nb: 1"]),
            ("a: x---y\n---\nb: 1\n---", &["a: x---y", "b: 1"]),
            ("# only a comment\n---\na: 1", &["# only a comment", "a: 1"]),
        ];
        for (text, expected) in cases {
            assert_eq!(split(text, HelmCompat::Three), *expected, "{text:?}");
        }
    }

    static THREE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?-u:(?:^|[\t\n\x0c\r ]*\n)---[\t\n\x0c\r ]*)").expect("an expression"));
    static FOUR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^---[ \t]*").expect("an expression"));

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

        #[test]
        fn texts_are_split_as_helms_expressions_split_them(text in "(---|-|\n|\r|\t| |\x0b|a){0,14}") {
            let documents = THREE.split(text.trim()).filter(|document| !document.is_empty()).map(str::trim);
            proptest::prop_assert_eq!(split(&text, HelmCompat::Three), documents.collect::<Vec<_>>());
            let documents = FOUR.split(text.trim_start()).filter(|document| !document.trim().is_empty()).map(str::trim_start);
            proptest::prop_assert_eq!(split(&text, HelmCompat::Four), documents.collect::<Vec<_>>());
        }
    }

    #[test]
    fn documents_are_sorted_and_hooks_taken_out() {
        let files = [
            ("c/templates/_h.yaml", "kind: Pod"),
            ("c/templates/a.yaml", "kind: Zebra\n---\nkind: Deployment\n---\nkind: Apple\n---\nkind: Namespace"),
            (
                "c/templates/b.yaml",
                "kind: Job\nmetadata:\n  name: j\n  annotations:\n    helm.sh/hook: Pre-Install, test-success\n    helm.sh/hook-weight: -5\n    helm.sh/hook-delete-policy: hook-succeeded,before-hook-creation\n---\nkind: Pod\nmetadata:\n  annotations: {helm.sh/hook: crd-install}\n---\nkind: ServiceAccount\nmetadata: {annotations: {x: 1}}",
            ),
            ("c/templates/empty.yaml", " \n"),
        ];
        let files = files.map(|(path, text)| output(path, text));
        let mut warnings = Warnings::new();
        let (manifests, hooks) = sort(&files, HelmCompat::Three, &mut warnings).unwrap();
        let kinds: Vec<_> = manifests.iter().map(|manifest| manifest.object["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["Namespace", "ServiceAccount", "Deployment", "Apple", "Zebra"]);
        assert_eq!(hooks.len(), 1);
        assert_eq!((hooks[0].name.as_str(), hooks[0].weight, hooks[0].is_test()), ("j", -5, true));
        assert_eq!(hooks[0].events, ["pre-install", "test"]);
        assert_eq!(hooks[0].delete_policies, ["hook-succeeded", "before-hook-creation"]);
        assert_eq!(warnings.into_iter().collect::<Vec<_>>(), ["c/templates/b.yaml: skipping unknown hook: \"crd-install\""]);
    }

    #[test]
    fn bad_documents_name_their_template() {
        for (text, message) in [
            ("kind: [a]", "YAML parse error on c/templates/a.yaml: `kind` must be a string, this is a list"),
            ("- a", "YAML parse error on c/templates/a.yaml: a manifest must be a mapping, this is a list"),
        ] {
            let error = sort(&[output("c/templates/a.yaml", text)], HelmCompat::Three, &mut Warnings::new()).unwrap_err();
            assert_eq!(error[0].to_string(), message);
        }
        let error = sort(&[output("c/templates/a.yaml", "a: b\n c: d")], HelmCompat::Three, &mut Warnings::new()).unwrap_err();
        assert!(
            error[0].to_string().starts_with("YAML parse error on c/templates/a.yaml: error converting YAML to JSON: yaml: line 2"),
            "{error:?}"
        );
    }
}
