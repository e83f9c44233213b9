//! A layer as an OCI image of its own: config, manifest, and the blobs that a content store serves.

use std::sync::Arc;

use serde_json::json;

use super::layer::{Blob, Layer, sha256};
use crate::platform::Platform;

/// A one-layer image: the unit that BuildKit takes as an `oci-layout` source.
#[derive(Clone, Debug)]
pub struct LayerImage {
    /// Names the image.
    pub manifest: Blob,
    /// Its bytes.
    pub manifest_bytes: Arc<[u8]>,
    /// The image's config.
    pub config: Blob,
    /// Its bytes.
    pub config_bytes: Arc<[u8]>,
    /// The layer.
    pub layer: Arc<Layer>,
}

impl LayerImage {
    /// Wraps a layer. BuildKit refuses a source whose config names another platform than the build's.
    pub fn new(layer: Arc<Layer>, platform: &Platform) -> Self {
        let mut config = json!({
            "architecture": platform.architecture(), "os": platform.os(), "config": {},
            "rootfs": { "type": "layers", "diff_ids": [layer.diff_id] },
        });
        if !platform.variant().is_empty() {
            config["variant"] = json!(platform.variant());
        }
        let (config, config_bytes) = blob(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.digest, "size": config.size },
            "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer.blob.digest, "size": layer.blob.size }],
        });
        let (manifest, manifest_bytes) = blob(&manifest);
        LayerImage { manifest, manifest_bytes, config, config_bytes, layer }
    }

    /// The name of this source after a repository, `HOST/REPO@sha256:…`: BuildKit then mounts the layer from there if the registry
    /// has it, and asks for no bytes.
    pub fn reference(&self, repository: &str) -> String {
        format!("{repository}@{}", self.manifest.digest)
    }
}

fn blob(value: &serde_json::Value) -> (Blob, Arc<[u8]>) {
    let bytes = value.to_string().into_bytes();
    (Blob { digest: sha256(&bytes), size: bytes.len() as u64 }, bytes.into())
}
