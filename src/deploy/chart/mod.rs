//! Chart files, values and service values become manifests, hooks and notes.
