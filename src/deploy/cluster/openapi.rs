//! The API server's own schemas: `/openapi/v3`, whose index names each document of a group version with the SHA-512 of its content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use futures::future::try_join_all;
use serde_json::Value;
use sha2::{Digest, Sha512};

use super::client::{Call, Client};
use super::discovery::all_kinds;
use super::error::ClusterError;
use crate::cache_file;
use crate::deploy::resource::GroupVersionKind;
use crate::words::hex;

/// The OpenAPI documents of some group versions (`v1`, `apps/v1`), those that the server does not have left out.
///
/// A document that `cache` has under its hash is not asked for: then the index is the only request.
pub async fn openapi(client: &Client, versions: &BTreeSet<String>, cache: &Path) -> Result<Vec<Value>, ClusterError> {
    if versions.is_empty() {
        return Ok(Vec::new());
    }
    let index = client.call(Call::get("API schemas", "/openapi/v3".into())).await?;
    let place = |version: &String| {
        let root = if version.contains('/') { "apis" } else { "api" };
        index["paths"][format!("{root}/{version}")]["serverRelativeURL"].as_str()
    };
    try_join_all(versions.iter().filter_map(place).map(|url| document(client, url, cache))).await
}

/// Every kind that the server has.
pub async fn served(client: &Client) -> Result<BTreeSet<GroupVersionKind>, ClusterError> {
    let kinds: BTreeMap<_, _> = all_kinds(client, true).await?.as_ref().clone();
    Ok(kinds.into_keys().collect())
}

async fn document(client: &Client, url: &str, cache: &Path) -> Result<Value, ClusterError> {
    let hash = url.split_once("?hash=").map(|(_, hash)| hash.to_lowercase());
    let hash = hash.filter(|hash| !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let file = hash.as_ref().map(|hash| cache.join(format!("{hash}.json")));
    let is_whole = |bytes: &Vec<u8>| hash.as_ref().is_some_and(|hash| sha512(bytes) == *hash);
    let kept = file.as_ref().and_then(|file| fs::read(file).ok()).filter(is_whole);
    if let Some(document) = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(document);
    }
    let call = Call::get("API schemas", url.to_owned());
    let bytes = client.call_bytes(&call).await?;
    let document = serde_json::from_slice(&bytes).map_err(|error| client.garbled(&call, error.to_string()))?;
    if let Some(file) = file.filter(|_| is_whole(&bytes)) {
        // a failure is no error: the document is asked for again next time
        let _ = cache_file::write(&file, &bytes);
    }
    Ok(document)
}

fn sha512(bytes: &[u8]) -> String {
    hex::lower(Sha512::digest(bytes))
}
