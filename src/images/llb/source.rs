//! The source op: files from outside the graph.

use std::collections::{BTreeMap, BTreeSet};

use super::note::Note;
use super::pb;
use super::state::{Inputs, Scope, State, first_output, vertex};
use crate::platform::Platform;

/// Whether an image reference is looked up in its registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResolveMode {
    /// The daemon's default.
    #[default]
    Default,
    /// Always ask the registry.
    Pull,
    /// Take the daemon's own copy if it has one.
    Local,
}

/// An image of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSource {
    /// Full reference with its registry: `docker.io/library/busybox:1`, `host:5000/app@sha256:…`.
    pub reference: String,
    /// Lookup.
    pub resolve: ResolveMode,
    /// Only the first so many layers.
    pub layer_limit: Option<u32>,
}

impl ImageSource {
    /// A source with default options.
    pub fn new(reference: impl Into<String>) -> Self {
        ImageSource { reference: reference.into(), resolve: ResolveMode::Default, layer_limit: None }
    }
}

/// An image that the client's session serves from a content store.
///
/// The daemon reads manifest and config at once, a layer only when something needs its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciLayoutSource {
    /// `HOST/REPOSITORY@sha256:<manifest digest>`. Layers are mounted across repositories from that repository when pushed.
    pub reference: String,
    /// Which of the session's stores.
    pub store: String,
    /// Only the first so many layers.
    pub layer_limit: Option<u32>,
}

/// A directory that the client's session serves file by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalSource {
    /// Its name in the session.
    pub name: String,
    /// Patterns of paths to send; empty for all.
    pub include: Vec<String>,
    /// Patterns of paths to leave out.
    pub exclude: Vec<String>,
    /// Paths whose symbolic links are followed when choosing what to send.
    pub follow: Vec<String>,
    /// What tells copies of equal name apart in the daemon's cache.
    pub shared_key_hint: String,
}

/// A Git repository that the daemon clones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitSource {
    /// URL as given to Git: `https://host/path.git`, `git@host:path.git`.
    pub url: String,
    /// Branch, tag or commit; empty for the remote's HEAD.
    pub reference: String,
    /// Only this directory; empty for all.
    pub subdirectory: String,
    /// Commit that the reference must be; empty for any.
    pub checksum: String,
    /// Keeps the `.git` directory.
    pub keep_git_dir: bool,
    /// Id of the secret that is an HTTP token; empty for none.
    pub token_secret: String,
    /// Id of the session's SSH agent; empty for none.
    pub ssh: String,
    /// Lines of a known_hosts file; empty for none.
    pub known_hosts: String,
}

/// A file of an HTTP server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpSource {
    /// URL.
    pub url: String,
    /// Digest that the content must have, `sha256:…`; empty for any.
    pub checksum: String,
    /// Name of the file in the state; empty for the server's.
    pub filename: String,
    /// Permissions of the file; 0 for 0600.
    pub mode: u32,
}

impl State {
    /// An image of a registry.
    pub fn image(image: &ImageSource, platform: &Platform, note: Note) -> Self {
        let mut source = Source::new(format!("docker-image://{}", image.reference), "source.image");
        match image.resolve {
            ResolveMode::Default => {}
            ResolveMode::Pull => source.set("image.resolvemode", "pull", "source.image.resolvemode"),
            ResolveMode::Local => source.set("image.resolvemode", "local", "source.image"),
        }
        if let Some(limit) = image.layer_limit {
            source.set("image.layerlimit", limit.to_string(), "source.image.layerlimit");
        }
        source.state(Some(platform.clone()), Scope::Specific, note)
    }

    /// An image of the session's content store.
    pub fn oci_layout(layout: &OciLayoutSource, platform: &Platform, note: Note) -> Self {
        let mut source = Source::new(format!("oci-layout://{}", layout.reference), "source.ocilayout");
        // No session id: any session of the build is asked, and the vertex's digest is the same in every session.
        source.set("oci.store", layout.store.as_str(), "source.ocilayout");
        if let Some(limit) = layout.layer_limit {
            source.set("oci.layerlimit", limit.to_string(), "source.ocilayout");
        }
        source.state(Some(platform.clone()), Scope::Specific, note)
    }

