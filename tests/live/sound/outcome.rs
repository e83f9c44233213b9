//! What a build comes to: the merged file tree without times, and the configuration without what tells of times.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::GzDecoder;
use serde_json::Value;
use tar::{Archive, EntryType};

use crate::published::curl;

/// The end of a build.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It fails, with these words.
    Fails(String),
    /// An image.
    Image(Image),
}

/// An image as far as images are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The OCI configuration without `created`, `history` and the layers' digests.
    pub config: Value,
    /// By path: type, mode, owners, attributes, and content or target.
    pub files: BTreeMap<String, Arc<str>>,
}

impl PartialEq for Outcome {
    /// All failures are one: their words are for people.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Outcome::Fails(_), Outcome::Fails(_)) => true,
            (Outcome::Image(one), Outcome::Image(other)) => one == other,
            _ => false,
        }
    }
}

impl Outcome {
    /// How this one differs from another, in a few lines.
    pub fn difference(&self, other: &Outcome) -> String {
        let (one, other) = match (self, other) {
            (Outcome::Fails(_), Outcome::Fails(_)) => return "both fail".into(),
            (Outcome::Fails(why), _) => return format!("fails: {why}"),
            (_, Outcome::Fails(why)) => return format!("worked, now fails: {why}"),
            (Outcome::Image(one), Outcome::Image(other)) => (one, other),
        };
        let mut lines = Vec::new();
        if one.config != other.config {
            lines.push(format!("config {}\n    now {}", one.config, other.config));
        }
        for path in one.files.keys().chain(other.files.keys().filter(|path| !one.files.contains_key(*path))) {
            let show = |image: &Image| image.files.get(path).map_or("(none)".to_owned(), |entry| entry.chars().take(200).collect());
            if one.files.get(path) != other.files.get(path) {
                lines.push(format!("/{path}: {}\n    now {}", show(one), show(other)));
            }
        }
        lines.truncate(6);
        lines.join("\n  ")
    }
}

/// What a layer says of a path.
enum Said {
    Entry { is_dir: bool, text: Arc<str> },
    HardLink(String),
    Gone,
    Opaque,
}

type Layer = Arc<Vec<(String, Said)>>;

/// Reads images; layers that were read before are not read again.
#[derive(Default)]
pub struct Reader {
    layers: Mutex<HashMap<String, Layer>>,
}

impl Reader {
    /// The image of an OCI archive.
    pub fn archive(&self, bytes: &[u8]) -> Image {
        let mut blobs = HashMap::new();
        for entry in Archive::new(bytes).entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a path").to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("a blob");
            blobs.insert(name, content);
        }
        let index: Value = serde_json::from_slice(&blobs["index.json"]).expect("an index");
        let blob = |digest: &str| blobs.get(&format!("blobs/{}", digest.replace(':', "/"))).cloned().expect("a blob of the archive");
        self.image(index["manifests"][0]["digest"].as_str().expect("a manifest"), &blob)
    }

    /// The image of `host:port/path:tag` without the labels that are werf's own.
    pub fn published(&self, reference: &str) -> Image {
        let (host, rest) = reference.split_once('/').expect("a host");
        let (path, tag) = rest.rsplit_once(':').expect("a tag");
        let url = format!("http://{host}/v2/{path}");
        let blob = |digest: &str| match digest {
            digest if digest == tag => curl(&format!("{url}/manifests/{tag}")),
            digest => curl(&format!("{url}/blobs/{digest}")),
        };
        let mut image = self.image(tag, &blob);
        if let Some(config) = image.config["config"].as_object_mut()
            && let Some(labels) = config.get_mut("Labels").and_then(Value::as_object_mut)
        {
            labels.retain(|name, _| !name.starts_with("werf"));
            if labels.is_empty() {
                config.remove("Labels");
            }
        }
        image
    }

    /// The image of a manifest, whose blobs come from `blob`.
    pub fn image(&self, manifest: &str, blob: &dyn Fn(&str) -> Vec<u8>) -> Image {
        let json = |digest: &Value| -> Value { serde_json::from_slice(&blob(digest.as_str().expect("a digest"))).expect("JSON") };
        let manifest = json(&manifest.into());
        let mut config = json(&manifest["config"]["digest"]);
        if let Some(config) = config.as_object_mut() {
            ["created", "history", "rootfs"].iter().for_each(|key| drop(config.remove(*key)));
        }
        let mut files = BTreeMap::new();
        // an image without files has none
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            lay(&self.layer(layer["digest"].as_str().expect("a digest"), blob), &mut files);
        }
        Image { config, files: files.into_iter().map(|(path, (_, text))| (path, text)).collect() }
    }

    fn layer(&self, digest: &str, blob: &dyn Fn(&str) -> Vec<u8>) -> Layer {
        let known = || self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layer) = known().get(digest) {
            return layer.clone();
        }
        let bytes = blob(digest);
        let layer = Arc::new(if bytes.starts_with(&[0x1f, 0x8b]) { read(GzDecoder::new(&*bytes)) } else { read(&*bytes) });
        known().insert(digest.to_owned(), layer.clone());
        layer
    }
}

