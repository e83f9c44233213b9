//! Chart.lock: the exact versions of a chart's dependencies, and the digest that ties them to what Chart.yaml declares.
//!
//! Follows Helm 3.22: the digest is the SHA-256 of the JSON that Go prints of both lists.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::model::Dependency;
use super::versions::is_compatible;
use crate::words::hex;
use crate::yaml;

/// Chart.lock, or requirements.lock of a chart of apiVersion v1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lock {
    /// Each dependency with its exact version and the URL of its repository.
    pub dependencies: Vec<Dependency>,
    /// `sha256:…` over what is declared and what is locked.
    pub digest: String,
    /// When it was made, RFC 3339.
    pub generated: String,
}

impl Lock {
    /// Reads a lock file's content. The error is the text of a problem.
    pub fn read(value: &Value) -> Result<Lock, String> {
        let mut value = value.clone();
        if let Value::Object(record) = &mut value {
            *record = yaml::with_field_names(std::mem::take(record), &["dependencies", "digest", "generated"]);
            for one in record.get_mut("dependencies").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
                *one = yaml::with_field_names(std::mem::take(one), &["name", "version", "repository"]);
            }
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    /// The file's text.
    pub fn text(&self) -> String {
        yaml::emit(&serde_json::to_value(self).unwrap_or_default())
    }

    /// Whether the lock was made for these declarations. Declared repositories that are aliases are taken for what the lock says of them.
    pub fn is_for(&self, declared: &[Dependency]) -> bool {
        let mut resolved = declared.to_vec();
        for wanted in resolved.iter_mut().filter(|wanted| is_alias(&wanted.repository)) {
            if let Some(locked) = self.dependencies.iter().find(|locked| locked.name == wanted.name) {
                wanted.repository.clone_from(&locked.repository);
            }
        }
        let without_exports: Vec<Dependency> = resolved.iter().map(|one| Dependency { export_values: Vec::new(), ..one.clone() }).collect();
        let made_for = |declared: &[Dependency]| digest(declared, &self.dependencies) == self.digest;
        made_for(&resolved) || made_for(&without_exports) || digest_of_helm_2(declared) == self.digest
    }

    /// What is locked for a declared dependency: at its place among the declared ones, else anywhere. `None` where the lock has nothing
    /// that fits name, range and repository.
    pub fn entry(&self, place: usize, wanted: &Dependency) -> Option<&Dependency> {
        let fits = |locked: &&Dependency| {
            locked.name == wanted.name
                && (wanted.version.is_empty() || locked.version == wanted.version || is_compatible(&wanted.version, &locked.version))
                && (is_alias(&wanted.repository) || same_place(&locked.repository, &wanted.repository))
        };
        self.dependencies.get(place).filter(fits).or_else(|| self.dependencies.iter().find(fits))
    }
}

/// Whether a dependency's repository is a name of repositories.yaml: `@name` or `alias:name`.
pub fn is_alias(repository: &str) -> bool {
    repository.starts_with('@') || repository.starts_with("alias:")
}

fn same_place(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The digest of what is declared and what is locked for it, as Chart.lock has it.
pub fn digest(declared: &[Dependency], locked: &[Dependency]) -> String {
    sha256(&(declared, locked))
}

fn digest_of_helm_2(declared: &[Dependency]) -> String {
    #[derive(Serialize)]
    struct Requirements<'a> {
        dependencies: &'a [Dependency],
    }
    sha256(&Requirements { dependencies: declared })
}

fn sha256(value: &impl Serialize) -> String {
    format!("sha256:{}", hex::lower(Sha256::digest(go_json(value).as_bytes())))
}

/// JSON as Go prints it: signs that HTML knows are escaped. Outside of strings JSON has none of them.
pub fn go_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", u32::from(letter))),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str, version: &str, repository: &str) -> Dependency {
        Dependency { name: name.into(), version: version.into(), repository: repository.into(), ..Dependency::default() }
    }

    #[test]
    fn digests_are_those_of_helm() {
        let declared = [Dependency { tags: vec!["a".into()], ..dependency("one", ">=1 <2", "https://charts.example.org/a&b") }];
        let json = r#"{"name":"one","version":"\u003e=1 \u003c2","repository":"https://charts.example.org/a\u0026b","tags":["a"]}"#;
        assert_eq!(go_json(&declared[0]), json);
        // as published with argo-cd
        let redis = dependency("redis-ha", "4.38.0", "https://dandydeveloper.github.io/charts/");
        let declared = Dependency { condition: "redis-ha.enabled".into(), ..redis.clone() };
        assert_eq!(digest(&[declared], &[redis]), "sha256:0d8b0161248c5ab2c77d62fc77d5ca28393f73f7b7a8abd5474b78bc969cab39");
    }

    #[test]
    fn entries_fit_by_name_range_and_repository() {
        let lock = Lock { dependencies: vec![dependency("a", "1.2.3", "https://x/charts/")], ..Lock::default() };
        for (wanted, fits) in [
            (dependency("a", "^1.0.0", "https://x/charts"), true),
            (dependency("a", "1.2.3", "@x"), true),
            (dependency("a", "", "alias:x"), true),
            (dependency("a", "~1.3", "https://x/charts"), false),
            (dependency("a", "^1", "https://y/charts"), false),
            (dependency("b", "^1", "https://x/charts"), false),
        ] {
            assert_eq!(lock.entry(1, &wanted).is_some(), fits, "{wanted:?}");
        }
        // one chart twice, in two versions that both ranges allow
        let twice =
            Lock { dependencies: ["1.5.0", "2.0.0"].map(|version| dependency("a", version, "https://x")).into(), ..Lock::default() };
        let any = dependency("a", ">=1.0.0", "https://x");
        assert_eq!([0, 1, 2].map(|place| twice.entry(place, &any).unwrap().version.as_str()), ["1.5.0", "2.0.0", "1.5.0"]);
    }

    #[test]
    fn a_lock_is_for_what_it_was_made_for() {
        let (declared, locked) = ([dependency("a", "^1", "@x")], vec![dependency("a", "1.2.3", "https://x/charts")]);
        let resolved = [dependency("a", "^1", "https://x/charts")];
        let lock = Lock { digest: digest(&resolved, &locked), dependencies: locked, ..Lock::default() };
        assert!(lock.is_for(&declared));
        assert!(!lock.is_for(&[dependency("a", "^2", "@x")]));
        let exporting = Dependency { export_values: vec![serde_json::json!({"parent": "a", "child": "b"})], ..declared[0].clone() };
        assert!(lock.is_for(&[exporting]));
        assert_eq!(
            lock.text(),
            format!(
                "dependencies:\n- name: a\n  repository: https://x/charts\n  version: 1.2.3\ndigest: {}\ngenerated: \"\"\n",
                lock.digest
            )
        );
    }
}
