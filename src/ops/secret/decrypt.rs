//! `werf helm secret decrypt`, `file decrypt` and `values decrypt`.

use miette::Diagnostic;
use thiserror::Error;

use super::{Options, decrypted, delivered, key};
use crate::error::Result;
use crate::secret::SecretError;

/// Decrypts; gives what goes to standard output. Nothing piped in gives nothing.
pub async fn run(options: Options) -> Result<Vec<u8>> {
    let key = key::required(&options.key)?;
    let Some(text) = options.source.read().await? else { return Ok(Vec::new()) };
    let result = decrypted(options.form, &key, &text.bytes).map_err(|cause| Undecryptable { name: text.name, cause })?;
    delivered(result, options.output)
}

/// Something encrypted that the key does not decrypt.
#[derive(Debug, Error, Diagnostic)]
#[error("cannot decrypt {name}")]
pub(super) struct Undecryptable {
    /// Its name for people.
    pub name: String,
    /// Why.
    #[source]
    #[diagnostic_source]
    pub cause: SecretError,
}
