//! `clearHistory`: an image whose configuration does not tell how it was made.
//!
//! A builder adds a line of history for each layer that has none. So the image is pushed by its digest alone, and gets its tag with a
//! configuration that has no history, as in werf 2.

use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::registry::{Client, Digest, Reference};

/// The longest configuration that is read, in bytes.
const LIMIT: usize = 8 << 20;

/// Publishes an image of the same repository under a reference's tag, without its history; gives its manifest digest.
pub async fn publish_without(client: &Client, reference: &Reference, pushed: &str) -> Result<String> {
    let repository = &reference.repository;
    let pushed = repository.with_digest(Digest::parse(pushed)?);
    let manifest = client.manifest(&pushed).await?;
    let unreadable = |cause| NotAnImage { reference: pushed.to_string(), cause };
    let mut document: Map<String, Value> = serde_json::from_slice(&manifest.bytes).map_err(unreadable)?;
    let config = document.get("config").and_then(|config| config["digest"].as_str()).unwrap_or_default();
    let config = client.blob(repository, &Digest::parse(config)?, LIMIT).await?;
    let mut config: Map<String, Value> = serde_json::from_slice(&config).map_err(unreadable)?;
    config.remove("history");
    let config = serde_json::to_vec(&config).map_err(unreadable)?;
    let size = config.len();
    let digest = client.put_blob(repository, config.into()).await?;
    if let Some(Value::Object(descriptor)) = document.get_mut("config") {
        descriptor.insert("digest".into(), json!(digest.to_string()));
        descriptor.insert("size".into(), json!(size));
    }
    let bytes = serde_json::to_vec(&document).map_err(unreadable)?;
    Ok(client.put_new(reference, &manifest.media_type, &bytes).await?.to_string())
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the image that was pushed as `{reference}` cannot be read")]
#[diagnostic(help("the registry may have changed it; `clearHistory` in `imageSpec` needs it as it was pushed"))]
struct NotAnImage {
    reference: String,
    #[source]
    cause: serde_json::Error,
}
