//! Desired state, live state and the last release become ordered changes.
