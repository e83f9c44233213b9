//! Changes of the files and folders of a context.

use super::{Item, Pool, Project, is_below};

pub fn files(pool: &mut Pool<'_>) {
    let project = pool.project;
    for (path, item) in pool.content() {
        let with = |bytes: Vec<u8>| match item {
            Item::Program(_) => Item::Program(bytes),
            _ => Item::File(bytes),
        };
        if let Item::File(bytes) | Item::Program(bytes) = item {
            pool.add("file: more content", path, |project| project.put(path, with([bytes, &b"more\n"[..]].concat())));
            if let [first, rest @ ..] = bytes.as_slice() {
                pool.add("file: a byte", path, |project| project.put(path, with([&[first ^ 1], rest].concat())));
            }
            pool.add("file: emptied", path, |project| project.put(path, with(Vec::new())));
            pool.add("file: may be executed or not", path, |project| {
                let bytes = bytes.clone();
                project.put(path, if matches!(item, Item::File(_)) { Item::Program(bytes) } else { Item::File(bytes) });
            });
            pool.add("file: becomes something else", path, |project| {
                let real = format!("{path}.real");
                project.put(path, Item::Link(real.rsplit('/').next().unwrap_or_default().to_owned()));
                project.put(real, item.clone());
            });
        }
        pool.add("file: gone", path, |project| drop(project.files.remove(path)));
        pool.add("file: another name", path, |project| {
            project.files.remove(path);
            project.put(format!("{path}2"), item.clone());
        });
        pool.add("file: becomes something else", path, |project| project.put(format!("{path}/inside"), item.clone()));
    }
    for place in pool.folders().into_iter().chain([""]) {
        for name in ["added", "added.txt", ".hidden", "a", "x", "zz.md"] {
            let path = if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") };
            if !project.files.contains_key(&path) && !project.files.keys().any(|other| is_below(other, &path)) {
                pool.add("file: added", path.clone(), |project| project.put(path, Item::text("added\n")));
            }
        }
    }
}

pub fn links(pool: &mut Pool<'_>) {
    let targets: Vec<String> = pool.content().iter().map(|(path, _)| format!("/{path}")).chain(["/nowhere".into(), ".".into()]).collect();
    for (path, item) in pool.content() {
        let Item::Link(target) = item else { continue };
        for other in &targets {
            pool.add("link: another target", format!("{path} -> {other}"), |project| project.put(path, Item::Link(other.clone())));
        }
        pool.add("link: another target", path, |project| project.put(path, Item::Link(format!("./{target}"))));
        pool.add("link: becomes a file", path, |project| project.put(path, Item::text("no link\n")));
    }
}

pub fn folders(pool: &mut Pool<'_>) {
    for folder in pool.folders() {
        let inside = |path: &str| is_below(path, folder);
        pool.add("folder: gone", folder, |project| project.files.retain(|path, _| !inside(path)));
        pool.add("folder: moved", folder, |project| moved(project, folder, &format!("{folder}-2")));
        pool.add("folder: moved", folder, |project| {
            moved(project, folder, &format!("{folder}-real"));
            project.put(folder, Item::Link(format!("{}-real", folder.rsplit('/').next().unwrap_or_default())));
        });
    }
}

fn moved(project: &mut Project, from: &str, to: &str) {
    let all = std::mem::take(&mut project.files);
    let path = |path: String| if is_below(&path, from) { format!("{to}{}", &path[from.len()..]) } else { path };
    project.files = all.into_iter().map(|(old, item)| (path(old), item)).collect();
}
