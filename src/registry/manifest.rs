//! What a registry stores: descriptors, manifests, indexes and image configurations. PURE.
//!
//! Reads both the OCI image specification's forms and Docker's schema 2; what a reader does not need stays in the bytes.
//!
//! # Why not the types of `oci-spec`
//! They demand what the specification demands: a descriptor without `mediaType` or an index without `schemaVersion` is no value of
//! theirs, and registries hold such manifests, which Go's clients read. They keep labels and annotations in an order that changes from
//! run to run, so that what is written with them has another digest each time. What is read here is four fields of three objects.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::reference::{Digest, Tag};
use crate::platform::Platform;

/// An OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// A Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The annotation that tells when an image was published (RFC 3339).
pub const CREATED: &str = "org.opencontainers.image.created";

/// What some bytes of a registry are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Address of the bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
    /// What the bytes are.
    pub media_type: String,
}

/// A manifest's bytes with their name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Digest of the bytes.
    pub digest: Digest,
    /// What the bytes are.
    pub media_type: String,
    /// The bytes as stored.
    pub bytes: Vec<u8>,
}

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One image.
    Image {
        /// The image's configuration.
        config: Descriptor,
        /// The image's layers, lowest first.
        layers: Vec<Descriptor>,
        /// What the manifest says of the image besides.
        annotations: BTreeMap<String, String>,
    },
    /// Images for several platforms.
    Index(Vec<IndexEntry>),
}

/// One image of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The image's manifest.
    pub manifest: Descriptor,
    /// What it runs on, if told.
    pub platform: Option<Platform>,
}

impl Manifest {
    /// What the manifest or index says of itself besides.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let raw: Result<RawManifest, _> = serde_json::from_slice(&self.bytes);
        raw.ok().and_then(|raw| raw.annotations).unwrap_or_default()
    }

    /// Reads the bytes.
    pub fn content(&self) -> Result<Content, serde_json::Error> {
        let raw: RawManifest = serde_json::from_slice(&self.bytes)?;
        match (raw.config, raw.manifests) {
            (Some(config), _) => {
                let layers = raw.layers.into_iter().map(|layer| layer.read()).collect::<Result<_, _>>()?;
                Ok(Content::Image { config: config.read()?, layers, annotations: raw.annotations.unwrap_or_default() })
            }
            (None, Some(manifests)) => {
                let entry = |mut raw: RawDescriptor| {
                    let platform = raw.platform.take().map(Platform::from);
                    raw.read().map(|manifest| IndexEntry { manifest, platform })
                };
                Ok(Content::Index(manifests.into_iter().map(entry).collect::<Result<_, _>>()?))
            }
            (None, None) => Err(serde::de::Error::custom("it has neither `config` nor `manifests`")),
        }
    }
}

#[derive(Deserialize)]
struct RawManifest {
    config: Option<RawDescriptor>,
    #[serde(default)]
    layers: Vec<RawDescriptor>,
    manifests: Option<Vec<RawDescriptor>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    digest: String,
    size: u64,
    #[serde(default)]
    media_type: String,
    platform: Option<RawPlatform>,
}

#[derive(Deserialize)]
struct RawPlatform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl RawDescriptor {
    fn read(self) -> Result<Descriptor, serde_json::Error> {
        let digest = Digest::parse(&self.digest).map_err(serde::de::Error::custom)?;
        Ok(Descriptor { digest, size: self.size, media_type: self.media_type })
    }
}

impl From<RawPlatform> for Platform {
    fn from(raw: RawPlatform) -> Self {
        Platform::new(&raw.os, &raw.architecture, raw.variant.as_deref().unwrap_or_default())
    }
}

/// Picks an index's image for a platform: the best of those that run there ([`Platform::runs`]).
pub fn select<'a>(entries: &'a [IndexEntry], platform: &Platform) -> Option<&'a IndexEntry> {
    platform.runs().iter().find_map(|wanted| entries.iter().find(|entry| entry.platform.as_ref() == Some(wanted)))
}

/// An image's configuration with the manifest that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageConfig {
    /// The manifest of the image itself, never of an index.
    pub manifest: Descriptor,
    /// Digest of the configuration: the image id.
    pub digest: Digest,
    /// The manifest's annotations.
    pub annotations: BTreeMap<String, String>,
    /// The configuration as stored.
    pub json: serde_json::Value,
}

