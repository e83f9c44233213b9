//! `index.yaml`: which charts a repository has, in which versions, and where their archives are. PURE.

use std::collections::BTreeMap;

use miette::Diagnostic;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::template::functions::{Constraint, Version};
use crate::yaml;

/// The charts of a repository.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// By name, the newest version first.
    pub charts: BTreeMap<String, Vec<Published>>,
}

/// One version of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// Its version as written.
    pub version: String,
    /// Where the archive is, absolute or relative to the repository.
    pub urls: Vec<String>,
    /// SHA-256 of the archive in hex, if told.
    pub digest: Option<String>,
    /// All that the index says of it.
    pub record: Map<String, Value>,
}

/// Text that is no index.
#[derive(Debug, Error, Diagnostic)]
pub enum IndexError {
    /// It is neither YAML nor JSON.
    #[error("it is no YAML: {0}")]
    Yaml(String),
    /// It is something else.
    #[error("{0}")]
    Shape(&'static str),
}

impl Index {
    /// Reads an index in YAML or JSON. Entries without a name or a version are left out, as Helm leaves them out.
    pub fn parse(text: &str) -> Result<Index, IndexError> {
        if text.trim().is_empty() {
            return Err(IndexError::Shape("it is empty"));
        }
        let value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(_) => yaml::parse_json(text).map_err(|cause| IndexError::Yaml(cause.to_string()))?,
        };
        let Value::Object(top) = value else { return Err(IndexError::Shape("it is no mapping")) };
        let mut top = yaml::with_field_names(top, &["apiVersion", "entries"]);
        if top.get("apiVersion").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(IndexError::Shape("it has no `apiVersion`"));
        }
        let entries = match top.remove("entries") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(entries)) => entries,
            Some(_) => return Err(IndexError::Shape("its `entries` are no mapping")),
        };
        let mut index = Index::default();
        for (name, versions) in entries {
            let Value::Array(versions) = versions else { continue };
            index.charts.insert(name, versions.into_iter().filter_map(Published::read).collect());
        }
        index.sort();
        Ok(index)
    }

    /// Adds a chart that an archive holds.
    pub fn add(&mut self, metadata: Map<String, Value>, url: String, digest: String, created: &str) {
        let mut record = metadata;
        record.insert("urls".into(), json!([url]));
        record.insert("digest".into(), digest.into());
        record.insert("created".into(), created.into());
        let name = record.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.charts.entry(name).or_default().extend(Published::read(Value::Object(record)));
    }

    /// Takes over what the other index has and this one lacks.
    pub fn merge(&mut self, other: Index) {
        for (name, versions) in other.charts {
            for version in versions {
                if self.find(&name, &version.version).is_none() {
                    self.charts.entry(name.clone()).or_default().push(version);
                }
            }
        }
    }

    /// Puts the newest version of each chart first.
    pub fn sort(&mut self) {
        for versions in self.charts.values_mut() {
            versions.sort_by_cached_key(|one| std::cmp::Reverse(Version::parse(&one.version).ok().map(Precedence)));
        }
    }

    /// The index's content for a file.
    pub fn value(&self, generated: &str) -> Value {
        let records = |versions: &Vec<Published>| versions.iter().map(|one| Value::Object(one.record.clone())).collect::<Value>();
        let entries: Map<String, Value> = self.charts.iter().map(|(name, versions)| (name.clone(), records(versions))).collect();
        json!({"apiVersion": "v1", "entries": entries, "generated": generated})
    }

    /// The version that is meant by an exact version or a range; without one the newest that is no prerelease.
    pub fn find(&self, name: &str, wanted: &str) -> Option<&Published> {
        let versions = self.charts.get(name)?;
        let exact = versions.iter().find(|one| !wanted.is_empty() && one.version == wanted);
        exact.or_else(|| versions.iter().find(|one| !one.urls.is_empty() && in_range(&one.version, wanted)))
    }

    /// Names of charts that look like a name that there is not.
    pub fn names_near(&self, name: &str) -> Vec<&str> {
        let names: Vec<&str> = self.charts.keys().map(String::as_str).collect();
        similar::get_close_matches(name, &names, 3, 0.6)
    }

    /// The versions of a chart, the newest first, up to a number of them.
    pub fn versions(&self, name: &str, most: usize) -> Vec<&str> {
        self.charts.get(name).into_iter().flatten().take(most).map(|one| one.version.as_str()).collect()
    }
}

/// Whether a version lies in a range; no range means any release.
pub fn in_range(version: &str, range: &str) -> bool {
    let range = if range.is_empty() { "*" } else { range };
    matches!((Constraint::parse(range), Version::parse(version)), (Ok(range), Ok(version)) if range.allows(&version))
}

