//! The data that templates see.
//!
//! Each chart has one context map, shared by its templates: `.Values` of a subchart is the parent's `.Values.<name>`, so that `set` in
//! one file is visible in the files after it.

use std::sync::Arc;

use serde_json::Value as Json;

use super::capabilities::Capabilities;
use super::input::{Operation, RenderInput};
use crate::chart::compat::HelmCompat;
use crate::chart::files::model::{Chart, Dependency, Metadata, Values};
use crate::file_tree::bytes_of_text;
use crate::template::call::ObjectType;
use crate::template::value::{Elem, Entries, Kind, List, Map, MapType, Object, Str, Value};

/// Go's name of the type of `.Files`.
pub const FILES: &str = "engine.files";

/// A file of templates with the data that it sees.
pub struct Template<'c> {
    /// `chart/templates/web.yaml`.
    pub path: String,
    /// Its text, of any bytes.
    pub text: &'c [u8],
    /// `chart/templates`.
    pub base_path: String,
    /// Whether it is one of Jinja.
    pub is_jinja: bool,
    context: Map,
    values_type: MapType,
}

impl Template<'_> {
    /// What `.` is in it.
    pub fn data(&self) -> Value {
        let about = [("Name", self.path.as_str()), ("BasePath", self.base_path.as_str())];
        let about = about.into_iter().map(|(key, path)| (key.into(), Value::String(name(path)))).collect();
        self.context.insert("Template", Map::with_type(about, self.values_type));
        Value::Map(self.context.clone())
    }

    /// Whether it only lends definitions to others.
    pub fn is_partial(&self) -> bool {
        is_partial(&self.path)
    }
}

/// Whether a path of templates is of a file that gives no text.
pub fn is_partial(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('_'))
}

/// `.Values` of the chart.
pub fn root(values: &Values, compat: HelmCompat) -> Map {
    match Value::from_chart_values(&Json::Object(values.clone())) {
        Value::Map(map) => map.retyped(values_type(compat)),
        _ => Map::with_type(Entries::new(), values_type(compat)),
    }
}

fn values_type(compat: HelmCompat) -> MapType {
    match compat {
        HelmCompat::Three => MapType::VALUES,
        HelmCompat::Four => MapType::VALUES_4,
    }
}

/// Every file of templates of a chart and its subcharts, over these values.
pub fn templates<'c>(chart: &'c Chart, values: Map, input: &RenderInput<'_>) -> Vec<Template<'c>> {
    let compat = input.options.compat;
    let capabilities = capabilities(input.capabilities, compat);
    let shared = Shared { release: release(input), capabilities, compat, values_type: values_type(compat) };
    let mut found = Vec::new();
    collect(chart, chart.name(), Scope::Root, values, &shared, &mut found);
    found
}

struct Shared {
    release: Value,
    capabilities: Value,
    compat: HelmCompat,
    values_type: MapType,
}

#[derive(Clone, Copy, PartialEq)]
enum Scope {
    Root,
    Subchart,
}

/// Makes a chart's context and lists its templates with it; gives the context, for the parent's `.Subcharts`.
fn collect<'c>(chart: &'c Chart, path: &str, scope: Scope, values: Map, shared: &Shared, out: &mut Vec<Template<'c>>) -> Map {
    let subcharts = Map::new();
    let chart_data = ChartData { metadata: chart.metadata.clone(), is_root: scope == Scope::Root };
    let chart_data = match shared.compat {
        HelmCompat::Three => Value::from(Arc::new(chart_data)),
        HelmCompat::Four => chart_data.into_map(),
    };
    let files = chart.files.iter().map(|file| (name(&file.name), Value::Bytes(file.data.clone()))).collect();
    let context: Map = [
        ("Chart", chart_data),
        ("Files", Value::Map(Map::with_type(files, MapType::Named { name: FILES, elem: Elem::Bytes }))),
        ("Release", shared.release.clone()),
        ("Capabilities", shared.capabilities.clone()),
        ("Values", Value::Map(values.clone())),
        ("Subcharts", Value::Map(subcharts.clone())),
    ]
    .into_iter()
    .collect();
    let context = context.retyped(shared.values_type);
    for subchart in &chart.dependencies {
        let name = subchart.name();
        let part = match values.get(name) {
            Some(Value::Map(part)) => part.retyped(shared.values_type),
            _ => Map::with_type(Entries::new(), shared.values_type),
        };
        let inner = collect(subchart, &format!("{path}/charts/{name}"), Scope::Subchart, part, shared, out);
        subcharts.insert(name, inner.retyped(MapType::Any));
    }
    let base_path = format!("{path}/templates");
    for file in &chart.templates {
        if !chart.is_library() || is_partial(&file.name) {
            let path = format!("{path}/{}", file.name);
            let is_jinja = chart.is_jinja_file(file);
            let (base_path, context) = (base_path.clone(), context.clone());
            out.push(Template { path, text: &file.data, base_path, is_jinja, context, values_type: shared.values_type });
        }
    }
    context
}

