//! A Git tree as deterministic OCI layers.
