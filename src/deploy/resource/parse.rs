//! From a rendered object to a checked resource.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::annotations;
use super::error::ResourceError;
use super::id::{GroupVersionKind, ResourceId};
use super::steering::{Action, Moment, Steering, When};
use crate::kinds::{self, Name, Row, Scope};

/// One object to deploy.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its identity. The namespace is decided for built-in kinds, and by discovery for others.
    pub id: ResourceId,
    /// The object as it will be applied, without the marks of the release.
    pub object: Value,
    /// The template that it came from, such as `app/templates/web.yaml`; may be empty.
    pub path: String,
    /// What its annotations say.
    pub steering: Steering,
    /// What was left out or changed, for the user to know.
    pub warnings: Vec<String>,
    /// The object as the revision before had it, where it had it: what leaves the chart shows in the difference.
    pub previous: Option<Arc<Value>>,
}

impl Resource {
    /// Whether the object is deployed only at certain moments around the release, and is none of its lasting objects.
    pub fn is_hook(&self) -> bool {
        self.steering.deploy_on.iter().all(|when| when.moment != Moment::Main || when.action == Action::Test)
    }

    /// The moments at which it is deployed when `action` is done to the release.
    pub fn moments(&self, action: Action) -> impl Iterator<Item = Moment> + '_ {
        self.steering.deploy_on.iter().filter(move |when: &&When| when.action == action).map(|when| when.moment)
    }

    /// Puts an object whose kind discovery knows into its namespace, or out of any.
    pub fn set_scope(&mut self, scope: Scope, default_namespace: &str) {
        match scope {
            Scope::Cluster => {
                self.id.namespace = None;
                if let Some(metadata) = self.object["metadata"].as_object_mut() {
                    metadata.remove("namespace");
                }
            }
            Scope::Namespaced => {
                let namespace = self.id.namespace.get_or_insert_with(|| default_namespace.to_owned());
                self.object["metadata"]["namespace"] = json!(namespace);
            }
        }
    }
}

