//! The data that templates see, and their execution.
//!
//! Each chart has one context map, shared by its templates: `.Values` of a subchart is the parent's `.Values.<name>`, so that `set` in
//! one file is visible in the files after it. Templates run deepest path first, then in reverse alphabetical order, as in Helm.

use std::sync::Arc;

use serde_json::Value as Json;

use super::capabilities::Capabilities;
use super::compat::HelmCompat;
use super::error::{ManifestError, RenderError};
use super::functions::{self, DebugLog};
use super::model::{Chart, Dependency, Metadata, Values};
use super::origin::ValueOrigins;
use super::render::{Operation, RenderInput};
use super::side_by_side;
use crate::template::call::ObjectType;
use crate::template::value::{Elem, Entries, Kind, List, Map, MapType, Object, Value};
use crate::template::{Failure, JinjaFile, Options, Origins, ParseError, Templates, Trace};

/// Go's name of the type of `.Files`.
pub const FILES: &str = "engine.files";

/// Bytes that all files of a chart may have together when they are rendered.
const MAX_OUTPUT: usize = 256 << 20;

/// A rendered file of templates.
#[derive(Clone, Debug)]
pub struct Output {
    /// `chart/templates/web.yaml`.
    pub path: String,
    /// Its text.
    pub text: String,
}

struct Template<'c> {
    path: String,
    text: std::borrow::Cow<'c, str>,
    context: Map,
    base_path: String,
    is_jinja: bool,
}

/// Executes every template of a chart and its subcharts; the results are sorted by path. Texts of debug functions go to `debug`.
///
/// Files that do not parse are told of together; so are templates that fail, where none changes what the others see.
pub fn execute(chart: &Chart, values: &Values, input: &RenderInput<'_>, debug: Option<DebugLog>) -> Result<Vec<Output>, RenderError> {
    let scene = Scene::new(chart, values, input, debug)?;
    let mut outputs = Vec::new();
    let (mut problems, mut broken) = (Vec::new(), Vec::new());
    let (mut places, mut total) = (Vec::new(), 0);
    for template in scene.executed() {
        match scene.templates.execute(&template.path, &scene.data(template), input.host) {
            Ok(text) => {
                total += text.len();
                if total > MAX_OUTPUT {
                    return Err(RenderError::TooLarge { chart: chart.name().to_owned(), limit: MAX_OUTPUT });
                }
                outputs.push(Output { path: template.path.clone(), text });
            }
            Err(error) => {
                broken.push(Output { path: template.path.clone(), text: error.partial().to_owned() });
                let place = error.places().last().map(|place| place.location());
                if place.is_none() || !places.contains(&place) {
                    problems.push(RenderError::Execute(Box::new(Failure::new(*error, &scene.origins))));
                    places.push(place);
                }
                if CHANGES.iter().any(|word| chart.mentions(word)) {
                    break;
                }
            }
        }
    }
    outputs.sort_by(|a, b| a.path.cmp(&b.path));
    if problems.is_empty() {
        return Ok(outputs);
    }
    input.options.keep(outputs.iter().chain(&broken));
    Err(RenderError::together(problems))
}

/// Functions that change values which other templates see: after the first failure nobody knows what they would have done.
const CHANGES: [&str; 6] = ["set .", "set $", "set (", "set(", "merge", "Merge"];

/// Points documents that are no YAML at the lines of the templates that wrote them, by executing the templates once more.
pub fn locate(errors: &mut [ManifestError], chart: &Chart, values: &Values, input: &RenderInput<'_>) {
    let Ok(scene) = Scene::new(chart, values, input, None) else { return };
    for template in scene.executed() {
        let data = scene.data(template);
        let mut own = errors.iter_mut().filter(|error| error.path == template.path).peekable();
        if own.peek().is_none() {
            let _ = scene.templates.execute(&template.path, &data, input.host);
            continue;
        }
        let Ok((text, trace)) = scene.templates.execute_traced(&template.path, &data, input.host) else { continue };
        // random functions may give another text, which still has the same lines
        for error in own.filter(|error| error.file_length == text.len()) {
            error.point_at(&trace.writers(&text, error.visible_offset(&text)), &scene.origins);
        }
    }
}

/// The same as [`execute`], with what wrote what; slower. Wanted by linting alone.
pub fn execute_traced(chart: &Chart, values: &Values, input: &RenderInput<'_>) -> Result<Vec<(Output, Trace)>, RenderError> {
    let scene = Scene::new(chart, values, input, None)?;
    let traced = |template: &Template<'_>| match scene.templates.execute_traced(&template.path, &scene.data(template), input.host) {
        Ok((text, trace)) => Ok((Output { path: template.path.clone(), text }, trace)),
        Err(error) => Err(RenderError::Execute(Box::new(Failure::new(*error, &scene.origins)))),
    };
    scene.executed().map(traced).collect()
}