/// The bytes that a path stands for.
fn name(path: &str) -> Str {
    Str::from_slice(&bytes_of_text(path))
}

fn release(input: &RenderInput<'_>) -> Value {
    let release = &input.release;
    let entries = [
        ("Name", Value::from(release.name.as_str())),
        ("Namespace", Value::from(release.namespace.as_str())),
        ("IsUpgrade", Value::from(release.operation == Operation::Upgrade)),
        ("IsInstall", Value::from(release.operation == Operation::Install)),
        ("Revision", Value::int(i64::from(release.revision))),
        ("Service", Value::from("Helm")),
    ];
    Value::Map(entries.into_iter().collect())
}

/// The Go that the helms which are followed are built with.
const GO_VERSION: &str = "go1.26.8";

fn capabilities(capabilities: &Capabilities, compat: HelmCompat) -> Value {
    let (kube_type, all_type, helm_version) = match compat {
        HelmCompat::Three => ("chartutil.KubeVersion", "*chartutil.Capabilities", "v3.22.0"),
        HelmCompat::Four => ("common.KubeVersion", "*common.Capabilities", "v4.3.1"),
    };
    let (major, minor) = capabilities.major_minor();
    let kube = |name: &str| Value::from(name);
    let kube_version = Struct {
        type_name: kube_type,
        kind: Kind::Struct,
        text: Some(capabilities.compared_version(compat).to_owned()),
        fields: vec![("Version", kube(&capabilities.kube_version)), ("Major", kube(major)), ("Minor", kube(minor))],
    };
    let helm_version = Struct {
        type_name: "version.BuildInfo",
        kind: Kind::Struct,
        text: None,
        fields: [("Version", helm_version), ("GitCommit", ""), ("GitTreeState", ""), ("GoVersion", GO_VERSION)]
            .into_iter()
            .chain((compat == HelmCompat::Four).then_some(("KubeClientVersion", "v1.37")))
            .map(|(name, text)| (name, kube(text)))
            .collect(),
    };
    let versions = capabilities.api_versions.iter().map(|version| Arc::from(version.as_str())).collect();
    let versions = match compat {
        HelmCompat::Three => Value::from(Arc::new(VersionSet(versions))),
        HelmCompat::Four => Value::from(Arc::new(VersionSet4(VersionSet(versions)))),
    };
    Value::from(Arc::new(Struct {
        type_name: all_type,
        kind: Kind::Ptr,
        text: None,
        fields: vec![
            ("KubeVersion", Value::from(Arc::new(kube_version))),
            ("APIVersions", versions),
            ("HelmVersion", Value::from(Arc::new(helm_version))),
        ],
    }))
}

