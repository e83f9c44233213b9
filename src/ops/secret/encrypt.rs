//! `werf helm secret encrypt`, `file encrypt` and `values encrypt`.

use miette::Diagnostic;
use thiserror::Error;

use super::{Options, delivered, encrypted, key};
use crate::error::Result;
use crate::secret::SecretError;

/// Encrypts; gives what goes to standard output. Nothing piped in gives nothing.
pub async fn run(options: Options) -> Result<Vec<u8>> {
    let key = key::required(&options.key)?;
    let Some(text) = options.source.read().await? else { return Ok(Vec::new()) };
    let result = encrypted(options.form, &key, &text.bytes, None).map_err(|cause| Unencryptable { name: text.name, cause })?;
    delivered(result, options.output)
}

#[derive(Debug, Error, Diagnostic)]
#[error("cannot encrypt {name}")]
struct Unencryptable {
    name: String,
    #[source]
    #[diagnostic_source]
    cause: SecretError,
}
