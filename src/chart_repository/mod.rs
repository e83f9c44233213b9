//! Where charts come from: repositories over HTTP with their `index.yaml`, and charts in OCI registries.
//!
//! What a chart is, which dependencies it has and which of them are missing is for others to know: here a chart is a name, a version
//! and the bytes of an archive. [`index`], [`repositories`] and [`url`] are PURE. Formats and files are Helm's, so that both tools share
//! them: <https://helm.sh/docs/topics/chart_repository/>, <https://helm.sh/docs/topics/registries/>.
//!
//! ```text
//! name, range ──► repositories.yaml ──► index.yaml ──► URL, digest ──► archive, checked
//!                 or oci:// ──────────► tags ────────► manifest ─────► archive, checked
//! ```

pub mod error;
pub mod index;
pub mod oci;
pub mod provenance;
pub mod repositories;
pub mod url;

mod cache;
mod fetch;
mod store;

pub use cache::{Cache, Pin, sha256};
pub use error::{FetchError, SourceError};
pub use fetch::{Access, Fetcher, Login, TlsFiles};
pub use index::{Index, IndexError, Published};
pub use repositories::{Entry, Repositories};
pub use store::{Found, Places, Store, find, lock};

#[cfg(test)]
mod tests;
