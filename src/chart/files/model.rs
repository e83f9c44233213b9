//! What a chart is once its files are read.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::template::value::Str;

/// A table of values. Numbers that YAML wrote are floats, numbers of `--set` are integers: templates can tell the difference.
pub type Values = Map<String, Value>;

/// A chart and its subcharts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Chart.yaml, with the dependencies of requirements.yaml.
    pub metadata: Metadata,
    /// Chart.lock or requirements.lock, as read.
    pub lock: Option<Value>,
    /// The files below `templates/`.
    pub templates: Vec<File>,
    /// values.yaml.
    pub values: Arc<Values>,
    /// values.yaml as it is written.
    pub raw_values: Option<Arc<[u8]>>,
    /// secret-values.yaml, still encrypted.
    pub secret_values: Option<Arc<str>>,
    /// values.schema.json.
    pub schema: Option<Arc<[u8]>>,
    /// Every other file, what templates see as `.Files`.
    pub files: Vec<File>,
    /// The subcharts below `charts/`.
    pub dependencies: Vec<Chart>,
    /// Where the chart stands in the tree, for errors: `.helm`, `.helm/charts/redis`.
    pub path: Arc<str>,
}

impl Chart {
    /// Whether the chart or one below it has templates in Jinja, which Helm does not know.
    pub fn knows_jinja(&self) -> bool {
        self.is_jinja() || self.dependencies.iter().any(Chart::knows_jinja)
    }

    /// The chart's name, after an alias has renamed it.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The text of values.yaml.
    pub fn values_text(&self) -> Option<&str> {
        // what is no text was refused when the chart was loaded
        self.raw_values.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// Whether the chart only lends templates to others.
    pub fn is_library(&self) -> bool {
        self.metadata.kind.eq_ignore_ascii_case("library")
    }

    /// Whether the chart's `.j2` files are templates of Jinja: Chart.yaml has the annotation `werf.io/jinja: "true"`.
    pub fn is_jinja(&self) -> bool {
        self.metadata.annotations.get("werf.io/jinja").and_then(Value::as_str) == Some("true")
    }

    /// Whether a template of the chart is one of Jinja.
    pub fn is_jinja_file(&self, file: &File) -> bool {
        self.is_jinja() && file.name.ends_with(".j2")
    }

    /// Whether a template of the chart or of a subchart contains a word.
    pub fn mentions(&self, word: &str) -> bool {
        self.templates.iter().any(|file| file.shown().contains(word)) || self.dependencies.iter().any(|chart| chart.mentions(word))
    }
}

/// A file of a chart; its name is the path from the chart's directory.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// `/`-separated path from the chart's directory: the text that [stands for its bytes](crate::file_tree::text_of_bytes).
    pub name: Arc<str>,
    /// Content, without a byte order mark.
    pub data: Arc<[u8]>,
}

impl File {
    /// The content for people and for searches: bytes that are no UTF-8 are written as `\xff`.
    pub fn shown(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.data) {
            Ok(text) => text.into(),
            Err(_) => Str::from_slice(&self.data).shown().into_owned().into(),
        }
    }
}

/// Chart.yaml. Serialises as Helm stores it in release records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the field names are those of Chart.yaml")]
pub struct Metadata {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub home: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Maintainer>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tags: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub annotations: Map<String, Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
}

/// One of Chart.yaml's `maintainers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the field names are those of Chart.yaml")]
pub struct Maintainer {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// One of Chart.yaml's `dependencies`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Dependency {
    /// Name of the chart; its alias once dependencies are resolved.
    pub name: String,
    /// Version or range that the chart under `charts/` must satisfy.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Where the chart comes from.
    pub repository: String,
    /// Comma-separated value paths; the first that holds a boolean decides.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Names looked up in the root's `tags`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether conditions and tags leave it on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub enabled: bool,
    /// What the parent takes from the child: names below `exports`, or `{child, parent}` paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_values: Vec<Value>,
    /// What the parent gives to the child: `{parent, child}` paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub export_values: Vec<Value>,
    /// Another name for the chart here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
}