/// A Go struct, or a pointer to one, with its exported fields in order.
#[derive(Debug)]
struct Struct {
    type_name: &'static str,
    kind: Kind,
    /// What its `String` method gives, where it has one.
    text: Option<String>,
    fields: Vec<(&'static str, Value)>,
}

impl Object for Struct {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.clone())
    }

    fn text(&self) -> String {
        let text =
            || format!("{{{}}}", self.fields.iter().map(|(_, value)| value.to_text().letters().into_owned()).collect::<Vec<_>>().join(" "));
        let reference = if self.kind == Kind::Ptr { "&" } else { "" };
        self.text.clone().unwrap_or_else(|| format!("{reference}{}", text()))
    }

    fn members(&self) -> Option<Vec<(Str, Value)>> {
        let always = match self.type_name {
            "*chart.Dependency" => &["Name", "Repository"][..],
            "*chart.Maintainer" | "version.BuildInfo" => &[],
            _ => return Some(self.fields.iter().map(|(field, value)| ((*field).into(), value.clone())).collect()),
        };
        let name = |field: &str| match field {
            "GitCommit" => "git_commit".to_owned(),
            "GitTreeState" => "git_tree_state".to_owned(),
            "GoVersion" => "go_version".to_owned(),
            "KubeClientVersion" => "kube_client_version".to_owned(),
            "ImportValues" => "import-values".to_owned(),
            field => field.to_lowercase(),
        };
        let kept = self.fields.iter().filter(|(field, value)| always.contains(field) || value.truth());
        Some(kept.map(|(field, value)| (name(field).into(), value.clone())).collect())
    }
}

/// `.Capabilities.APIVersions`.
#[derive(Debug)]
pub struct VersionSet(Vec<Arc<str>>);

impl VersionSet {
    /// Whether it holds an API version.
    pub fn has(&self, version: &str) -> bool {
        self.0.iter().any(|known| **known == *version)
    }
}

impl ObjectType for VersionSet {
    const NAME: &'static str = "chartutil.VersionSet";
}

impl Object for VersionSet {
    fn type_name(&self) -> &'static str {
        Self::NAME
    }

    fn kind(&self) -> Kind {
        Kind::Slice
    }

    fn text(&self) -> String {
        format!("[{}]", self.0.join(" "))
    }

    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        Some(self.0.iter().enumerate().map(|(at, version)| (Value::int(at as i64), Value::from(version.clone()))).collect())
    }

    fn to_plain(&self) -> Value {
        Value::List(List::strings(self.0.iter().cloned()))
    }
}

/// The same of Helm 4.
#[derive(Debug)]
pub struct VersionSet4(pub VersionSet);

impl ObjectType for VersionSet4 {
    const NAME: &'static str = "common.VersionSet";
}

impl Object for VersionSet4 {
    fn type_name(&self) -> &'static str {
        Self::NAME
    }

    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn text(&self) -> String {
        self.0.text()
    }

    fn entries(&self) -> Option<Vec<(Value, Value)>> {
        self.0.entries()
    }

    fn to_plain(&self) -> Value {
        self.0.to_plain()
    }
}

/// `.Chart`: Helm 3's struct of Chart.yaml's fields, capitalised.
#[derive(Debug)]
struct ChartData {
    metadata: Metadata,
    is_root: bool,
}

impl ChartData {
    /// Helm 4's shape: maps and plain lists all the way down.
    fn into_map(self) -> Value {
        let fields = FIELDS.iter().chain(&["IsRoot"]);
        Value::Map(fields.filter_map(|name| Some((*name, plain(self.field(name)?)))).collect())
    }
}

/// A list as Helm 4 has it in `.Chart`: untyped, with maps for maintainers and dependencies. Other values as they are.
fn plain(value: Value) -> Value {
    const FIELDS: [&str; 10] = ["Name", "Email", "URL", "Version", "Repository", "Condition", "Tags", "Enabled", "ImportValues", "Alias"];
    let item = |item: &Value| match item {
        Value::Object(object) => Value::Map(FIELDS.iter().filter_map(|name| Some((*name, plain(object.field(name)?)))).collect()),
        other => other.clone(),
    };
    match value {
        Value::List(list) => Value::List(List::new(list.items().iter().map(item).collect(), Elem::Any)),
        other => other,
    }
}

const FIELDS: [&str; 17] = [
    "Name",
    "Home",
    "Sources",
    "Version",
    "Description",
    "Keywords",
    "Maintainers",
    "Icon",
    "APIVersion",
    "Condition",
    "Tags",
    "AppVersion",
    "Deprecated",
    "Annotations",
    "KubeVersion",
    "Dependencies",
    "Type",
];

