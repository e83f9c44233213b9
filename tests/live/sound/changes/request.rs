//! Changes of what a build is asked for, and of what it does not see.

use std::collections::BTreeSet;

use super::{Item, Pool, Project};

pub fn arguments(pool: &mut Pool<'_>) {
    let project = pool.project;
    for (name, value) in &project.args {
        let mut other = |what: &str, value: Option<String>| {
            pool.add("argument: another value", format!("{name}={what}"), |project| match value {
                Some(value) => drop(project.args.insert(name.clone(), value)),
                None => drop(project.args.remove(name)),
            });
        };
        other("longer", Some(format!("{value}2")));
        other("empty", Some(String::new()));
        other("none", None);
        ["a", "d/a", "two", "arm64", "1"].iter().for_each(|word| other(word, Some((*word).into())));
    }
    let text = project.dockerfile_text();
    let mut declared: BTreeSet<&str> = BTreeSet::new();
    for line in text.lines().map(str::trim_start).filter(|line| line.to_ascii_uppercase().starts_with("ARG ")) {
        declared.extend(line[4..].split_whitespace().map(|word| word.split('=').next().unwrap_or_default()));
    }
    for name in declared.into_iter().filter(|name| !project.args.contains_key(*name)) {
        for value in ["a", "given"] {
            pool.add("argument: given", format!("{name}={value}"), |project| drop(project.args.insert(name.into(), value.into())));
        }
    }
    for name in ["NOBODY", "SRC", "TARGETARCH", "BUILDKIT_CONTEXT_KEEP_GIT_DIR"] {
        if !project.args.contains_key(name) && !text.contains(&format!("ARG {name}")) {
            pool.add("argument: undeclared", name, |project| drop(project.args.insert(name.into(), "1".into())));
        }
    }
}

pub fn ignored(pool: &mut Pool<'_>) {
    let project = pool.project;
    let own = format!("{}.dockerignore", project.dockerfile);
    let path = if project.files.contains_key(&own) { own.clone() } else { ".dockerignore".to_owned() };
    let text = match project.files.get(&path) {
        Some(Item::File(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(_) => return,
        None => String::new(),
    };
    let write = |project: &mut Project, text: String| project.put(path.clone(), Item::text(text));
    let mut patterns: BTreeSet<String> =
        ["*", "**", "nothing-here", "**/x", "*.md", "**/*.txt", "!a", "!**/x", "/", "d/*", "*/b"].map(str::to_owned).into();
    patterns.extend(project.files.keys().filter_map(|path| path.split('/').next()).map(str::to_owned));
    // Of a file that a pattern takes, an exception brings back and the same pattern takes again, BuildKit sends the name alone: what its
    // content is then depends on what the daemon has from an earlier build.
    for pattern in patterns.into_iter().filter(|pattern| text.lines().all(|line| line != pattern)) {
        pool.add("ignore: a pattern more", pattern.clone(), |project| write(project, format!("{text}{pattern}\n")));
    }
    pool.add("ignore: the Dockerfile's own file", "*", |project| project.put(own, Item::text("*\n")));
    if text.is_empty() {
        return;
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for (at, line) in lines.iter().enumerate() {
        let place = format!("line {}: {}", at + 1, line.trim_end());
        pool.add("ignore: a pattern less", place.clone(), |project| write(project, [&lines[..at], &lines[at + 1..]].concat().concat()));
        if at > 0 {
            pool.add("ignore: in another order", place.clone(), |project| {
                let mut lines = lines.clone();
                lines.swap(at - 1, at);
                write(project, lines.concat());
            });
        }
        pool.add("ignore: a comment", place.clone(), |project| {
            write(project, [&lines[..at], &["# a comment\n\n"], &lines[at..]].concat().concat())
        });
        pool.add("ignore: with a slash", place, |project| {
            let slashed = line.strip_prefix('!').map_or_else(|| format!("/{line}"), |rest| format!("!/{rest}"));
            write(project, [&lines[..at], &[slashed.as_str()], &lines[at + 1..]].concat().concat());
        });
    }
}

pub fn request(pool: &mut Pool<'_>) {
    for platform in ["linux/arm64", "linux/amd64"] {
        pool.add("request: platform", platform, |project| project.platform = Some(platform.into()));
    }
    let text = pool.project.dockerfile_text();
    let named = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words.len() >= 4 && words[0].eq_ignore_ascii_case("from")).then(|| words[words.len() - 1].to_owned())
    };
    let names: BTreeSet<String> = text.lines().filter_map(named).chain(["nobody".into()]).collect();
    for name in names {
        pool.add("request: target", name.clone(), |project| project.target = Some(name));
    }
    for secret in &pool.project.secrets.clone() {
        pool.add("request: secret", secret, |project| project.secrets.retain(|id| id != secret));
    }
    // commands may read the names of hosts, and nobody knows which do
    if !text.to_ascii_uppercase().contains("RUN") || text.contains("/etc/hosts") {
        pool.add("request: host", "added", |project| project.hosts.push("added:10.0.0.9".into()));
    }
}
