//! `imageSpec`: as inputs of a digest, as changes of an OCI config, and as Dockerfile instructions.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::project::config::Config;
use crate::project::config::image::{Image, ImageSpec};

/// The changes that an image gets: its own, for final images with those of the whole file over them. Placeholders are filled in.
pub(super) fn effective(config: &Config, image: &Image) -> ImageSpec {
    let mut spec = image.image_spec.clone().unwrap_or_default();
    if let (true, Some(all)) = (image.is_final, &config.meta.build.image_spec) {
        spec.author = all.author.clone().or(spec.author);
        spec.clear_history |= all.clear_history;
        spec.labels.extend(all.labels.clone());
        spec.remove_labels.extend(all.remove_labels.iter().cloned());
    }
    for value in spec.labels.values_mut() {
        *value = value.replace("%project%", &config.meta.project).replace("%image%", &image.name);
    }
    spec
}

/// Applies the changes to an OCI image config (the whole document, with its inner `config`).
pub(super) fn apply(spec: &ImageSpec, document: &mut Value) {
    if let Some(author) = &spec.author {
        document["author"] = json!(author);
    }
    if let (true, Some(document)) = (spec.clear_history, document.as_object_mut()) {
        document.remove("history");
    }
    let config = object(document, "config");
    for (clear, key) in
        [(spec.clear_cmd, "Cmd"), (spec.clear_entrypoint, "Entrypoint"), (spec.clear_user, "User"), (spec.clear_working_dir, "WorkingDir")]
    {
        if clear {
            config.remove(key);
        }
    }
    if let Some(entrypoint) = &spec.entrypoint {
        config.insert("Entrypoint".into(), json!(entrypoint));
        // The base's command is made for the base's entrypoint.
        config.remove("Cmd");
    }
    if let Some(cmd) = &spec.cmd {
        config.insert("Cmd".into(), json!(cmd));
    }
    for (key, value) in [("User", &spec.user), ("WorkingDir", &spec.working_dir), ("StopSignal", &spec.stop_signal)] {
        if let Some(value) = value {
            config.insert(key.into(), json!(value));
        }
    }
    if let Some(check) = &spec.healthcheck {
        let ns = |seconds: u64| seconds.saturating_mul(1_000_000_000);
        let value = json!({ "Test": check.test, "Interval": ns(check.interval), "Timeout": ns(check.timeout), "StartPeriod": ns(check.start_period), "Retries": check.retries });
        config.insert("Healthcheck".into(), value);
    }
    remove_keys(config, "Volumes", &spec.remove_volumes, |_| false);
    remove_keys(config, "Labels", &spec.remove_labels, |name| spec.keep_essential_labels && is_essential(name));
    let port = |port: &String| if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
    add_keys(config, "ExposedPorts", spec.expose.iter().map(port));
    add_keys(config, "Volumes", spec.volumes.iter().cloned());
    set_labels(config, &spec.labels);
    set_env(config, &spec.env, &spec.remove_env);
}

/// Sets labels in an OCI inner config.
pub(super) fn set_labels(config: &mut Map<String, Value>, labels: &BTreeMap<String, String>) {
    if !labels.is_empty() {
        let map = object_in(config, "Labels");
        map.extend(labels.iter().map(|(name, value)| (name.clone(), json!(value))));
    }
}

/// Sets and removes variables in an OCI inner config; what is there keeps its place.
pub(super) fn set_env(config: &mut Map<String, Value>, set: &BTreeMap<String, String>, remove: &[String]) {
    let mut env: Vec<(String, String)> = env(config);
    env.retain(|(name, _)| !matches_any(remove, name));
    for (name, value) in set {
        match env.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.clone_from(value),
            None => env.push((name.clone(), value.clone())),
        }
    }
    if !env.is_empty() || config.contains_key("Env") {
        config.insert("Env".into(), env.into_iter().map(|(name, value)| json!(format!("{name}={value}"))).collect());
    }
}

/// The variables of an OCI inner config.
pub(super) fn env(config: &Map<String, Value>) -> Vec<(String, String)> {
    let lines = config.get("Env").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    lines.map(|line| line.split_once('=').unwrap_or((line, ""))).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The object at a key, made if it is missing or something else.
pub(super) fn object<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(map) => object_in(map, key),
        _ => unreachable!("made an object above"),
    }
}

fn object_in<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let entry = map.entry(key).or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    match entry {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

fn add_keys(config: &mut Map<String, Value>, key: &str, names: impl Iterator<Item = String>) {
    let names: Vec<String> = names.collect();
    if !names.is_empty() {
        object_in(config, key).extend(names.into_iter().map(|name| (name, json!({}))));
    }
}

fn remove_keys(config: &mut Map<String, Value>, key: &str, patterns: &[String], spare: impl Fn(&str) -> bool) {
    if let Some(Value::Object(map)) = config.get_mut(key) {
        map.retain(|name, _| spare(name) || !matches_any(patterns, name));
    }
}

/// Whether a label is one by which werf knows its images.
fn is_essential(label: &str) -> bool {
    matches!(label, "werf" | "werf-stage-content-digest" | "werf-project-repo-commit") || label.starts_with("werf.io/")
}

/// Whether a name is one of these, or matches one that is written `/regex/`.
fn matches_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        Some(regex) if pattern.len() > 1 => Regex::new(regex).is_ok_and(|regex| regex.is_match(name)),
        _ => pattern == name,
    })
}
