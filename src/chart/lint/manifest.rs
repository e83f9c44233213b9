//! What is wrong with the files of `templates/` and `crds/`, and with what they render to.

use super::{Lines, Severity, deprecated, names};
use crate::chart::compat::HelmCompat;
use crate::chart::files::model::{Chart, File};
use crate::chart::render::capabilities::Capabilities;
use crate::template::value::Str;
use crate::yaml::{self, Node, NodeValue};

/// The part of a document that is looked at.
struct Head {
    api_version: String,
    kind: String,
    name: String,
}

/// Checks a file of `templates/` as it is written; `given` is the name of what it gives.
pub fn source(file: &File, given: &str, compat: HelmCompat, lines: &mut Lines) {
    let (path, text) = (&*file.name, file.shown());
    let extension = extension(given);
    if ![".yaml", ".yml", ".tpl", ".txt"].contains(&extension) {
        let problem = format!("file extension '{extension}' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt");
        lines.add(Severity::Error, path, problem);
    }
    if compat == HelmCompat::Four {
        return;
    }
    let installs_crd = |line: &str| {
        let rest = line.split_once("helm.sh/hook").map(|(_, rest)| rest.strip_prefix('"').unwrap_or(rest));
        let value = rest.and_then(|rest| rest.strip_prefix(':'));
        value.is_some_and(|value| value.starts_with(char::is_whitespace) && value.trim_start().starts_with("crd-install"))
    };
    if text.lines().any(installs_crd) {
        let problem = "manifest is a crd-install hook. This hook is no longer supported in v3 and all CRDs should also exist the crds/ \
                       directory at the top level of the chart";
        lines.add(Severity::Warning, path, problem.into());
    }
    if text.contains(".Release.Time") {
        let problem = ".Release.Time has been removed in v3, please replace with the `now` function in your templates";
        lines.add(Severity::Error, path, problem.into());
    }
}

/// Whether what a file renders to is looked at.
pub fn is_manifest(path: &str, compat: HelmCompat) -> bool {
    match compat {
        HelmCompat::Three => extension(path) == ".yaml",
        HelmCompat::Four => [".yaml", ".yml"].contains(&extension(path).to_ascii_lowercase().as_str()),
    }
}

/// Checks what a template renders to. `false`: it is no YAML, and nothing after it is looked at.
pub fn rendered(path: &str, text: &Str, compat: HelmCompat, capabilities: &Capabilities, lines: &mut Lines) -> bool {
    let text = match yaml::text(text.as_bytes()) {
        Ok(text) => text,
        Err(cause) => {
            let problem = format!("unable to parse YAML: error converting YAML to JSON: {}", cause.helm_message);
            lines.add(Severity::Error, path, problem);
            return false;
        }
    };
    if let Some(line) = text.lines().find(|line| !line.trim().is_empty()).filter(|line| line.starts_with([' ', '\t'])) {
        let problem = format!("document starts with an illegal indent: {line:?}, which may cause parsing problems");
        lines.add(Severity::Warning, path, problem);
    }
    for document in documents(text) {
        let (head, node) = match read(&document, compat) {
            Ok(Some(read)) => read,
            Ok(None) => continue,
            Err(problem) => {
                lines.add(Severity::Error, path, format!("unable to parse YAML: {problem}"));
                return false;
            }
        };
        if let Some(problem) = name(&head) {
            lines.add(Severity::Warning, path, problem);
        }
        if let Some(problem) = deprecated::warning(&head.api_version, &head.kind, capabilities) {
            lines.add(Severity::Warning, path, problem);
        }
        let selects = text.contains("matchLabels") || text.contains("matchExpressions");
        if matches!(head.kind.as_str(), "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet") && !selects {
            let problem = format!("a {} must contain matchLabels or matchExpressions, and {:?} does not", head.kind, head.name);
            lines.add(Severity::Error, path, problem);
        }
        if head.kind == "List" && keeps_an_item(&node) {
            let annotation = if compat == HelmCompat::Three { "Annotation" } else { "annotation" };
            lines.add(Severity::Error, path, format!("{annotation} 'helm.sh/resource-policy' within List objects are ignored"));
        }
    }
    true
}

