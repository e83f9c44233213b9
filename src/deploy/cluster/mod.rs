//! The Kubernetes client: discovery, live objects, apply, delete, watch, logs, release records, locks.
