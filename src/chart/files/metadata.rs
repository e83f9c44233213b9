//! Chart.yaml: reading and checking, for apiVersion v1 and v2.

use serde_json::{Map, Value};

use super::model::{Dependency, Maintainer, Metadata};
use crate::chart::compat::HelmCompat;
use crate::template;
use crate::yaml::{self, Node, NodeValue};

/// What Chart.yaml may leave out in a project: werf fills it from werf.yaml.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// The chart's name where Chart.yaml or its name is missing.
    pub name: Option<String>,
    /// `deploy.helmChartConfig.appVersion`, which wins over Chart.yaml's.
    pub app_version: Option<String>,
    /// Which Helm's way of reading values.yaml.
    pub compat: HelmCompat,
}

/// The keys of Chart.yaml; they count in any letter case.
const FIELDS: [&str; 17] = [
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
];

/// Reads Chart.yaml. The error is the text of a problem.
pub fn parse(node: &Node) -> Result<Metadata, String> {
    let entries = match &node.value {
        NodeValue::Null => &[][..],
        _ => node.as_mapping().ok_or_else(|| format!("a mapping is expected, this is {}", node.kind()))?,
    };
    let mut metadata = Metadata::default();
    let mut fields: Vec<(&str, &Node)> = entries.iter().filter_map(|(key, value)| Some((key.text()?, value))).collect();
    fields.sort_by_key(|(key, _)| *key);
    for (key, value) in fields {
        let Some(key) = FIELDS.into_iter().find(|field| yaml::is_field(key, field)) else { continue };
        match key {
            "name" => metadata.name = string(key, value)?,
            "home" => metadata.home = string(key, value)?,
            "sources" => metadata.sources = strings(key, value)?,
            "version" => metadata.version = string(key, value)?,
            "description" => metadata.description = string(key, value)?,
            "keywords" => metadata.keywords = strings(key, value)?,
            "maintainers" => metadata.maintainers = items(key, value)?.iter().map(maintainer).collect::<Result<_, _>>()?,
            "icon" => metadata.icon = string(key, value)?,
            "apiVersion" => metadata.api_version = string(key, value)?,
            "condition" => metadata.condition = string(key, value)?,
            "tags" => metadata.tags = string(key, value)?,
            "appVersion" => metadata.app_version = string(key, value)?,
            "deprecated" => metadata.deprecated = boolean(key, value)?,
            "annotations" => metadata.annotations = annotations(key, value)?,
            "kubeVersion" => metadata.kube_version = string(key, value)?,
            "dependencies" => metadata.dependencies = items(key, value)?.iter().map(dependency).collect::<Result<_, _>>()?,
            "type" => metadata.kind = string(key, value)?,
            _ => {}
        }
    }
    Ok(metadata)
}

/// Reads the dependencies of requirements.yaml.
pub fn parse_requirements(node: &Node) -> Result<Option<Vec<Dependency>>, String> {
    let Some(list) = node.field("dependencies") else { return Ok(None) };
    items("dependencies", list)?.iter().map(dependency).collect::<Result<_, _>>().map(Some)
}

/// Fills in what the project knows, normalises white space, and checks. The error is the text of a problem.
pub fn complete(metadata: &mut Metadata, defaults: &Defaults) -> Result<(), String> {
    if let Some(name) = &defaults.name {
        for (field, default) in [(&mut metadata.name, name.as_str()), (&mut metadata.version, "1.0.0"), (&mut metadata.api_version, "v2")] {
            if field.is_empty() {
                *field = default.to_owned();
            }
        }
    }
    if let Some(version) = &defaults.app_version {
        metadata.app_version.clone_from(version);
    }
    if metadata.api_version.is_empty() {
        metadata.api_version = "v1".into();
    }
    clean(metadata);
    check(metadata)
}

fn clean(metadata: &mut Metadata) {
    let single = [
        &mut metadata.name,
        &mut metadata.description,
        &mut metadata.home,
        &mut metadata.icon,
        &mut metadata.condition,
        &mut metadata.tags,
        &mut metadata.app_version,
        &mut metadata.kube_version,
    ];
    let maintainers = metadata.maintainers.iter_mut().flat_map(|one| [&mut one.name, &mut one.email, &mut one.url]);
    let dependencies = metadata.dependencies.iter_mut().flat_map(|one| {
        let fields = [&mut one.name, &mut one.version, &mut one.repository, &mut one.condition];
        fields.into_iter().chain(&mut one.tags)
    });
    let lists = metadata.sources.iter_mut().chain(&mut metadata.keywords);
    for text in single.into_iter().chain(lists).chain(maintainers).chain(dependencies) {
        if text.chars().any(|letter| letter != ' ' && (letter.is_whitespace() || letter.is_control())) {
            let keep = |letter: char| if letter.is_whitespace() { Some(' ') } else { (!letter.is_control()).then_some(letter) };
            *text = text.chars().filter_map(keep).collect();
        }
    }
}

