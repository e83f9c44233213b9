//! A chart from the files of a tree: directories, archives below `charts/`, `.helmignore`.
//!
//! Follows Helm 3's loader; the project's own chart may lack a Chart.yaml, as in werf.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use super::error::{ChartError, TableError};
use super::ignore;
use super::metadata::{self, Defaults};
use super::model::{Chart, File};
use super::table;
use crate::file_tree::{Entry, FileTree, Mode, ReadError, shown, text_of_bytes};
use crate::yaml::{self, Node};

const IGNORE_FILE: &str = ".helmignore";
const MAX_FILE: usize = 5 << 20;
const MAX_ARCHIVE: usize = 100 << 20;
/// Bytes of all archives of a chart together, those inside of others included.
const MAX_UNPACKED: usize = 200 << 20;
/// Charts inside of one another.
const MAX_DEPTH: usize = 32;
/// Files of a chart, those counted several times that links lead to several times.
const MAX_FILES: usize = 50_000;
/// Links to directories that are followed.
const MAX_LINKS: usize = 2_000;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Loads the chart in a directory of a tree, with its subcharts.
pub fn load(tree: &dyn FileTree, dir: &str, defaults: &Defaults) -> Result<Chart, ChartError> {
    let dir = dir.trim_matches('/');
    let read = |entry: &Entry| match entry.mode {
        Mode::Symlink => Ok(tree.read(&entry.path)?.unwrap_or_default()),
        _ => tree.blob(entry),
    };
    loop {
        let mut walk = Walk { tree, found: Vec::new(), above: vec![dir.to_owned()], links: 0 };
        walk.collect(dir, "")?;
        let kept = kept(walk.found, dir, read)?;
        let wanted: Vec<&Entry> = kept.files.iter().map(|(_, entry)| entry).collect();
        if !tree.fetch(&wanted)? {
            return contents(kept, dir, read, defaults);
        }
    }
}

/// Loads a chart from files that the caller has found: their names in the chart, and what `read` knows them by. Files that
/// `.helmignore` names are not read. `path` is where the chart stands, for errors.
pub fn load_files<E>(
    files: Vec<(String, E)>,
    path: &str,
    read: impl Fn(&E) -> Result<Arc<[u8]>, ReadError>,
    defaults: &Defaults,
) -> Result<Chart, ChartError> {
    contents(kept(files, path, &read)?, path, read, defaults)
}

/// The files of a chart that `.helmignore` does not name, and the bytes of that file, which is read once.
struct Kept<E> {
    files: Vec<(String, E)>,
    ignored: Option<Arc<[u8]>>,
}

fn kept<E>(mut files: Vec<(String, E)>, path: &str, read: impl Fn(&E) -> Result<Arc<[u8]>, ReadError>) -> Result<Kept<E>, ChartError> {
    if files.is_empty() {
        return Err(ChartError::NoChart { dir: path.to_owned() });
    }
    files.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
    let ignored = files.iter().find(|(name, _)| name == IGNORE_FILE).map(|(_, entry)| read(entry)).transpose()?;
    let rules = ignore::parse(&text_of_bytes(ignored.as_deref().unwrap_or_default()))
        .map_err(|cause| ChartError::Ignore { path: join(path, IGNORE_FILE), cause })?;
    files.retain(|(name, _)| !rules.ignores(name));
    Ok(Kept { files, ignored })
}

fn contents<E>(
    kept: Kept<E>,
    path: &str,
    read: impl Fn(&E) -> Result<Arc<[u8]>, ReadError>,
    defaults: &Defaults,
) -> Result<Chart, ChartError> {
    let mut contents = Vec::new();
    for (name, entry) in &kept.files {
        let data = match &kept.ignored {
            Some(ignored) if name == IGNORE_FILE => ignored.clone(),
            _ => read(entry)?,
        };
        if data.len() > MAX_FILE {
            return Err(ChartError::TooLarge { path: join(path, name), size: data.len(), limit: MAX_FILE });
        }
        contents.push(file(name, data));
    }
    assemble(contents, path, defaults, &mut Room::new())
}

