//! References, credentials, manifests, blobs and tags over HTTP.
//!
//! Speaks the OCI distribution specification to any registry, with as few requests as the question allows. What an image is for,
//! and which images are to be, is for others to know. [`mod@reference`], [`manifest`] and [`auth`] are PURE.
//!
//! # Why not a client from elsewhere
//! The no-op path asks for one HEAD per image. The clients at hand ping `/v2/` first, make no use of identity tokens,
//! repeat nothing, and lose method, URL and server code on the way to an error; what is left to write is small.

pub mod auth;
pub mod client;
mod copy;
pub mod credentials;
pub mod error;
mod helper;
mod inventory;
pub mod logins;
pub mod manifest;
mod mirror;
pub mod reference;
mod session;

pub use crate::net::{Patience, Proxies, Tls, Verify};
pub use client::{Client, Deletion, Options, Scheme};
pub use credentials::{Credentials, CredentialsError, DockerConfig, Secret};
pub use error::RegistryError;
pub use manifest::{CREATED, Content, Descriptor, ImageConfig, Manifest, OCI_INDEX, TaggedImage};
pub use mirror::Mirror;
pub use reference::{Digest, Reason, Reference, ReferenceError, Repository, Tag};
