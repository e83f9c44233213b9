//! Chart files, values and service values become manifests, hooks and notes.
//!
//! [`load()`] reads a chart from a tree of files (or [`load_archive()`] from a `.tgz`), [`render()`] turns it into manifests for one
//! release, [`print()`] writes them as `helm template` does. Behaviour is Helm 3.22's, to the byte (or 4.3's: [`HelmCompat`]), with
//! werf's additions: a chart without Chart.yaml, secret values, service values, `export-values`, and the functions `werf_image` and
//! `werf_secret_file`.
//!
//! ```text
//! files ──► load ──► resolve dependencies ──► coalesce values ──► schema ──► execute templates ──► sort ──► manifests, hooks, notes
//! ```
//!
//! The language of templates is `template`'s, the meaning of manifests `deploy/resource`'s. Nothing here does I/O.

mod capabilities;
mod compat;
mod context;
mod dependency;
mod error;
mod execute;
mod functions;
mod glob;
mod ignore;
mod input;
mod lint;
mod load;
mod lock;
mod manifest;
mod marks;
mod metadata;
mod model;
mod numbers;
mod origin;
mod output;
mod package;
mod post_render;
mod print;
mod render;
mod schema;
mod service;
mod set;
mod side_by_side;
mod values;

pub use capabilities::Capabilities;
pub use compat::HelmCompat;
pub use dependency::{check as check_dependencies, is_compatible};
pub use error::{ChartError, Excerpt, ManifestError, RenderError, TableError, Written};
pub use input::{Operation, Release, RenderInput, RenderOptions};
pub use lint::{Finding, Found, Severity, Subject, lint, lint_project};
pub use load::{load, load_archive, load_files, unpack};
pub use lock::{Lock, digest as lock_digest, go_json, is_alias};
pub use manifest::{Hook, Manifest, split};
pub use marks::mark;
pub use metadata::Defaults;
pub use model::{Chart, Dependency, File, Maintainer, Metadata, Values};
pub use numbers::with_plain_numbers;
pub use package::{archive, chart_yaml};
pub use print::{PrintOptions, definitions, print, print_only, release_manifest, with_hooks};
pub use render::{Executed, Rendered, execute, render};
pub use service::{Commit, ImageReference, ServiceValues};
pub use set::SetError;
pub use values::{Precedence, SecretAccess, ValueLayers, ValuesFile, paths_of, secret_texts, user_values};

#[cfg(test)]
mod tests;
