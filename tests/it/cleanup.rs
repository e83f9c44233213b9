//! Tests of cleanup.
