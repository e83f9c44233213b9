//! One file per kind: object to status and a message for people.
