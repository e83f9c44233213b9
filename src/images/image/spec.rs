//! `imageSpec`: what an image gets of it, and as changes of an OCI config.
//!
//! Follows werf 2's stage `imageSpec` (`pkg/build/stage/image_spec.go` there): first is removed, then set; an empty list or text sets
//! nothing. The names of werf's own labels cannot be removed.

use std::collections::BTreeMap;

use miette::Diagnostic;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::images::dockerfile::expand;
use crate::project::config::Config;
use crate::project::config::image::{Image, ImageSpec, whole_name};

/// The changes that an image gets: its own, for final images with those of the whole file over them. Placeholders are filled in.
pub(super) fn effective(config: &Config, image: &Image) -> ImageSpec {
    let mut spec = image.image_spec.clone().unwrap_or_default();
    if let (true, Some(all)) = (image.is_final, &config.meta.build.image_spec) {
        spec.author = all.author.clone().or(spec.author);
        spec.clear_history |= all.clear_history;
        spec.keep_essential_labels |= all.keep_essential_labels;
        spec.labels.extend(all.labels.clone());
        let new = all.remove_labels.iter().filter(|pattern| !spec.remove_labels.contains(pattern));
        let new: Vec<String> = new.cloned().collect();
        spec.remove_labels.extend(new);
    }
    let fill = |text: &str| fill(text, &config.meta.project, &image.name);
    spec.labels = spec.labels.iter().map(|(name, value)| (fill(name), fill(value))).collect();
    spec
}

/// Fills in `%project%` and `%image%`. Any other percent sign is one.
fn fill(text: &str, project: &str, image: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        let inner = after.split_once('%').and_then(|(name, after)| match name.trim() {
            "project" => Some((project, after)),
            "image" => Some((image, after)),
            _ => None,
        });
        let (text, after) = inner.unwrap_or(("%", after));
        filled.push_str(text);
        rest = after;
    }
    filled + rest
}

/// A variable of `imageSpec` cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("image `{image}`: the variable `{name}` of `imageSpec` cannot be expanded: {problem}")]
#[diagnostic(help(
    "quotes, backslashes and `$` mean in `imageSpec.config.env` what they do after ENV in a Dockerfile: write `\\$` for the sign itself"
))]
pub struct SpecError {
    /// The image's name.
    pub image: String,
    /// The variable that was to be set.
    pub name: String,
    /// A sentence of the expansion's.
    pub problem: String,
}

/// Applies the changes to an OCI image config (the whole document, with its inner `config`).
///
/// # Errors
/// A variable whose value is no word for the expansion, or demands another that the image does not have.
pub(super) fn apply(image: &str, spec: &ImageSpec, document: &mut Value) -> Result<(), SpecError> {
    let ImageSpec {
        author,
        clear_history,
        cmd,
        entrypoint,
        env,
        expose,
        add_ports,
        labels,
        volumes,
        user,
        working_dir,
        stop_signal,
        healthcheck,
        remove_env,
        remove_labels,
        remove_volumes,
        // What it asks for always holds: it only silences a warning of werf 2's.
        keep_essential_labels: _,
        clear_cmd,
        clear_entrypoint,
        clear_user,
        clear_working_dir,
    } = spec;
    let config = object(document, "config");

    remove_keys(config, "Labels", &Patterns::new(remove_labels), |name| ESSENTIAL.contains(&name));
    // Those are set last, and for all kinds of images.
    let labels = labels.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
    set_labels(config, &labels.map(|(name, value)| (name.clone(), value.clone())).collect());
    change_env(image, config, env, remove_env)?;
    remove_keys(config, "Volumes", &Patterns::new(remove_volumes), |_| false);
    add_keys(config, "Volumes", volumes.iter().cloned());
    let port = |port: &String| if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
    if !expose.is_empty() {
        config.remove("ExposedPorts");
    }
    add_keys(config, "ExposedPorts", expose.iter().chain(add_ports).map(port));
    if let Some(check) = healthcheck {
        let ns = |seconds: u64| seconds.saturating_mul(1_000_000_000);
        let value = json!({ "Test": check.test, "Interval": ns(check.interval), "Timeout": ns(check.timeout), "StartPeriod": ns(check.start_period), "Retries": check.retries });
        config.insert("Healthcheck".into(), value);
    }

    // A command of the base is made for its entrypoint.
    let clear_cmd = *clear_cmd || entrypoint.is_some() && cmd.is_none();
    for (clear, key, list) in [(clear_cmd, "Cmd", cmd), (*clear_entrypoint, "Entrypoint", entrypoint)] {
        let list = list.as_ref().filter(|list| !list.is_empty());
        change(config, key, clear, list.map(|list| json!(list)));
    }
    for (clear, key, text) in
        [(*clear_user, "User", user), (*clear_working_dir, "WorkingDir", working_dir), (false, "StopSignal", stop_signal)]
    {
        let text = text.as_ref().filter(|text| !text.is_empty());
        change(config, key, clear, text.map(|text| json!(text)));
    }

    if let Some(document) = document.as_object_mut() {
        change(document, "author", false, author.as_ref().filter(|author| !author.is_empty()).map(|author| json!(author)));
        change(document, "history", *clear_history, None);
    }
    Ok(())
}