    /// A directory of the client.
    pub fn local(local: &LocalSource, note: Note) -> Self {
        let mut source = Source::new(format!("local://{}", local.name), "source.local");
        source.set_list("local.includepattern", &local.include, "source.local.includepatterns");
        source.set_list("local.excludepatterns", &local.exclude, "source.local.excludepatterns");
        source.set_list("local.followpaths", &local.follow, "source.local.followpaths");
        source.set_text("local.sharedkeyhint", &local.shared_key_hint, "source.local.sharedkeyhint");
        source.state(None, Scope::Neutral, note)
    }

    /// A Git repository.
    pub fn git(git: &GitSource, note: Note) -> Self {
        let mut id = format!("git://{}", host_and_path(&git.url));
        if !git.reference.is_empty() || !git.subdirectory.is_empty() {
            id.push('#');
            id.push_str(&git.reference);
        }
        if !git.subdirectory.is_empty() {
            id.push(':');
            id.push_str(&git.subdirectory);
        }
        let mut source = Source::new(id, "source.git");
        source.set("git.fullurl", git.url.as_str(), "source.git.fullurl");
        source.set_text("git.checksum", &git.checksum, "source.git.checksum");
        source.set_text("git.authtokensecret", &git.token_secret, "source.git.httpauth");
        source.set_text("git.mountsshsock", &git.ssh, "source.git.mountsshsock");
        source.set_text("git.knownsshhosts", &git.known_hosts, "source.git.knownsshhosts");
        if git.keep_git_dir {
            source.set("git.keepgitdir", "true", "source.git.keepgitdir");
        }
        source.state(None, Scope::Neutral, note)
    }

    /// A file of an HTTP server.
    pub fn http(http: &HttpSource, note: Note) -> Self {
        let mut source = Source::new(http.url.clone(), "source.http");
        source.set_text("http.checksum", &http.checksum, "source.http.checksum");
        source.set_text("http.filename", &http.filename, "source.http");
        if http.mode != 0 {
            source.set("http.perm", format!("0{:o}", http.mode), "source.http.perm");
        }
        source.state(None, Scope::Neutral, note)
    }
}

struct Source {
    id: String,
    attrs: BTreeMap<String, String>,
    caps: BTreeSet<&'static str>,
}

impl Source {
    fn new(id: String, cap: &'static str) -> Self {
        Source { id, attrs: BTreeMap::new(), caps: [cap].into() }
    }

    fn set(&mut self, name: &str, value: impl Into<String>, cap: &'static str) {
        self.attrs.insert(name.to_owned(), value.into());
        self.caps.insert(cap);
    }

    fn set_text(&mut self, name: &str, value: &str, cap: &'static str) {
        if !value.is_empty() {
            self.set(name, value, cap);
        }
    }

    fn set_list(&mut self, name: &str, values: &[String], cap: &'static str) {
        if !values.is_empty() {
            self.set(name, serde_json::Value::from(values).to_string(), cap);
        }
    }

    fn state(self, platform: Option<Platform>, scope: Scope, note: Note) -> State {
        let op = pb::op::Op::Source(pb::SourceOp { identifier: self.id, attrs: self.attrs });
        first_output(vertex(op, Inputs::default(), platform, scope, self.caps, note))
    }
}

/// `host/path` of a Git URL, so that one repository is one vertex whatever the transport.
fn host_and_path(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or((None, url), |(scheme, rest)| (Some(scheme), rest));
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let slash = rest.find('/').unwrap_or(rest.len());
    let rest = match rest[..slash].rfind('@') {
        Some(at) => &rest[at + 1..],
        None => rest,
    };
    match (scheme, rest.split_once(':')) {
        // scp's form: user@host:path
        (None, Some((host, path))) if !host.contains('/') => format!("{host}/{}", path.trim_start_matches('/')),
        _ => rest.to_owned(),
    }
}
