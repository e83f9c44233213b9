//! Serves the layers of the Git tree to the builder, made from Git objects when they are first read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::file_tree::FileTree;
use crate::images::buildkit::session::{ContentStore, ServeError};
use crate::images::git_layers::Layer;
use crate::images::image::{BlobSource, Build};

/// The content store for one build.
pub fn store(build: &Build, files: Arc<dyn FileTree>) -> Arc<dyn ContentStore> {
    let blobs = build.blobs().map(|(digest, source)| {
        let blob = match source {
            BlobSource::Bytes(bytes) => Blob::Bytes(bytes.clone()),
            BlobSource::Layer(layer) => Blob::Layer(layer.clone()),
        };
        (digest.to_owned(), blob)
    });
    Arc::new(Store { blobs: blobs.collect(), files })
}

struct Store {
    blobs: BTreeMap<String, Blob>,
    files: Arc<dyn FileTree>,
}

enum Blob {
    Bytes(Arc<[u8]>),
    Layer(Arc<Layer>),
}

impl ContentStore for Store {
    fn size(&self, digest: &str) -> Result<Option<u64>, ServeError> {
        Ok(self.blobs.get(digest).map(|blob| match blob {
            Blob::Bytes(bytes) => bytes.len() as u64,
            Blob::Layer(layer) => layer.blob.size,
        }))
    }

    fn read(&self, digest: &str, offset: u64, size: u64) -> Result<Vec<u8>, ServeError> {
        let bytes = match self.blobs.get(digest) {
            None => return Err(format!("no blob {digest}").into()),
            Some(Blob::Bytes(bytes)) => bytes.clone(),
            Some(Blob::Layer(layer)) => layer.bytes(&*self.files)?,
        };
        let start = usize::try_from(offset)?.min(bytes.len());
        let end = start.saturating_add(usize::try_from(size)?).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    }
}
