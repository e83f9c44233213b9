//! Messages and services of `proto/`, as prost and tonic make them. LLB's own messages are in [`crate::images::llb::pb`].

#![allow(missing_docs, clippy::all)]

include!(concat!(env!("OUT_DIR"), "/services.rs"));
