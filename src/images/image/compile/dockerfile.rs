//! A whole Dockerfile, for BuildKit's own frontend.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Compiler, Halt, Solve};
use crate::images::git_layers::{Owner, Placement};
use crate::images::image::stage::Dockerfile;
use crate::images::llb::{FileAction, Mkdir, Mkfile, Network, Note, Rm, State};
use crate::project::config::image::ImageSpec;

impl Compiler<'_> {
    /// What the frontend gets: the text, the part of the context that its target sees, and all that it is told.
    pub(super) fn dockerfile(
        &mut self,
        image: &str,
        dockerfile: &Dockerfile,
        spec: Option<&ImageSpec>,
        labels: BTreeMap<String, String>,
    ) -> Result<Solve, Halt> {
        // What the text needs of bases, stages and arguments was found for the digest; the frontend finds it again. Versions are only
        // there to be hashed, the platform is this build's.
        let Dockerfile {
            platforms: _,
            cache_version: _,
            path,
            text,
            target,
            directives: _,
            stages: _,
            bases: _,
            triggers: _,
            leaves: _,
            args: _,
            given,
            facts,
            add_hosts,
            network,
            secrets: _, // the frontend asks the session for those that instructions name
            context,
            unpinned: _,
        } = dockerfile;
        let mut attrs: BTreeMap<String, String> = BTreeMap::new();
        attrs.insert("filename".into(), path.clone());
        attrs.insert("platform".into(), self.around.platform.to_string());
        attrs.extend(target.iter().map(|target| ("target".to_owned(), target.clone())));
        attrs.extend(labels.into_iter().map(|(name, value)| (format!("label:{name}"), value)));
        attrs.extend(given.iter().map(|(name, value)| (format!("build-arg:{name}"), value.clone())));
        attrs.extend(self.facts(image, facts)?.into_iter().map(|(name, value)| (format!("build-arg:{name}"), value)));
        if !add_hosts.is_empty() {
            let host = |line: &String| line.replacen(':', "=", 1);
            attrs.insert("add-hosts".into(), add_hosts.iter().map(host).collect::<Vec<_>>().join(","));
        }
        match network {
            Network::Default => {}
            Network::Host => drop(attrs.insert("force-network-mode".into(), "host".into())),
            Network::None => drop(attrs.insert("force-network-mode".into(), "none".into())),
        }

        let note = format!("[{image}] context");
        let placement = Placement::new(Arc::new(context.files()?.clone()), "/", Owner::default());
        let sources = self.sources(&placement, &note)?;
        let context = if sources.is_empty() { empty(&note) } else { State::merge(&sources, Note::named(note.as_str())) };
        let dockerfile = file(path, text, &format!("[{image}] {path}"));
        let inputs = [("context".to_owned(), context.marshal()), ("dockerfile".to_owned(), dockerfile.marshal())].into();
        Ok(Solve::Dockerfile { attrs, inputs, spec: spec.cloned().map(Box::new) })
    }
}

/// A file system without anything that is not scratch: to the frontend a missing context is one that the client sends.
fn empty(note: &str) -> State {
    let path = "/nothing".to_owned();
    let make = Mkdir { path: path.clone(), mode: 0o755, timestamp: Some(0), ..Mkdir::default() };
    State::scratch().file([FileAction::Mkdir(make), FileAction::Rm(Rm { path, ..Rm::default() })], Note::named(note))
}

/// A file system with one file.
fn file(path: &str, bytes: &Arc<[u8]>, note: &str) -> State {
    let mut actions = Vec::new();
    if let Some((directory, _)) = path.rsplit_once('/') {
        let path = format!("/{directory}");
        actions.push(FileAction::Mkdir(Mkdir { path, mode: 0o755, parents: true, timestamp: Some(0), ..Mkdir::default() }));
    }
    let (path, data) = (format!("/{path}"), bytes.to_vec());
    actions.push(FileAction::Mkfile(Mkfile { path, mode: 0o644, data, timestamp: Some(0), ..Mkfile::default() }));
    State::scratch().file(actions, Note::named(note))
}