/// Loads a chart from a `.tgz` archive. `path` is where it stands, for errors.
pub fn load_archive(archive: &[u8], path: &str, defaults: &Defaults) -> Result<Chart, ChartError> {
    let mut room = Room::new();
    assemble(unpack_into(archive, path, &mut room)?, path, defaults, &mut room)
}

/// How deep a chart may be nested, and how many bytes its archives may still unpack to, those inside of one another together.
struct Room {
    depth: usize,
    bytes: usize,
}

impl Room {
    fn new() -> Self {
        Room { depth: 0, bytes: MAX_UNPACKED }
    }
}

/// Lists the files below a directory with their paths in the chart, following links to directories inside the tree.
struct Walk<'t> {
    tree: &'t dyn FileTree,
    found: Vec<(String, Entry)>,
    /// The directories that links have led to, on the way to the present place, with the chart's own.
    above: Vec<String>,
    links: usize,
}

impl Walk<'_> {
    fn collect(&mut self, dir: &str, inside: &str) -> Result<(), ChartError> {
        let tree = self.tree;
        for entry in tree.list(dir)?.iter() {
            let name = entry.path.strip_prefix(dir).unwrap_or(&entry.path).trim_start_matches('/');
            let name = join(inside, name);
            match entry.mode {
                Mode::Directory => {}
                Mode::Symlink if tree.read(&entry.path)?.is_none() => {
                    let target = text_of_bytes(&tree.blob(entry)?).into_owned();
                    let Some(target) = resolve_link(&entry.path, &target) else { continue };
                    let holds = |above: &String| target == *above || is_inside(above, &target);
                    if is_inside(&entry.path, &target) || self.above.iter().any(holds) {
                        return Err(ChartError::LinkInCircle { path: shown(&entry.path), target: shown(&target) });
                    }
                    self.links += 1;
                    self.room(&entry.path)?;
                    self.above.push(target.clone());
                    self.collect(&target, &name)?;
                    self.above.pop();
                }
                _ => {
                    self.found.push((name, entry.clone()));
                    self.room(&entry.path)?;
                }
            }
        }
        Ok(())
    }

    fn room(&self, path: &str) -> Result<(), ChartError> {
        match self.found.len() > MAX_FILES || self.links > MAX_LINKS || self.above.len() > MAX_DEPTH {
            true => Err(ChartError::TooMany { path: shown(path), files: MAX_FILES, links: MAX_LINKS }),
            false => Ok(()),
        }
    }
}

