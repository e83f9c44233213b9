//! `imageSpec`, and the old `docker` directive folded into it.

use super::context::Context;
use super::image::{Healthcheck, ImageSpec, whole_name};
use crate::project::document::{Fields, Text};
use crate::yaml::Node;

/// `imageSpec` of an image.
pub(super) fn read(fields: Fields<'_>) -> ImageSpec {
    let mut spec = ImageSpec {
        author: fields.string("author"),
        clear_history: fields.bool("clearHistory").unwrap_or_default(),
        ..ImageSpec::default()
    };
    if let Some(config) = fields.fields("config") {
        read_config(&config, &mut spec);
        config.finish();
    }
    fields.finish();
    spec
}

/// `build.imageSpec` of the meta document, which knows fewer keys.
pub(super) fn read_global(_: &Context<'_>, fields: Fields<'_>) -> ImageSpec {
    let mut spec = ImageSpec {
        author: fields.string("author"),
        clear_history: fields.bool("clearHistory").unwrap_or_default(),
        ..ImageSpec::default()
    };
    if let Some(config) = fields.fields("config") {
        read_labels(&config, &mut spec);
        config.finish();
    }
    fields.finish();
    spec
}

fn read_labels(config: &Fields<'_>, spec: &mut ImageSpec) {
    spec.labels = config.map("labels").into_iter().map(|(name, value)| (name.text, value.text)).collect();
    spec.remove_labels = read_patterns(config, "removeLabels");
    spec.keep_essential_labels = config.bool("keepEssentialWerfLabels").unwrap_or_default();
    // Removed werf's labels in werf 2 and does nothing since; `removeLabels` says it now.
    config.bool("clearWerfLabels");
}

fn read_config(config: &Fields<'_>, spec: &mut ImageSpec) {
    read_labels(config, spec);
    spec.cmd = config.value("cmd").map(|_| config.strings("cmd"));
    spec.entrypoint = config.value("entrypoint").map(|_| config.strings("entrypoint"));
    spec.env = config.map("env").into_iter().map(|(name, value)| (name.text, value.text)).collect();
    spec.expose = config.strings("expose");
    spec.volumes = config.strings("volumes");
    spec.user = config.string("user");
    spec.working_dir = config.string("workingDir");
    spec.stop_signal = config.string("stopSignal");
    spec.healthcheck = config.fields("healthcheck").map(read_healthcheck);
    spec.remove_env = read_patterns(config, "removeEnv");
    spec.remove_volumes = read_patterns(config, "removeVolumes");
    spec.clear_cmd = config.bool("clearCmd").unwrap_or_default();
    spec.clear_entrypoint = config.bool("clearEntrypoint").unwrap_or_default();
    spec.clear_user = config.bool("clearUser").unwrap_or_default();
    spec.clear_working_dir = config.bool("clearWorkingDir").unwrap_or_default();
}

/// Names, or `/regex/`.
fn read_patterns(config: &Fields<'_>, key: &'static str) -> Vec<String> {
    let checked = config.texts(key).into_iter().map(|pattern| {
        let expression = pattern.text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        if let Some(Err(error)) = expression.map(whole_name) {
            let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let help = "write a name, or between slashes an expression for whole names, such as `/FOO_.*/`".to_owned();
            config.problem(pattern.node, format!("`{}` of `{key}` is not a regular expression", pattern.text), reason, help);
        }
        pattern.text
    });
    checked.collect()
}

fn read_healthcheck(fields: Fields<'_>) -> Healthcheck {
    let number = |key| fields.int(key).unwrap_or_default().max(0) as u64;
    let check = Healthcheck {
        test: fields.strings("test"),
        interval: number("interval"),
        timeout: number("timeout"),
        start_period: number("startPeriod"),
        retries: number("retries"),
    };
    fields.finish();
    check
}

