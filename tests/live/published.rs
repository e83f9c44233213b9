//! What a published image holds: its config, and its files with modes and owners.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Command;

use flate2::read::GzDecoder;
use jiff::Timestamp;
use oci_client::Client;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use serde_json::Value;
use tar::{Archive, EntryType};

/// A published image.
#[derive(Debug)]
pub struct Published {
    /// `config` of the OCI config: `Env`, `Cmd`, `Labels` …
    pub config: Value,
    /// `history` of the OCI config; null without one.
    pub history: Value,
    /// `created` of the OCI config: when the newest layer was built.
    pub built: Option<Timestamp>,
    /// When the manifest says that it was published.
    pub published: Option<Timestamp>,
    /// By path: `644 0:0 text`, `755 0:0 dir/`, `777 0:0 -> target`.
    pub files: BTreeMap<String, String>,
}

impl Published {
    /// Pulls `host:port/path:tag` as another client does, which verifies every digest.
    pub fn read(reference: &str) -> Self {
        // a thread of its own: some tests run within a runtime already
        let pulled = std::thread::scope(|scope| {
            let pulling =
                || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(pull(reference));
            scope.spawn(pulling).join()
        });
        let (manifest, config, layers) = pulled.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let config: Value = serde_json::from_str(&config).expect("JSON");
        let mut files = BTreeMap::new();
        for layer in layers {
            unpack(&layer, &mut files);
        }
        let published = manifest.annotations.unwrap_or_default().remove("org.opencontainers.image.created");
        let published = published.and_then(|text| text.parse().ok());
        let built = config["created"].as_str().and_then(|text| text.parse().ok());
        Published { config: config["config"].clone(), history: config["history"].clone(), built, published, files }
    }

    /// The files that another image does not have as they are here, one a line.
    pub fn beyond(&self, other: &Published) -> String {
        let new = self.files.iter().filter(|(path, entry)| other.files.get(*path) != Some(entry));
        new.map(|(path, entry)| format!("{path}: {entry}\n")).collect()
    }
}

/// The manifest, the config and the layers of an image.
async fn pull(reference: &str) -> (OciImageManifest, String, Vec<Vec<u8>>) {
    // asked for even where nothing is encrypted; a second test finds the first one's
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(ClientConfig { protocol: ClientProtocol::Http, ..Default::default() });
    let image = reference.parse().expect("a reference");
    let pulled = client.pull_manifest_and_config(&image, &RegistryAuth::Anonymous).await;
    let (manifest, _, config) = pulled.unwrap_or_else(|error| panic!("{reference}: {error}"));
    let mut layers = Vec::new();
    for layer in &manifest.layers {
        let mut bytes = Vec::new();
        client.pull_blob(&image, layer, &mut bytes).await.unwrap_or_else(|error| panic!("{reference}: {}: {error}", layer.digest));
        layers.push(bytes);
    }
    (manifest, config, layers)
}

/// What a registry answers.
pub fn curl(url: &str) -> Vec<u8> {
    let accept = ["image.manifest.v1", "image.index.v1"].map(|kind| format!("Accept: application/vnd.oci.{kind}+json"));
    let output = Command::new("curl").args(["-fsSL", "-H", &accept[0], "-H", &accept[1], url]).output().expect("curl runs");
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Lays a layer over the files, whiteouts included. A layer is packed as whoever made it first wanted it: the daemon is shared.
fn unpack(layer: &[u8], files: &mut BTreeMap<String, String>) {
    let reader: Box<dyn Read + '_> = if layer.starts_with(&[0x1f, 0x8b]) { Box::new(GzDecoder::new(layer)) } else { Box::new(layer) };
    let mut archive = Archive::new(reader);
    for entry in archive.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").to_string_lossy().trim_start_matches("./").trim_matches('/').to_owned();
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            files.retain(|path, _| !path.starts_with(&format!("{dir}/")));
            continue;
        }
        if let Some(name) = name.strip_prefix(".wh.") {
            let gone = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
            files.retain(|path, _| *path != gone && !path.starts_with(&format!("{gone}/")));
            continue;
        }
        let header = entry.header();
        let target = || entry.link_name().ok().flatten().expect("a target").to_string_lossy().into_owned();
        let kind = header.entry_type();
        let owner = format!("{:o} {}:{}", header.mode().expect("a mode"), header.uid().expect("an owner"), header.gid().expect("a group"));
        let what = match kind {
            EntryType::Directory => "dir/".to_owned(),
            EntryType::Symlink => format!("-> {}", target()),
            EntryType::Link => files.get(target().trim_matches('/')).cloned().unwrap_or_default(),
            _ => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("a file");
                if bytes.len() < 200 { format!("{:?}", String::from_utf8_lossy(&bytes)) } else { format!("{} bytes", bytes.len()) }
            }
        };
        files.insert(path, if kind == EntryType::Link { what } else { format!("{owner} {what}") });
    }
}