/// Checks the custom resource definitions of a chart and of its subcharts.
pub fn definitions(chart: &Chart, compat: HelmCompat, lines: &mut Lines) -> bool {
    let is_definition = |file: &&File| {
        let extension = extension(&file.name).to_ascii_lowercase();
        file.name.starts_with("crds/") && [".yaml", ".yml", ".json"].contains(&extension.as_str())
    };
    for file in chart.files.iter().filter(is_definition) {
        for document in documents(&file.shown()) {
            match read(&document, compat) {
                Ok(None) => {}
                Ok(Some((head, _))) => {
                    if !head.api_version.starts_with("apiextensions.k8s.io") {
                        lines.add(Severity::Error, &file.name, "apiVersion is not in 'apiextensions.k8s.io'".into());
                    }
                    if head.kind != "CustomResourceDefinition" {
                        lines.add(Severity::Error, &file.name, "object kind is not 'CustomResourceDefinition'".into());
                    }
                }
                Err(problem) => {
                    lines.add(Severity::Error, &file.name, format!("unable to parse YAML: {problem}"));
                    return false;
                }
            }
        }
    }
    chart.dependencies.iter().all(|subchart| definitions(subchart, compat, lines))
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |at| &name[at..])
}

/// The documents between lines of `---`.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.split_inclusive('\n') {
        match documents.last_mut() {
            _ if line.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty()) => documents.push(String::new()),
            Some(document) => document.push_str(line),
            None => {}
        }
    }
    documents
}

fn read(text: &str, compat: HelmCompat) -> Result<Option<(Head, Node)>, String> {
    let node = yaml::parse(text).map_err(|cause| format!("error converting YAML to JSON: {}", cause.helm_message))?;
    let object = if compat == HelmCompat::Three { "K8sYamlStruct" } else { "k8sYamlStruct" };
    let wrong = |node: &Node, place: &str| {
        let found = match &node.value {
            NodeValue::Sequence(_) => "array",
            NodeValue::Mapping(_) => "object",
            NodeValue::String(_) => "string",
            NodeValue::Bool(_) => "bool",
            _ => "number",
        };
        Err(format!("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go {place}"))
    };
    if node.is_null() {
        return Ok(None);
    }
    if node.as_mapping().is_none() {
        return wrong(&node, &format!("value of type rules.{object}"));
    }
    let metadata = node.field("metadata").filter(|metadata| !metadata.is_null());
    if let Some(other) = metadata.filter(|metadata| metadata.as_mapping().is_none()) {
        return wrong(other, &format!("struct field {object}.Metadata of type rules.k8sYamlMetadata"));
    }
    let field = |value: Option<&Node>, name: &str| match value {
        None => Ok(String::new()),
        Some(value) if value.is_null() => Ok(String::new()),
        Some(value) => match value.text() {
            Some(text) => Ok(text.to_owned()),
            None => wrong(value, &format!("struct field {object}.{name} of type string")).map(|_| String::new()),
        },
    };
    let head = Head {
        api_version: field(node.field("apiVersion"), "apiVersion")?,
        kind: field(node.field("kind"), "Kind")?,
        name: field(metadata.and_then(|metadata| metadata.field("name")), "Metadata.Name")?,
    };
    Ok(Some((head, node)))
}

fn name(head: &Head) -> Option<String> {
    let name = &head.name;
    let problems = names::problems(&head.kind, name).into_iter();
    let problems: Vec<String> = problems.map(|problem| format!("metadata.name: Invalid value: {name:?}: {problem}")).collect();
    let all = match problems.as_slice() {
        [] => return None,
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    };
    Some(format!("object name does not conform to Kubernetes naming requirements: {name:?}: {all}"))
}

fn keeps_an_item(list: &Node) -> bool {
    let annotation = |item: &Node| item.get("metadata")?.get("annotations")?.get("helm.sh/resource-policy").map(drop);
    list.get("items").and_then(Node::as_sequence).is_some_and(|items| items.iter().any(|item| annotation(item).is_some()))
}
