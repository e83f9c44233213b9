//! Directories of this machine that commands of a stage see (`mount: - fromPath:`), sent to the builder file by file.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic;
use thiserror::Error;

use super::Run;
use super::project::Project;
use crate::error::Result;
use crate::event::Event;
use crate::file_tree::{bytes_of_text, text_of_bytes};
use crate::images::buildkit::session::{FileKind, FileSource, FileStat, ServeError};

/// The directories that are wanted, by the path as werf.yaml writes it, each with an image that wants it.
pub fn sources(project: &Project, wanted: &BTreeMap<&str, &str>, run: &Run) -> Result<BTreeMap<String, Arc<dyn FileSource>>> {
    let mut sources: BTreeMap<String, Arc<dyn FileSource>> = BTreeMap::new();
    for (written, image) in wanted {
        let path = project.machine_path(written);
        if !path.is_dir() {
            return Err(NoFolder { image: (*image).to_owned(), written: (*written).to_owned(), path }.into());
        }
        run.events.emit(Event::Warned {
            message: format!("image {image}: commands see the directory of `fromPath: {written}`, and what they write there is not kept"),
            help: Some("for what is kept between builds use `from: build_dir`".into()),
        });
        sources.insert((*written).to_owned(), Arc::new(Folder(path)));
    }
    Ok(sources)
}

#[derive(Debug, Error, Diagnostic)]
#[error("image `{image}`: there is no directory `{}` on this machine, which `fromPath: {written}` mounts", .path.display())]
#[diagnostic(help("make the directory, or use `from: build_dir` for what commands keep between builds"))]
struct NoFolder {
    image: String,
    written: String,
    path: PathBuf,
}

/// A directory of this machine.
struct Folder(PathBuf);

impl FileSource for Folder {
    fn list(&self) -> std::result::Result<Vec<FileStat>, ServeError> {
        let mut files = Vec::new();
        let mut pending = vec![String::new()];
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(self.place(&directory))? {
                let entry = entry?;
                let name = entry.file_name();
                let name = text_of_bytes(name.as_bytes());
                let path = if directory.is_empty() { name.into_owned() } else { format!("{directory}/{name}") };
                let found = entry.metadata()?;
                let kind = match found.file_type() {
                    kind if kind.is_dir() => {
                        pending.push(path.clone());
                        FileKind::Directory
                    }
                    kind if kind.is_symlink() => {
                        FileKind::Symlink(text_of_bytes(fs::read_link(entry.path())?.as_os_str().as_bytes()).into_owned())
                    }
                    kind if kind.is_file() && found.mode() & 0o100 != 0 => FileKind::Executable,
                    kind if kind.is_file() => FileKind::File,
                    // sockets, pipes and devices
                    _ => continue,
                };
                let size = if found.is_file() { found.len() } else { 0 };
                let version = (found.mtime() as u64).wrapping_mul(1_000_000_000).wrapping_add(found.mtime_nsec() as u64);
                files.push(FileStat { path, kind, size, version });
            }
        }
        Ok(files)
    }

    fn read(&self, path: &str) -> std::result::Result<Vec<u8>, ServeError> {
        Ok(fs::read(self.place(path))?)
    }
}

impl Folder {
    fn place(&self, path: &str) -> PathBuf {
        self.0.join(Path::new(std::ffi::OsStr::from_bytes(&bytes_of_text(path))))
    }
}
