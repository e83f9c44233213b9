//! Where the key of secrets is: `WERF_SECRET_KEY`, `.werf_secret_key` of the project, `global_secret_key` of the user, in this order.

use std::fs;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::error::Result;
use crate::ops::files::Unreadable;
use crate::secret::{SecretError, SecretKey};

/// Where the key is looked for.
#[derive(Clone, Default)]
pub struct KeyOptions {
    /// The key itself.
    pub given: Option<String>,
    /// The project's directory.
    pub dir: Option<PathBuf>,
    /// werf's directory in the user's home.
    pub home: Option<PathBuf>,
}

impl KeyOptions {
    fn files(&self) -> Vec<PathBuf> {
        let project = self.dir.as_ref().map(|dir| dir.join(".werf_secret_key"));
        let user = self.home.as_ref().map(|home| home.join("global_secret_key"));
        project.into_iter().chain(user).collect()
    }
}

/// The key; `None` where it is in none of the places. A file that is there counts, whatever is in it.
pub fn find(options: &KeyOptions) -> Result<Option<SecretKey>> {
    if let Some(text) = &options.given {
        return Ok(Some(SecretKey::parse(text)?));
    }
    let Some(path) = options.files().into_iter().find(|path| path.symlink_metadata().is_ok()) else { return Ok(None) };
    match fs::read(&path) {
        Ok(bytes) => match SecretKey::parse(String::from_utf8_lossy(&bytes).trim()) {
            Ok(key) => Ok(Some(key)),
            Err(cause) => Err(BadKey { place: format!("`{}`", path.display()), cause }.into()),
        },
        Err(cause) => Err(Unreadable { path, cause }.into()),
    }
}

/// The same where nothing works without the key.
pub fn required(options: &KeyOptions) -> Result<SecretKey> {
    let files = || options.files().iter().map(|path| format!(" nor in `{}`", path.display())).collect();
    find(options)?.ok_or_else(|| NoKey { files: files() }.into())
}

/// The key that is to be replaced.
pub fn old(given: Option<&str>) -> Result<SecretKey> {
    let text = given.ok_or(NoOldKey)?;
    SecretKey::parse(text).map_err(|cause| BadKey { place: "WERF_OLD_SECRET_KEY".into(), cause }.into())
}

#[derive(Debug, Error, Diagnostic)]
#[error("cannot use the secret key of {place}")]
struct BadKey {
    place: String,
    #[source]
    #[diagnostic_source]
    cause: SecretError,
}

#[derive(Debug, Error, Diagnostic)]
#[error("there is no secret key: it is neither in WERF_SECRET_KEY{files}")]
#[diagnostic(help("`werf helm secret generate-secret-key` makes a key; do not commit the file that has it"))]
struct NoKey {
    files: String,
}

#[derive(Debug, Error, Diagnostic)]
#[error("the key that is to be replaced is not known: WERF_OLD_SECRET_KEY is not set")]
#[diagnostic(help("set WERF_OLD_SECRET_KEY to the key that the files are encrypted with, and WERF_SECRET_KEY to the new one"))]
struct NoOldKey;
