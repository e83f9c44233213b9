//! Schemas of the disk, for `--validate-schemas DIR`: what an API server or others have written down.
//!
//! - OpenAPI documents, version 3 or 2: `kubectl get --raw /openapi/v3/apis/apps/v1 > apps-v1.json`
//! - JSON schemas of single kinds under kubeconform's names: `deployment-apps-v1.json`, and below a directory for each group
//!   `monitoring.coreos.com/servicemonitor_v1.json`. They must be standalone: references into other files are not followed.
//! - CustomResourceDefinitions in `.yaml` and `.yml`

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use super::files::Unreadable;
use crate::deploy::resource::GroupVersionKind;
use crate::deploy::schema::Schemas;
use crate::error::Result;
use crate::yaml::{self, YamlError};

/// Takes the schemas of these kinds from directories, the first that has a kind wins, and all that is written in documents.
pub fn add(schemas: &mut Schemas, dirs: &[PathBuf], kinds: &BTreeSet<GroupVersionKind>) -> Result<()> {
    for dir in dirs {
        let names = names_in(dir)?;
        for kind in kinds {
            // files of other versions tell what there is instead
            let prefix = format!("{}-", kind.kind.to_lowercase());
            let single = names.iter().filter(|name| name.starts_with(&prefix) && name.ends_with(".json"));
            for name in single.map(PathBuf::from).chain([in_group(kind)]) {
                let Some(schema) = read_json(&dir.join(&name))? else { continue };
                let fits = |own: &GroupVersionKind| file_names(own).iter().any(|known| Path::new(known) == name);
                let own = schema_kinds(&schema).into_iter().next().or_else(|| (fits(kind) || name == in_group(kind)).then(|| kind.clone()));
                if let Some(own) = own.filter(|own| !schemas.has(own)) {
                    schemas.add_schema(own, schema);
                }
            }
        }
        for name in &names {
            let path = dir.join(name);
            if name.ends_with(".json") && is_document(&path)? {
                let document = read_json(&path)?.unwrap_or_default();
                schemas.add_document(document);
            }
            if name.ends_with(".yaml") || name.ends_with(".yml") {
                add_definitions(schemas, &path)?;
            }
        }
    }
    Ok(())
}

fn names_in(dir: &Path) -> Result<Vec<String>> {
    let unreadable = |cause| Unreadable { path: dir.to_owned(), cause };
    let entries = fs::read_dir(dir).map_err(unreadable)?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    names.sort();
    Ok(names)
}

/// `deployment-apps-v1.json`; of a group with dots the first part, as kubeconform has it, or the whole.
fn file_names(kind: &GroupVersionKind) -> Vec<String> {
    let (name, version) = (kind.kind.to_lowercase(), &kind.version);
    let short = kind.group.split('.').next().unwrap_or_default();
    match kind.group.as_str() {
        "" => vec![format!("{name}-{version}.json")],
        group => vec![format!("{name}-{short}-{version}.json"), format!("{name}-{group}-{version}.json")],
    }
}

/// `monitoring.coreos.com/servicemonitor_v1.json`.
fn in_group(kind: &GroupVersionKind) -> PathBuf {
    Path::new(&kind.group).join(format!("{}_{}.json", kind.kind.to_lowercase(), kind.version))
}

fn schema_kinds(schema: &Value) -> Vec<GroupVersionKind> {
    crate::deploy::schema::kinds_of(schema)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Unreadable { path: path.to_owned(), cause }.into()),
    }
}

fn read_json(path: &Path) -> Result<Option<Value>> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|cause| SchemaFileError::NoJson { path: path.to_owned(), cause }.into())
}

/// Whether a file begins as an OpenAPI document does; the others may be thousands.
fn is_document(path: &Path) -> Result<bool> {
    let unreadable = |cause| Unreadable { path: path.to_owned(), cause };
    let mut begin = Vec::new();
    fs::File::open(path).map_err(unreadable)?.take(256).read_to_end(&mut begin).map_err(unreadable)?;
    let begin = String::from_utf8_lossy(&begin);
    Ok(["\"openapi\"", "\"swagger\""].iter().any(|word| begin.contains(word)))
}

fn add_definitions(schemas: &mut Schemas, path: &Path) -> Result<()> {
    let text = String::from_utf8_lossy(&read(path)?.unwrap_or_default()).into_owned();
    if !text.contains("CustomResourceDefinition") {
        return Ok(());
    }
    let bad = |cause: YamlError| SchemaFileError::NoYaml { path: path.to_owned(), cause: cause.with_name(path.to_string_lossy()) };
    for document in yaml::parse_documents(&text).map_err(bad)? {
        schemas.add_definition(&yaml::to_json(&document).map_err(bad)?);
    }
    Ok(())
}

#[derive(Debug, Error, Diagnostic)]
enum SchemaFileError {
    #[error("{} is no JSON", .path.display())]
    #[diagnostic(help(
        "a directory of `--validate-schemas` holds OpenAPI documents and JSON schemas in `.json`, and definitions in `.yaml`"
    ))]
    NoJson {
        path: PathBuf,
        #[source]
        cause: serde_json::Error,
    },
    #[error("{} is no YAML", .path.display())]
    NoYaml {
        path: PathBuf,
        #[source]
        #[diagnostic_source]
        cause: YamlError,
    },
}