/// Labels by which werf knows its images, those of werf 2 among them.
const ESSENTIAL: [&str; 6] =
    ["werf", "werf-project-repo-commit", "werf.io/digest", "werf.io/image", "werf-stage-content-digest", "werf.io/parent-stage-id"];

/// Those that every image gets.
const OURS: [&str; 4] = ["werf", "werf-project-repo-commit", "werf.io/digest", "werf.io/image"];

/// What werf 2 gives to commands while it builds, and forgets to take out of the image.
const OF_THE_BUILD: [&str; 3] = ["WERF_COMMIT_HASH", "WERF_COMMIT_TIME_HUMAN", "WERF_COMMIT_TIME_UNIX"];

/// Clears or sets one key.
fn change(map: &mut Map<String, Value>, key: &str, clear: bool, value: Option<Value>) {
    if clear {
        map.remove(key);
    }
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

/// Removes and sets variables. New values see all those that the image had, removed ones too, and none of one another.
fn change_env(image: &str, config: &mut Map<String, Value>, set: &BTreeMap<String, String>, remove: &[String]) -> Result<(), SpecError> {
    let had: BTreeMap<String, String> = env(config).into_iter().collect();
    let expand = |(name, value): (&String, &String)| match expand(value, &|name| had.get(name).cloned()) {
        Ok(value) => Ok((name.clone(), value)),
        Err(problem) => Err(SpecError { image: image.to_owned(), name: name.clone(), problem }),
    };
    let set = set.iter().map(expand).collect::<Result<BTreeMap<_, _>, _>>()?;
    let remove = Patterns::new(remove);
    let kept = env(config).into_iter().filter(|(name, _)| !remove.matches(name) && !OF_THE_BUILD.contains(&name.as_str()));
    let kept: Vec<Value> = kept.map(|(name, value)| json!(format!("{name}={value}"))).collect();
    if config.contains_key("Env") {
        config.insert("Env".into(), kept.into());
    }
    set_env(config, &set);
    Ok(())
}

/// Sets labels in an OCI inner config.
pub(super) fn set_labels(config: &mut Map<String, Value>, labels: &BTreeMap<String, String>) {
    if !labels.is_empty() {
        let map = object_in(config, "Labels");
        map.extend(labels.iter().map(|(name, value)| (name.clone(), json!(value))));
    }
}

/// Sets variables in an OCI inner config; what is there keeps its place.
pub(super) fn set_env(config: &mut Map<String, Value>, set: &BTreeMap<String, String>) {
    let mut env: Vec<(String, String)> = env(config);
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

fn remove_keys(config: &mut Map<String, Value>, key: &str, patterns: &Patterns<'_>, spare: impl Fn(&str) -> bool) {
    if let Some(Value::Object(map)) = config.get_mut(key) {
        map.retain(|name, _| spare(name) || !patterns.matches(name));
    }
}

/// Names, and what is written `/regex/` for names as a whole.
struct Patterns<'a> {
    names: &'a [String],
    expressions: Vec<Regex>,
}

impl<'a> Patterns<'a> {
    /// Expressions that are none were reported with the configuration.
    fn new(patterns: &'a [String]) -> Self {
        let expression = |pattern: &String| whole_name(pattern.strip_prefix('/')?.strip_suffix('/')?).ok();
        Patterns { names: patterns, expressions: patterns.iter().filter_map(expression).collect() }
    }

    fn matches(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name) || self.expressions.iter().any(|expression| expression.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::config::image::Healthcheck;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    fn applied(spec: &ImageSpec, mut document: Value) -> Value {
        apply("app", spec, &mut document).expect("it can be applied");
        document
    }

    /// `Env` of an image that had some, after a change.
    fn env_after(had: &[&str], set: &[(&str, &str)], remove: &[&str]) -> Vec<String> {
        let spec = ImageSpec { env: map(set), remove_env: list(remove), ..Default::default() };
        let document = applied(&spec, json!({ "config": { "Env": had } }));
        serde_json::from_value(document["config"]["Env"].clone()).expect("a list of texts")
    }

    #[test]
    fn variables_see_those_of_the_image() {
        type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str], &'a [&'a str]);
        let cases: [Case<'_>; 15] = [
            (&["PATH=/bin"], &[("PATH", "${PATH}:/x")], &[], &["PATH=/bin:/x"]),
            (&["PATH=/bin"], &[("PATH", "$PATH:/x")], &[], &["PATH=/bin:/x"]),
            (&[], &[("PATH", "${PATH}:/x")], &[], &["PATH=:/x"]),
            // New variables see none of one another.
            (&["A=1"], &[("A", "${B}2"), ("B", "${A}3")], &[], &["A=2", "B=13"]),
            // What is removed is seen still.
            (&["A=1", "B=2"], &[("C", "${A}")], &["/.*/"], &["C=1"]),
            (&["A=1"], &[("A", "${A}2")], &["A"], &["A=12"]),
            // Words of a Dockerfile.
            (&["A=1"], &[("B", r#"\$A '$A' "$A b" \\"#)], &[], &["A=1", r"B=$A $A 1 b \"]),
            (&["A=1"], &[("B", "${A:-x}${C:-y}${A:+z}")], &[], &["A=1", "B=1yz"]),
            (&["A=a/b.c"], &[("B", "${A##*/}")], &[], &["A=a/b.c", "B=b.c"]),
            (&["A=1"], &[("B", "a $ b")], &[], &["A=1", "B=a $ b"]),
            // Names are no words.
            (&["A=1"], &[("$A", "x")], &[], &["A=1", "$A=x"]),
            // For whole names.
            (&["FOO=1", "FOOD=2", "MY_FOO=3"], &[], &["/FOO/"], &["FOOD=2", "MY_FOO=3"]),
            (&["A=1", "B=2", "AB=3"], &[], &["/A|B/", "NO"], &["AB=3"]),
            (&["TMP_A=1", "A_TMP_=2", "B_TMP=3"], &[], &["/^TMP_/", "/P$/"], &["A_TMP_=2"]),
            (&["WERF_COMMIT_HASH=1", "WERF_COMMIT_TIME_HUMAN=2", "WERF_COMMIT_TIME_UNIX=3", "X=a=b"], &[], &[], &["X=a=b"]),
        ];
        for (had, set, remove, expect) in cases {
            assert_eq!(env_after(had, set, remove), expect, "{set:?} {remove:?}");
        }
        assert_eq!(applied(&ImageSpec::default(), json!({})), json!({ "config": {} }));
    }

    #[test]
    fn a_value_that_cannot_be_expanded_is_named() {
        let spec = ImageSpec { env: map(&[("A", "1"), ("B", "${NO:?wanted}")]), ..Default::default() };
        let error = apply("app", &spec, &mut json!({})).expect_err("there is no NO");
        assert_eq!(error.to_string(), "image `app`: the variable `B` of `imageSpec` cannot be expanded: NO: wanted");
        let help = error.help().map(|help| help.to_string());
        let expect = "quotes, backslashes and `$` mean in `imageSpec.config.env` what they do after ENV in a Dockerfile: write `\\$` for the sign itself";
        assert_eq!(help.as_deref(), Some(expect));
    }

    #[test]
    fn entrypoint_and_command_depend_on_one_another() {
        let base = json!({ "Entrypoint": ["/entry"], "Cmd": ["run"] });
        let (some, none, empty) = (|text: &str| Some(list(&[text])), None::<Vec<String>>, Some(Vec::new()));
        // (entrypoint, cmd, clearEntrypoint, clearCmd) → Entrypoint, Cmd
        for (entrypoint, cmd, clear_entrypoint, clear_cmd, expect) in [
            (none.clone(), none.clone(), false, false, json!([["/entry"], ["run"]])),
            (none.clone(), none.clone(), true, false, json!([null, ["run"]])),
            (none.clone(), none.clone(), false, true, json!([["/entry"], null])),
            (none.clone(), none.clone(), true, true, json!([null, null])),
            (some("/e"), none.clone(), false, false, json!([["/e"], null])),
            (some("/e"), some("c"), false, false, json!([["/e"], ["c"]])),
            (none.clone(), some("c"), false, false, json!([["/entry"], ["c"]])),
            (none.clone(), some("c"), true, false, json!([null, ["c"]])),
            (some("/e"), some("c"), true, true, json!([["/e"], ["c"]])),
            // Empty lists set nothing, but they are given.
            (some("/e"), empty.clone(), false, false, json!([["/e"], ["run"]])),
            (empty.clone(), none.clone(), false, false, json!([["/entry"], null])),
            (none.clone(), empty.clone(), false, false, json!([["/entry"], ["run"]])),
        ] {
            let spec = ImageSpec { entrypoint, cmd, clear_entrypoint, clear_cmd, ..Default::default() };
            let document = applied(&spec, json!({ "config": base }));
            assert_eq!(json!([document["config"]["Entrypoint"], document["config"]["Cmd"]]), expect, "{spec:?}");
        }
    }

    #[test]
    fn everything_else_is_removed_then_set() {
        let text = |text: &str| Some(text.to_owned());
        type Case = (ImageSpec, Value);
        let default = ImageSpec::default;
        let base = || {
            json!({
                "author": "they", "history": [{ "created_by": "x" }], "os": "linux",
                "config": {
                    "User": "u", "WorkingDir": "/w", "StopSignal": "INT", "ExposedPorts": { "1/tcp": {} },
                    "Volumes": { "/a": {}, "/b/": {}, "/ba": {} },
                    "Labels": { "foo": "1", "food": "2", "werf": "x", "werf.io/digest": "d", "werf-version": "v" },
                },
            })
        };
        let cases: [Case; 17] = [
            (default(), json!({})),
            (ImageSpec { author: text("me"), ..default() }, json!({ "author": "me" })),
            (ImageSpec { author: text(""), ..default() }, json!({})),
            (ImageSpec { clear_history: true, ..default() }, json!({ "history": null })),
            (ImageSpec { clear_user: true, ..default() }, json!({ "config": { "User": null } })),
            (ImageSpec { clear_user: true, user: text("v"), ..default() }, json!({ "config": { "User": "v" } })),
            (ImageSpec { clear_working_dir: true, ..default() }, json!({ "config": { "WorkingDir": null } })),
            (
                ImageSpec { working_dir: text("/x"), stop_signal: text("9"), ..default() },
                json!({ "config": { "WorkingDir": "/x", "StopSignal": "9" } }),
            ),
            (ImageSpec { user: text(""), working_dir: text(""), stop_signal: text(""), ..default() }, json!({})),
            (
                ImageSpec { expose: list(&["2", "3/udp"]), ..default() },
                json!({ "config": { "ExposedPorts": { "1/tcp": null, "2/tcp": {}, "3/udp": {} } } }),
            ),
            (ImageSpec { add_ports: list(&["2"]), ..default() }, json!({ "config": { "ExposedPorts": { "2/tcp": {} } } })),
            (
                ImageSpec { remove_volumes: list(&["/a", "/b/"]), volumes: list(&["/c", "/a"]), ..default() },
                json!({ "config": { "Volumes": { "/b/": null, "/c": {} } } }),
            ),
            (
                ImageSpec { remove_volumes: list(&["//b.*/"]), ..default() },
                json!({ "config": { "Volumes": { "/b/": null, "/ba": null } } }),
            ),
            (ImageSpec { remove_labels: list(&["/fo./", "werf"]), ..default() }, json!({ "config": { "Labels": { "foo": null } } })),
            (
                ImageSpec { remove_labels: list(&["/.*/"]), labels: map(&[("foo", "3"), ("bar", "4")]), ..default() },
                json!({ "config": { "Labels": { "foo": "3", "bar": "4", "food": null, "werf-version": null } } }),
            ),
            (
                ImageSpec { remove_labels: list(&["/.*/"]), keep_essential_labels: true, ..default() },
                json!({ "config": { "Labels": { "foo": null, "food": null, "werf-version": null } } }),
            ),
            (
                ImageSpec { healthcheck: Some(Healthcheck { test: list(&["CMD", "x"]), interval: 2, ..Default::default() }), ..default() },
                json!({ "config": { "Healthcheck": { "Test": ["CMD", "x"], "Interval": 2_000_000_000u64, "Timeout": 0, "StartPeriod": 0, "Retries": 0 } } }),
            ),
        ];
        for (spec, patch) in cases {
            let mut expect = base();
            merge(&mut expect, &patch);
            assert_eq!(applied(&spec, base()), expect, "{spec:?}");
        }
    }

    /// Lays a JSON merge patch (RFC 7396) over a document.
    fn merge(document: &mut Value, patch: &Value) {
        let Value::Object(patch) = patch else { return *document = patch.clone() };
        if !document.is_object() {
            *document = json!({});
        }
        let Value::Object(document) = document else { return };
        for (key, value) in patch {
            match value {
                Value::Null => drop(document.remove(key)),
                value => merge(document.entry(key).or_insert(Value::Null), value),
            }
        }
    }

    #[test]
    fn placeholders_are_filled_and_other_percent_signs_stay() {
        for (text, expect) in [
            ("%project%/%image%", "shop/web"),
            ("org.%project%.%image%", "org.shop.web"),
            ("% project %", "shop"),
            ("50% of %image%", "50% of web"),
            ("%%image%%", "%web%"),
            ("%other%", "%other%"),
            ("100%", "100%"),
            ("", ""),
        ] {
            assert_eq!(fill(text, "shop", "web"), expect, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_document_and_any_change_fit_together(text in "\\PC{0,12}", name in "[^=\0]{1,5}", pattern in "\\PC{0,6}") {
            for document in [json!(null), json!(text), json!({ "config": text }), json!({ "config": { "Env": text, "Labels": [text] } })] {
                let spec = ImageSpec {
                    env: map(&[(&name, &text)]),
                    labels: map(&[(&name, &text)]),
                    remove_env: vec![pattern.clone()],
                    remove_labels: vec![format!("/{pattern}/")],
                    ..Default::default()
                };
                let mut document = document;
                if apply("app", &spec, &mut document).is_ok() {
                    proptest::prop_assert_eq!(&document["config"]["Labels"][&name], &json!(text));
                }
            }
        }
    }
}