/// Whether a path lies below a directory.
fn is_inside(path: &str, dir: &str) -> bool {
    dir.is_empty() || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

/// The path that a link means, or `None` where it leaves the tree.
fn resolve_link(link: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn file(name: &str, data: Arc<[u8]>) -> File {
    let data = data.strip_prefix(BOM).map(Arc::from).unwrap_or(data);
    File { name: name.into(), data }
}

fn assemble(files: Vec<File>, path: &str, defaults: &Defaults, room: &mut Room) -> Result<Chart, ChartError> {
    if room.depth > MAX_DEPTH {
        return Err(ChartError::TooDeep { path: shown(path), limit: MAX_DEPTH });
    }
    let at = |name: &str| join(path, name);
    let node = |file: &File| -> Result<Node, ChartError> {
        let yaml = |cause: yaml::YamlError| ChartError::Yaml {
            path: at(&file.name),
            cause: TableError::Yaml(Box::new(cause.with_name(at(&file.name)))),
        };
        yaml::text(&file.data).and_then(yaml::parse).map_err(yaml)
    };
    let problem = |name: &str| {
        let path = at(name);
        move |problem: String| ChartError::Metadata { path, problem, help: None }
    };
    let mut chart = Chart { path: path.into(), ..Chart::default() };
    match files.iter().find(|file| &*file.name == "Chart.yaml") {
        Some(file) => chart.metadata = metadata::parse(&node(file)?).map_err(problem("Chart.yaml"))?,
        None if defaults.name.is_none() => return Err(ChartError::NoChartYaml { path: path.to_owned() }),
        None => {}
    }
    let mut subcharts: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for file in files {
        let name = file.name.clone();
        match &*name {
            "Chart.yaml" => {}
            "Chart.lock" | "requirements.lock" => {
                let value = yaml::to_json(&node(&file)?).map_err(|error| problem(&name)(error.message))?;
                chart.lock = Some(value);
                if &*name == "requirements.lock" && is_v1(&chart) {
                    chart.files.push(file);
                }
            }
            "requirements.yaml" => {
                if let Some(dependencies) = metadata::parse_requirements(&node(&file)?).map_err(problem(&name))? {
                    chart.metadata.dependencies = dependencies;
                }
                if is_v1(&chart) {
                    chart.files.push(file);
                }
            }
            "values.yaml" => {
                let named = |cause| match cause {
                    TableError::Yaml(cause) => TableError::Yaml(Box::new(cause.with_name(at(&name)))),
                    other => other,
                };
                let text = yaml::text(&file.data).map_err(|cause| TableError::Yaml(Box::new(cause)));
                let table = text.and_then(|text| table::parse_table(text, defaults.compat)).map_err(named);
                chart.values = Arc::new(table.map_err(|cause| ChartError::Yaml { path: at(&name), cause })?);
                chart.raw_values = Some(file.data);
            }
            "values.schema.json" => chart.schema = Some(file.data),
            _ if name.starts_with("templates/") => chart.templates.push(file),
            _ => match name.strip_prefix("charts/") {
                Some(inner) if !name.ends_with(".prov") => {
                    let top = inner.split('/').next().unwrap_or(inner).to_owned();
                    subcharts.entry(top).or_default().push(File { name: inner.into(), data: file.data });
                }
                _ => {
                    if &*name == "secret-values.yaml" {
                        let text = yaml::text(&file.data).map_err(|cause| ChartError::Yaml {
                            path: at(&name),
                            cause: TableError::Yaml(Box::new(cause.with_name(at(&name)))),
                        })?;
                        chart.secret_values = Some(text.into());
                    }
                    chart.files.push(file);
                }
            },
        }
    }
    metadata::complete(&mut chart.metadata, defaults).map_err(problem("Chart.yaml"))?;
    let inner_defaults = Defaults { compat: defaults.compat, ..Defaults::default() };
    for (name, files) in subcharts {
        let path = at(&format!("charts/{name}"));
        if name.starts_with(['_', '.']) {
            continue;
        }
        room.depth += 1;
        let subchart = if name.ends_with(".tgz") {
            let Some(archive) = files.into_iter().find(|file| *file.name == *name) else {
                return Err(ChartError::Archive { path, problem: "it is a directory".into() });
            };
            assemble(unpack_into(&archive.data, &path, room)?, &path, &inner_defaults, room)?
        } else {
            let prefix = format!("{name}/");
            let inner: Vec<File> = files
                .into_iter()
                .filter_map(|file| Some(File { name: file.name.strip_prefix(&prefix)?.into(), data: file.data }))
                .collect();
            assemble(inner, &path, &inner_defaults, room)?
        };
        room.depth -= 1;
        chart.dependencies.push(subchart);
    }
    Ok(chart)
}

fn is_v1(chart: &Chart) -> bool {
    matches!(chart.metadata.api_version.as_str(), "" | "v1")
}

/// The files of a chart archive without its top directory. Paths that leave it are refused.
pub fn unpack(archive: &[u8], path: &str) -> Result<Vec<File>, ChartError> {
    unpack_into(archive, path, &mut Room::new())
}

fn unpack_into(archive: &[u8], path: &str, room: &mut Room) -> Result<Vec<File>, ChartError> {
    let wrong = |problem: String| ChartError::Archive { path: path.to_owned(), problem };
    let allowance = Cell::new(HEADERS);
    let mut reader = tar::Archive::new(Bounded { inner: flate2::read::GzDecoder::new(archive), left: &allowance });
    let mut files: Vec<File> = Vec::new();
    let mut total = 0;
    let mut entries = reader.entries().map_err(|error| wrong(error.to_string()))?;
    loop {
        allowance.set(HEADERS);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| wrong(error.to_string()))?;
        // a file has its own bound
        allowance.set(u64::MAX);
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let full = text_of_bytes(&entry.path_bytes()).replace('\\', "/");
        let (top, inner) = full.split_once('/').unwrap_or((&full, ""));
        if top == "Chart.yaml" {
            return Err(wrong("chart yaml not in base directory".into()));
        }
        let name = clean(inner).map_err(|problem| wrong(format!("{problem}: `{full}`")))?;
        if !kind.is_file() {
            return Err(wrong(format!("`{full}` is no regular file")));
        }
        let mut data = Vec::new();
        let size = entry.by_ref().take(MAX_FILE as u64 + 1).read_to_end(&mut data).map_err(|error| wrong(error.to_string()))?;
        total += size;
        let left = room.bytes.checked_sub(size);
        if size > MAX_FILE || total > MAX_ARCHIVE || left.is_none() {
            let limit = match (size > MAX_FILE, total > MAX_ARCHIVE) {
                (true, _) => MAX_FILE,
                (_, true) => MAX_ARCHIVE,
                _ => MAX_UNPACKED,
            };
            let size = if left.is_none() { MAX_UNPACKED + 1 } else { total };
            return Err(ChartError::TooLarge { path: shown(&format!("{path}/{name}")), size, limit });
        }
        room.bytes = left.unwrap_or_default();
        files.push(file(&name, data.into()));
    }
    if files.is_empty() {
        return Err(wrong("no files in chart archive".into()));
    }
    Ok(files)
}

/// How many bytes the headers of one file may have together, its long name and what else is said of it. Go's reader takes a megabyte of each.
const HEADERS: u64 = 4 << 20;

/// A reader that gives so many bytes, and an error where more are wanted: names that unpack to gigabytes would be held in memory.
struct Bounded<'a, R> {
    inner: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left.get()).unwrap_or(usize::MAX));
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("the headers of a file are longer than {} MiB", HEADERS >> 20)));
        }
        let read = self.inner.read(&mut buffer[..most])?;
        self.left.set(self.left.get() - read as u64);
        Ok(read)
    }
}

