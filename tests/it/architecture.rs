//! The house's arrows: which room may use which. The table here is the one in the crate's documentation, held against the source.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that its files may name after `crate::`. A room may always use itself.
const MAY_USE: &[(&str, &[&str])] = &[
    ("cache_file", &[]),
    ("child_process", &[]),
    ("concealed", &[]),
    ("error", &[]),
    ("event", &[]),
    ("file_tree", &[]),
    ("kinds", &[]),
    ("platform", &[]),
    ("private_file", &[]),
    ("yaml", &[]),
    ("secret", &["error", "yaml"]),
    ("net", &["error", "event"]),
    ("template", &["file_tree", "yaml"]),
    ("project/document", &["yaml"]),
    ("project/config", &["error", "file_tree", "glob", "yaml", "template", "project/document", "project/giterminism"]),
    ("project/giterminism", &["error", "event", "file_tree", "glob", "yaml", "project/document"]),
    ("project/git", &["error", "file_tree", "project/giterminism"]),
    ("project/git/remote", &["cache_file", "child_process", "error", "event", "file_tree", "project/git", "net"]),
    ("project/includes", &["file_tree", "glob", "yaml", "project/config/image", "project/document"]),
    ("project/slug", &["error", "template", "project/config/meta"]),
    ("registry", &["child_process", "error", "event", "platform", "private_file", "net"]),
    ("chart_repository", &["cache_file", "event", "private_file", "registry", "template", "net", "yaml"]),
    ("images/llb", &["platform"]),
    ("glob", &[]),
    ("images/git_layers", &["cache_file", "error", "file_tree", "platform", "glob", "images/llb"]),
    ("images/dockerfile", &["error", "file_tree", "platform", "glob", "images/llb"]),
    (
        "images/image",
        &[
            "error",
            "file_tree",
            "platform",
            "project/config",
            "registry/reference",
            "images/llb",
            "glob",
            "images/dockerfile",
            "images/git_layers",
        ],
    ),
    ("images/buildkit", &["error", "event", "file_tree", "platform", "net", "images/llb"]),
    ("ci", &[]),
    ("cleanup", &["error", "file_tree", "project/config", "registry/reference"]),
    ("chart", &["error", "file_tree", "kinds", "yaml", "template", "secret", "registry/reference"]),
    ("deploy/resource", &["error", "kinds", "yaml"]),
    ("deploy/schema", &["yaml", "deploy/resource"]),
    ("deploy/plan", &["error", "kinds", "yaml", "deploy/resource"]),
    (
        "deploy/cluster",
        &["cache_file", "child_process", "error", "event", "net", "private_file", "yaml", "kinds", "deploy/resource", "deploy/plan"],
    ),
    (
        "ops",
        &[
            "concealed",
            "error",
            "event",
            "file_tree",
            "kinds",
            "platform",
            "yaml",
            "template",
            "net",
            "glob",
            "project",
            "registry",
            "chart_repository",
            "images",
            "ci",
            "cleanup",
            "chart",
            "deploy",
            "private_file",
            "secret",
        ],
    ),
    ("ui", &["concealed", "error", "event"]),
    ("cli", &["error", "event", "ops", "ui"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

#[test]
fn every_arrow_is_in_the_table() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let Some((room, targets)) = allowed.iter().filter(|(room, _)| within(module, room)).max_by_key(|(room, _)| room.len()) else {
            // a file that only declares the rooms below it, such as src/images/mod.rs
            assert!(!text.contains("crate::"), "src/{path} belongs to no room of the table and uses others");
            continue;
        };
        for target in uses(&text) {
            let fine = within(&target, room) || targets.iter().any(|allowed| within(&target, allowed));
            if !fine {
                wrong.push(format!("src/{path}: {room} → {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that the table does not have:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_edges_touch_the_world() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let code = without_tests(&text);
        let forbidden: &[(&str, &[&str])] = &[
            ("println!", &["ui/"]),
            ("eprintln!", &["ui/"]),
            ("std::env::var", &["cli/env.rs"]),
            ("env::set_var", &[]),
            ("SystemTime::now", &["ops/", "ui/", "registry/", "deploy/cluster/", "images/buildkit/", "project/git/"]),
        ];
        for (word, homes) in forbidden {
            let used = code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
            if used && !homes.iter().any(|home| path.starts_with(home)) {
                wrong.push(format!("src/{path}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "the world is touched in:\n{}", wrong.join("\n"));
}

fn within(module: &str, room: &str) -> bool {
    module == room || module.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'))
}

/// The modules named by `crate::a::b…`, as `a/b/c`, lower-case segments only (types and functions end a path).
fn uses(text: &str) -> Vec<String> {
    let code = without_tests(text);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let joined = lines.collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in joined.match_indices("crate::") {
        let rest = &joined[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let group = group.split('}').next().unwrap_or_default();
            found.extend(group.split(',').map(|part| module_path(part.trim())));
        } else {
            found.push(module_path(rest));
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

fn module_path(text: &str) -> String {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let parts = text[..end].split("::").take_while(|part| part.starts_with(|c: char| c.is_ascii_lowercase()));
    parts.collect::<Vec<_>>().join("/")
}

/// The text up to its unit tests: those may build what they need.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let is_tests = |path: &String| path.ends_with("/tests.rs") || path.contains("/tests/");
    files
        .into_iter()
        .map(|path| (path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned(), path))
        .filter(|(name, _)| !is_tests(name))
        .map(|(name, path)| (name, fs::read_to_string(path).expect("a source file is readable")))
        .collect()
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).expect("src is readable").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
