//! Serves the layers of the Git tree to the builder, made from Git objects when they are first read.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::file_tree::FileTree;
use crate::images::buildkit::session::{ContentStore, ServeError};
use crate::images::git_layers::{Layer, LayerCache};
use crate::images::image::{BlobSource, Compiled};

/// The content store of one build, which grows with what is compiled.
pub struct Store {
    blobs: RwLock<BTreeMap<String, Blob>>,
    trees: Vec<Arc<dyn FileTree>>,
    cache: Arc<dyn LayerCache>,
}

impl Store {
    /// A store of nothing yet.
    pub fn new(trees: Vec<Arc<dyn FileTree>>, cache: Arc<dyn LayerCache>) -> Self {
        Store { blobs: RwLock::default(), trees, cache }
    }

    /// Serves what a compiled image is made of too.
    pub fn add(&self, compiled: &Compiled) {
        let blobs = compiled.blobs().map(|(digest, source)| {
            let blob = match source {
                BlobSource::Bytes(bytes) => Blob::Bytes(bytes.clone()),
                BlobSource::Layer(layer) => Blob::Layer(layer.clone()),
            };
            (digest.to_owned(), blob)
        });
        self.blobs.write().unwrap_or_else(PoisonError::into_inner).extend(blobs);
    }

    fn blob(&self, digest: &str) -> Option<Blob> {
        self.blobs.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }
}

#[derive(Clone)]
enum Blob {
    Bytes(Arc<[u8]>),
    Layer(Arc<Layer>),
}

impl ContentStore for Store {
    fn size(&self, digest: &str) -> Result<Option<u64>, ServeError> {
        Ok(self.blob(digest).map(|blob| match blob {
            Blob::Bytes(bytes) => bytes.len() as u64,
            Blob::Layer(layer) => layer.blob.size,
        }))
    }

    fn read(&self, digest: &str, offset: u64, size: u64) -> Result<Vec<u8>, ServeError> {
        let bytes = match self.blob(digest) {
            None => return Err(format!("no blob {digest}").into()),
            Some(Blob::Bytes(bytes)) => bytes,
            Some(Blob::Layer(layer)) => {
                let tree = self.trees.get(layer.origin()).ok_or("no tree of that layer")?;
                return Ok(layer.read(&**tree, self.cache.scratch(), offset, size)?);
            }
        };
        let start = usize::try_from(offset)?.min(bytes.len());
        let end = start.saturating_add(usize::try_from(size)?).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    }
}
