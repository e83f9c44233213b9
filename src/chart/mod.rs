//! Chart files, values and service values become manifests, hooks and notes.
//!
//! [`load()`] reads a chart from a tree of files (or [`load_archive()`] from a `.tgz`), [`render()`] turns it into manifests for one
//! release, [`print()`] writes them as `helm template` does. Behaviour is Helm 3.22's, to the byte (or 4.3's: [`HelmCompat`]), with
//! werf's additions: a chart without Chart.yaml, secret values, service values, `export-values`, and the functions `werf_image` and
//! `werf_secret_file`.
//!
//! ```text
//! files/       load a chart
//!   └► values/      resolve dependencies, coalesce values, hold them against the schema
//!        └► render/      execute templates
//!             └► manifests/   sort into manifests, hooks, notes
//!                  └► lint/, print
//! ```
//!
//! The language of templates is `template`'s, the meaning of manifests `deploy/resource`'s. Each floor uses those above it in this picture, never those below it. Nothing here does I/O.

mod compat;
mod files;
mod lint;
mod manifests;
mod print;
mod render;
mod values;

pub use compat::HelmCompat;
pub use files::error::{ChartError, TableError};
pub use files::load::{load, load_archive, load_files, unpack};
pub use files::lock::{Lock, digest as lock_digest, go_json, is_alias};
pub use files::metadata::Defaults;
pub use files::model::{Chart, Dependency, File, Maintainer, Metadata, Values};
pub use files::numbers::with_plain_numbers;
pub use files::package::{archive, chart_yaml};
pub use files::versions::is_compatible;
pub use lint::{Finding, Found, Severity, Subject, lint, lint_project};
pub use manifests::manifest::{Hook, Manifest, split};
pub use manifests::marks::mark;
pub use manifests::rendered::{Executed, Rendered, execute, render};
pub use print::{PrintOptions, definitions, print, print_only, release_manifest, with_hooks};
pub use render::capabilities::Capabilities;
pub use render::input::{Operation, Release, RenderInput, RenderOptions};
pub use render::service::{Commit, ImageReference, ServiceValues};
pub use values::dependency::check as check_dependencies;
pub use values::error::{Excerpt, ManifestError, RenderError, Written};
pub use values::layers::{Precedence, SecretAccess, ValueLayers, ValuesFile, paths_of, secret_texts, user_values};
pub use values::set::SetError;

#[cfg(test)]
mod tests;