/// Normalises a path of an archive.
fn clean(path: &str) -> Result<String, &'static str> {
    if path.starts_with('/') {
        return Err("chart illegally contains absolute paths");
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Err("chart illegally references parent directory"),
            ".." => {}
            part => parts.push(part),
        }
    }
    let bytes = path.as_bytes();
    if bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && bytes[2] == b'/' {
        return Err("chart contains illegally named files");
    }
    if parts.is_empty() { Err("chart illegally contains content outside the base directory") } else { Ok(parts.join("/")) }
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// An archive whose second file has a long name or other long headers of so many bytes.
    fn with_headers(kind: tar::EntryType, size: usize) -> Vec<u8> {
        let chart = b"apiVersion: v2\nname: c\nversion: 1.0.0\n";
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(chart.len() as u64);
        archive.append_data(&mut header, "c/Chart.yaml", &chart[..]).unwrap();
        let mut long = tar::Header::new_gnu();
        long.set_entry_type(kind);
        long.set_size(size as u64);
        long.set_cksum();
        archive.append(&long, io::repeat(b'a').take(size as u64)).unwrap();
        let mut empty = tar::Header::new_gnu();
        empty.set_size(0);
        archive.append_data(&mut empty, "c/templates/a.yaml", &b""[..]).unwrap();
        let mut encoder = archive.into_inner().unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn headers_that_unpack_to_much_are_refused_before_they_are_held() {
        for kind in [tar::EntryType::GNULongName, tar::EntryType::GNULongLink, tar::EntryType::XHeader, tar::EntryType::XGlobalHeader] {
            let error = unpack(&with_headers(kind, 64 << 20), "c.tgz").unwrap_err();
            assert_eq!(error.to_string(), "`c.tgz` is no chart archive: the headers of a file are longer than 4 MiB", "{kind:?}");
        }
        assert!(unpack(&with_headers(tar::EntryType::GNULongLink, 1 << 20), "c.tgz").is_ok());
    }
}