impl Object for ChartData {
    fn type_name(&self) -> &'static str {
        "struct { chart.Metadata; IsRoot bool }"
    }

    fn field(&self, name: &str) -> Option<Value> {
        let metadata = &self.metadata;
        let text = |text: &str| Value::from(text);
        // what Chart.yaml leaves out is nil
        let nil_if_empty = |list: List| if list.items().is_empty() { List::nil(list.elem()) } else { list };
        let texts = |items: &[String]| Value::List(nil_if_empty(List::strings(items.iter().map(String::as_str))));
        Some(match name {
            "Name" => text(&metadata.name),
            "Home" => text(&metadata.home),
            "Sources" => texts(&metadata.sources),
            "Version" => text(&metadata.version),
            "Description" => text(&metadata.description),
            "Keywords" => texts(&metadata.keywords),
            "Maintainers" => {
                let people = metadata.maintainers.iter().map(|one| {
                    let fields = vec![("Name", text(&one.name)), ("Email", text(&one.email)), ("URL", text(&one.url))];
                    Value::from(Arc::new(Struct { type_name: "*chart.Maintainer", kind: Kind::Ptr, text: None, fields }))
                });
                Value::List(nil_if_empty(List::new(people.collect(), Elem::Named("*chart.Maintainer"))))
            }
            "Icon" => text(&metadata.icon),
            "APIVersion" => text(&metadata.api_version),
            "Condition" => text(&metadata.condition),
            "Tags" => text(&metadata.tags),
            "AppVersion" => text(&metadata.app_version),
            "Deprecated" => Value::from(metadata.deprecated),
            "Annotations" => {
                let entries =
                    metadata.annotations.iter().map(|(key, value)| (key.as_str().into(), text(value.as_str().unwrap_or_default())));
                let map_type = if metadata.annotations.is_empty() { MapType::NilString } else { MapType::String };
                Value::Map(Map::with_type(entries.collect(), map_type))
            }
            "KubeVersion" => text(&metadata.kube_version),
            "Dependencies" => {
                let list = metadata.dependencies.iter().map(dependency).collect();
                Value::List(nil_if_empty(List::new(list, Elem::Named("*chart.Dependency"))))
            }
            "Type" => text(&metadata.kind),
            "IsRoot" => Value::from(self.is_root),
            _ => return None,
        })
    }

    fn text(&self) -> String {
        let fields = FIELDS.iter().filter_map(|name| self.field(name)).map(|value| value.to_text().letters().into_owned());
        let fields: Vec<String> = fields.collect();
        format!("{{{{{}}} {}}}", fields.join(" "), self.is_root)
    }

    fn members(&self) -> Option<Vec<(Str, Value)>> {
        let name = |field: &str| match field {
            "APIVersion" => "apiVersion".to_owned(),
            field => field[..1].to_lowercase() + &field[1..],
        };
        let fields = FIELDS.iter().filter_map(|field| Some((name(field).into(), self.field(field).filter(Value::truth)?)));
        Some(fields.chain([("IsRoot".into(), Value::from(self.is_root))]).collect())
    }
}

fn dependency(dependency: &Dependency) -> Value {
    let rules = Value::from_json(&Json::Array(dependency.import_values.clone()));
    let fields = vec![
        ("Name", Value::from(dependency.name.as_str())),
        ("Version", Value::from(dependency.version.as_str())),
        ("Repository", Value::from(dependency.repository.as_str())),
        ("Condition", Value::from(dependency.condition.as_str())),
        ("Tags", Value::List(List::strings(dependency.tags.iter().map(String::as_str)))),
        ("Enabled", Value::from(dependency.enabled)),
        ("ImportValues", rules),
        ("Alias", Value::from(dependency.alias.as_str())),
    ];
    Value::from(Arc::new(Struct { type_name: "*chart.Dependency", kind: Kind::Ptr, text: None, fields }))
}