/// Parsed templates with the data that they see.
struct Scene<'c> {
    templates: Templates,
    found: Vec<Template<'c>>,
    origins: ValueOrigins<'c>,
    values_type: MapType,
}

impl<'c> Scene<'c> {
    fn new(chart: &'c Chart, values: &Values, input: &RenderInput<'c>, debug: Option<DebugLog>) -> Result<Self, RenderError> {
        let compat = input.options.compat;
        let values_type = match compat {
            HelmCompat::Three => MapType::VALUES,
            HelmCompat::Four => MapType::VALUES_4,
        };
        let mut table = functions::table(chart, input.service, &input.values.secret_key, debug);
        if input.options.lint {
            functions::lenient(&mut table);
        }
        let root = match Value::from_json_keeping_integers(&Json::Object(values.clone())) {
            Value::Map(map) => map.retyped(values_type),
            _ => Map::with_type(Entries::new(), values_type),
        };
        let shared = Shared { release: release(input), capabilities: capabilities(input.capabilities, compat), compat, values_type };
        let origins = ValueOrigins { chart, layers: input.values, values: root.clone() };
        let mut found = Vec::new();
        collect(chart, chart.name(), Scope::Root, root, &shared, &mut found);
        let depth = |path: &str| path.bytes().filter(|byte| *byte == b'/').count();
        found.sort_by(|a, b| depth(&b.path).cmp(&depth(&a.path)).then_with(|| b.path.cmp(&a.path)));

        let mut templates = Templates::new(Arc::new(table), Options::helm());
        let mut problems = Vec::new();
        let mut wrong = |cause: ParseError| {
            let path = origins.path(cause.file());
            problems.push(RenderError::Parse(Box::new(cause.named(path))));
        };
        let go: Vec<&Template<'_>> = found.iter().filter(|template| !template.is_jinja).collect();
        let parse = |template: &&Template<'_>| templates.parse_only(&template.path, &template.text);
        for parsed in side_by_side::map(&go, |template| template.text.len(), parse) {
            match parsed {
                Ok(parsed) => templates.add(&parsed),
                Err(cause) => wrong(cause),
            }
        }
        let jinja = found.iter().filter(|template| template.is_jinja);
        let jinja = jinja.map(|one| JinjaFile { name: &one.path, folder: &one.base_path, text: &one.text });
        let jinja: Vec<JinjaFile<'_>> = jinja.collect();
        if !jinja.is_empty() {
            templates.set_jinja(&jinja).unwrap_or_else(|causes| causes.into_iter().for_each(wrong));
        }
        if problems.is_empty() { Ok(Scene { templates, found, origins, values_type }) } else { Err(RenderError::together(problems)) }
    }

    /// The templates that give a text, in the order of their execution.
    fn executed(&self) -> impl Iterator<Item = &Template<'c>> {
        self.found.iter().filter(|template| !template.path.rsplit('/').next().is_some_and(|name| name.starts_with('_')))
    }

    fn data(&self, template: &Template<'_>) -> Value {
        let about = [("Name", template.path.as_str()), ("BasePath", template.base_path.as_str())];
        let about = about.into_iter().map(|(key, value)| (key.into(), Value::from(value))).collect();
        template.context.insert("Template", Map::with_type(about, self.values_type));
        Value::Map(template.context.clone())
    }
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
    let files = chart.files.iter().map(|file| (file.name.clone(), Value::Bytes(file.data.clone()))).collect();
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
        let is_partial = file.name.rsplit('/').next().is_some_and(|name| name.starts_with('_'));
        if !chart.is_library() || is_partial {
            let path = format!("{path}/{}", file.name);
            let is_jinja = chart.is_jinja() && file.name.ends_with(".j2");
            out.push(Template { path, text: file.text(), context: context.clone(), base_path: base_path.clone(), is_jinja });
        }
    }
    context
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
        let text = || format!("{{{}}}", self.fields.iter().map(|(_, value)| value.to_text().to_string()).collect::<Vec<_>>().join(" "));
        let reference = if self.kind == Kind::Ptr { "&" } else { "" };
        self.text.clone().unwrap_or_else(|| format!("{reference}{}", text()))
    }

    fn members(&self) -> Option<Vec<(Arc<str>, Value)>> {
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
        let fields: Vec<String> = FIELDS.iter().filter_map(|name| self.field(name)).map(|value| value.to_text().to_string()).collect();
        format!("{{{{{}}} {}}}", fields.join(" "), self.is_root)
    }

    fn members(&self) -> Option<Vec<(Arc<str>, Value)>> {
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
