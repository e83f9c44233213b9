//! Tests of llb.