/// The items of a `List`, lists inside lists included; any other object alone.
pub fn expand(object: Value) -> Vec<Value> {
    let is_list = object["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && object["items"].is_array();
    if !is_list {
        return vec![object];
    }
    match object {
        Value::Object(mut map) => match map.remove("items") {
            Some(Value::Array(items)) => items.into_iter().flat_map(expand).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Checks a rendered object and reads its annotations. Empty documents give nothing; every problem of the object is reported.
pub fn parse(object: Value, path: &str, default_namespace: &str) -> Result<Vec<Resource>, Vec<ResourceError>> {
    let mut resources = Vec::new();
    let mut errors = Vec::new();
    for object in expand(object) {
        if object.is_null() || object.as_object().is_some_and(|map| map.is_empty()) {
            continue;
        }
        match parse_one(object, path, default_namespace) {
            Ok(resource) => resources.push(resource),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(resources) } else { Err(errors) }
}

fn parse_one(mut object: Value, path: &str, default_namespace: &str) -> Result<Resource, Vec<ResourceError>> {
    let seen = match (object["kind"].as_str(), object["metadata"]["name"].as_str()) {
        (Some(kind), Some(name)) => format!("{kind}/{name}"),
        (Some(kind), None) => format!("a {kind}"),
        (None, Some(name)) => format!("`{name}`"),
        (None, None) => String::new(),
    };
    if !object.is_object() {
        return Err(vec![ResourceError::WrongType {
            path: path.into(),
            field: "the document".into(),
            seen: "a manifest".into(),
            wanted: "a mapping",
            found: describe(&object),
        }]);
    }
    let field = |value: &Value, name: &'static str| match value {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::Null | Value::String(_) => Err(ResourceError::MissingField { path: path.into(), field: name, seen: seen.clone() }),
        other => Err(ResourceError::WrongType {
            path: path.into(),
            field: name.into(),
            seen: if seen.is_empty() { "a manifest".into() } else { seen.clone() },
            wanted: "a string",
            found: describe(other),
        }),
    };
    let (api_version, kind, name) =
        (field(&object["apiVersion"], "apiVersion"), field(&object["kind"], "kind"), field(&object["metadata"]["name"], "metadata.name"));
    let namespace = match &object["metadata"]["namespace"] {
        Value::Null => Ok(String::new()),
        Value::String(text) if text.is_empty() => Ok(String::new()),
        value => field(value, "metadata.namespace"),
    };
    let (api_version, kind, name, namespace) = match (api_version, kind, name, namespace) {
        (Ok(api_version), Ok(kind), Ok(name), Ok(namespace)) => (api_version, kind, name, namespace),
        (a, b, c, d) => return Err([a.err(), b.err(), c.err(), d.err()].into_iter().flatten().collect()),
    };
    let gvk = GroupVersionKind::new(&api_version, &kind);
    check_name(kinds::kind(&gvk.group, &kind), &kind, &name, path).map_err(|error| vec![error])?;

    let scope = kinds::served(&gvk.group, &gvk.version, &gvk.kind).map(|row| row.scope);
    let id = ResourceId { gvk, namespace: (!namespace.is_empty()).then_some(namespace), name };
    let mut warnings = Vec::new();
    clean(&mut object, &id, &mut warnings);
    check_labels(&object, &id, path)?;
    fold_string_data(&mut object, &id, path)?;
    let steering = annotations::read(&object, &id, path)?;
    let mut resource = Resource { id, object, path: path.into(), steering, warnings, previous: None };
    if let Some(scope) = scope {
        resource.set_scope(scope, default_namespace);
    }
    Ok(resource)
}

/// Drops what only a server may write, and annotations that are no text.
fn clean(object: &mut Value, id: &ResourceId, warnings: &mut Vec<String>) {
    if let Some(root) = object.as_object_mut() {
        root.remove("status");
    }
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    for field in ["creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink"] {
        metadata.remove(field);
    }
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.retain(|name, value| {
            if !value.is_string() {
                warnings.push(format!("annotation `{name}` of {id} is left out: its value must be a string, it is {}", describe(value)));
            }
            value.is_string()
        });
    }
    for map in ["annotations", "labels"] {
        if metadata.get(map).is_some_and(|value| value.is_null() || value.as_object().is_some_and(|map| map.is_empty())) {
            metadata.remove(map);
        }
    }
}

fn check_labels(object: &Value, id: &ResourceId, path: &str) -> Result<(), Vec<ResourceError>> {
    let mut errors = Vec::new();
    let mut check = |map: &Value, place: &str| {
        for (name, value) in map.as_object().into_iter().flatten().filter(|(_, value)| !value.is_string()) {
            errors.push(ResourceError::WrongType {
                path: path.into(),
                field: format!("{place}.{name}"),
                seen: id.to_string(),
                wanted: "a string",
                found: describe(value),
            });
        }
    };
    check(&object["metadata"]["labels"], "metadata.labels");
    check(&object["spec"]["template"]["metadata"]["labels"], "spec.template.metadata.labels");
    check(&object["spec"]["selector"]["matchLabels"], "spec.selector.matchLabels");
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Kubernetes writes `stringData` into `data` and forgets it; doing so beforehand keeps live and desired state comparable.
fn fold_string_data(object: &mut Value, id: &ResourceId, path: &str) -> Result<(), Vec<ResourceError>> {
    if !id.is("", "Secret") {
        return Ok(());
    }
    let wrong = |field: String, wanted: &'static str, found: &Value| ResourceError::WrongType {
        path: path.into(),
        field,
        seen: id.to_string(),
        wanted,
        // Values of a Secret are printed nowhere.
        found: type_of(found).into(),
    };
    let plain = match object.as_object_mut().and_then(|root| root.remove("stringData")) {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(plain)) => plain,
        Some(other) => return Err(vec![wrong("stringData".into(), "a mapping", &other)]),
    };
    match &object["data"] {
        Value::Null => object["data"] = json!({}),
        Value::Object(_) => {}
        other => return Err(vec![wrong("data".into(), "a mapping", other)]),
    }
    let mut errors = Vec::new();
    for (key, value) in plain {
        match &value {
            Value::String(text) => object["data"][key] = json!(STANDARD.encode(text)),
            // The API server reads null as an empty text.
            Value::Null => object["data"][key] = json!(""),
            other => errors.push(wrong(format!("stringData.{key}"), "a string", other)),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Names as the API server checks them: RFC 1123 subdomains, and path segments for the kinds of RBAC.
fn check_name(row: &Row, kind: &str, name: &str, path: &str) -> Result<(), ResourceError> {
    let bad = |reason| Err(ResourceError::BadName { path: path.into(), kind: kind.into(), name: name.into(), reason });
    let Name::Dns(limit) = row.name else {
        return if name == "." || name == ".." || name.contains(['/', '%']) {
            bad("it may not be `.` or `..` or contain `/` or `%`")
        } else {
            Ok(())
        };
    };
    if name.len() > limit {
        return bad(if limit == 63 { "it is longer than 63 characters" } else { "it is longer than 253 characters" });
    }
    let ends = |c: char| c.is_ascii_alphanumeric();
    // Custom resources may allow more than the built-in kinds; upper case and colons are left to the server.
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_')) {
        return bad("only letters, digits, `-` and `.` are allowed");
    }
    if !name.starts_with(ends) || !name.ends_with(ends) {
        return bad("it must begin and end with a letter or a digit");
    }
    Ok(())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(text) => format!("the string \"{text}\""),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a mapping".into(),
    }
}
