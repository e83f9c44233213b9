//! Reads werf's and Helm's annotations.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use regex::Regex;
use serde_json::{Map, Value};

use super::error::ResourceError;
use super::id::ResourceId;
use super::json_path::{self, JsonPath};
use super::steering::*;
use crate::words::duration;

/// Reads the steering of one object. Every bad annotation is reported.
pub(super) fn read(object: &Value, id: &ResourceId, path: &str) -> Result<Steering, Vec<ResourceError>> {
    let empty = Map::new();
    let map = object["metadata"]["annotations"].as_object().unwrap_or(&empty);
    let mut reader = Reader { map, id, path, errors: Vec::new() };
    let steering = reader.steering();
    if reader.errors.is_empty() { Ok(steering) } else { Err(reader.errors) }
}

struct Reader<'a> {
    map: &'a Map<String, Value>,
    id: &'a ResourceId,
    path: &'a str,
    errors: Vec<ResourceError>,
}

impl Reader<'_> {
    fn steering(&mut self) -> Steering {
        let kind = self.id.gvk.kind.as_str();
        let is_hook = self.get(&["werf.io/deploy-on", "helm.sh/hook"]).is_some_and(|(name, _)| name == "helm.sh/hook");
        let is_crd_file = kind == "CustomResourceDefinition" && is_below_crds(self.path);
        let deploy_on = self.deploy_on();
        Steering {
            weight: self.number(&["werf.io/weight", "helm.sh/hook-weight"]).unwrap_or(0),
            dependencies: self.dependencies("werf.io/deploy-dependency-", &["ready", "present"]),
            delete_dependencies: self.dependencies("werf.io/delete-dependency-", &["absent"]),
            external: self.external(),
            ownership: self
                .choice("werf.io/ownership", &[("release", Ownership::Release), ("anyone", Ownership::Anyone)])
                .unwrap_or(if is_hook || is_crd_file { Ownership::Anyone } else { Ownership::Release }),
            delete_policies: self.delete_policies(is_hook),
            resource_policies: self.resource_policies(),
            propagation: self.choice(
                "werf.io/delete-propagation",
                &[("Foreground", Propagation::Foreground), ("Background", Propagation::Background), ("Orphan", Propagation::Orphan)],
            ),
            replicas_on_creation: self.number(&["werf.io/replicas-on-creation"]),
            tracking: self.tracking(),
            logs: self.logs(),
            sensitive: self.sensitive(),
            deploy_on,
        }
    }

    fn deploy_on(&mut self) -> Vec<When> {
        const ACTIONS: [(&str, Action); 4] =
            [("install", Action::Install), ("upgrade", Action::Upgrade), ("rollback", Action::Rollback), ("delete", Action::Delete)];
        let Some((name, value)) = self.get(&["werf.io/deploy-on", "helm.sh/hook"]) else {
            return ACTIONS[..3].iter().map(|(_, action)| When { moment: Moment::Main, action: *action }).collect();
        };
        let mut found = Vec::new();
        for word in words(&value) {
            let when = match word {
                "test" | "test-success" if name == "helm.sh/hook" => Some(When { moment: Moment::Main, action: Action::Test }),
                // Helm 2's way to install definitions before everything else.
                "crd-install" if name == "helm.sh/hook" => Some(When { moment: Moment::Pre, action: Action::Install }),
                word => {
                    let (moment, action) = match word.split_once('-') {
                        Some(("pre", action)) => (Moment::Pre, action),
                        Some(("post", action)) => (Moment::Post, action),
                        _ => (Moment::Main, word),
                    };
                    let plain_hook = moment == Moment::Main && name == "helm.sh/hook";
                    ACTIONS.iter().find(|(known, _)| *known == action && !plain_hook).map(|(_, action)| When { moment, action: *action })
                }
            };
            match when {
                Some(when) => found.push(when),
                None => self.wrong(
                    name,
                    &value,
                    format!("`{word}` is no moment of a deployment"),
                    "moments: pre-install, post-install, pre-upgrade, post-upgrade, pre-rollback, post-rollback, pre-delete, post-delete; \
                     werf.io/deploy-on also takes install, upgrade, rollback and delete, helm.sh/hook also test",
                ),
            }
        }
        found
    }

    fn delete_policies(&mut self, is_hook: bool) -> BTreeSet<DeletePolicy> {
        const KNOWN: [(&str, DeletePolicy); 4] = [
            ("before-creation", DeletePolicy::BeforeCreation),
            ("before-creation-if-immutable", DeletePolicy::BeforeCreationIfImmutable),
            ("succeeded", DeletePolicy::Succeeded),
            ("failed", DeletePolicy::Failed),
        ];
        const HELM: [(&str, DeletePolicy); 3] = [
            ("before-hook-creation", DeletePolicy::BeforeCreation),
            ("hook-succeeded", DeletePolicy::Succeeded),
            ("hook-failed", DeletePolicy::Failed),
        ];
        let (name, known): (_, &[_]) = if self.map.contains_key("werf.io/delete-policy") {
            ("werf.io/delete-policy", &KNOWN)
        } else {
            ("helm.sh/hook-delete-policy", &HELM)
        };
        match self.list(name, known) {
            Some(policies) => policies,
            None if is_hook => BTreeSet::from([DeletePolicy::BeforeCreation]),
            None if self.id.row().made_anew => BTreeSet::from([DeletePolicy::BeforeCreationIfImmutable]),
            None => BTreeSet::new(),
        }
    }

    fn resource_policies(&mut self) -> BTreeSet<ResourcePolicy> {
        const KNOWN: [(&str, ResourcePolicy); 5] = [
            ("skip-create", ResourcePolicy::SkipCreate),
            ("skip-update", ResourcePolicy::SkipUpdate),
            ("skip-recreate", ResourcePolicy::SkipRecreate),
            ("skip-delete", ResourcePolicy::SkipDelete),
            ("keep", ResourcePolicy::SkipDelete),
        ];
        let mut policies = self.list("werf.io/resource-policy", &KNOWN).unwrap_or_default();
        policies.extend(self.list("helm.sh/resource-policy", &KNOWN[4..]).unwrap_or_default());
        policies
    }

    fn tracking(&mut self) -> Tracking {
        let fail_mode = self
            .choice(
                "werf.io/fail-mode",
                &[
                    ("FailWholeDeployProcessImmediately", FailMode::FailDeploy),
                    ("HopeUntilEndOfDeployProcess", FailMode::FailDeploy),
                    ("IgnoreAndContinueDeployProcess", FailMode::Ignore),
                ],
            )
            .unwrap_or(FailMode::FailDeploy);
        let wait =
            self.choice("werf.io/track-termination-mode", &[("WaitUntilResourceReady", true), ("NonBlocking", false)]).unwrap_or(true);
        let mut ignore_readiness = BTreeMap::new();
        for (name, container) in self.with_prefix("werf.io/ignore-readiness-probe-fails-for-") {
            if let Some(time) = self.duration(&name) {
                ignore_readiness.insert(container, time);
            }
        }
        Tracking {
            wait,
            fail_mode,
            failures_allowed_per_replica: self.number(&["werf.io/failures-allowed-per-replica"]),
            no_activity_timeout: self.duration("werf.io/no-activity-timeout").unwrap_or(Duration::from_secs(240)),
            ignore_readiness,
        }
    }

    fn logs(&mut self) -> LogOptions {
        let names =
            |value: Option<(&'static str, String)>| value.map(|(_, value)| words(&value).map(String::from).collect()).unwrap_or_default();
        let mut only_for = BTreeMap::new();
        for (name, container) in self.with_prefix("werf.io/log-regex-for-") {
            only_for.extend(self.regex(&name).map(|regex| (container, regex)));
        }
        let mut except_for = BTreeMap::new();
        for (name, container) in self.with_prefix("werf.io/log-regex-skip-for-") {
            except_for.extend(self.regex(&name).map(|regex| (container, regex)));
        }
        LogOptions {
            skip: self.boolean("werf.io/skip-logs").unwrap_or(false),
            skip_containers: names(self.get(&["werf.io/skip-logs-for-containers"])),
            only_containers: names(self.get(&["werf.io/show-logs-only-for-containers"])),
            replicas: self.number(&["werf.io/show-logs-only-for-number-of-replicas"]).unwrap_or(1),
            only: self.regex("werf.io/log-regex"),
            except: self.regex("werf.io/log-regex-skip"),
            only_for,
            except_for,
            service_messages: self.boolean("werf.io/show-service-messages").unwrap_or(false),
        }
    }

    fn sensitive(&mut self) -> Sensitive {
        if let Some((_, paths)) = self.get(&["werf.io/sensitive-paths"]) {
            let mut read = Vec::new();
            for path in json_path::split(&paths) {
                match JsonPath::parse(&path) {
                    Ok(path) => read.push(path),
                    Err(error) => self.wrong(
                        "werf.io/sensitive-paths",
                        &paths,
                        format!("`{path}` is no JSONPath: {}", error.lines().map(str::trim).collect::<Vec<_>>().join(" ")),
                        "paths are separated by commas and follow RFC 9535, such as $.data.password, $..token or $.spec.env[*].value",
                    ),
                }
            }
            if !read.is_empty() {
                return Sensitive::Paths(read);
            }
        }
        match self.boolean("werf.io/sensitive") {
            Some(true) => Sensitive::Whole,
            Some(false) => Sensitive::Nothing,
            None if self.id.row().is_secret => Sensitive::Whole,
            None => Sensitive::Nothing,
        }
    }

    fn dependencies(&mut self, prefix: &str, states: &[&str]) -> Vec<Dependency> {
        const HELP: &str =
            "a dependency is written as state=ready,kind=Deployment,name=database; keys: state, kind, name, namespace, group, version";
        let mut found = Vec::new();
        for (name, id) in self.with_prefix(prefix) {
            let Some(text) = self.text(&name) else { continue };
            let mut dependency =
                Dependency { id, state: State::Present, kind: None, name: None, namespace: None, group: None, version: None };
            let mut has_state = false;
            for part in words(&text) {
                let Some((key, value)) = part.split_once('=') else {
                    self.wrong(&name, &text, format!("`{part}` has no `=`"), HELP);
                    continue;
                };
                let value = value.trim();
                let slot = match key.trim() {
                    "state" if states.contains(&value) => {
                        has_state = true;
                        dependency.state = match value {
                            "ready" => State::Ready,
                            "absent" => State::Absent,
                            _ => State::Present,
                        };
                        continue;
                    }
                    "state" => {
                        has_state = true;
                        self.wrong(&name, &text, format!("state `{value}` is none of {}", states.join(", ")), HELP);
                        continue;
                    }
                    "kind" => &mut dependency.kind,
                    "name" => &mut dependency.name,
                    "namespace" => &mut dependency.namespace,
                    "group" => &mut dependency.group,
                    "version" => &mut dependency.version,
                    key => {
                        let key = key.to_owned();
                        self.wrong(&name, &text, format!("there is no key `{key}`"), HELP);
                        continue;
                    }
                };
                *slot = Some(value.to_owned());
            }
            if !has_state {
                self.wrong(&name, &text, "it does not say which state to wait for".into(), HELP);
            }
            if dependency.kind.is_none() && dependency.name.is_none() {
                self.wrong(&name, &text, "it names neither kind nor name".into(), HELP);
            }
            found.push(dependency);
        }
        found
    }

    fn external(&mut self) -> Vec<ExternalDependency> {
        const HELP: &str = "an outside object is written as kind/name or kind.version.group/name, such as deployments.v1.apps/database";
        let mut found = Vec::new();
        let names: Vec<String> = self.map.keys().cloned().collect();
        for name in names {
            let (domain, suffix) = name.split_once('/').unwrap_or((&name, ""));
            let id = domain.strip_suffix(".external-dependency.werf.io").or_else(|| domain.strip_suffix(".dependency.werf.io"));
            let Some(id) = id.filter(|_| matches!(suffix, "" | "resource")).map(String::from) else { continue };
            let namespace = self.text(&format!("{domain}/namespace")).filter(|text| !text.is_empty());
            let Some(text) = self.text(&name) else { continue };
            // The oldest form is `kind:name` or `kind:namespace:name`.
            let parsed = match text.split_once('/') {
                Some((kind, object)) => Some((kind.to_owned(), object.to_owned(), namespace)),
                None => match text.split(':').collect::<Vec<_>>()[..] {
                    [kind, object] => Some((kind.to_owned(), object.to_owned(), namespace)),
                    [kind, space, object] => Some((kind.to_owned(), object.to_owned(), Some(space.to_owned()))),
                    _ => None,
                },
            };
            match parsed.filter(|(kind, object, _)| !kind.is_empty() && !object.is_empty()) {
                Some((kind, object, namespace)) => {
                    let mut parts = kind.splitn(3, '.').map(String::from);
                    found.push(ExternalDependency {
                        id,
                        kind: parts.next().unwrap_or_default(),
                        version: parts.next(),
                        group: parts.next(),
                        name: object,
                        namespace,
                    });
                }
                None => self.wrong(&name, &text, "it names no object".into(), HELP),
            }
        }
        found
    }

    fn list<T: Copy + Ord>(&mut self, name: &'static str, known: &[(&str, T)]) -> Option<BTreeSet<T>> {
        let (_, text) = self.get(&[name])?;
        let mut found = BTreeSet::new();
        for word in words(&text) {
            match known.iter().find(|(known, _)| *known == word) {
                Some((_, value)) => {
                    found.insert(*value);
                }
                None => self.wrong(name, &text, format!("there is no `{word}`"), &one_of(known)),
            }
        }
        Some(found)
    }

    fn choice<T: Copy>(&mut self, name: &'static str, known: &[(&str, T)]) -> Option<T> {
        let (_, text) = self.get(&[name])?;
        let found = known.iter().find(|(known, _)| *known == text.trim()).map(|(_, value)| *value);
        if found.is_none() {
            self.wrong(name, &text, format!("there is no `{text}`"), &one_of(known));
        }
        found
    }

    fn number<T: FromStr>(&mut self, names: &[&'static str]) -> Option<T> {
        let (name, text) = self.get(names)?;
        let found = text.trim().parse().ok();
        if found.is_none() {
            self.wrong(name, &text, "it is no number in the range".into(), "write a whole number in quotes, such as \"-5\"");
        }
        found
    }

    fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.choice(name, &[("true", true), ("false", false), ("1", true), ("0", false)])
    }

    fn duration(&mut self, name: &str) -> Option<Duration> {
        let text = self.text(name)?;
        let found = duration::parse(text.trim());
        if found.is_none() {
            self.wrong(name, &text, "it is no duration".into(), "write a duration such as 90s, 4m or 1h30m");
        }
        found
    }

    fn regex(&mut self, name: &str) -> Option<Regex> {
        let text = self.text(name)?;
        match Regex::new(&text) {
            Ok(regex) => Some(regex),
            Err(error) => {
                self.wrong(name, &text, format!("it is no regular expression: {error}"), "the syntax is RE2's");
                None
            }
        }
    }

    fn get(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|name| Some((*name, self.text(name)?)))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.map.get(name).and_then(Value::as_str).map(String::from)
    }

    /// Annotations that begin so, with what follows.
    fn with_prefix(&self, prefix: &str) -> Vec<(String, String)> {
        self.map.keys().filter_map(|name| Some((name.clone(), name.strip_prefix(prefix)?.to_owned()))).collect()
    }

    fn wrong(&mut self, annotation: &str, value: &str, reason: String, help: &str) {
        self.errors.push(ResourceError::BadAnnotation {
            path: self.path.into(),
            resource: self.id.to_string(),
            annotation: annotation.into(),
            value: value.into(),
            reason,
            help: help.into(),
        });
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

fn one_of<T>(known: &[(&str, T)]) -> String {
    format!("known values: {}", known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "))
}

/// Whether a file is below the `crds` directory of a chart: `shop/crds/a.yaml`, `shop/charts/db/crds/a.yaml`.
fn is_below_crds(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let mut rest = parts.get(1..).unwrap_or_default();
    while let ["charts", _, below @ ..] = rest {
        rest = below;
    }
    rest.first() == Some(&"crds")
}

#[cfg(test)]
mod tests {
    use super::is_below_crds;

    #[test]
    fn only_the_directory_of_a_chart_counts() {
        for (path, expect) in [
            ("shop/crds/a.yaml", true),
            ("shop/charts/db/crds/v1/a.yaml", true),
            ("shop/templates/crds/a.yaml", false),
            ("crds/templates/a.yaml", false),
            ("shop/charts/crds/templates/a.yaml", false),
        ] {
            assert_eq!(is_below_crds(path), expect, "{path}");
        }
    }
}