fn read(layer: impl Read) -> Vec<(String, Said)> {
    let mut said = Vec::new();
    for entry in Archive::new(layer).entries().expect("a layer") {
        let mut entry = entry.expect("an entry");
        let path = entry.path_bytes().escape_ascii().to_string().trim_start_matches("./").trim_matches('/').to_owned();
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            said.push((dir.to_owned(), Said::Opaque));
            continue;
        }
        if let Some(name) = name.strip_prefix(".wh.") {
            said.push((if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }, Said::Gone));
            continue;
        }
        let target = entry.link_name_bytes().map(|target| target.escape_ascii().to_string()).unwrap_or_default();
        let kind = entry.header().entry_type();
        if kind == EntryType::Link {
            said.push((path, Said::HardLink(target.trim_matches('/').to_owned())));
            continue;
        }
        let mut attributes = String::new();
        if let Ok(Some(extensions)) = entry.pax_extensions() {
            for extension in extensions.flatten().filter(|extension| extension.key_bytes().starts_with(b"SCHILY.xattr.")) {
                attributes += &format!(" {}={}", extension.key_bytes().escape_ascii(), extension.value_bytes().escape_ascii());
            }
        }
        let header = entry.header();
        let (mode, user, group) = (header.mode().unwrap_or_default(), header.uid().unwrap_or_default(), header.gid().unwrap_or_default());
        let device = format!("{:?}:{:?}", header.device_major().ok().flatten(), header.device_minor().ok().flatten());
        let content = match kind {
            EntryType::Directory => "/".to_owned(),
            EntryType::Symlink => format!("-> {target}"),
            EntryType::Char | EntryType::Block => format!("{kind:?} {device}"),
            EntryType::Fifo => "fifo".to_owned(),
            _ => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("a file");
                if bytes.len() > 4096 { blake3::hash(&bytes).to_string() } else { format!("\"{}\"", bytes.escape_ascii()) }
            }
        };
        let text = format!("{mode:o} {user}:{group}{attributes} {content}").into();
        said.push((path, Said::Entry { is_dir: kind == EntryType::Directory, text }));
    }
    said
}

/// Lays a layer over files.
fn lay(layer: &[(String, Said)], files: &mut BTreeMap<String, (bool, Arc<str>)>) {
    let clear = |files: &mut BTreeMap<String, (bool, Arc<str>)>, path: &str| {
        let below = format!("{path}/");
        let inside: Vec<String> =
            files.range(below.clone()..).take_while(|(other, _)| other.starts_with(&below)).map(|(other, _)| other.clone()).collect();
        inside.iter().for_each(|other| drop(files.remove(other)));
    };
    for (path, said) in layer {
        match said {
            Said::Opaque => clear(files, path),
            Said::Gone => {
                clear(files, path);
                files.remove(path);
            }
            Said::HardLink(target) => {
                let text = files.get(target).map(|(_, text)| text.clone()).unwrap_or_else(|| "(a link to nothing)".into());
                clear(files, path);
                files.insert(path.clone(), (false, text));
            }
            Said::Entry { is_dir, text } => {
                if !is_dir {
                    clear(files, path);
                }
                files.insert(path.clone(), (*is_dir, text.clone()));
            }
        }
    }
}
