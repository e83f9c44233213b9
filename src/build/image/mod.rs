//! Image tree, stage graph, BLAKE3 digests, and why a digest changed.
