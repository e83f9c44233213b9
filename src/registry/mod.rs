//! References, credentials, manifests, blobs and tags over HTTP.
