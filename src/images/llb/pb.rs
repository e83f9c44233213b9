//! Messages of `proto/buildkit/ops.proto`, as prost makes them. Maps keep key order, so equal messages have equal bytes.

#![allow(missing_docs, clippy::all)]

include!(concat!(env!("OUT_DIR"), "/pb.rs"));