impl ImageConfig {
    /// The image's labels.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.json.pointer("/config/Labels").and_then(|labels| labels.as_object());
        let pair = |(key, value): (&String, &serde_json::Value)| value.as_str().map(|value| (key.clone(), value.to_owned()));
        labels.into_iter().flatten().filter_map(pair).collect()
    }

    /// What the image says that it runs on; `None` where it does not say.
    pub fn platform(&self) -> Option<Platform> {
        let text = |key: &str| self.json.get(key).and_then(|value| value.as_str()).unwrap_or_default();
        let (os, architecture) = (text("os"), text("architecture"));
        (!os.is_empty() && !architecture.is_empty()).then(|| Platform::new(os, architecture, text("variant")))
    }

    /// When the image was published or, where its manifest does not tell, when its newest layer was built.
    pub fn created(&self) -> Option<jiff::Timestamp> {
        let published = self.annotations.get(CREATED).and_then(|time| time.parse().ok());
        published.or_else(|| self.json.get("created")?.as_str()?.parse().ok())
    }
}

/// A tag of a repository with what is known of its image.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedImage {
    /// The tag.
    pub tag: Tag,
    /// What it points to: an image or an index.
    pub digest: Digest,
    /// The manifests that an index is made of; empty for an image.
    pub parts: Vec<Digest>,
    /// The image's labels, of an index its first image's, of one without images its annotations; empty where the tag's image was not read.
    pub labels: BTreeMap<String, String>,
    /// When it was published ([`ImageConfig::created`]).
    pub created: Option<jiff::Timestamp>,
    /// Why what lies below the manifest is not understood; then nothing is known of labels and time.
    pub doubt: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        Manifest { digest: Digest::of(text.as_bytes()), media_type: OCI_MANIFEST.into(), bytes: text.into() }
    }

    #[test]
    fn an_image_is_as_old_as_its_manifest_not_as_its_config() {
        let image = manifest(r#"{"config":{"digest":"sha256:0","size":2}}"#);
        let mut config = ImageConfig {
            manifest: Descriptor { digest: image.digest.clone(), size: 1, media_type: image.media_type.clone() },
            digest: image.digest,
            annotations: BTreeMap::from([(CREATED.to_owned(), "2026-03-04T05:06:07Z".to_owned())]),
            json: serde_json::json!({"created": "2026-01-02T03:04:05Z"}),
        };
        assert_eq!(config.created(), "2026-03-04T05:06:07Z".parse().ok());
        config.annotations.clear();
        assert_eq!(config.created(), "2026-01-02T03:04:05Z".parse().ok());
        config.json = serde_json::json!({"created": null});
        assert_eq!(config.created(), None);
    }

    #[test]
    fn manifests_tell_images_from_indexes() {
        let digest = Digest::of(b"x");
        let image =
            manifest(&format!(r#"{{"config": {{"digest": "{digest}", "size": 3}}, "layers": [{{"digest": "{digest}", "size": 4}}]}}"#));
        let Content::Image { config, layers, .. } = image.content().unwrap() else { panic!("an image") };
        assert_eq!((config.size, layers.len()), (3, 1));
        let index = manifest(&format!(
            r#"{{"manifests": [{{"digest": "{digest}", "size": 1, "platform": {{"os": "linux", "architecture": "arm64", "variant": "v8"}}}}]}}"#
        ));
        let Content::Index(entries) = index.content().unwrap() else { panic!("an index") };
        assert_eq!(entries[0].platform, Platform::parse("linux/aarch64"));
        for (text, expect) in [
            ("{}", "it has neither `config` nor `manifests`"),
            ("[", "EOF while parsing a list at line 1 column 1"),
            (
                r#"{"config": {"digest": "sha256:1", "size": 1}}"#,
                "`sha256:1` is not an image reference: `sha256:1` is not a digest: `sha256:` and 64 lower-case hexadecimal digits",
            ),
        ] {
            assert_eq!(manifest(text).content().unwrap_err().to_string(), expect);
        }
    }

    #[test]
    fn selection_takes_what_runs() {
        let entry = |platform: &str| IndexEntry {
            manifest: Descriptor { digest: Digest::of(platform.as_bytes()), size: 1, media_type: String::new() },
            platform: Platform::parse(platform),
        };
        let entries = [entry("unknown/unknown"), entry("linux/arm/v6"), entry("linux/arm/v7"), entry("linux/amd64")];
        for (wanted, expect) in [
            ("linux/amd64", Some("linux/amd64")),
            ("linux/arm/v7", Some("linux/arm/v7")),
            ("linux/arm/v5", None),
            ("linux/arm/v8", Some("linux/arm/v7")),
            ("linux/amd64/v2", Some("linux/amd64")),
            ("linux/s390x", None),
        ] {
            let found = select(&entries, &Platform::parse(wanted).unwrap());
            assert_eq!(found.and_then(|entry| entry.platform.as_ref()).map(ToString::to_string).as_deref(), expect, "{wanted}");
        }
    }
}