fn check(metadata: &Metadata) -> Result<(), String> {
    let name = &metadata.name;
    if name.is_empty() {
        return Err("chart.metadata.name is required".into());
    }
    if name == "." || name == ".." {
        return Err(format!("chart.metadata.name \"{name}\" is not allowed"));
    }
    if name.contains('/') {
        return Err(format!("chart.metadata.name \"{name}\" is invalid"));
    }
    if metadata.version.is_empty() {
        return Err("chart.metadata.version is required".into());
    }
    if !is_version(&metadata.version) {
        return Err(format!("chart.metadata.version \"{}\" is invalid", metadata.version));
    }
    if !matches!(metadata.kind.as_str(), "" | "application" | "library") {
        return Err("chart.metadata.type must be application or library".into());
    }
    let mut seen = std::collections::BTreeSet::new();
    for dependency in &metadata.dependencies {
        let name = &dependency.name;
        if name == "." || name == ".." || name.contains(['/', '\\']) {
            return Err(format!("dependency \"{name}\" has a path for a name"));
        }
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        if !dependency.alias.chars().all(allowed) {
            return Err(format!("dependency \"{}\" has disallowed characters in the alias", dependency.name));
        }
        let key = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
        if !seen.insert(key) {
            return Err(format!("more than one dependency with name or alias \"{key}\""));
        }
    }
    Ok(())
}

/// Whether a text is a semantic version, where minor and patch may be missing and a `v` may lead.
fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (numbers, prerelease) = text.split_once('-').map_or((text, None), |(numbers, prerelease)| (numbers, Some(prerelease)));
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_number = |word: &str| word.parse::<u64>().is_ok() && !word.starts_with('+');
    numbers.split('.').count() <= 3
        && numbers.split('.').all(is_number)
        && [build, prerelease].into_iter().flatten().all(|part| part.split('.').all(is_word))
}

/// The text of a scalar where a string is declared: numbers and booleans become text as Helm turns them.
pub fn string(key: &str, node: &Node) -> Result<String, String> {
    Ok(match &node.value {
        NodeValue::Null => String::new(),
        NodeValue::String(text) => text.clone(),
        NodeValue::Bool(value) => value.to_string(),
        NodeValue::Int(value) => value.to_string(),
        NodeValue::Uint(value) => value.to_string(),
        NodeValue::Float(value) => template::value::Value::Float(*value).to_text().letters().into_owned(),
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => return Err(format!("`{key}` must be a string, this is {}", node.kind())),
    })
}

fn strings(key: &str, node: &Node) -> Result<Vec<String>, String> {
    items(key, node)?.iter().map(|item| string(key, item)).collect()
}

fn items<'n>(key: &str, node: &'n Node) -> Result<&'n [Node], String> {
    match &node.value {
        NodeValue::Null => Ok(&[]),
        _ => node.as_sequence().ok_or_else(|| format!("`{key}` must be a list, this is {}", node.kind())),
    }
}

fn boolean(key: &str, node: &Node) -> Result<bool, String> {
    match node.value {
        NodeValue::Null => Ok(false),
        NodeValue::Bool(value) => Ok(value),
        _ => Err(format!("`{key}` must be a boolean, this is {}", node.kind())),
    }
}

fn annotations(key: &str, node: &Node) -> Result<Map<String, Value>, String> {
    match &node.value {
        NodeValue::Null => Ok(Map::new()),
        NodeValue::Mapping(entries) => entries
            .iter()
            .map(|(name, value)| Ok((string(key, name)?, Value::String(string(key, value)?))))
            .collect::<Result<Map<_, _>, String>>(),
        _ => Err(format!("`{key}` must be a mapping, this is {}", node.kind())),
    }
}

