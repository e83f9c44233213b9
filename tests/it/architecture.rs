//! The house's arrows: which room, and which floor of a room, may use which. The table here is the one in the crate's documentation, held
//! against the source: every path that begins with `crate`, `self` or `super` is followed to the file that it leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Each room, or floor of one, and those that its files may use. It may always use itself. Below a floor that is named here its parts are
/// one; a room's files beside its floors are a floor too, under the room's own name.
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
    ("words", &[]),
    ("secret", &["yaml"]),
    ("net", &["error", "event"]),
    ("template", &["file_tree", "yaml"]),
    ("project/document", &["yaml"]),
    ("project/config", &["file_tree", "glob", "yaml", "template", "project/document", "project/giterminism"]),
    ("project/giterminism", &["file_tree", "glob", "project/document"]),
    ("project/git", &["file_tree", "project/giterminism"]),
    ("project/git/remote", &["cache_file", "child_process", "error", "event", "file_tree", "project/git", "net"]),
    ("project/includes", &["file_tree", "glob", "yaml", "project/config/image", "project/document"]),
    ("project/slug", &["template", "project/config/meta"]),
    ("registry", &["child_process", "event", "platform", "private_file", "net"]),
    ("chart_repository", &["cache_file", "event", "private_file", "registry", "template", "net", "yaml"]),
    ("images/llb", &["platform"]),
    ("glob", &[]),
    ("images/git_layers", &["cache_file", "file_tree", "platform", "glob"]),
    ("images/dockerfile", &["file_tree", "platform", "glob"]),
    ("images/image", &["file_tree", "platform", "project/config", "images/llb", "glob", "images/dockerfile", "images/git_layers"]),
    ("images/buildkit", &["child_process", "error", "event", "file_tree", "platform", "net", "images/llb"]),
    ("ci", &[]),
    ("cleanup", &["error", "file_tree", "project/config", "registry/reference"]),
    ("chart/compat", &[]),
    ("chart/files", &["chart/compat", "file_tree", "template", "yaml"]),
    ("chart/values", &["chart/compat", "chart/files", "file_tree", "secret", "template", "yaml"]),
    ("chart/render", &["chart/compat", "chart/files", "chart/values", "file_tree", "secret", "template", "yaml"]),
    ("chart/manifests", &["chart/compat", "chart/files", "chart/values", "chart/render", "kinds", "template", "yaml"]),
    ("chart/lint", &["chart/compat", "chart/files", "chart/values", "chart/render", "chart/manifests", "template", "yaml"]),
    ("chart", &["chart/compat", "chart/files", "chart/manifests", "yaml"]),
    ("deploy/resource", &["kinds"]),
    ("deploy/schema", &["yaml", "deploy/resource"]),
    ("deploy/plan", &["kinds", "yaml", "deploy/resource"]),
    (
        "deploy/cluster",
        &["cache_file", "child_process", "error", "event", "net", "private_file", "yaml", "kinds", "deploy/resource", "deploy/plan"],
    ),
    (
        "ops",
        &[
            "child_process",
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
    ("main", &["cli", "images/buildkit/embedded"]),
    ("lib", &[]),
];

/// What everybody may use.
const BY_ALL: &str = "words";

#[test]
fn every_arrow_is_in_the_table_and_every_arrow_of_the_table_is_used() {
    let house = House::read();
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let room = |module: &str| allowed.keys().copied().filter(|room| within(module, room)).max_by_key(|room| room.len());
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for (file, module, targets) in house.uses() {
        let Some(from) = room(&module) else {
            // a file that only declares the rooms below it, such as src/deploy/mod.rs
            assert!(targets.iter().all(|target| within(target, &module)), "src/{file} belongs to no room of the table and uses others");
            continue;
        };
        for target in targets.iter().filter(|target| *target != "lib" && !within(target, BY_ALL)) {
            let may = allowed[from].iter().copied().filter(|allowed| within(target, allowed)).max_by_key(|allowed| allowed.len());
            match may {
                Some(to) => drop(used.insert((from, to))),
                None if room(target) == Some(from) => {}
                // a room's door hands on what lies on its floors
                None if file == format!("{from}/mod.rs") && within(target, from) => {}
                None => wrong.push(format!("src/{file}: {from} → {target}")),
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that the table does not have:\n{}", wrong.join("\n"));
    let all = MAY_USE.iter().flat_map(|(from, targets)| targets.iter().map(move |to| (*from, *to)));
    let unused: Vec<String> = all.filter(|arrow| !used.contains(arrow)).map(|(from, to)| format!("{from} → {to}")).collect();
    assert!(unused.is_empty(), "arrows of the table that nothing uses:\n{}", unused.join("\n"));
}

#[test]
fn no_arrow_leads_back() {
    let rooms = || MAY_USE.iter().map(|(room, _)| *room);
    // the room that a place is or lies in; all rooms of a place that only holds some
    let of = |place: &'static str| -> Vec<&str> {
        let around = rooms().filter(|room| within(place, room)).max_by_key(|room| room.len());
        around.map_or_else(|| rooms().filter(|room| within(room, place)).collect(), |room| vec![room])
    };
    let allowed: BTreeMap<&str, &[&'static str]> = MAY_USE.iter().copied().collect();
    for start in rooms() {
        let (mut seen, mut ahead) = (BTreeSet::new(), allowed[start].to_vec());
        while let Some(next) = ahead.pop() {
            for room in of(next) {
                assert_ne!(room, start, "what {start} uses comes back to it by way of {seen:?}");
                if seen.insert(room) {
                    ahead.extend(allowed[room]);
                }
            }
        }
    }
}

#[test]
fn only_the_edges_touch_the_world() {
    let mut wrong = Vec::new();
    for (path, text) in House::read().files {
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

/// The text up to its unit tests: those may do what they need.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// The files of the crate, tests left out, by their paths below `src`.
struct House {
    files: BTreeMap<String, String>,
    /// Their modules: `images/llb` for `images/llb/mod.rs`.
    modules: BTreeSet<String>,
}

impl House {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut paths = Vec::new();
        walk(&root, &mut paths);
        let named = paths.into_iter().map(|path| (path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned(), path));
        let files: BTreeMap<String, String> = named
            .filter(|(name, _)| !(name.ends_with("/tests.rs") || name.contains("/tests/")))
            .map(|(name, path)| (name, fs::read_to_string(path).expect("a source file is readable")))
            .collect();
        let modules = files.keys().map(|file| module_of(file)).collect();
        House { files, modules }
    }

    /// Each file with its module and the modules of others that it names.
    fn uses(&self) -> impl Iterator<Item = (String, String, BTreeSet<String>)> {
        self.files.iter().map(|(file, text)| {
            let module = module_of(file);
            let mut paths =
                Paths { at: if module == "lib" { Vec::new() } else { module.split('/').map(str::to_owned).collect() }, found: Vec::new() };
            paths.visit_file(&syn::parse_file(text).expect("a source file is Rust"));
            let targets = paths.found.iter().map(|path| self.module_at(path)).filter(|target| *target != module);
            (file.clone(), module.clone(), targets.collect())
        })
    }

    /// The module that a path of names leads into: `images/llb` for `images::llb::State::new`.
    fn module_at(&self, path: &[String]) -> String {
        let ends = (1..=path.len()).rev();
        ends.map(|end| path[..end].join("/")).find(|module| self.modules.contains(module)).unwrap_or_else(|| "lib".to_owned())
    }
}

fn module_of(file: &str) -> String {
    file.trim_end_matches(".rs").trim_end_matches("/mod").to_owned()
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(dir).expect("src is readable").map(|entry| entry.expect("an entry").path());
    for path in entries {
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The paths of a file that begin with `crate`, `self` or `super`, from the crate's root.
struct Paths {
    at: Vec<String>,
    found: Vec<Vec<String>>,
}

impl Paths {
    fn follow(&mut self, names: &[String]) {
        let mut path = match names.first().map(String::as_str) {
            // so the binary calls the library
            Some("crate" | "werf") => Vec::new(),
            Some("self" | "super") => self.at.clone(),
            _ => return,
        };
        for name in names {
            match name.as_str() {
                "crate" | "werf" | "self" => {}
                "super" => drop(path.pop()),
                _ => path.push(name.clone()),
            }
        }
        self.found.push(path);
    }

    fn follow_tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.follow_tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.follow(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.follow(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.follow(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.follow_tree(tree, before)),
        }
    }

    /// Paths in what a macro is given.
    fn follow_tokens(&mut self, tokens: TokenStream) {
        let (mut names, mut is_joined): (Vec<String>, bool) = (Vec::new(), false);
        for token in tokens {
            let joins = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == ':');
            match token {
                TokenTree::Ident(name) if is_joined => names.push(name.to_string()),
                TokenTree::Ident(name) => self.follow(&std::mem::replace(&mut names, vec![name.to_string()])),
                TokenTree::Group(group) => self.follow_tokens(group.stream()),
                _ => {}
            }
            is_joined = joins;
        }
        self.follow(&names);
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.follow_tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.follow(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // says who may see it, and uses nothing
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.follow_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg")) {
            // unit tests may use what they need
            return;
        }
        self.at.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.at.pop();
    }
}
