//! A Git tree as deterministic OCI layers, named without being made and made only when somebody reads them.
//!
//! A [`Placement`] says which files go where with which owner. [`layers`] cuts it into 1 to 32 layers by whole subtrees
//! ([`mod@cut`]), about 3 MB each as gzip, and learns their digests, from a [`LayerCache`] where this or a nearby tree was seen before.
//! A [`LayerImage`] wraps one layer as an image of its own, which BuildKit takes as an `oci-layout` source; merged onto a base, a change
//! of one file then costs the transfer and the push of one layer. Bytes are made from Git objects at the first read, so that what
//! the registry has is never made or sent.
//!
//! Which files these are is described by a [`Chosen`], whose sum is remembered by [`Sums`] from run to run, so that names need no list of files.
//!
//! This room leaves the choice of files to `images/image` and `images/dockerfile`, and the serving of layers through a session to `ops`.
//! Only [`DirectoryCache`] with its [`Scratch`], and [`Sums`], do I/O of their own.
//! Formats: POSIX tar with GNU long names, RFC 1952, OCI image specification 1.1.

pub mod cut;
pub mod tar;

mod cache;
mod chosen;
mod files;
mod filter;
mod kept;
mod layer;
mod listing;
mod oci;
mod sums;
#[cfg(test)]
mod tests;

pub use cache::{DirectoryCache, LayerCache, MemoryCache, Scratch};
pub use chosen::{Chosen, Source};
pub use files::{FileSet, Owner};
pub use filter::Filter;
pub use layer::{Blob, Layer, LayerError, Placement, bring, layers};
pub use listing::Listing;
pub use oci::LayerImage;
pub use sums::Sums;
pub use tar::Directory;
