//! Kubernetes objects: identity, order, annotations that steer deployment.