/// The keys of `imageSpec` that say what those of a `docker` directive do.
pub(super) fn instead_of_docker(docker: &Node) -> String {
    const KEYS: [(&str, &str); 9] = [
        ("VOLUME", "volumes"),
        ("EXPOSE", "expose"),
        ("ENV", "env"),
        ("LABEL", "labels"),
        ("CMD", "cmd"),
        ("ENTRYPOINT", "entrypoint"),
        ("WORKDIR", "workingDir"),
        ("USER", "user"),
        ("HEALTHCHECK", "healthcheck"),
    ];
    let keys = KEYS.into_iter().filter(|(old, _)| docker.get(old).is_some()).map(|(_, new)| format!("{new}: …"));
    format!("`imageSpec: {{config: {{{}}}}}`", keys.collect::<Vec<_>>().join(", "))
}

/// The old `docker` directive: Dockerfile instructions as keys.
pub(super) fn read_docker(docker: Fields<'_>, spec: &mut ImageSpec) {
    spec.volumes.extend(docker.strings("VOLUME"));
    spec.add_ports.extend(docker.strings("EXPOSE"));
    let exact = docker.bool("exactValues").unwrap_or_default();
    let value = |value: String| if exact { without_quoting(&value) } else { value };
    spec.env.extend(docker.map("ENV").into_iter().map(|(name, text)| (name.text, value(text.text))));
    spec.labels.extend(docker.map("LABEL").into_iter().map(|(name, value)| (name.text, value.text)));
    let command = |key| docker.value(key).map(|node| read_command(&docker, key, node));
    spec.entrypoint = command("ENTRYPOINT").or(spec.entrypoint.take());
    spec.cmd = command("CMD").or(spec.cmd.take());
    spec.working_dir = docker.string("WORKDIR").or(spec.working_dir.take());
    spec.user = docker.string("USER").or(spec.user.take());
    if let Some(text) = docker.text("HEALTHCHECK") {
        spec.healthcheck = parse_healthcheck(&docker, &text).or(spec.healthcheck.take());
    }
    docker.finish();
}

/// A word of a Dockerfile that expands to a text whose variables alone mean something.
fn without_quoting(text: &str) -> String {
    text.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!matches!(c, '\\' | '"' | '\'')))).collect()
}

/// A list is a command; a text is one for the shell, unless it is a JSON list as in a Dockerfile.
fn read_command(docker: &Fields<'_>, key: &'static str, node: &Node) -> Vec<String> {
    match node.as_str() {
        None => docker.strings(key),
        Some(text) => match serde_json::from_str(text) {
            Ok(command) => command,
            Err(_) => vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()],
        },
    }
}

/// `NONE`, or options and `CMD` with a command, as a Dockerfile has it.
fn parse_healthcheck(docker: &Fields<'_>, text: &Text<'_>) -> Option<Healthcheck> {
    let mut check = Healthcheck::default();
    let mut rest = text.text.trim();
    if rest.eq_ignore_ascii_case("none") {
        check.test = vec!["NONE".to_owned()];
        return Some(check);
    }
    let wrong = |what: &str| {
        let help = "for example `HEALTHCHECK: --interval=5s --timeout=3s CMD curl -f http://localhost/`".to_owned();
        docker.problem(text.node, format!("`HEALTHCHECK` has {what}"), "cannot be read", help);
        None
    };
    while let Some(option) = rest.strip_prefix("--") {
        let (option, after) = option.split_once(char::is_whitespace).unwrap_or((option, ""));
        rest = after.trim_start();
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let seconds = || crate::words::duration::parse(value).map(|duration| duration.as_secs());
        let known = match name {
            "interval" => seconds().map(|seconds| check.interval = seconds),
            "timeout" => seconds().map(|seconds| check.timeout = seconds),
            "start-period" => seconds().map(|seconds| check.start_period = seconds),
            "retries" => value.parse().ok().map(|retries| check.retries = retries),
            _ => None,
        };
        if known.is_none() {
            return wrong(&format!("an option that cannot be read: `--{option}`"));
        }
    }
    let Some(command) = rest.strip_prefix("CMD").filter(|command| command.starts_with([' ', '\t'])) else {
        return wrong("no `CMD`");
    };
    let command = command.trim();
    check.test = match serde_json::from_str::<Vec<String>>(command) {
        Ok(words) => std::iter::once("CMD".to_owned()).chain(words).collect(),
        Err(_) => vec!["CMD-SHELL".to_owned(), command.to_owned()],
    };
    Some(check)
}
