//! Layer images as a content store of a BuildKit session.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use super::layer::Layer;
use super::oci::LayerImage;
use crate::build::buildkit::session::{ContentStore, ServeError};
use crate::file_tree::FileTree;

/// Serves layer images by digest. One store serves all builds of a session; images are added as they are compiled.
///
/// Manifests and configs are at hand; a layer is made from Git objects when the daemon first reads it.
pub struct LayerStore {
    files: Arc<dyn FileTree>,
    blobs: RwLock<HashMap<String, Stored>>,
}

enum Stored {
    Bytes(Arc<[u8]>),
    Layer(Arc<Layer>),
}

impl LayerStore {
    /// An empty store over the tree that layers are made from.
    pub fn new(files: Arc<dyn FileTree>) -> Self {
        LayerStore { files, blobs: RwLock::default() }
    }

    /// Adds images. What is there already stays.
    pub fn add<'a>(&self, images: impl IntoIterator<Item = &'a LayerImage>) {
        let mut blobs = self.blobs.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for image in images {
            blobs.entry(image.manifest.digest.clone()).or_insert_with(|| Stored::Bytes(image.manifest_bytes.clone()));
            blobs.entry(image.config.digest.clone()).or_insert_with(|| Stored::Bytes(image.config_bytes.clone()));
            blobs.entry(image.layer.blob.digest.clone()).or_insert_with(|| Stored::Layer(image.layer.clone()));
        }
    }

    fn get<T>(&self, digest: &str, take: impl FnOnce(&Stored) -> T) -> Option<T> {
        self.blobs.read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(digest).map(take)
    }
}

impl ContentStore for LayerStore {
    fn size(&self, digest: &str) -> Result<Option<u64>, ServeError> {
        Ok(self.get(digest, |stored| match stored {
            Stored::Bytes(bytes) => bytes.len() as u64,
            Stored::Layer(layer) => layer.blob.size,
        }))
    }

    fn read(&self, digest: &str, offset: u64, size: u64) -> Result<Vec<u8>, ServeError> {
        let stored = self.get(digest, |stored| match stored {
            Stored::Bytes(bytes) => Ok(bytes.clone()),
            Stored::Layer(layer) => Err(layer.clone()),
        });
        let bytes = match stored {
            Some(Ok(bytes)) => bytes,
            Some(Err(layer)) => layer.bytes(&*self.files)?,
            None => return Err(format!("no blob {digest} in this store").into()),
        };
        let start = usize::try_from(offset)?.min(bytes.len());
        let end = start.saturating_add(usize::try_from(size)?).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileSet, MemoryCache, Owner, Placement, layers};
    use super::*;
    use crate::build::llb::Platform;
    use crate::file_tree::MemoryTree;

    #[test]
    fn serves_what_was_added() {
        let tree = MemoryTree::new([("a", "1")]);
        let files = Arc::new(FileSet::choose(tree.list("").unwrap(), 0, |_| true));
        let placement = Placement { files, to: "/app".into(), owner: Owner::default() };
        let layer = layers(&tree, &placement, &MemoryCache::default(), 1).unwrap().remove(0);
        let (image, bytes) = (LayerImage::new(layer.clone(), &Platform::linux("amd64")), layer.bytes(&tree).unwrap());
        let store = LayerStore::new(Arc::new(tree));
        assert_eq!(store.size(&image.manifest.digest).unwrap(), None);
        store.add([&image]);
        assert_eq!(store.size(&image.manifest.digest).unwrap(), Some(image.manifest.size));
        assert_eq!(store.read(&image.manifest.digest, 0, u64::MAX).unwrap(), image.manifest_bytes.to_vec());
        assert_eq!(store.read(&image.layer.blob.digest, 2, 5).unwrap(), bytes[2..7]);
        assert_eq!(store.read(&image.layer.blob.digest, image.layer.blob.size + 9, 5).unwrap(), b"");
        assert!(store.read("sha256:no", 0, 1).is_err());
    }
}
