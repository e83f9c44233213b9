//! What is known of kinds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::deploy::resource::GroupVersionKind;

/// The schemas of kinds, each within the document that it refers to.
#[derive(Debug, Default)]
pub struct Schemas {
    documents: Vec<Value>,
    kinds: BTreeMap<GroupVersionKind, Place>,
}

/// Where the schema of a kind is.
#[derive(Clone, Debug)]
struct Place {
    document: usize,
    pointer: String,
    is_open: bool,
    is_builtin: bool,
}

/// The schema of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema<'s> {
    /// The schema itself.
    pub root: &'s Value,
    /// What its references lead into.
    pub document: &'s Value,
    /// Fields that nobody declared are kept.
    pub is_open: bool,
    /// It is a type of Kubernetes itself.
    pub is_builtin: bool,
}

impl Schemas {
    /// Takes the kinds of an OpenAPI document, version 3 or 2. Kinds that are known already stay as they are. Says whether it is one.
    pub fn add_document(&mut self, document: Value) -> bool {
        let (place, schemas) = match (&document["components"]["schemas"], &document["definitions"]) {
            (Value::Object(schemas), _) => ("/components/schemas", schemas),
            (_, Value::Object(schemas)) if document["swagger"].is_string() => ("/definitions", schemas),
            _ => return false,
        };
        let number = self.documents.len();
        for (name, schema) in schemas {
            // options and events of all groups list many kinds, and are no objects of any
            if let [only] = kinds_of(schema).as_slice() {
                let pointer = format!("{place}/{}", escaped(name));
                let is_builtin = name.starts_with("io.k8s.");
                self.kinds.entry(only.clone()).or_insert(Place { document: number, pointer, is_open: false, is_builtin });
            }
        }
        self.documents.push(document);
        true
    }

    /// Takes a JSON schema of one kind.
    pub fn add_schema(&mut self, kind: GroupVersionKind, schema: Value) {
        self.put(kind, schema, false, true);
    }

    /// Takes the kinds that a CustomResourceDefinition brings, in place of what is known of them. Any other object brings none.
    pub fn add_definition(&mut self, object: &Value) {
        let spec = &object["spec"];
        let (Some(group), Some(kind), "CustomResourceDefinition") =
            (spec["group"].as_str(), spec["names"]["kind"].as_str(), object["kind"].as_str().unwrap_or_default())
        else {
            return;
        };
        let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let old = json!({ "name": spec["version"], "schema": spec["validation"] });
        for version in versions.iter().chain((versions.is_empty()).then_some(&old)) {
            let Some(name) = version["name"].as_str() else { continue };
            let own = [&version["schema"]["openAPIV3Schema"], &spec["validation"]["openAPIV3Schema"]];
            let schema = own.into_iter().find(|schema| schema.is_object());
            let is_open = schema.is_none() || spec["preserveUnknownFields"] == true;
            let kind = GroupVersionKind { group: group.into(), version: name.into(), kind: kind.into() };
            self.put(kind, with_object_fields(schema), is_open, false);
        }
    }

    fn put(&mut self, kind: GroupVersionKind, schema: Value, is_open: bool, is_builtin: bool) {
        self.kinds.insert(kind, Place { document: self.documents.len(), pointer: String::new(), is_open, is_builtin });
        self.documents.push(schema);
    }

    /// Whether a kind is known.
    pub fn has(&self, kind: &GroupVersionKind) -> bool {
        self.kinds.contains_key(kind)
    }

    /// Every known kind.
    pub fn kinds(&self) -> impl Iterator<Item = &GroupVersionKind> {
        self.kinds.keys()
    }

    pub(super) fn get(&self, kind: &GroupVersionKind) -> Option<Schema<'_>> {
        let place = self.kinds.get(kind)?;
        let document = self.documents.get(place.document)?;
        Some(Schema { root: document.pointer(&place.pointer)?, document, is_open: place.is_open, is_builtin: place.is_builtin })
    }
}

/// The kinds that a schema says it is for.
pub fn kinds_of(schema: &Value) -> Vec<GroupVersionKind> {
    let list = schema["x-kubernetes-group-version-kind"].as_array().map(Vec::as_slice).unwrap_or_default();
    let kind = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        Some(GroupVersionKind { group: text("group")?, version: text("version")?, kind: text("kind")? })
    };
    list.iter().filter_map(kind).collect()
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The schema of a custom resource with the fields that every object has, which definitions need not declare.
fn with_object_fields(schema: Option<&Value>) -> Value {
    let mut schema = schema.cloned().unwrap_or_else(|| json!({ "type": "object" }));
    let Some(root) = schema.as_object_mut() else { return schema };
    let properties = root.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    if let Some(properties) = properties.as_object_mut() {
        properties.entry("apiVersion").or_insert_with(|| json!({ "type": "string" }));
        properties.entry("kind").or_insert_with(|| json!({ "type": "string" }));
        properties.insert("metadata".into(), metadata());
    }
    schema
}

/// What `metadata` may hold (ObjectMeta of meta/v1).
fn metadata() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "object", "additionalProperties": text });
    let number = json!({ "type": "integer", "format": "int64" });
    let owner = json!({
        "type": "object",
        "required": ["apiVersion", "kind", "name", "uid"],
        "properties": {
            "apiVersion": text, "kind": text, "name": text, "uid": text,
            "blockOwnerDeletion": { "type": "boolean" }, "controller": { "type": "boolean" },
        },
    });
    json!({
        "type": "object",
        "properties": {
            "annotations": texts, "labels": texts,
            "creationTimestamp": text, "deletionTimestamp": text, "deletionGracePeriodSeconds": number,
            "finalizers": { "type": "array", "items": text },
            "generateName": text, "name": text, "namespace": text, "resourceVersion": text, "selfLink": text, "uid": text,
            "generation": number,
            "managedFields": { "type": "array", "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            "ownerReferences": { "type": "array", "items": owner },
        },
    })
}