/// Whether a text is a version with all three numbers and no `v`.
pub fn is_strict(text: &str) -> bool {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let is_full = numbers.matches('.').count() == 2 && text.starts_with(|first: char| first.is_ascii_digit());
    is_full && Version::parse(text).is_ok()
}

/// The keys of an entry that are looked at; like all of them they count in any letter case.
const FIELDS: [&str; 7] = ["name", "version", "urls", "digest", "created", "deprecated", "dependencies"];

impl Published {
    fn read(value: Value) -> Option<Published> {
        let Value::Object(record) = value else { return None };
        let record = yaml::with_field_names(record, &FIELDS);
        let text = |key: &str| record.get(key).and_then(Value::as_str).map(str::to_owned);
        let urls = record.get("urls").and_then(Value::as_array);
        let urls = urls.into_iter().flatten().filter_map(|url| url.as_str().map(str::to_owned)).collect();
        let digest = text("digest").map(|digest| digest.trim_start_matches("sha256:").to_lowercase());
        let is_sha256 = |digest: &String| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        text("name").filter(|name| !name.is_empty())?;
        let version = text("version").filter(|version| !version.is_empty())?;
        Some(Published { version, urls, digest: digest.filter(is_sha256), record })
    }
}

/// Versions in their order.
struct Precedence(Version);

impl PartialEq for Precedence {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Precedence {}

impl PartialOrd for Precedence {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Precedence {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.compare(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
apiVersion: v1
entries:
  web:
  - {name: web, version: 1.2.0, urls: [web-1.2.0.tgz], digest: 'sha256:33F4605378970DF0DD9DBE7E2BEB9E9966027823F682D4A7392CC8424F13DA7F'}
  - {name: web, version: 2.0.0-rc.1, urls: [web-2.0.0-rc.1.tgz], digest: short}
  - {name: web, version: 1.10.0, urls: [web-1.10.0.tgz]}
  - {name: web, version: later, urls: [web-later.tgz]}
  - {name: web, urls: [nothing.tgz]}
  -
  empty: []
";

    #[test]
    fn versions_are_found_by_range_and_by_name() {
        let index = Index::parse(TEXT).unwrap();
        assert_eq!(index.versions("web", 9), ["2.0.0-rc.1", "1.10.0", "1.2.0", "later"]);
        for (wanted, found) in [
            ("", Some("1.10.0")),
            ("1.2.0", Some("1.2.0")),
            ("~1.2", Some("1.2.0")),
            (">0.0.0-0", Some("2.0.0-rc.1")),
            ("later", Some("later")),
            ("^3", None),
            ("no range", None),
        ] {
            assert_eq!(index.find("web", wanted).map(|one| one.version.as_str()), found, "{wanted}");
        }
        assert!(index.find("empty", "").is_none() && index.find("other", "").is_none());
        assert_eq!(index.names_near("wep"), ["web"]);
        let digest = |version: &str| index.find("web", version).unwrap().digest.clone();
        assert_eq!(digest("1.2.0").unwrap(), "33f4605378970df0dd9dbe7e2beb9e9966027823f682d4a7392cc8424f13da7f");
        assert_eq!(digest("2.0.0-rc.1"), None);
    }

    #[test]
    fn strict_versions() {
        for (text, expected) in
            [("1.2.3", true), ("1.2.3-a.b+c", true), ("1.2", false), ("v1.2.3", false), ("1.2.x", false), ("latest", false)]
        {
            assert_eq!(is_strict(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_index() {
        for (text, problem) in [
            ("", "it is empty"),
            ("- a", "it is no mapping"),
            ("entries: {}", "it has no `apiVersion`"),
            ("apiVersion: v1\nentries: []", "its `entries` are no mapping"),
            ("a: [", "it is no YAML: did not find expected node content while parsing a flow node (line 1, column 5)"),
        ] {
            assert_eq!(Index::parse(text).unwrap_err().to_string(), problem, "{text}");
        }
        assert_eq!(Index::parse(r#"{"apiVersion": "v1"}"#).unwrap(), Index::default());
    }

    #[test]
    fn merging_keeps_what_is_there() {
        let mut index = Index::default();
        let metadata = |version: &str| json!({"name": "web", "version": version}).as_object().unwrap().clone();
        index.add(metadata("1.2.0"), "new.tgz".into(), "d".into(), "now");
        index.merge(Index::parse(TEXT).unwrap());
        index.sort();
        assert_eq!(index.versions("web", 9), ["2.0.0-rc.1", "1.10.0", "1.2.0", "later"]);
        assert_eq!(index.find("web", "1.2.0").unwrap().urls, ["new.tgz"]);
        assert_eq!(index.value("then")["generated"], "then");
    }
}