fn maintainer(node: &Node) -> Result<Maintainer, String> {
    if node.is_null() {
        return Err("maintainers must not contain empty or null nodes".into());
    }
    let field = |key: &str| node.field(key).map_or(Ok(String::new()), |value| string(key, value));
    Ok(Maintainer { name: field("name")?, email: field("email")?, url: field("url")? })
}

fn dependency(node: &Node) -> Result<Dependency, String> {
    if node.is_null() {
        return Err("dependencies must not contain empty or null nodes".into());
    }
    let field = |key: &str| node.field(key).map_or(Ok(String::new()), |value| string(key, value));
    let rules = |key: &str| match node.field(key) {
        None => Ok(Vec::new()),
        Some(list) => items(key, list)?.iter().map(|item| yaml::to_json(item).map_err(|error| error.message)).collect(),
    };
    Ok(Dependency {
        name: field("name")?,
        version: field("version")?,
        repository: field("repository")?,
        condition: field("condition")?,
        tags: node.field("tags").map_or(Ok(Vec::new()), |list| strings("tags", list))?,
        enabled: node.field("enabled").map_or(Ok(false), |value| boolean("enabled", value))?,
        import_values: rules("import-values")?,
        export_values: rules("export-values")?,
        alias: field("alias")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str, defaults: &Defaults) -> String {
        let mut metadata = match parse(&yaml::parse(text).unwrap()) {
            Ok(metadata) => metadata,
            Err(problem) => return problem,
        };
        complete(&mut metadata, defaults).map_or_else(|problem| problem, |()| serde_json::to_string(&metadata).unwrap())
    }

    #[test]
    fn chart_yaml_is_checked_as_in_helm() {
        let cases: &[(&str, &str)] = &[
            (
                "apiVersion: v2\nname: a\nversion: 0.1.0\nappVersion: 1.10\ndeprecated: yes\n",
                r#"{"name":"a","version":"0.1.0","apiVersion":"v2","appVersion":"1.1","deprecated":true}"#,
            ),
            ("name: a\nversion: 1\n", r#"{"name":"a","version":"1","apiVersion":"v1"}"#),
            ("name: a\nversion: v1.2.3-rc.1+b\n", r#"{"name":"a","version":"v1.2.3-rc.1+b","apiVersion":"v1"}"#),
            (
                "name: a\nversion: 1\ndescription: \"two\\nlines\"\n",
                r#"{"name":"a","version":"1","description":"two lines","apiVersion":"v1"}"#,
            ),
            (
                "apiversion: v2\nNAME: a\nversion: 1\nVersion: 2\nTYPE: library\nMaintainers: [{Name: m}]\nDependencies: [{Name: x, Condition: c, TAGS: [t], Import-Values: [v]}]",
                r#"{"name":"a","version":"1","maintainers":[{"name":"m"}],"apiVersion":"v2","dependencies":[{"name":"x","repository":"","condition":"c","tags":["t"],"import-values":["v"]}],"type":"library"}"#,
            ),
            ("version: 1\n", "chart.metadata.name is required"),
            ("name: a\n", "chart.metadata.version is required"),
            ("name: a/b\nversion: 1\n", "chart.metadata.name \"a/b\" is invalid"),
            ("name: a\nversion: 1.x\n", "chart.metadata.version \"1.x\" is invalid"),
            ("name: a\nversion: 1\ntype: plugin\n", "chart.metadata.type must be application or library"),
            ("name: [a]\nversion: 1\n", "`name` must be a string, this is a list"),
            (
                "name: a\nversion: 1\ndependencies:\n- {name: x}\n- {name: y, alias: x}\n",
                "more than one dependency with name or alias \"x\"",
            ),
            ("name: a\nversion: 1\ndependencies:\n- {name: x, alias: 'a b'}\n", "dependency \"x\" has disallowed characters in the alias"),
            ("name: a\nversion: 1\ndependencies:\n- {name: /../../up}\n", "dependency \"/../../up\" has a path for a name"),
            ("name: a\nversion: 1\ndependencies:\n-\n", "dependencies must not contain empty or null nodes"),
        ];
        for (text, expected) in cases {
            assert_eq!(problem(text, &Defaults::default()), *expected, "{text}");
        }
        let project = Defaults { name: Some("shop".into()), app_version: Some("2".into()), ..Defaults::default() };
        assert_eq!(problem("", &project), r#"{"name":"shop","version":"1.0.0","apiVersion":"v2","appVersion":"2"}"#);
    }
}
