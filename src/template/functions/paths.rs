//! Slash-separated paths, cleaned as Go's `path` package does.

use crate::template::call::Table;
use crate::template::value::Str;

pub(super) fn register(table: &mut Table) {
    // The operating system's paths are slash-separated wherever werf runs.
    for (name, os_name) in [("base", "osBase"), ("dir", "osDir"), ("clean", "osClean"), ("ext", "osExt"), ("isAbs", "osIsAbs")] {
        match name {
            "base" => table.add(name, |path: Str| path.through(|path| base(path).to_owned())),
            "dir" => table.add(name, |path: Str| path.through(|path| clean(&path[..path.rfind('/').map_or(0, |slash| slash + 1)]))),
            "clean" => table.add(name, |path: Str| path.through(clean)),
            "ext" => table.add(name, |path: Str| path.through(|path| ext(path).to_owned())),
            _ => table.add(name, |path: Str| path.as_bytes().starts_with(b"/")),
        }
        table.alias(os_name, name);
    }
}

fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        None | Some("") => "/",
        Some(name) => name,
    }
}

fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or("");
    name.rfind('.').map_or("", |dot| &name[dot..])
}

/// The shortest path of the same meaning, without looking at any file.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}
